/* SPDX-License-Identifier: MIT */
/*
 * Which of MInference's sparse patterns keeps most of a causal head's mass (Jiang et al. 2024, arXiv 2407.02490, and the
 * search of its code): the first keys and a band (A-shape), the columns and diagonals that the last queries look at
 * (vertical-slash), or blocks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/block_sums.h"
#include "analysis/family.h"
#include "base/memory.h"

/* Sizes in keys, for sequences of more than 2500 keys. Shorter ones get the share of their keys that these are of SHORT_SCALE
 * keys. */
enum { FIRST_POSITION = 2500, SHORT_SCALE = 32768, A_FIRST = 100, A_BAND = 800, FORCED = 30, LAST_QUERIES = 64 };
enum { BLOCK = BLOCK_LEAST, MOST_BLOCKS = 4096, SLASHES = 4 };

static const struct {
	int columns, diagonals;
} slash_budget[SLASHES] = { { 30, 800 }, { 100, 750 }, { 500, 700 }, { 3500, 100 } };

struct partial {
	double a_shape, slash[SLASHES]; /* mass kept, summed over the rows of the item that count */
	int64_t rows;
	bool begun;
	int64_t first_key[MAX_LANES];   /* that each row of the group at work sees */
	/* Sums of blocks, `width` a strip: the rows that do not count of the row of blocks in which the first lies that does, then
	 * BLOCK_STRIPS of rows that count. */
	double strips[];
};

struct ranked {
	double mass;
	int64_t index;
};

/* The map at work. Keys and positions count from the first key of its item. */
struct minference {
	struct family family;
	double scale;          /* of all sizes */
	int64_t columns[SLASHES], diagonals[SLASHES]; /* slash_budget, scaled */
	int64_t key_begin, keys, here; /* of the item; a query's position is its row + here */
	int64_t first;         /* position of the first query that counts */
	int32_t *column_rank, *diagonal_rank; /* [keys]: 0 is the heaviest among the last queries; diagonals by distance */
	struct block_cut row_cut, key_cut;
	int64_t counted, boundary; /* place in the list of the first row that counts, and the row of blocks that it lies in */
	int64_t width, open;   /* sums of a strip; the row of blocks at work, -1: none */
	double *sum, *before;  /* [width] of that row, from the queries that count; and of row `boundary`, from those that do not */
	struct ranked *ranked; /* [width] */
	bool is_whole;         /* every query of the item is measured */
	double a_shape, slash[SLASHES], blocks;
	int64_t rows;
	char word[48];
};

static const enum metric_id metrics[] = { METRIC_MINFERENCE, METRIC_A_SHAPE, METRIC_VERTICAL_SLASH, METRIC_BLOCK_SPARSE,
					  METRIC_COUNT };

static int64_t scaled(const struct minference *search, int64_t size)
{
	return (int64_t)ceil((double)size * search->scale - 1e-9);
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)source, (void)kernels;
	return sizeof(struct partial) + (size_t)((1 + BLOCK_STRIPS) * ((const struct minference *)sink)->width) * sizeof(double);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	memset(data, 0, partial_size(sink, item->source, item->kernels));
}

static int64_t first_lane(const struct minference *search, const struct tile *tile)
{
	int64_t lane = 0;
	while (lane < tile->rows->count && tile->rows->row[lane] + search->here < search->first)
		lane++;
	return lane;
}

static double lane_sum(const struct tile *tile, int64_t lane, int64_t begin, int64_t end)
{
	double sum = 0;
	begin = begin > tile->key ? begin : tile->key;
	end = end < tile->key + tile->count ? end : tile->key + tile->count;
	for (int64_t key = begin; key < end; key++)
		sum += (double)tile->p[(key - tile->key) * tile->lanes + lane];
	return sum;
}

static void find_first_keys(const struct tile *tile, struct partial *partial)
{
	const struct row_group *rows = tile->rows;
	partial->begun = true;
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t end;
		if (!source_span(tile->source, rows->map, rows->row[lane], &partial->first_key[lane], &end))
			partial->first_key[lane] = tile->key;
	}
}

static void add_a_shape(const struct minference *search, const struct tile *tile, int64_t first, struct partial *partial)
{
	for (int64_t lane = first; lane < tile->rows->count; lane++) {
		int64_t head = partial->first_key[lane] + scaled(search, A_FIRST);
		int64_t here = tile->rows->row[lane] + search->here + search->key_begin, begin = here - scaled(search, A_BAND) + 1;
		partial->a_shape += lane_sum(tile, lane, partial->first_key[lane], head) + lane_sum(tile, lane, larger(begin, head), here + 1);
	}
}

