/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/masked.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

/* One side of the sum: states, and the affine map that leads to the common width. */
struct side {
	const struct heads *state;
	struct operand matrix, bias; /* may be absent */
};

struct additive {
	struct masked masked;
	int64_t width;
	struct side query, key;
	struct operand weight; /* v_a; absent: ones */
};

/* e^(2x) of both sides must be finite and normal in float32, so that their product is 0, infinite or right. */
static const double EXPONENT_LIMIT = 43;

/* Lanes at a time: the width that every processor has. */
typedef float vector __attribute__((vector_size(16)));
enum { VECTOR = 4 };

static const struct additive *additive_of(const struct source *source)
{
	return (const struct additive *)source;
}

/* Project a state of `from` numbers. */
static void project(const struct side *side, int64_t layer, int64_t head, const double *state, int64_t from, int64_t width, double *out)
{
	for (int64_t c = 0; c < width; c++)
		out[c] = side->bias.at ? operand_block(&side->bias, layer, head)[c] : 0;
	if (side->matrix.at)
		operand_multiply(operand_block(&side->matrix, layer, head), width, from, state, out);
	for (int64_t c = 0; c < width && !side->matrix.at; c++)
		out[c] += state[c];
}

static enum err projected_query(const struct additive *additive, int64_t map, int64_t row, double *scratch, double *out, struct err_info *info)
{
	int64_t layer, batch, head, from = additive->query.state->size[AXIS_DIM];
	source_map_id(&additive->masked.source, map, &layer, &batch, &head);
	enum err err = heads_decode_f64(additive->query.state, layer, batch, head, row, 1, false, scratch, from, info);
	if (!err)
		project(&additive->query, layer, head, scratch, from, additive->width, out);
	return err;
}

/* Keys are projected with the matrices of the map's key head. */
static enum err projected_key(const struct additive *additive, int64_t map, int64_t key, double *scratch, double *out, struct err_info *info)
{
	int64_t layer, batch, head = masked_key_head(&additive->masked, map, &layer, &batch), from = additive->key.state->size[AXIS_DIM];
	enum err err = heads_decode_f64(additive->key.state, layer, batch, head, key, 1, false, scratch, from, info);
	if (!err)
		project(&additive->key, layer, head, scratch, from, additive->width, out);
	return err;
}

static int64_t scratch_width(const struct additive *additive)
{
	int64_t a = additive->query.state->size[AXIS_DIM], b = additive->key.state->size[AXIS_DIM];
	return a > b ? a : b;
}

static double weight_at(const struct additive *additive, const double *weight, int64_t c)
{
	return additive->masked.scale * (weight ? weight[c] : 1);
}

static const double *weights_of(const struct additive *additive, int64_t map)
{
	int64_t layer, batch, head;
	source_map_id(&additive->masked.source, map, &layer, &batch, &head);
	return additive->weight.at ? operand_block(&additive->weight, layer, head) : NULL;
}

static enum err additive_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct additive *additive = additive_of(source);
	int64_t width = additive->width;
	const double *weight = weights_of(additive, map);
	double *query = mem_array((size_t)(2 * width + scratch_width(additive)), sizeof *query);
	if (!query)
		return err_nomem(info, "a row of scores");
	double *key = query + width, *scratch = key + width;
	enum err err = projected_query(additive, map, row, scratch, query, info);
	for (int64_t j = 0; !err && j < source->keys; j++) {
		err = projected_key(additive, map, j, scratch, key, info);
		score[j] = 0;
		for (int64_t c = 0; c < width && !err; c++)
			score[j] += weight_at(additive, weight, c) * tanh(query[c] + key[c]);
	}
	free(query);
	return err ? err : masked_finish64(&additive->masked, map, row, score, info);
}

/*
 * tanh(q + k) = 1 - 2 / (e^2q e^2k + 1): with the exponentials prepared on each side a pair costs a product and a division. What is prepared for a key or a group of
 * rows begins with a flag saying that an exponent is beyond the limit; then the sums q + k go through tanh instead.
 */

static size_t key_stride(const struct additive *additive)
{
	return 2 * (size_t)additive->width + 1;
}

static size_t additive_prepared_size(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return key_stride(additive_of(source)) * (size_t)source->keys * sizeof(float);
}

static enum err additive_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
				 struct err_info *info)
{
	const struct additive *additive = additive_of(source);
	int64_t width = additive->width;
	double *wide = mem_array((size_t)(width + scratch_width(additive)), sizeof *wide);
	enum err err = wide ? ERR_OK : err_nomem(info, "prepared keys");
	(void)kernels;
	for (int64_t j = begin; !err && j < end; j++) {
		float *to = (float *)prepared + key_stride(additive) * (size_t)j, far = 0;
		err = projected_key(additive, map, j, wide + width, wide, info);
		for (int64_t c = 0; c < width && !err; c++) {
			bool beyond = fabs(wide[c]) > EXPONENT_LIMIT;
			far = beyond ? 1 : far;
			to[1 + c] = (float)wide[c];
			to[1 + width + c] = beyond ? 0 : (float)exp(2 * wide[c]);
		}
		to[0] = far;
	}
	free(wide);
	return err;
}

