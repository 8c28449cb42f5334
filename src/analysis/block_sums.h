/* SPDX-License-Identifier: MIT */
/*
 * Sums of the weights over blocks of a map, while its tiles stream by: what the metrics of blocks share.
 *
 * An item's rows lie in at most BLOCK_STRIPS rows of blocks, each of which is a strip of sums.
 */
#ifndef ATTNVIZ_ANALYSIS_BLOCK_SUMS_H
#define ATTNVIZ_ANALYSIS_BLOCK_SUMS_H

#include <stdint.h>

#include "kernel/driver.h"
#include "kernel/sink.h"

/* How one side is cut: `count` positions from `first` on, in `pieces` that begin every `side` positions (the last is what remains), or
 * are as equal as whole numbers allow where side is 0: piece k begins at k count / pieces. */
struct block_cut {
	int64_t first, count, pieces, side;
};

/* Pieces of exactly `side`, and equal ones of at most `side`. */
struct block_cut block_cut_every(int64_t first, int64_t count, int64_t side);
struct block_cut block_cut_equal(int64_t first, int64_t count, int64_t side);

int64_t block_begin(const struct block_cut *cut, int64_t piece);
int64_t block_of(const struct block_cut *cut, int64_t position); /* of a position within first .. first + count - 1; 0 where there is none */

/* Where a side has several pieces none but the last is shorter than BLOCK_LEAST: sides are 32 where pieces have one, or 64 and more. */
enum { BLOCK_LEAST = 32, BLOCK_STRIPS = ITEM_ROWS / BLOCK_LEAST + 2 };

/* Add the rows of a tile at positions from .. to - 1, all within `rows`, to strips of `width` sums each, the first of which is row of blocks
 * `origin`. `position` is that of the tile's first row. Keys outside of what is cut are left out. */
struct block_strips {
	const struct block_cut *rows, *keys;
	int64_t from, to, origin, width;
	double *sums;
};
void block_sums_add(const struct block_strips *strips, const struct tile *tile, int64_t position);

#endif
