/* SPDX-License-Identifier: MIT */
/*
 * The inner loops, once for each instruction set, as a struct of pointers *and* the tile size that goes with them.
 *
 * A tile holds KEY_BLOCK keys of `lanes` queries: tile[key * lanes + lane]. Lanes are queries, so that every statistic
 * of a row is a vertical operation: no horizontal sums, no -ffast-math, and the same bits whatever the number of threads
 * or the order of the work. Tiles, packed operands and offsets are aligned to 64 bytes.
 *
 * The plain C table is filled first; each instruction set that the processor *and* the operating system offer overwrites
 * it. All tables are instances of one template (tile_template.h).
 */
#ifndef ATTNVIZ_KERNEL_KERNELS_H
#define ATTNVIZ_KERNEL_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys per tile: the unit in which float32 sums are flushed to float64. It is one number for all instruction sets. */
enum { KEY_BLOCK = 128 };

/* Keys of a packed panel: packed keys lie as [panel][dim][KEY_PANEL]; queries as [dim][lanes]. */
enum { KEY_PANEL = 8, MAX_LANES = 64 };

/* Keys that sort_keys has room for at least. */
enum { SORT_ROOM = 16 };

/* Running state of pass 1 for the lanes of one tile: base-2 logits s, taken relative to a base that is the maximum of
 * the first block and follows the running maximum only when that is SOFTMAX_HEADROOM above it, so that sums are rarely
 * rescaled and never overflow. Everything that is a sum over keys is float64. Weights that are not a softmax use the
 * same sums with w in place of 2^(s - base), base 0, and no minimum. */
struct softmax_state {
	float base[MAX_LANES];    /* 0 before the first visible key */
	float above[MAX_LANES];   /* largest s - base so far, -inf before the first visible key: the maximum is base + above */
	float min[MAX_LANES];     /* smallest visible s (inf before the first), kept where asked for */
	double sum[MAX_LANES];    /* sum 2^(s - base) */
	double first[MAX_LANES];  /* sum 2^(s - base) (s - base); sum w log2 w over w > 0 */
	double second[MAX_LANES]; /* sum 2^(2 (s - base)) */
};

#define SOFTMAX_HEADROOM 8.0f

void softmax_state_init(struct softmax_state *state);

/*
 * The exponentials of one tile, and in pass 1 their sums, which may be taken while the next tile is multiplied: products
 * keep two ports of a processor busy, and most of an exponential runs on the others. The sums of a lane are taken in the
 * order of the keys, so that the bits do not depend on what is taken when.
 */
enum fold_flags {
	FOLD_SUMS = 1, /* pass 1: sum, first and second */
	FOLD_KEEP = 2, /* the exponentials are left in the tile; without it the tile's contents are undefined afterwards */
	FOLD_ONLY_SUM = 4, /* with both: `first` and `second` stay 0. Set by whoever wants it, after softmax_open. */
};

/* Keys that are taken together, of one vector of lanes. */
enum { FOLD_KEYS = 4 };

struct fold {
	_Alignas(64) float shift[MAX_LANES]; /* without sums: exponentials are those of tile - shift */
	float sum[MAX_LANES], first[MAX_LANES], second[MAX_LANES]; /* of this tile, as in softmax_state */
	float fall[MAX_LANES], factor[MAX_LANES]; /* old base - new base, and two to its power */
	float *next, *end;                        /* the keys that are next, up to the last that are FOLD_KEYS together */
	int64_t lane;                             /* the lane of theirs that is next */
	int64_t rest;                             /* keys after the end */
	unsigned flags;
};

/* Pass 2: to leave 2^(tile - shift) of `count` keys in the tile; shift stays as it is. */
void fold_start(struct fold *fold, float *tile, int64_t count, int lanes);

/* What dot_tile does on the way. */
struct weave {
	_Alignas(64) float max[MAX_LANES]; /* largest entry of each lane of the tile, where has_max */
	bool has_max;      /* set by dot_tile; whoever changes the tile afterwards clears it */
	struct fold *fold; /* as much of it is taken as goes in between; NULL: none */
};

/* Values of a histogram: float32 bit patterns cut to HISTOGRAM_BITS mantissa bits, from 2^-HISTOGRAM_OCTAVES up to and
 * including 1. Bin 0 also takes what is smaller (zeros above all), the last bin what is larger. */
enum {
	HISTOGRAM_BITS = 6,
	HISTOGRAM_OCTAVES = 40,
	HISTOGRAM_BINS = (HISTOGRAM_OCTAVES << HISTOGRAM_BITS) + 1,
};

/* Lanes of one tile that are added to lanes of another one: elements of vectors, several of a vector at once. */
enum { MAX_VECTOR = 16 };

struct lane_move {
	_Alignas(64) int32_t pick[MAX_VECTOR]; /* the element that is added to this one; -1: none */
	float factor[MAX_VECTOR];
	int from, to;                          /* the first lanes of the vectors */
};

