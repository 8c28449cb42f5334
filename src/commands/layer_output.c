/* SPDX-License-Identifier: MIT */
#include "commands/layer_output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/row_outputs.h"
#include "base/memory.h"
#include "kernel/driver.h"
#include "kernel/reference.h"

struct summing {
	const struct input *input;
	double *sum;             /* [queries chosen][width] of the layer and batch item at hand */
	int64_t width, begin, end, maps; /* maps: summed so far */
	layer_output_emit *emit;
	void *data;
};

static double *sum_of(const struct summing *summing, int64_t map, int64_t row)
{
	double *sum = summing->sum + (row - summing->begin) * summing->width;
	for (int64_t i = 0; i < summing->width && source_row_is_nan(summing->input->source, map, row); i++)
		sum[i] = NAN;
	return sum;
}

static void add_row(struct summing *summing, int64_t map, int64_t row, const double *output)
{
	double *sum = sum_of(summing, map, row);
	for (int64_t i = 0; i < summing->width; i++)
		sum[i] += output[i];
}

/* After the last query of a head; after the last head, everything goes out. */
static enum err end_map(struct summing *summing, int64_t map, struct err_info *info)
{
	const struct selection *selection = &summing->input->selection;
	const struct source *source = summing->input->source;
	int64_t rows = summing->end - summing->begin, layer, batch, head;
	enum err err = ERR_OK;
	if (++summing->maps % (int64_t)selection->heads)
		return ERR_OK;
	source_map_id(source, map, &layer, &batch, &head);
	bool whole = (int64_t)selection->heads == source->heads;
	for (int64_t row = 0; row < rows && !err; row++) {
		double *sum = summing->sum + row * summing->width;
		for (int64_t i = 0; i < summing->width && whole; i++)
			sum[i] += source->output_bias[layer * summing->width + i];
		err = summing->emit(summing->data, sum, summing->width, info);
	}
	memset(summing->sum, 0, (size_t)(rows * summing->width) * sizeof *summing->sum);
	return err;
}

static enum err take_output(void *data, int64_t map, int64_t index, int64_t row, const struct row_stats *stats, const float *output, int64_t width,
			    struct err_info *info)
{
	struct summing *summing = data;
	double *sum = sum_of(summing, map, row);
	(void)index, (void)stats;
	for (int64_t i = 0; i < width; i++)
		sum[i] += (double)output[i];
	return row == summing->end - 1 ? end_map(summing, map, info) : ERR_OK;
}

static enum err by_tiles(struct summing *summing, const struct driver_options *options, struct err_info *info)
{
	struct sink *sink = NULL;
	enum err err = row_outputs_new(summing->input->source, true, take_output, summing, &sink, info);
	if (!err)
		err = driver_run(summing->input->source, &sink, 1, options, info);
	row_outputs_free(sink);
	return err;
}

static enum err by_definition(struct summing *summing, struct err_info *info)
{
	const struct source *source = summing->input->source;
	double *weight = mem_array((size_t)source->keys + (size_t)summing->width, sizeof *weight);
	enum err err = weight ? ERR_OK : err_nomem(info, "a row of weights");
	for (int64_t i = 0; i < summing->input->selection.maps && !err; i++) {
		int64_t map = summing->input->selection.map[i];
		for (int64_t row = summing->begin; row < summing->end && !err; row++) {
			err = reference_row(source, map, row, weight, NULL, weight + source->keys, info);
			if (!err)
				add_row(summing, map, row, weight + source->keys);
		}
		if (!err)
			err = end_map(summing, map, info);
	}
	free(weight);
	return err;
}

enum err layer_output(const struct input *input, const struct driver_options *options, bool exact, int64_t begin, int64_t end, layer_output_emit *emit, void *data,
		      struct err_info *info)
{
	struct summing summing = { .input = input, .begin = begin, .end = end, .emit = emit, .data = data };
	if (!input->source->output_bias)
		return err_set(info, ERR_USAGE, "the output of a layer needs its output projection: --attention multihead with out_proj_weight and --param values=layer");
	summing.width = input->source->values->size[AXIS_DIM];
	summing.sum = mem_zero_array((size_t)(end - begin), (size_t)summing.width * sizeof *summing.sum);
	if (!summing.sum)
		return err_nomem(info, "the output of the layer");
	enum err err = exact ? by_definition(&summing, info) : by_tiles(&summing, options, info);
	free(summing.sum);
	return err;
}