static bool keeps_column(const struct minference *search, int budget, int64_t key)
{
	return search->column_rank[key] < search->columns[budget];
}

static bool keeps_diagonal(const struct minference *search, int budget, int64_t distance)
{
	return search->diagonal_rank[distance] < search->diagonals[budget];
}

static void add_columns(const struct minference *search, const struct tile *tile, int64_t first, struct partial *partial)
{
	int64_t begin = larger(tile->key, search->key_begin), end = smaller(tile->key + tile->count, search->key_begin + search->keys);
	for (int64_t key = begin; key < end; key++) {
		const float *p = tile->p + (key - tile->key) * tile->lanes;
		double sum = 0;
		if (!keeps_column(search, SLASHES - 1, key - search->key_begin))
			continue;
		for (int64_t lane = first; lane < tile->rows->count; lane++)
			sum += (double)p[lane];
		for (int budget = 0; budget < SLASHES; budget++)
			partial->slash[budget] += keeps_column(search, budget, key - search->key_begin) ? sum : 0;
	}
}

/* What lies in a kept column was counted there. The first budget keeps the most diagonals. */
static void add_diagonals(const struct minference *search, const struct tile *tile, int64_t first, struct partial *partial)
{
	int64_t begin = larger(tile->key - search->key_begin, 0), end = smaller(tile->key + tile->count - search->key_begin, search->keys);
	for (int64_t lane = first; lane < tile->rows->count; lane++) {
		int64_t here = tile->rows->row[lane] + search->here;
		for (int64_t key = begin; key < end && key <= here; key++) {
			if (here - key >= search->keys || !keeps_diagonal(search, 0, here - key))
				continue;
			double p = (double)tile->p[(key + search->key_begin - tile->key) * tile->lanes + lane];
			for (int budget = 0; budget < SLASHES; budget++)
				if (keeps_diagonal(search, budget, here - key) && !keeps_column(search, budget, key))
					partial->slash[budget] += p;
		}
	}
}

/* The first row of blocks of an item that has queries which count. */
static int64_t origin_of(const struct minference *search, const struct item *item)
{
	return item->position > search->counted ? block_of(&search->row_cut, item->position) : search->boundary;
}

static int64_t end_of_rows(const struct minference *search)
{
	return search->row_cut.first + search->row_cut.count;
}

static void add_blocks(const struct minference *search, const struct item *item, int64_t lane0, const struct tile *tile, struct partial *partial)
{
	int64_t position = item->position + lane0;
	struct block_strips strips = {
		&search->row_cut, &search->key_cut, search->counted, end_of_rows(search), origin_of(search, item), search->width,
		partial->strips + search->width,
	};
	if (search->counted >= end_of_rows(search))
		return;
	block_sums_add(&strips, tile, position);
	strips.from = block_begin(&search->row_cut, search->boundary);
	strips.to = search->counted;
	strips.origin = search->boundary;
	strips.sums = partial->strips;
	block_sums_add(&strips, tile, position);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct minference *search = (const struct minference *)sink;
	struct partial *partial = data;
	int64_t first = first_lane(search, tile);
	add_blocks(search, item, lane0, tile, partial);
	if (first == tile->rows->count)
		return;
	if (!partial->begun)
		find_first_keys(tile, partial);
	add_a_shape(search, tile, first, partial);
	add_columns(search, tile, first, partial);
	add_diagonals(search, tile, first, partial);
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct minference *search = (const struct minference *)sink;
	struct partial *partial = data;
	(void)lane0, (void)output, (void)output_width;
	partial->begun = false;
	for (int lane = 0; lane < group->count; lane++)
		if (group->row[lane] + search->here >= search->first && row_counts(item->source, &stats[lane]))
			partial->rows++;
}

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->mass != y->mass ? (x->mass < y->mass) - (x->mass > y->mass) : (x->index > y->index) - (x->index < y->index);
}

/* Of the row of blocks that is open an eighth of the whole map's width, the heaviest. */
static void close_row(struct minference *search)
{
	struct ranked *ranked = search->ranked;
	int64_t width = search->key_cut.pieces, kept = (width + 7) / 8;
	if (search->open < 0)
		return;
	for (int64_t c = 0; c < width; c++)
		ranked[c] = (struct ranked){ search->sum[c] + (search->open == search->boundary ? search->before[c] : 0), c };
	qsort(ranked, (size_t)width, sizeof *ranked, compare_ranked);
	for (int64_t c = 0; c < kept; c++)
		search->blocks += search->sum[ranked[c].index];
	memset(search->sum, 0, (size_t)width * sizeof *search->sum);
	search->open = -1;
}

