/* SPDX-License-Identifier: MIT */
#include "analysis/extract.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/alignment.h"
#include "analysis/matrix_rows.h"
#include "base/memory.h"

/* Maps on their way into one. */
struct gathering {
	const struct extract_request *request;
	struct alignment *alignment;
	int64_t row_begin, rows; /* of the queries that are gathered: those of the request are among them */
	double *map;     /* [rows][columns]: the map at hand */
	double *scratch; /* of the median filter */
	int64_t maps, seen;
};

static void divide_row(double *row, int64_t columns)
{
	double sum = 0;
	for (int64_t column = 0; column < columns; column++)
		sum += row[column];
	for (int64_t column = 0; sum > 0 && column < columns; column++)
		row[column] /= sum;
}

static void add_map(struct gathering *gathering)
{
	const struct extract_request *request = gathering->request;
	struct alignment *alignment = gathering->alignment;
	double *map = gathering->map + (request->row_begin - gathering->row_begin) * alignment->columns;
	if (request->method == EXTRACT_WHISPER) {
		standardise_columns(gathering->map, gathering->rows, alignment->columns);
		median_filter_rows(map, alignment->rows, alignment->columns, request->median, gathering->scratch);
	}
	for (int64_t i = 0; i < alignment->rows * alignment->columns; i++)
		if (!request->largest)
			alignment->weight[i] += map[i] / (double)gathering->maps;
		else if (gathering->seen == 0 || map[i] > alignment->weight[i])
			alignment->weight[i] = map[i];
	gathering->seen++;
}

static enum err gather_row(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct gathering *gathering = data;
	const struct extract_request *request = gathering->request;
	int64_t columns = gathering->alignment->columns, at = row - gathering->row_begin;
	double *to = gathering->map + at * columns;
	(void)map, (void)index, (void)info;
	for (int64_t column = 0; column < columns; column++)
		to[column] = (double)weight[request->key_begin + column];
	if (request->divides)
		divide_row(to, columns);
	if (at == gathering->rows - 1)
		add_map(gathering);
	return ERR_OK;
}

static enum err gather(const struct source *source, struct gathering *gathering, struct err_info *info)
{
	const struct extract_request *request = gathering->request;
	struct driver_options driver = request->driver;
	struct sink *sink = NULL;
	int64_t *row = mem_array((size_t)gathering->rows, sizeof *row);
	if (!row)
		return err_nomem(info, "the list of queries");
	for (int64_t i = 0; i < gathering->rows; i++)
		row[i] = gathering->row_begin + i;
	driver.rows = row;
	driver.row_count = gathering->rows;
	gathering->maps = driver.maps ? driver.map_count : source_maps(source);
	enum err err = matrix_rows_new(gather_row, gathering, &sink, info);
	if (!err)
		err = driver_run(source, &sink, 1, &driver, info);
	matrix_rows_free(sink);
	free(row);
	return err;
}

enum err extract_alignment(const struct source *source, const struct extract_request *request, struct alignment *alignment, struct err_info *info)
{
	int64_t rows = request->row_end - request->row_begin, columns = request->key_end - request->key_begin, cells, all;
	bool whole = request->method == EXTRACT_WHISPER;
	*alignment = (struct alignment){ .rows = rows, .columns = columns };
	if (rows < 1 || columns < 1 || !mem_mul_i64(rows, columns, &cells) || !mem_mul_i64(source->queries, columns, &all))
		return err_set(info, ERR_SHAPE, "there is nothing to align: %lld queries x %lld keys", (long long)rows, (long long)columns);
	struct gathering gathering = { .request = request, .alignment = alignment, .row_begin = whole ? 0 : request->row_begin,
				       .rows = whole ? source->queries : rows };
	alignment->weight = mem_zero_array((size_t)cells, sizeof(double));
	alignment->linked = mem_zero_array((size_t)cells, 1);
	gathering.map = mem_array((size_t)(whole ? all : cells), sizeof(double));
	gathering.scratch = mem_array((size_t)(columns + request->median), sizeof(double));
	enum err err = alignment->weight && alignment->linked && gathering.map && gathering.scratch ? ERR_OK : err_nomem(info, "the alignment");
	if (!err)
		err = gather(source, &gathering, info);
	free(gathering.scratch);
	free(gathering.map);
	if (!err)
		err = extract_links(request, alignment, info);
	if (err)
		alignment_release(alignment);
	return err;
}

