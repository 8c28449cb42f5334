/* SPDX-License-Identifier: MIT */
#include "mechanism/mask.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/mask_file.h"
#include "mechanism/mechanism.h"

static const double LOG2_E = 1.4426950408889634074, LN_2 = 0.6931471805599453094;

/* Keys from `first` on that are in [begin, end), or in [kept, keep) where the mask keeps the first of its keys. */
struct range {
	int64_t begin, end, first, kept, keep;
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

static int64_t first_key(const struct mask *mask, int64_t batch)
{
	return mask->key_begins ? mask->key_begins[batch] : mask->key_begin;
}

static bool has_files(const struct mask *mask)
{
	return mask->allow || mask->bias;
}

/* Axes that both files share are one long in the list of first keys. */
static int64_t first_place(const struct mask *mask, const struct map_place *at, int64_t row)
{
	const int64_t *size = mask->kept_size;
	int64_t layer = at->layer % size[0], batch = at->batch % size[1], head = at->head % size[2];
	return ((layer * size[1] + batch) * size[2] + head) * size[3] + row % size[3];
}

static bool is_padding(const struct mask *mask, int64_t batch, int64_t row)
{
	return mask->query_length && row >= mask->query_length[batch];
}

/* Both ends of the limits grow with the row; coverage and the tile loop rest on that. What is kept lies between first and keep here. */
static struct range limits_of(const struct mask *mask, int64_t batch, int64_t row)
{
	int64_t length = mask->key_length ? mask->key_length[batch] : mask->keys, first = first_key(mask, batch);
	int64_t position = row + (mask->align_to_length ? length - mask->queries : mask->diagonal), end = min_i64(mask->keys, length);
	struct range range = { .begin = first, .end = end, .first = first, .kept = first };
	range.keep = min_i64(end, first + mask->keep_first + (mask->kept ? mask->kept_most - first : 0));
	if (is_padding(mask, batch, row))
		return (struct range){ end, end, first, end, end };
	if (mask->right >= 0)
		range.end = min_i64(range.end, position + mask->right + 1);
	if (mask->left >= 0)
		range.begin = max_i64(range.begin, position - mask->left);
	if (mask->chunk > 0) {
		int64_t chunk = position - floor_mod(position, mask->chunk);
		range.begin = max_i64(range.begin, chunk);
		range.end = min_i64(range.end, chunk + mask->chunk);
	}
	if (mask->causal)
		range.keep = min_i64(range.keep, position + 1);
	range.end = max_i64(range.end, 0);
	range.keep = mask->keep_first > 0 ? max_i64(range.keep, 0) : 0;
	return range;
}

/* The same, with the keys that are kept as the files have them. */
static struct range row_range(const struct mask *mask, const struct map_place *at, int64_t row)
{
	struct range range = limits_of(mask, at->batch, row);
	if (!mask->kept || is_padding(mask, at->batch, row))
		return range;
	range.kept = max_i64(range.first, mask->kept[first_place(mask, at, row)]);
	range.keep = min_i64(range.keep, range.kept + mask->keep_first);
	return range;
}

static bool in_range(struct range range, int64_t key)
{
	return key >= range.first && ((key >= range.begin && key < range.end) || (key >= range.kept && key < range.keep));
}

static int64_t overlap(int64_t begin, int64_t end, int64_t other_begin, int64_t other_end)
{
	return max_i64(0, min_i64(end, other_end) - max_i64(begin, other_begin));
}

static int64_t range_count(struct range range)
{
	int64_t window = max_i64(0, range.end - range.begin), kept = max_i64(0, range.keep - range.kept);
	return window + kept - overlap(range.begin, range.end, range.kept, range.keep);
}

/* Dead, and to be shown as seeing every key alike. */
static bool row_is_uniform(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row)
{
	if (mask->dead_rows != DEAD_ROWS_UNIFORM)
		return false;
	if (mask->dead)
		return mask->dead[((layer * mask->batches + batch) * mask->heads + head) * mask->queries + row];
	return range_count(row_range(mask, &(struct map_place){ layer, batch, head }, row)) == 0;
}

/* Are all of keys [begin, end) in what rows with these limits see, the first of them and the last? */
static bool covers(const struct range *early, const struct range *late, int64_t begin, int64_t end)
{
	if (begin < early->first)
		return false;
	bool in_window = begin >= late->begin && end <= early->end;
	bool in_kept = end <= early->keep && end <= late->keep;
	bool in_both = late->begin <= early->keep && late->begin <= late->keep && end <= early->end;
	return in_window || in_kept || in_both;
}

enum coverage mask_coverage(const struct mask *mask, int64_t batch, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	struct range early = limits_of(mask, batch, first), late = limits_of(mask, batch, last);
	if (mask->dead_rows == DEAD_ROWS_UNIFORM && (mask->dead || !range_count(early) || !range_count(late)))
		return TILE_PARTIAL;
	int64_t alive = mask->query_length ? min_i64(last, mask->query_length[batch] - 1) : last;
	if (alive < first)
		return TILE_EMPTY;
	struct range latest = limits_of(mask, batch, alive);
	bool in_window = overlap(begin, end, early.begin, latest.end) > 0;
	bool in_kept = overlap(begin, end, latest.first, latest.keep) > 0;
	if (!in_window && !in_kept)
		return TILE_EMPTY;
	return alive == last && covers(&early, &late, begin, end) && !has_files(mask) ? TILE_FULL : TILE_PARTIAL;
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
	bool readable = !mask->allow || !mask_file_run(mask, mask->allow, at, row, key, count, run, NULL);
	for (int64_t k = 0; k < count && mask->allow; k++)
		seen[k] = readable && run[k] != 0;
	readable = !mask->bias || !mask_file_run(mask, mask->bias, at, row, key, count, run, NULL);
	for (int64_t k = 0; k < count && mask->bias; k++)
		seen[k] &= readable && run[k] > (float)MASK_HIDES;
}

/* Keys of a row that both limits and files let through. */
static int64_t count_with_files(const struct mask *mask, const struct map_place *at, int64_t row)
{
	struct range range = row_range(mask, at, row);
	bool seen[KEY_BLOCK];
	int64_t visible = 0, end = max_i64(range.end, range.keep);
	for (int64_t key = 0; key < end; key += KEY_BLOCK) {
		int64_t count = block_count(key, end);
		files_let_through(mask, at, row, key, count, seen);
		for (int64_t k = 0; k < count; k++)
			visible += seen[k] && in_range(range, key + k);
	}
	return visible;
}

int64_t mask_support(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row)
{
	if (row_is_uniform(mask, layer, batch, head, row))
		return mask->keys;
	const struct map_place at = { layer, batch, head };
	return has_files(mask) ? count_with_files(mask, &at, row) : range_count(row_range(mask, &at, row));
}

bool mask_visible(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, int64_t key)
{
	if (row_is_uniform(mask, layer, batch, head, row))
		return true;
	const struct map_place at = { layer, batch, head };
	bool seen = in_range(row_range(mask, &at, row), key);
	if (seen && has_files(mask))
		files_let_through(mask, &at, row, key, 1, &seen);
	return seen;
}

/* The first key of [begin, end) that a row sees through the files, or the last; -1: none. */
static int64_t seen_through(const struct mask *mask, const struct map_place *at, int64_t row, struct range range, int64_t begin, int64_t end, bool last)
{
	bool seen[KEY_BLOCK];
	for (int64_t done = 0; done < end - begin; done += KEY_BLOCK) {
		int64_t count = block_count(done, end - begin), key = last ? end - done - count : begin + done;
		files_let_through(mask, at, row, key, count, seen);
		for (int64_t k = 0; k < count; k++) {
			int64_t place = last ? count - 1 - k : k;
			if (seen[place] && in_range(range, key + place))
				return key + place;
		}
	}
	return -1;
}

bool mask_span(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, int64_t *begin, int64_t *end)
{
	const struct map_place at = { layer, batch, head };
	struct range range = row_range(mask, &at, row);
	bool window = range.begin < range.end, kept = range.kept < range.keep;
	*begin = 0;
	*end = mask->keys;
	if (row_is_uniform(mask, layer, batch, head, row))
		return true;
	if (!window && !kept)
		return false;
	*begin = !window || (kept && range.kept < range.begin) ? range.kept : range.begin;
	*end = !window || (kept && range.keep > range.end) ? range.keep : range.end;
	if (!has_files(mask))
		return true;
	*begin = seen_through(mask, &at, row, range, *begin, *end, false);
	if (*begin >= 0)
		*end = seen_through(mask, &at, row, range, *begin, *end, true) + 1;
	return *begin >= 0;
}

/* How long the axes of the list of first keys are: as long as those of the files that are read, and where items begin at different keys one for each item. */
static void find_sizes(struct mask *mask)
{
	static const int axis[] = { AXIS_LAYER, AXIS_BATCH, AXIS_HEAD, AXIS_TOKEN };
	for (int i = 0; i < 4; i++) {
		int64_t allow = mask->allow ? mask->allow->size[axis[i]] : 1, bias = mask->bias ? mask->bias->size[axis[i]] : 1;
		mask->kept_size[i] = max_i64(allow, bias);
	}
	if (mask->key_begins)
		mask->kept_size[1] = mask->batches;
}

enum err mask_find_first(struct mask *mask, struct err_info *info)
{
	bool limited = mask->left >= 0 || mask->chunk > 0 || (mask->right >= 0 && !mask->causal);
	const struct range all = { .end = mask->keys };
	if (mask->keep_first <= 0 || !has_files(mask) || !limited)
		return ERR_OK;
	find_sizes(mask);
	const int64_t *size = mask->kept_size;
	int64_t rows = size[0] * size[1] * size[2] * size[3];
	int64_t *kept = mem_array((size_t)rows, sizeof *kept);
	if (!kept)
		return err_nomem(info, "the first keys");
	for (int64_t i = 0; i < rows; i++) {
		const struct map_place at = { i / size[3] / size[2] / size[1], i / size[3] / size[2] % size[1], i / size[3] % size[2] };
		int64_t found = seen_through(mask, &at, i % size[3], all, first_key(mask, at.batch), mask->keys, false);
		kept[i] = found >= 0 ? found : 0;
		mask->kept_most = max_i64(mask->kept_most, kept[i]);
	}
	mask->kept = kept;
	return ERR_OK;
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
	free(mask->kept);
	free(mask->diagonals);
	mask->dead = NULL;
	mask->kept = mask->diagonals = NULL;
}

static void hide(float *scores, int from, int to)
{
	for (int lane = from; lane < to; lane++)
		scores[lane] = -INFINITY;
}

/* Queries ascend with the lanes, so for one key the rows that end before it are the first lanes, and those that begin after it the last. Keys that may be kept
 * are asked about one by one: few of them. */
static void apply_limits(const struct mask *mask, const struct map_place *at, const struct fill *fill)
{
	const struct row_group *rows = fill->rows;
	int lanes = fill->kernels->lanes, ended = 0, begun = 0;
	int64_t keep = 0, first = first_key(mask, at->batch);
	struct range range[MAX_LANES];
	for (int lane = 0; lane < rows->count; lane++) {
		range[lane] = row_range(mask, at, rows->row[lane]);
		keep = max_i64(keep, range[lane].keep);
	}
	for (int64_t k = 0; k < fill->count; k++) {
		int64_t key = fill->key + k;
		float *scores = fill->tile + k * lanes;
		for (int lane = 0; lane < rows->count && key < keep; lane++)
			if (!in_range(range[lane], key))
				hide(scores, lane, lane + 1);
		if (key < keep)
			continue;
		while (ended < rows->count && range[ended].end <= key)
			ended++;
		while (begun < rows->count && range[begun].begin <= key)
			begun++;
		hide(scores, 0, key < first ? rows->count : ended);
		hide(scores, begun, rows->count);
	}
}

static enum err apply_allow(const struct mask *mask, const struct map_place *at, const struct fill *fill, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	int lanes = fill->kernels->lanes;
	float run[KEY_BLOCK];
	for (int lane = 0; lane < rows->count; lane++) {
		enum err err = mask_file_run(mask, mask->allow, at, rows->row[lane], fill->key, fill->count, run, info);
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
		enum err err = mask_file_run(mask, mask->bias, at, rows->row[lane], fill->key, fill->count, run, info);
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
	apply_limits(mask, &at, fill);
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
	struct range range = row_range(mask, &at, row);
	bool dead = row_is_uniform(mask, layer, batch, head, row);
	for (int64_t key = 0; key < mask->keys; key += KEY_BLOCK) {
		int64_t count = block_count(key, mask->keys);
		enum err err = has_files(mask) ? mask_file_bias64(mask, &at, row, key, count, bias, info) : ERR_OK;
		if (err)
			return err;
		for (int64_t k = 0; k < count; k++) {
			bool visible = in_range(range, key + k) && bias[k] != -INFINITY;
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

int64_t mask_most_keys(const struct mask *mask)
{
	int64_t most = 0, batches = mask->key_length || mask->key_begins ? mask->batches : 1;
	for (int64_t batch = 0; batch < batches; batch++)
		for (int64_t row = 0; row < mask->queries; row++)
			most = max_i64(most, range_count(limits_of(mask, batch, row)));
	return most;
}

void mask_describe(const struct mask *mask, char *note, size_t size)
{
	static const char *const side[] = { [CAUSAL_TOP_LEFT] = "causal (top-left)", [CAUSAL_BOTTOM_RIGHT] = "causal (bottom-right)" };
	bool window = mask->left >= 0 || (mask->right >= 0 && !mask->causal);
	if (mask->causal && mask->queries == mask->keys && mask->diagonal == 0 && !mask->align_to_length)
		mechanism_note(note, size, "causal");
	else if (mask->causal)
		mechanism_note(note, size, "%s", mask->align_to_length ? "causal (from the key lengths)" : side[mask->causal]);
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
	if (mask->key_length || mask->key_begin || mask->key_begins || mask->query_length)
		mechanism_note(note, size, "padding masked");
	if (mask->allow)
		mechanism_note(note, size, "mask %s", mask->allow->tensors[0]->name);
	if (mask->bias)
		mechanism_note(note, size, "bias %s", mask->bias->tensors[0]->name);
}
