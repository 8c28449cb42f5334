/* SPDX-License-Identifier: MIT */
#include "analysis/rollout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "base/memory.h"

static enum err check_square(const struct source *source, const struct rollout_request *request, struct err_info *info)
{
	if (source->queries != source->keys)
		return err_set(info, ERR_SHAPE, "rollout follows the same tokens through the layers, but there are %lld queries and %lld keys",
			       (long long)source->queries, (long long)source->keys);
	if (source->is_signed)
		return err_set(info, ERR_VALUE, "rollout needs weights that are not negative, and these are signed: --normalise abs-row");
	if (request->batch < 0 || request->batch >= source->batches)
		return err_set(info, ERR_USAGE, "there is no batch %lld (of %lld)", (long long)request->batch, (long long)source->batches);
	return ERR_OK;
}

/* The maps of one layer, one per head. */
static void layer_maps(const struct source *source, int64_t layer, int64_t batch, int64_t *map)
{
	for (int64_t head = 0; head < source->heads; head++)
		map[head] = (layer * source->batches + batch) * source->heads + head;
}

/*
 * One vector-matrix product for several vectors at once: out[v][key] += sum over maps and rows of vector[v][row] * p[row][key].
 */
struct product_sink {
	struct sink base;
	int64_t count, tokens;
	const double *vector; /* [count][tokens], already divided by heads and row sums */
	double *out;          /* [count][tokens] */
};

static size_t product_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	const struct product_sink *product = (const struct product_sink *)sink;
	(void)source, (void)kernels;
	return (size_t)(product->count * product->tokens) * sizeof(double);
}

static void product_start(const struct sink *sink, const struct item *item, void *partial)
{
	memset(partial, 0, product_size(sink, item->source, item->kernels));
}

static void product_scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	const struct product_sink *product = (const struct product_sink *)sink;
	double coefficient[MAX_LANES];
	(void)item, (void)lane0;
	for (int64_t v = 0; v < product->count; v++) {
		double *out = (double *)partial + v * product->tokens + tile->key;
		for (int lane = 0; lane < tile->rows->count; lane++)
			coefficient[lane] = product->vector[v * product->tokens + tile->rows->row[lane]];
		for (int64_t key = 0; key < tile->count; key++) {
			const float *p = tile->p + key * tile->lanes;
			double sum = 0;
			for (int lane = 0; lane < tile->rows->count; lane++)
				sum += coefficient[lane] * (double)p[lane];
			out[key] += sum;
		}
	}
}

static void product_merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct product_sink *product = (struct product_sink *)sink;
	const double *part = partial;
	(void)item;
	for (int64_t i = 0; i < product->count * product->tokens; i++)
		product->out[i] += part[i];
}

static const struct sink_ops product_ops = {
	.name = "vector-matrix product",
	.needs = SINK_TILES,
	.partial_size = product_size,
	.start = product_start,
	.scan = product_scan,
	.merge = product_merge,
};

/* Row sums, added up over the maps of a run. */
struct sums_sink {
	struct sink base;
	double *sum;
};

static size_t sums_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source, (void)kernels;
	return ITEM_ROWS * sizeof(double);
}

static void sums_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows,
		      const struct row_stats *stats, const float *output, int64_t output_width, void *partial)
{
	(void)sink, (void)item, (void)output, (void)output_width;
	for (int lane = 0; lane < rows->count; lane++)
		((double *)partial)[lane0 + lane] = stats[lane].sum;
}

static void sums_merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct sums_sink *sums = (struct sums_sink *)sink;
	for (int64_t i = 0; i < item->count; i++)
		sums->sum[item->row[i]] += ((const double *)partial)[i];
}

static const struct sink_ops sums_ops = {
	.name = "row sums",
	.partial_size = sums_size,
	.rows = sums_rows,
	.merge = sums_merge,
};

/* Rows that any of the vectors touches: below the top layer usually all, in the top layer only the queries asked for. */
static int64_t touched_rows(const struct rollout_request *request, const double *vector, int64_t count, int64_t tokens, int64_t *row)
{
	int64_t touched = 0, end = request->row_end ? request->row_end : tokens;
	for (int64_t token = request->row_begin; token < end; token++) {
		bool used = false;
		for (int64_t v = 0; v < count && !used; v++)
			used = vector[v * tokens + token] != 0;
		if (used)
			row[touched++] = token;
	}
	return touched;
}

struct chain {
	const struct source *source;
	const struct rollout_request *request;
	int64_t count, tokens;
	double *vector, *scaled, *sum; /* [count][tokens] twice, [tokens] */
	int64_t *map, *row;
};

