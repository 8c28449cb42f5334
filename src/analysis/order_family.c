/* SPDX-License-Identifier: MIT */
/* Gini and the keys for a share of the mass: what needs all weights of a row in order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/family.h"
#include "analysis/order.h"
#include "base/memory.h"

/* No more than 1/ORDER_LARGE weights can be large where a row sums to 1; the room above that is for rows that sum to a little
 * more. */
enum { LARGE_ROOM = 320 };

/* The row group at work. The large weights of a lane lie in one piece of LARGE_ROOM floats. */
struct partial {
	int64_t large[MAX_LANES]; /* how many */
	_Alignas(16) int32_t equal[MAX_LANES]; /* pairs of weights that are */
	int64_t kept_count;       /* keys of the tile that was kept to compare later ones with */
	bool again[ITEM_ROWS];    /* rows of the item that must be sorted */
	struct row_values values;
};

/* Values of a map's rows wait for those that are sorted at its end. */
struct order_family {
	struct family family;
	struct order_bins bins;
	double *value;            /* [rows][family.count] */
	int64_t *support;         /* [rows] */
	int64_t *again, *place;   /* [again_count]: rows to be sorted, and their place in the list */
	int64_t again_count, filled; /* filled: rows of the map so far */
};

static const enum metric_id metrics[] = { METRIC_GINI, METRIC_KEYS90, METRIC_KEYS95, METRIC_KEYS99, METRIC_COUNT };

static const struct order_family *order_of(const struct sink *sink)
{
	return (const struct order_family *)sink;
}

static size_t rounded(size_t size)
{
	return (size + 63) / 64 * 64;
}

static size_t bins_at(const struct kernels *kernels)
{
	return rounded(sizeof(struct partial)) + rounded(LARGE_ROOM * (size_t)kernels->lanes * sizeof(float));
}

static float *weights_of(const struct partial *partial)
{
	return (float *)((char *)partial + rounded(sizeof(struct partial)));
}

static uint32_t *bins_of(const struct kernels *kernels, const struct partial *partial)
{
	return (uint32_t *)((char *)partial + bins_at(kernels));
}

static size_t bins_size(const struct kernels *kernels)
{
	return (size_t)kernels->lanes * HISTOGRAM_BINS * sizeof(uint32_t);
}

/* Behind the bins: a tile of the row group. */
static float *kept_of(const struct kernels *kernels, const struct partial *partial)
{
	return (float *)((char *)partial + bins_at(kernels) + rounded(bins_size(kernels)));
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source;
	return bins_at(kernels) + rounded(bins_size(kernels)) + (size_t)(KEY_BLOCK * kernels->lanes) * sizeof(float);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	(void)sink, (void)item;
	return sizeof(struct partial);
}

static void begin_group(const struct kernels *kernels, struct partial *partial)
{
	memset(partial->large, 0, sizeof partial->large);
	memset(partial->equal, 0, sizeof partial->equal);
	partial->kept_count = 0;
	memset(bins_of(kernels, partial), 0, bins_size(kernels));
}

static void start(const struct sink *sink, const struct item *item, void *partial)
{
	(void)sink;
	memset(((struct partial *)partial)->again, 0, sizeof ((struct partial *)partial)->again);
	begin_group(item->kernels, partial);
}

/* Weights of 2^-8 and more are rare in a long row: only lanes whose largest weight in the tile is one are looked through. */
static void keep_large(const struct tile *tile, struct partial *partial)
{
	_Alignas(64) float largest[MAX_LANES] = { 0 };
	tile->kernels->max_keys(tile->p, tile->count, largest);
	for (int lane = 0; lane < tile->rows->count; lane++) {
		float *to = weights_of(partial) + lane * LARGE_ROOM;
		for (int64_t k = 0; k < tile->count && largest[lane] >= ORDER_LARGE; k++) {
			float p = tile->p[k * tile->lanes + lane];
			if (p >= ORDER_LARGE && partial->large[lane] < LARGE_ROOM)
				to[partial->large[lane]++] = p;
		}
	}
}

typedef float four __attribute__((vector_size(16)));
typedef int32_t four_marks __attribute__((vector_size(16)));
enum { FOUR = 4, FOURS = 4 };

/* Pairs of FOURS * FOUR lanes (or fewer) that are equal. */
static inline void count_equal(const float *one, const float *other, int fours, four_marks *equal)
{
	const four least = { 0x1p-39f, 0x1p-39f, 0x1p-39f, 0x1p-39f };
	for (int i = 0; i < fours; i++) {
		four a, b;
		memcpy(&a, one + i * FOUR, sizeof a);
		memcpy(&b, other + i * FOUR, sizeof b);
		equal[i] -= (a == b) & (a > least);
	}
}

