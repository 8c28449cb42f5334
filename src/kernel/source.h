/* SPDX-License-Identifier: MIT */
/*
 * A source is what is attended: it fills tiles of scores, and says how they become weights.
 *
 * A source holds `maps` attention matrices of `queries` x `keys`, numbered layer-major: map = (layer * batches + batch) * heads + head. The driver asks
 * for one tile at a time; the source knows its masks, biases and positions, and nobody else does.
 *
 * Scores
 *   NORM_SOFTMAX   base-2 logits, log2(e) * s (fold the factor into the scale); -inf where the key is not visible. p = 2^(score - lse2)
 *   NORM_ROW_SUM   unnormalised weights w; p = w / (sum of the row + row_epsilon)
 *   NORM_NONE      the weights themselves
 *
 * `score64` is the definition, in double and natural units, one row at a time; `fill` is the fast twin and may be NULL (the driver then converts
 * score64). Tests hold one against the other.
 */
#ifndef ATTNVIZ_KERNEL_SOURCE_H
#define ATTNVIZ_KERNEL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/kernels.h"
#include "tensor/tensor.h"

enum normalisation { NORM_SOFTMAX, NORM_ROW_SUM, NORM_NONE };

/* What a tile holds: nothing visible, something, everything. */
enum coverage { TILE_EMPTY, TILE_PARTIAL, TILE_FULL };

/* The queries of one tile: up to `lanes` of them, ascending. Usually consecutive; a sample of rows is not. */
struct row_group {
	int64_t map;
	int count;                /* 1 .. kernels->lanes */
	const int64_t *row;       /* [count] query index */
};

/* Cells of a picture: queries [row_edge[r], row_edge[r + 1]) and keys [key_edge[c], key_edge[c + 1]), edges ascending. */
struct cell_grid {
	const int64_t *row_edge, *key_edge; /* [height + 1], [width + 1] */
	int64_t height, width;
	int threads;                        /* 0: all that there are */
};

/* What a source is asked to fill: the scores of keys [key, key + count) for the rows of a group. */
struct fill {
	const struct kernels *kernels;
	const struct row_group *rows;
	const void *prepared;     /* of the map */
	const void *loaded;       /* of the row group */
	int64_t key, count;       /* count <= KEY_BLOCK, key a multiple of KEY_BLOCK */
	bool partial;             /* false where coverage said FULL */
	const float *offset;      /* [lanes], all zero unless NORM_SOFTMAX */
	float *tile;              /* [count][lanes]: score + offset[lane]. Lanes beyond rows->count may hold anything finite. */
	struct weave *weave;      /* for the dot_tile that makes the tile, or nobody; NULL: nothing to weave in */
};

/* For whoever changes the tile after dot_tile: what that noted of it no longer holds. */
void fill_changed(const struct fill *fill);

struct source;
struct filter_ops;

struct source_ops {
	const char *name; /* "softmax", "weights", ... as --attention takes it */

	/* Of the queries first .. last (inclusive) and keys begin .. end - 1. May say PARTIAL when unsure, never the
	 * other two. NULL: always FULL. */
	enum coverage (*coverage)(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end);

	/* Keys that a query may see (n_i): what statistics count as support. NULL: all keys. */
	int64_t (*support)(const struct source *source, int64_t map, int64_t row);

	/* Can this query see this key? Agrees with coverage and support. NULL: yes. */
	bool (*visible)(const struct source *source, int64_t map, int64_t row, int64_t key);

	/* The first key that a query sees and one past the last, or false where it sees none; agrees with visible. NULL: found through
	 * coverage and visible, which costs a question a key where the files of a mask answer. */
	bool (*span)(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end);

	/* State prepared once per map and shared by all its rows (packed keys). Maps that answer the same `prepared_id`
	 * share it (GQA). prepare is called for disjoint key ranges that begin at multiples of KEY_BLOCK, perhaps at
	 * once on several threads. All three may be NULL. */
	int64_t (*prepared_id)(const struct source *source, int64_t map);
	size_t (*prepared_size)(const struct source *source, const struct kernels *kernels);
	enum err (*prepare)(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared, struct err_info *info);
	/* Bytes of one key, where the state of keys [a, b) is bytes [a * n, b * n) of the whole (up to the next panel)
	 * and fill looks at no others than those of its keys: it can then be held, and sent to other ranks, in parts.
	 * NULL: only as a whole. */
	size_t (*prepared_key_bytes)(const struct source *source, const struct kernels *kernels);

	/* State of one row group (packed queries), 64-byte aligned. May be NULL. */
	size_t (*rows_size)(const struct source *source, const struct kernels *kernels);
	enum err (*load_rows)(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info);

	/* NORM_SOFTMAX only: for each row of the group the base-2 logit of some key that it sees, so that the sums of
	 * pass 1 start from there. Where logits fade with the distance, the keys that come first lie far below those
	 * that matter, and a base that had to climb from them would cost the latter their last bits. NULL: sums start
	 * from what comes first. */
	enum err (*anchor)(const struct source *source, const struct row_group *rows, float *logit, struct err_info *info);

