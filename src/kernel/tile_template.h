/* SPDX-License-Identifier: MIT */
/*
 * The kernels, once for all instruction sets. The including file defines
 *
 *     VECTOR          floats a vector; types vf (floats), vi (int32) and vu (uint32), and vf_memory, vi_memory, which may alias and need no alignment
 *     ROW_VECTORS     vectors of queries in the register tile
 *     ROW_KEYS        keys in the register tile: divides KEY_PANEL
 *     LANES           queries per tile: a multiple of VECTOR * ROW_VECTORS
 *     SUMS            sums of each pair of key and query in it: 1, or 2 that take the dimensions in turn
 *     FOLD_STEP       dimensions that are multiplied between two units of a fold; 0: folds are not woven in, since all registers are taken
 *     V_PIN           keep a value in a register from here on, where the compiler does better so
 *     EXP2_BITS, EXP2_TABLE, EXP2_COEFFICIENTS   where there is a permutation to look up powers with (math_template.h)
 *     v_fma v_max v_min v_mask   a * b + c, maximum, minimum, comparison -> all ones or zero
 *     v_clamp         maximum with EXP2_LOWEST
 *     v_any           is any lane of a mask set?
 *     v_larger v_smaller   of two values that are not negative
 *     V_FLOAT_OF_INT  conversion
 *     V_PICK          element e is number from[e] of a vector, or 0 where from[e] is negative; not defined: one element after the other
 *     V_SHUFFLE       element e is number from(e) of those of two vectors, one behind the other
 *     v_load_double   half a vector (the whole, where VECTOR is 1) of floats, as vd (doubles)
 *
 * and names the functions of this file in a struct kernels. Everything else is C with vectors (GCC and clang), so that the sets cannot drift apart.
 */
#include <math.h>
#include <string.h>

#define UNROLL _Pragma("GCC unroll 16")

enum { COLUMNS = LANES / VECTOR };

static inline vi v_bits(vf a)
{
	vi bits;
	memcpy(&bits, &a, sizeof(bits));
	return bits;
}

static inline vf v_float(vi bits)
{
	vf a;
	memcpy(&a, &bits, sizeof(a));
	return a;
}

static inline vf v_load(const float *from)
{
	return *(const vf_memory *)from;
}

static inline void v_store(float *to, vf a)
{
	*(vf_memory *)to = a;
}

static inline vf v_set(float a)
{
	return a - (vf){ 0 };
}

static inline vf v_select(vi mask, vf yes, vf no)
{
	return v_float((v_bits(yes) & mask) | (v_bits(no) & ~mask));
}

static inline vf v_abs(vf a)
{
	return v_float(v_bits(a) & 0x7fffffff);
}

#include "kernel/math_template.h"
#include "kernel/fold_template.h"
#include "kernel/dot_template.h"

static inline void flush_sums(struct softmax_state *state, int lane, vf sum, vf first, vf second)
{
	float sums[VECTOR], firsts[VECTOR], seconds[VECTOR];
	v_store(sums, sum);
	v_store(firsts, first);
	v_store(seconds, second);
	for (int i = 0; i < VECTOR; i++) {
		state->sum[lane + i] += (double)sums[i];
		state->first[lane + i] += (double)firsts[i];
		state->second[lane + i] += (double)seconds[i];
	}
}

static void weights_block(const float *tile, int64_t count, struct softmax_state *state)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf max = v_load(state->above + lane);
		vf sum = v_set(0.0f), first = sum, second = sum;
		for (int64_t key = 0; key < count; key++) {
			vf w = v_load(tile + key * LANES + lane);
			max = v_max(w, max);
			sum = sum + w;
			second = v_fma(w, w, second);
			/* Below the normal range w ln w is lost in any sum. */
			first = v_fma(w, v_log2(v_max(w, v_set(0x1p-126f))), first);
		}
		v_store(state->above + lane, max);
		flush_sums(state, lane, sum, first, second);
	}
}

struct weight_sums {
	vf max, sum, first, second;
};

