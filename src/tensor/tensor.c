/* SPDX-License-Identifier: MIT */
#include "tensor/tensor.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/dtype.h"

int64_t tensor_count(const struct tensor *tensor)
{
	int64_t count = 1;
	for (int axis = 0; axis < tensor->rank; axis++)
		count *= tensor->shape[axis];
	return count;
}

/* A length of zero does not excuse the others: their product is refused as numpy refuses it, so that no part of a shape
 * overflows. */
bool tensor_set_strides(struct tensor *tensor, bool fortran, uint64_t *bytes)
{
	int64_t count = 1, size;
	bool empty = false;
	for (int i = 0; i < tensor->rank; i++) {
		int axis = fortran ? i : tensor->rank - 1 - i;
		tensor->stride[axis] = count;
		empty = empty || tensor->shape[axis] == 0;
		if (tensor->shape[axis] && !mem_mul_i64(count, tensor->shape[axis], &count))
			return false;
	}
	if (!mem_mul_i64(count, (int64_t)dtype_size(tensor->dtype), &size))
		return false;
	*bytes = empty ? 0 : (uint64_t)size;
	return true;
}

static int64_t element_of(const struct tensor *tensor, int64_t flat)
{
	int64_t element = 0;
	for (int axis = tensor->rank - 1; axis >= 0; axis--) {
		element += flat % tensor->shape[axis] * tensor->stride[axis];
		flat /= tensor->shape[axis];
	}
	return element;
}

double tensor_at(const struct tensor *tensor, int64_t flat)
{
	double value;
	tensor_decode_f64(tensor, element_of(tensor, flat), 1, 1, &value);
	return value;
}

static enum err refuse_integer(const struct tensor *tensor, int64_t flat, const char *number, const char *why, struct err_info *info)
{
	err_set(info, ERR_VALUE, "%s holds %s (element %" PRId64 "), which %s", tensor->name ? tensor->name : "the list", number, flat, why);
	if (info && tensor->file)
		err_in_file(info, tensor->file);
	return ERR_VALUE;
}

/* A double holds all integers but those of 64 bits. */
enum err tensor_integer_at(const struct tensor *tensor, int64_t flat, int64_t *value, struct err_info *info)
{
	static const char beyond[] = "is beyond the largest whole number, 9223372036854775807";
	char text[64];
	if (tensor->dtype == DTYPE_I64 || tensor->dtype == DTYPE_U64) {
		uint64_t bits;
		memcpy(&bits, tensor->data + element_of(tensor, flat) * (int64_t)sizeof bits, sizeof bits);
		bits = tensor->byte_swapped ? __builtin_bswap64(bits) : bits;
		memcpy(value, &bits, sizeof bits);
		snprintf(text, sizeof text, "%" PRIu64, bits);
		return tensor->dtype == DTYPE_U64 && bits > INT64_MAX ? refuse_integer(tensor, flat, text, beyond, info) : ERR_OK;
	}
	double real = tensor_at(tensor, flat);
	snprintf(text, sizeof text, "%.17g", real);
	if (real != floor(real))
		return refuse_integer(tensor, flat, text, "is no whole number", info);
	if (!(fabs(real) < 0x1p63))
		return refuse_integer(tensor, flat, text, beyond, info);
	*value = (int64_t)real;
	return ERR_OK;
}

void tensor_decode_f32(const struct tensor *tensor, int64_t first, int64_t step, int64_t count, float *out)
{
	const unsigned char *in = tensor->data + first * (int64_t)dtype_size(tensor->dtype);
	dtype_gather_f32(tensor->dtype, tensor->byte_swapped, in, step, count, out);
	if (tensor->scale == 1)
		return;
	for (int64_t i = 0; i < count; i++)
		out[i] = (float)(out[i] * tensor->scale);
}

void tensor_decode_f64(const struct tensor *tensor, int64_t first, int64_t step, int64_t count, double *out)
{
	const unsigned char *in = tensor->data + first * (int64_t)dtype_size(tensor->dtype);
	dtype_gather_f64(tensor->dtype, tensor->byte_swapped, in, step, count, out);
	if (tensor->scale == 1)
		return;
	for (int64_t i = 0; i < count; i++)
		out[i] *= tensor->scale;
}

const char *tensor_shape_text(const struct tensor *tensor, char *buffer, size_t size)
{
	size_t used = (size_t)snprintf(buffer, size, "(");
	for (int axis = 0; axis < tensor->rank && used < size; axis++)
		used += (size_t)snprintf(buffer + used, size - used, axis ? ", %lld" : "%lld", (long long)tensor->shape[axis]);
	if (used < size)
		snprintf(buffer + used, size - used, tensor->rank == 1 ? ",)" : ")");
	return buffer;
}
