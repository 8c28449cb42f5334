/* SPDX-License-Identifier: MIT */
/*
 * Infini-attention (Munkhdalai, Faruqui, Gopal 2024, arXiv 2404.07143): softmax within a segment, a compressive memory for the segments before it.
 *
 * With sigma = elu + 1 and g = sigmoid(beta), query i of segment s weighs
 *
 *   key j of the same segment, j <= i:   (1 - g) softmax_j(scale q_i.k_j)
 *   key j of an earlier segment a:       g sigma(q_i)^T T_sa sigma(k_j) / sigma(q_i).z_s,   z_s = sum of sigma(k) over all segments before s
 *
 * T_sa is the identity for the linear update. The delta update first takes away what the memory would answer, which is linear in the memory, so that the values of segment a have
 * passed (I - G_b) for each later segment b: T_sa = (I - G_(s-1)) .. (I - G_(a+1)), G_b = sum over its keys of sigma(k) sigma(k)^T / sigma(k).z_b.
 * A row carries sigma(q) back through them, one segment after the other.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/decay.h"
#include "mechanism/lazy.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

struct infini {
	struct source source;
	const struct heads *query, *key;
	struct heads local_query_view, local_key_view;
	const struct tensor *local_query_slot, *local_key_slot;
	const struct heads *local_query, *local_key; /* for the local part: with positions applied */
	struct operand beta;                         /* (heads); absent: one number */
	double one_beta, scale, eps;
	bool delta, is_reversed, first_is_gated;
	int64_t segment, segments, dim;
	struct lazy *normaliser; /* for each key head, (segments, dim): z */
	struct lazy *removal;    /* for each key head, (segments, dim, dim): G */
};

static const double LOG2_E = 1.4426950408889634074;

static const struct infini *infini_of(const struct source *source)
{
	return (const struct infini *)source;
}

struct place {
	int64_t layer, batch, head, key_head, number; /* number: of the key head among all */
};

static struct place place_of(const struct infini *infini, int64_t map)
{
	struct place place;
	int64_t key_heads = infini->key->size[AXIS_HEAD];
	source_map_id(&infini->source, map, &place.layer, &place.batch, &place.head);
	place.key_head = mechanism_shared_index(place.head, infini->source.heads, key_heads);
	place.number = (place.layer * infini->source.batches + place.batch) * key_heads + place.key_head;
	return place;
}

static double gate_of(const struct infini *infini, const struct place *place)
{
	double beta = infini->beta.at ? operand_block(&infini->beta, place->layer, 0)[place->head] : infini->one_beta;
	double gate = 1 / (1 + exp(-beta));
	return infini->is_reversed ? 1 - gate : gate;
}

/* What the local softmax of a row is multiplied by. */
static double local_share(const struct infini *infini, const struct place *place, int64_t segment)
{
	return segment == 0 && !infini->first_is_gated ? 1 : 1 - gate_of(infini, place);
}

static void elu_plus_one(double *x, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		x[i] = x[i] > 0 ? x[i] + 1 : exp(x[i]);
}

static double inner(const double *a, const double *b, int64_t count)
{
	double sum = 0;
	for (int64_t i = 0; i < count; i++)
		sum += a[i] * b[i];
	return sum;
}

static enum err key_features(const struct infini *infini, const struct place *place, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	enum err err = heads_decode_f64(infini->key, place->layer, place->batch, place->key_head, begin, count, false, out, infini->dim, info);
	if (!err)
		elu_plus_one(out, count * infini->dim);
	return err;
}

/* Place of a key head from its number, for what is made once a key head. */
static struct place place_of_key_head(const struct infini *infini, int64_t number)
{
	int64_t heads = infini->key->size[AXIS_HEAD], batches = infini->source.batches;
	return (struct place){ .layer = number / heads / batches, .batch = number / heads % batches, .key_head = number % heads, .number = number };
}

static int64_t segment_end(const struct infini *infini, int64_t segment)
{
	int64_t end = (segment + 1) * infini->segment;
	return end < infini->source.keys ? end : infini->source.keys;
}

