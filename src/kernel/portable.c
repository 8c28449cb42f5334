/* SPDX-License-Identifier: MIT */
/* Plain C: one lane a "vector". Runs anywhere, and is what every other table is compared with when a difference must be
 * explained. */
#include "kernel/tables.h"

enum { VECTOR = 1, ROW_VECTORS = 4, ROW_KEYS = 2, LANES = 8, SUMS = 1, FOLD_STEP = 0 };
typedef float vf, vf_memory;
typedef double vd;
typedef int32_t vi, vi_memory;
typedef uint32_t vu;
#define V_PIN(a) ((void)0)
#define v_mask(comparison) (-(comparison))
#define V_FLOAT_OF_INT(a) ((float)(a))
#define V_SHUFFLE(a, b, from) ((void)(b), (a))

static inline bool v_any(vi mask)
{
	return mask != 0;
}

static inline vd v_load_double(const float *from)
{
	return (double)*from;
}

static inline vf v_fma(vf a, vf b, vf c)
{
	return a * b + c;
}

static inline vf v_max(vf a, vf b)
{
	return a > b ? a : b;
}

static inline vf v_min(vf a, vf b)
{
	return a < b ? a : b;
}

static inline vf v_clamp(vf a)
{
	return a > EXP2_LOWEST ? a : EXP2_LOWEST;
}

#define v_larger v_max
#define v_smaller v_min

#include "kernel/tile_template.h"

const struct kernels kernels_c = { .name = "c", TEMPLATE_FUNCTIONS };
