/* SPDX-License-Identifier: MIT */
/*
 * Causal products that fade: the hidden attention of linear recurrences (state-space models, RWKV).
 *
 *   W[t,s] = sum_n q_t,n k_s,n exp(P_(t-lag),n - P_s,n)   for s <= t - lag,   plus a term of its own on the diagonal
 *
 * P_t is the sum of the logarithms of all decays up to and including token t; it never rises. No exponential of a positive number is formed: a tile of keys is packed
 * relative to its last token, the queries are scaled from there, and both factors are at most 1. Where a tile holds the diagonal, a row walks its keys
 * back from itself and multiplies one step's decay after the other.
 *
 * A mechanism embeds `struct decay` first, names its makers of vectors and takes DECAY_OPS beside a name and a free of its own.
 */
#ifndef ATTNVIZ_MECHANISM_DECAY_H
#define ATTNVIZ_MECHANISM_DECAY_H

#include "base/error.h"
#include "kernel/source.h"
#include "mechanism/mechanism.h"

struct decay;

struct decay_vectors {
	/* `dim` doubles of one token. Called from several threads. */
	enum err (*query)(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info);
	enum err (*key)(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info);
	enum err (*prefix)(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info); /* P */
	/* What is added on the diagonal, given the token's two vectors. NULL: nothing. */
	enum err (*diagonal)(const struct decay *decay, int64_t map, int64_t token, const double *query, const double *key, double *value, struct err_info *info);
};

struct decay {
	struct source source;
	const struct decay_vectors *vectors;
	int64_t dim;
	int64_t lag; /* 0 or 1 */
};

/* Sizes and properties. */
void decay_init(struct decay *decay, const struct decay_vectors *vectors, int64_t layers, int64_t batches, int64_t heads, int64_t tokens);

enum coverage decay_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end);
int64_t decay_support(const struct source *source, int64_t map, int64_t row);
bool decay_visible(const struct source *source, int64_t map, int64_t row, int64_t key);
size_t decay_prepared_size(const struct source *source, const struct kernels *kernels);
enum err decay_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
		       struct err_info *info);
size_t decay_rows_size(const struct source *source, const struct kernels *kernels);
enum err decay_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info);
enum err decay_fill(const struct source *source, const struct fill *fill, struct err_info *info);
enum err decay_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info);
int64_t decay_prepared_id(const struct source *source, int64_t map);

/* All of them, in a struct source_ops. */
#define DECAY_OPS \
	.coverage = decay_coverage, .support = decay_support, .visible = decay_visible, .prepared_id = decay_prepared_id, \
	.prepared_size = decay_prepared_size, .prepare = decay_prepare, .rows_size = decay_rows_size, .load_rows = decay_load_rows, .fill = decay_fill, \
	.score64 = decay_score64

#endif
