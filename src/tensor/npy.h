/*
 * The .npy format, versions 1 to 3 (numpy/lib/format.py, NEP 1).
 */
#ifndef ATTNVIZ_TENSOR_NPY_H
#define ATTNVIZ_TENSOR_NPY_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "tensor/tensor.h"

/* Parse the header at bytes[0 .. size): fills dtype, byte order, rank, shape, strides, offset and data. The whole of the data must
 * lie within `size`; bytes beyond it are an error too, as numpy writes none. `tensor->name` and `file` are left alone.
 * bfloat16 is read in each of its exported forms: descr "bfloat16" (ml_dtypes), "<V2" / "|V2". uint16 stays uint16: whether it holds
 * bfloat16 bits is the user's word (--dtype bfloat16 -> tensor_as_bfloat16). */
enum err npy_parse(const unsigned char *bytes, uint64_t size, struct tensor *tensor, struct err_info *info);

/* Read a two-byte tensor (uint16, V2) as bfloat16. ERR_UNSUPPORTED for another width. */
enum err tensor_as_bfloat16(struct tensor *tensor, struct err_info *info);

/* Append a version 1 header, padded so that data begins at a multiple of 64. */
void npy_header(struct strbuf *out, enum dtype dtype, int rank, const int64_t *shape);

#endif
