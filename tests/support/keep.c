/* SPDX-License-Identifier: MIT */
#include "support/keep.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support/near.h"

static void keep_scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	const struct keep *keep = (const struct keep *)sink;
	(void)partial;
	for (int lane = 0; lane < tile->lanes; lane++) {
		int64_t row = item->index * keep->rows + item->position + lane0 + lane;
		for (int64_t k = 0; k < tile->count; k++) {
			if (lane < tile->rows->count)
				keep->weight[row * keep->keys + tile->key + k] = tile->p[k * tile->lanes + lane];
			else
				ASSERT_SAME(tile->p[k * tile->lanes + lane], 0);
		}
	}
}

static void keep_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t width, void *partial)
{
	const struct keep *keep = (const struct keep *)sink;
	(void)partial;
	int64_t row = item->index * keep->rows + item->position + lane0;
	memcpy(keep->stats + row, stats, (size_t)rows->count * sizeof(*stats));
	if (output)
		memcpy(keep->output + row * width, output, (size_t)(rows->count * width) * sizeof(*output));
}

static void keep_merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct keep *keep = (struct keep *)sink;
	(void)partial;
	int64_t items = (keep->rows + ITEM_ROWS - 1) / ITEM_ROWS;
	keep->in_order &= item->index * INT64_C(1000000) + item->number >= keep->next_item && item->number >= 0 && items > 0;
	keep->next_item = item->index * INT64_C(1000000) + item->number + 1;
}

static enum err keep_map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct keep *keep = (struct keep *)sink;
	(void)source;
	(void)map;
	keep->in_order &= index == keep->maps_ended;
	keep->maps_ended++;
	return keep->refuse && index == 1 ? err_set(info, keep->refuse, "refused") : ERR_OK;
}

void keep_init(struct keep *keep, const struct source *source, int64_t maps, int64_t rows, unsigned needs)
{
	*keep = (struct keep){ .rows = rows, .keys = source->keys, .width = source->values ? source->values->size[AXIS_DIM] : 0, .in_order = true };
	keep->ops = (struct sink_ops){ .name = "keep", .needs = needs | SINK_ENTROPY, .scan = keep_scan, .rows = keep_rows, .merge = keep_merge, .map_end = keep_map_end };
	keep->sink.ops = &keep->ops;
	keep->stats = mem_zero_array((size_t)(maps * rows), sizeof(*keep->stats));
	keep->weight = mem_zero_array((size_t)(maps * rows * keep->keys), sizeof(float));
	keep->output = mem_zero_array((size_t)(maps * rows * keep->width), sizeof(float));
}

void keep_release(struct keep *keep)
{
	free(keep->stats);
	free(keep->weight);
	free(keep->output);
}
