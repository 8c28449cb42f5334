/* SPDX-License-Identifier: MIT */
/*
 * Vectors and register tile of AVX-512, for the two files that instantiate the template with them: 32 registers hold 4
 * keys x 48 queries of two sums each, the three vectors of queries, a key, and what an exponential needs meanwhile.
 */
#ifndef ATTNVIZ_KERNEL_X86_AVX512_H
#define ATTNVIZ_KERNEL_X86_AVX512_H

#include <immintrin.h>

#include <stdint.h>

#include "kernel/tables.h"

enum { VECTOR = 16, ROW_VECTORS = 3, ROW_KEYS = 4, LANES = 48, SUMS = 2, FOLD_STEP = 16 };
typedef float vf __attribute__((vector_size(64)));
typedef float vf_memory __attribute__((vector_size(64), aligned(4), may_alias));
typedef double vd __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
typedef int32_t vi_memory __attribute__((vector_size(64), aligned(4), may_alias));
#define V_PIN(a) ((void)0)
#define v_mask(comparison) ((vi)(comparison))
#define V_FLOAT_OF_INT(a) ((vf)_mm512_cvtepi32_ps((__m512i)(a)))
#define V_SHUFFLE(a, b, from) \
	__builtin_shufflevector(a, b, from(0), from(1), from(2), from(3), from(4), from(5), from(6), from(7), \
				from(8), from(9), from(10), from(11), from(12), from(13), from(14), from(15))

static inline bool v_any(vi mask)
{
	return _mm512_test_epi32_mask((__m512i)mask, (__m512i)mask) != 0;
}

static inline vd v_load_double(const float *from)
{
	return _mm512_cvtps_pd(_mm256_loadu_ps(from));
}

static inline vf v_fma(vf a, vf b, vf c)
{
	return _mm512_fmadd_ps(a, b, c);
}

static inline vf v_max(vf a, vf b)
{
	return _mm512_max_ps(a, b);
}

static inline vf v_min(vf a, vf b)
{
	return _mm512_min_ps(a, b);
}

/* As an integer without sign a negative float is the larger the lower it is; this minimum runs beside the additions. */
static inline vf v_clamp(vf a)
{
	return (vf)_mm512_min_epu32((__m512i)a, (__m512i)_mm512_set1_ps(EXP2_LOWEST));
}

/* Floats that are not negative order as their bits do, and integers have more ports. */
static inline vf v_larger(vf a, vf b)
{
	return (vf)_mm512_max_epi32((__m512i)a, (__m512i)b);
}

static inline vf v_smaller(vf a, vf b)
{
	return (vf)_mm512_min_epi32((__m512i)a, (__m512i)b);
}

/* A permutation looks at the low bits of a number only: what negative ones pick is dropped by the mask. */
#define V_PICK(a, from) ((vf)_mm512_maskz_permutexvar_ps(_mm512_movepi32_mask(~(__m512i)(from)), (__m512i)(from), (__m512)(a)))

#define EXP2_BITS 5
#define EXP2_COEFFICIENTS 2.4022653122309276e-1f, 6.931573303066108e-1f
#define EXP2_TABLE exp2_table

static inline vi exp2_table(vi index)
{
	const vi low = {
		0x3f800000, 0x3f7ecd87, 0x3f7daac3, 0x3f7c980f,
		0x3f7b95c2, 0x3f7aa43a, 0x3f79c3d3, 0x3f78f4f0,
		0x3f7837f0, 0x3f778d3a, 0x3f76f532, 0x3f767043,
		0x3f75fed7, 0x3f75a15b, 0x3f75583f, 0x3f7523f6,
	};
	const vi high = {
		0x3f7504f3, 0x3f74fbaf, 0x3f7508a4, 0x3f752c4d,
		0x3f75672a, 0x3f75b9be, 0x3f76248c, 0x3f76a81e,
		0x3f7744fd, 0x3f77fbb8, 0x3f78ccdf, 0x3f79b907,
		0x3f7ac0c7, 0x3f7be4ba, 0x3f7d257d, 0x3f7e83b3,
	};
	return (vi)_mm512_permutex2var_epi32((__m512i)low, (__m512i)index, (__m512i)high);
}

#endif
