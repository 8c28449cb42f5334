/* SPDX-License-Identifier: MIT */
#include "analysis/pooled_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pooled_strips.h"
#include "base/memory.h"

int64_t pooled_map_edge(int64_t cell, int64_t cells, int64_t count)
{
	return cell * count / cells;
}

int64_t pooled_map_cell(int64_t position, int64_t cells, int64_t count)
{
	return ((position + 1) * cells - 1) / count;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static const struct pooled_map *map_of(const struct sink *sink)
{
	return (const struct pooled_map *)sink;
}

int64_t pooled_row(const struct pooled_map *map, int64_t position)
{
	return pooled_map_cell(position, map->height, map->request.row_count);
}

/* Key of the edge of a cell, in keys of the source. */
int64_t pooled_key_edge(const struct pooled_map *map, int64_t cell)
{
	return map->request.key_begin + pooled_map_edge(cell, map->width, map->keys);
}

static int64_t key_cell(const struct pooled_map *map, int64_t key)
{
	return pooled_map_cell(key - map->request.key_begin, map->width, map->keys);
}

/* Rows in different groups and rows in different picture rows have different strips; a boundary of both leaves a strip unused. */
int64_t pooled_strip(const struct pooled_map *map, const struct item *item, int64_t lane)
{
	int64_t first = item->position;
	if (map->by_query)
		return lane;
	return pooled_row(map, first + lane) - pooled_row(map, first) + lane / item->kernels->lanes;
}

/* Queries from `lane` on that fill the same strip, `most` of them at most. */
static int64_t strip_run(const struct pooled_map *map, const struct item *item, int64_t lane, int64_t most)
{
	if (map->by_query)
		return 1;
	int64_t first = item->position;
	int64_t next = pooled_map_edge(pooled_row(map, first + lane) + 1, map->height, map->request.row_count);
	return min64(most, next - first - lane);
}

static int64_t strip_count(const struct pooled_map *map, const struct kernels *kernels)
{
	if (map->by_query)
		return ITEM_ROWS + kernels->lanes;
	int64_t rows = min64(map->height, ITEM_ROWS * map->height / map->request.row_count + 2);
	return min64(rows, ITEM_ROWS) + ITEM_ROWS / kernels->lanes + 1;
}

static size_t strip_bytes(const struct pooled_map *map)
{
	return (size_t)map->width * (map->wide ? sizeof(double) : sizeof(float));
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	const struct pooled_map *map = map_of(sink);
	(void)source;
	return sizeof(struct pooled_partial) + (size_t)strip_count(map, kernels) * strip_bytes(map);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	const struct pooled_map *map = map_of(sink);
	return sizeof(struct pooled_partial) + (size_t)(pooled_strip(map, item, item->count - 1) + 1) * strip_bytes(map);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct pooled_partial *partial = data;
	(void)sink, (void)item;
	memset(partial, 0, sizeof *partial);
	for (int row = 0; row < ITEM_ROWS; row++)
		partial->first[row] = -1;
}

enum pooled_folding pooled_folding(const struct pooled_map *map, const struct source *source)
{
	return map->request.pooling != POOLING_MAX ? FOLD_SUM : source->is_signed ? FOLD_EXTREME : FOLD_MAX;
}

bool pooled_is_rescaled(const struct pooled_map *map, const struct source *source)
{
	return map->request.skip_first > 0 && source->is_stochastic;
}

/* Cells up to `end` that no tile of the row group has reached begin at zero. */
static void extend(const struct pooled_map *map, const struct item *item, int64_t lane0, const struct tile *tile, int64_t end,
		   struct pooled_partial *partial)
{
	int64_t *reached = &partial->reached[lane0 / tile->lanes];
	int64_t strip = pooled_strip(map, item, lane0), last = pooled_strip(map, item, lane0 + tile->rows->count - 1);
	size_t size = strip_bytes(map) / (size_t)map->width;
	for (; strip <= last && *reached < end; strip++)
		memset((char *)partial->strips + (size_t)(strip * map->width + *reached) * size, 0, (size_t)(end - *reached) * size);
	*reached = max64(*reached, end);
}

static void fold_array(enum pooled_folding folding, float *restrict into, const float *restrict from, int64_t count)
{
	switch (folding) {
	case FOLD_SUM:
		for (int64_t i = 0; i < count; i++)
			into[i] += from[i];
		break;
	case FOLD_MAX:
		for (int64_t i = 0; i < count; i++)
			into[i] = from[i] > into[i] ? from[i] : into[i];
		break;
	case FOLD_EXTREME:
		for (int64_t i = 0; i < count; i++)
			into[i] = fabsf(from[i]) > fabsf(into[i]) ? from[i] : into[i];
	}
}

/* out[lane] begins at zero, which no entry of a map without signs is below. */
static void fold_keys(enum pooled_folding folding, const struct tile *tile, int64_t begin, int64_t end, float *out)
{
	const float *p = tile->p + (begin - tile->key) * tile->lanes;
	switch (folding) {
	case FOLD_SUM: tile->kernels->sum_keys(p, end - begin, out); break;
	case FOLD_MAX: tile->kernels->max_keys(p, end - begin, out); break;
	case FOLD_EXTREME:
		for (int64_t k = 0; k < end - begin; k++)
			fold_array(folding, out, p + k * tile->lanes, tile->lanes);
	}
}

/* Keys begin .. end - 1 of the tile into the strips: cells inside one tile, or one that crosses into the next. */
static void fold_narrow(const struct pooled_map *map, const struct item *item, int64_t lane0, const struct tile *tile,
			int64_t begin, int64_t end, struct pooled_partial *partial)
{
	float *strips = (float *)partial->strips;
	_Alignas(64) float pooled[KEY_BLOCK * MAX_LANES];
	_Alignas(64) float turned[MAX_LANES * KEY_BLOCK];
	enum pooled_folding folding = pooled_folding(map, tile->source);
	int64_t first = key_cell(map, begin), cells = key_cell(map, end - 1) - first + 1;
	const float *block = tile->p + (begin - tile->key) * tile->lanes;

	extend(map, item, lane0, tile, map->single && map->by_query ? first : first + cells, partial);
	if (!map->single) {
		memset(pooled, 0, (size_t)(cells * tile->lanes) * sizeof *pooled);
		for (int64_t c = 0; c < cells; c++)
			fold_keys(folding, tile, max64(begin, pooled_key_edge(map, first + c)),
				  min64(end, pooled_key_edge(map, first + c + 1)), pooled + c * tile->lanes);
		block = pooled;
	} else if (map->by_query) {
		tile->kernels->transpose(block, cells, strips + lane0 * map->width + first, map->width);
		partial->reached[lane0 / tile->lanes] = first + cells;
		return;
	}
	tile->kernels->transpose(block, cells, turned, KEY_BLOCK);
	for (int64_t lane = 0, run; lane < tile->rows->count; lane += run) {
		float *into = strips + pooled_strip(map, item, lane0 + lane) * map->width + first;
		run = strip_run(map, item, lane0 + lane, tile->rows->count - lane);
		for (int64_t i = lane; i < lane + run; i++)
			fold_array(folding, into, turned + i * KEY_BLOCK, cells);
	}
}

/* A cell may take a thousand tiles: their sums are float64. */
static void fold_wide(const struct pooled_map *map, const struct item *item, int64_t lane0, const struct tile *tile,
		      int64_t begin, int64_t end, struct pooled_partial *partial)
{
	_Alignas(64) float pooled[MAX_LANES];
	enum pooled_folding folding = pooled_folding(map, tile->source);
	int64_t last = key_cell(map, end - 1);
	extend(map, item, lane0, tile, last + 1, partial);
	for (int64_t cell = key_cell(map, begin); cell <= last; cell++) {
		memset(pooled, 0, sizeof pooled);
		fold_keys(folding, tile, max64(begin, pooled_key_edge(map, cell)), min64(end, pooled_key_edge(map, cell + 1)),
			  pooled);
		for (int64_t lane = 0, run; lane < tile->rows->count; lane += run) {
			double *into = partial->strips + pooled_strip(map, item, lane0 + lane) * map->width + cell;
			run = strip_run(map, item, lane0 + lane, tile->rows->count - lane);
			for (int64_t i = lane; i < lane + run; i++)
				*into = pooled_fold(folding, *into, (double)pooled[i]);
		}
	}
}

static void add_rest(const struct tile *tile, int64_t begin, int64_t end, double *rest)
{
	_Alignas(64) float sum[MAX_LANES] = { 0 };
	tile->kernels->sum_keys(tile->p + (begin - tile->key) * tile->lanes, end - begin, sum);
	for (int lane = 0; lane < tile->rows->count; lane++)
		rest[lane] += (double)sum[lane];
}

/* The first keys of a row group, when its first tile is there. */
static void find_first(const struct tile *tile, int64_t lane0, struct pooled_partial *partial)
{
	const struct row_group *rows = tile->rows;
	if (partial->found > lane0)
		return;
	partial->found = lane0 + rows->count;
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t *first = &partial->first[lane0 + lane], end;
		if (!source_span(tile->source, rows->map, rows->row[lane], first, &end))
			*first = -1;
	}
}