/* What every `step`-th key of a tile from `first` on is compared with: every `stride`-th of the keys of `p`, from `shift` on and around. */
struct against {
	const float *p;
	int64_t count, step, first, stride, shift;
};

static void count_lanes(const struct tile *tile, const struct against *with, int fours, int lane, int32_t *count)
{
	four_marks equal[FOURS] = { 0 };
	const float *against = with->p;
	for (int64_t k = with->first, other = with->shift; k < tile->count; k += with->step, other += with->stride) {
		other -= other < with->count ? 0 : with->count;
		if (against + other * tile->lanes == tile->p + k * tile->lanes)
			continue;
		if (fours == FOURS)
			count_equal(tile->p + k * tile->lanes + lane, against + other * tile->lanes + lane, FOURS, equal);
		else
			count_equal(tile->p + k * tile->lanes + lane, against + other * tile->lanes + lane, fours, equal);
	}
	for (int i = 0; i < fours * FOUR; i++)
		count[lane + i] += equal[i / FOUR][i % FOUR];
}

/*
 * Tied weights are off by the same amount, whatever their number. A few are compared with another, in turns one of its own tile and
 * one of the tile that was kept, at distances that change from pair to pair, so that no order of the weights hides the ties: of d
 * different ones a pair in d is equal. Weights of 2^-39 and less do not matter, zeros among them.
 */
static void count_ties(const struct tile *tile, struct partial *partial)
{
	enum { FEW = 4, FEWER = 8, LONG = 16384 };
	int64_t number = tile->key / KEY_BLOCK;
	uint32_t random = (uint32_t)number * 2654435761u >> 8;
	bool own = number % 2 == 0 || partial->kept_count == 0;
	struct against with = { own ? tile->p : kept_of(tile->kernels, partial), own ? tile->count : partial->kept_count, .step = FEW };
	if (tile->source->keys > LONG)
		with.step = FEWER;
	if (with.count < 2 * FEWER)
		return;
	with.first = random % with.step;
	with.stride = 1 + random / FEWER % (with.count - 1);
	with.shift = random / FEWER / KEY_BLOCK % with.count;
	for (int lane = 0; lane < tile->lanes; lane += FOURS * FOUR) {
		int fours = (tile->lanes - lane) / FOUR;
		count_lanes(tile, &with, fours < FOURS ? fours : FOURS, lane, partial->equal);
	}
	/* Now and then, less and less often. */
	if ((number & (number - 1)) == 0 && tile->count == KEY_BLOCK) {
		memcpy(kept_of(tile->kernels, partial), tile->p, (size_t)(tile->count * tile->lanes) * sizeof(float));
		partial->kept_count = tile->count;
	}
}

/* More of the pairs than untied weights have: fewer different weights than about a twentieth of all. */
enum { FEW_TIES = 1 };

/* Large and small are shares of a row's mass: a map whose rows do not sum to 1 is scaled first. */
static void scale_tile(const struct tile *tile, float *scaled)
{
	_Alignas(64) float factor[MAX_LANES] = { 0 };
	for (int lane = 0; lane < tile->rows->count; lane++)
		factor[lane] = tile->stats[lane].sum > 0 ? (float)(1 / tile->stats[lane].sum) : 0;
	memcpy(scaled, tile->p, (size_t)(tile->count * tile->lanes) * sizeof *scaled);
	tile->kernels->scale_block(scaled, tile->count, factor);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *given, void *data)
{
	struct partial *partial = data;
	_Alignas(64) float scaled[KEY_BLOCK * MAX_LANES];
	struct tile tile = *given;
	(void)sink, (void)item, (void)lane0;
	if (!given->source->is_stochastic) {
		scale_tile(given, scaled);
		tile.p = scaled;
	}
	tile.kernels->histogram(tile.p, tile.count, bins_of(tile.kernels, partial));
	keep_large(&tile, partial);
	count_ties(&tile, partial);
}

static double row_value(enum metric_id id, const struct order *order)
{
	switch (id) {
	case METRIC_GINI: return order_gini(order);
	case METRIC_KEYS90: return order_keys(order, 0.90);
	case METRIC_KEYS95: return order_keys(order, 0.95);
	case METRIC_KEYS99: return order_keys(order, 0.99);
	default: return NAN;
	}
}

