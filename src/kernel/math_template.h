/* SPDX-License-Identifier: MIT */
/*
 * Exponential, logarithm and hyperbolic tangent of a vector. Part of tile_template.h.
 *
 * Sets with a permutation of a vector's elements look up 2^(j / 2^EXP2_BITS) with it, which leaves a shorter polynomial:
 * multiplications are what runs short beside products. They define EXP2_BITS, EXP2_COEFFICIENTS (minimax for (2^r - 1) / r
 * relative to 2^r, the highest power first: relative error 3e-8 with 3 bits and 3 coefficients, 5e-8 with 5 and 2; 9e-8 for
 * the 5 that follow) and EXP2_TABLE(vi index), which looks at the low bits of the index only and returns the bits of
 * 2^(j / 2^EXP2_BITS) less j << (23 - EXP2_BITS).
 */

#ifndef EXP2_BITS
#define EXP2_BITS 0
#define EXP2_COEFFICIENTS \
	1.3264727107682348e-3f, 9.671512644708911e-3f, 5.5507337435464814e-2f, 2.4022242085264647e-1f, 6.931469775989623e-1f
#define EXP2_TABLE(index) ((vi){ 0 } + 0x3f800000)
#endif

/* 2^x for EXP2_LOWEST <= x <= 127: x = n + j / 2^EXP2_BITS + r with the smallest r, and 2^x = power + power r q(r), so that
 * 2^0 is 1. At EXP2_LOWEST the power, and with it the result, is exactly 0. */
static inline __attribute__((always_inline)) vf v_exp2(vf x)
{
	static const float coefficient[] = { EXP2_COEFFICIENTS };
	const float magic = (float)(3 << (22 - EXP2_BITS)); /* adding it rounds, and leaves n and j in the low bits */
	vf shifted = x + magic, r = x - (shifted - magic), q = v_set(coefficient[0]);
	UNROLL for (size_t c = 1; c < sizeof(coefficient) / sizeof(*coefficient); c++)
		q = v_fma(q, r, v_set(coefficient[c]));
	vf power = v_float((vi)((vu)(EXP2_TABLE(v_bits(shifted))) + ((vu)v_bits(shifted) << (23 - EXP2_BITS))));
	return v_fma(power * r, q, power);
}

/* log2 of a normal x > 0: x = 2^e m with m in [sqrt 1/2, sqrt 2), then the series of atanh((m - 1) / (m + 1)). */
static inline vf v_log2(vf x)
{
	vi bits = v_bits(x) - 0x3f3504f3;
	vi exponent = bits >> 23;
	vf m = v_float((bits & 0x007fffff) + 0x3f3504f3);
	vf s = (m - 1.0f) / (m + 1.0f), z = s * s;
	vf series = v_fma(v_set(1.0f / 9), z, v_set(1.0f / 7));
	series = v_fma(series, z, v_set(1.0f / 5));
	series = v_fma(series, z, v_set(1.0f / 3));
	series = v_fma(series, z, v_set(1.0f));
	return v_fma(series * 2.885390081777927f, s, V_FLOAT_OF_INT(exponent));
}

/* The same without a division, within 1e-7: log2(1 + t) = t q(t), q minimax over m = 1 + t. */
static inline vf v_log2_quick(vf x)
{
	static const float coefficient[] = { -0.14574790f, 0.23689069f, -0.25006789f, 0.28670737f, -0.36008734f, 0.48093945f, -0.72135717f, 1.44269478f };
	vi bits = v_bits(x) - 0x3f3504f3;
	vi exponent = bits >> 23;
	vf t = v_float((bits & 0x007fffff) + 0x3f3504f3) - 1.0f, q = v_set(coefficient[0]);
	UNROLL for (size_t c = 1; c < sizeof(coefficient) / sizeof(*coefficient); c++)
		q = v_fma(q, t, v_set(coefficient[c]));
	return v_fma(q, t, V_FLOAT_OF_INT(exponent));
}

/* 1 - 2 / (e^2a + 1) away from zero, an odd polynomial (the Taylor series to x^9, error below 2e-8 there) near it. */
static inline vf v_tanh(vf x)
{
	vf a = v_abs(x), z = x * x;
	vf e = v_exp2(v_clamp(a * -2.885390081777927f));
	vf far = (1.0f - e) / (1.0f + e);
	far = v_float(v_bits(far) | (v_bits(x) & (int32_t)0x80000000));
	vf near = v_fma(v_set(62.0f / 2835), z, v_set(-17.0f / 315));
	near = v_fma(near, z, v_set(2.0f / 15));
	near = v_fma(near, z, v_set(-1.0f / 3));
	near = v_fma(near * z, x, x);
	return v_select(v_mask(a < 0.25f), near, far);
}
