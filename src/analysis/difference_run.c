/* SPDX-License-Identifier: MIT */
#include "analysis/difference.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "analysis/row_outputs.h"
#include "base/memory.h"
#include "base/pool.h"
#include "kernel/reference.h"

/* Rows taken side by side: as many as make blocks of this many weights, within these bounds. */
enum { BLOCK_WEIGHTS = 1 << 23, BLOCK_ROWS_MIN = 48, BLOCK_ROWS_MAX = ITEM_ROWS };

/* One block of rows of both, compared once they are all there. */
struct side {
	float *weight, *output;
	int64_t weights_seen, outputs_seen;
};

struct pairing {
	const struct difference_request *request;
	struct difference *difference;
	bool is_signed;
	int64_t keys, width, first; /* first: position of the block's first row */
	struct side side[2];        /* A, B */
	struct row_difference *rows; /* [rows of a block] */
	struct pool *pool;
	double **scratch;           /* [threads]: a row of A, then one of B */
};

enum err difference_check(const struct source *a, const struct source *b, struct err_info *info)
{
	if (a->layers == b->layers && a->batches == b->batches && a->heads == b->heads && a->queries == b->queries && a->keys == b->keys)
		return ERR_OK;
	return err_set(info, ERR_SHAPE, "the two do not fit: %" PRId64 " layers, %" PRId64 " batch items, %" PRId64 " heads of %" PRId64 " x %" PRId64
		       " against %" PRId64 ", %" PRId64 ", %" PRId64 " of %" PRId64 " x %" PRId64, a->layers, a->batches, a->heads, a->queries, a->keys,
		       b->layers, b->batches, b->heads, b->queries, b->keys);
}

struct keeping {
	struct side *side;
	int64_t keys;
};

static enum err keep_weights(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct keeping *keeping = data;
	(void)map, (void)index, (void)row, (void)info;
	memcpy(keeping->side->weight + keeping->side->weights_seen++ * keeping->keys, weight, (size_t)keeping->keys * sizeof *weight);
	return ERR_OK;
}

static enum err keep_output(void *data, int64_t map, int64_t index, int64_t row, const struct row_stats *stats, const float *output, int64_t width,
			    struct err_info *info)
{
	struct keeping *keeping = data;
	(void)map, (void)index, (void)row, (void)stats, (void)info;
	memcpy(keeping->side->output + keeping->side->outputs_seen++ * width, output, (size_t)width * sizeof *output);
	return ERR_OK;
}

static void widen(const float *from, int64_t count, double *to)
{
	for (int64_t i = 0; i < count; i++)
		to[i] = (double)from[i];
}

static enum err compare_row(void *data, int64_t job, int worker)
{
	struct pairing *pairing = data;
	double *a = pairing->scratch[worker], *b = a + pairing->keys;
	widen(pairing->side[0].weight + job * pairing->keys, pairing->keys, a);
	widen(pairing->side[1].weight + job * pairing->keys, pairing->keys, b);
	pairing->rows[job] = difference_row(a, b, pairing->keys, pairing->is_signed);
	return ERR_OK;
}

static void take_row(struct pairing *pairing, int64_t position, const struct row_difference *row, const double *a, const double *b)
{
	const struct difference_request *request = pairing->request;
	difference_add(pairing->difference, row);
	if (request->see)
		request->see(request->see_data, position, a, b, row);
}

/* Sums are taken in the order of the rows, whoever compared them. */
static enum err compare_block(struct pairing *pairing, int64_t count)
{
	double *a = pairing->scratch[0], *b = a + pairing->keys;
	enum err err = pool_run(pairing->pool, count, compare_row, pairing);
	for (int64_t i = 0; i < count && !err; i++) {
		if (pairing->request->see) {
			widen(pairing->side[0].weight + i * pairing->keys, pairing->keys, a);
			widen(pairing->side[1].weight + i * pairing->keys, pairing->keys, b);
		}
		take_row(pairing, pairing->first + i, &pairing->rows[i], a, b);
		if (!pairing->request->outputs)
			continue;
		double *of_a = pairing->scratch[0] + 2 * pairing->keys, *of_b = of_a + pairing->width;
		widen(pairing->side[0].output + i * pairing->width, pairing->width, of_a);
		widen(pairing->side[1].output + i * pairing->width, pairing->width, of_b);
		difference_add_output(pairing->difference, of_a, of_b, pairing->width);
	}
	return err;
}

