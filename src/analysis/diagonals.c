/* SPDX-License-Identifier: MIT */
/* The distance profile: sums along the diagonals. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/family.h"
#include "base/memory.h"

/* Diagonals are numbered by row - key + keys - 1, which begins at 0. An item's partial result covers `count` of them from
 * `first` on: those of its rows. */
struct partial {
	int64_t first, count;
	bool counts[ITEM_ROWS]; /* of each row of the item: it is in the mean */
	double sums[];
};

struct diagonals {
	struct family family;
	double *mass, *rows; /* [queries + keys - 1]: mass, and rows that have such a key, less those of the diagonal
	                       * before */
	int64_t count;
};

static const enum metric_id metrics[] = { METRIC_DISTANCE_PROFILE, METRIC_COUNT };

/* A sample's rows may lie anywhere. */
static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	const struct diagonals *diagonals = (const struct diagonals *)sink;
	int64_t rows = stats_request_of(diagonals->family.stats)->row_count;
	(void)kernels;
	int64_t span = rows == source->queries ? ITEM_ROWS + source->keys : diagonals->count;
	return sizeof(struct partial) + (size_t)span * sizeof(double);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	(void)sink;
	memset(partial->counts, 0, sizeof partial->counts);
	partial->first = item->row[0];
	partial->count = item->row[item->count - 1] - item->row[0] + item->source->keys;
	memset(partial->sums, 0, (size_t)partial->count * sizeof(double));
}

/* Rows that follow one another share diagonals: those of the tile are summed first. */
static void add_block(const struct tile *tile, double *sums)
{
	float diagonal[KEY_BLOCK + MAX_LANES] = { 0 };
	int lanes = tile->rows->count;
	for (int64_t k = 0; k < tile->count; k++) {
		const float *p = tile->p + k * tile->lanes;
		float *to = diagonal + tile->count - 1 - k;
		for (int lane = 0; lane < lanes; lane++)
			to[lane] += p[lane];
	}
	for (int64_t i = 0; i < tile->count - 1 + lanes; i++)
		sums[i] += (double)diagonal[i];
}

static void add_lanes(const struct tile *tile, const struct partial *partial, int64_t keys, double *sums)
{
	for (int lane = 0; lane < tile->rows->count; lane++) {
		double *to = sums + tile->rows->row[lane] - partial->first + keys - 1 - tile->key;
		for (int64_t k = 0; k < tile->count; k++)
			to[-k] += (double)tile->p[k * tile->lanes + lane];
	}
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct partial *partial = data;
	const struct row_group *rows = tile->rows;
	int64_t keys = item->source->keys;
	(void)sink, (void)lane0;
	if (rows->row[rows->count - 1] - rows->row[0] == rows->count - 1)
		add_block(tile, partial->sums + rows->row[0] - partial->first + keys - tile->key - tile->count);
	else
		add_lanes(tile, partial, keys, partial->sums);
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group, const struct row_stats *stats,
		 const float *output, int64_t output_width, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++)
		partial->counts[lane0 + lane] = row_counts(item->source, &stats[lane]);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct diagonals *diagonals = (struct diagonals *)sink;
	const struct partial *partial = data;
	/* The list of the map before was read until now. */
	if (item->number == 0) {
		memset(diagonals->mass, 0, (size_t)diagonals->count * sizeof(double));
		memset(diagonals->rows, 0, (size_t)diagonals->count * sizeof(double));
	}
	for (int64_t i = 0; i < partial->count; i++)
		diagonals->mass[partial->first + i] += partial->sums[i];
	const struct map_extent extent = stats_extent(diagonals->family.stats, item->map);
	for (int64_t i = 0; i < item->count; i++) {
		int64_t origin = item->row[i] + item->source->keys;
		if (!partial->counts[i])
			continue;
		diagonals->rows[origin - extent.key_end]++;
		if (origin - extent.key_begin < diagonals->count)
			diagonals->rows[origin - extent.key_begin]--;
	}
}

/* A causal map has no keys after the query. */
static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct diagonals *diagonals = (struct diagonals *)sink;
	int64_t zero = source->keys - 1 - source_diagonal(source, map), begin = source->is_causal ? zero : 0;
	(void)index, (void)info;
	begin = begin < 0 ? 0 : begin >= diagonals->count ? diagonals->count : begin;
	double rows = 0;
	for (int64_t i = 0; i < diagonals->count; i++) {
		rows += diagonals->rows[i];
		diagonals->mass[i] = rows > 0 ? diagonals->mass[i] / rows : NAN;
	}
	stats_set_list(diagonals->family.stats, METRIC_DISTANCE_PROFILE, diagonals->mass + begin, diagonals->count - begin,
		       begin - zero);
	return ERR_OK;
}

static const struct sink_ops diagonals_ops = {
	.name = "diagonals",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = merge,
	.map_end = map_end,
};

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct diagonals *diagonals = (struct diagonals *)family;
	diagonals->count = source->queries + source->keys - 1;
	diagonals->mass = mem_zero_array((size_t)diagonals->count, sizeof(double));
	diagonals->rows = mem_zero_array((size_t)diagonals->count, sizeof(double));
	return diagonals->mass && diagonals->rows ? ERR_OK : err_nomem(info, "the sums of diagonals");
}

static void release(struct family *family)
{
	struct diagonals *diagonals = (struct diagonals *)family;
	free(diagonals->mass);
	free(diagonals->rows);
}

const struct family_row family_diagonals = {
	.metrics = metrics, .size = sizeof(struct diagonals), .ops = &diagonals_ops, .init = init, .release = release,
};
