/* SPDX-License-Identifier: MIT */
/* Block sparsity: how few blocks of the map hold almost all of its mass. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/block_sums.h"
#include "analysis/family.h"
#include "base/memory.h"

struct blocks {
	struct family family;
	int64_t width; /* of a strip of sums */
	double *sum;   /* of the blocks of the map at work, row by row */
};

static const enum metric_id metrics[] = { METRIC_BLOCKS95, METRIC_COUNT };

enum { SMALLEST = 64, MOST = 2048 };

/* Blocks of 64 x 64, or of the next power of two with which no side has more than 2048 of them. */
static int64_t block_side(int64_t positions)
{
	int64_t side = SMALLEST;
	while ((positions + side - 1) / side > MOST)
		side *= 2;
	return side;
}

/* Rows are cut by their place in the list of rows that are measured. */
struct cuts {
	struct block_cut rows, keys;
};

static struct cuts cuts_of(const struct blocks *blocks, int64_t map)
{
	const struct map_extent extent = stats_extent(blocks->family.stats, map);
	int64_t first, count, keys = extent.key_end - extent.key_begin;
	stats_rows_within(blocks->family.stats, &extent, &first, &count);
	int64_t side = block_side(count > keys ? count : keys);
	return (struct cuts){ block_cut_equal(first, count, side), block_cut_equal(extent.key_begin, keys, side) };
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)source, (void)kernels;
	return (size_t)(BLOCK_STRIPS * ((const struct blocks *)sink)->width) * sizeof(double);
}

static void start(const struct sink *sink, const struct item *item, void *partial)
{
	memset(partial, 0, partial_size(sink, item->source, item->kernels));
}

/* The row of blocks of an item's first row that is cut. */
static int64_t origin_of(const struct cuts *cuts, const struct item *item)
{
	return item->position > cuts->rows.first ? block_of(&cuts->rows, item->position) : 0;
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	const struct blocks *blocks = (const struct blocks *)sink;
	struct cuts cuts = cuts_of(blocks, item->map);
	const struct block_strips strips = {
		&cuts.rows, &cuts.keys, cuts.rows.first, cuts.rows.first + cuts.rows.count, origin_of(&cuts, item), blocks->width, partial,
	};
	block_sums_add(&strips, tile, item->position + lane0);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct blocks *blocks = (struct blocks *)sink;
	struct cuts cuts = cuts_of(blocks, item->map);
	const double *strip = data;
	int64_t end = item->position + item->count < cuts.rows.first + cuts.rows.count ? item->position + item->count : cuts.rows.first + cuts.rows.count;
	if (end <= cuts.rows.first || item->position >= end)
		return;
	for (int64_t row = origin_of(&cuts, item); row <= block_of(&cuts.rows, end - 1); row++, strip += blocks->width)
		for (int64_t key = 0; key < cuts.keys.pieces; key++)
			blocks->sum[row * cuts.keys.pieces + key] += strip[key];
}

static int descending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x < y) - (x > y);
}

static double fewest_blocks(const double *block, int64_t count, double share)
{
	double sum = 0, reached = 0;
	int64_t taken = 0;
	for (int64_t i = 0; i < count; i++)
		sum += block[i];
	while (taken < count && reached < share * sum * (1 - 1e-9))
		reached += block[taken++];
	return sum > 0 ? (double)taken / (double)count : NAN;
}

static bool any_visible(const struct blocks *blocks, const struct cuts *cuts, int64_t map, int64_t row, int64_t piece)
{
	const struct source *source = stats_source_of(blocks->family.stats);
	int64_t begin = block_begin(&cuts->keys, piece), end = block_begin(&cuts->keys, piece + 1);
	int64_t top = block_begin(&cuts->rows, row), bottom = block_begin(&cuts->rows, row + 1);
	for (int64_t at = top; at < bottom; at++) {
		int64_t query = stats_row_at(blocks->family.stats, at);
		enum coverage coverage = TILE_FULL;
		if (source->ops->coverage)
			coverage = source->ops->coverage(source, map, query, query, begin, end);
		else if (source->ops->visible)
			coverage = TILE_PARTIAL;
		if (coverage == TILE_FULL)
			return true;
		for (int64_t key = begin; key < end && coverage == TILE_PARTIAL; key++)
			if (source->ops->visible(source, map, query, key))
				return true;
	}
	return false;
}

/* Blocks in which nothing is visible do not count. */
static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct blocks *blocks = (struct blocks *)sink;
	struct cuts cuts = cuts_of(blocks, map);
	int64_t all = cuts.rows.pieces * cuts.keys.pieces, count = 0;
	(void)source, (void)index, (void)info;
	for (int64_t i = 0; i < all; i++)
		if (blocks->sum[i] != 0 || any_visible(blocks, &cuts, map, i / cuts.keys.pieces, i % cuts.keys.pieces))
			blocks->sum[count++] = blocks->sum[i];
	qsort(blocks->sum, (size_t)count, sizeof *blocks->sum, descending);
	stats_set_head(blocks->family.stats, METRIC_BLOCKS95, fewest_blocks(blocks->sum, count, 0.95));
	memset(blocks->sum, 0, (size_t)all * sizeof *blocks->sum);
	return ERR_OK;
}

static const struct sink_ops blocks_ops = {
	.name = "blocks",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.merge = merge,
	.map_end = map_end,
};

static int64_t most_pieces(int64_t positions)
{
	int64_t pieces = (positions + SMALLEST - 1) / SMALLEST;
	return pieces < MOST ? pieces : MOST;
}

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct blocks *blocks = (struct blocks *)family;
	blocks->width = most_pieces(source->keys);
	blocks->sum = mem_zero_array((size_t)blocks->width, (size_t)most_pieces(stats_request_of(family->stats)->row_count) * sizeof *blocks->sum);
	return blocks->sum ? ERR_OK : err_nomem(info, "the blocks");
}

static void release(struct family *family)
{
	free(((struct blocks *)family)->sum);
}

const struct family_row family_blocks = {
	.metrics = metrics, .size = sizeof(struct blocks), .ops = &blocks_ops, .init = init, .release = release,
};
