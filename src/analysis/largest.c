/* SPDX-License-Identifier: MIT */
/* Mass of the largest weights of a row. */
#include <math.h>
#include <string.h>

#include "analysis/family.h"

/* Of the row group at work: the largest weights of each lane, descending. */
struct partial {
	struct row_values values;
	_Alignas(64) float kept[]; /* [lanes][k] */
};

static const enum metric_id metrics[] = { METRIC_TOP_K, METRIC_COUNT };

static int64_t number_kept(const struct sink *sink)
{
	return stats_request_of(((const struct family *)sink)->stats)->parameters.top_k;
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)source;
	return sizeof(struct partial) + (size_t)kernels->lanes * (size_t)number_kept(sink) * sizeof(float);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	memset(partial->kept, 0, (size_t)(item->kernels->lanes * number_kept(sink)) * sizeof(float));
}

static void insert(float *kept, int64_t count, float weight)
{
	int64_t at = count - 1;
	for (; at > 0 && kept[at - 1] < weight; at--)
		kept[at] = kept[at - 1];
	kept[at] = weight;
}

static bool any_above(const struct tile *tile, const float *largest, const float *kept, int64_t count)
{
	bool any = false;
	for (int lane = 0; lane < tile->rows->count; lane++)
		any |= largest[lane] > kept[lane * count + count - 1];
	return any;
}

static void insert_keys(const struct tile *tile, int lane, int64_t begin, int64_t end, float *kept, int64_t count)
{
	for (int64_t k = begin; k < end; k++)
		if (tile->p[k * tile->lanes + lane] > kept[count - 1])
			insert(kept, count, tile->p[k * tile->lanes + lane]);
}

/* After the first tiles few rows still find a weight above their k-th: most tiles are only compared, and of the others only
 * the panels of keys that hold one are looked through. */
static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct partial *partial = data;
	int64_t count = number_kept(sink);
	_Alignas(64) float largest[MAX_LANES] = { 0 };
	(void)item, (void)lane0;
	tile->kernels->max_keys(tile->p, tile->count, largest);
	if (!any_above(tile, largest, partial->kept, count))
		return;
	for (int64_t key = 0, end; key < tile->count; key = end) {
		end = key + KEY_PANEL < tile->count ? key + KEY_PANEL : tile->count;
		memset(largest, 0, sizeof largest);
		tile->kernels->max_keys(tile->p + key * tile->lanes, end - key, largest);
		for (int lane = 0; lane < tile->rows->count; lane++)
			if (largest[lane] > partial->kept[lane * count + count - 1])
				insert_keys(tile, lane, key, end, partial->kept + lane * count, count);
	}
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	int64_t count = number_kept(sink);
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		double sum = 0;
		if (!row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]))
			continue;
		for (int64_t k = 0; k < count; k++)
			sum += (double)partial->kept[lane * count + k];
		partial->values.value[0][lane0 + lane] = sum / stats[lane].sum;
	}
	start(sink, item, partial);
}

static const struct sink_ops largest_ops = {
	.name = "largest weights",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = family_merge,
};

const struct family_row family_largest = { .metrics = metrics, .size = sizeof(struct family), .ops = &largest_ops };