/* vector <- vector A~_layer */
static enum err chain_step(struct chain *chain, int64_t layer, struct err_info *info)
{
	const struct source *source = chain->source;
	const double residual = chain->request->residual, heads = (double)source->heads;
	struct driver_options driver = chain->request->driver;
	struct sums_sink sums = { { &sums_ops }, chain->sum };
	struct product_sink product = { { &product_ops }, chain->count, chain->tokens, chain->scaled, chain->vector };

	layer_maps(source, layer, chain->request->batch, chain->map);
	driver.maps = chain->map;
	driver.map_count = source->heads;
	driver.rows = chain->row;
	driver.row_count = touched_rows(chain->request, chain->vector, chain->count, chain->tokens, chain->row);

	memset(chain->sum, 0, (size_t)chain->tokens * sizeof *chain->sum);
	enum err err = driver.row_count ? driver_run(source, (struct sink *[]){ &sums.base }, 1, &driver, info) : ERR_OK;
	if (err)
		return err;
	for (int64_t v = 0; v < chain->count; v++)
		for (int64_t token = 0; token < chain->tokens; token++) {
			int64_t at = v * chain->tokens + token;
			double whole = (1 - residual) * chain->sum[token] / heads + residual;
			double share = whole > 0 ? chain->vector[at] / whole : 0;
			chain->scaled[at] = share * (1 - residual) / heads;
			if (whole > 0)
				chain->vector[at] = share * residual;
		}
	return driver.row_count ? driver_run(source, (struct sink *[]){ &product.base }, 1, &driver, info) : ERR_OK;
}

enum err rollout_rows(const struct source *source, const struct rollout_request *request, const int64_t *query, int64_t count, double *out,
		      struct err_info *info)
{
	struct chain chain = { .source = source, .request = request, .count = count, .tokens = source->keys, .vector = out };
	enum err err = check_square(source, request, info);
	if (err)
		return err;
	if (!rollout_streams(request))
		return err_set(info, ERR_USAGE, "rows of a rollout can be had one by one for plain mean fusion only");
	chain.scaled = mem_array((size_t)count, (size_t)chain.tokens * sizeof(double));
	chain.sum = mem_array((size_t)chain.tokens, sizeof(double));
	chain.row = mem_array((size_t)chain.tokens, sizeof(int64_t));
	chain.map = mem_array((size_t)source->heads, sizeof(int64_t));
	if (!chain.scaled || !chain.sum || !chain.row || !chain.map)
		err = err_nomem(info, "the rollout");
	for (int64_t v = 0; !err && v < count; v++)
		for (int64_t token = 0; token < chain.tokens; token++)
			out[v * chain.tokens + token] = token == query[v];
	for (int64_t layer = source->layers - 1; !err && layer >= 0; layer--)
		err = chain_step(&chain, layer, info);
	free(chain.map);
	free(chain.row);
	free(chain.sum);
	free(chain.scaled);
	return err;
}

struct fusing {
	const struct source *source;
	const struct rollout_request *request;
	double *matrix;
	double *norm;    /* [tokens] of the head at hand; NULL: not asked for */
	double *scratch; /* one row of gradients, or one value */
	int64_t map;     /* whose norms these are */
};

static enum err load_norms(struct fusing *fusing, int64_t map, struct err_info *info)
{
	const struct heads *values = fusing->source->values;
	int64_t layer, batch, head, dim = values->size[AXIS_DIM];
	if (map == fusing->map)
		return ERR_OK;
	source_map_id(fusing->source, map, &layer, &batch, &head);
	head /= fusing->source->heads / values->size[AXIS_HEAD];
	for (int64_t token = 0; token < fusing->source->keys; token++) {
		double square = 0;
		enum err err = heads_decode_f64(values, layer, batch, head, token, 1, false, fusing->scratch, dim, info);
		if (err)
			return err;
		for (int64_t i = 0; i < dim; i++)
			square += fusing->scratch[i] * fusing->scratch[i];
		fusing->norm[token] = sqrt(square);
	}
	fusing->map = map;
	return ERR_OK;
}

static enum err load_gradients(struct fusing *fusing, int64_t map, int64_t row, struct err_info *info)
{
	int64_t layer, batch, head;
	source_map_id(fusing->source, map, &layer, &batch, &head);
	return heads_decode_part_f64(fusing->request->gradient, layer, batch, head, row, 0, fusing->source->keys, false, fusing->scratch, info);
}

