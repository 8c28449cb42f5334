/*
 * Groups at the speed of tiles.
 *
 * The first queries of the groups of a row group lie in its lanes, so their weights are the strip as they come; whatever further queries the groups have follow, packed
 * lane beside lane, and are added to it. Keys are summed on the way. Where no group has more than one token, a row is that of the inner source without the keys left
 * out: those keep their share in the denominator only, as a sink logit does, so that pass 1 yields the statistics, and the strip is made only where a sink wants tiles.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/grouped_parts.h"

/* Weights of a packed row group on their way: those of keys from group `first` on are relative to `base`. */
struct segment {
	int64_t first;
	float base[MAX_LANES];
};

struct gathering {
	const struct grouped *grouped;
	const struct kernels *kernels;
	struct inner_rows inner;
	struct strip part;          /* of further queries */
	struct strip *to;           /* the strip that is being gathered */
	struct segment *segment;
	int64_t segments;
	int64_t open;               /* the last group of keys so far, which may go on; -1: none */
	double carry[MAX_LANES];    /* its sum */
	double *total;              /* [keys] sums of a group that has whole row groups of further queries */
	int64_t total_lane;         /* the lane it belongs to; -1: none */

	struct softmax_state left;  /* keys that are left out */
	struct fold fold;
	_Alignas(64) float left_tile[KEY_BLOCK * MAX_LANES];

	int64_t row[MAX_LANES];
	int owner[MAX_LANES];       /* lane of the group that a query belongs to */
	int64_t blind[MAX_LANES];   /* queries of each lane's group that do not count: the mean is over the others */
	bool sums;                  /* whether a row that sees something is zero all the same is found by: */
	_Alignas(64) float sum[MAX_LANES]; /* the weights of the row group at work, of all keys */
	int count;
};

/* Rows that differ from the inner ones only in what is left out. */
static bool is_plain(const struct grouped *grouped)
{
	return grouped->queries.single && grouped->keys.single && grouped->inner->norm == NORM_SOFTMAX && !grouped->inner->ops->filter;
}

static void gathering_close(void *state)
{
	struct gathering *gathering = state;
	if (!gathering)
		return;
	inner_rows_release(&gathering->inner);
	strip_release(&gathering->part);
	free(gathering->segment);
	free(gathering->total);
	mem_aligned_free(gathering);
}

static void *gathering_open(const struct source *source, const struct kernels *kernels)
{
	const struct grouped *grouped = (const struct grouped *)source;
	struct gathering *gathering = mem_aligned(sizeof *gathering);
	if (!gathering)
		return NULL;
	memset(gathering, 0, sizeof *gathering);
	gathering->grouped = grouped;
	gathering->kernels = kernels;
	gathering->sums = !grouped->queries.single && grouped->inner->norm == NORM_NONE && !grouped->inner->is_signed;
	gathering->segment = mem_array((size_t)(grouped->inner->keys / KEY_BLOCK + 2), sizeof *gathering->segment);
	bool complete = gathering->segment && inner_rows_init(&gathering->inner, grouped->inner, kernels);
	if (complete && !grouped->queries.single) {
		gathering->total = mem_array((size_t)source->keys, sizeof *gathering->total);
		complete = gathering->total && strip_init(&gathering->part, source->keys, kernels->lanes);
	}
	if (complete)
		return gathering;
	gathering_close(gathering);
	return NULL;
}

/* The logits of keys that are left out, into sums of their own. */
static bool leave_out(void *data, int64_t key, int64_t count, float *tile, const float *base)
{
	struct gathering *gathering = data;
	const int64_t *group = gathering->grouped->keys.grouping.group + key;
	const struct kernels *kernels = gathering->kernels;
	struct softmax_state *left = &gathering->left;
	int64_t found = 0;
	for (int64_t k = 0; k < count; k++) {
		if (group[k] >= 0)
			continue;
		float *from = tile + k * kernels->lanes, *to = gathering->left_tile + found++ * kernels->lanes;
		for (int lane = 0; lane < kernels->lanes; lane++) {
			to[lane] = from[lane] + (base[lane] - left->base[lane]);
			from[lane] = -INFINITY;
		}
	}
	if (!found)
		return false;
	kernels->softmax_open(gathering->left_tile, found, NULL, left, false, false, &gathering->fold);
	kernels->fold_rest(&gathering->fold);
	kernels->softmax_close(&gathering->fold, left);
	return true;
}