struct lane_moves {
	struct lane_move move[MAX_LANES];
	int count;
};

/* Of scale_sums. */
enum sums_flags {
	SUMS_LOG = 1,  /* sum w log2 w is wanted */
	SUMS_KEEP = 2, /* the scaled weights are left in the tile */
};

struct kernels {
	const char *name; /* "avx512_bf16", "avx512", "avx2", "sse2", "neon", "c" */
	int lanes;        /* queries per tile: divides 48, a multiple of the vector, at most MAX_LANES */

	/* tile[key][lane] = sum_d queries[d][lane] * keys[d][key] + offset[lane]; `count` keys (1 .. KEY_BLOCK; packed
	 * panels are zero padded). The sum is rounded before the offset is added: a logit is then the same number in
	 * every pass, and rounding errors of large logits cancel in e^(s - lse). Rows of the tile up to the next
	 * multiple of KEY_PANEL may be written. weave may be NULL. */
	void (*dot_tile)(const float *queries, const float *keys, int64_t dim, int64_t count, const float *offset, float *tile, struct weave *weave);

	/* The same for bfloat16 operands: products are exact, sums are float32 with the rounding of the dot instruction
	 * (denormal operands and results are zero); tile = offset + factor * sum. queries lie as [pair][lanes][2], keys
	 * as [panel][pair][KEY_PANEL][2] with pairs of dims (an odd last one is followed by a zero). NULL where there is
	 * no such instruction. */
	void (*dot_tile_bf16)(const uint16_t *queries, const uint16_t *keys, int64_t pairs, int64_t count, float factor, const float *offset, float *tile,
			      struct weave *weave);

	/* Pass 1, for `count` keys whose base-2 logits less state->base are in the tile; -inf is "not visible". Opening looks
	 * at the largest (`max` [lanes], or NULL: they are searched), moves the bases (and the tile with them) and state->above (and state->min, with
	 * `min`), and starts a fold with sums; `keep` leaves 2^(s - base) in the tile. It returns whether the base of some lane
	 * moved: fold->factor then says by what earlier sums (O = P V) must be multiplied. Closing, once the fold is complete,
	 * adds its sums to the state. */
	bool (*softmax_open)(float *tile, int64_t count, const float *max, struct softmax_state *state, bool min, bool keep, struct fold *fold);
	void (*softmax_close)(const struct fold *fold, struct softmax_state *state);

	/* Take what is left of a fold. */
	void (*fold_rest)(struct fold *fold);

	/* Pass 2: tile = 2^(tile - shift[lane]) in place; -inf and all below 2^-127 give exactly 0. Relative error below
	 * 3e-7 for results from 2^-126 up. */
	void (*exp2_block)(float *tile, int64_t count, const float *shift);

	/* Pass 1 of weights that are not a softmax: fold them into the state. log2 has an absolute error below 4e-7. */
	void (*weights_block)(const float *tile, int64_t count, struct softmax_state *state);

	/* tile[key][lane] *= factor[lane]; a lane whose factor is 0 becomes 0 whatever it held. */
	void (*scale_block)(float *tile, int64_t count, const float *factor);

	/* Both at once, for what a filter has made: scale, then the sums of weights_block. Without SUMS_LOG state->first is left alone; without SUMS_KEEP
	 * the tile is. log2 has an absolute error below 1e-7. */
	void (*scale_sums)(float *tile, int64_t count, const float *factor, unsigned flags, struct softmax_state *state);

	/* Lanes that join others: to[key][to_lane[lane]] += from[key][lane] * factor[lane] for first <= lane < last, lane after lane. A plan holds for any number of
	 * tiles; to_lane does not descend. */
	void (*plan_moves)(const int *to_lane, const float *factor, int first, int last, struct lane_moves *moves);
	void (*move_lanes)(const float *from, int64_t count, const struct lane_moves *moves, float *to);

	/* move_lanes of `joined` keys, then scale_sums of `count` >= joined, with the same bits; what is in `to` afterwards is undefined without SUMS_KEEP. */
	void (*move_sums)(const float *from, int64_t joined, const struct lane_moves *moves, float *to, int64_t count, const float *factor, unsigned flags,
			  struct softmax_state *state);

	/* tile = offset + cap * tanh(tile / cap): tile holds base-2 logits, cap is in base-2 units. Absolute error below
	 * 4e-7 * cap. */
	void (*soft_cap)(float *tile, int64_t count, float cap, const float *offset);

	/* out[lane] += sum over keys. The building block of pooled pictures, sink mass and bands. */
	void (*sum_keys)(const float *tile, int64_t count, float *out);

	/* out[lane] = max(out[lane], max over keys). */
	void (*max_keys)(const float *tile, int64_t count, float *out);

