/* SPDX-License-Identifier: MIT */
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

/* Row groups that are made at once, at most. */
enum { TOGETHER = 4 };

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
	int total_group, total_lane; /* where it lies; total_lane -1: none */

	struct softmax_state left;  /* keys that are left out */
	struct fold fold;
	_Alignas(64) float left_tile[KEY_BLOCK * MAX_LANES];

	/* What the strips of the row groups are still to be multiplied by: once at the end, with the statistics. */
	_Alignas(64) float unit[TOGETHER][MAX_LANES];

	int64_t blind[TOGETHER][MAX_LANES]; /* queries of each lane's group that do not count: the mean is over the others */
	bool sums;                  /* whether a row that sees something is zero all the same is found by: */
	_Alignas(64) float sum[MAX_LANES]; /* the weights of the row group at work, of all keys */

	const struct made_rows *made; /* the row groups at work */
	unsigned needs;
	int done;                   /* those before have all their queries */
	struct lane_moves moves;
	_Alignas(64) float merged[KEY_BLOCK * MAX_LANES]; /* groups of a pack */

	int64_t row[MAX_LANES];
	struct {
		int group, lane;
	} owner[MAX_LANES];         /* where the group lies that a query belongs to */
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
		float *restrict from = tile + k * kernels->lanes, *restrict to = gathering->left_tile + found++ * kernels->lanes;
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
	const struct taker taker = { gathering, plain ? leave_out : NULL, strip ? take : NULL, !plain };
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

/* Does the query in a lane of the row group at work count? One that sees nothing, or whose weights are all zero where none can be negative, is in no mean. */
static bool is_blind(const struct gathering *gathering, int lane)
{
	return gathering->inner.group->stats[lane].support == 0 || (gathering->sums && gathering->sum[lane] == 0);
}

static void segment_factors(const struct gathering *gathering, int64_t segment, const double *share, float *factor)
{
	for (int lane = 0; lane < gathering->inner.group->rows.count; lane++)
		factor[lane] = (float)(filter_factor(&gathering->inner, lane, gathering->segment[segment].base[lane]) * share[lane]);
}

/* The strip in its final unit: weights, each lane's divided by the queries of its group. */
static void scale_strip(struct gathering *gathering, struct strip *strip, const double *share)
{
	_Alignas(64) float factor[MAX_LANES] = { 0 };
	for (int64_t s = 0; s < gathering->segments; s++) {
		int64_t end = s + 1 < gathering->segments ? gathering->segment[s + 1].first : strip->keys;
		segment_factors(gathering, s, share, factor);
		for (int64_t key = gathering->segment[s].first, next; key < end; key = next) {
			int64_t block = key / KEY_BLOCK * KEY_BLOCK, filled = block + strip->filled[key / KEY_BLOCK];
			next = block + KEY_BLOCK < end ? block + KEY_BLOCK : end;
			filled = filled < next ? filled : next;
			if (filled > key)
				gathering->kernels->scale_block(strip->p + key * strip->lanes, filled - key, factor);
		}
	}
}

static int64_t members_of(const struct members *members, int64_t group)
{
	return members->start[group + 1] - members->start[group];
}

/* The sums of a lane's further queries join its strip. */
static void flush_total(struct gathering *gathering)
{
	if (gathering->total_lane < 0)
		return;
	struct strip *strip = gathering->made[gathering->total_group].strip;
	for (int64_t key = 0; key < strip->keys; key++)
		if (key % KEY_BLOCK < strip->filled[key / KEY_BLOCK])
			strip->p[key * strip->lanes + gathering->total_lane] += (float)gathering->total[key];
	gathering->total_lane = -1;
}

/* Queries of one group: thousands may follow, so their sums are float64. */
static void add_to_total(struct gathering *gathering)
{
	const struct strip *part = &gathering->part;
	struct strip *strip = gathering->made[gathering->owner[0].group].strip;
	if (gathering->total_lane != gathering->owner[0].lane || gathering->total_group != gathering->owner[0].group) {
		flush_total(gathering);
		memset(gathering->total, 0, (size_t)part->keys * sizeof *gathering->total);
		gathering->total_group = gathering->owner[0].group;
		gathering->total_lane = gathering->owner[0].lane;
	}
	for (int64_t key = 0; key < part->keys; key += KEY_BLOCK)
		if (part->filled[key / KEY_BLOCK]) {
			strip_touch(strip, key, key + part->filled[key / KEY_BLOCK], true);
			gathering->kernels->sum_lanes(part->p + key * part->lanes, part->filled[key / KEY_BLOCK], gathering->total + key);
		}
}

static bool of_one_group(const struct gathering *gathering)
{
	int last = gathering->count - 1;
	return gathering->owner[0].group == gathering->owner[last].group && gathering->owner[0].lane == gathering->owner[last].lane;
}

