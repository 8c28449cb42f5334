/*
 * The kernels, once for all instruction sets. The including file defines
 *
 *     VECTOR          floats a vector; types vf (floats), vi (int32) and vu (uint32), and vf_memory, vi_memory, which may alias and need no alignment
 *     ROW_VECTORS     vectors of queries in the register tile
 *     ROW_KEYS        keys in the register tile: divides KEY_PANEL
 *     LANES           queries a tile: a multiple of VECTOR * ROW_VECTORS
 *     SIDE_BY_SIDE    exponentials in flight: as many as leave room for their constants
 *     v_fma v_max v_min v_mask   a * b + c, maximum, minimum, comparison -> all ones or zero
 *     v_clamp         maximum with EXP2_LOWEST
 *     v_any           is any lane of a mask set?
 *     v_larger v_smaller   of two values that are not negative
 *     V_FLOAT_OF_INT  conversion
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

/* p = 2^x for EXP2_LOWEST <= x <= 127: x = n + r with |r| <= 1/2, minimax polynomial of degree 5 for 2^r (relative error
 * 1.5e-7 with the constant term set to 1, so that 2^0 is 1), and n added to the exponent. At EXP2_LOWEST that leaves all
 * bits 0. Several at once go side by side, since each is one long chain. */
static inline __attribute__((always_inline)) void v_exp2_each(const vf *x, vf *p, int count)
{
	const float magic = 0x1.8p23f; /* adding it rounds to an integer and leaves n in the low bits */
	static const float coefficient[5] = { 9.6755413344e-3f, 5.5507132736e-2f, 2.4022119724e-1f, 6.9314696706e-1f, 1.0f };
	vf shifted[SIDE_BY_SIDE], r[SIDE_BY_SIDE];
	UNROLL for (int i = 0; i < count; i++) {
		shifted[i] = x[i] + magic;
		r[i] = x[i] - (shifted[i] - magic);
		p[i] = v_set(1.3276471979e-3f);
	}
	UNROLL for (int c = 0; c < 5; c++)
		UNROLL for (int i = 0; i < count; i++)
			p[i] = v_fma(p[i], r[i], v_set(coefficient[c]));
	UNROLL for (int i = 0; i < count; i++)
		p[i] = v_float((vi)((vu)v_bits(p[i]) + ((vu)v_bits(shifted[i]) << 23)));
}

static inline vf v_exp2(vf x)
{
	vf p;
	v_exp2_each(&x, &p, 1);
	return p;
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

/* The register tile: ROW_KEYS keys of ROW_VECTORS vectors of queries, over `depth` products. */
static inline __attribute__((always_inline)) void register_tile(const float *rows, const float *panel, int64_t depth, vf sum[ROW_KEYS][ROW_VECTORS])
{
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int v = 0; v < ROW_VECTORS; v++)
			sum[k][v] = v_set(0.0f);
	for (int64_t d = 0; d < depth; d++) {
		vf row[ROW_VECTORS];
		UNROLL for (int v = 0; v < ROW_VECTORS; v++)
			row[v] = v_load(rows + d * LANES + v * VECTOR);
		UNROLL for (int k = 0; k < ROW_KEYS; k++) {
			vf key = v_set(panel[d * KEY_PANEL + k]);
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sum[k][v] = v_fma(row[v], key, sum[k][v]);
		}
	}
}

/* Products of a run are summed in registers, and the runs in the tile: two short sums round less than a long one. */
enum { DOT_RUN = 32 };

static inline __attribute__((always_inline)) void add_run(vf sum[ROW_KEYS][ROW_VECTORS], float *to, bool first, const float *offset)
{
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
			float *at = to + k * LANES + v * VECTOR;
			vf total = first ? sum[k][v] : v_load(at) + sum[k][v];
			v_store(at, offset ? total + v_load(offset + v * VECTOR) : total);
		}
}

static void dot_tile(const float *queries, const float *keys, int64_t dim, int64_t count, const float *offset, float *tile)
{
	for (int64_t key = 0; key < count; key += ROW_KEYS) {
		const float *panel = keys + key / KEY_PANEL * KEY_PANEL * dim + key % KEY_PANEL;
		for (int lane = 0; lane < LANES; lane += ROW_VECTORS * VECTOR) {
			for (int64_t d = 0; d < dim; d += DOT_RUN) {
				vf sum[ROW_KEYS][ROW_VECTORS];
				register_tile(queries + d * LANES + lane, panel + d * KEY_PANEL, dim - d < DOT_RUN ? dim - d : DOT_RUN, sum);
				add_run(sum, tile + key * LANES + lane, d == 0, d + DOT_RUN < dim ? NULL : offset + lane);
			}
		}
	}
}

