/* SPDX-License-Identifier: MIT */
#include "mechanism/relative_terms.h"

#include <stdlib.h>

#include "base/memory.h"

static const double LOG2_E = 1.4426950408889634074;

void relative_terms_release(struct relative_terms *terms)
{
	free(terms->query_vector);
	free(terms->key_vector);
	free(terms->table);
	free(terms->gate);
	free(terms->class_of);
	*terms = (struct relative_terms){ 0 };
}

bool relative_terms_are_empty(const struct relative_terms *terms)
{
	return !terms->query_vector && !terms->key_vector && !terms->table;
}

/* Three classes behind those of the grid: from the first token, to it, and both. */
static int64_t grid_class(const struct relative_terms *terms, int64_t row, int64_t key)
{
	int64_t width = 2 * terms->side - 1, i = row - terms->prefix, j = key - terms->prefix;
	if (i < 0)
		return width * width + (j < 0 ? 2 : 0);
	if (j < 0)
		return width * width + 1;
	return (i / terms->side - j / terms->side + terms->side - 1) * width + i % terms->side - j % terms->side + terms->side - 1;
}

static int64_t class_of(const struct relative_terms *terms, int64_t row, int64_t key)
{
	int64_t distance = row - key;
	if (terms->side)
		return grid_class(terms, row, key);
	distance = distance < -terms->reach ? -terms->reach : distance > terms->reach ? terms->reach : distance;
	return terms->class_of[terms->reach + distance];
}

static double dot(const double *a, const double *b, int64_t dim)
{
	double sum = 0;
	for (int64_t d = 0; d < dim; d++)
		sum += a[d] * b[d];
	return sum;
}

static double term(const struct relative_terms *terms, int64_t batch, int64_t head, int64_t row, int64_t key, const double *query, const double *keys)
{
	int64_t class = class_of(terms, row, key), at = head * terms->classes + class;
	double bias = 0;
	if (terms->table)
		bias = terms->table[at] * (terms->gate ? terms->gate[(batch * terms->heads + head) * terms->tokens + row] : 1);
	if (terms->query_vector)
		bias += dot(query, terms->query_vector + at * terms->dim, terms->dim);
	if (terms->key_vector)
		bias += dot(keys, terms->key_vector + at * terms->dim, terms->dim);
	return bias;
}

enum err relative_terms_add(const struct relative_terms *terms, const struct heads *query, const struct heads *key, int64_t batch, int64_t head, int64_t key_head,
			    const struct fill *fill, struct err_info *info)
{
	int64_t dim = query->size[AXIS_DIM];
	int lanes = fill->kernels->lanes, rows = fill->rows->count;
	double *queries = mem_array((size_t)(rows + fill->count), (size_t)dim * sizeof *queries), *keys = queries + rows * dim;
	enum err err = queries ? ERR_OK : err_nomem(info, "relative positions");
	for (int lane = 0; lane < rows && !err && terms->query_vector; lane++)
		err = heads_decode_f64(query, 0, batch, head, fill->rows->row[lane], 1, false, queries + lane * dim, dim, info);
	if (!err && terms->key_vector)
		err = heads_decode_f64(key, 0, batch, key_head, fill->key, fill->count, false, keys, dim, info);
	for (int64_t k = 0; k < fill->count && !err; k++)
		for (int lane = 0; lane < rows; lane++)
			fill->tile[k * lanes + lane] +=
				(float)(LOG2_E * term(terms, batch, head, fill->rows->row[lane], fill->key + k, queries + lane * dim, keys + k * dim));
	free(queries);
	return err;
}

enum err relative_terms_add64(const struct relative_terms *terms, const struct heads *query, const struct heads *key, int64_t batch, int64_t head, int64_t key_head,
			      int64_t row, int64_t keys, double *score, struct err_info *info)
{
	int64_t dim = query->size[AXIS_DIM];
	double *vector = mem_zero_array((size_t)dim * 2, sizeof *vector);
	enum err err = vector ? heads_decode_f64(query, 0, batch, head, row, 1, false, vector, dim, info) : err_nomem(info, "relative positions");
	for (int64_t k = 0; k < keys && !err; k++) {
		if (terms->key_vector)
			err = heads_decode_f64(key, 0, batch, key_head, k, 1, false, vector + dim, dim, info);
		score[k] += term(terms, batch, head, row, k, vector, vector + dim);
	}
	free(vector);
	return err;
}