/* The means of groups with queries that do not count are over fewer. */
static void leave_out_blind(struct gathering *gathering, const struct row_group *rows, int g)
{
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t members = members_of(&gathering->grouped->queries, rows->row[lane]), counted = members - gathering->blind[g][lane];
		if (gathering->blind[g][lane] && counted)
			gathering->unit[g][lane] *= (float)((double)members / (double)counted);
	}
}

static struct row_stats stats_of(const struct gathering *gathering, const struct softmax_state *state, int lane)
{
	struct row_stats stats = pass_weight_stats(&gathering->grouped->source, state, lane);
	if (!(gathering->needs & SINK_ENTROPY))
		stats.entropy = NAN;
	return stats;
}

static unsigned sums_flags(const struct gathering *gathering)
{
	return (gathering->needs & SINK_ENTROPY ? SUMS_LOG : 0) | (gathering->needs & SINK_TILES ? SUMS_KEEP : 0);
}

/* Lanes [first, last) of the part join a row group. Where they are its last, its strip is scaled and summed on the way, block by block, while it is in the nearest
 * cache. */
static void join(struct gathering *gathering, const struct made_rows *made, int first, int last, const float *factor, bool ends)
{
	const struct kernels *kernels = gathering->kernels;
	const struct strip *part = &gathering->part;
	struct strip *strip = made->strip;
	const float *unit = gathering->unit[made - gathering->made];
	int to_lane[MAX_LANES];
	struct softmax_state state;
	softmax_state_init(&state);
	for (int lane = first; lane < last; lane++)
		to_lane[lane] = gathering->owner[lane].lane;
	kernels->plan_moves(to_lane, factor, first, last, &gathering->moves);
	for (int64_t key = 0; key < strip->keys; key += KEY_BLOCK) {
		int64_t block = key / KEY_BLOCK, joined = first < last ? part->filled[block] : 0;
		float *at = strip->p + key * strip->lanes;
		if (joined)
			strip_touch(strip, key, key + joined, true);
		if (ends && strip->filled[block])
			kernels->move_sums(joined ? part->p + key * part->lanes : NULL, joined, &gathering->moves, at, strip->filled[block], unit, sums_flags(gathering), &state);
		else if (joined)
			kernels->move_lanes(part->p + key * part->lanes, joined, &gathering->moves, at);
	}
	for (int lane = 0; ends && lane < made->rows->count; lane++)
		made->stats[lane] = stats_of(gathering, &state, lane);
}

/* What is packed joins the row groups it belongs to; those before `end` have all their queries then. */
static void add_part(struct gathering *gathering, const float *factor, int end)
{
	const int count = gathering->count;
	bool one = count > 0 && of_one_group(gathering);
	int lane = 0;
	if (one)
		add_to_total(gathering);
	for (int g = gathering->done; g < end || lane < count; g++) {
		int first = lane;
		while (lane < count && gathering->owner[lane].group == g)
			lane++;
		if (g < end && gathering->total_group == g)
			flush_total(gathering);
		if (g < end)
			leave_out_blind(gathering, gathering->made[g].rows, g);
		if (g < end || !one)
			join(gathering, &gathering->made[g], one ? lane : first, lane, factor, g < end);
	}
	gathering->done = end;
}

/* Queries beyond the first of their groups, as many as are packed; row groups before `end` have no others. */
static enum err add_queries(struct gathering *gathering, int end, const void *prepared, struct err_info *info)
{
	const struct made_rows *made = gathering->made;
	double share[MAX_LANES];
	float factor[MAX_LANES];
	const struct row_group rows = { .map = made->rows->map, .count = gathering->count, .row = gathering->row };
	if (!gathering->count) {
		add_part(gathering, NULL, end);
		return ERR_OK;
	}
	strip_clear(&gathering->part);
	enum err err = gather(gathering, &rows, prepared, &gathering->part, false, info);
	if (err)
		return err;
	for (int lane = 0; lane < gathering->count; lane++) {
		int g = gathering->owner[lane].group, to = gathering->owner[lane].lane;
		share[lane] = 1 / (double)members_of(&gathering->grouped->queries, made[g].rows->row[to]) / (double)gathering->unit[g][to];
		factor[lane] = 1;
		gathering->blind[g][to] += is_blind(gathering, lane);
	}
	if (gathering->segments > 1 || of_one_group(gathering))
		scale_strip(gathering, &gathering->part, share);
	else
		segment_factors(gathering, 0, share, factor);
	add_part(gathering, factor, end);
	gathering->count = 0;
	return ERR_OK;
}

