#include "analysis/difference.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "analysis/row_outputs.h"
#include "base/memory.h"
#include "kernel/reference.h"

/* Rows taken side by side: as many as make blocks of this many weights, within these bounds. */
enum { BLOCK_WEIGHTS = 1 << 24, BLOCK_ROWS_MIN = 48, BLOCK_ROWS_MAX = ITEM_ROWS };

/* One block of rows: B's weights and outputs are kept until A's come. */
struct pairing {
	const struct difference_request *request;
	struct difference *difference;
	bool is_signed;
	int64_t keys, width, first; /* first: position of the block's first row */
	int64_t weights_seen, outputs_seen;
	float *b, *b_output;
	double *row_a, *row_b;      /* one row of weights, or of output */
};

enum err difference_check(const struct source *a, const struct source *b, struct err_info *info)
{
	if (a->layers == b->layers && a->batches == b->batches && a->heads == b->heads && a->queries == b->queries && a->keys == b->keys)
		return ERR_OK;
	return err_set(info, ERR_SHAPE, "the two do not fit: %" PRId64 " layers, %" PRId64 " batch items, %" PRId64 " heads of %" PRId64 " x %" PRId64
		       " against %" PRId64 ", %" PRId64 ", %" PRId64 " of %" PRId64 " x %" PRId64, a->layers, a->batches, a->heads, a->queries, a->keys,
		       b->layers, b->batches, b->heads, b->queries, b->keys);
}

static enum err keep_weights(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct pairing *pairing = data;
	(void)map, (void)index, (void)row, (void)info;
	memcpy(pairing->b + pairing->weights_seen++ * pairing->keys, weight, (size_t)pairing->keys * sizeof *weight);
	return ERR_OK;
}

static enum err keep_output(void *data, int64_t map, int64_t index, int64_t row, const struct row_stats *stats, const float *output, int64_t width,
			    struct err_info *info)
{
	struct pairing *pairing = data;
	(void)map, (void)index, (void)row, (void)stats, (void)info;
	memcpy(pairing->b_output + pairing->outputs_seen++ * width, output, (size_t)width * sizeof *output);
	return ERR_OK;
}

static void widen(const float *from, int64_t count, double *to)
{
	for (int64_t i = 0; i < count; i++)
		to[i] = (double)from[i];
}

static void add_row(struct pairing *pairing, int64_t position)
{
	const struct difference_request *request = pairing->request;
	struct row_difference row = difference_add(pairing->difference, pairing->row_a, pairing->row_b, pairing->keys, pairing->is_signed);
	if (request->see)
		request->see(request->see_data, position, pairing->row_a, pairing->row_b, &row);
}

static enum err compare_weights(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct pairing *pairing = data;
	(void)map, (void)index, (void)row, (void)info;
	widen(weight, pairing->keys, pairing->row_a);
	widen(pairing->b + pairing->weights_seen * pairing->keys, pairing->keys, pairing->row_b);
	add_row(pairing, pairing->first + pairing->weights_seen++);
	return ERR_OK;
}

static enum err compare_output(void *data, int64_t map, int64_t index, int64_t row, const struct row_stats *stats, const float *output, int64_t width,
			       struct err_info *info)
{
	struct pairing *pairing = data;
	(void)map, (void)index, (void)row, (void)stats, (void)info;
	widen(output, width, pairing->row_a);
	widen(pairing->b_output + pairing->outputs_seen++ * width, width, pairing->row_b);
	difference_add_output(pairing->difference, pairing->row_a, pairing->row_b, width);
	return ERR_OK;
}

static enum err run_side(struct pairing *pairing, bool is_a, int64_t map, int64_t count, struct err_info *info)
{
	const struct difference_request *request = pairing->request;
	const struct source *source = is_a ? request->a : request->b;
	struct driver_options options = *request->options;
	struct sink *sink[2] = { NULL, NULL };
	options.maps = &map;
	options.map_count = 1;
	options.rows = request->row + pairing->first;
	options.row_count = count;
	options.progress = NULL;
	pairing->weights_seen = pairing->outputs_seen = 0;
	enum err err = matrix_rows_new(is_a ? compare_weights : keep_weights, pairing, &sink[0], info);
	if (!err && request->outputs)
		err = row_outputs_new(source, true, is_a ? compare_output : keep_output, pairing, &sink[1], info);
	if (!err)
		err = driver_run(source, sink, request->outputs ? 2 : 1, &options, info);
	matrix_rows_free(sink[0]);
	row_outputs_free(sink[1]);
	return err;
}

static int64_t block_rows(const struct difference_request *request)
{
	int64_t rows = BLOCK_WEIGHTS / request->a->keys;
	rows = rows < BLOCK_ROWS_MIN ? BLOCK_ROWS_MIN : rows > BLOCK_ROWS_MAX ? BLOCK_ROWS_MAX : rows;
	return rows < request->row_count ? rows : request->row_count;
}

static enum err run_tiles(struct pairing *pairing, int64_t map, struct err_info *info)
{
	int64_t block = block_rows(pairing->request), rows = pairing->request->row_count;
	pairing->b = mem_array((size_t)block, (size_t)pairing->keys * sizeof *pairing->b);
	pairing->b_output = mem_array((size_t)block, (size_t)pairing->width * sizeof *pairing->b_output);
	enum err err = pairing->b && pairing->b_output ? ERR_OK : err_nomem(info, "the rows side by side");
	for (pairing->first = 0; pairing->first < rows && !err; pairing->first += block) {
		int64_t count = rows - pairing->first < block ? rows - pairing->first : block;
		err = run_side(pairing, false, map, count, info);
		if (!err)
			err = run_side(pairing, true, map, count, info);
	}
	free(pairing->b);
	free(pairing->b_output);
	return err;
}

static enum err run_definition(struct pairing *pairing, int64_t map, struct err_info *info)
{
	const struct difference_request *request = pairing->request;
	double *output = request->outputs ? mem_array(2 * (size_t)pairing->width, sizeof *output) : NULL;
	enum err err = output || !request->outputs ? ERR_OK : err_nomem(info, "rows of output");
	for (int64_t i = 0; i < request->row_count && !err; i++) {
		err = reference_row(request->a, map, request->row[i], pairing->row_a, NULL, output, info);
		if (!err)
			err = reference_row(request->b, map, request->row[i], pairing->row_b, NULL, output ? output + pairing->width : NULL, info);
		if (err)
			break;
		add_row(pairing, i);
		if (output)
			difference_add_output(pairing->difference, output, output + pairing->width, pairing->width);
	}
	free(output);
	return err;
}

enum err difference_run(const struct difference_request *request, int64_t map, struct difference *difference, struct err_info *info)
{
	struct pairing pairing = {
		.request = request, .difference = difference, .is_signed = request->a->is_signed || request->b->is_signed, .keys = request->a->keys,
		.width = request->outputs ? request->a->values->size[AXIS_DIM] : 1,
	};
	int64_t longest = pairing.keys > pairing.width ? pairing.keys : pairing.width;
	pairing.row_a = mem_array((size_t)longest, sizeof *pairing.row_a);
	pairing.row_b = mem_array((size_t)longest, sizeof *pairing.row_b);
	enum err err = pairing.row_a && pairing.row_b ? ERR_OK : err_nomem(info, "a row of weights");
	if (!err)
		err = request->exact ? run_definition(&pairing, map, info) : run_tiles(&pairing, map, info);
	free(pairing.row_a);
	free(pairing.row_b);
	return err;
}
