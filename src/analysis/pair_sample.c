/* SPDX-License-Identifier: MIT */
#include "analysis/pair_sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/weights_support.h"
#include "base/memory.h"
#include "kernel/reference.h"

/* Distances from the query that come first, and how many of a row's pairs are those of the largest weights. */
enum { NEAR = 48, LARGEST_PART = 4 };

static bool fits_bfloat16(double value)
{
	float narrow = (float)value;
	uint32_t bits;
	memcpy(&bits, &narrow, sizeof bits);
	return (double)narrow == value && (bits & 0xffff) == 0;
}

static bool fits_float16(double value)
{
	int exponent;
	double mantissa = frexp(value, &exponent), unit = exponent > -14 ? mantissa * 0x1p11 : value * 0x1p24;
	return fabs(value) <= 65504 && unit == floor(unit);
}

static bool all_fit(bool (*fits)(double), const double *value, int64_t count)
{
	int64_t others = 0;
	for (int64_t i = 0; i < count; i++) {
		if (!fits(value[i]))
			return false;
		others += value[i] != 0 && value[i] != 1;
	}
	return others > 16;
}

struct storage storage_of(enum dtype dtype, const double *value, int64_t count)
{
	bool wide = dtype == DTYPE_F32 || dtype == DTYPE_F64;
	if (dtype == DTYPE_BF16 || (wide && all_fit(fits_bfloat16, value, count)))
		return (struct storage){ 0x1p-9, 1e-40, "bfloat16" };
	if (dtype == DTYPE_F16 || (wide && all_fit(fits_float16, value, count)))
		return (struct storage){ 0x1p-12, 0x1p-25, "float16" };
	switch (dtype) {
	case DTYPE_U8: return (struct storage){ 0, 0.5 / 255, "uint8" };
	case DTYPE_F8_E4M3: return (struct storage){ 0x1p-4, 0x1p-10, "float8" };
	case DTYPE_F8_E5M2: return (struct storage){ 0x1p-3, 0x1p-17, "float8" };
	default: return (struct storage){ 0x1p-24, 1e-44, NULL };
	}
}

/* How far the logarithm of a stored weight can be trusted: the square of the least rounding over its own. */
static double trust_of(const struct storage *storage, double weight)
{
	double least = fmax(storage->relative, storage->absolute), own = fmax(storage->relative, storage->absolute / weight);
	return weight > 8 * storage->absolute && isfinite(weight) ? least * least / (own * own) : 0;
}

struct drawing {
	struct pair_sample *sample;
	const struct pair_request *request;
	double *weight;     /* [keys] of a row */
	double *sorted;     /* [keys] */
	unsigned char *use; /* [keys] */
	int64_t capacity;   /* of pairs */
};

static int larger_first(const void *a, const void *b)
{
	double one = *(const double *)a, two = *(const double *)b;
	return (one < two) - (one > two);
}

static int64_t take(const struct drawing *drawing, int64_t key)
{
	if (key < 0 || key >= drawing->request->model->keys || drawing->use[key] || !(trust_of(&drawing->request->storage, drawing->weight[key]) > 0))
		return 0;
	drawing->use[key] = 1;
	return 1;
}

/* A share of the largest weights, then keys at the same distances for all rows: the near ones and, ever sparser, those far away. */
static void choose_keys(const struct drawing *drawing, int64_t position)
{
	const struct pair_request *request = drawing->request;
	int64_t keys = request->model->keys, taken = 0;
	memset(drawing->use, 0, (size_t)keys);
	if (keys > request->pairs && !request->near) {
		memcpy(drawing->sorted, drawing->weight, (size_t)keys * sizeof *drawing->sorted);
		qsort(drawing->sorted, (size_t)keys, sizeof *drawing->sorted, larger_first);
		double least = drawing->sorted[request->pairs / LARGEST_PART];
		for (int64_t key = 0; key < keys; key++)
			if (drawing->weight[key] > least)
				taken += take(drawing, key);
	}
	for (int64_t far = 0; far < NEAR && taken < request->pairs; far++) {
		taken += take(drawing, position - far);
		if (taken < request->pairs && far)
			taken += take(drawing, position + far);
	}
	double step = request->near ? 1 : 1 + (double)keys / (double)request->pairs;
	for (double far = NEAR; far < (double)keys && taken < request->pairs; far += step) {
		taken += take(drawing, position - (int64_t)far);
		if (taken < request->pairs)
			taken += take(drawing, position + (int64_t)far);
	}
}