static enum err make_normaliser(const void *owner, int64_t number, double *out, int64_t count, struct err_info *info)
{
	const struct infini *infini = owner;
	struct place place = place_of_key_head(infini, number);
	int64_t dim = infini->dim;
	double *feature = mem_array((size_t)dim, sizeof *feature);
	enum err err = feature ? ERR_OK : err_nomem(info, "the memory's normaliser");
	(void)count;
	for (int64_t segment = 1; !err && segment < infini->segments; segment++) {
		double *row = out + segment * dim;
		memcpy(row, row - dim, (size_t)dim * sizeof *row);
		for (int64_t j = (segment - 1) * infini->segment; !err && j < segment * infini->segment; j++) {
			err = key_features(infini, &place, j, 1, feature, info);
			for (int64_t d = 0; !err && d < dim; d++)
				row[d] += feature[d];
		}
	}
	free(feature);
	return err;
}

static double denominator(const struct infini *infini, const double *feature, const double *z)
{
	return fmax(inner(feature, z, infini->dim), infini->eps);
}

static enum err make_removal(const void *owner, int64_t number, double *out, int64_t count, struct err_info *info)
{
	const struct infini *infini = owner;
	struct place place = place_of_key_head(infini, number);
	int64_t dim = infini->dim;
	const double *z;
	double *feature = mem_array((size_t)dim, sizeof *feature);
	enum err err = feature ? lazy_get(infini->normaliser, infini, number, &z, info) : err_nomem(info, "the memory");
	(void)count;
	for (int64_t segment = 1; !err && segment < infini->segments; segment++) {
		double *matrix = out + segment * dim * dim;
		for (int64_t j = segment * infini->segment; !err && j < segment_end(infini, segment); j++) {
			err = key_features(infini, &place, j, 1, feature, info);
			double factor = err ? 0 : 1 / denominator(infini, feature, z + segment * dim);
			for (int64_t a = 0; !err && a < dim; a++)
				for (int64_t b = 0; b < dim; b++)
					matrix[a * dim + b] += feature[a] * feature[b] * factor;
		}
	}
	free(feature);
	return err;
}

/* What a row multiplies the features of each segment's keys with: vector[segment][dim] for the segments before its own. */
static enum err memory_vectors(const struct infini *infini, const struct place *place, int64_t row, double *vector, struct err_info *info)
{
	int64_t dim = infini->dim, last = row / infini->segment - 1;
	const double *z, *removal = NULL;
	if (last < 0)
		return ERR_OK;
	double *at = vector + last * dim;
	enum err err = heads_decode_f64(infini->query, place->layer, place->batch, place->head, row, 1, false, at, dim, info);
	if (!err)
		err = lazy_get(infini->normaliser, infini, place->number, &z, info);
	if (!err && infini->delta)
		err = lazy_get(infini->removal, infini, place->number, &removal, info);
	if (err)
		return err;
	elu_plus_one(at, dim);
	double factor = gate_of(infini, place) / denominator(infini, at, z + (last + 1) * dim);
	for (int64_t d = 0; d < dim; d++)
		at[d] *= factor;
	for (int64_t segment = last; segment > 0; segment--, at -= dim) {
		memcpy(at - dim, at, (size_t)dim * sizeof *at);
		for (int64_t d = 0; d < dim && infini->delta; d++)
			at[d - dim] -= inner(removal + (segment * dim + d) * dim, at, dim);
	}
	return ERR_OK;
}

/* Natural logits of a row within its segment into logit[row - begin + 1]; returns their log-sum-exp. */
static enum err local_logits(const struct infini *infini, const struct place *place, int64_t row, double *logit, double *lse, struct err_info *info)
{
	int64_t dim = infini->dim, begin = row / infini->segment * infini->segment;
	double *query = mem_array((size_t)(KEY_BLOCK + 1) * (size_t)dim, sizeof *query), largest = -INFINITY, sum = 0;
	if (!query)
		return err_nomem(info, "a row of logits");
	enum err err = heads_decode_f64(infini->local_query, place->layer, place->batch, place->head, row, 1, false, query, dim, info);
	for (int64_t j = begin; !err && j <= row; j += KEY_BLOCK) {
		int64_t count = row + 1 - j < KEY_BLOCK ? row + 1 - j : KEY_BLOCK;
		err = heads_decode_f64(infini->local_key, place->layer, place->batch, place->key_head, j, count, false, query + dim, dim, info);
		for (int64_t k = 0; !err && k < count; k++) {
			logit[j - begin + k] = infini->scale * inner(query, query + (1 + k) * dim, dim);
			largest = fmax(largest, logit[j - begin + k]);
		}
	}
	for (int64_t j = 0; !err && j <= row - begin; j++)
		sum += exp(logit[j] - largest);
	*lse = largest + log(sum);
	free(query);
	return err;
}

