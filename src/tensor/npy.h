/* SPDX-License-Identifier: MIT */
/*
 * The .npy format, versions 1 to 3 (numpy/lib/format.py, NEP 1).
 */
#ifndef ATTNVIZ_TENSOR_NPY_H
#define ATTNVIZ_TENSOR_NPY_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "tensor/tensor.h"

/*
 * Parse the header at bytes[0 .. size): fills dtype, byte order, rank, shape, strides, offset, data and scale (1). The whole
 * of the data must lie within `size`; what follows it is the caller's (several arrays may be saved into one file).
 * `tensor->name` and `file` are left alone.
 *
 * The header is a Python dictionary literal with the three keys "descr", "fortran_order" and "shape" in any order, and
 * nothing else. bfloat16 is read in each of its exported forms: descr "bfloat16" (ml_dtypes), "<V2" / "|V2". uint16 stays
 * uint16: whether it holds bfloat16 bits is the user's word (--dtype bfloat16 -> tensor_as_bfloat16).
 *
 * ERR_FORMAT: no .npy, damaged or truncated (the text says how many bytes are missing). ERR_UNSUPPORTED: Python objects
 * (never unpickled), structured, text, time and complex types, more than TENSOR_MAX_RANK axes.
 */
enum err npy_parse(const unsigned char *bytes, uint64_t size, struct tensor *tensor, struct err_info *info);

/* The same where only the first `available` bytes of `size` are at hand: tensor->data is NULL. ERR_FORMAT where the header itself
 * is not wholly in them and could be in `size`; npy_header_size says how many are wanted. */
enum err npy_parse_front(const unsigned char *bytes, uint64_t available, uint64_t size, struct tensor *tensor, struct err_info *info);

/* Bytes before the data, told by the first 12 bytes of a file; 0 where they are no .npy. */
enum { NPY_PREFIX = 12 };
uint64_t npy_header_size(const unsigned char *prefix, uint64_t available);

/* Is it an array of Python objects, by the header in bytes[0 .. available)? A pickle of the whole array begins at npy_header_size. */
bool npy_holds_objects(const unsigned char *bytes, uint64_t available);

/* The type and byte order that a descr of numpy names ("<f4", "|b1", "bfloat16"). ERR_UNSUPPORTED and ERR_FORMAT as above. */
enum err npy_set_descr(struct tensor *tensor, const char *descr, struct err_info *info);

/* Read a two-byte tensor (uint16, V2) as bfloat16. ERR_UNSUPPORTED for another width. */
enum err tensor_as_bfloat16(struct tensor *tensor, struct err_info *info);

/* Append a version 1 header, padded so that data begins at a multiple of 64. */
void npy_header(struct strbuf *out, enum dtype dtype, int rank, const int64_t *shape);

#endif
