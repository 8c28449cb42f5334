/* SPDX-License-Identifier: MIT */
#include "commands/gather.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "base/memory.h"
#include "commands/progress.h"

const struct word gather_reduce_words[] = {
	{ "none", REDUCE_NONE }, { "mean", REDUCE_MEAN }, { "max", REDUCE_MAX }, WORD_END,
};

struct gathering {
	float *weight;
	int64_t row_begin, rows, key_begin, keys;
};

static enum err keep_row(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	const struct gathering *gathering = data;
	(void)map, (void)info;
	memcpy(gathering->weight + (index * gathering->rows + row - gathering->row_begin) * gathering->keys, weight + gathering->key_begin,
	       (size_t)gathering->keys * sizeof *weight);
	return ERR_OK;
}

static enum err run(const struct input *input, struct gathering *gathering, struct progress *progress, struct err_info *info)
{
	struct driver_options options = input_driver(input);
	struct sink *sink = NULL;
	int64_t *row = mem_array((size_t)gathering->rows, sizeof *row);
	if (!row)
		return err_nomem(info, "the list of queries");
	for (int64_t i = 0; i < gathering->rows; i++)
		row[i] = gathering->row_begin + i;
	options.rows = row;
	options.row_count = gathering->rows;
	options.progress = progress_report;
	options.progress_data = progress;
	enum err err = matrix_rows_new(keep_row, gathering, &sink, info);
	if (!err)
		err = driver_run(input->source, &sink, 1, &options, info);
	matrix_rows_free(sink);
	free(row);
	return err;
}

enum err gather_maps(const struct input *input, const char *what, int64_t row_begin, int64_t row_end, int64_t key_begin, int64_t key_end,
		     float **weight, struct err_info *info)
{
	struct gathering gathering = { NULL, row_begin, row_end - row_begin, key_begin, key_end - key_begin };
	struct progress progress = { 0 };
	int64_t cells, all;
	*weight = NULL;
	if (!mem_mul_i64(gathering.rows, gathering.keys, &cells) || !mem_mul_i64(cells, input->selection.maps, &all) || all > GATHER_MAX)
		return err_set(info, ERR_USAGE, "%s of %" PRId64 " maps of %" PRId64 " x %" PRId64 " weights is too much: choose fewer heads, rows or keys",
			       what, input->selection.maps, gathering.rows, gathering.keys);
	gathering.weight = mem_array((size_t)all, sizeof *gathering.weight);
	if (!gathering.weight)
		return err_nomem(info, what);
	progress_start(&progress, what);
	enum err err = run(input, &gathering, &progress, info);
	progress_end(&progress);
	if (err)
		free(gathering.weight);
	else
		*weight = gathering.weight;
	return err;
}

int64_t gather_reduced_maps(const struct input *input, enum gather_reduce how)
{
	return how == REDUCE_NONE ? input->selection.maps : input->selection.maps / (int64_t)input->selection.heads;
}

static float reduce_pair(float a, float b, enum gather_reduce how)
{
	if (isnan(a) || isnan(b))
		return isnan(a) ? b : a;
	return how == REDUCE_MEAN ? a + b : fmaxf(a, b);
}

/* Heads are innermost: the maps of one layer and item lie side by side. */
void gather_reduce(const struct input *input, float *weight, int64_t cells, enum gather_reduce how)
{
	int64_t heads = (int64_t)input->selection.heads, left = gather_reduced_maps(input, how);
	for (int64_t map = 0; how != REDUCE_NONE && map < left; map++) {
		const float *from = weight + map * heads * cells;
		float *to = weight + map * cells;
		memmove(to, from, (size_t)cells * sizeof *to);
		for (int64_t head = 1; head < heads; head++)
			for (int64_t i = 0; i < cells; i++)
				to[i] = reduce_pair(to[i], from[head * cells + i], how);
		for (int64_t i = 0; i < cells && how == REDUCE_MEAN; i++)
			to[i] /= (float)heads;
	}
}

void gather_name(const struct input *input, int64_t map, enum gather_reduce how, struct strbuf *out)
{
	const struct selection *selection = &input->selection;
	int64_t layer, batch, head, each = how == REDUCE_NONE ? 1 : (int64_t)selection->heads;
	source_map_id(input->source, selection->map[map * each], &layer, &batch, &head);
	if (selection->layers > 1)
		strbuf_addf(out, "layer %" PRId64, input->layer_number[layer]);
	if (selection->batches > 1)
		strbuf_addf(out, "%sitem %" PRId64, out->len ? " " : "", batch);
	if (selection->heads > 1 && how == REDUCE_NONE)
		strbuf_addf(out, "%shead %" PRId64, out->len ? " " : "", head);
}
