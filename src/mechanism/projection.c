/* SPDX-License-Identifier: MIT */
#include "mechanism/projection.h"

#include <string.h>

/* Tokens that share one reading of the matrix. */
enum { TOGETHER = 8 };

int64_t projection_heads(const struct projection_rows *rows)
{
	return rows->part == PROJECT_QUERY ? rows->heads : rows->kv_heads;
}

int64_t projection_row(const struct projection_rows *rows, int64_t head, int64_t column)
{
	int64_t dim = rows->dim, group = rows->heads / rows->kv_heads;
	if (!rows->fused)
		return head * dim + column;
	switch (rows->order) {
	case ORDER_PER_HEAD:
		return (head * 3 + (int64_t)rows->part) * dim + column;
	case ORDER_GROUPED:
		if (rows->part == PROJECT_QUERY)
			return (head / group * (group + 2) + head % group) * dim + column;
		return (head * (group + 2) + group + (rows->part == PROJECT_VALUE)) * dim + column;
	default:
		return (head + (rows->part >= PROJECT_KEY ? rows->heads : 0) + (rows->part == PROJECT_VALUE ? rows->kv_heads : 0)) * dim + column;
	}
}

void projection_matrix(const struct projection_rows *rows, const double *weight, int64_t out_count, int64_t in_count, bool conv1d, double *out)
{
	int64_t width = projection_heads(rows) * rows->dim;
	for (int64_t column = 0; column < width; column++) {
		int64_t row = projection_row(rows, column / rows->dim, column % rows->dim);
		for (int64_t in = 0; in < in_count; in++)
			out[in * width + column] = conv1d ? weight[in * out_count + row] : weight[row * in_count + in];
	}
}

void projection_bias(const struct projection_rows *rows, const double *bias, double *out)
{
	int64_t width = projection_heads(rows) * rows->dim;
	for (int64_t column = 0; column < width; column++)
		out[column] = bias ? bias[projection_row(rows, column / rows->dim, column % rows->dim)] : 0;
}

static void add_scaled(double *restrict y, const double *restrict row, double factor, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		y[i] += factor * row[i];
}

void projection_apply(const double *matrix, const double *bias, int64_t in, int64_t out, const double *x, int64_t count, double *y)
{
	for (int64_t first = 0; first < count; first += TOGETHER) {
		int64_t end = first + TOGETHER < count ? first + TOGETHER : count;
		for (int64_t t = first; t < end; t++)
			memcpy(y + t * out, bias, (size_t)out * sizeof *y);
		for (int64_t e = 0; e < in; e++)
			for (int64_t t = first; t < end; t++)
				add_scaled(y + t * out, matrix + e * out, x[t * in + e], out);
	}
}