static enum err infini_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct infini *infini = infini_of(source);
	struct place place = place_of(infini, map);
	int64_t dim = infini->dim, segment = row / infini->segment, begin = segment * infini->segment;
	double *vector = mem_array((size_t)((segment + 1) * dim), sizeof *vector), lse;
	if (!vector)
		return err_nomem(info, "a row of weights");
	double *feature = vector + segment * dim;
	memset(score, 0, (size_t)source->keys * sizeof *score);
	enum err err = memory_vectors(infini, &place, row, vector, info);
	for (int64_t j = 0; !err && j < begin; j++) {
		err = key_features(infini, &place, j, 1, feature, info);
		score[j] = inner(vector + j / infini->segment * dim, feature, dim);
	}
	if (!err)
		err = local_logits(infini, &place, row, score + begin, &lse, info);
	for (int64_t j = begin; !err && j <= row; j++)
		score[j] = local_share(infini, &place, segment) * exp(score[j] - lse);
	free(vector);
	return err;
}

static int64_t infini_prepared_id(const struct source *source, int64_t map)
{
	return place_of(infini_of(source), map).number;
}

static size_t aligned(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

static size_t packed_bytes(const struct infini *infini)
{
	int64_t panels = (infini->source.keys + KEY_PANEL - 1) / KEY_PANEL;
	return aligned((size_t)(panels * KEY_PANEL * infini->dim) * sizeof(float));
}

/* Packed features of the keys, then packed keys of the local part. */
static size_t infini_prepared_size(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return 2 * packed_bytes(infini_of(source));
}

static const float *local_keys(const struct infini *infini, const void *prepared)
{
	return (const float *)prepared + packed_bytes(infini) / sizeof(float);
}

static enum err infini_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
			       struct err_info *info)
{
	const struct infini *infini = infini_of(source);
	struct place place = place_of(infini, map);
	int64_t dim = infini->dim;
	float *features = prepared, *local = features + packed_bytes(infini) / sizeof(float);
	double *wide = mem_array(KEY_BLOCK * (size_t)dim, sizeof *wide);
	float *rows = mem_array(KEY_BLOCK * (size_t)dim, sizeof *rows);
	enum err err = wide && rows ? ERR_OK : err_nomem(info, "prepared keys");
	(void)kernels;
	for (int64_t key = begin; !err && key < end; key += KEY_BLOCK) {
		int64_t count = end - key < KEY_BLOCK ? end - key : KEY_BLOCK;
		err = key_features(infini, &place, key, count, wide, info);
		for (int64_t i = 0; !err && i < count * dim; i++)
			rows[i] = (float)wide[i];
		if (!err)
			kernels_pack_keys(rows, dim, count, dim, features + key * dim);
		if (!err)
			err = heads_decode_f32(infini->local_key, place.layer, place.batch, place.key_head, key, count, false, rows, dim, info);
		if (!err)
			kernels_pack_keys(rows, dim, count, dim, local + key * dim);
	}
	free(wide);
	free(rows);
	return err;
}

/* What is loaded of a group of rows. */
struct loaded {
	float *local;  /* [dim][lanes], times scale log2(e) */
	float *offset; /* [lanes]: log2 of the share, less the log-sum-exp in base 2 */
	float *memory; /* [segments][dim][lanes]: one for each segment of keys; with the linear update one for all */
};

static int64_t memories(const struct infini *infini)
{
	return infini->delta ? infini->segments : 1;
}

static size_t rows_layout(const struct infini *infini, const struct kernels *kernels, void *block, struct loaded *rows)
{
	size_t packed = aligned((size_t)(infini->dim * kernels->lanes) * sizeof(float)), offset = aligned((size_t)kernels->lanes * sizeof(float));
	unsigned char *base = block;
	if (rows)
		*rows = (struct loaded){ (float *)base, (float *)(base + packed), (float *)(base + packed + offset) };
	return packed + offset + (size_t)memories(infini) * packed;
}

