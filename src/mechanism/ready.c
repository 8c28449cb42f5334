/* SPDX-License-Identifier: MIT */
/*
 * Ready-made weights from a file: what a model exported as `attentions`, or wrote as logits or logarithms of them.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/ready.h"
#include "mechanism/table.h"

static const double LOG2_E = 1.4426950408889634074;

struct ready {
	struct source source;
	const struct heads *weights;
	struct mask mask;
	enum ready_form form;
	double unit; /* multiplies what is stored: 1/255 for uint8 */
	bool masked;
	unsigned char *nan_row; /* [maps][queries]: rows that hold NaN and are left out; NULL: none are */
	int64_t nan_rows;
	struct ready_row first_nan;
};

static const struct ready *ready_of(const struct source *source)
{
	return (const struct ready *)source;
}

static bool is_left_out(const struct ready *ready, int64_t map, int64_t row)
{
	return ready->nan_row && ready->nan_row[map * ready->source.queries + row];
}

static enum coverage ready_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	enum coverage coverage = mask_coverage(&ready_of(source)->mask, batch, first, last, begin, end);
	return coverage == TILE_FULL && ready_of(source)->nan_row ? TILE_PARTIAL : coverage;
}

static int64_t ready_support(const struct source *source, int64_t map, int64_t row)
{
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return is_left_out(ready_of(source), map, row) ? 0 : mask_support(&ready_of(source)->mask, layer, batch, head, row);
}

static bool ready_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return !is_left_out(ready_of(source), map, row) && mask_visible(&ready_of(source)->mask, layer, batch, head, row, key);
}

static bool ready_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return !is_left_out(ready_of(source), map, row) && mask_span(&ready_of(source)->mask, layer, batch, head, row, begin, end);
}

static enum err bad_number(const struct ready *ready, double value, const int64_t *index, struct err_info *info)
{
	const struct tensor *tensor = ready->weights->tensors[ready->weights->tensor_count > 1 ? index[AXIS_LAYER] : 0];
	err_set(info, ERR_VALUE, "%s in '%s' (layer %" PRId64 ", batch %" PRId64 ", head %" PRId64 ", query %" PRId64 ", key %" PRId64 "): a weight must be a finite number%s",
		isnan(value) ? "NaN" : "infinity", tensor->name, index[AXIS_LAYER], index[AXIS_BATCH], index[AXIS_HEAD], index[AXIS_TOKEN], index[AXIS_DIM],
		isnan(value) ? "; --skip-nan leaves rows with NaN out" : "");
	return err_in_file(info, tensor->file);
}

/* -inf is a logit, or the logarithm of a weight, of 0; nothing else may be infinite. */
static bool may_be_minus_infinity(enum ready_form form)
{
	return form == READY_LOGITS || form == READY_LOG_WEIGHTS;
}

static double transform(const struct ready *ready, double value)
{
	return ready->form == READY_LOG_WEIGHTS ? exp(value) : value * ready->unit;
}

static enum err ready_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct ready *ready = ready_of(source);
	int64_t at[AXIS_COUNT] = { [AXIS_TOKEN] = row };
	source_map_id(source, map, &at[AXIS_LAYER], &at[AXIS_BATCH], &at[AXIS_HEAD]);
	for (int64_t key = 0; key < source->keys && is_left_out(ready, map, row); key++)
		score[key] = source->norm == NORM_NONE ? 0 : -INFINITY;
	if (is_left_out(ready, map, row))
		return ERR_OK;
	enum err err = heads_decode_part_f64(ready->weights, at[AXIS_LAYER], at[AXIS_BATCH], at[AXIS_HEAD], row, 0, source->keys, true, score, info);
	for (int64_t key = 0; key < source->keys && !err; key++) {
		at[AXIS_DIM] = key;
		if (!isfinite(score[key]) && !(score[key] == -INFINITY && may_be_minus_infinity(ready->form)))
			return bad_number(ready, score[key], at, info);
		score[key] = transform(ready, score[key]);
	}
	if (!err && ready->masked)
		err = mask_apply64(&ready->mask, at[AXIS_LAYER], at[AXIS_BATCH], at[AXIS_HEAD], row, score, info);
	for (int64_t key = 0; key < source->keys && !err && source->norm == NORM_NONE; key++)
		score[key] = score[key] == -INFINITY ? 0 : score[key];
	return err;
}

