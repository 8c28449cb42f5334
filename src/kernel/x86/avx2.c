/* SPDX-License-Identifier: MIT */
/* AVX2 and FMA: 16 registers hold 4 keys x 24 queries of sums, the three vectors of queries and a key. */
#include <immintrin.h>

#include "kernel/tables.h"

enum { VECTOR = 8, ROW_VECTORS = 3, ROW_KEYS = 4, LANES = 24, SUMS = 1, FOLD_STEP = 0 };
typedef float vf __attribute__((vector_size(32)));
typedef float vf_memory __attribute__((vector_size(32), aligned(4), may_alias));
typedef double vd __attribute__((vector_size(32)));
typedef int32_t vi __attribute__((vector_size(32)));
typedef uint32_t vu __attribute__((vector_size(32)));
typedef int32_t vi_memory __attribute__((vector_size(32), aligned(4), may_alias));
#define V_PIN(a) ((void)0)
#define v_mask(comparison) ((vi)(comparison))
#define V_FLOAT_OF_INT(a) ((vf)_mm256_cvtepi32_ps((__m256i)(a)))
#define V_SHUFFLE(a, b, from) __builtin_shufflevector(a, b, from(0), from(1), from(2), from(3), from(4), from(5), from(6), from(7))

static inline bool v_any(vi mask)
{
	return _mm256_movemask_ps((__m256)mask) != 0;
}

static inline vd v_load_double(const float *from)
{
	return _mm256_cvtps_pd(_mm_loadu_ps(from));
}

static inline vf v_fma(vf a, vf b, vf c)
{
	return _mm256_fmadd_ps(a, b, c);
}

static inline vf v_max(vf a, vf b)
{
	return _mm256_max_ps(a, b);
}

static inline vf v_min(vf a, vf b)
{
	return _mm256_min_ps(a, b);
}

/* As an integer without sign a negative float is the larger the lower it is; this minimum runs beside the additions. */
static inline vf v_clamp(vf a)
{
	return (vf)_mm256_min_epu32((__m256i)a, (__m256i)_mm256_set1_ps(EXP2_LOWEST));
}

/* Floats that are not negative order as their bits do, and integers have more ports. */
static inline vf v_larger(vf a, vf b)
{
	return (vf)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

static inline vf v_smaller(vf a, vf b)
{
	return (vf)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

#define V_PICK(a, from) \
	((vf)_mm256_andnot_ps((__m256)((from) >> 31), _mm256_permutevar8x32_ps((__m256)(a), (__m256i)(from))))

#define EXP2_BITS 3
#define EXP2_COEFFICIENTS 5.549622178517537e-2f, 2.4025762978716036e-1f, 6.931472142602966e-1f
#define EXP2_TABLE exp2_table

static inline vi exp2_table(vi index)
{
	const vi powers = {
		0x3f800000, 0x3f7b95c2, 0x3f7837f0, 0x3f75fed7,
		0x3f7504f3, 0x3f75672a, 0x3f7744fd, 0x3f7ac0c7,
	};
	return (vi)_mm256_permutevar8x32_epi32((__m256i)powers, (__m256i)index);
}

#include "kernel/tile_template.h"

const struct kernels kernels_avx2 = { .name = "avx2", TEMPLATE_FUNCTIONS };