static size_t memory_stride(const struct infini *infini, const struct kernels *kernels)
{
	return aligned((size_t)(infini->dim * kernels->lanes) * sizeof(float)) / sizeof(float);
}

static size_t infini_rows_size(const struct source *source, const struct kernels *kernels)
{
	return rows_layout(infini_of(source), kernels, NULL, NULL);
}

static enum err load_row(const struct infini *infini, const struct kernels *kernels, const struct place *place, int64_t row, int lane, double *scratch,
			 const struct loaded *to, struct err_info *info)
{
	int64_t dim = infini->dim, lanes = kernels->lanes, segment = row / infini->segment;
	double *vector = scratch, *logit = vector + infini->segments * dim, lse;
	enum err err = memory_vectors(infini, place, row, vector, info);
	for (int64_t s = 0; !err && segment > 0 && s < (infini->delta ? segment : 1); s++)
		for (int64_t d = 0; d < dim; d++)
			to->memory[(size_t)s * memory_stride(infini, kernels) + (size_t)(d * lanes + lane)] = (float)vector[s * dim + d];
	if (!err)
		err = local_logits(infini, place, row, logit, &lse, info);
	if (!err)
		to->offset[lane] = (float)(log2(local_share(infini, place, segment)) - lse * LOG2_E);
	if (!err)
		err = heads_decode_f64(infini->local_query, place->layer, place->batch, place->head, row, 1, false, vector, dim, info);
	for (int64_t d = 0; !err && d < dim; d++)
		to->local[d * lanes + lane] = (float)(vector[d] * infini->scale * LOG2_E);
	return err;
}

static enum err infini_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *block, struct err_info *info)
{
	const struct infini *infini = infini_of(source);
	struct place place = place_of(infini, rows->map);
	struct loaded to;
	int64_t longest = infini->segment < source->keys ? infini->segment : source->keys;
	double *scratch = mem_array((size_t)(infini->segments * infini->dim + longest), sizeof *scratch);
	enum err err = scratch ? ERR_OK : err_nomem(info, "loaded rows");
	memset(block, 0, rows_layout(infini, kernels, block, &to));
	for (int lane = 0; !err && lane < rows->count; lane++)
		err = load_row(infini, kernels, &place, rows->row[lane], lane, scratch, &to, info);
	free(scratch);
	return err;
}

/* Copy the entries of keys [begin, end) of one segment, for the rows that see them this way. */
static void take(const struct infini *infini, const struct fill *fill, int64_t begin, int64_t end, bool local, const float *from)
{
	const struct row_group *rows = fill->rows;
	int64_t key = fill->key, lanes = fill->kernels->lanes, segment = begin / infini->segment;
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t row = rows->row[lane], last = local ? row + 1 : end;
		bool takes = local ? row / infini->segment == segment : row / infini->segment > segment;
		for (int64_t j = begin; takes && j < end && j < last; j++)
			fill->tile[(j - key) * lanes + lane] = from[(j - key) * lanes + lane];
	}
}

static enum err infini_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	static const _Alignas(64) float none[MAX_LANES];
	_Alignas(64) float part[KEY_BLOCK * MAX_LANES];
	const struct kernels *kernels = fill->kernels;
	const struct row_group *rows = fill->rows;
	const struct infini *infini = infini_of(source);
	struct loaded from;
	int64_t key = fill->key, count = fill->count, dim = infini->dim;
	int64_t first = rows->row[0] / infini->segment, last = rows->row[rows->count - 1] / infini->segment;
	(void)info;
	rows_layout(infini, kernels, (void *)fill->loaded, &from);
	memset(fill->tile, 0, (size_t)(count * kernels->lanes) * sizeof *fill->tile);
	if (first <= (key + count - 1) / infini->segment && last >= key / infini->segment) {
		kernels->dot_tile(from.local, local_keys(infini, fill->prepared) + key * dim, dim, count, from.offset, part, NULL);
		kernels->exp2_block(part, count, none);
		for (int64_t begin = key; begin < key + count; begin = (begin / infini->segment + 1) * infini->segment) {
			int64_t end = segment_end(infini, begin / infini->segment);
			take(infini, fill, begin, end < key + count ? end : key + count, true, part);
		}
	}
	/* One memory for all segments, or with the delta rule one for each. */
	const float *prepared = (const float *)fill->prepared + key * dim;
	if (!infini->delta && key / infini->segment < last)
		kernels->dot_tile(from.memory, prepared, dim, count, none, part, NULL);
	for (int64_t begin = key; begin < key + count && begin / infini->segment < last; begin = (begin / infini->segment + 1) * infini->segment) {
		int64_t end = segment_end(infini, begin / infini->segment);
		if (infini->delta)
			kernels->dot_tile(from.memory + (size_t)(begin / infini->segment) * memory_stride(infini, kernels), prepared, dim, count, none, part, NULL);
		take(infini, fill, begin, end < key + count ? end : key + count, false, part);
	}
	return ERR_OK;
}

