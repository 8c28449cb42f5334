/* SPDX-License-Identifier: MIT */
#include "mechanism/made.h"

#include <stdlib.h>

#include "base/memory.h"

enum err made_shape(struct made *made, const char *name, const int64_t size[AXIS_COUNT], struct err_info *info)
{
	int64_t count = 1;
	*made = (struct made){ .tensor = { .name = name, .file = "", .rank = AXIS_COUNT, .scale = 1 } };
	for (int axis = AXIS_COUNT - 1; axis >= 0; axis--) {
		made->tensor.shape[axis] = made->heads.size[axis] = size[axis];
		made->tensor.stride[axis] = made->heads.stride[axis] = count;
		made->heads.present[axis] = size[axis] > 1 || axis >= AXIS_HEAD;
		if (!mem_mul_i64(count, size[axis], &count))
			return err_nomem(info, name);
	}
	made->tensor.dtype = count > MADE_DOUBLE_MAX ? DTYPE_F32 : DTYPE_F64;
	made->slot = &made->tensor;
	made->heads.tensors = &made->slot;
	made->heads.tensor_count = 1;
	return ERR_OK;
}

enum err made_allocate(struct made *made, struct err_info *info)
{
	made->data = mem_zero_array((size_t)tensor_count(&made->tensor), dtype_size(made->tensor.dtype));
	made->tensor.data = made->data;
	return made->data ? ERR_OK : err_nomem(info, made->tensor.name);
}

void made_drop(struct made *made)
{
	free(made->data);
	made->data = NULL;
	made->tensor.data = NULL;
}

enum err made_init(struct made *made, const char *name, const int64_t size[AXIS_COUNT], struct err_info *info)
{
	enum err err = made_shape(made, name, size, info);
	return err ? err : made_allocate(made, info);
}

void made_release(struct made *made)
{
	free(made->data);
	*made = (struct made){ 0 };
}

void made_store(struct made *made, int64_t layer, int64_t batch, int64_t head, int64_t token, const double *row)
{
	const int64_t *stride = made->tensor.stride;
	int64_t first = layer * stride[AXIS_LAYER] + batch * stride[AXIS_BATCH] + head * stride[AXIS_HEAD] + token * stride[AXIS_TOKEN];
	for (int64_t d = 0; d < made->tensor.shape[AXIS_DIM]; d++)
		if (made->tensor.dtype == DTYPE_F64)
			((double *)made->data)[first + d] = row[d];
		else
			((float *)made->data)[first + d] = (float)row[d];
}