/* The tile without what is skipped; `copy` has room for one. */
static const float *without_first(const struct pooled_map *map, int64_t lane0, const struct tile *tile, const struct pooled_partial *partial, float *copy)
{
	bool any = false;
	for (int lane = 0; lane < tile->rows->count; lane++) {
		int64_t first = partial->first[lane0 + lane], last = min64(first + map->request.skip_first, tile->key + tile->count);
		for (int64_t key = max64(first, tile->key); key < last && first >= 0; key++) {
			if (!any)
				memcpy(copy, tile->p, (size_t)(tile->count * tile->lanes) * sizeof *copy);
			any = true;
			copy[(key - tile->key) * tile->lanes + lane] = 0;
		}
	}
	return any ? copy : tile->p;
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *given, void *data)
{
	const struct pooled_map *map = map_of(sink);
	struct pooled_partial *partial = data;
	_Alignas(64) float copy[KEY_BLOCK * MAX_LANES];
	struct tile tile = *given;
	if (map->request.skip_first > 0) {
		find_first(given, lane0, partial);
		tile.p = without_first(map, lane0, given, partial, copy);
	}
	if (pooled_is_rescaled(map, tile.source))
		add_rest(&tile, tile.key, tile.key + tile.count, partial->rest + lane0);
	int64_t begin = max64(tile.key, map->request.key_begin), end = min64(tile.key + tile.count, map->request.key_end);
	if (begin >= end)
		return;
	if (map->wide)
		fold_wide(map, item, lane0, &tile, begin, end, partial);
	else
		fold_narrow(map, item, lane0, &tile, begin, end, partial);
}

