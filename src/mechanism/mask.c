#include "mechanism/mask.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/mask_file.h"
#include "mechanism/mechanism.h"

static const double LOG2_E = 1.4426950408889634074, LN_2 = 0.6931471805599453094;

/* Keys [begin, end) and, where the mask keeps its first keys, those below keep. */
struct range {
	int64_t begin, end, keep;
};

static int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max_i64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t floor_mod(int64_t value, int64_t modulus)
{
	int64_t rest = value % modulus;
	return rest < 0 ? rest + modulus : rest;
}

int64_t mask_place(const struct mask *mask, int64_t batch, int64_t row)
{
	return row + (mask->place_at_length ? mask->key_length[batch] - mask->queries : mask->place);
}

/* Both ends grow with the row; coverage and the tile loop rest on that. */
static struct range row_range(const struct mask *mask, int64_t batch, int64_t row)
{
	int64_t length = mask->key_length ? mask->key_length[batch] : mask->keys;
	int64_t position = row + (mask->align_to_length ? length - mask->queries : mask->diagonal);
	struct range range = { mask->key_begin, min_i64(mask->keys, length), 0 };
	if (mask->right >= 0)
		range.end = min_i64(range.end, position + mask->right + 1);
	if (mask->left >= 0)
		range.begin = max_i64(range.begin, position - mask->left);
	if (mask->chunk > 0)
		range.begin = max_i64(range.begin, position - floor_mod(position, mask->chunk));
	range.end = max_i64(range.end, 0);
	range.keep = min_i64(mask->key_begin + mask->keep_first, range.end);
	return range;
}

static bool in_range(const struct mask *mask, struct range range, int64_t key)
{
	return key < range.end && key >= mask->key_begin && (key >= range.begin || key < range.keep);
}

static int64_t range_count(const struct mask *mask, struct range range)
{
	int64_t window = max_i64(range.end - range.begin, 0);
	return window + max_i64(min_i64(range.keep, range.begin) - mask->key_begin, 0);
}

static bool has_files(const struct mask *mask)
{
	return mask->allow || mask->bias;
}

/* Dead, and to be shown as seeing every key alike. */
static bool row_is_uniform(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row)
{
	if (mask->dead_rows != DEAD_ROWS_UNIFORM)
		return false;
	if (mask->dead)
		return mask->dead[((layer * mask->batches + batch) * mask->heads + head) * mask->queries + row];
	return range_count(mask, row_range(mask, batch, row)) == 0;
}

enum coverage mask_coverage(const struct mask *mask, int64_t batch, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	struct range early = row_range(mask, batch, first), late = row_range(mask, batch, last);
	if (mask->dead_rows == DEAD_ROWS_UNIFORM && (mask->dead || !range_count(mask, early) || !range_count(mask, late)))
		return TILE_PARTIAL;
	bool in_window = max_i64(begin, early.begin) < min_i64(end, late.end);
	bool in_kept = max_i64(begin, mask->key_begin) < min_i64(end, late.keep);
	if (!in_window && !in_kept)
		return TILE_EMPTY;
	bool reaches = begin >= late.begin || (begin >= mask->key_begin && (end <= early.keep || late.begin <= early.keep));
	return reaches && end <= early.end && !has_files(mask) ? TILE_FULL : TILE_PARTIAL;
}

static int64_t block_count(int64_t key, int64_t end)
{
	return min_i64(end - key, KEY_BLOCK);
}

/* Which of the keys the files let through. What cannot be decoded counts as hidden: the run meets the error when it gets there. */
static void files_let_through(const struct mask *mask, const struct map_place *at, int64_t row, int64_t key, int64_t count, bool *seen)
{
	float run[KEY_BLOCK];
	for (int64_t k = 0; k < count; k++)
		seen[k] = true;
	bool readable = !mask->allow || !mask_file_run(mask->allow, at, row, key, count, 0, run, NULL);
	for (int64_t k = 0; k < count && mask->allow; k++)
		seen[k] = readable && run[k] != 0;
	readable = !mask->bias || !mask_file_run(mask->bias, at, row, key, count, -INFINITY, run, NULL);
	for (int64_t k = 0; k < count && mask->bias; k++)
		seen[k] &= readable && run[k] > (float)MASK_HIDES;
}