static enum err add_pairs(const struct drawing *drawing, int64_t at, int64_t layer, struct err_info *info)
{
	struct pair_sample *sample = drawing->sample;
	const struct pair_request *request = drawing->request;
	enum err err = ERR_OK;
	for (int64_t key = 0; key < request->model->keys && !err; key++) {
		int64_t pair = sample->pairs;
		if (!drawing->use[key] || pair == drawing->capacity)
			continue;
		sample->key[pair] = key;
		sample->distance[pair] = key - sample->query[at] - request->diagonal;
		sample->log_weight[pair] = log(drawing->weight[key]);
		sample->trust[pair] = trust_of(&request->storage, drawing->weight[key]);
		for (int order = 0; order < HEAD_ORDERS && !err; order++)
			if (sample->key_vector[order])
				err = heads_decode_f64(request->key, layer, sample->batch[at], pair_key_head(sample, (enum head_order)order, sample->head[at]), key, 1, false,
						       sample->key_vector[order] + pair * sample->dim, sample->dim, info);
		sample->pairs++;
	}
	return err;
}

static enum err draw_row(const struct drawing *drawing, int64_t series, int64_t row, struct err_info *info)
{
	struct pair_sample *sample = drawing->sample;
	const struct pair_request *request = drawing->request;
	int64_t at = sample->rows, layer;
	sample->map[at] = request->map[series];
	sample->query[at] = row;
	source_map_id(request->model, sample->map[at], &layer, &sample->batch[at], &sample->head[at]);
	enum err err = reference_row(request->model, sample->map[at], row, drawing->weight, NULL, NULL, info);
	if (!err)
		err = heads_decode_f64(request->query, layer, sample->batch[at], sample->head[at], row, 1, false, sample->query_vector + at * sample->dim, sample->dim, info);
	if (err)
		return err;
	/* A row that is uniform over all keys is masked whole, and tells nothing of the products. */
	struct row_extent extent;
	row_extent_read(drawing->weight, request->model->keys, &extent);
	choose_keys(drawing, row + request->diagonal);
	if (extent.uniform)
		memset(drawing->use, 0, (size_t)request->model->keys);
	sample->row[at] = (struct logit_row){ .begin = sample->pairs, .series = (int)series };
	err = add_pairs(drawing, at, layer, info);
	sample->row[at].end = sample->pairs;
	sample->rows++;
	return err;
}

