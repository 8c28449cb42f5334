/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "analysis/pooled_strips.h"

static int64_t row_edge(const struct pooled_map *map, int64_t row)
{
	return pooled_map_edge(row, map->height, map->request.row_count);
}

/* The first `reached` cells of a strip, times a factor, into the picture row that is open. */
static void fold_strip(const struct pooled_map *map, enum pooled_folding folding, const struct pooled_partial *partial,
		       int64_t strip, int64_t reached, double factor)
{
	const double *wide = partial->strips + strip * map->width;
	const float *narrow = (const float *)partial->strips + strip * map->width;
	double *open = map->open;
	if (map->wide || folding == FOLD_EXTREME) {
		for (int64_t c = 0; c < reached; c++)
			open[c] = pooled_fold(folding, open[c], factor * (map->wide ? wide[c] : (double)narrow[c]));
	} else if (folding == FOLD_SUM) {
		for (int64_t c = 0; c < reached; c++)
			open[c] += factor * (double)narrow[c];
	} else {
		for (int64_t c = 0; c < reached; c++)
			open[c] = factor * (double)narrow[c] > open[c] ? factor * (double)narrow[c] : open[c];
	}
}

/* What a sum over the positions of a cell is multiplied by, beside its share of the keys. */
static double row_share(const struct pooled_map *map, int64_t row)
{
	return map->request.pooling == POOLING_MEAN ? 1 / (double)(row_edge(map, row + 1) - row_edge(map, row)) : 1;
}

/* Is a position of the list skipped at a key? */
static bool is_skipped(const struct pooled_map *map, int64_t position, int64_t key)
{
	int64_t first = map->first ? map->first[position] : -1;
	return first >= 0 && key >= first && key < first + map->request.skip_first;
}

/* Keys of a row that are skipped, counted in the cells of the open picture row. */
static void count_skipped(struct pooled_map *map, int64_t first)
{
	int64_t begin = first > map->request.key_begin ? first : map->request.key_begin;
	int64_t end = first + map->request.skip_first < map->request.key_end ? first + map->request.skip_first : map->request.key_end;
	for (int64_t key = begin; key < end && first >= 0; key++)
		map->skipped[pooled_map_cell(key - map->request.key_begin, map->width, map->keys)]++;
}

static bool any_visible(const struct pooled_map *map, const struct source *source, int64_t number, int64_t row, int64_t begin,
			int64_t end)
{
	if (!source->ops->visible && !map->first)
		return true;
	for (int64_t r = row_edge(map, row); r < row_edge(map, row + 1); r++)
		for (int64_t key = begin; key < end; key++)
			if (!is_skipped(map, r, key) && (!source->ops->visible || source->ops->visible(source, number, map->query[r], key)))
				return true;
	return false;
}

/* Zeros are rare among the cells that show something, so they are looked for SIDE at a time, in vectors that every processor
 * has. */
enum { SIDE = 16, FOUR = 4 };
typedef float four __attribute__((vector_size(16)));
typedef int32_t four_marks __attribute__((vector_size(16)));

static bool any_zero(const float *cell)
{
	four_marks zero = { 0 };
	for (int c = 0; c < SIDE; c += FOUR) {
		four value;
		memcpy(&value, cell + c, sizeof value);
		zero |= value == 0.0f;
	}
	int64_t half[2];
	memcpy(half, &zero, sizeof half);
	return (half[0] | half[1]) != 0;
}

/* The first cell from `first` on that is zero, or `last`. */
static int64_t first_zero(const float *cell, int64_t first, int64_t last)
{
	while (first + SIDE <= last && !any_zero(cell + first))
		first += SIDE;
	while (first < last && cell[first] != 0)
		first++;
	return first;
}

/* Cells of a picture row that are zero because nothing in them is visible become "no value". Only zeros are asked about: in a
 * row of a causal map that is what lies behind the diagonal, at one go. */
static void mark_unseen(struct pooled_map *map, const struct source *source, int64_t number, int64_t row, int64_t first,
			int64_t last)
{
	float *cell = map->cell + row * map->width;
	first = first_zero(cell, first, last);
	while (last > first && cell[last - 1] != 0)
		last--;
	int64_t begin = pooled_key_edge(map, first), end = pooled_key_edge(map, last);
	if (begin >= end)
		return;
	int64_t top = map->query[row_edge(map, row)], bottom = map->query[row_edge(map, row + 1) - 1];
	enum coverage coverage = source->ops->coverage ? source->ops->coverage(source, number, top, bottom, begin, end)
						       : TILE_FULL;
	if (map->first && coverage == TILE_FULL)
		coverage = TILE_PARTIAL;
	if (coverage == TILE_PARTIAL && last - first > 1) {
		int64_t middle = first + (last - first) / 2;
		mark_unseen(map, source, number, row, first, middle);
		mark_unseen(map, source, number, row, middle, last);
	} else if (coverage == TILE_EMPTY || (coverage == TILE_PARTIAL && !any_visible(map, source, number, row, begin, end))) {
		memcpy(cell + first, map->unseen, (size_t)(last - first) * sizeof *cell);
	}
}