/* Keys of a row that both limits and files let through. */
static int64_t count_with_files(const struct mask *mask, const struct map_place *at, int64_t row)
{
	struct range range = row_range(mask, at->batch, row);
	bool seen[KEY_BLOCK];
	int64_t visible = 0;
	for (int64_t key = 0; key < range.end; key += KEY_BLOCK) {
		int64_t count = block_count(key, range.end);
		files_let_through(mask, at, row, key, count, seen);
		for (int64_t k = 0; k < count; k++)
			visible += seen[k] && in_range(mask, range, key + k);
	}
	return visible;
}

int64_t mask_support(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row)
{
	if (row_is_uniform(mask, layer, batch, head, row))
		return mask->keys;
	const struct map_place at = { layer, batch, head };
	return has_files(mask) ? count_with_files(mask, &at, row) : range_count(mask, row_range(mask, batch, row));
}

bool mask_visible(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, int64_t key)
{
	if (row_is_uniform(mask, layer, batch, head, row))
		return true;
	const struct map_place at = { layer, batch, head };
	bool seen = in_range(mask, row_range(mask, batch, row), key);
	if (seen && has_files(mask))
		files_let_through(mask, &at, row, key, 1, &seen);
	return seen;
}

enum err mask_find_dead(struct mask *mask, int64_t layers, int64_t heads, struct err_info *info)
{
	if (mask->dead_rows != DEAD_ROWS_UNIFORM || !has_files(mask))
		return ERR_OK;
	int64_t maps = layers * mask->batches * heads, rows;
	unsigned char *dead = mem_mul_i64(maps, mask->queries, &rows) ? mem_array((size_t)rows, 1) : NULL;
	if (!dead)
		return err_nomem(info, "the rows that see nothing");
	for (int64_t i = 0; i < rows; i++) {
		int64_t map = i / mask->queries;
		const struct map_place at = { map / heads / mask->batches, map / heads % mask->batches, map % heads };
		dead[i] = count_with_files(mask, &at, i % mask->queries) == 0;
	}
	mask->layers = layers;
	mask->heads = heads;
	mask->dead = dead;
	return ERR_OK;
}

void mask_release(struct mask *mask)
{
	free(mask->dead);
	mask->dead = NULL;
}

static void hide(float *scores, int from, int to)
{
	for (int lane = from; lane < to; lane++)
		scores[lane] = -INFINITY;
}

/* Queries ascend with the lanes, so for one key the rows that end before it are the first lanes, and those that begin after it the last. */
static void apply_limits(const struct mask *mask, int64_t batch, const struct fill *fill)
{
	const struct row_group *rows = fill->rows;
	int lanes = fill->kernels->lanes;
	int64_t begin[MAX_LANES], end[MAX_LANES];
	for (int lane = 0; lane < rows->count; lane++) {
		struct range range = row_range(mask, batch, rows->row[lane]);
		begin[lane] = range.begin;
		end[lane] = range.end;
	}
	int ended = 0, begun = 0;
	for (int64_t k = 0; k < fill->count; k++) {
		int64_t at = fill->key + k;
		while (ended < rows->count && end[ended] <= at)
			ended++;
		while (begun < rows->count && begin[begun] <= at)
			begun++;
		bool kept = at >= mask->key_begin && at < mask->key_begin + mask->keep_first;
		hide(fill->tile + k * lanes, 0, at < mask->key_begin ? rows->count : ended);
		if (!kept)
			hide(fill->tile + k * lanes, begun, rows->count);
	}
}

static enum err apply_allow(const struct mask *mask, const struct map_place *at, const struct fill *fill, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	int lanes = fill->kernels->lanes;
	float run[KEY_BLOCK];
	for (int lane = 0; lane < rows->count; lane++) {
		enum err err = mask_file_run(mask->allow, at, rows->row[lane], fill->key, fill->count, 0, run, info);
		if (err)
			return err;
		int hidden = 0;
		for (int64_t k = 0; k < fill->count; k++)
			hidden |= run[k] == 0;
		for (int64_t k = 0; k < fill->count && hidden; k++)
			fill->tile[k * lanes + lane] = run[k] != 0 ? fill->tile[k * lanes + lane] : -INFINITY;
	}
	return ERR_OK;
}

const float *mask_offset(const struct mask *mask, const struct fill *fill)
{
	static const _Alignas(64) float none[MAX_LANES];
	return mask->bias && fill->partial ? none : fill->offset;
}

/* base-2 logit + bias + offset. The sum of logit and bias is rounded to float32 before the offset is added, so that passes with other offsets agree. */
static float add_bias(float logit, float bias, float offset)
{
	if (!(bias > (float)MASK_HIDES))
		return -INFINITY;
	if (fabsf(bias) < (float)MASK_SWALLOWS)
		return logit + offset + bias * (float)LOG2_E;
	float sum = logit * (float)LN_2 + bias;
	return sum * (float)LOG2_E + offset;
}

