/* SPDX-License-Identifier: MIT */
#include "mechanism/dense.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* From so many products on, packing pays. */
static const int64_t PACKS_FROM = INT64_C(1) << 27;

/* A weight as rows of `in` numbers, whatever its axes. */
struct rows {
	const struct tensor *tensor;
	int64_t count, in, row_step, step;
};

static enum err view_rows(struct rows *rows, const struct tensor *tensor, bool transposed, int64_t in, struct err_info *info)
{
	char shape[128];
	int64_t total = tensor_count(tensor), first = tensor->rank ? tensor->shape[0] : 0;
	bool fits = tensor->rank >= 2 && total > 0 && (transposed ? first == in : total / first == in);
	for (int axis = tensor->rank - 2; fits && axis >= 0; axis--)
		fits = tensor->stride[axis] == tensor->stride[axis + 1] * tensor->shape[axis + 1];
	if (!fits) {
		err_set(info, ERR_SHAPE, "'%s' has shape %s, where %s%" PRId64 "%s is expected", tensor->name, tensor_shape_text(tensor, shape, sizeof shape),
			transposed ? "(" : "(outputs, ", in, transposed ? ", outputs)" : ")");
		return err_in_file(info, tensor->file);
	}
	if (!dtype_is_float(tensor->dtype)) {
		err_set(info, ERR_UNSUPPORTED, "'%s' is %s: quantised weights are not read; give -q and -k instead", tensor->name, dtype_name(tensor->dtype));
		return err_in_file(info, tensor->file);
	}
	*rows = (struct rows){ tensor, transposed ? total / in : first, in, transposed ? 1 : in, transposed ? total / in : 1 };
	return ERR_OK;
}

static enum err check_finite(const struct tensor *tensor, const double *value, int64_t count, int64_t row, struct err_info *info)
{
	for (int64_t i = 0; i < count; i++)
		if (!isfinite(value[i])) {
			err_set(info, ERR_VALUE, "'%s' holds %g (row %" PRId64 ", column %" PRId64 ")", tensor->name, value[i], row, i);
			return err_in_file(info, tensor->file);
		}
	return ERR_OK;
}

static enum err read_bias(struct dense *dense, const struct tensor *bias, const int64_t *row, int64_t rows, struct err_info *info)
{
	if (!bias)
		return ERR_OK;
	if (tensor_count(bias) != rows) {
		char shape[128];
		err_set(info, ERR_SHAPE, "'%s' has shape %s, and its weight has %" PRId64 " rows", bias->name, tensor_shape_text(bias, shape, sizeof shape), rows);
		return err_in_file(info, bias->file);
	}
	dense->bias = mem_array((size_t)dense->out, sizeof *dense->bias);
	if (!dense->bias)
		return err_nomem(info, bias->name);
	for (int64_t i = 0; i < dense->out; i++)
		dense->bias[i] = tensor_at(bias, row ? row[i] : i);
	return check_finite(bias, dense->bias, dense->out, 0, info);
}

static void store_row(struct dense *dense, int64_t out, const double *values)
{
	int64_t panels = (dense->out + KEY_PANEL - 1) / KEY_PANEL;
	for (int64_t i = 0; i < dense->in; i++) {
		if (!dense->packed) {
			dense->weight[i * dense->out + out] = values[i];
			continue;
		}
		int64_t first = i / DENSE_DEPTH * DENSE_DEPTH, depth = dense->in - first < DENSE_DEPTH ? dense->in - first : DENSE_DEPTH;
		float *chunk = dense->packed + first * panels * KEY_PANEL;
		chunk[(out / KEY_PANEL * depth + (i - first)) * KEY_PANEL + out % KEY_PANEL] = (float)values[i];
	}
}

static enum err read_rows(struct dense *dense, const struct rows *rows, const int64_t *row, struct err_info *info)
{
	double *values = mem_array((size_t)dense->in, sizeof *values);
	enum err err = values ? ERR_OK : err_nomem(info, rows->tensor->name);
	for (int64_t out = 0; out < dense->out && !err; out++) {
		int64_t from = row ? row[out] : out;
		tensor_decode_f64(rows->tensor, from * rows->row_step, rows->step, dense->in, values);
		err = check_finite(rows->tensor, values, dense->in, from, info);
		if (!err)
			store_row(dense, out, values);
	}
	free(values);
	return err;
}

