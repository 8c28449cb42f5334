/* SPDX-License-Identifier: MIT */
#include "analysis/row_outputs.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/driver.h"

struct row_outputs {
	struct sink sink;
	row_outputs_emit *emit;
	void *data;
	int64_t width; /* 0: statistics alone */
	enum err err;  /* of the first row that could not be handed out; merge cannot fail */
	struct err_info info;
};

/* The statistics of an item's rows, then their outputs. */
static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	const struct row_outputs *outputs = (const struct row_outputs *)sink;
	(void)source, (void)kernels;
	return ITEM_ROWS * (sizeof(struct row_stats) + (size_t)outputs->width * sizeof(float));
}

static float *output_of(void *partial)
{
	return (float *)((struct row_stats *)partial + ITEM_ROWS);
}

static void keep_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t output_width, void *partial)
{
	const struct row_outputs *outputs = (const struct row_outputs *)sink;
	(void)item;
	memcpy((struct row_stats *)partial + lane0, stats, (size_t)rows->count * sizeof *stats);
	if (outputs->width)
		memcpy(output_of(partial) + lane0 * output_width, output, (size_t)(rows->count * output_width) * sizeof *output);
}

static void merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct row_outputs *outputs = (struct row_outputs *)sink;
	const struct row_stats *stats = partial;
	const float *output = (const float *)(stats + ITEM_ROWS);
	for (int64_t i = 0; i < item->count && !outputs->err; i++)
		outputs->err = outputs->emit(outputs->data, item->map, item->index, item->row[i], stats + i, outputs->width ? output + i * outputs->width : NULL,
					     outputs->width, &outputs->info);
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	const struct row_outputs *outputs = (const struct row_outputs *)sink;
	(void)source, (void)map, (void)index;
	if (outputs->err && info)
		*info = outputs->info;
	return outputs->err;
}

static const struct sink_ops stats_ops = {
	.name = "row statistics", .partial_size = partial_size, .rows = keep_rows, .merge = merge, .map_end = map_end,
};

static const struct sink_ops outputs_ops = {
	.name = "row outputs", .needs = SINK_OUTPUT, .partial_size = partial_size, .rows = keep_rows, .merge = merge, .map_end = map_end,
};

enum err row_outputs_new(const struct source *source, bool outputs, row_outputs_emit *emit, void *data, struct sink **sink, struct err_info *info)
{
	*sink = NULL;
	if (outputs && !source->values)
		return err_set(info, ERR_USAGE, "the output W V needs the values: name them with -v FILE[:NAME]");
	struct row_outputs *made = mem_zero_array(1, sizeof *made);
	if (!made)
		return err_nomem(info, "the outputs");
	made->sink.ops = outputs ? &outputs_ops : &stats_ops;
	made->width = outputs ? source->values->size[AXIS_DIM] : 0;
	made->emit = emit;
	made->data = data;
	*sink = &made->sink;
	return ERR_OK;
}

void row_outputs_free(struct sink *sink)
{
	free(sink);
}
