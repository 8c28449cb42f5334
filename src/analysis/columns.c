/* SPDX-License-Identifier: MIT */
/* What keys receive: column sums, heavy hitters, sinks anywhere. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/family.h"
#include "base/memory.h"

/* Sums over the rows of an item, for keys up to `end`; what lies beyond is undefined. */
struct partial {
	int64_t end;
	/* [keys] mass, then [keys] mass from the queries just after the key, then [keys] queries that see the key */
	double sums[];
};

struct columns {
	struct family family;
	double *mass, *recent, *seen; /* [keys] */
	bool wants_recent, wants_seen;
};

static const enum metric_id metrics[] = {
	METRIC_RECEIVED, METRIC_RECEIVED_MEAN, METRIC_SINK_KEYS, METRIC_HEAVY, METRIC_HEAVY_RECALL, METRIC_COUNT,
};

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)kernels;
	return sizeof(struct partial) + 3 * (size_t)source->keys * sizeof(double);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)item;
	partial->end = 0;
}

/* Keys of the tile that no tile before has reached begin at zero. */
static void extend(struct partial *partial, int64_t keys, int64_t end)
{
	if (end <= partial->end)
		return;
	for (int part = 0; part < 3; part++)
		memset(partial->sums + part * keys + partial->end, 0, (size_t)(end - partial->end) * sizeof(double));
	partial->end = end;
}

/* Keys that a policy keeps as heavy, and as many of the latest. */
static int64_t keys_kept(const struct columns *columns, int64_t map)
{
	double share = stats_request_of(columns->family.stats)->parameters.heavy_share;
	const struct map_extent extent = stats_extent(columns->family.stats, map);
	return (int64_t)ceil(share * (double)(extent.key_end - extent.key_begin) - 1e-9);
}

/* Of each key the queries at most kept - 1 positions after it. */
static void add_recent(const struct tile *tile, int64_t kept, double *recent)
{
	int64_t diagonal = source_diagonal(tile->source, tile->rows->map);
	int64_t first = tile->rows->row[0] + diagonal, last = tile->rows->row[tile->rows->count - 1] + diagonal;
	int64_t end = tile->key + tile->count;
	if (last < tile->key || first - kept >= end)
		return;
	if (first >= end - 1 && last - kept < tile->key) {
		tile->kernels->sum_lanes(tile->p, tile->count, recent + tile->key);
		return;
	}
	for (int lane = 0; lane < tile->rows->count; lane++) {
		int64_t here = tile->rows->row[lane] + diagonal;
		int64_t from = here - kept + 1 > tile->key ? here - kept + 1 : tile->key,
			to = here + 1 < end ? here + 1 : end;
		for (int64_t key = from; key < to; key++)
			recent[key] += (double)tile->p[(key - tile->key) * tile->lanes + lane];
	}
}

/* Halving finds the keys that one query of a causal map sees with a few questions. */
static void add_seen_by(const struct tile *tile, int64_t row, int64_t begin, int64_t end, double *seen)
{
	enum { FEW = 8 };
	const struct source *source = tile->source;
	int64_t map = tile->rows->map, middle = begin + (end - begin) / 2;
	enum coverage coverage = source->ops->coverage ? source->ops->coverage(source, map, row, row, begin, end) : TILE_PARTIAL;
	if (coverage == TILE_PARTIAL && source->ops->coverage && end - begin > FEW) {
		add_seen_by(tile, row, begin, middle, seen);
		add_seen_by(tile, row, middle, end, seen);
		return;
	}
	for (int64_t key = begin; key < end && coverage != TILE_EMPTY; key++)
		seen[key] += coverage == TILE_FULL || source->ops->visible(source, map, row, key);
}

static int rows_counted(const struct tile *tile)
{
	int count = 0;
	for (int lane = 0; lane < tile->rows->count; lane++)
		count += row_counts(tile->source, &tile->stats[lane]);
	return count;
}

