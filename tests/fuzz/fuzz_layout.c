/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/layout.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_FIXED = 5 + TENSOR_MAX_RANK };

/* The corners of a view lie within the tensor. */
static void fuzz_check_corners(const struct heads *view, int64_t elements)
{
	const int64_t *size = view->size;
	int64_t first;
	heads_locate(view, 0, 0, 0, 0, &first);
	if (first < 0 || first >= elements)
		abort();
	heads_locate(view, size[AXIS_LAYER] - 1, size[AXIS_BATCH] - 1, size[AXIS_HEAD] - 1, size[AXIS_TOKEN] - 1, &first);
	first += (size[AXIS_DIM] - 1) * view->stride[AXIS_DIM];
	if (first < 0 || first >= elements)
		abort();
}

/* Bytes: role, fusion, heads, kv_heads, rank, the shape, and the letters. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < FUZZ_FIXED)
		return 0;
	char letters[32] = "";
	size_t length = size - FUZZ_FIXED < sizeof letters - 1 ? size - FUZZ_FIXED : sizeof letters - 1;
	memcpy(letters, data + FUZZ_FIXED, length);
	struct layout_request request = {
		.role = (enum layout_role)(data[0] % 5),
		.fusion = (enum layout_fusion)(data[1] % 4),
		.heads_in = data[2] % 17,
		.kv_heads_in = data[3] % 17,
		.letters = length ? letters : NULL,
	};
	struct tensor tensor = { .dtype = DTYPE_F32, .rank = data[4] % (TENSOR_MAX_RANK + 1), .scale = 1 };
	for (int axis = 0; axis < tensor.rank; axis++)
		tensor.shape[axis] = data[5 + axis] % 33;
	uint64_t bytes;
	tensor_set_strides(&tensor, data[0] & 0x80, &bytes);
	const struct tensor *slot;
	struct heads view;
	struct err_info info = { 0 };
	if (layout_resolve(&tensor, &request, &slot, &view, &info) == ERR_OK && tensor_count(&tensor))
		fuzz_check_corners(&view, tensor_count(&tensor));
	else if (!info.code && tensor_count(&tensor))
		abort();
	return 0;
}
