/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pool.h"
#include "mechanism/dot.h"

/*
 * A cell's sum is (sum of the query vectors, each divided by its row's total) . (sum of the key vectors). Under a causal mask a row sees whole
 * cells and a part of one: the part is carried along from row to row as a sum of its own, and a cell that becomes whole within a row of cells counts for the rows after
 * that.
 */
struct pooling {
	const struct dot *dot;
	int64_t map;
	const struct cell_grid *grid;
	int64_t cells;   /* width + 2: the keys before and after the picture count in the totals */
	int64_t *edge;   /* [cells + 1] */
	double *key_sum; /* [cells][dim] */
	double *before;  /* [cells + 1][dim]: of all cells before one */
	double *sum;
	struct err_info *info; /* NULL while several threads are at work */
};

/* What one row of cells carries along. */
struct row_state {
	double *query, *key;     /* [dim] */
	double *part;            /* [dim]: keys of cell `cell` that the row sees */
	double *queries;         /* [dim]: query vectors over totals, so far */
	int64_t cell, limit;     /* cells below `cell` are whole; keys below `limit` are seen */
};

static double inner(const double *a, const double *b, int64_t count)
{
	double sum = 0;
	for (int64_t i = 0; i < count; i++)
		sum += a[i] * b[i];
	return sum;
}

static void add(double *to, const double *from, double factor, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		to[i] += factor * from[i];
}

static enum err sum_keys(void *data, int64_t cell, int worker)
{
	struct pooling *pooling = data;
	int64_t dim = pooling->dot->dim, end = pooling->edge[cell + 1];
	double *block = mem_array(KEY_BLOCK * (size_t)dim, sizeof *block);
	enum err err = block ? ERR_OK : ERR_NOMEM;
	(void)worker;
	for (int64_t key = pooling->edge[cell]; !err && key < end; key += KEY_BLOCK) {
		int64_t count = end - key < KEY_BLOCK ? end - key : KEY_BLOCK;
		err = pooling->dot->vectors->key(pooling->dot, pooling->map, key, count, block, pooling->info);
		for (int64_t k = 0; !err && k < count; k++)
			add(pooling->key_sum + cell * dim, block + k * dim, 1, dim);
	}
	free(block);
	return err;
}

static void sum_before(struct pooling *pooling)
{
	int64_t dim = pooling->dot->dim;
	for (int64_t cell = 0; cell < pooling->cells; cell++)
		for (int64_t d = 0; d < dim; d++)
			pooling->before[(cell + 1) * dim + d] = pooling->before[cell * dim + d] + pooling->key_sum[cell * dim + d];
}

/* Keys that a query sees are those below this. */
static int64_t limit_of(const struct pooling *pooling, int64_t row)
{
	const struct mask *mask = &pooling->dot->masked.mask;
	int64_t keys = pooling->dot->masked.source.keys, limit = row + mask->diagonal + 1;
	if (mask->right < 0)
		return keys;
	return limit < 0 ? 0 : limit > keys ? keys : limit;
}

/* The sum of a picture row's cell; cells outside the picture have nowhere to go. */
static double *cell_of(const struct pooling *pooling, int64_t row, int64_t cell)
{
	bool shown = cell > 0 && cell <= pooling->grid->width;
	return shown ? &pooling->sum[row * pooling->grid->width + cell - 1] : NULL;
}

/* From here on the cell at hand is whole: the queries so far have seen its parts only. */
static void close_cell(const struct pooling *pooling, int64_t row, struct row_state *state)
{
	int64_t dim = pooling->dot->dim;
	double *sum = cell_of(pooling, row, state->cell);
	if (sum)
		*sum -= inner(state->queries, pooling->key_sum + state->cell * dim, dim);
	memset(state->part, 0, (size_t)dim * sizeof *state->part);
	state->cell++;
}

static enum err see_keys(const struct pooling *pooling, int64_t row, int64_t limit, struct row_state *state)
{
	const struct dot *dot = pooling->dot;
	while (state->cell < pooling->cells && pooling->edge[state->cell + 1] <= limit) {
		state->limit = pooling->edge[state->cell + 1];
		close_cell(pooling, row, state);
	}
	for (; state->limit < limit; state->limit++) {
		enum err err = dot->vectors->key(dot, pooling->map, state->limit, 1, state->key, pooling->info);
		if (err)
			return err;
		add(state->part, state->key, 1, dot->dim);
	}
	return ERR_OK;
}

