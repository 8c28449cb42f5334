/* SPDX-License-Identifier: MIT */
/*
 * A source around another: a mechanism that only differs in where its queries, keys and values come from makes those, opens the dot-product softmax on them, and hands
 * out a source of its own that owns both.
 *
 * Masks, positions, soft-cap and sinks then work as they do for tensors from a file. A mechanism embeds `struct wrapped` first and takes the wrapped_* source
 * operations, or calls them from its own.
 */
#ifndef ATTNVIZ_MECHANISM_WRAPPED_H
#define ATTNVIZ_MECHANISM_WRAPPED_H

#include "kernel/source.h"
#include "mechanism/made.h"
#include "mechanism/mechanism.h"

struct wrapped {
	struct source source;
	struct source *inner;            /* owned */
	struct made query, key, value;   /* owned; those that were made */
};

/* Open the softmax on what was made (a value without data is none), and take over its sizes and properties. `args` gives masks, positions and the rest. */
enum err wrapped_open(struct wrapped *wrapped, const struct mechanism_args *args, struct err_info *info);
void wrapped_release(struct wrapped *wrapped);

enum coverage wrapped_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end);
int64_t wrapped_support(const struct source *source, int64_t map, int64_t row);
bool wrapped_visible(const struct source *source, int64_t map, int64_t row, int64_t key);
bool wrapped_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end);
int64_t wrapped_prepared_id(const struct source *source, int64_t map);
size_t wrapped_prepared_size(const struct source *source, const struct kernels *kernels);
enum err wrapped_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
			 struct err_info *info);
size_t wrapped_rows_size(const struct source *source, const struct kernels *kernels);
enum err wrapped_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info);
enum err wrapped_fill(const struct source *source, const struct fill *fill, struct err_info *info);
enum err wrapped_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info);

#endif
