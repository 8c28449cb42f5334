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

void gather_reduce(float *weight, int64_t count, int64_t cells, enum gather_reduce how)
{
	if (how == REDUCE_NONE)
		return;
	for (int64_t map = 1; map < count; map++)
		for (int64_t i = 0; i < cells; i++) {
			float other = weight[map * cells + i];
			weight[i] = how == REDUCE_MEAN ? weight[i] + other : fmaxf(weight[i], other);
		}
	for (int64_t i = 0; i < cells && how == REDUCE_MEAN; i++)
		weight[i] /= (float)count;
}
