/*
 * The inner loops, once for each instruction set, as a struct of pointers *and* the tile size that goes with them.
 *
 * A tile holds KEY_BLOCK keys of `lanes` queries: tile[key * lanes + lane]. Lanes are queries, so that every statistic of a row is a vertical operation: no
 * horizontal sums, no -ffast-math, and the same bits whatever the number of threads or the order of the work.
 *
 * The plain C table is filled first; each instruction set that the processor *and* the operating system offer overwrites it.
 */
#ifndef ATTNVIZ_KERNEL_KERNELS_H
#define ATTNVIZ_KERNEL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys a tile: the unit in which float32 sums are flushed to float64. It is one number for all instruction sets. */
enum { KEY_BLOCK = 128 };

/* Keys of a packed panel: packed keys lie as [panel][dim][KEY_PANEL]; queries as [dim][lanes]. */
enum { KEY_PANEL = 8, MAX_LANES = 64 };

/* Running state of softmax pass 1 for the lanes of one tile; base-2 logits. Everything that is a sum over keys is float64. */
struct softmax_state {
	float max[MAX_LANES];     /* largest base-2 logit so far, -inf before the first visible key */
	double sum[MAX_LANES];    /* sum 2^(s - max) */
	double first[MAX_LANES];  /* sum 2^(s - max) (s - max) */
	double second[MAX_LANES]; /* sum 2^(2 (s - max)) */
	float min[MAX_LANES];     /* smallest visible base-2 logit, kept where asked for */
};

struct kernels {
	const char *name; /* "avx512", "avx2", "sse2", "neon", "c" */
	int lanes;        /* queries a tile: a multiple of the vector, at most MAX_LANES */

	/* tile[key][lane] = offset[lane] + sum_d queries[d][lane] * keys[d][key], accumulated in this order; `count` keys (any, up to KEY_BLOCK; packed panels are zero
	 * padded). */
	void (*dot_tile)(const float *queries, const float *keys, int64_t dim, int64_t count, const float *offset, float *tile);

	/* Pass 1: fold `count` keys whose base-2 logits *less the running maximum* (0 while that is -inf) are in the tile into the state; -inf is "not visible". The tile then holds
	 * 2^(s - state->max). `rescale`, where not NULL, receives 2^(old max - new max) for each lane: what earlier sums (O = P V) must be multiplied by. */
	void (*softmax_block)(float *tile, int64_t count, struct softmax_state *state, bool want_min, float *rescale);

	/* Pass 2: tile = 2^tile in place, where the tile holds base-2 logits less the log-sum-exp; -inf gives exactly 0. Relative error below 8e-7. */
	void (*exp2_block)(float *tile, int64_t count);

	/* tile = offset + cap * tanh(tile / cap), all in base-2 units. */
	void (*soft_cap)(float *tile, int64_t count, float cap, const float *offset);

	/* out[lane] += sum over keys. The building block of pooled pictures, sink mass and bands. */
	void (*sum_keys)(const float *tile, int64_t count, float *out);

	/* out[lane] = max(out[lane], max over keys). */
	void (*max_keys)(const float *tile, int64_t count, float *out);

	/* out[lane] += sum over keys tile[key][lane] * |position(key) - position(lane)|, positions as floats relative to a common origin. */
	void (*distance_keys)(const float *tile, int64_t count, float first_key, const float *lane_position, float *out);

	/* out[key] += sum over lanes: the mass that each key of the tile receives. */
	void (*sum_lanes)(const float *tile, int64_t count, double *out);

	/* number[lane] += keys with value >= threshold[lane]; mass[lane] += their sum. */
	void (*count_above)(const float *tile, int64_t count, const float *threshold, float *number, float *mass);

	/* rows[lane * row_stride + key] = tile[key * lanes + lane]: for consumers that walk rows. */
	void (*transpose)(const float *tile, int64_t count, float *rows, int64_t row_stride);

	/* out[lane][c] += sum over keys tile[key][lane] * values[key][c], c < width: O = P V. values row-major with `value_stride`; out row-major with out_stride. */
	void (*accumulate_values)(const float *tile, int64_t count, const float *values, int64_t value_stride, int64_t width, float *out, int64_t out_stride);
};

/* The best table for this machine. `limit` names the widest set allowed ("avx2", "sse2", "c", ...), NULL for no limit; NULL is returned for a name that
 * is not known, or not available here. */
const struct kernels *kernels_select(const char *limit);

/* Every table that this machine can run, widest first, NULL-terminated: for tests and benchmarks. */
const struct kernels *const *kernels_available(void);

/* Pack `count` keys (row-major, `dim` floats each, `stride` apart) into panels; the last panel is padded with zeros. `packed` holds
 * ceil(count / KEY_PANEL) * KEY_PANEL * dim floats. */
void kernels_pack_keys(const float *keys, int64_t stride, int64_t count, int64_t dim, float *packed);

/* Pack up to `lanes` queries times `factor` into [dim][lanes]; missing lanes are zero. */
void kernels_pack_queries(const float *queries, int64_t stride, int64_t count, int64_t dim, int lanes, float factor, float *packed);

#endif