/* [VECTOR] flag, then the sums [width][lanes], then the powers [width][lanes], then the weights [width]. */
static size_t additive_rows_size(const struct source *source, const struct kernels *kernels)
{
	return (VECTOR + (2 * (size_t)kernels->lanes + 1) * (size_t)additive_of(source)->width) * sizeof(float);
}

static enum err additive_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded,
				   struct err_info *info)
{
	const struct additive *additive = additive_of(source);
	int64_t width = additive->width, lanes = kernels->lanes;
	float *far = loaded, *sum = far + VECTOR, *power = sum + width * lanes, *out = power + width * lanes;
	const double *weight = weights_of(additive, rows->map);
	double *wide = mem_array((size_t)(width + scratch_width(additive)), sizeof *wide);
	enum err err = wide ? ERR_OK : err_nomem(info, "projected queries");
	memset(loaded, 0, additive_rows_size(source, kernels));
	for (int lane = 0; !err && lane < rows->count; lane++) {
		err = projected_query(additive, rows->map, rows->row[lane], wide + width, wide, info);
		for (int64_t c = 0; c < width && !err; c++) {
			bool beyond = fabs(wide[c]) > EXPONENT_LIMIT;
			*far = beyond ? 1 : *far;
			sum[c * lanes + lane] = (float)wide[c];
			power[c * lanes + lane] = beyond ? 0 : (float)exp(2 * wide[c]);
		}
	}
	for (int64_t c = 0; c < width; c++)
		out[c] = (float)((weight ? weight[c] : 1) * masked_factor(&additive->masked));
	free(wide);
	return err;
}

/* tile[lane] = offset[lane] + sum_c v_c (1 - 2 / (query_c[lane] key_c + 1)) */
static void near_key(const float *power, const float *weight, const float *key, int64_t width, int lanes, const float *offset, float *tile)
{
	for (int lane = 0; lane < lanes; lane += VECTOR) {
		vector total, query;
		memcpy(&total, offset + lane, sizeof total);
		for (int64_t c = 0; c < width; c++) {
			memcpy(&query, power + c * lanes + lane, sizeof query);
			total += weight[c] - 2 * weight[c] / (query * key[c] + 1);
		}
		memcpy(tile + lane, &total, sizeof total);
	}
}

static void far_key(const float *sum, const float *weight, const float *key, int64_t width, int lanes, const float *offset, float *tile)
{
	for (int lane = 0; lane < lanes; lane++) {
		float total = offset[lane];
		for (int64_t c = 0; c < width; c++)
			total += weight[c] * tanhf(sum[c * lanes + lane] + key[c]);
		tile[lane] = total;
	}
}

static enum err additive_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct additive *additive = additive_of(source);
	int64_t width = additive->width;
	int lanes = fill->kernels->lanes;
	const float *far = fill->loaded, *sum = far + VECTOR, *power = sum + width * lanes, *weight = power + width * lanes;
	const float *from = masked_offset(&additive->masked, fill);
	for (int64_t k = 0; k < fill->count; k++) {
		const float *at = (const float *)fill->prepared + key_stride(additive) * (size_t)(fill->key + k);
		if (*far != 0 || *at != 0 || lanes % VECTOR != 0)
			far_key(sum, weight, at + 1, width, lanes, from, fill->tile + k * lanes);
		else
			near_key(power, weight, at + 1 + width, width, lanes, from, fill->tile + k * lanes);
	}
	return masked_finish(&additive->masked, fill, info);
}

static void additive_free(struct source *source)
{
	struct additive *additive = (struct additive *)source;
	operand_release(&additive->query.matrix);
	operand_release(&additive->query.bias);
	operand_release(&additive->key.matrix);
	operand_release(&additive->key.bias);
	operand_release(&additive->weight);
	masked_release(&additive->masked);
	free(additive);
}

static const struct source_ops additive_ops = {
	.name = "additive",
	MASKED_SEEN,
	.prepared_id = masked_prepared_id,
	.prepared_size = additive_prepared_size,
	.prepare = additive_prepare,
	.rows_size = additive_rows_size,
	.load_rows = additive_load_rows,
	.fill = additive_fill,
	.score64 = additive_score64,
	.free = additive_free,
};

