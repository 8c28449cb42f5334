/* SPDX-License-Identifier: MIT */
/*
 * Scaled dot-product attention: W = softmax(cap(scale q.k) + bias + mask) (Vaswani et al. 2017; soft-cap as in Gemma 2; sink logit as in gpt-oss).
 *
 * On the fast path the scale and log2(e) are folded into the queries, and keys are decoded, normalised, rotated and packed once for all heads that share them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/position.h"
#include "mechanism/table.h"

static const double LOG2_E = 1.4426950408889634074, LN_2 = 0.69314718055994530942;

/* Keys decoded at once where a row is computed in double. */
enum { ROW_BLOCK = 64 };

/* Keys decoded and packed at once: few enough that they are still in the nearest cache; whole panels. */
enum { PACKED_AT_ONCE = 4 * KEY_PANEL };

struct softmax {
	struct source source;
	const struct heads *query, *key;
	struct mask mask;
	struct position position;
	enum stage stage;
	double scale, softcap;  /* softcap 0: none */
	bool bias_before_scale; /* the biases of positions, which then are also before the soft-cap */
	double *sink_logit;     /* [maps], owned; NULL: none */
	int64_t dim;
	bool bfloat16;          /* both operands are, and nothing is done to them before the product */
};

static const struct softmax *softmax_of(const struct source *source)
{
	return (const struct softmax *)source;
}

struct map_index {
	int64_t layer, batch, head, kv_head;
};

static struct map_index map_index(const struct softmax *softmax, int64_t map)
{
	struct map_index at;
	source_map_id(&softmax->source, map, &at.layer, &at.batch, &at.head);
	at.kv_head = mechanism_shared_index(at.head, softmax->source.heads, softmax->key->size[AXIS_HEAD]);
	return at;
}

static bool is_masked(const struct softmax *softmax)
{
	return softmax->stage == STAGE_WEIGHTS || softmax->stage == STAGE_BIASED;
}

static enum coverage softmax_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, map);
	return is_masked(softmax) ? mask_coverage(&softmax->mask, at.batch, first, last, begin, end) : TILE_FULL;
}

static int64_t softmax_support(const struct source *source, int64_t map, int64_t row)
{
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, map);
	return is_masked(softmax) ? mask_support(&softmax->mask, at.layer, at.batch, at.head, row) : source->keys;
}

static bool softmax_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, map);
	return !is_masked(softmax) || mask_visible(&softmax->mask, at.layer, at.batch, at.head, row, key);
}

static bool softmax_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, map);
	*begin = 0;
	*end = source->keys;
	return !is_masked(softmax) || mask_span(&softmax->mask, at.layer, at.batch, at.head, row, begin, end);
}

/* Heads of a group, and whatever shares one set of keys, share its packed form. */
static int64_t softmax_prepared_id(const struct source *source, int64_t map)
{
	const struct softmax *softmax = softmax_of(source);
	const int64_t *size = softmax->key->size;
	struct map_index at = map_index(softmax, map);
	int64_t layer = size[AXIS_LAYER] == 1 ? 0 : at.layer, batch = size[AXIS_BATCH] == 1 ? 0 : at.batch;
	return (layer * size[AXIS_BATCH] + batch) * size[AXIS_HEAD] + at.kv_head;
}

/* Products of bfloat16 numbers are exact, so the dot instruction for them only gains. */
static bool multiplies_bfloat16(const struct softmax *softmax, const struct kernels *kernels)
{
	return softmax->bfloat16 && kernels->dot_tile_bf16;
}

/* Bytes of one packed vector. */
static int64_t packed_bytes(const struct softmax *softmax, const struct kernels *kernels)
{
	return multiplies_bfloat16(softmax, kernels) ? (softmax->dim + 1) / 2 * 2 * (int64_t)sizeof(uint16_t) : softmax->dim * (int64_t)sizeof(float);
}