static void merge_blocks(struct minference *search, const struct item *item, const double *strips)
{
	int64_t end = smaller(item->position + item->count, end_of_rows(search));
	for (int64_t c = 0; c < search->width; c++)
		search->before[c] += strips[c];
	if (end <= search->counted)
		return;
	for (int64_t row = origin_of(search, item); row <= block_of(&search->row_cut, end - 1); row++) {
		strips += search->width;
		if (row != search->open)
			close_row(search);
		search->open = row;
		for (int64_t c = 0; c < search->width; c++)
			search->sum[c] += strips[c];
	}
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct minference *search = (struct minference *)sink;
	const struct partial *partial = data;
	search->a_shape += partial->a_shape;
	search->rows += partial->rows;
	for (int budget = 0; budget < SLASHES; budget++)
		search->slash[budget] += partial->slash[budget];
	merge_blocks(search, item, partial->strips);
}

/* What the last queries look at: sums of columns, and of diagonals by distance. A sink of its own. */
struct last_queries {
	struct sink sink;
	const struct minference *search;
	double *sums; /* [2][keys] */
};

static size_t last_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)source, (void)kernels;
	return 2 * (size_t)((const struct last_queries *)sink)->search->keys * sizeof(double);
}

static void last_start(const struct sink *sink, const struct item *item, void *partial)
{
	memset(partial, 0, last_size(sink, item->source, item->kernels));
}

static void last_scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct minference *search = ((const struct last_queries *)sink)->search;
	double *column = data, *diagonal = column + search->keys;
	(void)item, (void)lane0;
	for (int lane = 0; lane < tile->rows->count; lane++) {
		int64_t here = tile->rows->row[lane] + search->here;
		for (int64_t k = 0; k < tile->count; k++) {
			int64_t key = tile->key + k - search->key_begin, distance = here - key;
			double p = (double)tile->p[k * tile->lanes + lane];
			if (key >= 0 && key < search->keys)
				column[key] += p;
			if (key >= 0 && key < search->keys && distance >= 0 && distance < search->keys)
				diagonal[distance] += p;
		}
	}
}

static void last_merge(struct sink *sink, const struct item *item, const void *data)
{
	struct last_queries *last = (struct last_queries *)sink;
	(void)item;
	for (int64_t i = 0; i < 2 * last->search->keys; i++)
		last->sums[i] += ((const double *)data)[i];
}

static const struct sink_ops last_ops = {
	.name = "last queries", .needs = SINK_TILES, .partial_size = last_size, .start = last_start, .scan = last_scan, .merge = last_merge,
};

static enum err look_at_last(struct minference *search, const struct source *source, int64_t map, const struct map_extent *extent, double *sums,
			     struct err_info *info)
{
	int64_t row[LAST_QUERIES], count = smaller(scaled(search, LAST_QUERIES), extent->row_end - extent->row_begin);
	struct last_queries last = { { &last_ops }, search, sums };
	struct sink *sink = &last.sink;
	for (int64_t i = 0; i < count; i++)
		row[i] = extent->row_end - count + i;
	const struct driver_options options = {
		.maps = &map, .map_count = 1, .rows = row, .row_count = count, .threads = stats_request_of(search->family.stats)->threads,
	};
	return driver_run(source, &sink, 1, &options, info);
}

/* Rank by mass; the first `forced` come before all others, and the earlier of equals. */
static enum err rank(const double *mass, int64_t count, int64_t forced, int32_t *ranks, struct err_info *info)
{
	struct ranked *ranked = mem_array((size_t)count, sizeof *ranked);
	if (!ranked)
		return err_nomem(info, "the ranks of columns and diagonals");
	for (int64_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){ i < forced ? INFINITY : mass[i], i };
	qsort(ranked, (size_t)count, sizeof *ranked, compare_ranked);
	for (int64_t i = 0; i < count; i++)
		ranks[ranked[i].index] = (int32_t)i;
	free(ranked);
	return ERR_OK;
}

/* Sizes and places of an item. A budget of columns that holds every key is no pattern: it keeps none. */
static void measure(struct minference *search, const struct source *source, int64_t map, const struct map_extent *extent)
{
	int64_t rows, keys = extent->key_end - extent->key_begin, side = BLOCK;
	bool is_short = keys <= FIRST_POSITION;
	search->keys = keys;
	search->key_begin = extent->key_begin;
	search->here = source_diagonal(source, map) - extent->key_begin;
	search->scale = is_short ? (double)keys / SHORT_SCALE : 1;
	search->first = is_short ? keys / 2 : FIRST_POSITION;
	for (int budget = 0; budget < SLASHES; budget++) {
		search->columns[budget] = scaled(search, slash_budget[budget].columns);
		search->diagonals[budget] = scaled(search, slash_budget[budget].diagonals);
		if (search->columns[budget] >= keys)
			search->columns[budget] = search->diagonals[budget] = 0;
	}
	while ((keys + side - 1) / side > MOST_BLOCKS)
		side *= 2;
	stats_rows_within(search->family.stats, extent, &search->counted, &rows);
	search->row_cut = block_cut_every(search->counted, rows, side);
	search->key_cut = block_cut_every(extent->key_begin, keys, side);
	search->is_whole = rows == extent->row_end - extent->row_begin;
	int64_t before = search->first - search->here - extent->row_begin;
	search->counted += smaller(larger(before, 0), rows);
	search->boundary = rows > 0 ? block_of(&search->row_cut, smaller(search->counted, search->row_cut.first + rows - 1)) : 0;
	search->open = -1;
}