/* The queries of the groups but for the first of each. */
static enum err add_further(struct gathering *gathering, int count, const void *prepared, struct err_info *info)
{
	const struct made_rows *made = gathering->made;
	const struct members *queries = &gathering->grouped->queries;
	enum err err = ERR_OK;
	gathering->count = gathering->done = 0;
	gathering->total_lane = -1;
	for (int g = 0; g < count; g++)
		for (int lane = 0; lane < made[g].rows->count; lane++)
			for (int64_t i = queries->start[made[g].rows->row[lane]] + 1; !err && i < queries->start[made[g].rows->row[lane] + 1]; i++) {
				gathering->row[gathering->count] = queries->member[i];
				gathering->owner[gathering->count].group = g;
				gathering->owner[gathering->count++].lane = lane;
				if (gathering->count == gathering->kernels->lanes)
					err = add_queries(gathering, g, prepared, info);
			}
	return err ? err : add_queries(gathering, count, prepared, info);
}

/* The first queries of the groups, in their lanes. */
static enum err add_first(struct gathering *gathering, const struct made_rows *made, const void *prepared, struct strip *strip, bool plain, double *share,
			  struct err_info *info)
{
	const struct members *queries = &gathering->grouped->queries;
	int64_t first[MAX_LANES];
	const struct row_group rows = { .map = made->rows->map, .count = made->rows->count, .row = first };
	for (int lane = 0; lane < rows.count; lane++) {
		first[lane] = queries->member[queries->start[made->rows->row[lane]]];
		share[lane] = 1 / (double)members_of(queries, made->rows->row[lane]);
	}
	return gather(gathering, &rows, prepared, strip, plain, info);
}

/* Scaling can wait where one factor holds for all keys of a lane, and others can be divided by it. */
static void settle_unit(struct gathering *gathering, struct strip *strip, int count, const double *share, float *unit)
{
	const float least = 1e-18f;
	bool waits = gathering->segments == 1;
	memset(unit, 0, MAX_LANES * sizeof *unit);
	if (waits)
		segment_factors(gathering, 0, share, unit);
	for (int lane = 0; lane < count; lane++)
		waits = waits && unit[lane] > least;
	if (waits)
		return;
	scale_strip(gathering, strip, share);
	for (int lane = 0; lane < count; lane++)
		unit[lane] = 1;
}

static enum err make_plain(struct gathering *gathering, const struct made_rows *made, const void *prepared, unsigned needs, struct err_info *info)
{
	double share[MAX_LANES];
	enum err err = add_first(gathering, made, prepared, needs & SINK_TILES ? made->strip : NULL, true, share, info);
	if (!err && (needs & SINK_TILES))
		scale_strip(gathering, made->strip, share);
	for (int lane = 0; !err && lane < made->rows->count; lane++) {
		made->stats[lane] = gathering->inner.group->stats[lane];
		made->stats[lane].lse = log(made->stats[lane].sum);
		made->stats[lane].max = made->stats[lane].peak;
	}
	return err;
}

/* Small groups are packed whole, one after the other: their queries lie side by side, so that they are merged, and summed, in one go over the part. What the lanes of
 * the merged weights hold is `word[lane]`. */
struct pack {
	int to_lane[MAX_LANES], words;
	struct {
		int group, lane;
	} word[MAX_LANES];
	float factor[MAX_LANES];
};

static bool are_packed(const struct grouped *grouped, const struct kernels *kernels)
{
	return !grouped->queries.single && grouped->queries.most <= kernels->lanes / 4;
}

/* The means are over the queries that count. */
static void settle_pack(struct gathering *gathering, struct pack *pack)
{
	double share[MAX_LANES];
	pack->words = 0;
	for (int lane = 0, next; lane < gathering->count; lane = next, pack->words++) {
		int counted = 0;
		pack->word[pack->words].group = gathering->owner[lane].group;
		pack->word[pack->words].lane = gathering->owner[lane].lane;
		for (next = lane; next < gathering->count && gathering->owner[next].lane == gathering->owner[lane].lane &&
				  gathering->owner[next].group == gathering->owner[lane].group; next++) {
			counted += !is_blind(gathering, next);
			pack->to_lane[next] = pack->words;
		}
		for (int i = lane; i < next; i++)
			share[i] = 1 / (double)(counted ? counted : 1);
	}
	for (int lane = 0; lane < gathering->count; lane++)
		pack->factor[lane] = 1;
	if (gathering->segments > 1)
		scale_strip(gathering, &gathering->part, share);
	else if (gathering->segments == 1)
		segment_factors(gathering, 0, share, pack->factor);
}

/* A block of merged weights goes to the strips of their row groups. */
static void keep_block(struct gathering *gathering, const struct pack *pack, int64_t key, int64_t count)
{
	const int lanes = gathering->kernels->lanes;
	for (int first = 0, last; first < pack->words; first = last) {
		struct strip *strip = gathering->made[pack->word[first].group].strip;
		for (last = first + 1; last < pack->words && pack->word[last].group == pack->word[first].group;)
			last++;
		strip_touch(strip, key, key + count, true);
		for (int64_t k = 0; k < count; k++)
			memcpy(strip->p + (key + k) * lanes + pack->word[first].lane, gathering->merged + k * lanes + first, (size_t)(last - first) * sizeof(float));
	}
}