	/* A tile of scores. A failure (NaN in ready weights) is returned. */
	enum err (*fill)(const struct source *source, const struct fill *fill, struct err_info *info);

	/* The definition: all `keys` scores of one row in double, natural units (logits s, weights w or p), -inf
	 * (softmax) or 0 where not visible. */
	enum err (*score64)(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info);

	/* Sums of the weights over the cells of a picture, sum[height][width], without a look at the single pairs: for
	 * weights that are inner products of few features, which can be summed before they are multiplied, O(n d + cells
	 * d). NULL, or ERR_UNSUPPORTED with an empty info: the caller must go through the tiles. */
	enum err (*pool)(const struct source *source, int64_t map, const struct cell_grid *grid, double *sum, struct err_info *info);

	/* Makes whole rows in place of fill (kernel/filter.h). NULL: none. */
	const struct filter_ops *filter;

	void (*free)(struct source *source);
};

/* Every mechanism embeds this as its first member. */
struct source {
	const struct source_ops *ops;
	int64_t layers, batches, heads, queries, keys;
	int64_t key_heads;      /* heads / key_heads consecutive heads read one key head (GQA, MQA); 0: not told (ready weights), or nothing like it */
	enum normalisation norm;
	double row_epsilon;     /* NORM_ROW_SUM */
	bool is_signed;         /* weights may be negative: entropy and its like are not defined */
	bool is_stochastic;     /* rows sum to 1 (or to 0: nothing visible) */
	bool is_causal;         /* no key after the query (in the aligned sense) */
	bool is_square;         /* queries and keys are the same sequence: distances |i - j| mean something as they are */
	int64_t diagonal;       /* key index of query 0 (keys - queries for a KV cache, 0 else): distance = |row + diagonal - key| */
	const int64_t *diagonals; /* [batches]: the same for each batch item, where items are of different lengths; NULL: `diagonal` for all */
	bool has_place;         /* options or lengths say where the queries stand among the keys; else they are the last */
	int64_t place;          /* then the key that query 0 stands at */
	const int64_t *place_lengths; /* [batches]: or the length of each item, at the end of which its queries stand; NULL: `place` for all */
	bool dead_rows_nan;     /* weights of a row that sees nothing are computed as 0, and written as NaN */
	bool hidden_infinite;   /* logits shown in place of weights: hidden ones are computed as 0, and written as -inf */
	const double *sink_logit; /* [maps] natural logit without a key (gpt-oss "sinks") that joins the denominator of each row once its keys are summed: lse is with
	                           * it, and a row sums to 1 less its share. NULL: none. NORM_SOFTMAX only. */
	const struct heads *values; /* V, or NULL: output O = W V and value norms can be had. Its head axis may be shorter (GQA). */
	const char *without_values; /* why there are none although values were given: "one copy of repeated keys has no output of its own"; NULL */
	const double *output_bias;  /* [layers][width of the values]: what the layer adds to the sum of its heads' outputs, where those sum to its output; NULL: nothing known */
	const struct source *inner; /* whose weights the filter takes, maps numbered alike, and whose state is prepared; NULL: without a filter, or one that prepares itself */
	int64_t row_queries;    /* queries of the innermost source that one row is made of, on average; 0: one */
	char note[256];         /* how the scores were made, for captions: "scale 0.125, causal (bottom-right)" */
};

/* What to write for a weight that was computed: itself, or what dead_rows_nan and hidden_infinite say. */
double source_written(const struct source *source, int64_t map, int64_t row, int64_t key, double weight);
bool source_writes_itself(const struct source *source, int64_t map, int64_t row); /* for every key of the row */

/* Is the row written as NaN, its weights and its output alike: one that sees nothing, where dead_rows_nan is set? */
bool source_row_is_nan(const struct source *source, int64_t map, int64_t row);
/* The diagonal of the batch item that a map belongs to. */
int64_t source_diagonal(const struct source *source, int64_t map);

/* The key that query 0 of a batch item stands at, for labels; it may lie before the first key, and the last query beyond the last. */
int64_t source_place(const struct source *source, int64_t batch);

/* What source_ops.span says, with or without that function. */
bool source_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end);

/* visible[key] = true for each key that a query sees; the others stay as they are. */
void source_mark_visible(const struct source *source, int64_t map, int64_t row, bool *visible);

/* What of a padded map is the item's own: from the first to the last of rows [first, last) that sees a key, and from the first to the last key that one of
 * them sees. Both empty where none sees anything. */
struct map_extent {
	int64_t row_begin, row_end, key_begin, key_end;
};

/* O(rows), and as many keys as lie outside where the files of a mask must be asked. */
struct map_extent source_extent(const struct source *source, int64_t map, int64_t first, int64_t last);

/* The source whose state is prepared for this one: itself, or what its filter takes its weights from. */
const struct source *source_prepared(const struct source *source);

/* How many weights the definition of one row takes, on average: the keys, or those of the rows that a filter makes it of. */
int64_t source_row_weights(const struct source *source);

int64_t source_maps(const struct source *source);
void source_map_id(const struct source *source, int64_t map, int64_t *layer, int64_t *batch, int64_t *head);
void source_free(struct source *source); /* NULL is fine */

#endif