static void finish_row(const struct order_family *family, const struct kernels *kernels, struct partial *partial, int lane,
		       int64_t position, const struct row_stats *stats)
{
	float *weight = weights_of(partial) + lane * LARGE_ROOM, scratch[LARGE_ROOM];
	order_sort(weight, scratch, partial->large[lane]);
	bool scaled = !stats_source_of(family->family.stats)->is_stochastic;
	struct order order = { .large = weight,
			       .large_count = partial->large[lane],
			       .sum = scaled ? 1 : stats->sum,
			       .support = stats->support,
			       .bins = &family->bins,
			       .count = bins_of(kernels, partial) + (int64_t)lane * HISTOGRAM_BINS };
	order_finish(&order);
	partial->again[position] = partial->equal[lane] > FEW_TIES || order_is_narrow(&order);
	for (int m = 0; m < family->family.count; m++)
		partial->values.value[m][position] = row_value(family->family.metric[m], &order);
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct order_family *order = order_of(sink);
	struct partial *partial = data;
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++)
		if (row_values_begin(&order->family, &partial->values, lane0 + lane, &stats[lane]))
			finish_row(order, item->kernels, partial, lane, lane0 + lane, &stats[lane]);
	begin_group(item->kernels, partial);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct order_family *order = (struct order_family *)sink;
	const struct partial *partial = data;
	int count = order->family.count;
	for (int64_t i = 0; i < item->count; i++) {
		int64_t at = item->position + i;
		order->support[at] = partial->values.support[i];
		for (int m = 0; m < count; m++)
			order->value[at * count + m] = partial->values.value[m][i];
		if (!partial->again[i])
			continue;
		order->again[order->again_count] = item->row[i];
		order->place[order->again_count++] = at;
	}
	order->filled = item->position + item->count;
}

static enum err sort_again(struct order_family *order, const struct source *source, int64_t map, struct err_info *info)
{
	int count = order->family.count;
	if (order->again_count == 0)
		return ERR_OK;
	double *value = mem_array((size_t)order->again_count, (size_t)count * sizeof *value);
	enum err err = value ? order_sort_rows(&order->family, source, map, order->again, order->again_count, value, info)
			     : err_nomem(info, "the rows that are sorted");
	for (int64_t i = 0; i < order->again_count && !err; i++)
		memcpy(order->value + order->place[i] * count, value + i * count, (size_t)count * sizeof *value);
	free(value);
	order->again_count = 0;
	return err;
}

/* In the order of the rows, as many at once as an item has. */
static enum err hand_out(struct order_family *order, const struct source *source, struct err_info *info)
{
	struct row_values *values = mem_array(1, sizeof *values);
	int count = order->family.count;
	if (!values)
		return err_nomem(info, "the values of rows");
	for (int64_t at = 0; at < order->filled; at += ITEM_ROWS) {
		struct item item = { .position = at, .count = order->filled - at < ITEM_ROWS ? order->filled - at : ITEM_ROWS, .source = source };
		for (int64_t i = 0; i < item.count; i++) {
			values->support[i] = order->support[at + i];
			for (int m = 0; m < count; m++)
				values->value[m][i] = order->value[(at + i) * count + m];
		}
		row_values_merge(&order->family, &item, values);
	}
	free(values);
	order->filled = 0;
	return ERR_OK;
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct order_family *order = (struct order_family *)sink;
	(void)index;
	enum err err = sort_again(order, source, map, info);
	return err ? err : hand_out(order, source, info);
}

static const struct sink_ops order_ops = {
	.name = "order",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.merged_size = merged_size,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = merge,
	.map_end = map_end,
};

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct order_family *order = (struct order_family *)family;
	if (source->keys <= ORDER_EXACT_KEYS) {
		family->sink.ops = &order_exact_ops;
		return ERR_OK;
	}
	size_t count = (size_t)stats_request_of(family->stats)->row_count;
	order_bins_init(&order->bins);
	order->value = mem_array(count, (size_t)family->count * sizeof *order->value);
	order->support = mem_array(count, sizeof *order->support);
	order->again = mem_array(count, sizeof *order->again);
	order->place = mem_array(count, sizeof *order->place);
	return order->value && order->support && order->again && order->place ? ERR_OK : err_nomem(info, "the values of rows");
}

static void release(struct family *family)
{
	struct order_family *order = (struct order_family *)family;
	free(order->value);
	free(order->support);
	free(order->again);
	free(order->place);
}

const struct family_row family_order = {
	.metrics = metrics, .size = sizeof(struct order_family), .ops = &order_ops, .init = init, .release = release,
};