static enum err add_pack(struct gathering *gathering, const void *prepared, struct err_info *info)
{
	const struct kernels *kernels = gathering->kernels;
	const struct strip *part = &gathering->part;
	const struct row_group rows = { .map = gathering->made->rows->map, .count = gathering->count, .row = gathering->row };
	_Alignas(64) float unit[MAX_LANES] = { 0 };
	struct softmax_state state;
	struct pack pack;
	strip_clear(&gathering->part);
	enum err err = gather(gathering, &rows, prepared, &gathering->part, false, info);
	if (err)
		return err;
	settle_pack(gathering, &pack);
	softmax_state_init(&state);
	kernels->plan_moves(pack.to_lane, pack.factor, 0, gathering->count, &gathering->moves);
	for (int word = 0; word < pack.words; word++)
		unit[word] = 1;
	for (int64_t key = 0; key < part->keys; key += KEY_BLOCK) {
		int64_t count = part->filled[key / KEY_BLOCK];
		if (!count)
			continue;
		memset(gathering->merged, 0, (size_t)(count * kernels->lanes) * sizeof(float));
		kernels->move_sums(part->p + key * part->lanes, count, &gathering->moves, gathering->merged, count, unit, sums_flags(gathering), &state);
		if (gathering->needs & SINK_TILES)
			keep_block(gathering, &pack, key, count);
	}
	for (int word = 0; word < pack.words; word++)
		gathering->made[pack.word[word].group].stats[pack.word[word].lane] = stats_of(gathering, &state, word);
	gathering->count = 0;
	return ERR_OK;
}

/* Is it full, or as good as full while the vectors of merged weights are? */
static bool is_full(const struct gathering *gathering, int words, int64_t next)
{
	const int lanes = gathering->kernels->lanes;
	return gathering->count + next > lanes || (words % 8 == 0 && gathering->count >= lanes - lanes / 16);
}

static enum err make_packed(struct gathering *gathering, int count, const void *prepared, struct err_info *info)
{
	const struct members *queries = &gathering->grouped->queries;
	enum err err = ERR_OK;
	int words = 0;
	gathering->count = 0;
	for (int g = 0; g < count; g++)
		for (int lane = 0; lane < gathering->made[g].rows->count; lane++) {
			int64_t row = gathering->made[g].rows->row[lane];
			if (!err && is_full(gathering, words, members_of(queries, row))) {
				err = add_pack(gathering, prepared, info);
				words = 0;
			}
			words++;
			for (int64_t i = queries->start[row]; !err && i < queries->start[row + 1]; i++) {
				gathering->row[gathering->count] = queries->member[i];
				gathering->owner[gathering->count].group = g;
				gathering->owner[gathering->count++].lane = lane;
			}
		}
	return err || !gathering->count ? err : add_pack(gathering, prepared, info);
}

static enum err grouped_rows(void *state, const struct made_rows *made, int count, const void *prepared, unsigned needs, struct err_info *info)
{
	struct gathering *gathering = state;
	const struct grouped *grouped = gathering->grouped;
	double share[MAX_LANES];
	enum err err = ERR_OK;
	gathering->made = made;
	gathering->needs = needs;
	if (are_packed(grouped, gathering->kernels))
		return make_packed(gathering, count, prepared, info);
	for (int g = 0; g < count && !err; g++) {
		if (is_plain(grouped)) {
			err = make_plain(gathering, &made[g], prepared, needs, info);
			continue;
		}
		err = add_first(gathering, &made[g], prepared, made[g].strip, false, share, info);
		if (err)
			break;
		for (int lane = 0; lane < made[g].rows->count; lane++)
			gathering->blind[g][lane] = is_blind(gathering, lane);
		settle_unit(gathering, made[g].strip, made[g].rows->count, share, gathering->unit[g]);
	}
	return err || is_plain(grouped) ? err : add_further(gathering, count, prepared, info);
}

/* Further queries fill their lanes better where they come from several row groups; strips that no longer fit into a cache cost more than that. */
static int groups_together(const struct source *source, const struct kernels *kernels)
{
	enum { CACHE = 3 << 19 };
	const struct grouped *grouped = (const struct grouped *)source;
	int64_t fit = CACHE / (source->keys * kernels->lanes * (int64_t)sizeof(float)) - 1;
	return grouped->queries.single ? 1 : are_packed(grouped, kernels) ? TOGETHER : fit < 2 ? 2 : fit > TOGETHER ? TOGETHER : (int)fit;
}

const struct filter_ops grouped_filter = { groups_together, gathering_open, gathering_close, grouped_rows };