/* A row that is written, while it is in cache. */
static void mark_row(struct pooled_map *map, const struct source *source, int64_t number, int64_t row)
{
	int64_t top = map->query[row_edge(map, row)], bottom = map->query[row_edge(map, row + 1) - 1];
	if (map->first || (source->ops->coverage && source->ops->coverage(source, number, top, bottom, 0, source->keys) != TILE_FULL))
		mark_unseen(map, source, number, row, 0, map->width);
}

/* A mean over the positions of an open cell that are not skipped; where all are it has no value. */
static void leave_out(const struct pooled_map *map, float *cell)
{
	double rows = (double)(row_edge(map, map->open_row + 1) - row_edge(map, map->open_row));
	for (int64_t c = 0; c < map->width; c++) {
		double all = rows * (double)(pooled_key_edge(map, c + 1) - pooled_key_edge(map, c)), left = all - (double)map->skipped[c];
		cell[c] = left <= 0 ? NAN : map->request.pooling == POOLING_MEAN ? (float)(map->open[c] / left) : cell[c];
	}
	memset(map->skipped, 0, (size_t)map->width * sizeof *map->skipped);
}

/* Write the picture row that is open, and open `row`. */
static void open_row(struct pooled_map *map, const struct source *source, int64_t number, int64_t row)
{
	if (map->open_row >= 0) {
		float *cell = map->cell + map->open_row * map->width;
		double share = row_share(map, map->open_row);
		for (int64_t c = 0; c < map->width; c++)
			cell[c] = (float)(map->open[c] * share * map->key_share[c]);
		if (map->first)
			leave_out(map, cell);
		mark_row(map, source, number, map->open_row);
	}
	if (row >= 0)
		memset(map->open, 0, (size_t)map->width * sizeof *map->open);
	map->open_row = row;
}

/* A picture row that is in one strip as a whole. */
static void write_strip(struct pooled_map *map, const struct pooled_partial *partial, int64_t strip, int64_t reached, int64_t row)
{
	const float *narrow = (const float *)partial->strips + strip * map->width;
	float *cell = map->cell + row * map->width;
	double share = row_share(map, row);
	if (map->plain && share == 1) {
		memcpy(cell, narrow, (size_t)reached * sizeof *cell);
		memset(cell + reached, 0, (size_t)(map->width - reached) * sizeof *cell);
		return;
	}
	for (int64_t c = 0; c < reached; c++)
		cell[c] = (float)((double)narrow[c] * share * map->key_share[c]);
	for (int64_t c = reached; c < map->width; c++)
		cell[c] = (float)(0 * map->key_share[c]);
}

/* Of the rows of an item from `lane` on, those in the same strip. */
static int64_t strip_end(const struct pooled_map *map, const struct item *item, int64_t lane)
{
	int64_t strip = pooled_strip(map, item, lane);
	while (lane < item->count && pooled_strip(map, item, lane) == strip)
		lane++;
	return lane;
}

void pooled_merge(struct sink *sink, const struct item *item, const void *data)
{
	struct pooled_map *map = (struct pooled_map *)sink;
	const struct pooled_partial *partial = data;
	int64_t first = item->position;
	enum pooled_folding folding = pooled_folding(map, item->source);
	bool rescaled = pooled_is_rescaled(map, item->source);
	memcpy(map->query + first, item->row, (size_t)item->count * sizeof *map->query);
	if (map->first)
		memcpy(map->first + first, partial->first, (size_t)item->count * sizeof *map->first);
	for (int64_t lane = 0, end; lane < item->count; lane = end) {
		int64_t row = pooled_row(map, first + lane), strip = pooled_strip(map, item, lane);
		int64_t reached = partial->reached[lane / item->kernels->lanes];
		end = strip_end(map, item, lane);
		if (row_edge(map, row) == first + lane && row_edge(map, row + 1) == first + end && !map->wide && !map->first) {
			open_row(map, item->source, item->map, -1);
			write_strip(map, partial, strip, reached, row);
			mark_row(map, item->source, item->map, row);
			continue;
		}
		if (row != map->open_row)
			open_row(map, item->source, item->map, row);
		for (int64_t i = lane; i < end && map->first; i++)
			count_skipped(map, partial->first[i]);
		double factor = !rescaled ? 1 : partial->rest[lane] > 0 ? 1 / partial->rest[lane] : 0;
		fold_strip(map, folding, partial, strip, reached, factor);
	}
}

enum err pooled_map_end(struct sink *sink, const struct source *source, int64_t number, int64_t index, struct err_info *info)
{
	struct pooled_map *map = (struct pooled_map *)sink;
	open_row(map, source, number, -1);
	return map->request.emit(map->request.emit_data, source, number, index, map->cell, map->height, map->width, info);
}

