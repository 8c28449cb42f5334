/* SPDX-License-Identifier: MIT */
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

typedef float four __attribute__((vector_size(16)));
typedef float four_memory __attribute__((vector_size(16), aligned(4), may_alias));

static inline four_memory *four_at(float *at)
{
	return (four_memory *)at;
}

/* to[c * to_stride + r] = factor * rows[r * stride + c] for four rows and columns. */
static inline void transpose_four(const float *rows, int64_t stride, float factor, float *to, int64_t to_stride)
{
	four a = *(const four_memory *)rows, b = *(const four_memory *)(rows + stride);
	four c = *(const four_memory *)(rows + 2 * stride), d = *(const four_memory *)(rows + 3 * stride);
	four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
	four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
	*four_at(to) = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5) * factor;
	*four_at(to + to_stride) = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7) * factor;
	*four_at(to + 2 * to_stride) = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5) * factor;
	*four_at(to + 3 * to_stride) = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7) * factor;
}

/* to[c * to_stride + r] = factor * from[r * stride + c]. */
static void transpose_rows(const float *from, int64_t stride, int64_t rows, int64_t columns, float factor, float *to, int64_t to_stride)
{
	int64_t whole_rows = rows / 4 * 4, whole_columns = columns / 4 * 4;
	for (int64_t r = 0; r < whole_rows; r += 4) {
		for (int64_t c = 0; c < whole_columns; c += 4)
			transpose_four(from + r * stride + c, stride, factor, to + c * to_stride + r, to_stride);
		for (int64_t c = whole_columns; c < columns; c++)
			for (int64_t i = r; i < r + 4; i++)
				to[c * to_stride + i] = from[i * stride + c] * factor;
	}
	for (int64_t r = whole_rows; r < rows; r++)
		for (int64_t c = 0; c < columns; c++)
			to[c * to_stride + r] = from[r * stride + c] * factor;
}

void kernels_pack_keys(const float *keys, int64_t stride, int64_t count, int64_t dim, float *packed)
{
	for (int64_t key = 0; key < count; key += KEY_PANEL, packed += KEY_PANEL * dim) {
		int64_t rows = count - key < KEY_PANEL ? count - key : KEY_PANEL;
		if (rows < KEY_PANEL)
			memset(packed, 0, (size_t)(KEY_PANEL * dim) * sizeof(float));
		transpose_rows(keys + key * stride, stride, rows, dim, 1, packed, KEY_PANEL);
	}
}

void kernels_pack_queries(const float *queries, int64_t stride, int64_t count, int64_t dim, int lanes, float factor, float *packed)
{
	if (count < lanes)
		memset(packed, 0, (size_t)(dim * lanes) * sizeof(float));
	transpose_rows(queries, stride, count, dim, factor, packed, lanes);
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