static size_t softmax_key_bytes(const struct source *source, const struct kernels *kernels)
{
	return (size_t)packed_bytes(softmax_of(source), kernels);
}

static size_t softmax_prepared_size(const struct source *source, const struct kernels *kernels)
{
	int64_t panels = (source->keys + KEY_PANEL - 1) / KEY_PANEL;
	return (size_t)(panels * KEY_PANEL * packed_bytes(softmax_of(source), kernels));
}

static enum err softmax_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
				struct err_info *info)
{
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, map);
	int64_t dim = softmax->dim;
	double *scratch = mem_array((size_t)dim, sizeof *scratch + PACKED_AT_ONCE * sizeof(float));
	if (!scratch)
		return err_nomem(info, "packed keys");
	float *keys = (float *)(scratch + dim);
	enum err err = ERR_OK;
	for (int64_t key = begin; key < end && !err; key += PACKED_AT_ONCE) {
		int64_t count = end - key < PACKED_AT_ONCE ? end - key : PACKED_AT_ONCE;
		err = heads_decode_f32(softmax->key, at.layer, at.batch, at.kv_head, key, count, false, keys, dim, info);
		if (err)
			break;
		position_transform_block(&softmax->position, POSITION_KEY, at.batch, at.kv_head, key, count, keys, scratch);
		void *packed = (char *)prepared + key * packed_bytes(softmax, kernels);
		if (multiplies_bfloat16(softmax, kernels))
			kernels_pack_keys_bf16(keys, dim, count, dim, packed);
		else
			kernels_pack_keys(keys, dim, count, dim, packed);
	}
	free(scratch);
	return err;
}

/* A vector in double, packed queries [dim][lanes], the rows as they are decoded. */
static size_t softmax_rows_size(const struct source *source, const struct kernels *kernels)
{
	size_t dim = (size_t)softmax_of(source)->dim;
	return dim * sizeof(double) + (2 * dim + 1) * (size_t)kernels->lanes * sizeof(float);
}

static const float *packed_queries(const struct softmax *softmax, const void *loaded)
{
	return (const float *)((const double *)loaded + softmax->dim);
}

/* Runs of consecutive queries at once: a sample of rows is not consecutive. */
static enum err decode_queries(const struct softmax *softmax, const struct map_index *at, const struct row_group *rows, float *out, double *scratch,
			       struct err_info *info)
{
	enum err err = ERR_OK;
	int64_t dim = softmax->dim;
	for (int first = 0, next; first < rows->count && !err; first = next) {
		for (next = first + 1; next < rows->count && rows->row[next] == rows->row[first] + (next - first);)
			next++;
		err = heads_decode_f32(softmax->query, at->layer, at->batch, at->head, rows->row[first], next - first, false, out + first * dim, dim, info);
		if (!err)
			position_transform_block(&softmax->position, POSITION_QUERY, at->batch, at->head, rows->row[first], next - first, out + first * dim, scratch);
	}
	return err;
}

static enum err softmax_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, rows->map);
	int64_t dim = softmax->dim;
	/* Pairs of an odd dim take one column more. */
	float *packed = (float *)((double *)loaded + dim), *decoded = packed + (dim + 1) * kernels->lanes;
	enum err err = decode_queries(softmax, &at, rows, decoded, loaded, info);
	if (err)
		return err;
	if (multiplies_bfloat16(softmax, kernels))
		kernels_pack_queries_bf16(decoded, dim, rows->count, dim, kernels->lanes, (uint16_t *)packed);
	else
		kernels_pack_queries(decoded, dim, rows->count, dim, kernels->lanes, (float)(softmax->scale * LOG2_E), packed);
	return ERR_OK;
}