static const struct sink_ops pooled_map_ops = {
	.name = "pooled map",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.merged_size = merged_size,
	.start = start,
	.scan = scan,
	.merge = pooled_merge,
	.map_end = pooled_map_end,
};

static void share_keys(struct pooled_map *map)
{
	bool mean = map->request.pooling == POOLING_MEAN;
	for (int64_t c = 0; c < map->width; c++)
		map->key_share[c] = mean ? 1 / (double)(pooled_key_edge(map, c + 1) - pooled_key_edge(map, c)) : 1;
	map->plain = map->request.skip_first <= 0 && (!mean || map->single);
}

enum err pooled_map_new(const struct pooled_map_request *request, struct sink **sink, struct err_info *info)
{
	*sink = NULL;
	int64_t keys = request->key_end - request->key_begin, height = min64(request->height, request->row_count);
	int64_t width = min64(request->width, keys), cells, unused;
	if (request->skip_first >= request->key_end)
		return err_set(info, ERR_USAGE,
			       "skipping the first %lld keys leaves none to show (keys shown end at %lld): skip fewer",
			       (long long)request->skip_first, (long long)request->key_end);
	if (height < 1 || width < 1 || request->key_begin < 0)
		return err_set(info, ERR_USAGE, "the picture has no cells (%lld x %lld): choose at least one query and one key",
			       (long long)height, (long long)width);
	if (!mem_mul_i64(height, width, &cells) || !mem_mul_i64(height, request->row_count + 1, &unused) ||
	    !mem_mul_i64(width, keys + 1, &unused))
		return err_set(info, ERR_USAGE, "a picture of %lld x %lld cells is too large: ask for fewer", (long long)height,
			       (long long)width);
	struct pooled_map *map = mem_zero_array(1, sizeof *map);
	if (!map)
		return err_nomem(info, "the picture");
	map->sink.ops = &pooled_map_ops;
	map->request = *request;
	map->height = height;
	map->width = width;
	map->keys = keys;
	map->wide = keys / width >= KEY_BLOCK;
	map->single = width == keys;
	map->open_row = -1;
	map->by_query = height == request->row_count || request->skip_first > 0;
	map->query = mem_zero_array((size_t)request->row_count, sizeof *map->query);
	map->open = mem_zero_array((size_t)width, sizeof *map->open);
	map->cell = mem_aligned((size_t)cells * sizeof *map->cell);
	map->key_share = mem_zero_array((size_t)width, sizeof *map->key_share);
	map->unseen = mem_array((size_t)width, sizeof *map->unseen);
	if (request->skip_first > 0) {
		map->first = mem_zero_array((size_t)request->row_count, sizeof *map->first);
		map->skipped = mem_zero_array((size_t)width, sizeof *map->skipped);
	}
	bool skips = request->skip_first <= 0 || (map->first && map->skipped);
	if (!skips || !map->query || !map->open || !map->cell || !map->key_share || !map->unseen) {
		pooled_map_free(&map->sink);
		return err_nomem(info, "the picture");
	}
	share_keys(map);
	for (int64_t c = 0; c < width; c++)
		map->unseen[c] = NAN;
	*sink = &map->sink;
	return ERR_OK;
}

void pooled_map_free(struct sink *sink)
{
	struct pooled_map *map = (struct pooled_map *)sink;
	if (!map)
		return;
	free(map->query);
	free(map->open);
	free(map->key_share);
	free(map->unseen);
	free(map->first);
	free(map->skipped);
	mem_aligned_free(map->cell);
	free(map);
}