static double add_bias64(double logit, double bias)
{
	if (fabs(bias) < MASK_SWALLOWS)
		return logit + bias;
	float sum = (float)logit + (float)bias;
	return (double)sum;
}

static enum err apply_bias(const struct mask *mask, const struct map_place *at, const struct fill *fill, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	int lanes = fill->kernels->lanes;
	float run[KEY_BLOCK];
	double exact[KEY_BLOCK];
	for (int lane = 0; lane < rows->count; lane++) {
		int bad = 0;
		enum err err = mask_file_run(mask->bias, at, rows->row[lane], fill->key, fill->count, -INFINITY, run, info);
		for (int64_t k = 0; k < fill->count; k++)
			bad |= !(run[k] < INFINITY);
		if (!err && bad)
			err = mask_file_bias64(mask, at, rows->row[lane], fill->key, fill->count, exact, info);
		if (err)
			return err;
		for (int64_t k = 0; k < fill->count; k++)
			fill->tile[k * lanes + lane] = add_bias(fill->tile[k * lanes + lane], run[k], fill->offset[lane]);
	}
	return ERR_OK;
}

enum err mask_apply(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, const struct fill *fill, struct err_info *info)
{
	const struct map_place at = { layer, batch, head };
	int lanes = fill->kernels->lanes;
	enum err err = mask->bias ? apply_bias(mask, &at, fill, info) : ERR_OK;
	if (!err && mask->allow)
		err = apply_allow(mask, &at, fill, info);
	if (err)
		return err;
	apply_limits(mask, batch, fill);
	for (int lane = 0; lane < fill->rows->count && mask->dead_rows == DEAD_ROWS_UNIFORM; lane++) {
		if (!row_is_uniform(mask, layer, batch, head, fill->rows->row[lane]))
			continue;
		for (int64_t k = 0; k < fill->count; k++)
			fill->tile[k * lanes + lane] = fill->offset[lane];
	}
	return ERR_OK;
}

enum err mask_apply64(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, double *score, struct err_info *info)
{
	double bias[KEY_BLOCK] = { 0 };
	const struct map_place at = { layer, batch, head };
	struct range range = row_range(mask, batch, row);
	bool dead = row_is_uniform(mask, layer, batch, head, row);
	for (int64_t key = 0; key < mask->keys; key += KEY_BLOCK) {
		int64_t count = block_count(key, mask->keys);
		enum err err = has_files(mask) ? mask_file_bias64(mask, &at, row, key, count, bias, info) : ERR_OK;
		if (err)
			return err;
		for (int64_t k = 0; k < count; k++) {
			bool visible = in_range(mask, range, key + k) && bias[k] != -INFINITY;
			double seen = visible ? add_bias64(score[key + k], bias[k]) : -INFINITY;
			score[key + k] = dead ? 0 : seen;
		}
	}
	return ERR_OK;
}

static void describe_limit(char *text, size_t size, int64_t limit)
{
	if (limit < 0)
		snprintf(text, size, "all");
	else
		snprintf(text, size, "%" PRId64, limit);
}

void mask_describe(const struct mask *mask, char *note, size_t size)
{
	static const char *const side[] = { "", "causal (top-left)", "causal (bottom-right)", "causal (from the key lengths)" };
	bool window = mask->left >= 0 || (mask->right >= 0 && !mask->causal);
	if (mask->causal && mask->queries == mask->keys && mask->diagonal == 0 && !mask->align_to_length)
		mechanism_note(note, size, "causal");
	else if (mask->causal)
		mechanism_note(note, size, "%s", side[mask->align_to_length ? 3 : mask->causal]);
	if (window) {
		char left[24], right[24];
		describe_limit(left, sizeof left, mask->left);
		describe_limit(right, sizeof right, mask->right);
		mechanism_note(note, size, "window %s,%s", left, right);
	}
	if (mask->chunk)
		mechanism_note(note, size, "chunks of %" PRId64, mask->chunk);
	if (mask->keep_first)
		mechanism_note(note, size, "first %" PRId64 " kept", mask->keep_first);
	if (mask->key_length || mask->key_begin)
		mechanism_note(note, size, "padding masked");
	if (mask->allow)
		mechanism_note(note, size, "mask %s", mask->allow->tensors[0]->name);
	if (mask->bias)
		mechanism_note(note, size, "bias %s", mask->bias->tensors[0]->name);
}