/* The first and last group that the keys of a block are in; false: none. */
static bool groups_of_block(const int64_t *group, int64_t count, int64_t *first, int64_t *last)
{
	int64_t begin = 0, end = count;
	while (begin < end && group[begin] < 0)
		begin++;
	while (end > begin && group[end - 1] < 0)
		end--;
	if (begin == end)
		return false;
	*first = group[begin];
	*last = group[end - 1];
	return true;
}

static void begin_segment(struct gathering *gathering, int64_t first)
{
	struct segment *segment = &gathering->segment[gathering->segments++];
	segment->first = first;
	memcpy(segment->base, gathering->inner.group->state.base, sizeof segment->base);
}

static void take(void *data, int64_t key, int64_t count, const float *tile, const float *fall)
{
	struct gathering *gathering = data;
	const int64_t *group = gathering->grouped->keys.grouping.group + key;
	const int lanes = gathering->kernels->lanes;
	float *row = gathering->to->p;
	int64_t first, last, open = gathering->open;
	if (gathering->sums)
		gathering->kernels->sum_keys(tile, count, gathering->sum);
	for (int lane = 0; lane < lanes && fall && open >= 0; lane++) {
		gathering->carry[lane] *= (double)fall[lane];
		row[open * lanes + lane] = (float)gathering->carry[lane];
	}
	if (fall || gathering->segments == 0)
		begin_segment(gathering, open < 0 ? 0 : open);
	if (!groups_of_block(group, count, &first, &last))
		return;
	bool goes_on = first == open;
	strip_touch(gathering->to, first, last + 1, false);
	gathering->kernels->group_keys(tile, count, group, row);
	if (goes_on) /* what lies in the strip is this block's share */
		for (int lane = 0; lane < lanes; lane++) {
			gathering->carry[lane] += (double)row[first * lanes + lane];
			row[first * lanes + lane] = (float)gathering->carry[lane];
		}
	if (!goes_on || last != first)
		for (int lane = 0; lane < lanes; lane++)
			gathering->carry[lane] = (double)row[last * lanes + lane];
	gathering->open = last;
}

static enum err gather(struct gathering *gathering, const struct row_group *rows, const void *prepared, struct strip *strip, bool plain, struct err_info *info)
{
	const struct taker taker = { gathering, plain ? leave_out : NULL, strip ? take : NULL };
	struct group *group = gathering->inner.group;
	gathering->to = strip;
	memset(gathering->sum, 0, sizeof gathering->sum);
	gathering->segments = 0;
	gathering->open = -1;
	softmax_state_init(&gathering->left);
	enum err err = inner_rows_run(&gathering->inner, rows, prepared, &taker, info);
	if (err)
		return err;
	group->has_beside = plain;
	for (int lane = 0; lane < rows->count && plain; lane++)
		group->beside[lane] = gathering->left.sum[lane] > 0 ? (double)gathering->left.base[lane] * log(2) + log(gathering->left.sum[lane]) : -INFINITY;
	pass_settle(&gathering->inner.pass, group);
	return ERR_OK;
}

/* Queries that see nothing, or whose weights are all zero where none can be negative, are in no mean. */
static void count_blind(struct gathering *gathering, const int *owner)
{
	const struct group *group = gathering->inner.group;
	for (int lane = 0; lane < group->rows.count; lane++) {
		const struct row_stats *stats = &group->stats[lane];
		if (stats->support == 0 || (gathering->sums && gathering->sum[lane] == 0))
			gathering->blind[owner ? owner[lane] : lane]++;
	}
}

