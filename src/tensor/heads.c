/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "base/strbuf.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

/* The run of elements that one call decodes. */
struct span {
	const struct heads *heads;
	const struct tensor *tensor;
	int64_t index[AXIS_COUNT]; /* of its first element */
	int64_t rows, columns;
	int64_t first;             /* element offset in the tensor */
};

/* The piece that holds a token. */
static int64_t shard_of(const struct heads *heads, int64_t token)
{
	int64_t shard = 0;
	while (shard < heads->shard_count - 1 && token >= heads->shard_end[shard])
		shard++;
	return shard;
}

static int64_t shard_begin(const struct heads *heads, int64_t shard)
{
	return shard ? heads->shard_end[shard - 1] : 0;
}

const struct tensor *heads_locate(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t *first)
{
	int64_t index[AXIS_COUNT] = { layer, batch, head, token, 0 };
	bool layers_apart = heads->tensor_count > 1;
	int64_t offset = heads->first;
	if (heads->shard_count) {
		int64_t shard = shard_of(heads, token);
		return heads_locate(&heads->shard[shard], layer, batch, head, token - shard_begin(heads, shard), first);
	}
	if (heads->head_group) {
		offset += head / heads->head_group * heads->head_group_stride;
		index[AXIS_HEAD] = head % heads->head_group;
	}
	for (int axis = layers_apart ? AXIS_BATCH : AXIS_LAYER; axis < AXIS_DIM; axis++)
		if (heads->size[axis] != 1)
			offset += index[axis] * heads->stride[axis];
	*first = offset;
	return heads->tensors[layers_apart ? layer : 0];
}

static struct span span_of(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t dim)
{
	struct span span = { .heads = heads, .index = { layer, batch, head, token, dim }, .rows = 1 };
	span.tensor = heads_locate(heads, layer, batch, head, token, &span.first);
	span.first += dim * heads->stride[AXIS_DIM];
	return span;
}

/* Rows that lie one after another, in the file and in memory, are one run. */
static bool span_is_one_run(const struct span *span, int64_t out_stride)
{
	const int64_t *stride = span->heads->stride;
	return span->rows == 1 || (stride[AXIS_DIM] == 1 && stride[AXIS_TOKEN] == span->columns && out_stride == span->columns);
}

/* `exact` is what the file holds. */
static void describe(double value, double exact, struct strbuf *text)
{
	if (isnan(value))
		strbuf_addstr(text, "NaN");
	else if (isfinite(exact))
		strbuf_addf(text, "%g, %s", exact, isinf(value) ? "a value beyond the range of float32" : "too large to be multiplied");
	else
		strbuf_addstr(text, value > 0 ? "infinity" : "minus infinity");
}

/* `place` is the row-major position of the value within the span. */
static enum err refuse_nonfinite(const struct span *span, int64_t place, double value, struct err_info *info)
{
	static const char *const axis_name[AXIS_COUNT] = { "layer", "batch", "head", "token", "dim" };
	static const char *const matrix_axis_name[AXIS_COUNT] = { "layer", "batch", "head", "query", "key" };
	const struct heads *heads = span->heads;
	const char *const *name = heads->matrix ? matrix_axis_name : axis_name;
	int64_t index[AXIS_COUNT];
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		index[axis] = span->index[axis];
	index[AXIS_TOKEN] += place / span->columns;
	index[AXIS_DIM] += place % span->columns;
	int64_t element = span->first + place / span->columns * heads->stride[AXIS_TOKEN] +
			  place % span->columns * heads->stride[AXIS_DIM];
	double exact;
	tensor_decode_f64(span->tensor, element, 1, 1, &exact);