/* Without the sign, infinity and every NaN are the largest bit patterns: one maximum tells whether a whole run is finite, at the speed of memory. */
static bool all_finite(const float *value, int64_t count)
{
	uint32_t largest = 0;
	for (int64_t i = 0; i < count; i++) {
		uint32_t bits;
		memcpy(&bits, &value[i], sizeof bits);
		bits &= 0x7fffffff;
		largest = bits > largest ? bits : largest;
	}
	return largest < 0x7f800000;
}

static enum err decode_run(const struct ready *ready, int64_t *at, int64_t count, float *run, struct err_info *info)
{
	enum err err = heads_decode_part_f32(ready->weights, at[AXIS_LAYER], at[AXIS_BATCH], at[AXIS_HEAD], at[AXIS_TOKEN], at[AXIS_DIM], count, true, run, info);
	if (err || all_finite(run, count))
		return err;
	for (int64_t k = 0; k < count; k++, at[AXIS_DIM]++)
		if (!isfinite(run[k]) && !(run[k] == -INFINITY && may_be_minus_infinity(ready->form)))
			return bad_number(ready, run[k], at, info);
	return ERR_OK;
}

static void place_lane(const struct ready *ready, const float *run, int64_t count, float offset, int lanes, float *column)
{
	if (ready->form == READY_LOGITS)
		for (int64_t k = 0; k < count; k++)
			column[k * lanes] = run[k] * (float)LOG2_E + offset;
	else if (ready->form == READY_LOG_WEIGHTS)
		for (int64_t k = 0; k < count; k++)
			column[k * lanes] = expf(run[k]);
	else
		for (int64_t k = 0; k < count; k++)
			column[k * lanes] = run[k] * (float)ready->unit;
}

static void leave_out(const struct source *source, int64_t count, int lanes, float *column)
{
	for (int64_t k = 0; k < count; k++)
		column[k * lanes] = source->norm == NORM_NONE ? 0 : -INFINITY;
}

static void drop_hidden(float *tile, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		tile[i] = tile[i] == -INFINITY ? 0 : tile[i];
}

static enum err ready_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct ready *ready = ready_of(source);
	const struct row_group *rows = fill->rows;
	int64_t count = fill->count;
	int lanes = fill->kernels->lanes;
	float run[KEY_BLOCK];
	int64_t at[AXIS_COUNT];
	const float *offset = ready->masked ? mask_offset(&ready->mask, fill) : fill->offset;
	source_map_id(source, rows->map, &at[AXIS_LAYER], &at[AXIS_BATCH], &at[AXIS_HEAD]);
	for (int lane = 0; lane < rows->count; lane++) {
		at[AXIS_TOKEN] = rows->row[lane];
		at[AXIS_DIM] = fill->key;
		if (is_left_out(ready, rows->map, rows->row[lane])) {
			leave_out(source, count, lanes, fill->tile + lane);
			continue;
		}
		enum err err = decode_run(ready, at, count, run, info);
		if (err)
			return err;
		place_lane(ready, run, count, offset[lane], lanes, fill->tile + lane);
	}
	for (int lane = rows->count; lane < lanes; lane++)
		for (int64_t k = 0; k < count; k++)
			fill->tile[k * lanes + lane] = 0;
	if (!fill->partial || !ready->masked)
		return ERR_OK;
	enum err err = mask_apply(&ready->mask, at[AXIS_LAYER], at[AXIS_BATCH], at[AXIS_HEAD], fill, info);
	if (source->norm == NORM_NONE)
		drop_hidden(fill->tile, count * lanes);
	return err;
}

static void ready_free(struct source *source)
{
	struct ready *ready = (struct ready *)source;
	mask_release(&ready->mask);
	free(ready->nan_row);
	free(ready);
}

static const struct source_ops ready_ops = {
	.name = "weights",
	.coverage = ready_coverage,
	.support = ready_support,
	.visible = ready_visible,
	.span = ready_span,
	.fill = ready_fill,
	.score64 = ready_score64,
	.free = ready_free,
};

static const char *const form_note[] = {
	[READY_WEIGHTS] = "weights as exported",
	[READY_SIGNED] = "signed weights as exported",
	[READY_LOGITS] = "softmax of the exported logits",
	[READY_LOG_WEIGHTS] = "e to the exported log-probabilities",
};

static bool is_masked(const struct mask *mask)
{
	return mask->left >= 0 || mask->right >= 0 || mask->chunk > 0 || mask->key_begin > 0 || mask->key_begins || mask->key_length || mask->query_length || mask->allow || mask->bias;
}