/* The means of groups with queries that do not count are over fewer. */
static void leave_out_blind(struct gathering *gathering, const struct row_group *rows, struct strip *strip)
{
	const int64_t *start = gathering->grouped->queries.start;
	_Alignas(64) float factor[MAX_LANES] = { 0 };
	bool any = false;
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t members = start[rows->row[lane] + 1] - start[rows->row[lane]], counted = members - gathering->blind[lane];
		factor[lane] = counted > 0 ? (float)((double)members / (double)counted) : 1;
		any |= gathering->blind[lane] > 0;
	}
	for (int64_t key = 0; key < strip->keys && any; key += KEY_BLOCK)
		if (strip->filled[key / KEY_BLOCK])
			gathering->kernels->scale_block(strip->p + key * strip->lanes, strip->filled[key / KEY_BLOCK], factor);
}

/* The strip in its final unit: weights, each lane's divided by the queries of its group. */
static void scale_strip(struct gathering *gathering, struct strip *strip, const double *share)
{
	_Alignas(64) float factor[MAX_LANES] = { 0 };
	const struct group *group = gathering->inner.group;
	for (int64_t s = 0; s < gathering->segments; s++) {
		int64_t end = s + 1 < gathering->segments ? gathering->segment[s + 1].first : strip->keys;
		for (int lane = 0; lane < group->rows.count; lane++)
			factor[lane] = (float)(filter_factor(&gathering->inner, lane, gathering->segment[s].base[lane]) * share[lane]);
		for (int64_t key = gathering->segment[s].first, next; key < end; key = next) {
			int64_t block = key / KEY_BLOCK * KEY_BLOCK, filled = block + strip->filled[key / KEY_BLOCK];
			next = block + KEY_BLOCK < end ? block + KEY_BLOCK : end;
			filled = filled < next ? filled : next;
			if (filled > key)
				gathering->kernels->scale_block(strip->p + key * strip->lanes, filled - key, factor);
		}
	}
}

/* The sums of a lane's further queries join the strip. */
static void flush_total(struct gathering *gathering, struct strip *strip)
{
	if (gathering->total_lane < 0)
		return;
	for (int64_t key = 0; key < strip->keys; key++)
		if (key % KEY_BLOCK < strip->filled[key / KEY_BLOCK])
			strip->p[key * strip->lanes + gathering->total_lane] += (float)gathering->total[key];
	gathering->total_lane = -1;
}

/* Queries of one group: thousands may follow, so their sums are float64. */
static void add_to_total(struct gathering *gathering, struct strip *strip)
{
	const struct strip *part = &gathering->part;
	if (gathering->total_lane != gathering->owner[0]) {
		flush_total(gathering, strip);
		memset(gathering->total, 0, (size_t)strip->keys * sizeof *gathering->total);
		gathering->total_lane = gathering->owner[0];
	}
	for (int64_t key = 0; key < strip->keys; key += KEY_BLOCK)
		if (part->filled[key / KEY_BLOCK])
			gathering->kernels->sum_lanes(part->p + key * part->lanes, part->filled[key / KEY_BLOCK], gathering->total + key);
}

static void add_to_lanes(const struct gathering *gathering, struct strip *strip)
{
	const struct strip *part = &gathering->part;
	const int lanes = strip->lanes, count = gathering->count;
	for (int64_t key = 0; key < strip->keys; key += KEY_BLOCK) {
		int64_t end = key + part->filled[key / KEY_BLOCK];
		for (int64_t k = key; k < end; k++) {
			const float *from = part->p + k * lanes;
			float *to = strip->p + k * lanes;
			for (int lane = 0; lane < count; lane++)
				to[gathering->owner[lane]] += from[lane];
		}
	}
}