static enum err run_side(struct pairing *pairing, int at, int64_t map, int64_t count, struct err_info *info)
{
	const struct difference_request *request = pairing->request;
	const struct source *source = at == 0 ? request->a : request->b;
	struct keeping keeping = { &pairing->side[at], pairing->keys };
	struct driver_options options = *request->options;
	struct sink *sink[2] = { NULL, NULL };
	options.maps = &map;
	options.map_count = 1;
	options.rows = request->row + pairing->first;
	options.row_count = count;
	options.progress = NULL;
	pairing->side[at].weights_seen = pairing->side[at].outputs_seen = 0;
	enum err err = matrix_rows_new(keep_weights, &keeping, &sink[0], info);
	if (!err && request->outputs)
		err = row_outputs_new(source, true, keep_output, &keeping, &sink[1], info);
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

static enum err make_room(struct pairing *pairing, int64_t block, int threads, struct err_info *info)
{
	size_t row = 2 * (size_t)(pairing->keys + pairing->width);
	bool room = (pairing->pool = pool_new(threads)) && (pairing->rows = mem_array((size_t)block, sizeof *pairing->rows)) &&
		    (pairing->scratch = mem_zero_array((size_t)threads, sizeof *pairing->scratch));
	for (int i = 0; i < threads && room; i++)
		room = (pairing->scratch[i] = mem_array(row, sizeof **pairing->scratch)) != NULL;
	for (int i = 0; i < 2 && room; i++)
		room = (pairing->side[i].weight = mem_array((size_t)block, (size_t)pairing->keys * sizeof(float))) &&
		       (pairing->side[i].output = mem_array((size_t)block, (size_t)pairing->width * sizeof(float)));
	return room ? ERR_OK : err_nomem(info, "the rows side by side");
}

static void free_room(struct pairing *pairing, int threads)
{
	pool_free(pairing->pool);
	for (int i = 0; i < 2; i++) {
		free(pairing->side[i].weight);
		free(pairing->side[i].output);
	}
	for (int i = 0; i < threads && pairing->scratch; i++)
		free(pairing->scratch[i]);
	free(pairing->scratch);
	free(pairing->rows);
}

static enum err run_tiles(struct pairing *pairing, int64_t map, struct err_info *info)
{
	int64_t block = block_rows(pairing->request), rows = pairing->request->row_count;
	int threads = pairing->request->options->threads ? pairing->request->options->threads : pool_default_threads();
	enum err err = make_room(pairing, block, threads, info);
	for (pairing->first = 0; pairing->first < rows && !err; pairing->first += block) {
		int64_t count = rows - pairing->first < block ? rows - pairing->first : block;
		err = run_side(pairing, 0, map, count, info);
		if (!err)
			err = run_side(pairing, 1, map, count, info);
		if (!err)
			err = compare_block(pairing, count);
	}
	free_room(pairing, threads);
	return err;
}

static enum err run_definition(struct pairing *pairing, int64_t map, struct err_info *info)
{
	const struct difference_request *request = pairing->request;
	double *a = mem_array(2 * (size_t)(pairing->keys + pairing->width), sizeof *a), *b = a ? a + pairing->keys : NULL;
	double *of_a = a && request->outputs ? b + pairing->keys : NULL, *of_b = of_a ? of_a + pairing->width : NULL;
	enum err err = a ? ERR_OK : err_nomem(info, "a row of weights");
	for (int64_t i = 0; i < request->row_count && !err; i++) {
		err = reference_row(request->a, map, request->row[i], a, NULL, of_a, info);
		if (!err)
			err = reference_row(request->b, map, request->row[i], b, NULL, of_b, info);
		if (err)
			break;
		struct row_difference row = difference_row(a, b, pairing->keys, pairing->is_signed);
		take_row(pairing, i, &row, a, b);
		if (of_a)
			difference_add_output(pairing->difference, of_a, of_b, pairing->width);
	}
	free(a);
	return err;
}

enum err difference_run(const struct difference_request *request, int64_t map, struct difference *difference, struct err_info *info)
{
	struct pairing pairing = {
		.request = request, .difference = difference, .is_signed = request->a->is_signed || request->b->is_signed, .keys = request->a->keys,
		.width = request->outputs ? request->a->values->size[AXIS_DIM] : 1,
	};
	return request->exact ? run_definition(&pairing, map, info) : run_tiles(&pairing, map, info);
}
