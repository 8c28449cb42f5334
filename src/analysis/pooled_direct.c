/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "analysis/pooled_map.h"
#include "base/memory.h"

struct direct {
	const struct pooled_map_request *request;
	const struct source *source;
	int64_t height, width;
	int64_t *row_edge, *key_edge;
	double *sum;
	float *cell;
};

static int64_t cells_of(int64_t most, int64_t count)
{
	return most < count ? most : count;
}

static int64_t *edges(int64_t begin, int64_t cells, int64_t count)
{
	int64_t *edge = mem_array((size_t)(cells + 1), sizeof *edge);
	for (int64_t cell = 0; edge && cell <= cells; cell++)
		edge[cell] = begin + pooled_map_edge(cell, cells, count);
	return edge;
}

static bool direct_init(struct direct *direct, int64_t row_begin)
{
	const struct pooled_map_request *request = direct->request;
	int64_t keys = request->key_end - request->key_begin, cells;
	direct->height = cells_of(request->height, request->row_count);
	direct->width = cells_of(request->width, keys);
	if (direct->height < 1 || direct->width < 1 || !mem_mul_i64(direct->height, direct->width, &cells))
		return false;
	direct->row_edge = edges(row_begin, direct->height, request->row_count);
	direct->key_edge = edges(request->key_begin, direct->width, keys);
	direct->sum = mem_array((size_t)cells, sizeof *direct->sum);
	direct->cell = mem_array((size_t)cells, sizeof *direct->cell);
	return direct->row_edge && direct->key_edge && direct->sum && direct->cell;
}

static void direct_release(struct direct *direct)
{
	free(direct->row_edge);
	free(direct->key_edge);
	free(direct->sum);
	free(direct->cell);
}

static float value_of(const struct direct *direct, int64_t map, int64_t row, int64_t column)
{
	const struct source *source = direct->source;
	const int64_t *rows = direct->row_edge + row, *keys = direct->key_edge + column;
	if (source->ops->coverage && source->ops->coverage(source, map, rows[0], rows[1] - 1, keys[0], keys[1]) == TILE_EMPTY)
		return NAN;
	double sum = direct->sum[row * direct->width + column], area = (double)(rows[1] - rows[0]) * (double)(keys[1] - keys[0]);
	return (float)(direct->request->pooling == POOLING_MEAN ? sum / area : sum);
}

static enum err draw_map(struct direct *direct, int64_t map, int64_t index, int threads, struct err_info *info)
{
	const struct cell_grid grid = { direct->row_edge, direct->key_edge, direct->height, direct->width, threads };
	enum err err = direct->source->ops->pool(direct->source, map, &grid, direct->sum, info);
	if (err)
		return err;
	for (int64_t i = 0; i < direct->height * direct->width; i++)
		direct->cell[i] = value_of(direct, map, i / direct->width, i % direct->width);
	return direct->request->emit(direct->request->emit_data, direct->source, map, index, direct->cell, direct->height,
				     direct->width, info);
}

enum err pooled_map_direct(const struct pooled_map_request *request, const struct source *source, const int64_t *maps,
			   int64_t map_count, int64_t row_begin, int threads, struct err_info *info)
{
	struct direct direct = { .request = request, .source = source };
	if (!source->ops->pool || request->pooling == POOLING_MAX || request->skip_first > 0)
		return ERR_UNSUPPORTED;
	enum err err = direct_init(&direct, row_begin) ? ERR_OK : err_nomem(info, "the picture");
	int64_t count = maps ? map_count : source_maps(source);
	for (int64_t index = 0; !err && index < count; index++)
		err = draw_map(&direct, maps ? maps[index] : index, index, threads, info);
	direct_release(&direct);
	return err;
}