/* A query, over its row's total where rows are normalised. */
static enum err add_query(const struct pooling *pooling, int64_t row, int64_t query, struct row_state *state)
{
	const struct dot *dot = pooling->dot;
	const struct source *source = &dot->masked.source;
	enum err err = dot->vectors->query(dot, pooling->map, query, state->query, pooling->info);
	if (err)
		return err;
	double total = 1, scale = dot->masked.scale, *sum = cell_of(pooling, row, state->cell);
	if (source->norm == NORM_ROW_SUM) {
		const double *whole = pooling->before + state->cell * dot->dim;
		total = scale * (inner(state->query, whole, dot->dim) + inner(state->query, state->part, dot->dim)) + source->row_epsilon;
	}
	double factor = total != 0 ? scale / total : 0;
	if (sum)
		*sum += factor * inner(state->query, state->part, dot->dim);
	add(state->queries, state->query, factor, dot->dim);
	return ERR_OK;
}

static enum err sum_row(void *data, int64_t row, int worker)
{
	struct pooling *pooling = data;
	int64_t dim = pooling->dot->dim;
	struct row_state state = { .query = mem_zero_array(4 * (size_t)dim, sizeof(double)) };
	enum err err = state.query ? ERR_OK : ERR_NOMEM;
	(void)worker;
	if (!err) {
		state.key = state.query + dim;
		state.part = state.key + dim;
		state.queries = state.part + dim;
	}
	for (int64_t query = pooling->grid->row_edge[row]; !err && query < pooling->grid->row_edge[row + 1]; query++) {
		err = see_keys(pooling, row, limit_of(pooling, query), &state);
		if (!err)
			err = add_query(pooling, row, query, &state);
	}
	for (int64_t cell = 0; !err && cell < state.cell; cell++) {
		double *sum = cell_of(pooling, row, cell);
		if (sum)
			*sum += inner(state.queries, pooling->key_sum + cell * dim, dim);
	}
	free(state.query);
	return err;
}

/* Anything but a limit on the right cuts cells in more than one place. */
static bool can_pool(const struct dot *dot)
{
	const struct mask *mask = &dot->masked.mask;
	bool limited = mask->left >= 0 || mask->right > 0 || mask->chunk || mask->keep_first || mask->key_begin || mask->key_begins || mask->key_length || mask->query_length;
	return dot->masked.source.norm != NORM_SOFTMAX && !limited && !mask->allow && !mask->bias;
}

static bool pooling_init(struct pooling *pooling, double *sum)
{
	int64_t width = pooling->grid->width, dim = pooling->dot->dim;
	pooling->cells = width + 2;
	pooling->sum = sum;
	pooling->edge = mem_array((size_t)(width + 3), sizeof *pooling->edge);
	pooling->key_sum = mem_zero_array((size_t)pooling->cells, (size_t)dim * sizeof *pooling->key_sum);
	pooling->before = mem_zero_array((size_t)(pooling->cells + 1), (size_t)dim * sizeof *pooling->before);
	if (!pooling->edge || !pooling->key_sum || !pooling->before)
		return false;
	pooling->edge[0] = 0;
	memcpy(pooling->edge + 1, pooling->grid->key_edge, (size_t)(width + 1) * sizeof *pooling->edge);
	pooling->edge[width + 2] = pooling->dot->masked.source.keys;
	memset(sum, 0, (size_t)(pooling->grid->height * width) * sizeof *sum);
	return true;
}

/* Run the jobs; after a failure once more on this thread, for the sentence that says what and where. */
static enum err run_jobs(struct pooling *pooling, struct pool *pool, int64_t jobs, pool_work *work, struct err_info *info)
{
	enum err err = pool_run(pool, jobs, work, pooling);
	pooling->info = info;
	for (int64_t job = 0; err && job < jobs; job++)
		if (work(pooling, job, 0))
			break;
	pooling->info = NULL;
	return err ? err_set(info, err, "the cells of a map could not be summed") : ERR_OK;
}

enum err dot_pool(const struct source *source, int64_t map, const struct cell_grid *grid, double *sum, struct err_info *info)
{
	struct pooling pooling = { .dot = (const struct dot *)source, .map = map, .grid = grid };
	if (!can_pool(pooling.dot))
		return ERR_UNSUPPORTED;
	struct pool *pool = pool_new(grid->threads > 0 ? grid->threads : pool_default_threads());
	enum err err = pool && pooling_init(&pooling, sum) ? ERR_OK : err_nomem(info, "the sums of cells");
	if (!err)
		err = run_jobs(&pooling, pool, pooling.cells, sum_keys, info);
	if (!err) {
		sum_before(&pooling);
		err = run_jobs(&pooling, pool, grid->height, sum_row, info);
	}
	free(pooling.edge);
	free(pooling.key_sum);
	free(pooling.before);
	pool_free(pool);
	return err;
}
