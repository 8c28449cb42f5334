/*
 * Vectors and register tile of AVX-512, for the two files that instantiate the template with them: 32 registers hold 8
 * keys x 48 queries of sums, the three vectors of queries and a key.
 */
#ifndef ATTNVIZ_KERNEL_X86_AVX512_H
#define ATTNVIZ_KERNEL_X86_AVX512_H

#include <immintrin.h>

#include <stdint.h>

#include "kernel/tables.h"

enum { VECTOR = 16, ROW_VECTORS = 3, ROW_KEYS = 8, LANES = 48, SIDE_BY_SIDE = 2 };
typedef float vf __attribute__((vector_size(64)));
typedef float vf_memory __attribute__((vector_size(64), aligned(4), may_alias));
typedef double vd __attribute__((vector_size(64)));
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));
typedef int32_t vi_memory __attribute__((vector_size(64), aligned(4), may_alias));
#define v_mask(comparison) ((vi)(comparison))
#define V_FLOAT_OF_INT(a) ((vf)_mm512_cvtepi32_ps((__m512i)(a)))

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

#endif
