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

static int64_t end_key(const struct family *family)
{
	int64_t key = stats_request_of(family->stats)->parameters.end_key;
	return key >= 0 ? key : stats_source_of(family->stats)->keys - 1;
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
	int64_t end = end_key(family) - tile->key;
	if (end < 0 || end >= tile->count) {
		for (int lane = 0; lane < tile->rows->count; lane++)
			partial->inner[lane] = fmaxf(partial->inner[lane], largest[lane]);
		return;
	}
	if (end > 0)
		tile->kernels->max_keys(tile->p, end, partial->inner);
	if (end + 1 < tile->count)
		tile->kernels->max_keys(tile->p + (end + 1) * tile->lanes, tile->count - end - 1, partial->inner);
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	int confidence = family_slot(family, METRIC_CONFIDENCE);
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		bool alive = row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]);
		partial->strongest[lane0 + lane] = alive ? partial->at[lane] : -1;
		if (alive && confidence >= 0) {
			bool is_end = group->row[lane] + item->source->diagonal == end_key(family);
			partial->values.value[confidence][lane0 + lane] = is_end ? NAN : (double)partial->inner[lane];
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