/* tile = offset + base-2 logits, before soft-cap, biases and mask. */
static void dot_products(const struct softmax *softmax, const struct fill *fill, const float *offset)
{
	const struct kernels *kernels = fill->kernels;
	const void *queries = packed_queries(softmax, fill->loaded), *keys = (const char *)fill->prepared + fill->key * packed_bytes(softmax, kernels);
	if (multiplies_bfloat16(softmax, kernels))
		kernels->dot_tile_bf16(queries, keys, (softmax->dim + 1) / 2, fill->count, (float)(softmax->scale * LOG2_E), offset, fill->tile, fill->weave);
	else
		kernels->dot_tile(queries, keys, softmax->dim, fill->count, offset, fill->tile, fill->weave);
}

/* What is shown before the softmax is in natural units, and what is hidden is 0. */
static void show_logits(float *tile, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		tile[i] = tile[i] == -INFINITY ? 0 : tile[i] * (float)LN_2;
}

static enum err softmax_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	static const float zero[MAX_LANES];
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, fill->rows->map);
	bool capped = softmax->softcap > 0 && softmax->stage != STAGE_SCORES, biased = is_masked(softmax);
	const float *offset = biased ? mask_offset(&softmax->mask, fill) : fill->offset;
	enum err err = ERR_OK;
	dot_products(softmax, fill, capped ? zero : offset);
	if (capped || (biased && (fill->partial || position_has_bias(&softmax->position))))
		fill_changed(fill);
	if (biased && softmax->bias_before_scale)
		position_add_bias(&softmax->position, at.batch, at.head, fill);
	if (capped)
		fill->kernels->soft_cap(fill->tile, fill->count, (float)(softmax->softcap * LOG2_E), offset);
	if (biased && !softmax->bias_before_scale)
		position_add_bias(&softmax->position, at.batch, at.head, fill);
	if (biased && fill->partial)
		err = mask_apply(&softmax->mask, at.layer, at.batch, at.head, fill, info);
	if (softmax->stage != STAGE_WEIGHTS)
		show_logits(fill->tile, fill->count * fill->kernels->lanes);
	return err;
}

static enum err dot_row64(const struct softmax *softmax, int64_t map, int64_t row, double *query, double *keys, double *score, struct err_info *info)
{
	struct map_index at = map_index(softmax, map);
	int64_t dim = softmax->dim;
	enum err err = heads_decode_f64(softmax->query, at.layer, at.batch, at.head, row, 1, false, query, dim, info);
	if (!err)
		position_transform(&softmax->position, POSITION_QUERY, at.batch, at.head, row, query);
	for (int64_t key = 0; key < softmax->source.keys && !err; key += ROW_BLOCK) {
		int64_t count = softmax->source.keys - key < ROW_BLOCK ? softmax->source.keys - key : ROW_BLOCK;
		err = heads_decode_f64(softmax->key, at.layer, at.batch, at.kv_head, key, count, false, keys, dim, info);
		for (int64_t k = 0; k < count && !err; k++) {
			double sum = 0;
			position_transform(&softmax->position, POSITION_KEY, at.batch, at.kv_head, key + k, keys + k * dim);
			for (int64_t d = 0; d < dim; d++)
				sum += query[d] * keys[k * dim + d];
			score[key + k] = sum * softmax->scale;
		}
	}
	return err;
}

static enum err softmax_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct softmax *softmax = softmax_of(source);
	struct map_index at = map_index(softmax, map);
	double *query = mem_array((size_t)(1 + ROW_BLOCK) * (size_t)softmax->dim, sizeof *query);
	if (!query)
		return err_nomem(info, "a row of scores");
	enum err err = dot_row64(softmax, map, row, query, query + softmax->dim, score, info);
	free(query);
	if (err)
		return err;
	bool biased = is_masked(softmax);
	if (biased && softmax->bias_before_scale)
		position_add_bias64(&softmax->position, at.batch, at.head, row, source->keys, score);
	if (softmax->softcap > 0 && softmax->stage != STAGE_SCORES)
		for (int64_t key = 0; key < source->keys; key++)
			score[key] = softmax->softcap * tanh(score[key] / softmax->softcap);
	if (biased && !softmax->bias_before_scale)
		position_add_bias64(&softmax->position, at.batch, at.head, row, source->keys, score);
	if (biased)
		err = mask_apply64(&softmax->mask, at.layer, at.batch, at.head, row, score, info);
	if (softmax->stage == STAGE_BIASED)
		for (int64_t key = 0; key < source->keys && !err; key++)
			score[key] = score[key] == -INFINITY ? 0 : score[key];
	return err;
}

