#include "kernel/kernels.h"

#include <math.h>
#include <string.h>

void softmax_state_init(struct softmax_state *state)
{
	memset(state, 0, sizeof(*state));
	for (int lane = 0; lane < MAX_LANES; lane++) {
		state->above[lane] = -INFINITY;
		state->min[lane] = INFINITY;
	}
}

void fold_start(struct fold *fold, float *tile, int64_t count, int lanes)
{
	fold->next = tile;
	fold->end = tile + count / FOLD_KEYS * FOLD_KEYS * lanes;
	fold->rest = count % FOLD_KEYS;
	fold->lane = 0;
	fold->flags = FOLD_KEEP;
}

int histogram_bin(float value)
{
	const float lowest = histogram_edge(0);
	value = value > lowest ? value : lowest;
	value = value < 1.0f ? value : 1.0f;
	int32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return (bits >> (23 - HISTOGRAM_BITS)) - ((127 - HISTOGRAM_OCTAVES) << HISTOGRAM_BITS);
}

float histogram_edge(int bin)
{
	int32_t bits = (bin + ((127 - HISTOGRAM_OCTAVES) << HISTOGRAM_BITS)) << (23 - HISTOGRAM_BITS);
	float edge;
	memcpy(&edge, &bits, sizeof(edge));
	return edge;
}

/* Whole panels are the common case: eight rows side by side, a column of each at a time. */
void kernels_pack_keys(const float *keys, int64_t stride, int64_t count, int64_t dim, float *packed)
{
	for (int64_t key = 0; key < count; key += KEY_PANEL, packed += KEY_PANEL * dim) {
		const float *row = keys + key * stride;
		int64_t rows = count - key < KEY_PANEL ? count - key : KEY_PANEL;
		if (rows < KEY_PANEL)
			memset(packed, 0, (size_t)(KEY_PANEL * dim) * sizeof(float));
		for (int64_t d = 0; d < dim; d++)
			for (int64_t k = 0; k < rows; k++)
				packed[d * KEY_PANEL + k] = row[k * stride + d];
	}
}

void kernels_pack_queries(const float *queries, int64_t stride, int64_t count, int64_t dim, int lanes, float factor, float *packed)
{
	if (count < lanes)
		memset(packed, 0, (size_t)(dim * lanes) * sizeof(float));
	for (int64_t lane = 0; lane < count; lane++)
		for (int64_t d = 0; d < dim; d++)
			packed[d * lanes + lane] = queries[lane * stride + d] * factor;
}

void kernels_pack_values(const float *values, int64_t stride, int64_t count, int64_t width, float *packed)
{
	for (int64_t column = 0; column < width; column += KEY_PANEL, packed += KEY_PANEL * count) {
		int64_t columns = width - column < KEY_PANEL ? width - column : KEY_PANEL;
		if (columns < KEY_PANEL)
			memset(packed, 0, (size_t)(KEY_PANEL * count) * sizeof(float));
		for (int64_t key = 0; key < count; key++)
			memcpy(packed + key * KEY_PANEL, values + key * stride + column, (size_t)columns * sizeof(float));
	}
}

static uint16_t high_half(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof(bits));
	return (uint16_t)(bits >> 16);
}

void kernels_pack_keys_bf16(const float *keys, int64_t stride, int64_t count, int64_t dim, uint16_t *packed)
{
	int64_t pairs = (dim + 1) / 2;
	for (int64_t key = 0; key < count; key += KEY_PANEL, packed += KEY_PANEL * pairs * 2) {
		int64_t rows = count - key < KEY_PANEL ? count - key : KEY_PANEL;
		if (rows < KEY_PANEL || dim % 2)
			memset(packed, 0, (size_t)(KEY_PANEL * pairs * 2) * sizeof(*packed));
		for (int64_t d = 0; d < dim; d++)
			for (int64_t k = 0; k < rows; k++)
				packed[(d / 2 * KEY_PANEL + k) * 2 + d % 2] = high_half(keys[(key + k) * stride + d]);
	}
}

void kernels_pack_queries_bf16(const float *queries, int64_t stride, int64_t count, int64_t dim, int lanes, uint16_t *packed)
{
	memset(packed, 0, (size_t)((dim + 1) / 2 * lanes * 2) * sizeof(*packed));
	for (int64_t lane = 0; lane < count; lane++)
		for (int64_t d = 0; d < dim; d++)
			packed[(d / 2 * lanes + lane) * 2 + d % 2] = high_half(queries[lane * stride + d]);
}

void softmax_merge(double *lse, double *output, double other_lse, const double *other_output, int64_t width)
{
	if (other_lse == -INFINITY)
		return;
	if (*lse == -INFINITY) {
		*lse = other_lse;
		if (width > 0)
			memcpy(output, other_output, (size_t)width * sizeof(*output));
		return;
	}
	double difference = other_lse - *lse;
	double share = 1 / (1 + exp(-difference));
	for (int64_t c = 0; c < width; c++)
		output[c] += share * (other_output[c] - output[c]);
	*lse = fmax(*lse, other_lse) + log1p(exp(-fabs(difference)));
}
