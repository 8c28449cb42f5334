/* SPDX-License-Identifier: MIT */
#include "analysis/block_sums.h"

struct block_cut block_cut_every(int64_t first, int64_t count, int64_t side)
{
	return (struct block_cut){ first, count, (count + side - 1) / side, side };
}

struct block_cut block_cut_equal(int64_t first, int64_t count, int64_t side)
{
	return (struct block_cut){ first, count, (count + side - 1) / side, 0 };
}

int64_t block_begin(const struct block_cut *cut, int64_t piece)
{
	int64_t even = cut->pieces ? piece * cut->count / cut->pieces : 0, begin = cut->side ? piece * cut->side : even;
	return cut->first + (begin < cut->count ? begin : cut->count);
}

int64_t block_of(const struct block_cut *cut, int64_t position)
{
	int64_t place = position - cut->first;
	if (cut->count == 0)
		return 0;
	return cut->side ? place / cut->side : ((place + 1) * cut->pieces - 1) / cut->count;
}

/* What the rows of a tile put on keys begin .. end - 1, to the sums of each row's strip. */
static void add_piece(const struct block_strips *strips, const struct tile *tile, int64_t position, int64_t begin, int64_t end, double *sums)
{
	_Alignas(64) float sum[MAX_LANES] = { 0 };
	tile->kernels->sum_keys(tile->p + (begin - tile->key) * tile->lanes, end - begin, sum);
	for (int lane = 0; lane < tile->rows->count; lane++) {
		int64_t at = position + lane;
		if (at >= strips->from && at < strips->to)
			sums[(block_of(strips->rows, at) - strips->origin) * strips->width] += (double)sum[lane];
	}
}

void block_sums_add(const struct block_strips *strips, const struct tile *tile, int64_t position)
{
	const struct block_cut *keys = strips->keys;
	int64_t begin = tile->key > keys->first ? tile->key : keys->first, end = tile->key + tile->count;
	end = end < keys->first + keys->count ? end : keys->first + keys->count;
	if (begin >= end || position >= strips->to || position + tile->rows->count <= strips->from)
		return;
	for (int64_t piece = block_of(keys, begin); begin < end; piece++) {
		int64_t stop = block_begin(keys, piece + 1);
		stop = stop < end ? stop : end;
		add_piece(strips, tile, position, begin, stop, strips->sums + piece);
		begin = stop;
	}
}