/* Mark the rows that hold NaN. */
static enum err find_nan_rows(struct ready *ready, struct err_info *info)
{
	struct source *source = &ready->source;
	int64_t rows;
	double *row = mem_array((size_t)source->keys, sizeof *row);
	unsigned char *marks = mem_mul_i64(source_maps(source), source->queries, &rows) ? mem_zero_array((size_t)rows, 1) : NULL;
	enum err err = row && marks ? ERR_OK : err_nomem(info, "the rows that hold NaN");
	for (int64_t i = 0; i < rows && !err; i++) {
		struct ready_row at = { .map = i / source->queries, .row = i % source->queries };
		int64_t layer, batch, head;
		source_map_id(source, at.map, &layer, &batch, &head);
		err = heads_decode_part_f64(ready->weights, layer, batch, head, at.row, 0, source->keys, true, row, info);
		for (int64_t key = 0; key < source->keys && !err && !marks[i]; key++)
			marks[i] = isnan(row[key]);
		if (!err && marks[i] && ready->nan_rows++ == 0)
			ready->first_nan = at;
	}
	free(row);
	if (err || !ready->nan_rows) {
		free(marks);
		return err;
	}
	ready->nan_row = marks;
	source->dead_rows_nan = true;
	mechanism_note(source->note, sizeof source->note, "%" PRId64 " rows of NaN left out", ready->nan_rows);
	return ERR_OK;
}

int64_t ready_nan_rows(const struct source *source, struct ready_row *first)
{
	const struct ready *ready = ready_of(source);
	if (source->ops != &ready_ops || !ready->nan_rows)
		return 0;
	*first = ready->first_nan;
	return ready->nan_rows;
}

static enum err ready_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct ready *ready = (struct ready *)source;
	ready->weights = mechanism_heads(args, &mechanism_weights, "weights", info);
	if (!ready->weights)
		return ERR_USAGE;
	const int64_t *size = ready->weights->size;
	source->layers = size[AXIS_LAYER];
	source->batches = size[AXIS_BATCH];
	source->heads = size[AXIS_HEAD];
	source->queries = size[AXIS_TOKEN];
	source->keys = size[AXIS_DIM];
	source->is_square = source->queries == source->keys;
	ready->form = args->ready;
	ready->unit = ready->weights->tensors[0]->dtype == DTYPE_U8 && ready->form == READY_WEIGHTS ? 1 / 255.0 : 1;
	source->norm = ready->form == READY_LOGITS ? NORM_SOFTMAX : NORM_NONE;
	source->is_signed = ready->form == READY_SIGNED;
	source->is_stochastic = ready->form != READY_SIGNED;
	mechanism_note(source->note, sizeof source->note, "%s%s", form_note[ready->form], ready->unit != 1 ? " (uint8 / 255)" : "");
	enum err err = mechanism_mask(args, source, &ready->mask, info);
	ready->masked = !err && is_masked(&ready->mask);
	return !err && args->skip_nan ? find_nan_rows(ready, info) : err;
}

/* Logits are on their way to a softmax, which takes biases and leaves rows uniform. */
static uint32_t ready_settings(const struct mechanism_args *args)
{
	uint32_t of_logits = args->ready == READY_LOGITS ? SETTING_BIAS | SETTING_DEAD_UNIFORM : 0;
	return SETTINGS_LIMITS | SETTING_READY | SETTING_SKIP_NAN | SETTING_OFFSETS | of_logits;
}

static enum err ready_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&ready_ops, sizeof(struct ready), "the weights", ready_bind, args, source, info);
}

static const struct mechanism_input ready_input[] = {
	{ "weights", "(L,B,H,N,M)", true, "one row a query, one column a key; leading axes may be left out" },
	{ NULL, NULL, false, NULL },
};

const struct mechanism mechanism_weights = {
	.name = "weights",
	.summary = "ready-made weights, logits or log-probabilities from a file",
	.equation = "W_ij as stored; uint8 is read as W_ij = stored / 255\n"
		    "W_ij = softmax_j of the stored logits       with --logits\n"
		    "W_ij = e^(stored)                           with --log-weights",
	.properties = "weights >= 0 and rows sum to 1, as the model says; of either sign with --signed",
	.reference = "what the exporting framework computed",
	.input = ready_input,
	.settings_of = ready_settings,
	.open = ready_open,
};
