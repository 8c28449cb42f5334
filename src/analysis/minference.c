/*
 * Which of MInference's sparse patterns keeps most of a causal head's mass (Jiang et al. 2024, arXiv 2407.02490, and the
 * search of its code): the first keys and a band (A-shape), the columns and diagonals that the last queries look at
 * (vertical-slash), or blocks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/family.h"
#include "analysis/pooled_map.h"
#include "base/memory.h"

/* Sizes in keys, for sequences of 2500 keys and more. Shorter ones get the share of their keys that these are of SHORT_SCALE
 * keys. */
enum { FIRST_POSITION = 2500, SHORT_SCALE = 32768, A_FIRST = 100, A_BAND = 800, FORCED = 30, LAST_QUERIES = 64 };
enum { BLOCK = 32, MOST_BLOCKS = 4096, SLASHES = 4 };

static const struct {
	int columns, diagonals;
} slash_budget[SLASHES] = { { 30, 800 }, { 100, 750 }, { 500, 700 }, { 3500, 100 } };

struct partial {
	double a_shape, slash[SLASHES]; /* mass kept, summed over the rows of the item that count */
	int64_t rows;
	/* then the partial result of the blocks' picture */
};

struct minference {
	struct family family;
	struct sink *picture;  /* sums of blocks */
	double scale;          /* of all sizes */
	int64_t columns[SLASHES], diagonals[SLASHES]; /* slash_budget, scaled */
	int64_t first;         /* position of the first row that counts */
	int32_t *column_rank, *diagonal_rank; /* [keys]: 0 is the heaviest among the last queries; diagonals by distance */
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

static size_t picture_at(void)
{
	return (sizeof(struct partial) + 63) / 64 * 64;
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	const struct sink *picture = ((const struct minference *)sink)->picture;
	return picture_at() + picture->ops->partial_size(picture, source, kernels);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	const struct sink *picture = ((const struct minference *)sink)->picture;
	return picture_at() + picture->ops->merged_size(picture, item);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	const struct sink *picture = ((const struct minference *)sink)->picture;
	memset(data, 0, sizeof(struct partial));
	picture->ops->start(picture, item, (char *)data + picture_at());
}

static int64_t first_lane(const struct minference *search, const struct tile *tile)
{
	int64_t lane = 0;
	while (lane < tile->rows->count && tile->rows->row[lane] + tile->source->diagonal < search->first)
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

static void add_a_shape(const struct minference *search, const struct tile *tile, int64_t first, struct partial *partial)
{
	int64_t head = scaled(search, A_FIRST), band = scaled(search, A_BAND);
	for (int64_t lane = first; lane < tile->rows->count; lane++) {
		int64_t here = tile->rows->row[lane] + tile->source->diagonal, begin = here - band + 1;
		partial->a_shape += lane_sum(tile, lane, 0, head) + lane_sum(tile, lane, begin > head ? begin : head, here + 1);
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
	for (int64_t k = 0; k < tile->count; k++) {
		double sum = 0;
		if (!keeps_column(search, SLASHES - 1, tile->key + k))
			continue;
		for (int64_t lane = first; lane < tile->rows->count; lane++)
			sum += (double)tile->p[k * tile->lanes + lane];
		for (int budget = 0; budget < SLASHES; budget++)
			partial->slash[budget] += keeps_column(search, budget, tile->key + k) ? sum : 0;
	}
}

/* What lies in a kept column was counted there. The first budget keeps the most diagonals. */
static void add_diagonals(const struct minference *search, const struct tile *tile, int64_t first, struct partial *partial)
{
	for (int64_t lane = first; lane < tile->rows->count; lane++) {
		int64_t here = tile->rows->row[lane] + tile->source->diagonal;
		int64_t end = here + 1 < tile->key + tile->count ? here + 1 : tile->key + tile->count;
		for (int64_t key = tile->key; key < end; key++) {
			if (here - key >= tile->source->keys || !keeps_diagonal(search, 0, here - key))
				continue;
			double p = (double)tile->p[(key - tile->key) * tile->lanes + lane];
			for (int budget = 0; budget < SLASHES; budget++)
				if (keeps_diagonal(search, budget, here - key) && !keeps_column(search, budget, key))
					partial->slash[budget] += p;
		}
	}
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct minference *search = (const struct minference *)sink;
	int64_t first = first_lane(search, tile);
	search->picture->ops->scan(search->picture, item, lane0, tile, (char *)data + picture_at());
	if (first == tile->rows->count)
		return;
	add_a_shape(search, tile, first, data);
	add_columns(search, tile, first, data);
	add_diagonals(search, tile, first, data);
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	struct partial *partial = data;
	(void)lane0, (void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++)
		if (group->row[lane] + item->source->diagonal >= ((const struct minference *)sink)->first &&
		    stats[lane].support > 0)
			partial->rows++;
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct minference *search = (struct minference *)sink;
	const struct partial *partial = data;
	search->a_shape += partial->a_shape;
	search->rows += partial->rows;
	for (int budget = 0; budget < SLASHES; budget++)
		search->slash[budget] += partial->slash[budget];
	search->picture->ops->merge(search->picture, item, (const char *)data + picture_at());
}

/* What the last queries look at: sums of columns, and of diagonals by distance. */
struct last_queries {
	double *column, *diagonal; /* [keys] */
	int64_t count;
};

/* Of the last queries, those that are `distance` positions or more into the keys: the profile is a mean over these. */
static double queries_beyond(const struct source *source, int64_t count, int64_t distance)
{
	int64_t beyond = source->queries + source->diagonal - distance;
	return (double)(beyond < count ? beyond : count);
}

static enum err take_last(void *data, const struct stats_result *result, struct err_info *info)
{
	const struct last_queries *last = data;
	int64_t keys = result->source->keys;
	(void)info;
	for (int m = 0; m < 2; m++) {
		for (int64_t i = 0; i < result->list_count[m]; i++) {
			int64_t distance = i + result->list_first[m];
			if (distance >= 0 && distance < keys && result->list[m][i] > 0)
				last->diagonal[distance] = result->list[m][i] *
							   queries_beyond(result->source, last->count, distance);
		}
		if (result->per_key[m])
			memcpy(last->column, result->per_key[m], (size_t)keys * sizeof(double));
	}
	return ERR_OK;
}

/* Column and diagonal sums of the last queries of a map, by statistics of their own. */
static enum err look_at_last(const struct source *source, int64_t map, struct last_queries *last, struct err_info *info)
{
	const struct metric *metric[] = { &metric_table[METRIC_DISTANCE_PROFILE], &metric_table[METRIC_RECEIVED] };
	int64_t row[LAST_QUERIES], count = source->queries < LAST_QUERIES ? source->queries : LAST_QUERIES;
	last->count = count;
	for (int64_t i = 0; i < count; i++)
		row[i] = source->queries - count + i;
	struct stats_request request = { .metric = metric,
					 .metric_count = 2,
					 .parameters = stats_parameters_default(),
					 .row_count = count,
					 .emit = take_last,
					 .emit_data = last };
	struct driver_options options = { .maps = &map, .map_count = 1, .rows = row, .row_count = count };
	struct stats *stats;
	enum err err = stats_new(&request, source, &stats, info);
	if (!err)
		err = driver_run(source, stats_sinks(stats), stats_sink_count(stats), &options, info);
	stats_free(stats);
	return err;
}

struct ranked {
	double mass;
	int64_t index;
};

static int compare_ranked(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	return x->mass != y->mass ? (x->mass < y->mass) - (x->mass > y->mass) : (x->index > y->index) - (x->index < y->index);
}

/* Rank by mass; the first `forced` come before all others. */
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

static enum err map_prepare(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct minference *search = (struct minference *)sink;
	int64_t forced = scaled(search, FORCED);
	struct last_queries last = { .column = mem_zero_array((size_t)source->keys, sizeof(double)),
				     .diagonal = mem_zero_array((size_t)source->keys, sizeof(double)) };
	enum err err = last.column && last.diagonal ? ERR_OK : err_nomem(info, "the last queries");
	(void)index;
	if (!err)
		err = look_at_last(source, map, &last, info);
	if (!err)
		err = rank(last.column, source->keys, forced, search->column_rank, info);
	if (!err)
		err = rank(last.diagonal, source->keys, forced, search->diagonal_rank, info);
	free(last.column);
	free(last.diagonal);
	return err;
}

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x < y) - (x > y);
}

/* Of each row of blocks an eighth of those of the whole map's width, the heaviest. */
static enum err keep_blocks(void *data, const struct source *source, int64_t map, int64_t index, const float *cell,
			    int64_t height, int64_t width, struct err_info *info)
{
	struct minference *search = data;
	float *row = mem_array((size_t)width, sizeof *row);
	int64_t kept = (width + 7) / 8, rows = 0;
	(void)map, (void)index;
	if (!row)
		return err_nomem(info, "the blocks");
	search->blocks = 0;
	for (int64_t r = 0; r < height; r++) {
		int64_t begin = pooled_map_edge(r, height, source->queries),
			end = pooled_map_edge(r + 1, height, source->queries);
		if (begin + source->diagonal < search->first)
			continue;
		for (int64_t c = 0; c < width; c++)
			row[c] = isnan(cell[r * width + c]) ? 0 : cell[r * width + c];
		qsort(row, (size_t)width, sizeof *row, descending);
		for (int64_t c = 0; c < kept; c++)
			search->blocks += (double)row[c];
		rows += end - begin;
	}
	free(row);
	bool whole = stats_request_of(search->family.stats)->row_count == source->queries;
	search->blocks = rows && whole ? search->blocks / (double)rows : NAN;
	return ERR_OK;
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
	enum err err = search->picture->ops->map_end(search->picture, source, map, index, info);
	search->a_shape /= rows;
	for (int budget = 1; budget < SLASHES; budget++)
		best = search->slash[budget] > search->slash[best] ? budget : best;
	name_winner(search, best, search->slash[best] / rows);
	search->a_shape = 0;
	search->rows = 0;
	memset(search->slash, 0, sizeof search->slash);
	return err;
}

static const struct sink_ops minference_ops = {
	.name = "MInference patterns",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.merged_size = merged_size,
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
	int64_t rows = stats_request_of(family->stats)->row_count, keys = source->keys, side = BLOCK;
	bool is_short = keys < FIRST_POSITION;
	search->scale = is_short ? (double)keys / SHORT_SCALE : 1;
	search->first = is_short ? keys / 2 : FIRST_POSITION;
	for (int budget = 0; budget < SLASHES; budget++) {
		search->columns[budget] = scaled(search, slash_budget[budget].columns);
		search->diagonals[budget] = scaled(search, slash_budget[budget].diagonals);
	}
	while ((keys + side - 1) / side > MOST_BLOCKS)
		side *= 2;
	struct pooled_map_request request = {
		.row_count = rows,
		.key_end = keys,
		.height = (rows + side - 1) / side,
		.width = (keys + side - 1) / side,
		.pooling = POOLING_SUM,
		.emit = keep_blocks,
		.emit_data = family,
	};
	search->column_rank = mem_zero_array((size_t)keys, sizeof(int32_t));
	search->diagonal_rank = mem_zero_array((size_t)keys, sizeof(int32_t));
	if (!search->column_rank || !search->diagonal_rank)
		return err_nomem(info, "the patterns");
	return pooled_map_new(&request, &search->picture, info);
}

static void release(struct family *family)
{
	struct minference *search = (struct minference *)family;
	pooled_map_free(search->picture);
	free(search->column_rank);
	free(search->diagonal_rank);
}

const struct family_row family_minference = {
	.metrics = metrics, .size = sizeof(struct minference), .ops = &minference_ops, .init = init, .release = release,
};
