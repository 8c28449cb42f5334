/* SPDX-License-Identifier: MIT */
/*
 * Which blocks of keys a block of queries attends, and how many times.
 *
 * A key that a kernel concatenates m times has m times the weight: ln m on its logit. Lists of blocks, not a matrix: BigBird has a handful a row.
 */
#ifndef ATTNVIZ_MECHANISM_BLOCK_MASK_H
#define ATTNVIZ_MECHANISM_BLOCK_MASK_H

#include "base/error.h"
#include "kernel/source.h"

struct block_entry {
	int32_t column, times; /* times >= 1 */
};

struct block_mask {
	int64_t layers, heads;      /* 1: shared */
	int64_t rows, columns;      /* blocks */
	int64_t block;              /* tokens of a block; the last may be cut short by the sequence */
	int64_t queries, keys;
	struct block_entry *entry;  /* ascending columns within a row */
	int64_t *begin;             /* [layers * heads * rows + 1]: first entry of a row */
	int64_t capacity;
};

/* Rows are then added in order, layer-major, by block_mask_add_row: times[columns], 0 for a block that is not attended. */
enum err block_mask_init(struct block_mask *mask, int64_t layers, int64_t heads, int64_t block, int64_t queries, int64_t keys, struct err_info *info);
enum err block_mask_add_row(struct block_mask *mask, int64_t number, const int32_t *times, struct err_info *info);
void block_mask_release(struct block_mask *mask); /* works on a zeroed struct */

/* How many times query `row` attends key `key`: 0 when it does not. */
int32_t block_mask_times(const struct block_mask *mask, int64_t layer, int64_t head, int64_t row, int64_t key);

/* FULL means that each key counts once. */
enum coverage block_mask_coverage(const struct block_mask *mask, int64_t layer, int64_t head, int64_t first, int64_t last, int64_t begin, int64_t end);
int64_t block_mask_support(const struct block_mask *mask, int64_t layer, int64_t head, int64_t row);

/* times[count] of keys [key, key + count) of a row. */
void block_mask_row(const struct block_mask *mask, int64_t layer, int64_t head, int64_t row, int64_t key, int64_t count, int32_t *times);

#endif
