/* SPDX-License-Identifier: MIT */
#include "tensor/pickle_numpy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tensor/npy.h"

static enum err odd_array(struct err_info *info)
{
	return err_set(info, ERR_FORMAT, "the pickle holds an array in no form that numpy writes");
}

/* dtype("f4", False, True) with the state (3, "<", ...), or a type of ml_dtypes by its name. */
static bool read_descr(const struct pickle_value *dtype, char *descr, size_t size)
{
	struct pickle_value arguments = pickle_part(dtype, PICKLE_ARGUMENTS), code = pickle_item(&arguments, 0), state = pickle_part(dtype, PICKLE_STATE),
		order = pickle_item(&state, 1);
	if (pickle_called(dtype) != MEANING_DTYPE)
		return false;
	if (code.kind == PICKLE_NAME)
		code = code.u.object->item[1];
	bool text = (code.kind == PICKLE_TEXT || code.kind == PICKLE_BYTES) && code.length && code.length < size - 2;
	bool ordered = (order.kind == PICKLE_TEXT || order.kind == PICKLE_BYTES) && order.length == 1;
	if (!text || memchr(code.u.bytes, 0, (size_t)code.length))
		return false;
	snprintf(descr, size, "%.*s%.*s", ordered ? 1 : 0, ordered ? (const char *)order.u.bytes : "", (int)code.length, (const char *)code.u.bytes);
	return true;
}

static enum err read_shape(struct tensor *tensor, const struct pickle_value *shape, struct err_info *info)
{
	if (shape->kind != PICKLE_TUPLE)
		return odd_array(info);
	if (shape->u.object->count > TENSOR_MAX_RANK)
		return err_set(info, ERR_UNSUPPORTED, "more than %d axes", TENSOR_MAX_RANK);
	tensor->rank = (int)shape->u.object->count;
	for (int axis = 0; axis < tensor->rank; axis++) {
		struct pickle_value length = shape->u.object->item[axis];
		if (length.kind != PICKLE_INT || length.u.integer < 0)
			return odd_array(info);
		tensor->shape[axis] = length.u.integer;
	}
	return ERR_OK;
}

static enum err place_bytes(struct tensor *tensor, bool fortran, const struct pickle_value *bytes, struct err_info *info)
{
	uint64_t needed;
	if (bytes->kind != PICKLE_BYTES)
		return odd_array(info);
	if (!tensor_set_strides(tensor, fortran, &needed))
		return err_set(info, ERR_FORMAT, "an array of the pickle has an impossible shape");
	if (needed != bytes->length)
		return err_set(info, ERR_FORMAT, "an array of the pickle needs %" PRIu64 " bytes but has %" PRIu64, needed, (uint64_t)bytes->length);
	tensor->data = bytes->u.bytes;
	return ERR_OK;
}

static enum err read_state(struct tensor *tensor, struct pickle_value *objects, const struct pickle_value *shape, const struct pickle_value *dtype,
			   bool fortran, const struct pickle_value *data, struct err_info *info)
{
	char descr[64];
	int64_t count = 1;
	if (!read_descr(dtype, descr, sizeof descr))
		return odd_array(info);
	enum err err = read_shape(tensor, shape, info);
	if (err)
		return err;
	tensor->scale = 1;
	if (descr[strspn(descr, "<>=|")] != 'O') {
		err = npy_set_descr(tensor, descr, info);
		return err ? err : place_bytes(tensor, fortran, data, info);
	}
	for (int axis = 0; axis < tensor->rank; axis++)
		if (__builtin_mul_overflow(count, tensor->shape[axis], &count))
			return odd_array(info);
	if (data->kind != PICKLE_LIST || data->u.object->count != count)
		return odd_array(info);
	*objects = *data;
	return ERR_OK;
}

/* _frombuffer(bytes, dtype, shape, order), of protocol 5. */
static enum err read_buffer(struct tensor *tensor, struct pickle_value *objects, const struct pickle_value *arguments, struct err_info *info)
{
	struct pickle_value data = pickle_item(arguments, 0), dtype = pickle_item(arguments, 1), shape = pickle_item(arguments, 2),
		order = pickle_item(arguments, 3);
	return read_state(tensor, objects, &shape, &dtype, pickle_is_text(&order, "F"), &data, info);
}

enum err numpy_array_read(struct tensor *tensor, struct pickle_value *objects, const struct pickle_value *call, struct err_info *info)
{
	struct pickle_value arguments = pickle_part(call, PICKLE_ARGUMENTS), state = pickle_part(call, PICKLE_STATE);
	memset(tensor, 0, sizeof *tensor);
	objects->kind = PICKLE_NONE;
	if (pickle_called(call) == MEANING_ARRAY_BUFFER)
		return read_buffer(tensor, objects, &arguments, info);
	/* (version, shape, dtype, is Fortran, data); before numpy 1.0 without the version. */
	if (state.kind != PICKLE_TUPLE || state.u.object->count < 4 || state.u.object->count > 5)
		return odd_array(info);
	uint32_t first = state.u.object->count - 4;
	struct pickle_value shape = pickle_item(&state, first), dtype = pickle_item(&state, first + 1), fortran = pickle_item(&state, first + 2),
		data = pickle_item(&state, first + 3);
	return read_state(tensor, objects, &shape, &dtype, fortran.u.integer != 0, &data, info);
}
