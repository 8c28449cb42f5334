/* SPDX-License-Identifier: MIT */
#include "support/feed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/driver.h"

static int lanes_now;

static const struct feed_source *feed_of(const struct source *source)
{
	return (const struct feed_source *)source;
}

static bool visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	(void)map;
	const bool *seen = feed_of(source)->visible;
	return !seen || seen[row * source->keys + key];
}

static enum coverage coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	int64_t count = 0;
	for (int64_t row = first; row <= last; row++)
		for (int64_t key = begin; key < end; key++)
			count += visible(source, map, row, key);
	return count == 0 ? TILE_EMPTY : count == (last - first + 1) * (end - begin) ? TILE_FULL : TILE_PARTIAL;
}

static int64_t support(const struct source *source, int64_t map, int64_t row)
{
	int64_t count = 0;
	for (int64_t key = 0; key < source->keys; key++)
		count += visible(source, map, row, key);
	return count;
}

static enum err score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	(void)info;
	const double *from = feed_of(source)->score + (map * source->queries + row) * source->keys;
	double hidden = source->norm == NORM_SOFTMAX ? -INFINITY : 0;
	for (int64_t key = 0; key < source->keys; key++)
		score[key] = visible(source, map, row, key) ? from[key] : hidden;
	return ERR_OK;
}

static const struct source_ops feed_ops = {
	.name = "feed",
	.coverage = coverage,
	.support = support,
	.visible = visible,
	.score64 = score64,
};

void feed_source_init(struct feed_source *feed, int64_t maps, int64_t queries, int64_t keys, enum normalisation norm,
		      const double *score, const bool *seen)
{
	memset(feed, 0, sizeof *feed);
	feed->source.ops = &feed_ops;
	feed->source.layers = feed->source.batches = 1;
	feed->source.heads = maps;
	feed->source.queries = queries;
	feed->source.keys = keys;
	feed->source.norm = norm;
	feed->source.is_stochastic = norm != NORM_NONE;
	feed->source.is_square = queries == keys;
	feed->score = score;
	feed->visible = seen;
}

/* Weights of one row, and what pass 1 knows of it. */
static void row_weights(const struct source *source, int64_t map, int64_t row, double *weight, struct row_stats *stats)
{
	*stats = (struct row_stats){ .max = -INFINITY, .min = INFINITY, .lse = -INFINITY, .support = support(source, map, row) };
	score64(source, map, row, weight, NULL);
	double sum = 0;
	for (int64_t key = 0; key < source->keys; key++) {
		if (!visible(source, map, row, key))
			continue;
		stats->max = fmax(stats->max, weight[key]);
		stats->min = fmin(stats->min, weight[key]);
	}
	for (int64_t key = 0; key < source->keys; key++) {
		if (source->norm == NORM_SOFTMAX)
			weight[key] = visible(source, map, row, key) ? exp(weight[key] - stats->max) : 0;
		sum += weight[key];
	}
	if (source->norm == NORM_SOFTMAX && sum > 0)
		stats->lse = stats->max + log(sum);
	double divisor = source->norm == NORM_NONE || sum == 0 ? 1 : sum;
	for (int64_t key = 0; key < source->keys; key++) {
		double p = weight[key] /= divisor;
		stats->sum += p;
		stats->sum_square += p * p;
		stats->peak = fmax(stats->peak, p);
		stats->entropy -= p > 0 ? p * log(p) : 0;
	}
	if (source->is_signed)
		stats->entropy = NAN;
}

double feed_weight(const struct feed_source *feed, int64_t map, int64_t row, int64_t key)
{
	struct row_stats stats;
	double *weight = calloc((size_t)feed->source.keys, sizeof *weight);
	row_weights(&feed->source, map, row, weight, &stats);
	double result = weight[key];
	free(weight);
	return result;
}

static void sum_keys(const float *tile, int64_t count, float *out)
{
	for (int64_t i = 0; i < count * lanes_now; i++)
		out[i % lanes_now] += tile[i];
}

static void max_keys(const float *tile, int64_t count, float *out)
{
	for (int64_t i = 0; i < count * lanes_now; i++)
		out[i % lanes_now] = fmaxf(out[i % lanes_now], tile[i]);
}