static void accumulate_values(const float *tile, int64_t count, const float *values, int64_t packed, int64_t width, const float *rescale, double *out)
{
	for (int64_t column = 0; column < width; column += ROW_KEYS) {
		const float *panel = values + column / KEY_PANEL * KEY_PANEL * packed + column % KEY_PANEL;
		for (int lane = 0; lane < LANES; lane += ROW_VECTORS * VECTOR) {
			vf sum[ROW_KEYS][ROW_VECTORS];
			register_tile(tile + lane, panel, count, sum);
			float flat[ROW_KEYS][ROW_VECTORS * VECTOR];
			memcpy(flat, sum, sizeof(flat));
			for (int k = 0; k < ROW_KEYS; k++) {
				double *to = out + (column + k) * LANES + lane;
				for (int i = 0; i < ROW_VECTORS * VECTOR; i++)
					to[i] = to[i] * (rescale ? (double)rescale[lane + i] : 1.0) + (double)flat[k][i];
			}
		}
	}
}

static inline vf column_max(const float *column, int64_t count)
{
	vf max[4] = { v_set(-INFINITY), v_set(-INFINITY), v_set(-INFINITY), v_set(-INFINITY) };
	int64_t key = 0;
	for (; key + 4 <= count; key += 4)
		UNROLL for (int i = 0; i < 4; i++)
			max[i] = v_max(v_load(column + (key + i) * LANES), max[i]);
	for (; key < count; key++)
		max[0] = v_max(v_load(column + key * LANES), max[0]);
	return v_max(v_max(max[0], max[1]), v_max(max[2], max[3]));
}

static vf column_min_visible(const float *column, int64_t count)
{
	vf least = v_set(INFINITY);
	for (int64_t key = 0; key < count; key++) {
		vf value = v_load(column + key * LANES);
		least = v_min(v_select(v_mask(value > -INFINITY), value, v_set(INFINITY)), least);
	}
	return least;
}

/* Sums of one block, float32. */
struct block_sums {
	float sum[LANES], first[LANES], second[LANES], fall[LANES], factor[LANES];
};

/* Even and odd keys are summed apart where they go side by side: a chain of dependent sums would be the slowest part. */
struct column_sums {
	vf sum[2], first[2], second[2];
};

static inline __attribute__((always_inline)) void add_keys(struct column_sums *sums, int count, float *at, vf shift, bool shifted, bool keep)
{
	vf x[SIDE_BY_SIDE], p[SIDE_BY_SIDE];
	UNROLL for (int i = 0; i < count; i++)
		x[i] = v_clamp(shifted ? v_load(at + i * LANES) - shift : v_load(at + i * LANES));
	v_exp2_each(x, p, count);
	UNROLL for (int i = 0; i < count; i++) {
		if (keep)
			v_store(at + i * LANES, p[i]);
		sums->sum[i % 2] = sums->sum[i % 2] + p[i];
		sums->first[i % 2] = v_fma(p[i], x[i], sums->first[i % 2]);
		sums->second[i % 2] = v_fma(p[i], p[i], sums->second[i % 2]);
	}
}

static inline __attribute__((always_inline)) void column_sums(float *column, int64_t count, vf shift, bool shifted, bool keep, struct block_sums *block,
							       int lane)
{
	vf zero = v_set(0.0f);
	struct column_sums sums = { { zero, zero }, { zero, zero }, { zero, zero } };
	int64_t key = 0;
	for (; key + SIDE_BY_SIDE <= count; key += SIDE_BY_SIDE)
		add_keys(&sums, SIDE_BY_SIDE, column + key * LANES, shift, shifted, keep);
	for (; key < count; key++)
		add_keys(&sums, 1, column + key * LANES, shift, shifted, keep);
	v_store(block->sum + lane, sums.sum[0] + sums.sum[1]);
	v_store(block->first + lane, sums.first[0] + sums.first[1]);
	v_store(block->second + lane, sums.second[0] + sums.second[1]);
}

