/* SPDX-License-Identifier: MIT */
/*
 * The tiling of FlashAttention itself: which tiles there are, how a row's maximum and sum run over them, and a model of what moves through slow memory
 * (Dao et al. 2022, arXiv 2205.14135; Dao 2023, arXiv 2307.08691).
 */
#ifndef ATTNVIZ_ANALYSIS_TILING_H
#define ATTNVIZ_ANALYSIS_TILING_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/source.h"

struct tiling {
	int64_t block_rows, block_keys; /* B_r, B_c */
};

struct tile_counts {
	int64_t tiles, full, partial, skipped;
	int64_t row_tiles_skipped; /* pairs of a row and a key tile in which the row sees nothing */
	int64_t keys_read;         /* keys of the tiles that are not skipped, summed over the tiles */
};

/* Key tiles, and row tiles. */
int64_t tiling_columns(const struct source *source, const struct tiling *tiling);
int64_t tiling_rows(const struct source *source, const struct tiling *tiling);

/* Coverage of one tile: of the rows and keys of the tile that exist. */
enum coverage tiling_coverage(const struct source *source, int64_t map, const struct tiling *tiling, int64_t row_tile, int64_t key_tile);

struct tile_counts tiling_count(const struct source *source, int64_t map, const struct tiling *tiling);

/* After each key tile of one row: m the running maximum of its natural logits (-inf before the first visible key) and l = sum e^(s - m) (0 before it). maximum and
 * sum hold tiling_columns() numbers, score source->keys. A tile in which nothing is visible leaves both as they were. Softmax only: ERR_USAGE. */
enum err tiling_trace(const struct source *source, int64_t map, int64_t row, const struct tiling *tiling, double *score, double *maximum, double *sum,
		      struct err_info *info);

/*
 * Elements that go through slow memory in one head, a model and no measurement: N queries, M keys, heads d and values dv wide.
 *   standard   N d + M d + M dv + N dv + 4 N M: read Q and K, write S; read S, write P; read P and V, write O
 *   FA-1       M d + M dv + c (N d + 2 N dv) + 4 N c, c = ceil(M / B_c): K and V once; for each key tile Q, O in and out, and two of m and l in and out
 *   FA-2       N d + N dv + r (M d + M dv), r = ceil(N / B_r): Q and O once; K and V for each row tile
 *   FA-2 with tiles skipped: K and V of the tiles that are left
 * With M = N and dv = d these are 4 N d + 4 N^2, 2 N d + 3 N d c + 4 N c and 2 N d + 2 N d r.
 */
struct traffic {
	double standard, fa1, fa2, fa2_skipping;
	double standard_peak, flash_peak; /* elements of intermediate results held at once: N M, and m and l: 2 N */
};

struct traffic tiling_traffic(const struct source *source, const struct tiling *tiling, const struct tile_counts *counts, int64_t dim, int64_t value_dim);

#endif