static void distance_keys(const float *tile, int64_t count, float first_key, const float *lane_position, float *out)
{
	for (int64_t i = 0; i < count * lanes_now; i++)
		out[i % lanes_now] += tile[i] * fabsf(first_key + (float)(i / lanes_now) - lane_position[i % lanes_now]);
}

static void sum_lanes(const float *tile, int64_t count, double *out)
{
	for (int64_t i = 0; i < count * lanes_now; i++)
		out[i / lanes_now] += (double)tile[i];
}

static void count_above(const float *tile, int64_t count, const float *threshold, float *number, float *mass)
{
	for (int64_t i = 0; i < count * lanes_now; i++) {
		int64_t lane = i % lanes_now;
		number[lane] += tile[i] >= threshold[lane] ? 1 : 0;
		mass[lane] += tile[i] >= threshold[lane] ? tile[i] : 0;
	}
}

/* Insertion, lane by lane. */
static void sort_keys(float *columns, int64_t count)
{
	for (int lane = 0; lane < lanes_now; lane++) {
		for (int64_t i = 1; i < count; i++) {
			float value = columns[i * lanes_now + lane];
			int64_t at = i;
			for (; at > 0 && columns[(at - 1) * lanes_now + lane] < value; at--)
				columns[at * lanes_now + lane] = columns[(at - 1) * lanes_now + lane];
			columns[at * lanes_now + lane] = value;
		}
	}
}

static void rank_sums(const float *columns, int64_t count, int64_t first, double *sum, double *moment)
{
	for (int64_t i = 0; i < count * lanes_now; i++) {
		sum[i % lanes_now] += (double)columns[i];
		moment[i % lanes_now] += (double)(first + i / lanes_now) * (double)columns[i];
	}
}

static void transpose(const float *tile, int64_t count, float *rows, int64_t row_stride)
{
	for (int64_t i = 0; i < count * lanes_now; i++)
		rows[i % lanes_now * row_stride + i / lanes_now] = tile[i];
}

struct feeding {
	const struct feed_source *feed;
	struct sink *const *sinks;
	int sink_count;
	struct kernels kernels;
	void *partial[16];
	float *tile;
	double *weight;           /* [ITEM_ROWS][keys] */
	struct row_stats *stats;  /* [ITEM_ROWS] */
};

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	return sink->ops->partial_size ? sink->ops->partial_size(sink, source, kernels) : 0;
}

static void feed_tile(struct feeding *run, const struct item *item, int64_t lane0, int64_t key)
{
	const struct source *source = &run->feed->source;
	int lanes = run->kernels.lanes;
	struct row_group rows = { item->map, (int)fmin(lanes, (double)(item->count - lane0)), item->row + lane0 };
	int64_t count = (int64_t)fmin(KEY_BLOCK, (double)(source->keys - key));
	if (coverage(source, item->map, rows.row[0], rows.row[rows.count - 1], key, key + count) == TILE_EMPTY)
		return;
	for (int64_t k = 0; k < count; k++)
		for (int lane = 0; lane < lanes; lane++)
			run->tile[k * lanes + lane] =
				lane < rows.count ? (float)run->weight[(lane0 + lane) * source->keys + key + k] : 0;
	struct tile tile = { &rows, run->stats + lane0, key, count, lanes, run->tile, &run->kernels, source };
	for (int i = 0; i < run->sink_count; i++)
		if (run->sinks[i]->ops->needs & SINK_TILES)
			run->sinks[i]->ops->scan(run->sinks[i], item, lane0, &tile, run->partial[i]);
}

static void feed_rows(struct feeding *run, const struct item *item, int64_t lane0)
{
	struct row_group rows = { item->map, (int)fmin(run->kernels.lanes, (double)(item->count - lane0)), item->row + lane0 };
	for (int i = 0; i < run->sink_count; i++)
		if (run->sinks[i]->ops->rows)
			run->sinks[i]->ops->rows(run->sinks[i], item, lane0, &rows, run->stats + lane0, NULL, 0, run->partial[i]);
}