enum err dense_open(struct dense *dense, const struct tensor *weight, bool transposed, const struct tensor *bias, const int64_t *row, int64_t in, int64_t out,
		    int64_t work, const struct kernels *kernels, struct err_info *info)
{
	struct rows rows = { 0 };
	int64_t count;
	*dense = (struct dense){ .in = in, .out = out, .kernels = kernels };
	enum err err = view_rows(&rows, weight, transposed, in, info);
	for (int64_t i = 0; i < out && !err; i++)
		if ((row ? row[i] : i) >= rows.count || (!row && rows.count != out)) {
			char shape[128];
			err_set(info, ERR_SHAPE, "'%s' has shape %s, which does not hold the %" PRId64 " rows that the config asks for", weight->name,
				tensor_shape_text(weight, shape, sizeof shape), (row ? row[i] : out - 1) + 1);
			err = err_in_file(info, weight->file);
		}
	bool packs = kernels && work >= PACKS_FROM;
	int64_t rounded = packs ? (out + KEY_PANEL - 1) / KEY_PANEL * KEY_PANEL : out;
	if (!err && !mem_mul_i64(in, rounded, &count))
		err = err_nomem(info, weight->name);
	if (!err && packs && (dense->packed = mem_aligned((size_t)count * sizeof(float))))
		memset(dense->packed, 0, (size_t)count * sizeof(float));
	if (!err && !packs)
		dense->weight = mem_array((size_t)count, sizeof *dense->weight);
	if (!err && !dense->packed && !dense->weight)
		err = err_nomem(info, weight->name);
	if (!err)
		err = read_rows(dense, &rows, row, info);
	if (!err)
		err = read_bias(dense, bias, row, rows.count, info);
	if (err)
		dense_release(dense);
	return err;
}

void dense_release(struct dense *dense)
{
	free(dense->weight);
	mem_aligned_free(dense->packed);
	free(dense->bias);
	*dense = (struct dense){ 0 };
}

static void apply_doubles(const struct dense *dense, const double *x, int64_t count, double *y)
{
	for (int64_t t = 0; t < count; t++)
		for (int64_t i = 0; i < dense->in; i++) {
			const double *row = dense->weight + i * dense->out;
			double factor = x[t * dense->in + i];
			for (int64_t o = 0; o < dense->out; o++)
				y[t * dense->out + o] += factor * row[o];
		}
}

/* A group of `lanes` rows: for each chunk of the depth, tiles of KEY_BLOCK outputs. */
static void apply_group(const struct dense *dense, const double *x, int count, double *y, float *rows, float *queries, float *tile)
{
	static const float zero[MAX_LANES];
	int lanes = dense->kernels->lanes;
	int64_t panels = (dense->out + KEY_PANEL - 1) / KEY_PANEL;
	for (int64_t first = 0; first < dense->in; first += DENSE_DEPTH) {
		int64_t depth = dense->in - first < DENSE_DEPTH ? dense->in - first : DENSE_DEPTH;
		for (int t = 0; t < count; t++)
			for (int64_t i = 0; i < depth; i++)
				rows[t * depth + i] = (float)x[t * dense->in + first + i];
		kernels_pack_queries(rows, depth, count, depth, lanes, 1, queries);
		for (int64_t out = 0; out < dense->out; out += KEY_BLOCK) {
			int64_t outs = dense->out - out < KEY_BLOCK ? dense->out - out : KEY_BLOCK;
			dense->kernels->dot_tile(queries, dense->packed + (first * panels + out / KEY_PANEL * depth) * KEY_PANEL, depth, outs, zero, tile, NULL);
			for (int t = 0; t < count; t++)
				for (int64_t o = 0; o < outs; o++)
					y[t * dense->out + out + o] += tile[o * lanes + t];
		}
	}
}

static enum err apply_packed(const struct dense *dense, const double *x, int64_t count, double *y, struct err_info *info)
{
	int lanes = dense->kernels->lanes;
	float *rows = mem_aligned((size_t)((2 * DENSE_DEPTH + KEY_BLOCK + KEY_PANEL) * lanes) * sizeof *rows);
	if (!rows)
		return err_nomem(info, "a product");
	float *queries = rows + DENSE_DEPTH * lanes, *tile = queries + DENSE_DEPTH * lanes;
	for (int64_t t = 0; t < count; t += lanes)
		apply_group(dense, x + t * dense->in, (int)(count - t < lanes ? count - t : lanes), y + t * dense->out, rows, queries, tile);
	mem_aligned_free(rows);
	return ERR_OK;
}

enum err dense_apply(const struct dense *dense, const double *x, int64_t count, double *y, struct err_info *info)
{
	for (int64_t t = 0; t < count; t++)
		for (int64_t o = 0; o < dense->out; o++)
			y[t * dense->out + o] = dense->bias ? dense->bias[o] : 0;
	if (dense->packed)
		return apply_packed(dense, x, count, y, info);
	apply_doubles(dense, x, count, y);
	return ERR_OK;
}