static void softmax_free(struct source *source)
{
	struct softmax *softmax = (struct softmax *)source;
	mask_release(&softmax->mask);
	position_release(&softmax->position);
	free(softmax->sink_logit);
	free(softmax);
}

static const struct source_ops softmax_ops = {
	.name = "softmax",
	.coverage = softmax_coverage,
	.support = softmax_support,
	.visible = softmax_visible,
	.span = softmax_span,
	.prepared_id = softmax_prepared_id,
	.prepared_size = softmax_prepared_size,
	.prepare = softmax_prepare,
	.prepared_key_bytes = softmax_key_bytes,
	.rows_size = softmax_rows_size,
	.load_rows = softmax_load_rows,
	.fill = softmax_fill,
	.score64 = softmax_score64,
	.free = softmax_free,
};

static void describe(struct softmax *softmax, bool default_scale)
{
	char *note = softmax->source.note;
	size_t size = sizeof softmax->source.note;
	if (default_scale)
		mechanism_note(note, size, "scale %.4g (1/sqrt %" PRId64 ")", softmax->scale, softmax->dim);
	else
		mechanism_note(note, size, "scale %.4g", softmax->scale);
	if (softmax->softcap > 0)
		mechanism_note(note, size, "softcap %g", softmax->softcap);
}

static const char *const stage_note[] = {
	[STAGE_SCORES] = "scores before soft-cap, bias and mask",
	[STAGE_CAPPED] = "scores before bias and mask",
	[STAGE_BIASED] = "logits before the softmax",
};

static void show_stage(struct softmax *softmax)
{
	struct source *source = &softmax->source;
	source->norm = softmax->stage == STAGE_WEIGHTS ? NORM_SOFTMAX : NORM_NONE;
	source->is_signed = softmax->stage != STAGE_WEIGHTS;
	source->hidden_infinite = softmax->stage == STAGE_BIASED;
	source->is_stochastic = softmax->stage == STAGE_WEIGHTS && !softmax->sink_logit;
	if (softmax->stage != STAGE_WEIGHTS)
		mechanism_note(source->note, sizeof source->note, "%s", stage_note[softmax->stage]);
}

/* One logit for each head, or for each layer and head (perhaps all in one row), as one for each map. */
static enum err find_sinks(struct softmax *softmax, const struct tensor *sinks, struct err_info *info)
{
	struct source *source = &softmax->source;
	const int64_t shape[] = { source->layers, source->heads };
	bool in_a_row = sinks->rank == 1 && sinks->shape[0] == source->layers * source->heads, by_layer = sinks->rank == 2 || in_a_row;
	double *number = NULL;
	enum err err = in_a_row ? ERR_OK : mechanism_expect_shape(sinks, "sinks", by_layer ? 2 : 1, by_layer ? shape : shape + 1, info);
	if (!err)
		err = mechanism_numbers(sinks, &number, info);
	if (err)
		return err;
	softmax->sink_logit = mem_array((size_t)source_maps(source), sizeof *softmax->sink_logit);
	for (int64_t map = 0; softmax->sink_logit && map < source_maps(source); map++) {
		struct map_index at = map_index(softmax, map);
		softmax->sink_logit[map] = number[(by_layer ? at.layer * source->heads : 0) + at.head];
	}
	free(number);
	source->sink_logit = softmax->sink_logit;
	mechanism_note(source->note, sizeof source->note, "sink logits");
	return softmax->sink_logit ? ERR_OK : err_nomem(info, "sink logits");
}