static enum err map_prepare(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct minference *search = (struct minference *)sink;
	const struct map_extent extent = stats_extent(search->family.stats, map);
	(void)index;
	measure(search, source, map, &extent);
	if (search->keys == 0)
		return ERR_OK;
	double *sums = mem_zero_array((size_t)search->keys, 2 * sizeof *sums);
	enum err err = sums ? look_at_last(search, source, map, &extent, sums, info) : err_nomem(info, "the last queries");
	if (!err)
		err = rank(sums, search->keys, scaled(search, FORCED), search->column_rank, info);
	if (!err)
		err = rank(sums + search->keys, search->keys, scaled(search, FORCED), search->diagonal_rank, info);
	free(sums);
	return err;
}

static void name_winner(struct minference *search, int budget, double slash)
{
	struct stats *stats = search->family.stats;
	double best = fmax(fmax(search->a_shape, slash), search->blocks);
	if (isnan(best))
		snprintf(search->word, sizeof search->word, "none");
	else if (search->a_shape == best)
		snprintf(search->word, sizeof search->word, "a-shape %lld %lld", (long long)scaled(search, A_FIRST),
			 (long long)scaled(search, A_BAND));
	else if (slash == best)
		snprintf(search->word, sizeof search->word, "vertical-slash %lld %lld",
			 (long long)search->columns[budget], (long long)search->diagonals[budget]);
	else
		snprintf(search->word, sizeof search->word, "block-sparse 1/8");
	stats_set_word(stats, METRIC_MINFERENCE, search->word);
	stats_set_head(stats, METRIC_MINFERENCE, best);
	stats_set_head(stats, METRIC_A_SHAPE, search->a_shape);
	stats_set_head(stats, METRIC_VERTICAL_SLASH, slash);
	stats_set_head(stats, METRIC_BLOCK_SPARSE, search->blocks);
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct minference *search = (struct minference *)sink;
	double rows = search->rows ? (double)search->rows : NAN;
	int best = 0;
	(void)source, (void)map, (void)index, (void)info;
	close_row(search);
	search->a_shape /= rows;
	search->blocks = search->is_whole ? search->blocks / rows : NAN;
	for (int budget = 1; budget < SLASHES; budget++)
		best = search->slash[budget] > search->slash[best] ? budget : best;
	/* A single key leaves no budget that is less than all of it. */
	name_winner(search, best, search->columns[best] ? search->slash[best] / rows : NAN);
	search->a_shape = search->blocks = 0;
	search->rows = 0;
	memset(search->slash, 0, sizeof search->slash);
	memset(search->before, 0, (size_t)search->width * sizeof *search->before);
	return ERR_OK;
}

static const struct sink_ops minference_ops = {
	.name = "MInference patterns",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.map_prepare = map_prepare,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = merge,
	.map_end = map_end,
};

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct minference *search = (struct minference *)family;
	int64_t blocks = (source->keys + BLOCK - 1) / BLOCK;
	search->width = smaller(blocks, MOST_BLOCKS);
	search->column_rank = mem_zero_array((size_t)source->keys, sizeof(int32_t));
	search->diagonal_rank = mem_zero_array((size_t)source->keys, sizeof(int32_t));
	search->sum = mem_zero_array((size_t)search->width, sizeof(double));
	search->before = mem_zero_array((size_t)search->width, sizeof(double));
	search->ranked = mem_zero_array((size_t)search->width, sizeof *search->ranked);
	bool complete = search->column_rank && search->diagonal_rank && search->sum && search->before && search->ranked;
	return complete ? ERR_OK : err_nomem(info, "the patterns");
}

static void release(struct family *family)
{
	struct minference *search = (struct minference *)family;
	free(search->column_rank);
	free(search->diagonal_rank);
	free(search->sum);
	free(search->before);
	free(search->ranked);
}

const struct family_row family_minference = {
	.metrics = metrics, .size = sizeof(struct minference), .ops = &minference_ops, .init = init, .release = release,
};