	/* out[lane] += sum over keys tile[key][lane] * |first_key + key - lane_position[lane]|, positions relative to a
	 * common origin. */
	void (*distance_keys)(const float *tile, int64_t count, float first_key, const float *lane_position, float *out);

	/* out[key] += sum over lanes: the mass that each key of the tile receives. */
	void (*sum_lanes)(const float *tile, int64_t count, double *out);

	/* number[lane] += keys with value >= threshold[lane]; mass[lane] += their sum. */
	void (*count_above)(const float *tile, int64_t count, const float *threshold, float *number, float *mass);

	/* Keys into groups: out[group[key]][lane] = sum over the keys of the group, for groups >= 0, which do not descend. Their order is kept: sums have the bits
	 * of adding one key after the other. */
	void (*group_keys)(const float *tile, int64_t count, const int64_t *group, float *out);

	/* bins[lane * HISTOGRAM_BINS + bin(value)]++ for every value of the tile, zeros included. */
	void (*histogram)(const float *tile, int64_t count, uint32_t *bins);

	/* Sort the keys of every lane, largest first; values are not negative. What lies behind them, up to a power of two
	 * of at least SORT_ROOM keys, is overwritten. For rows of a few thousand keys: a bitonic network, count (log2
	 * count)^2 / 4 vertical comparisons. */
	void (*sort_keys)(float *columns, int64_t count);

	/* sum[lane] += sum over keys, moment[lane] += sum over keys (first + key) columns[key][lane], in double, key
	 * after key. */
	void (*rank_sums)(const float *columns, int64_t count, int64_t first, double *sum, double *moment);

	/* rows[lane * row_stride + key] = tile[key * lanes + lane]: for consumers that walk rows. */
	void (*transpose)(const float *tile, int64_t count, float *rows, int64_t row_stride);

	/* out[c][lane] = out[c][lane] * rescale[lane] + sum over keys tile[key][lane] * values[c][key], c < width: O = P
	 * V. rescale may be NULL (1). `values` is one block of packed values (kernels_pack_values) of `packed` >= count
	 * keys; out has width rounded up to KEY_PANEL rows of `lanes`. */
	void (*accumulate_values)(const float *tile, int64_t count, const float *values, int64_t packed, int64_t width, const float *rescale, double *out);
};

/* The best table for this machine. `limit` names the widest set allowed ("avx2", "sse2", "c", ...), NULL for no limit;
 * NULL is returned for a name that is not known, or not available here. */
const struct kernels *kernels_select(const char *limit);

/* Every table that this machine can run, and every table that was compiled, widest first. Return how many. */
enum { KERNELS_MAX = 8 };
int kernels_available(const struct kernels *table[KERNELS_MAX]);
int kernels_built(const struct kernels *table[KERNELS_MAX]);

/* The first bin's lower edge is 2^-HISTOGRAM_OCTAVES; bin b holds values in [edge(b), edge(b + 1)). */
int histogram_bin(float value);
float histogram_edge(int bin);

/* Pack `count` keys (row-major, `dim` floats each, `stride` apart) into panels; the last panel is padded with zeros.
 * `packed` holds ceil(count / KEY_PANEL) * KEY_PANEL * dim floats. */
void kernels_pack_keys(const float *keys, int64_t stride, int64_t count, int64_t dim, float *packed);

/* Pack up to `lanes` queries times `factor` into [dim][lanes]; missing lanes are zero. */
void kernels_pack_queries(const float *queries, int64_t stride, int64_t count, int64_t dim, int lanes, float factor, float *packed);

/* Pack the values of `count` <= KEY_BLOCK keys (row-major, `width` floats each) as [panel of KEY_PANEL
 * columns][count][KEY_PANEL], padded with zero columns: ceil(width / KEY_PANEL) * KEY_PANEL * count floats. */
void kernels_pack_values(const float *values, int64_t stride, int64_t count, int64_t width, float *packed);

/* The operands of dot_tile_bf16, from floats that are bfloat16 numbers (their low halves are dropped). With pairs =
 * ceil(dim / 2), `packed` holds ceil(count / KEY_PANEL) * KEY_PANEL * pairs * 2 numbers for keys, lanes * pairs * 2 for
 * queries. */
void kernels_pack_keys_bf16(const float *keys, int64_t stride, int64_t count, int64_t dim, uint16_t *packed);
void kernels_pack_queries_bf16(const float *queries, int64_t stride, int64_t count, int64_t dim, int lanes, uint16_t *packed);

/* Merge two partial results of one row, each already normalised: lse = ln(e^lse_a + e^lse_b), o =
 * o_a + sigmoid(lse_b - lse_a)(o_b - o_a). lse = -inf contributes nothing. The result is left in *lse and output[width]. */
void softmax_merge(double *lse, double *output, double other_lse, const double *other_output, int64_t width);

#endif