static bool is_bfloat16(const struct heads *heads)
{
	for (int64_t i = 0; i < heads->tensor_count; i++)
		if (heads->tensors[i]->dtype != DTYPE_BF16 || heads->tensors[i]->scale != 1)
			return false;
	return true;
}

static enum err softmax_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct softmax *softmax = (struct softmax *)source;
	const struct mechanism *mechanism = &mechanism_softmax;
	softmax->query = mechanism_heads(args, mechanism, "query", info);
	softmax->key = mechanism_heads(args, mechanism, "key", info);
	if (!softmax->query || !softmax->key)
		return ERR_USAGE;
	const struct mechanism_binding *value = mechanism_input_find(args, "value");
	enum err err = mechanism_attend(&softmax->source, softmax->query, softmax->key, value ? value->heads : NULL, true, info);
	if (err)
		return err;
	softmax->dim = softmax->query->size[AXIS_DIM];
	softmax->scale = isnan(args->scale) ? 1 / sqrt((double)softmax->dim) : args->scale;
	softmax->softcap = args->softcap;
	softmax->stage = args->stage;
	describe(softmax, isnan(args->scale));
	softmax->bias_before_scale = args->position.bias_before_scale;
	err = mechanism_mask(args, &softmax->source, &softmax->mask, info);
	if (!err)
		err = position_init(&softmax->position, &args->position, &softmax->source, &softmax->mask, softmax->key->size[AXIS_HEAD], softmax->dim,
				    softmax->scale, info);
	if (!err && args->position.sinks && softmax->stage == STAGE_WEIGHTS)
		err = find_sinks(softmax, args->position.sinks, info);
	softmax->bfloat16 = is_bfloat16(softmax->query) && is_bfloat16(softmax->key) && !position_transforms(&softmax->position);
	show_stage(softmax);
	return err;
}

static enum err softmax_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&softmax_ops, sizeof(struct softmax), "the attention", softmax_bind, args, source, info);
}

static const struct mechanism_input softmax_input[] = {
	{ "query", "(L,B,H,N,D)", true, "queries, after the head split; leading axes may be left out" },
	{ "key", "(L,B,Hk,M,D)", true, "keys; H is a multiple of Hk (GQA, MQA): head h reads key head h / (H/Hk)" },
	{ "value", "(L,B,Hk,M,Dv)", false, "values, for what needs the output W V" },
	{ NULL, NULL, false, NULL },
};

const struct mechanism mechanism_softmax = {
	.name = "softmax",
	.summary = "scaled dot-product attention: self, cross, multi-head, GQA and MQA",
	.equation = "s_ij = scale q_i . k_j                           scale = 1/sqrt D unless given (T5: 1)\n"
		    "s_ij = c tanh(s_ij / c)                          with a soft-cap c\n"
		    "W_ij = e^(s_ij + b_ij) / (e^z + sum_j e^(s_ij + b_ij))   over the keys j that query i may see\n"
		    "O_i  = sum_j W_ij v_j\n"
		    "q and k are normalised (--qk-norm) and rotated (--rope) first; b is a float --mask, ALiBi or T5's buckets;\n"
		    "e^z is there with a sink logit z only",
	.properties = "weights >= 0; rows sum to 1, to 0 where a query sees no key, to less than 1 with a sink logit; causal and windowed by option",
	.reference = "Vaswani et al. 2017, arXiv 1706.03762; soft-cap: Gemma 2, arXiv 2408.00118; GQA: Ainslie et al. 2023, arXiv 2305.13245; "
		     "agrees with the node tests of the ONNX operator Attention (opsets 23 to 25)",
	.input = softmax_input,
	.settings = SETTINGS_LIMITS | SETTINGS_LOGITS | SETTINGS_VECTORS,
	.open = softmax_open,
};