static bool reserve(struct drawing *drawing)
{
	struct pair_sample *sample = drawing->sample;
	const struct pair_request *request = drawing->request;
	size_t keys = (size_t)request->model->keys, rows = (size_t)(request->maps * request->rows),
	       each = (size_t)(request->pairs < request->model->keys ? request->pairs : request->model->keys), dim = (size_t)request->query->size[AXIS_DIM];
	size_t pairs = rows * (each + 1);
	bool ordered = sample->key_heads > 1 && sample->key_heads < sample->heads;
	drawing->capacity = (int64_t)pairs;
	drawing->weight = mem_array(keys, sizeof *drawing->weight);
	drawing->sorted = mem_array(keys, sizeof *drawing->sorted);
	drawing->use = mem_array(keys, 1);
	sample->row = mem_array(rows, sizeof *sample->row);
	sample->map = mem_array(rows, 4 * sizeof *sample->map);
	sample->key = mem_array(pairs, 2 * sizeof *sample->key);
	sample->log_weight = mem_array(pairs, 2 * sizeof *sample->log_weight);
	sample->query_vector = mem_array(rows, dim * sizeof *sample->query_vector);
	sample->scratch = mem_array(dim, 2 * sizeof *sample->scratch);
	sample->key_vector[0] = mem_array(pairs, dim * sizeof **sample->key_vector);
	sample->key_vector[1] = ordered ? mem_array(pairs, dim * sizeof **sample->key_vector) : NULL;
	if (!drawing->weight || !drawing->sorted || !drawing->use || !sample->row || !sample->map || !sample->key || !sample->log_weight || !sample->query_vector ||
	    !sample->scratch || !sample->key_vector[0] || (ordered && !sample->key_vector[1]))
		return false;
	sample->query = sample->map + rows;
	sample->batch = sample->query + rows;
	sample->head = sample->batch + rows;
	sample->distance = sample->key + pairs;
	sample->trust = sample->log_weight + pairs;
	return true;
}

enum err pair_sample_draw(struct pair_sample *sample, const struct pair_request *request, struct err_info *info)
{
	struct drawing drawing = { .sample = sample, .request = request };
	int64_t queries = request->model->queries, rows = request->rows < queries ? request->rows : queries;
	*sample = (struct pair_sample){ .maps = request->maps, .dim = request->query->size[AXIS_DIM], .heads = request->model->heads, .key_heads = request->key->size[AXIS_HEAD] };
	enum err err = reserve(&drawing) ? ERR_OK : err_nomem(info, "a sample of the weights");
	for (int64_t series = 0; series < request->maps && !err; series++)
		for (int64_t i = 0; i < rows && !err; i++)
			err = draw_row(&drawing, series, (i + 1) * queries / rows - 1, info);
	free(drawing.weight);
	free(drawing.sorted);
	free(drawing.use);
	return err;
}

void pair_sample_release(struct pair_sample *sample)
{
	free(sample->row);
	free(sample->map);
	free(sample->key);
	free(sample->log_weight);
	free(sample->query_vector);
	free(sample->scratch);
	for (int order = 0; order < HEAD_ORDERS; order++)
		free(sample->key_vector[order]);
	*sample = (struct pair_sample){ 0 };
}

int64_t pair_key_head(const struct pair_sample *sample, enum head_order order, int64_t head)
{
	return order == HEADS_TILED ? head % sample->key_heads : head / (sample->heads / sample->key_heads);
}

void pair_sample_products(const struct pair_sample *sample, enum head_order order, pair_transform *transform, void *data, double *product)
{
	int64_t dim = sample->dim;
	const double *keys = sample->key_vector[order] ? sample->key_vector[order] : sample->key_vector[0];
	double *query = sample->scratch, *key = query + dim;
	for (int64_t row = 0; row < sample->rows; row++) {
		memcpy(query, sample->query_vector + row * dim, (size_t)dim * sizeof *query);
		transform(data, true, sample->batch[row], sample->head[row], sample->query[row], query);
		int64_t key_head = pair_key_head(sample, order, sample->head[row]);
		for (int64_t pair = sample->row[row].begin; pair < sample->row[row].end; pair++) {
			memcpy(key, keys + pair * dim, (size_t)dim * sizeof *key);
			transform(data, false, sample->batch[row], key_head, sample->key[pair], key);
			double sum = 0;
			for (int64_t d = 0; d < dim; d++)
				sum += query[d] * key[d];
			product[pair] = sum;
		}
	}
}

void pair_sample_bias(const struct pair_sample *sample, const double *known, bool before_scale, double *product, double *logarithm)
{
	for (int64_t pair = 0; pair < sample->pairs; pair++) {
		double bias = known ? known[pair] : 0;
		product[pair] += before_scale ? bias : 0;
		logarithm[pair] = sample->log_weight[pair] - (before_scale ? 0 : bias);
	}
}