static void add_part(struct gathering *gathering, struct strip *strip)
{
	const struct strip *part = &gathering->part;
	for (int64_t key = 0; key < strip->keys; key += KEY_BLOCK)
		if (part->filled[key / KEY_BLOCK])
			strip_touch(strip, key, key + part->filled[key / KEY_BLOCK], true);
	if (gathering->owner[0] == gathering->owner[gathering->count - 1])
		add_to_total(gathering, strip);
	else
		add_to_lanes(gathering, strip);
}

/* Queries beyond the first of their groups, as many as are packed. */
static enum err add_queries(struct gathering *gathering, int64_t map, const void *prepared, struct strip *strip, const double *share, struct err_info *info)
{
	double shares[MAX_LANES];
	const struct row_group rows = { .map = map, .count = gathering->count, .row = gathering->row };
	if (!gathering->count)
		return ERR_OK;
	strip_clear(&gathering->part);
	enum err err = gather(gathering, &rows, prepared, &gathering->part, false, info);
	if (err)
		return err;
	count_blind(gathering, gathering->owner);
	for (int lane = 0; lane < gathering->count; lane++)
		shares[lane] = share[gathering->owner[lane]];
	scale_strip(gathering, &gathering->part, shares);
	add_part(gathering, strip);
	gathering->count = 0;
	return ERR_OK;
}

/* The queries of the groups but for the first of each. */
static enum err add_further(struct gathering *gathering, const struct row_group *rows, const void *prepared, struct strip *strip, const double *share,
			    struct err_info *info)
{
	const struct members *queries = &gathering->grouped->queries;
	enum err err = ERR_OK;
	gathering->count = 0;
	gathering->total_lane = -1;
	for (int lane = 0; !err && lane < rows->count; lane++)
		for (int64_t i = queries->start[rows->row[lane]] + 1; !err && i < queries->start[rows->row[lane] + 1]; i++) {
			gathering->row[gathering->count] = queries->member[i];
			gathering->owner[gathering->count++] = lane;
			if (gathering->count == gathering->kernels->lanes)
				err = add_queries(gathering, rows->map, prepared, strip, share, info);
		}
	if (!err)
		err = add_queries(gathering, rows->map, prepared, strip, share, info);
	flush_total(gathering, strip);
	return err;
}

static enum err grouped_rows(void *state, const struct row_group *rows, const void *prepared, unsigned needs, struct strip *strip, struct row_stats *stats,
			     struct err_info *info)
{
	struct gathering *gathering = state;
	const struct grouped *grouped = gathering->grouped;
	const struct members *queries = &grouped->queries;
	bool plain = is_plain(grouped), tiles = !plain || (needs & SINK_TILES);
	int64_t first[MAX_LANES];
	double share[MAX_LANES];
	for (int lane = 0; lane < rows->count; lane++) {
		first[lane] = queries->member[queries->start[rows->row[lane]]];
		share[lane] = 1 / (double)(queries->start[rows->row[lane] + 1] - queries->start[rows->row[lane]]);
	}
	const struct row_group heads = { .map = rows->map, .count = rows->count, .row = first };
	enum err err = gather(gathering, &heads, prepared, tiles ? strip : NULL, plain, info);
	if (err)
		return err;
	if (tiles)
		scale_strip(gathering, strip, share);
	if (plain) {
		for (int lane = 0; lane < rows->count; lane++) {
			stats[lane] = gathering->inner.group->stats[lane];
			stats[lane].lse = log(stats[lane].sum);
			stats[lane].max = stats[lane].peak;
		}
		return ERR_OK;
	}
	if (!queries->single) {
		memset(gathering->blind, 0, sizeof gathering->blind);
		count_blind(gathering, NULL);
		err = add_further(gathering, rows, prepared, strip, share, info);
		leave_out_blind(gathering, rows, strip);
	}
	if (!err)
		strip_stats(strip, &grouped->source, gathering->kernels, rows, stats);
	return err;
}

const struct filter_ops grouped_filter = { gathering_open, gathering_close, grouped_rows };