/* Read v_a, which fixes the common width unless it is done without. */
static enum err open_weight(struct additive *additive, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_additive;
	const struct source *source = &additive->masked.source;
	static const struct word words[] = { { "yes", true }, { "no", false }, WORD_END };
	int is_scaled;
	enum err err = mechanism_parameter_choice(args, mechanism, "use_scale", words, &is_scaled, info);
	if (err)
		return err;
	struct operand_shape shape = { .rank = 1, .size = { -1 }, .layers = source->layers, .heads = source->heads };
	err = operand_read(&additive->weight, args, mechanism, "v_a", is_scaled, &shape, info);
	additive->width = additive->weight.at ? additive->weight.count : -1;
	return err;
}

static enum err open_side(struct additive *additive, struct side *side, const char *role, const char *matrix, const char *bias,
			  const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_additive;
	const struct source *source = &additive->masked.source;
	int64_t from = side->state->size[AXIS_DIM], heads = side->state->size[AXIS_HEAD];
	struct operand_shape shape = { .rank = 2, .size = { additive->width, from }, .layers = source->layers, .heads = heads };
	enum err err = operand_read(&side->matrix, args, mechanism, matrix, false, &shape, info);
	if (err)
		return err;
	if (additive->width < 0)
		additive->width = side->matrix.at ? side->matrix.size[0] : from;
	if (!side->matrix.at && from != additive->width) {
		char text[96];
		snprintf(text, sizeof text, "%lld columns as v_a has, or %s with it (--input %s=FILE[:NAME])", (long long)additive->width, matrix, matrix);
		return operand_misshapen(mechanism, role, side->state->tensors[0], text, info);
	}
	shape = (struct operand_shape){ .rank = 1, .size = { additive->width }, .layers = source->layers, .heads = heads };
	return operand_read(&side->bias, args, mechanism, bias, false, &shape, info);
}

static void note_bound(struct additive *additive)
{
	double bound = 0;
	const struct operand *weight = &additive->weight;
	for (int64_t b = 0; weight->at && b < weight->layers * weight->heads; b++) {
		double sum = 0;
		for (int64_t c = 0; c < weight->count; c++)
			sum += fabs(additive->masked.scale * weight->at[b * weight->count + c]);
		bound = sum > bound ? sum : bound;
	}
	mechanism_note(additive->masked.source.note, sizeof additive->masked.source.note, "logits within +-%.4g", weight->at ? bound : fabs(additive->masked.scale) * (double)additive->width);
}

static enum err additive_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct additive *additive = (struct additive *)source;
	const struct mechanism *mechanism = &mechanism_additive;
	additive->query.state = mechanism_heads(args, mechanism, "query", info);
	additive->key.state = additive->query.state ? mechanism_heads(args, mechanism, "key", info) : NULL;
	if (!additive->key.state)
		return ERR_USAGE;
	enum err err = masked_init(&additive->masked, mechanism, args, additive->query.state, additive->key.state, false, 1, info);
	if (!err)
		err = open_weight(additive, args, info);
	if (!err)
		err = open_side(additive, &additive->query, "query", "W_a", "W_a_bias", args, info);
	if (!err)
		err = open_side(additive, &additive->key, "key", "U_a", "U_a_bias", args, info);
	if (!err)
		note_bound(additive);
	return err;
}

static enum err additive_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&additive_ops, sizeof(struct additive), "additive attention", additive_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(B,H,N,n)", true, "decoder states s_(i-1), or W_a s_(i-1) where there is no W_a" },
	{ "key", "(B,H,M,m)", true, "annotations h_j, or U_a h_j where there is no U_a" },
	{ "value", "(B,H,M,C)", false, "what is summed: the annotations" },
	{ "v_a", "(n')", true, "weights of the tanh units (PyTorch Va.weight, Keras scale)" },
	{ "W_a", "(n',n)", false, "projection of the queries" },
	{ "U_a", "(n',m)", false, "projection of the keys" },
	{ "W_a_bias", "(n')", false, "bias of W_a" },
	{ "U_a_bias", "(n')", false, "bias of U_a" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "use_scale", "yes", "no: every tanh unit counts 1 and v_a is not needed (Keras use_scale=False)" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_additive = {
	.name = "additive",
	.summary = "additive alignment scores (Bahdanau): a small network compares each query with each key",
	.equation = "e_ij = sum_c v_c tanh((W_a s_(i-1) + b_W)_c + (U_a h_j + b_U)_c)\n"
		    "A_ij = e^e_ij / sum_j' e^e_ij'",
	.properties = "weights >= 0, rows sum to 1, no scale; |e| <= sum |v|, so no weight of a row exceeds another more than e^(2 sum |v|) times",
	.reference = "Bahdanau, Cho, Bengio 2015, arXiv 1409.0473; PyTorch seq2seq tutorial; Keras AdditiveAttention (scale is a vector)",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_LIMITS | SETTINGS_LOGITS,
	.open = additive_open,
};