static void add_seen(const struct tile *tile, double *seen)
{
	const struct source *source = tile->source;
	const struct row_group *rows = tile->rows;
	int64_t end = tile->key + tile->count, count = rows_counted(tile);
	enum coverage coverage = TILE_FULL;
	if (source->ops->coverage)
		coverage = source->ops->coverage(source, rows->map, rows->row[0], rows->row[rows->count - 1], tile->key, end);
	else if (source->ops->visible)
		coverage = TILE_PARTIAL;
	for (int64_t key = tile->key; key < end && (coverage == TILE_FULL || !source->ops->visible); key++)
		seen[key] += (double)count;
	for (int lane = 0; lane < rows->count && coverage != TILE_FULL && source->ops->visible; lane++)
		if (row_counts(source, &tile->stats[lane]))
			add_seen_by(tile, rows->row[lane], tile->key, end, seen);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct columns *columns = (const struct columns *)sink;
	struct partial *partial = data;
	int64_t keys = item->source->keys;
	(void)lane0;
	extend(partial, keys, tile->key + tile->count);
	tile->kernels->sum_lanes(tile->p, tile->count, partial->sums + tile->key);
	if (columns->wants_recent)
		add_recent(tile, keys_kept(columns, tile->rows->map), partial->sums + keys);
	if (columns->wants_seen)
		add_seen(tile, partial->sums + 2 * keys);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct columns *columns = (struct columns *)sink;
	const struct partial *partial = data;
	int64_t keys = item->source->keys;
	for (int64_t key = 0; key < partial->end; key++)
		columns->mass[key] += partial->sums[key];
	for (int64_t key = 0; key < partial->end && columns->wants_recent; key++)
		columns->recent[key] += partial->sums[keys + key];
	for (int64_t key = 0; key < partial->end && columns->wants_seen; key++)
		columns->seen[key] += partial->sums[2 * keys + key];
}

struct ranked {
	double mass;
	int64_t key;
};

/* Heaviest first; the earlier key of equals. */
static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->mass != y->mass ? (x->mass < y->mass) - (x->mass > y->mass) : (x->key > y->key) - (x->key < y->key);
}

/* Mass on the heaviest keys, and with the mass on the latest keys that are not among them: sum over keys, not over queries,
 * since a query keeps key j as heavy or because it is at most kept - 1 positions after it. */
static enum err rank_keys(struct columns *columns, int64_t keys, int64_t kept, struct err_info *info)
{
	struct ranked *ranked = mem_array((size_t)keys, sizeof *ranked);
	double heavy = 0, recent = 0, total = 0;
	if (!ranked)
		return err_nomem(info, "the heaviest keys");
	for (int64_t key = 0; key < keys; key++)
		ranked[key] = (struct ranked){ columns->mass[key], key };
	qsort(ranked, (size_t)keys, sizeof *ranked, compare_ranked);
	for (int64_t i = 0; i < keys; i++) {
		total += ranked[i].mass;
		heavy += i < kept ? ranked[i].mass : 0;
		recent += i < kept ? 0 : columns->recent[ranked[i].key];
	}
	free(ranked);
	stats_set_head(columns->family.stats, METRIC_HEAVY, total > 0 ? heavy / total : NAN);
	stats_set_head(columns->family.stats, METRIC_HEAVY_RECALL, total > 0 ? (heavy + recent) / total : NAN);
	return ERR_OK;
}

static void finish_keys(struct columns *columns, int64_t keys)
{
	struct stats *stats = columns->family.stats;
	double *received = stats_per_key(stats, METRIC_RECEIVED), *mean = stats_per_key(stats, METRIC_RECEIVED_MEAN), sinks = 0;
	double epsilon = stats_request_of(stats)->parameters.sink_epsilon;
	for (int64_t key = 0; key < keys; key++) {
		double per_query = columns->seen[key] > 0 ? columns->mass[key] / columns->seen[key] : NAN;
		sinks += per_query > epsilon;
		if (received)
			received[key] = columns->mass[key];
		if (mean)
			mean[key] = per_query;
	}
	stats_set_head(stats, METRIC_SINK_KEYS, sinks);
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct columns *columns = (struct columns *)sink;
	size_t size = (size_t)source->keys * sizeof(double);
	(void)index;
	finish_keys(columns, source->keys);
	bool ranks = family_slot(&columns->family, METRIC_HEAVY) >= 0 || columns->wants_recent;
	enum err err = ranks ? rank_keys(columns, source->keys, keys_kept(columns, map), info) : ERR_OK;
	memset(columns->mass, 0, size);
	memset(columns->recent, 0, size);
	memset(columns->seen, 0, size);
	return err;
}

static const struct sink_ops columns_ops = {
	.name = "columns",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.merge = merge,
	.map_end = map_end,
};

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct columns *columns = (struct columns *)family;
	columns->wants_recent = family_slot(family, METRIC_HEAVY_RECALL) >= 0;
	columns->wants_seen = family_slot(family, METRIC_RECEIVED_MEAN) >= 0 || family_slot(family, METRIC_SINK_KEYS) >= 0;
	columns->mass = mem_zero_array((size_t)source->keys, sizeof(double));
	columns->recent = mem_zero_array((size_t)source->keys, sizeof(double));
	columns->seen = mem_zero_array((size_t)source->keys, sizeof(double));
	return columns->mass && columns->recent && columns->seen ? ERR_OK : err_nomem(info, "the sums of keys");
}

static void release(struct family *family)
{
	struct columns *columns = (struct columns *)family;
	free(columns->mass);
	free(columns->recent);
	free(columns->seen);
}

const struct family_row family_columns = {
	.metrics = metrics, .size = sizeof(struct columns), .ops = &columns_ops, .init = init, .release = release,
};
