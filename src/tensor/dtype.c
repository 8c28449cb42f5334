/* SPDX-License-Identifier: MIT */
#include "tensor/dtype.h"

#include <string.h>

static inline float float_of(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static inline uint32_t bits_of(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

/* All ones where the condition holds: compilers vectorise masks more readily than choices. */
static inline uint32_t mask_of(bool condition)
{
	return -(uint32_t)condition;
}

/*
 * A small float has its exponent and mantissa in `magnitude`. Shifted into the place of float32's and rebiased, a normal number is
 * done. A subnormal is an integer times the smallest step: added to the mantissa of a power of two whose last bit is worth that
 * step, and that power subtracted, it becomes exact without a branch and without float32 subnormals, which are slow.
 */
static inline float widen_f16(uint16_t half)
{
	uint32_t magnitude = half & 0x7fffu;
	uint32_t bits = (magnitude << 13) + (112u << 23);
	uint32_t subnormal = bits_of(float_of(0x3f000000u + magnitude) - 0.5f);
	uint32_t is_subnormal = mask_of(magnitude < 0x400u);
	bits += mask_of(magnitude >= 0x7c00u) & 112u << 23; /* infinity and NaN */
	bits = (bits & ~is_subnormal) | (subnormal & is_subnormal);
	return float_of(bits | (uint32_t)(half & 0x8000u) << 16);
}

static inline float widen_bf16(uint16_t half)
{
	return float_of((uint32_t)half << 16);
}

static inline float widen_e4m3(uint8_t byte)
{
	uint32_t magnitude = byte & 0x7fu;
	uint32_t bits = (magnitude << 20) + (120u << 23);
	uint32_t subnormal = bits_of(float_of(0x46800000u + magnitude) - 16384.0f);
	uint32_t is_subnormal = mask_of(magnitude < 8);
	bits |= mask_of(magnitude == 0x7fu) & 0x7fc00000u; /* NaN */
	bits = (bits & ~is_subnormal) | (subnormal & is_subnormal);
	return float_of(bits | (uint32_t)(byte & 0x80u) << 24);
}

static inline float widen_e5m2(uint8_t byte)
{
	return widen_f16((uint16_t)(byte << 8));
}

#define AS_IS(X) (X)
#define AS_TRUTH(X) ((X) != 0)

/* name, storage, value of a storage element */
#define EACH_DTYPE(ROW) \
	ROW(f64, double, AS_IS) \
	ROW(f32, float, AS_IS) \
	ROW(f16, uint16_t, widen_f16) \
	ROW(bf16, uint16_t, widen_bf16) \
	ROW(f8_e4m3, uint8_t, widen_e4m3) \
	ROW(f8_e5m2, uint8_t, widen_e5m2) \
	ROW(i64, int64_t, AS_IS) \
	ROW(i32, int32_t, AS_IS) \
	ROW(i16, int16_t, AS_IS) \
	ROW(i8, int8_t, AS_IS) \
	ROW(u64, uint64_t, AS_IS) \
	ROW(u32, uint32_t, AS_IS) \
	ROW(u16, uint16_t, AS_IS) \
	ROW(u8, uint8_t, AS_IS) \
	ROW(boolean, uint8_t, AS_TRUTH)

#define DEFINE_WIDEN(NAME, STORAGE, VALUE) \
	static void NAME##_f32(const unsigned char *restrict in, int64_t count, float *restrict out) \
	{ \
		for (int64_t i = 0; i < count; i++) { \
			STORAGE element; \
			memcpy(&element, in + i * (int64_t)sizeof element, sizeof element); \
			out[i] = (float)VALUE(element); \
		} \
	} \
	static void NAME##_f64(const unsigned char *restrict in, int64_t count, double *restrict out) \
	{ \
		for (int64_t i = 0; i < count; i++) { \
			STORAGE element; \
			memcpy(&element, in + i * (int64_t)sizeof element, sizeof element); \
			out[i] = (double)VALUE(element); \
		} \
	}
EACH_DTYPE(DEFINE_WIDEN)

struct dtype_row {
	const char *name;
	size_t size;
	bool is_float;
	void (*widen_f32)(const unsigned char *in, int64_t count, float *out);
	void (*widen_f64)(const unsigned char *in, int64_t count, double *out);
};

static const struct dtype_row rows[DTYPE_COUNT] = {
	[DTYPE_F64] = { "float64", 8, true, f64_f32, f64_f64 },
	[DTYPE_F32] = { "float32", 4, true, f32_f32, f32_f64 },
	[DTYPE_F16] = { "float16", 2, true, f16_f32, f16_f64 },
	[DTYPE_BF16] = { "bfloat16", 2, true, bf16_f32, bf16_f64 },
	[DTYPE_F8_E4M3] = { "float8_e4m3fn", 1, true, f8_e4m3_f32, f8_e4m3_f64 },
	[DTYPE_F8_E5M2] = { "float8_e5m2", 1, true, f8_e5m2_f32, f8_e5m2_f64 },
	[DTYPE_I64] = { "int64", 8, false, i64_f32, i64_f64 },
	[DTYPE_I32] = { "int32", 4, false, i32_f32, i32_f64 },
	[DTYPE_I16] = { "int16", 2, false, i16_f32, i16_f64 },
	[DTYPE_I8] = { "int8", 1, false, i8_f32, i8_f64 },
	[DTYPE_U64] = { "uint64", 8, false, u64_f32, u64_f64 },
	[DTYPE_U32] = { "uint32", 4, false, u32_f32, u32_f64 },
	[DTYPE_U16] = { "uint16", 2, false, u16_f32, u16_f64 },
	[DTYPE_U8] = { "uint8", 1, false, u8_f32, u8_f64 },
	[DTYPE_BOOL] = { "bool", 1, false, boolean_f32, boolean_f64 },
};

size_t dtype_size(enum dtype dtype)
{
	return rows[dtype].size;
}

const char *dtype_name(enum dtype dtype)
{
	return rows[dtype].name;
}

bool dtype_is_float(enum dtype dtype)
{
	return rows[dtype].is_float;
}

float dtype_f16(uint16_t bits)
{
	return widen_f16(bits);
}

float dtype_bf16(uint16_t bits)
{
	return widen_bf16(bits);
}

float dtype_f8_e4m3(uint8_t bits)
{
	return widen_e4m3(bits);
}

float dtype_f8_e5m2(uint8_t bits)
{
	return widen_e5m2(bits);
}

void dtype_widen_f32(enum dtype dtype, const unsigned char *in, int64_t count, float *out)
{
	if (dtype == DTYPE_F32)
		memcpy(out, in, (size_t)count * sizeof *out);
	else
		rows[dtype].widen_f32(in, count, out);
}

void dtype_widen_f64(enum dtype dtype, const unsigned char *in, int64_t count, double *out)
{
	if (dtype == DTYPE_F64)
		memcpy(out, in, (size_t)count * sizeof *out);
	else
		rows[dtype].widen_f64(in, count, out);
}

/* Elements brought side by side and into native order, a block at a time, so that each type needs one loop only. */
enum { BLOCK = 256 };

#define DEFINE_COLLECT(BITS, SWAP) \
	static void collect_##BITS(const unsigned char *in, int64_t step, int64_t count, bool swap, unsigned char *out) \
	{ \
		for (int64_t i = 0; i < count; i++) { \
			uint##BITS##_t element; \
			memcpy(&element, in + i * step * (BITS / 8), sizeof element); \
			if (swap) \
				element = SWAP(element); \
			memcpy(out + i * (BITS / 8), &element, sizeof element); \
		} \
	}
DEFINE_COLLECT(8, AS_IS)
DEFINE_COLLECT(16, __builtin_bswap16)
DEFINE_COLLECT(32, __builtin_bswap32)
DEFINE_COLLECT(64, __builtin_bswap64)

static void collect(size_t size, const unsigned char *in, int64_t step, int64_t count, bool swap, unsigned char *out)
{
	switch (size) {
	case 1: collect_8(in, step, count, swap, out); break;
	case 2: collect_16(in, step, count, swap, out); break;
	case 4: collect_32(in, step, count, swap, out); break;
	default: collect_64(in, step, count, swap, out); break;
	}
}

#define DEFINE_GATHER(SUFFIX, FLOAT) \
	void dtype_gather_##SUFFIX(enum dtype dtype, bool byte_swapped, const unsigned char *in, int64_t step, int64_t count, \
				   FLOAT *out) \
	{ \
		size_t size = rows[dtype].size; \
		if (step == 1 && (!byte_swapped || size == 1)) { \
			dtype_widen_##SUFFIX(dtype, in, count, out); \
			return; \
		} \
		for (int64_t done = 0; done < count; done += BLOCK) { \
			unsigned char side_by_side[BLOCK * sizeof(uint64_t)]; \
			int64_t part = count - done < BLOCK ? count - done : BLOCK; \
			collect(size, in + done * step * (int64_t)size, step, part, byte_swapped, side_by_side); \
			dtype_widen_##SUFFIX(dtype, side_by_side, part, out + done); \
		} \
	}
DEFINE_GATHER(f32, float)
DEFINE_GATHER(f64, double)

/* The exponent, which is all ones in NaN and infinity, grows with the magnitude. */
#define DEFINE_FIND_BEYOND(SUFFIX, FLOAT, BITS, EXPONENT) \
	int64_t dtype_find_beyond_##SUFFIX(const FLOAT *value, int64_t count, FLOAT limit) \
	{ \
		BITS least, found = 0; \
		memcpy(&least, &limit, sizeof least); \
		for (int64_t i = 0; i < count; i++) { \
			BITS bits; \
			memcpy(&bits, &value[i], sizeof bits); \
			found |= (bits & (EXPONENT)) >= least; \
		} \
		if (!found) \
			return -1; \
		int64_t place = 0; \
		for (BITS bits; memcpy(&bits, &value[place], sizeof bits), (bits & (EXPONENT)) < least;) \
			place++; \
		return place; \
	}
DEFINE_FIND_BEYOND(f32, float, uint32_t, UINT32_C(0x7f800000))
DEFINE_FIND_BEYOND(f64, double, uint64_t, UINT64_C(0x7ff0000000000000))
