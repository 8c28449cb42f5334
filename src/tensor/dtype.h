/* SPDX-License-Identifier: MIT */
/*
 * Element types: their names and sizes, and the exact value of every bit pattern.
 *
 * All conversions to float32 are exact except those from float64 and from integers of more than 24 bits, which round to
 * nearest; all conversions to float64 are exact except those from integers of more than 53 bits. No instruction set beyond
 * the baseline is needed: the small floats are widened by shifting their fields into place, which compilers vectorise.
 *
 *   float16       1 sign, 5 exponent (bias 15), 10 mantissa          IEEE 754 binary16
 *   bfloat16      the upper half of a float32
 *   float8_e4m3fn 1, 4 (bias 7), 3; no infinity, 0x7f and 0xff are NaN     Micikevicius et al. 2022, OCP 8-bit floating point
 *   float8_e5m2   1, 5 (bias 15), 2: the upper half of a float16          the same
 */
#ifndef ATTNVIZ_TENSOR_DTYPE_H
#define ATTNVIZ_TENSOR_DTYPE_H

#include <stdint.h>

#include "tensor/tensor.h"

/* The value of one bit pattern. */
float dtype_f16(uint16_t bits);
float dtype_bf16(uint16_t bits);
float dtype_f8_e4m3(uint8_t bits);
float dtype_f8_e5m2(uint8_t bits);

/* Widen `count` elements of native byte order that follow each other; `in` needs no alignment. */
void dtype_widen_f32(enum dtype dtype, const unsigned char *in, int64_t count, float *out);
void dtype_widen_f64(enum dtype dtype, const unsigned char *in, int64_t count, double *out);

/* The same for elements `step` elements apart (may be 0 or negative), of either byte order. */
void dtype_gather_f32(enum dtype dtype, bool byte_swapped, const unsigned char *in, int64_t step, int64_t count, float *out);
void dtype_gather_f64(enum dtype dtype, bool byte_swapped, const unsigned char *in, int64_t step, int64_t count, double *out);

/* Position of the first NaN, infinity or value whose magnitude is at least `limit`, a power of two or INFINITY; -1 where there is none, in one cheap pass. */
int64_t dtype_find_beyond_f32(const float *value, int64_t count, float limit);
int64_t dtype_find_beyond_f64(const double *value, int64_t count, double limit);

#endif
