/* SPDX-License-Identifier: MIT */
#include "analysis/matrix_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/driver.h"

struct matrix_rows {
	struct sink sink;
	matrix_rows_emit *emit;
	void *data;
	enum err err; /* of the first row that could not be handed out; merge cannot fail */
	struct err_info info;
};

/* A row group writes whole groups of lanes, so there is room for lanes beyond the last row. */
static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink;
	return (size_t)(ITEM_ROWS + kernels->lanes) * (size_t)source->keys * sizeof(float);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	(void)sink;
	return (size_t)item->count * (size_t)item->source->keys * sizeof(float);
}

static void start(const struct sink *sink, const struct item *item, void *partial)
{
	memset(partial, 0, merged_size(sink, item));
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	(void)sink;
	tile->kernels->transpose(tile->p, tile->count, (float *)partial + lane0 * item->source->keys + tile->key,
				 item->source->keys);
}

static void merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct matrix_rows *rows = (struct matrix_rows *)sink;
	for (int64_t i = 0; i < item->count && !rows->err; i++)
		rows->err = rows->emit(rows->data, item->map, item->index, item->row[i],
				       (const float *)partial + i * item->source->keys, &rows->info);
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	const struct matrix_rows *rows = (const struct matrix_rows *)sink;
	(void)source, (void)map, (void)index;
	if (rows->err && info)
		*info = rows->info;
	return rows->err;
}

static const struct sink_ops matrix_rows_ops = {
	.name = "matrix rows",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.merged_size = merged_size,
	.start = start,
	.scan = scan,
	.merge = merge,
	.map_end = map_end,
};

enum err matrix_rows_new(matrix_rows_emit *emit, void *data, struct sink **sink, struct err_info *info)
{
	struct matrix_rows *rows = mem_zero_array(1, sizeof *rows);
	*sink = NULL;
	if (!rows)
		return err_nomem(info, "rows of weights");
	rows->sink.ops = &matrix_rows_ops;
	rows->emit = emit;
	rows->data = data;
	*sink = &rows->sink;
	return ERR_OK;
}

void matrix_rows_free(struct sink *sink)
{
	free(sink);
}
