/*
 * The kernels, once for all instruction sets. The including file defines
 *
 *     VECTOR          floats a vector; types vf (floats), vi (int32) and vu (uint32), and vf_memory, vi_memory, which may alias and need no alignment
 *     ROW_VECTORS     vectors of queries in the register tile
 *     ROW_KEYS        keys in the register tile: divides KEY_PANEL
 *     LANES           queries a tile: a multiple of VECTOR * ROW_VECTORS
 *     SUMS            sums of each pair of key and query in it: 1, or 2 that take the dimensions in turn
 *     FOLD_STEP       dimensions that are multiplied between two units of a fold; 0: folds are not woven in, since the registers are all taken
 *     V_PIN           keep a value in a register from here on, where the compiler does better so
 *     EXP2_BITS, EXP2_TABLE, EXP2_COEFFICIENTS   where there is a permutation to look up powers with (math_template.h)
 *     v_fma v_max v_min v_mask   a * b + c, maximum, minimum, comparison -> all ones or zero
 *     v_clamp         maximum with EXP2_LOWEST
 *     v_any           is any lane of a mask set?
 *     v_larger v_smaller   of two values that are not negative
 *     V_FLOAT_OF_INT  conversion
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

/* The register tile: sums of products of ROW_KEYS keys and ROW_VECTORS vectors of queries, SUMS of each, which take the dimensions in turn. */
/* `depth`, a constant, is a multiple of SUMS, or 1. */
static inline __attribute__((always_inline)) void multiply(const float *rows, const float *panel, int depth, vf sum[SUMS][ROW_KEYS][ROW_VECTORS])
{
	UNROLL for (int d = 0; d < depth; d++) {
		vf row[ROW_VECTORS];
		UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
			row[v] = v_load(rows + d * LANES + v * VECTOR);
			V_PIN(row[v]);
		}
		UNROLL for (int k = 0; k < ROW_KEYS; k++) {
			vf key = v_set(panel[d * KEY_PANEL + k]);
			V_PIN(key);
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sum[d % SUMS][k][v] = v_fma(row[v], key, sum[d % SUMS][k][v]);
		}
		UNROLL for (int k = 0; k < ROW_KEYS; k++)
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				V_PIN(sum[d % SUMS][k][v]);
	}
}

/* What is woven into products: constants of each instance of dot_keys. */
struct woven {
	bool fold, sums, keep;
};

/* Products of a run are summed in registers, and the runs in the tile: sums of 32 products round less than longer ones. */
enum { DOT_RUN = 32 * SUMS, DOT_STEP = 16 };

static inline __attribute__((always_inline)) void multiply_run(const float *rows, const float *panel, int64_t depth, struct woven woven, struct fold *fold,
							       vf sum[ROW_KEYS][ROW_VECTORS])
{
	vf sums[SUMS][ROW_KEYS][ROW_VECTORS];
	UNROLL for (int i = 0; i < SUMS; i++)
		UNROLL for (int k = 0; k < ROW_KEYS; k++)
			UNROLL for (int v = 0; v < ROW_VECTORS; v++)
				sums[i][k][v] = v_set(0.0f);
	int64_t d = 0;
	for (; woven.fold && d + FOLD_STEP <= depth && fold->next < fold->end; d += FOLD_STEP) {
		multiply(rows + d * LANES, panel + d * KEY_PANEL, FOLD_STEP, sums);
		fold_unit(fold, woven.sums, woven.keep);
	}
	for (; d + DOT_STEP <= depth; d += DOT_STEP)
		multiply(rows + d * LANES, panel + d * KEY_PANEL, DOT_STEP, sums);
	for (; d < depth; d++)
		multiply(rows + d * LANES, panel + d * KEY_PANEL, 1, sums);
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int v = 0; v < ROW_VECTORS; v++)
			sum[k][v] = SUMS == 2 ? sums[0][k][v] + sums[SUMS - 1][k][v] : sums[0][k][v];
}

static inline __attribute__((always_inline)) void add_run(vf sum[ROW_KEYS][ROW_VECTORS], float *to, bool first)
{
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
			float *at = to + k * LANES + v * VECTOR;
			v_store(at, first ? sum[k][v] : v_load(at) + sum[k][v]);
		}
}

/* The last run, the offset, and the largest of each lane. */
static inline __attribute__((always_inline)) void end_runs(vf sum[ROW_KEYS][ROW_VECTORS], float *to, bool first, const float *offset, float *max)
{
	UNROLL for (int v = 0; v < ROW_VECTORS; v++) {
		vf from = v_load(offset + v * VECTOR), largest = v_load(max + v * VECTOR);
		UNROLL for (int k = 0; k < ROW_KEYS; k++) {
			float *at = to + k * LANES + v * VECTOR;
			vf total = (first ? sum[k][v] : v_load(at) + sum[k][v]) + from;
			largest = v_max(total, largest);
			v_store(at, total);
		}
		v_store(max + v * VECTOR, largest);
	}
}

struct operands {
	const float *queries, *keys;
	int64_t dim, count;
	const float *offset;
};

