/* SPDX-License-Identifier: MIT */
/* Where the largest weight of a row lies: monotonicity, positional heads, confidence. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/family.h"
#include "base/memory.h"

struct partial {
	float best[MAX_LANES], inner[MAX_LANES]; /* of the row group at work: largest weight, and without the end key */
	int64_t at[MAX_LANES];                   /* key of the largest, the first of equals */
	int64_t strongest[ITEM_ROWS];            /* -1: the row sees nothing */
	struct row_values values;
};

struct strongest {
	struct family family;
	struct row_values merged;
	int64_t previous;    /* key of the row before, -1 at the beginning */
	int64_t *at_offset;  /* rows by key - query, from -(queries - 1) on; NULL: not asked for */
	int64_t offsets;
};

static const enum metric_id metrics[] = { METRIC_MONOTONICITY, METRIC_POSITIONAL, METRIC_CONFIDENCE, METRIC_COUNT };

/* The keys that confidence leaves out, ascending: those that were named, or the last of the item. */
struct ends {
	const int64_t *key;
	int64_t count, last;
};

static void find_ends(const struct family *family, int64_t map, struct ends *ends)
{
	const struct stats_request *request = stats_request_of(family->stats);
	ends->key = request->named;
	ends->count = request->named_count;
	if (ends->count > 0 || family_slot(family, METRIC_CONFIDENCE) < 0)
		return;
	ends->last = stats_extent(family->stats, map).key_end - 1;
	ends->key = &ends->last;
	ends->count = 1;
}

static bool is_end(const struct ends *ends, int64_t key)
{
	int64_t low = 0, high = ends->count;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (ends->key[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ends->count && ends->key[low] == key;
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source, (void)kernels;
	return sizeof(struct partial);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)item;
	for (int lane = 0; lane < MAX_LANES; lane++) {
		partial->best[lane] = partial->inner[lane] = 0;
		partial->at[lane] = -1;
	}
}

static int64_t find(const struct tile *tile, int lane, float weight)
{
	int64_t k = 0;
	while (k + 1 < tile->count && tile->p[k * tile->lanes + lane] != weight)
		k++;
	return tile->key + k;
}

static void note_strongest(const struct tile *tile, const float *largest, struct partial *partial)
{
	for (int lane = 0; lane < tile->rows->count; lane++) {
		if (largest[lane] > partial->best[lane]) {
			partial->best[lane] = largest[lane];
			partial->at[lane] = find(tile, lane, largest[lane]);
		}
	}
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	_Alignas(64) float largest[MAX_LANES] = { 0 };
	(void)item, (void)lane0;
	tile->kernels->max_keys(tile->p, tile->count, largest);
	note_strongest(tile, largest, partial);
	struct ends ends = { 0 };
	find_ends(family, tile->rows->map, &ends);
	int64_t from = tile->key, last = tile->key + tile->count;
	for (int64_t i = 0; i <= ends.count; i++) {
		int64_t end = i < ends.count && ends.key[i] < last ? ends.key[i] : last;
		if (end > from)
			tile->kernels->max_keys(tile->p + (from - tile->key) * tile->lanes, end - from, partial->inner);
		from = end + 1 > from ? end + 1 : from;
	}
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	int confidence = family_slot(family, METRIC_CONFIDENCE);
	struct ends ends = { 0 };
	(void)output, (void)output_width;
	find_ends(family, group->map, &ends);
	for (int lane = 0; lane < group->count; lane++) {
		bool alive = row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]);
		partial->strongest[lane0 + lane] = alive ? partial->at[lane] : -1;
		if (alive && confidence >= 0) {
			bool left_out = is_end(&ends, group->row[lane] + source_diagonal(item->source, group->map));
			partial->values.value[confidence][lane0 + lane] = left_out ? NAN : (double)partial->inner[lane];
		}
	}
	start(sink, item, partial);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct strongest *family = (struct strongest *)sink;
	const struct partial *partial = data;
	int monotonicity = family_slot(&family->family, METRIC_MONOTONICITY);
	family->merged = partial->values;
	if (item->number == 0)
		family->previous = -1;
	for (int64_t i = 0; i < item->count; i++) {
		int64_t key = partial->strongest[i];
		if (monotonicity >= 0)
			family->merged.value[monotonicity][i] = key < 0 || family->previous < 0 ? NAN : key >= family->previous;
		if (key >= 0 && family->at_offset)
			family->at_offset[key - item->row[i] + item->source->queries - 1]++;
		family->previous = key >= 0 ? key : family->previous;
	}
	row_values_merge(&family->family, item, &family->merged);
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct strongest *family = (struct strongest *)sink;
	int64_t rows = 0, most = 0;
	(void)source, (void)map, (void)index, (void)info;
	for (int64_t i = 0; i < family->offsets; i++) {
		rows += family->at_offset[i];
		most = family->at_offset[i] > most ? family->at_offset[i] : most;
		family->at_offset[i] = 0;
	}
	stats_set_head(family->family.stats, METRIC_POSITIONAL, rows ? (double)most / (double)rows : NAN);
	return ERR_OK;
}

static const struct sink_ops strongest_ops = {
	.name = "strongest keys",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = merge,
	.map_end = map_end,
};

static enum err init(struct family *base, const struct source *source, struct err_info *info)
{
	struct strongest *family = (struct strongest *)base;
	if (family_slot(base, METRIC_POSITIONAL) < 0)
		return ERR_OK;
	family->offsets = source->queries + source->keys - 1;
	family->at_offset = mem_zero_array((size_t)family->offsets, sizeof *family->at_offset);
	return family->at_offset ? ERR_OK : err_nomem(info, "the offsets of the strongest keys");
}

static void release(struct family *base)
{
	free(((struct strongest *)base)->at_offset);
}

const struct family_row family_strongest = {
	.metrics = metrics, .size = sizeof(struct strongest), .ops = &strongest_ops, .init = init, .release = release,
};