static enum err link_path(const struct extract_request *request, struct alignment *alignment, struct err_info *info)
{
	int64_t cells = alignment->rows * alignment->columns;
	double *cost = mem_array((size_t)cells, sizeof *cost);
	if (!cost)
		return err_nomem(info, "the path");
	for (int64_t i = 0; i < cells; i++)
		cost[i] = -alignment->weight[i];
	dtw_path_release(&alignment->path);
	enum err err = dtw(cost, alignment->rows, alignment->columns, request->pattern, &alignment->path, info);
	free(cost);
	memset(alignment->linked, 0, (size_t)cells);
	for (int64_t i = 0; !err && i < alignment->path.length; i++)
		alignment->linked[alignment->path.row[i] * alignment->columns + alignment->path.column[i]] = 1;
	return err;
}

static enum err link_both_ways(const struct extract_request *request, struct alignment *alignment, struct err_info *info)
{
	int64_t cells = alignment->rows * alignment->columns;
	double *score = mem_array((size_t)(cells + alignment->rows + alignment->columns), sizeof *score);
	if (!score)
		return err_nomem(info, "the scores");
	for (int64_t i = 0; i < cells; i++)
		score[i] = request->logits ? alignment->weight[i] : log(alignment->weight[i]);
	alignment_both_ways(score, alignment->rows, alignment->columns, request->threshold, score + cells, alignment->linked);
	free(score);
	return ERR_OK;
}

static enum err link_symmetric(enum symmetrisation how, struct alignment *alignment, struct err_info *info)
{
	size_t cells = (size_t)(alignment->rows * alignment->columns);
	unsigned char *forward = mem_array(cells, 2);
	if (!forward)
		return err_nomem(info, "the links");
	alignment_argmax(alignment->weight, alignment->rows, alignment->columns, forward);
	alignment_argmax_columns(alignment->weight, alignment->rows, alignment->columns, forward + cells);
	alignment_symmetrise(how, forward, forward + cells, alignment->rows, alignment->columns, alignment->linked);
	free(forward);
	return ERR_OK;
}

enum err extract_links(const struct extract_request *request, struct alignment *alignment, struct err_info *info)
{
	switch (request->method) {
	case EXTRACT_ARGMAX:
		alignment_argmax(alignment->weight, alignment->rows, alignment->columns, alignment->linked);
		return ERR_OK;
	case EXTRACT_THRESHOLD:
		alignment_threshold(alignment->weight, alignment->rows, alignment->columns, request->threshold, alignment->linked);
		return ERR_OK;
	case EXTRACT_INTERSECTION:
		return link_symmetric(SYMMETRISE_INTERSECTION, alignment, info);
	case EXTRACT_UNION:
		return link_symmetric(SYMMETRISE_UNION, alignment, info);
	case EXTRACT_GROW_DIAG:
		return link_symmetric(SYMMETRISE_GROW_DIAG, alignment, info);
	case EXTRACT_GROW_DIAG_FINAL:
		return link_symmetric(SYMMETRISE_GROW_DIAG_FINAL, alignment, info);
	case EXTRACT_GROW_DIAG_FINAL_AND:
		return link_symmetric(SYMMETRISE_GROW_DIAG_FINAL_AND, alignment, info);
	case EXTRACT_BOTH_WAYS:
		return link_both_ways(request, alignment, info);
	case EXTRACT_DTW:
	case EXTRACT_WHISPER:
		return link_path(request, alignment, info);
	case EXTRACT_COUNT:
		break;
	}
	return err_set(info, ERR_USAGE, "there is no such extraction");
}

void alignment_release(struct alignment *alignment)
{
	free(alignment->weight);
	free(alignment->linked);
	dtw_path_release(&alignment->path);
	*alignment = (struct alignment){ 0 };
}

static int64_t largest_column(const double *row, int64_t columns)
{
	int64_t best = 0;
	for (int64_t column = 1; column < columns; column++)
		if (row[column] > row[best])
			best = column;
	return best;
}

double alignment_monotonicity(const double *weight, int64_t rows, int64_t columns)
{
	int64_t forward = 0, before = largest_column(weight, columns);
	for (int64_t row = 1; row < rows; row++) {
		int64_t now = largest_column(weight + row * columns, columns);
		forward += now >= before;
		before = now;
	}
	return rows > 1 ? (double)forward / (double)(rows - 1) : NAN;
}

/* The longest strictly increasing subsequence of the largest columns: last[k] is the smallest column that a run of k + 1 ends with. */
double alignment_progress(const double *weight, int64_t rows, int64_t columns)
{
	int64_t *last = mem_array((size_t)rows, sizeof *last), length = 0;
	if (!last)
		return NAN;
	for (int64_t row = 0; row < rows; row++) {
		int64_t now = largest_column(weight + row * columns, columns), low = 0, high = length;
		while (low < high) {
			int64_t middle = low + (high - low) / 2;
			if (last[middle] < now)
				low = middle + 1;
			else
				high = middle;
		}
		last[low] = now;
		length += low == length;
	}
	free(last);
	return (double)length / (double)(rows < columns ? rows : columns);
}
