/* SPDX-License-Identifier: MIT */
/* SSE2, the baseline of x86-64: no fused multiply-add, so products take a register of their own. */
#include <emmintrin.h>

#include "kernel/tables.h"

enum { VECTOR = 4, ROW_VECTORS = 2, ROW_KEYS = 4, LANES = 16, SUMS = 1, FOLD_STEP = 0 };
typedef float vf __attribute__((vector_size(16)));
typedef float vf_memory __attribute__((vector_size(16), aligned(4), may_alias));
typedef double vd __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));
typedef int32_t vi_memory __attribute__((vector_size(16), aligned(4), may_alias));
#define V_PIN(a) __asm__("" : "+x"(a))
#define v_mask(comparison) ((vi)(comparison))
#define V_FLOAT_OF_INT(a) ((vf)_mm_cvtepi32_ps((__m128i)(a)))
#define V_SHUFFLE(a, b, from) __builtin_shufflevector(a, b, from(0), from(1), from(2), from(3))

static inline bool v_any(vi mask)
{
	return _mm_movemask_ps((__m128)mask) != 0;
}

static inline vd v_load_double(const float *from)
{
	return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)(const void *)from)));
}

static inline vf v_fma(vf a, vf b, vf c)
{
	return a * b + c;
}

static inline vf v_max(vf a, vf b)
{
	return _mm_max_ps(a, b);
}

static inline vf v_min(vf a, vf b)
{
	return _mm_min_ps(a, b);
}

static inline vf v_clamp(vf a)
{
	return _mm_max_ps(a, _mm_set1_ps(EXP2_LOWEST));
}

#define v_larger v_max
#define v_smaller v_min

#include "kernel/tile_template.h"

const struct kernels kernels_sse2 = { .name = "sse2", TEMPLATE_FUNCTIONS };