/* One weight of each lane of a vector, scaled; `log` is a constant. */
static inline __attribute__((always_inline)) vf add_weight(struct weight_sums *sums, vf weight, vf by, vi dead, bool log)
{
	vf w = v_select(dead, v_set(0.0f), weight * by);
	sums->max = v_max(w, sums->max);
	sums->sum = sums->sum + w;
	sums->second = v_fma(w, w, sums->second);
	if (log)
		sums->first = v_fma(w, v_log2_quick(v_max(w, v_set(0x1p-126f))), sums->first);
	return w;
}

/* `log` and `keep` are constants. */
static inline __attribute__((always_inline)) void add_key(struct weight_sums *sums, float *at, vf by, vi dead, bool log, bool keep)
{
	vf w = add_weight(sums, v_load(at), by, dead, log);
	if (keep)
		v_store(at, w);
}

/* Sums of even and odd keys. */
static inline void flush_pair(struct softmax_state *state, int lane, const struct weight_sums *even, const struct weight_sums *odd)
{
	v_store(state->above + lane, v_max(even->max, odd->max));
	flush_sums(state, lane, even->sum + odd->sum, even->first + odd->first, even->second + odd->second);
}

/* Two keys at a time, since each addition waits for the one before. */
static inline __attribute__((always_inline)) void scale_keys(float *tile, int64_t count, const float *factor, struct softmax_state *state, bool log, bool keep)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf by = v_load(factor + lane), zero = v_set(0.0f), max = v_load(state->above + lane);
		vi dead = v_mask(by == zero);
		struct weight_sums even = { max, zero, zero, zero }, odd = even;
		int64_t key = 0;
		for (; key + 2 <= count; key += 2) {
			add_key(&even, tile + key * LANES + lane, by, dead, log, keep);
			add_key(&odd, tile + (key + 1) * LANES + lane, by, dead, log, keep);
		}
		if (key < count)
			add_key(&even, tile + key * LANES + lane, by, dead, log, keep);
		flush_pair(state, lane, &even, &odd);
	}
}

static void scale_sums(float *tile, int64_t count, const float *factor, unsigned flags, struct softmax_state *state)
{
	if (flags & SUMS_LOG && flags & SUMS_KEEP)
		scale_keys(tile, count, factor, state, true, true);
	else if (flags & SUMS_LOG)
		scale_keys(tile, count, factor, state, true, false);
	else if (flags & SUMS_KEEP)
		scale_keys(tile, count, factor, state, false, true);
	else
		scale_keys(tile, count, factor, state, false, false);
}

static void scale_block(float *tile, int64_t count, const float *factor)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf by = v_load(factor + lane), zero = v_set(0.0f);
		vi dead = v_mask(by == zero);
		for (int64_t key = 0; key < count; key++) {
			float *at = tile + key * LANES + lane;
			v_store(at, v_select(dead, zero, v_load(at) * by));
		}
	}
}

static void soft_cap(float *tile, int64_t count, float cap, const float *offset)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf start = v_load(offset + lane);
		for (int64_t key = 0; key < count; key++) {
			float *at = tile + key * LANES + lane;
			v_store(at, v_fma(v_tanh(v_load(at) / cap), v_set(cap), start));
		}
	}
}

#include "kernel/reduce_template.h"
#include "kernel/move_template.h"
#include "kernel/sort_template.h"

#define TEMPLATE_FUNCTIONS                                                                                                        \
	.lanes = LANES, .dot_tile = dot_tile, .softmax_open = softmax_open, .softmax_close = softmax_close, .fold_rest = fold_rest,     \
	.exp2_block = exp2_block, .weights_block = weights_block, .scale_block = scale_block, .scale_sums = scale_sums, .soft_cap = soft_cap,                      \
	.sum_keys = sum_keys, .max_keys = max_keys, .distance_keys = distance_keys, .sum_lanes = sum_lanes, .count_above = count_above, \
	.group_keys = group_keys, .plan_moves = plan_moves, .move_lanes = move_lanes, .move_sums = move_sums, .histogram = histogram, .transpose = transpose, .sort_keys = sort_keys, .rank_sums = rank_sums,       \
	.accumulate_values = accumulate_values