/* Move the bases of a column's lanes where the block's maximum asks for it; `shift` is by how much. */
static bool move_bases(struct softmax_state *state, int lane, vf block_max, vf *shift, struct block_sums *block)
{
	vf base = v_load(state->base + lane), above = v_load(state->above + lane), none = v_set(-INFINITY), zero = v_set(0.0f);
	vi unseen = v_mask(above == none) & v_mask(block_max > none), move = unseen | v_mask(block_max > SOFTMAX_HEADROOM);
	above = v_max(block_max, above);
	bool moved = v_any(move);
	vf fall = zero, factor = v_set(1.0f);
	if (moved) {
		vf next = v_select(move, base + block_max, base);
		*shift = next - base;
		above = above - *shift;
		fall = v_select(unseen, zero, zero - *shift);
		factor = v_exp2(v_clamp(fall));
		v_store(state->base + lane, next);
	}
	v_store(state->above + lane, above);
	v_store(block->fall + lane, fall);
	v_store(block->factor + lane, factor);
	return moved;
}

static bool softmax_block(float *tile, int64_t count, struct softmax_state *state, unsigned flags, float *rescale)
{
	struct block_sums block;
	bool any_moved = false;
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		float *column = tile + lane;
		vf shift = v_set(0.0f), max = column_max(column, count);
		if (flags & SOFTMAX_MIN)
			v_store(state->min + lane, v_min(v_load(state->min + lane), column_min_visible(column, count) + v_load(state->base + lane)));
		bool moved = move_bases(state, lane, max, &shift, &block);
		if (moved && flags & SOFTMAX_TILE)
			column_sums(column, count, shift, true, true, &block, lane);
		else if (moved)
			column_sums(column, count, shift, true, false, &block, lane);
		else if (flags & SOFTMAX_TILE)
			column_sums(column, count, shift, false, true, &block, lane);
		else
			column_sums(column, count, shift, false, false, &block, lane);
		any_moved |= moved;
	}
	for (int lane = 0; lane < LANES; lane++) {
		double a = (double)block.factor[lane];
		state->first[lane] = a * (state->first[lane] + state->sum[lane] * (double)block.fall[lane]) + (double)block.first[lane];
		state->sum[lane] = a * state->sum[lane] + (double)block.sum[lane];
		state->second[lane] = a * a * state->second[lane] + (double)block.second[lane];
	}
	if (rescale && any_moved)
		memcpy(rescale, block.factor, sizeof(block.factor));
	return any_moved;
}

static inline __attribute__((always_inline)) void exp2_keys(float *at, int count, vf shift)
{
	vf x[SIDE_BY_SIDE], p[SIDE_BY_SIDE];
	UNROLL for (int i = 0; i < count; i++)
		x[i] = v_clamp(v_load(at + i * LANES) - shift);
	v_exp2_each(x, p, count);
	UNROLL for (int i = 0; i < count; i++)
		v_store(at + i * LANES, p[i]);
}

static void exp2_block(float *tile, int64_t count, const float *shift)
{
	for (int lane = 0; lane < LANES; lane += VECTOR) {
		vf less = v_load(shift + lane);
		int64_t key = 0;
		for (; key + SIDE_BY_SIDE <= count; key += SIDE_BY_SIDE)
			exp2_keys(tile + key * LANES + lane, SIDE_BY_SIDE, less);
		for (; key < count; key++)
			exp2_keys(tile + key * LANES + lane, 1, less);
	}
}

static void weights_block(const float *tile, int64_t count, struct softmax_state *state)
{
	struct block_sums block;
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
		v_store(block.sum + lane, sum);
		v_store(block.first + lane, first);
		v_store(block.second + lane, second);
	}
	for (int lane = 0; lane < LANES; lane++) {
		state->sum[lane] += (double)block.sum[lane];
		state->first[lane] += (double)block.first[lane];
		state->second[lane] += (double)block.second[lane];
	}
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
#include "kernel/sort_template.h"

#define TEMPLATE_FUNCTIONS                                                                                                        \
	.lanes = LANES, .dot_tile = dot_tile, .softmax_block = softmax_block, .exp2_block = exp2_block, .weights_block = weights_block, \
	.scale_block = scale_block, .soft_cap = soft_cap, .sum_keys = sum_keys, .max_keys = max_keys, .distance_keys = distance_keys, \
	.sum_lanes = sum_lanes, .count_above = count_above, .histogram = histogram, .transpose = transpose, .sort_keys = sort_keys, .rank_sums = rank_sums, \
	.accumulate_values = accumulate_values