static void feed_item(struct feeding *run, const struct item *item)
{
	const struct source *source = &run->feed->source;
	for (int64_t i = 0; i < item->count; i++)
		row_weights(source, item->map, item->row[i], run->weight + i * source->keys, &run->stats[i]);
	for (int i = 0; i < run->sink_count; i++) {
		memset(run->partial[i], 0xa5, partial_size(run->sinks[i], source, &run->kernels));
		if (run->sinks[i]->ops->start)
			run->sinks[i]->ops->start(run->sinks[i], item, run->partial[i]);
	}
	for (int64_t lane0 = 0; lane0 < item->count; lane0 += run->kernels.lanes) {
		for (int64_t key = 0; key < source->keys; key += KEY_BLOCK)
			feed_tile(run, item, lane0, key);
		feed_rows(run, item, lane0);
	}
	for (int i = 0; i < run->sink_count; i++)
		if (run->sinks[i]->ops->merge)
			run->sinks[i]->ops->merge(run->sinks[i], item, run->partial[i]);
}

static enum err feed_map(struct feeding *run, int64_t map, const int64_t *row, int64_t row_count, struct err_info *info)
{
	const struct source *source = &run->feed->source;
	int64_t item_rows = row_count > 300 ? ITEM_ROWS : ITEM_ROWS / 4;
	enum err err = ERR_OK;
	for (int i = 0; i < run->sink_count && !err; i++)
		if (run->sinks[i]->ops->map_prepare)
			err = run->sinks[i]->ops->map_prepare(run->sinks[i], source, map, map, info);
	for (int64_t first = 0; first < row_count && !err; first += item_rows) {
		struct item item = { .map = map,
				     .index = map,
				     .number = first / item_rows,
				     .position = first,
				     .row = row + first,
				     .count = (int64_t)fmin((double)item_rows, (double)(row_count - first)),
				     .source = source,
				     .kernels = &run->kernels };
		feed_item(run, &item);
	}
	for (int i = 0; i < run->sink_count && !err; i++)
		if (run->sinks[i]->ops->map_end)
			err = run->sinks[i]->ops->map_end(run->sinks[i], source, map, map, info);
	return err;
}

enum err feed_run(const struct feed_source *feed, struct sink *const *sinks, int sink_count, const struct feed_order *order,
		  struct err_info *info)
{
	const struct source *source = &feed->source;
	lanes_now = order->lanes ? order->lanes : 16;
	struct feeding run = {
		.feed = feed,
		.sinks = sinks,
		.sink_count = sink_count,
		.kernels = {
			.name = "feed", .lanes = lanes_now, .sum_keys = sum_keys, .max_keys = max_keys, .distance_keys = distance_keys,
			.sort_keys = sort_keys, .rank_sums = rank_sums,
			.sum_lanes = sum_lanes, .count_above = count_above, .transpose = transpose,
		},
		.tile = aligned_alloc(64, KEY_BLOCK * MAX_LANES * sizeof(float)),
		.weight = calloc(ITEM_ROWS * (size_t)source->keys, sizeof(double)),
		.stats = calloc(ITEM_ROWS, sizeof(struct row_stats)),
	};
	int64_t row_count = order->row ? order->row_count : source->queries;
	int64_t *row = calloc((size_t)row_count, sizeof *row);
	for (int64_t i = 0; i < row_count; i++)
		row[i] = order->row ? order->row[i] : i;
	for (int i = 0; i < sink_count; i++)
		run.partial[i] = aligned_alloc(64, (partial_size(sinks[i], source, &run.kernels) + 127) / 64 * 64);
	enum err err = ERR_OK;
	for (int64_t map = 0; map < source->heads && !err; map++)
		err = feed_map(&run, map, row, row_count, info);
	for (int i = 0; i < sink_count; i++)
		free(run.partial[i]);
	free(row);
	free(run.tile);
	free(run.weight);
	free(run.stats);
	return err;
}

void feed_causal(bool *seen, int64_t queries, int64_t keys)
{
	for (int64_t i = 0; i < queries * keys; i++)
		seen[i] = i % keys <= i / keys + keys - queries;
}

double feed_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (double)(*state >> 11) / 4503599627370496.0 - 1;
}