static void infini_free(struct source *source)
{
	struct infini *infini = (struct infini *)source;
	lazy_free(infini->normaliser);
	lazy_free(infini->removal);
	operand_release(&infini->beta);
	free(infini);
}

static const struct source_ops infini_ops = {
	.name = "infini",
	.coverage = decay_coverage,
	.support = decay_support,
	.visible = decay_visible,
	.prepared_id = infini_prepared_id,
	.prepared_size = infini_prepared_size,
	.prepare = infini_prepare,
	.rows_size = infini_rows_size,
	.load_rows = infini_load_rows,
	.fill = infini_fill,
	.score64 = infini_score64,
	.free = infini_free,
};

static enum err open_parameters(struct infini *infini, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word updates[] = { { "linear", false }, { "delta", true }, WORD_END };
	static const struct word gates[] = { { "paper", false }, { "reversed", true }, WORD_END };
	static const struct word firsts[] = { { "local", false }, { "gated", true }, WORD_END };
	const struct mechanism *mechanism = &mechanism_infini;
	int update, gate, first;
	enum err err = mechanism_parameter_choice(args, mechanism, "update", updates, &update, info);
	if (!err)
		err = mechanism_parameter_choice(args, mechanism, "gate", gates, &gate, info);
	if (!err)
		err = mechanism_parameter_choice(args, mechanism, "first", firsts, &first, info);
	if (!err)
		err = mechanism_parameter_int(args, mechanism, "segment", &infini->segment, info);
	if (!err)
		err = mechanism_parameter_real(args, mechanism, "eps", &infini->eps, info);
	if (err)
		return err;
	infini->delta = update;
	infini->is_reversed = gate;
	infini->first_is_gated = first;
	if (infini->segment < 1 || infini->segment > INT32_MAX)
		return err_set(info, ERR_USAGE, "--param segment=%lld: a segment has at least one token", (long long)infini->segment);
	if (!(infini->eps > 0))
		return err_set(info, ERR_USAGE, "--param eps=%g: the least denominator is above 0", infini->eps);
	return ERR_OK;
}

static enum err open_beta(struct infini *infini, const struct mechanism_args *args, struct err_info *info)
{
	const struct source *source = &infini->source;
	bool is_number = *mechanism_parameter_text(args, &mechanism_infini, "beta") != 0;
	struct operand_shape shape = { .rank = 1, .size = { source->heads }, .layers = source->layers };
	enum err err = is_number ? mechanism_parameter_real(args, &mechanism_infini, "beta", &infini->one_beta, info)
				 : operand_read(&infini->beta, args, &mechanism_infini, "beta", true, &shape, info);
	return err;
}

static enum err open_local(struct infini *infini, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_infini;
	enum err err = operand_view(args, mechanism, "query_local", false, operand_heads, &infini->local_query_view, &infini->local_query_slot,
				    &infini->local_query, info);
	if (!err)
		err = operand_view(args, mechanism, "key_local", false, operand_heads, &infini->local_key_view, &infini->local_key_slot, &infini->local_key, info);
	if (err)
		return err;
	infini->local_query = infini->local_query ? infini->local_query : infini->query;
	infini->local_key = infini->local_key ? infini->local_key : infini->key;
	if (memcmp(infini->local_query->size, infini->query->size, sizeof infini->query->size) != 0)
		return operand_misshapen(mechanism, "query_local", infini->local_query->tensors[0], "the shape of query", info);
	if (memcmp(infini->local_key->size, infini->key->size, sizeof infini->key->size) != 0)
		return operand_misshapen(mechanism, "key_local", infini->local_key->tensors[0], "the shape of key", info);
	return ERR_OK;
}

