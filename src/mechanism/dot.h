/* SPDX-License-Identifier: MIT */
/*
 * Scores that are inner products: score_ij = scale * (query vector i) . (key vector j), whatever made the vectors.
 *
 * Windowed and block-sparse attention, kernel features (linear, Performer), Linformer's slots, content terms with a bias: they differ in the two vectors, in
 * normalisation, and in what they do to a finished tile. A mechanism embeds `struct dot` first, names the two makers of vectors, and takes DOT_OPS, or those of
 * them that fit.
 */
#ifndef ATTNVIZ_MECHANISM_DOT_H
#define ATTNVIZ_MECHANISM_DOT_H

#include "mechanism/masked.h"

struct dot;

struct dot_vectors {
	/* `dim` doubles for each of the `count` queries / keys of a map, row-major into out. Called from several threads. */
	enum err (*query)(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info);
	enum err (*key)(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info);
};

struct dot {
	struct masked masked;
	const struct dot_vectors *vectors;
	int64_t dim; /* of the vectors: the head size after dot_init */
};

/* masked_init with the roles query and key, which must be of equal width. */
enum err dot_init(struct dot *dot, const struct mechanism *mechanism, const struct mechanism_args *args, const struct dot_vectors *vectors,
		  double usual_scale, struct err_info *info);

/* 1/sqrt(head size); 1 where the query is missing (dot_init says so). */
double dot_usual_scale(const struct mechanism_args *args);

/* The vectors as they are in the file. */
extern const struct dot_vectors dot_plain;

/* Bytes of `count` packed keys, and of a packed group of queries, such that what follows is aligned for the kernels. */
size_t dot_packed_size(int64_t count, int64_t dim);
size_t dot_packed_rows_size(const struct kernels *kernels, int64_t dim);

/* Keys [begin, end) of a map packed at their place in a block for all keys; a group of queries, times the scale. */
enum err dot_pack_keys(const struct dot *dot, const struct dot_vectors *vectors, int64_t map, int64_t begin, int64_t end, float *packed,
		       struct err_info *info);
enum err dot_pack_queries(const struct dot *dot, const struct dot_vectors *vectors, const struct kernels *kernels, const struct row_group *rows, float *packed,
			  struct err_info *info);

/* scale * (query . key) of all keys of a row in double, before soft-cap and masks. */
enum err dot_raw64(const struct dot *dot, const struct dot_vectors *vectors, int64_t map, int64_t row, double *score, struct err_info *info);

size_t dot_prepared_size(const struct source *source, const struct kernels *kernels);
size_t dot_key_bytes(const struct source *source, const struct kernels *kernels);
enum err dot_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
		     struct err_info *info);
size_t dot_rows_size(const struct source *source, const struct kernels *kernels);
enum err dot_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info);
enum err dot_fill(const struct source *source, const struct fill *fill, struct err_info *info);

/* source_ops.pool for inner products without a softmax, under no mask or a causal one: O(n d + cells d). */
enum err dot_pool(const struct source *source, int64_t map, const struct cell_grid *grid, double *sum, struct err_info *info);
enum err dot_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info);

/* In a struct source_ops: tiles are the products of the vectors, and nothing else. */
#define DOT_OPS \
	.prepared_size = dot_prepared_size, .prepare = dot_prepare, .rows_size = dot_rows_size, .load_rows = dot_load_rows, .fill = dot_fill, \
	.score64 = dot_score64

#endif