static inline __attribute__((always_inline)) void dot_keys(const void *operands, float *tile, struct woven woven, struct fold *fold, float *max)
{
	const struct operands *of = operands;
	for (int64_t key = 0; key < of->count; key += ROW_KEYS) {
		const float *panel = of->keys + key / KEY_PANEL * KEY_PANEL * of->dim + key % KEY_PANEL;
		for (int lane = 0; lane < LANES; lane += ROW_VECTORS * VECTOR) {
			vf sum[ROW_KEYS][ROW_VECTORS];
			int64_t d = 0;
			for (; d + DOT_RUN < of->dim; d += DOT_RUN) {
				multiply_run(of->queries + d * LANES + lane, panel + d * KEY_PANEL, DOT_RUN, woven, fold, sum);
				add_run(sum, tile + key * LANES + lane, d == 0);
			}
			multiply_run(of->queries + d * LANES + lane, panel + d * KEY_PANEL, of->dim - d, woven, fold, sum);
			end_runs(sum, tile + key * LANES + lane, d == 0, of->offset + lane, max + lane);
		}
	}
}

/* An instance of `dot` for each thing that may be woven in. `maxima`: the tile holds no keys beyond those that count. */
typedef void dot_instance(const void *operands, float *tile, struct woven woven, struct fold *fold, float *max);

static inline __attribute__((always_inline)) void dot_woven(dot_instance *dot, const void *operands, float *tile, struct weave *weave, bool maxima)
{
	_Alignas(64) float unread[LANES];
	float *max = weave ? weave->max : unread;
	struct fold *fold = weave && FOLD_STEP > 0 ? weave->fold : NULL;
	for (int lane = 0; lane < LANES; lane++)
		max[lane] = -INFINITY;
	if (!fold)
		dot(operands, tile, (struct woven){ false, false, false }, NULL, max);
	else if (!(fold->flags & FOLD_SUMS))
		dot(operands, tile, (struct woven){ true, false, true }, fold, max);
	else if (fold->flags & FOLD_KEEP)
		dot(operands, tile, (struct woven){ true, true, true }, fold, max);
	else
		dot(operands, tile, (struct woven){ true, true, false }, fold, max);
	if (weave)
		weave->has_max = maxima;
}

static void dot_tile(const float *queries, const float *keys, int64_t dim, int64_t count, const float *offset, float *tile, struct weave *weave)
{
	const struct operands operands = { queries, keys, dim, count, offset };
	dot_woven(dot_keys, &operands, tile, weave, count % ROW_KEYS == 0);
}

/* Doubles a vector. */
enum { DOUBLES = VECTOR > 1 ? VECTOR / 2 : 1 };

typedef double vd_memory __attribute__((vector_size(sizeof(vd)), aligned(8), may_alias));

static void rescale_values(const float *rescale, int64_t width, double *out)
{
	for (int64_t column = 0; column < width; column++)
		for (int lane = 0; lane < LANES; lane += DOUBLES) {
			vd_memory *at = (vd_memory *)(out + column * LANES + lane);
			*at = *at * v_load_double(rescale + lane);
		}
}

/* `flat` holds the sums of ROW_KEYS columns. */
static inline void add_values(const float *flat, double *to)
{
	UNROLL for (int k = 0; k < ROW_KEYS; k++)
		UNROLL for (int i = 0; i < ROW_VECTORS * VECTOR; i += DOUBLES) {
			vd_memory *at = (vd_memory *)(to + k * LANES + i);
			*at = *at + v_load_double(flat + k * ROW_VECTORS * VECTOR + i);
		}
}

static void accumulate_values(const float *tile, int64_t count, const float *values, int64_t packed, int64_t width, const float *rescale, double *out)
{
	if (rescale)
		rescale_values(rescale, width, out);
	for (int64_t column = 0; column < width; column += ROW_KEYS) {
		const float *panel = values + column / KEY_PANEL * KEY_PANEL * packed + column % KEY_PANEL;
		for (int lane = 0; lane < LANES; lane += ROW_VECTORS * VECTOR) {
			vf sum[ROW_KEYS][ROW_VECTORS];
			_Alignas(64) float flat[ROW_KEYS * ROW_VECTORS * VECTOR];
			multiply_run(tile + lane, panel, count, (struct woven){ false, false, false }, NULL, sum);
			memcpy(flat, sum, sizeof(flat));
			add_values(flat, out + column * LANES + lane);
		}
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
		float sums[VECTOR], firsts[VECTOR], seconds[VECTOR];
		v_store(state->above + lane, max);
		v_store(sums, sum);
		v_store(firsts, first);
		v_store(seconds, second);
		for (int i = 0; i < VECTOR; i++) {
			state->sum[lane + i] += (double)sums[i];
			state->first[lane + i] += (double)firsts[i];
			state->second[lane + i] += (double)seconds[i];
		}
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
	.lanes = LANES, .dot_tile = dot_tile, .softmax_open = softmax_open, .softmax_close = softmax_close, .fold_rest = fold_rest, .exp2_block = exp2_block, .weights_block = weights_block, \
	.scale_block = scale_block, .soft_cap = soft_cap, .sum_keys = sum_keys, .max_keys = max_keys, .distance_keys = distance_keys, \
	.sum_lanes = sum_lanes, .count_above = count_above, .histogram = histogram, .transpose = transpose, .sort_keys = sort_keys, .rank_sums = rank_sums, \
	.accumulate_values = accumulate_values