static void fuse_cell(enum head_fusion fusion, bool first, double p, int64_t heads, double *fused)
{
	if (fusion == FUSION_MEAN)
		*fused = (first ? 0 : *fused) + p / (double)heads;
	else if (first || (fusion == FUSION_MAX ? p > *fused : p < *fused))
		*fused = p;
}

static enum err fuse_row(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct fusing *fusing = data;
	const struct rollout_request *request = fusing->request;
	int64_t tokens = fusing->source->keys;
	enum err err = fusing->norm ? load_norms(fusing, map, info) : ERR_OK;
	if (!err && request->gradient)
		err = load_gradients(fusing, map, row, info);
	for (int64_t key = 0; !err && key < tokens; key++) {
		double p = (double)weight[key];
		if (fusing->norm)
			p *= fusing->norm[key];
		if (request->gradient)
			p = fmax(0, p * fusing->scratch[key]);
		fuse_cell(request->gradient ? FUSION_MEAN : request->fusion, index == 0, p, fusing->source->heads,
			  &fusing->matrix[row * tokens + key]);
	}
	return err;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Entries of a layer that one of its heads sees, of the rows that are not left out. */
static void mark_seen(const struct source *source, const struct rollout_request *request, int64_t layer, bool *seen)
{
	int64_t tokens = source->keys, end = request->row_end ? request->row_end : tokens;
	for (int64_t row = request->row_begin; row < end; row++)
		for (int64_t head = 0; head < source->heads; head++)
			source_mark_visible(source, (layer * source->batches + request->batch) * source->heads + head, row, seen + row * tokens);
}

/* Set the smallest `discard` of the entries that are seen to 0, sparing one column. `scratch` is as large as the matrix. */
static enum err discard(const struct source *source, const struct rollout_request *request, int64_t layer, double *matrix, double *scratch,
			struct err_info *info)
{
	int64_t tokens = source->keys, cells = tokens * tokens, count = 0;
	if (request->discard <= 0)
		return ERR_OK;
	bool *seen = mem_zero_array((size_t)cells, sizeof *seen);
	if (!seen)
		return err_nomem(info, "the weights that are seen");
	mark_seen(source, request, layer, seen);
	for (int64_t i = 0; i < cells; i++)
		if (seen[i])
			scratch[count++] = matrix[i];
	free(seen);
	int64_t drop = (int64_t)(request->discard * (double)count);
	if (drop <= 0)
		return ERR_OK;
	qsort(scratch, (size_t)count, sizeof *scratch, compare_doubles);
	double least = scratch[drop < count ? drop : count - 1];
	for (int64_t i = 0; i < cells; i++)
		if (matrix[i] < least && i % tokens != request->keep_column)
			matrix[i] = 0;
	return ERR_OK;
}

/* A row without weight keeps what is its own, also where nothing of the identity is mixed in. */
static void mix_residual(double *matrix, int64_t tokens, double residual)
{
	for (int64_t row = 0; row < tokens; row++) {
		double *cell = matrix + row * tokens, sum = 0;
		for (int64_t key = 0; key < tokens; key++) {
			cell[key] = (1 - residual) * cell[key] + (key == row ? residual : 0);
			sum += cell[key];
		}
		for (int64_t key = 0; sum > 0 && key < tokens; key++)
			cell[key] /= sum;
		if (!(sum > 0))
			cell[row] = 1;
	}
}

/* out = matrix * right */
static void multiply(const double *matrix, const double *right, int64_t tokens, double *out)
{
	memset(out, 0, (size_t)(tokens * tokens) * sizeof *out);
	for (int64_t row = 0; row < tokens; row++)
		for (int64_t middle = 0; middle < tokens; middle++) {
			double factor = matrix[row * tokens + middle];
			for (int64_t key = 0; factor != 0 && key < tokens; key++)
				out[row * tokens + key] += factor * right[middle * tokens + key];
		}
}

static enum err check_values(const struct source *source, const struct rollout_request *request, struct err_info *info)
{
	if (request->value_norms && request->gradient)
		return err_set(info, ERR_USAGE, "weights are weighed by value norms or by gradients, not by both");
	if (request->value_norms && !source->values)
		return err_set(info, ERR_USAGE, "there are no values to take norms of: give -v");
	const int64_t *size = request->gradient ? request->gradient->size : NULL;
	if (size && (size[AXIS_LAYER] != source->layers || size[AXIS_BATCH] != source->batches || size[AXIS_HEAD] != source->heads ||
		     size[AXIS_TOKEN] != source->queries || size[AXIS_DIM] != source->keys))
		return err_set(info, ERR_SHAPE, "the gradients must have the shape of the maps: %lld layers, %lld batch items, %lld heads, %lld x %lld",
			       (long long)source->layers, (long long)source->batches, (long long)source->heads, (long long)source->queries,
			       (long long)source->keys);
	return ERR_OK;
}

/* The heads of one layer made one matrix, before residual and normalisation. */
static enum err fuse_layer(const struct source *source, const struct rollout_request *request, int64_t layer, double *matrix,
			   struct err_info *info)
{
	int64_t values = source->values ? source->values->size[AXIS_DIM] : 0;
	int64_t longest = source->keys > values ? source->keys : values;
	struct fusing fusing = { .source = source, .request = request, .matrix = matrix, .map = -1 };
	struct driver_options driver = request->driver;
	int64_t rows = (request->row_end ? request->row_end : source->queries) - request->row_begin;
	int64_t *map = mem_array((size_t)source->heads, sizeof *map), *row = mem_array((size_t)rows, sizeof *row);
	struct sink *sink = NULL;
	for (int64_t i = 0; row && i < rows; i++)
		row[i] = request->row_begin + i;
	fusing.scratch = mem_array((size_t)longest, sizeof(double));
	fusing.norm = request->value_norms ? mem_array((size_t)source->keys, sizeof(double)) : NULL;
	enum err err = map && row && fusing.scratch && (fusing.norm || !request->value_norms) ? ERR_OK : err_nomem(info, "the fused heads");
	if (!err)
		err = matrix_rows_new(fuse_row, &fusing, &sink, info);
	if (!err) {
		layer_maps(source, layer, request->batch, map);
		driver.maps = map;
		driver.map_count = source->heads;
		driver.rows = row;
		driver.row_count = rows;
		memset(matrix, 0, (size_t)(source->keys * source->keys) * sizeof *matrix);
		err = driver_run(source, &sink, 1, &driver, info);
	}
	free(row);
	matrix_rows_free(sink);
	free(fusing.norm);
	free(fusing.scratch);
	free(map);
	return err;
}

bool rollout_streams(const struct rollout_request *request)
{
	return request->fusion == FUSION_MEAN && request->discard <= 0 && !request->value_norms && !request->gradient;
}

enum err rollout_layer(const struct source *source, const struct rollout_request *request, int64_t layer, double *matrix, struct err_info *info)
{
	int64_t cells;
	enum err err = check_square(source, request, info);
	if (!err)
		err = check_values(source, request, info);
	if (err)
		return err;
	if (!mem_mul_i64(source->keys, source->keys, &cells))
		return err_set(info, ERR_SHAPE, "%lld tokens are too many for a matrix", (long long)source->keys);
	double *scratch = mem_array((size_t)cells, sizeof(double));
	err = scratch ? fuse_layer(source, request, layer, matrix, info) : err_nomem(info, "the fused heads");
	if (!err && !request->gradient) {
		err = discard(source, request, layer, matrix, scratch, info);
		mix_residual(matrix, source->keys, request->residual);
	}
	free(scratch);
	return err;
}

/* out <- matrix out, or out + matrix out where gradients say so. `scratch` is as large. */
static void follow_layer(const double *matrix, int64_t tokens, bool add, double *out, double *scratch)
{
	multiply(matrix, out, tokens, scratch);
	for (int64_t i = 0; i < tokens * tokens; i++)
		out[i] = (add ? out[i] : 0) + scratch[i];
}

enum err rollout_matrix(const struct source *source, const struct rollout_request *request, double *out, struct err_info *info)
{
	int64_t tokens = source->keys, cells;
	if (!mem_mul_i64(tokens, tokens, &cells))
		return err_set(info, ERR_SHAPE, "%lld tokens are too many for a rollout matrix", (long long)tokens);
	double *matrix = mem_array((size_t)cells, sizeof(double)), *scratch = mem_array((size_t)cells, sizeof(double));
	enum err err = matrix && scratch ? ERR_OK : err_nomem(info, "the rollout matrix");
	for (int64_t i = 0; !err && i < cells; i++)
		out[i] = i / tokens == i % tokens;
	for (int64_t layer = 0; !err && layer < source->layers; layer++) {
		err = rollout_layer(source, request, layer, matrix, info);
		if (!err)
			follow_layer(matrix, tokens, request->gradient != NULL, out, scratch);
	}
	free(scratch);
	free(matrix);
	return err;
}
