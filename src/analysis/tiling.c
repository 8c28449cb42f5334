/* SPDX-License-Identifier: MIT */
#include "analysis/tiling.h"

#include <math.h>

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t tiling_columns(const struct source *source, const struct tiling *tiling)
{
	return (source->keys - 1) / tiling->block_keys + 1;
}

int64_t tiling_rows(const struct source *source, const struct tiling *tiling)
{
	return (source->queries - 1) / tiling->block_rows + 1;
}

static enum coverage coverage_of(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	return source->ops->coverage ? source->ops->coverage(source, map, first, last, begin, end) : TILE_FULL;
}

enum coverage tiling_coverage(const struct source *source, int64_t map, const struct tiling *tiling, int64_t row_tile, int64_t key_tile)
{
	int64_t first = row_tile * tiling->block_rows, begin = key_tile * tiling->block_keys;
	return coverage_of(source, map, first, smaller(source->queries - first, tiling->block_rows) + first - 1, begin,
			   begin + smaller(source->keys - begin, tiling->block_keys));
}

static void count_rows(const struct source *source, int64_t map, const struct tiling *tiling, int64_t row_tile, int64_t key_tile, struct tile_counts *counts)
{
	int64_t first = row_tile * tiling->block_rows, begin = key_tile * tiling->block_keys;
	int64_t end = begin + smaller(source->keys - begin, tiling->block_keys), rows = smaller(source->queries - first, tiling->block_rows);
	for (int64_t row = first; row < first + rows; row++)
		counts->row_tiles_skipped += coverage_of(source, map, row, row, begin, end) == TILE_EMPTY;
}

struct tile_counts tiling_count(const struct source *source, int64_t map, const struct tiling *tiling)
{
	struct tile_counts counts = { 0 };
	int64_t rows = tiling_rows(source, tiling), columns = tiling_columns(source, tiling);
	for (int64_t row = 0; row < rows; row++)
		for (int64_t column = 0; column < columns; column++) {
			enum coverage coverage = tiling_coverage(source, map, tiling, row, column);
			counts.tiles++;
			counts.full += coverage == TILE_FULL;
			counts.partial += coverage == TILE_PARTIAL;
			counts.skipped += coverage == TILE_EMPTY;
			if (coverage == TILE_EMPTY)
				counts.row_tiles_skipped += smaller(source->queries - row * tiling->block_rows, tiling->block_rows);
			else
				counts.keys_read += smaller(source->keys - column * tiling->block_keys, tiling->block_keys);
			if (coverage == TILE_PARTIAL)
				count_rows(source, map, tiling, row, column, &counts);
		}
	return counts;
}

enum err tiling_trace(const struct source *source, int64_t map, int64_t row, const struct tiling *tiling, double *score, double *maximum, double *sum,
		      struct err_info *info)
{
	if (source->norm != NORM_SOFTMAX)
		return err_set(info, ERR_USAGE, "only a softmax has a running maximum and sum: not %s attention", source->ops->name);
	enum err err = source->ops->score64(source, map, row, score, info);
	double m = -INFINITY, l = 0;
	for (int64_t column = 0; !err && column < tiling_columns(source, tiling); column++) {
		int64_t begin = column * tiling->block_keys, end = begin + smaller(source->keys - begin, tiling->block_keys);
		double top = m;
		for (int64_t key = begin; key < end; key++)
			top = fmax(top, score[key]);
		if (top > m)
			l = l > 0 ? l * exp(m - top) : 0;
		m = top;
		for (int64_t key = begin; key < end; key++)
			l += score[key] > -INFINITY ? exp(score[key] - m) : 0;
		maximum[column] = m;
		sum[column] = l;
	}
	return err;
}

struct traffic tiling_traffic(const struct source *source, const struct tiling *tiling, const struct tile_counts *counts, int64_t dim, int64_t value_dim)
{
	double n = (double)source->queries, m = (double)source->keys, d = (double)dim, dv = (double)value_dim;
	double columns = (double)tiling_columns(source, tiling), rows = (double)tiling_rows(source, tiling);
	return (struct traffic){
		.standard = n * d + m * d + m * dv + n * dv + 4 * n * m,
		.fa1 = m * d + m * dv + columns * (n * d + 2 * n * dv) + 4 * n * columns,
		.fa2 = n * d + n * dv + rows * (m * d + m * dv),
		.fa2_skipping = n * d + n * dv + (double)counts->keys_read * (d + dv),
		.standard_peak = n * m,
		.flash_peak = 2 * n,
	};
}