	struct strbuf what, where;
	strbuf_init(&what);
	strbuf_init(&where);
	describe(value, exact, &what);
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		if (heads->present[axis] || axis >= AXIS_TOKEN)
			strbuf_addf(&where, "%s%s %lld", where.len ? ", " : "", name[axis], (long long)index[axis]);
	err_set(info, ERR_VALUE, "%s holds %s at %s: repair the export (float16 overflow is the usual cause)",
		span->tensor->name ? span->tensor->name : "the tensor", what.buf, where.buf);
	strbuf_release(&what);
	strbuf_release(&where);
	if (span->tensor->file)
		err_in_file(info, span->tensor->file);
	return ERR_VALUE;
}

int64_t vector_find_too_large(const float *value, int64_t count)
{
	return dtype_find_beyond_f32(value, count, (float)VECTOR_LARGEST_F32);
}

#define DEFINE_DECODE(SUFFIX, FLOAT, LARGEST) \
	static enum err run_##SUFFIX(const struct span *span, int64_t done, int64_t count, bool allow_nonfinite, FLOAT *out, \
				     struct err_info *info) \
	{ \
		int64_t first = span->first + done / span->columns * span->heads->stride[AXIS_TOKEN]; \
		tensor_decode_##SUFFIX(span->tensor, first, span->heads->stride[AXIS_DIM], count, out); \
		FLOAT limit = span->heads->matrix ? (FLOAT)INFINITY : (FLOAT)(LARGEST); \
		int64_t place = allow_nonfinite ? -1 : dtype_find_beyond_##SUFFIX(out, count, limit); \
		return place < 0 ? ERR_OK : refuse_nonfinite(span, done + place, out[place], info); \
	} \
	\
	static enum err span_##SUFFIX(const struct span *span, bool allow_nonfinite, FLOAT *out, int64_t out_stride, \
				      struct err_info *info) \
	{ \
		if (span->rows == 0 || span->columns == 0) \
			return ERR_OK; \
		if (span_is_one_run(span, out_stride)) \
			return run_##SUFFIX(span, 0, span->rows * span->columns, allow_nonfinite, out, info); \
		for (int64_t row = 0; row < span->rows; row++) { \
			enum err err = run_##SUFFIX(span, row * span->columns, span->columns, allow_nonfinite, \
						    out + row * out_stride, info); \
			if (err) \
				return err; \
		} \
		return ERR_OK; \
	} \
	\
	enum err heads_decode_##SUFFIX(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, \
				       int64_t count, bool allow_nonfinite, FLOAT *out, int64_t out_stride, struct err_info *info) \
	{ \
		while (heads->shard_count && count > 0) { \
			int64_t shard = shard_of(heads, token), begin = shard_begin(heads, shard), here = heads->shard_end[shard] - token; \
			here = here < count ? here : count; \
			enum err err = heads_decode_##SUFFIX(&heads->shard[shard], layer, batch, head, token - begin, here, \
							     allow_nonfinite, out, out_stride, info); \
			if (err) \
				return err; \
			token += here; \
			count -= here; \
			out += here * out_stride; \
		} \
		if (count == 0) \
			return ERR_OK; \
		struct span span = span_of(heads, layer, batch, head, token, 0); \
		span.rows = count; \
		span.columns = heads->size[AXIS_DIM]; \
		return span_##SUFFIX(&span, allow_nonfinite, out, out_stride, info); \
	} \
	\
	enum err heads_decode_part_##SUFFIX(const struct heads *heads, int64_t layer, int64_t batch, int64_t head, int64_t token, \
					    int64_t dim, int64_t count, bool allow_nonfinite, FLOAT *out, struct err_info *info) \
	{ \
		if (heads->shard_count) { \
			int64_t shard = shard_of(heads, token); \
			return heads_decode_part_##SUFFIX(&heads->shard[shard], layer, batch, head, token - shard_begin(heads, shard), \
							  dim, count, allow_nonfinite, out, info); \
		} \
		struct span span = span_of(heads, layer, batch, head, token, dim); \
		span.columns = count; \
		return span_##SUFFIX(&span, allow_nonfinite, out, count, info); \
	}

DEFINE_DECODE(f32, float, VECTOR_LARGEST_F32)
DEFINE_DECODE(f64, double, VECTOR_LARGEST_F64)