static enum err make_lazies(struct infini *infini, struct err_info *info)
{
	int64_t heads = infini->source.layers * infini->source.batches * infini->key->size[AXIS_HEAD], square;
	if (!mem_mul_i64(infini->segments * infini->dim, infini->dim, &square))
		return err_nomem(info, "the memory");
	infini->normaliser = lazy_new(heads, infini->segments * infini->dim, make_normaliser);
	infini->removal = lazy_new(heads, square, make_removal);
	return infini->normaliser && infini->removal ? ERR_OK : err_nomem(info, "the memory");
}

static enum err infini_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_infini;
	struct infini *infini = (struct infini *)source;
	const struct mechanism_binding *value = mechanism_input_find(args, "value");
	enum err err = open_parameters(infini, args, info);
	if (err)
		return err;
	infini->query = mechanism_heads(args, mechanism, "query", info);
	infini->key = infini->query ? mechanism_heads(args, mechanism, "key", info) : NULL;
	if (!infini->key)
		return ERR_USAGE;
	err = mechanism_attend(source, infini->query, infini->key, value ? value->heads : NULL, true, info);
	if (!err && source->queries != source->keys)
		err = err_set(info, ERR_SHAPE, "infini attention needs as many queries (%lld) as keys (%lld)", (long long)source->queries, (long long)source->keys);
	if (!err)
		err = open_beta(infini, args, info);
	if (!err)
		err = open_local(infini, args, info);
	if (err)
		return err;
	infini->dim = infini->query->size[AXIS_DIM];
	infini->scale = isnan(args->scale) ? 1 / sqrt((double)infini->dim) : args->scale;
	infini->segments = (source->keys + infini->segment - 1) / infini->segment;
	source->norm = NORM_NONE;
	source->is_causal = true;
	source->is_signed = infini->delta;
	source->is_stochastic = !infini->delta && !infini->first_is_gated;
	mechanism_note(source->note, sizeof source->note, "%lld segments of %lld, %s update%s", (long long)infini->segments, (long long)infini->segment,
		       infini->delta ? "delta" : "linear", infini->is_reversed ? ", gate reversed" : "");
	return make_lazies(infini, info);
}

static enum err infini_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&infini_ops, sizeof(struct infini), "Infini-attention", infini_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(L,B,H,N,D)", true, "queries, without positions" },
	{ "key", "(L,B,Hk,N,D)", true, "keys, without positions" },
	{ "value", "(L,B,Hk,N,Dv)", false, "values" },
	{ "query_local", "(B,H,N,D)", false, "queries of the local part, after the rotation, where they differ" },
	{ "key_local", "(B,Hk,N,D)", false, "keys of the local part" },
	{ "beta", "(H)", true, "gate of each head, before the sigmoid; --param beta=X where it is one number" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "segment", "2048", "tokens of a segment" },
	{ "update", "linear", "linear, or delta (what the memory answers already is not stored again)" },
	{ "beta", "", "one gate for all heads, in place of the tensor" },
	{ "gate", "paper", "paper: sigmoid(beta) is the share of the memory; reversed: of the local part (lucidrains)" },
	{ "first", "local", "first segment, which has no memory: local (rows sum to 1), or gated (to the local share)" },
	{ "eps", "1e-10", "least denominator of what is read from the memory" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_infini = {
	.name = "infini",
	.summary = "local softmax and a compressive memory of earlier segments (Infini-attention)",
	.equation = "g = sigmoid(beta),  s(x) = elu(x) + 1\n"
		    "A_ij = (1 - g) softmax_j(q_i.k_j / sqrt d)   in the same segment, j <= i\n"
		    "A_ij = g s(q_i).s(k_j) / sum_j' s(q_i).s(k_j')   in earlier segments (linear update)\n"
		    "delta update: s(k_j) first passes I - sum s(k) s(k)^T / s(k).z of each segment between",
	.properties = "causal; linear: weights >= 0, rows sum to 1; delta: signed, rows sum to less than 1 from the third segment on",
	.reference = "Munkhdalai, Faruqui, Gopal 2024, arXiv 2404.07143, written from the equations; lucidrains/infini-transformer-pytorch has the gate reversed",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTING_SCALE,
	.settings_why = "is a recurrence over all tokens so far: no mask applies",
	.open = infini_open,
};
