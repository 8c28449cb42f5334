/* SPDX-License-Identifier: MIT */
/*
 * Arrays without any header: somebody says what the bytes are.
 */
#ifndef ATTNVIZ_TENSOR_RAW_H
#define ATTNVIZ_TENSOR_RAW_H

#include "tensor/reader.h"

struct raw_layout {
	enum dtype dtype;
	bool byte_swapped;
	int rank;
	int64_t shape[TENSOR_MAX_RANK];
	uint64_t offset; /* bytes before the array */
	bool partial;    /* bytes may follow it: an offset was given */
};

/*
 * "TYPE:LENGTHxLENGTH...[@OFFSET]": f32:8x1024x64, f16:1024x512@128. TYPE is f64, f32, f16, bf16, f8e4m3, f8e5m2, i64 .. i8, u64 .. u8 or bool, also as numpy and torch
 * call them (float32), with be behind it (f32be) for big-endian elements. With an offset bytes may follow the array, without one the file must end with it.
 * ERR_USAGE says what is wrong.
 */
enum err raw_parse(struct raw_layout *layout, const char *text, struct err_info *info);

/* archive_open; but a file that no reader knows by its content is the array that `layout` says. ERR_SHAPE where its size is another. */
enum err archive_open_raw(struct archive *archive, const char *file, const struct raw_layout *layout, struct err_info *info);

#endif
