/* SPDX-License-Identifier: MIT */
/* NEON: 32 registers hold 8 keys x 12 queries of sums, the three vectors of queries and a key. */
#include <arm_neon.h>

#include "kernel/tables.h"

enum { VECTOR = 4, ROW_VECTORS = 3, ROW_KEYS = 8, LANES = 24, SUMS = 1, FOLD_STEP = 0 };
typedef float vf __attribute__((vector_size(16)));
typedef float vf_memory __attribute__((vector_size(16), aligned(4), may_alias));
typedef double vd __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));
typedef int32_t vi_memory __attribute__((vector_size(16), aligned(4), may_alias));
#define V_PIN(a) ((void)0)
#define v_mask(comparison) ((vi)(comparison))
#define V_FLOAT_OF_INT(a) ((vf)vcvtq_f32_s32((int32x4_t)(a)))
#define V_SHUFFLE(a, b, from) __builtin_shufflevector(a, b, from(0), from(1), from(2), from(3))

static inline bool v_any(vi mask)
{
	return vmaxvq_u32((uint32x4_t)mask) != 0;
}

static inline vd v_load_double(const float *from)
{
	return (vd)vcvt_f64_f32(vld1_f32(from));
}

static inline vf v_fma(vf a, vf b, vf c)
{
	return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

static inline vf v_max(vf a, vf b)
{
	return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}

static inline vf v_min(vf a, vf b)
{
	return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
}

static inline vf v_clamp(vf a)
{
	return (vf)vmaxq_f32((float32x4_t)a, vdupq_n_f32(EXP2_LOWEST));
}

#define v_larger v_max
#define v_smaller v_min

#include "kernel/tile_template.h"

const struct kernels kernels_neon = { .name = "neon", TEMPLATE_FUNCTIONS };
