#include "analysis/pooled_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/driver.h"

/*
 * A strip is one picture row as far as one row group fills it: width values. Row groups are kept apart so that a float32 sum stays short; the
 * merge adds strips up in float64.
 */
struct pooled_map {
	struct sink sink;
	struct pooled_map_request request;
	int64_t height, width, keys; /* cells, and keys shown */
	bool wide;      /* cells hold more keys than a tile: at most two cells a tile, strips are double */
	bool single;    /* one key a cell */
	bool by_query;  /* a strip for every query: one query a picture row, or rows that are divided by their rest */
	int64_t *query; /* [row_count], as the driver hands them out */
	double *cell_keys; /* [width]: keys of a cell, without those that are skipped */
	double *open;   /* [width]: the picture row that is being filled */
	int64_t open_row;
	float *cell;
};

struct partial {
	double rest[ITEM_ROWS]; /* mass of a row outside the keys that are skipped */
	_Alignas(64) double strips[];
};

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

static int64_t picture_row(const struct pooled_map *map, int64_t position)
{
	return pooled_map_cell(position, map->height, map->request.row_count);
}

/* Key of the edge of a cell, in keys of the source. */
static int64_t key_edge(const struct pooled_map *map, int64_t cell)
{
	return map->request.key_begin + pooled_map_edge(cell, map->width, map->keys);
}

static int64_t key_cell(const struct pooled_map *map, int64_t key)
{
	return pooled_map_cell(key - map->request.key_begin, map->width, map->keys);
}

/* Rows in different groups and rows in different picture rows have different strips; a boundary of both leaves a strip unused. */
static int64_t strip_number(const struct pooled_map *map, const struct item *item, int64_t lane)
{
	int64_t first = item->position;
	if (map->by_query)
		return lane;
	return picture_row(map, first + lane) - picture_row(map, first) + lane / item->kernels->lanes;
}

/* Queries from `lane` on that fill the same strip, `most` of them at most. */
static int64_t strip_run(const struct pooled_map *map, const struct item *item, int64_t lane, int64_t most)
{
	if (map->by_query)
		return 1;
	int64_t first = item->position;
	int64_t next = pooled_map_edge(picture_row(map, first + lane) + 1, map->height, map->request.row_count);
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
	return sizeof(struct partial) + (size_t)strip_count(map, kernels) * strip_bytes(map);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	const struct pooled_map *map = map_of(sink);
	memset(data, 0, sizeof(struct partial) + (size_t)(strip_number(map, item, item->count - 1) + 1) * strip_bytes(map));
}

enum folding { FOLD_SUM, FOLD_MAX, FOLD_EXTREME };

static enum folding folding_of(const struct pooled_map *map, const struct source *source)
{
	return map->request.pooling != POOLING_MAX ? FOLD_SUM : source->is_signed ? FOLD_EXTREME : FOLD_MAX;
}

static bool is_rescaled(const struct pooled_map *map, const struct source *source)
{
	return map->request.skip_first > 0 && source->is_stochastic;
}

static double fold(enum folding folding, double a, double b)
{
	switch (folding) {
	case FOLD_SUM: return a + b;
	case FOLD_MAX: return b > a ? b : a;
	case FOLD_EXTREME: break;
	}
	return fabs(b) > fabs(a) ? b : a;
}

static void fold_array(enum folding folding, float *restrict into, const float *restrict from, int64_t count)
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
static void fold_keys(enum folding folding, const struct tile *tile, int64_t begin, int64_t end, float *out)
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
static void fold_narrow(const struct pooled_map *map, const struct item *item, int64_t lane0, const struct tile *tile, int64_t begin, int64_t end,
			float *strips)
{
	_Alignas(64) float pooled[KEY_BLOCK * MAX_LANES];
	_Alignas(64) float turned[MAX_LANES * KEY_BLOCK];
	enum folding folding = folding_of(map, tile->source);
	int64_t first = key_cell(map, begin), cells = key_cell(map, end - 1) - first + 1;
	const float *block = tile->p + (begin - tile->key) * tile->lanes;

	if (!map->single) {
		memset(pooled, 0, (size_t)(cells * tile->lanes) * sizeof *pooled);
		for (int64_t c = 0; c < cells; c++)
			fold_keys(folding, tile, max64(begin, key_edge(map, first + c)), min64(end, key_edge(map, first + c + 1)),
				  pooled + c * tile->lanes);
		block = pooled;
	} else if (map->by_query) {
		tile->kernels->transpose(block, cells, strips + lane0 * map->width + first, map->width);
		return;
	}
	tile->kernels->transpose(block, cells, turned, KEY_BLOCK);
	for (int64_t lane = 0, run; lane < tile->rows->count; lane += run) {
		float *into = strips + strip_number(map, item, lane0 + lane) * map->width + first;
		run = strip_run(map, item, lane0 + lane, tile->rows->count - lane);
		for (int64_t i = lane; i < lane + run; i++)
			fold_array(folding, into, turned + i * KEY_BLOCK, cells);
	}
}

/* A cell may take a thousand tiles: their sums are float64. */
static void fold_wide(const struct pooled_map *map, const struct item *item, int64_t lane0, const struct tile *tile, int64_t begin, int64_t end,
		      double *strips)
{
	_Alignas(64) float pooled[MAX_LANES];
	enum folding folding = folding_of(map, tile->source);
	for (int64_t cell = key_cell(map, begin), last = key_cell(map, end - 1); cell <= last; cell++) {
		memset(pooled, 0, sizeof pooled);
		fold_keys(folding, tile, max64(begin, key_edge(map, cell)), min64(end, key_edge(map, cell + 1)), pooled);
		for (int64_t lane = 0, run; lane < tile->rows->count; lane += run) {
			double *into = strips + strip_number(map, item, lane0 + lane) * map->width + cell;
			run = strip_run(map, item, lane0 + lane, tile->rows->count - lane);
			for (int64_t i = lane; i < lane + run; i++)
				*into = fold(folding, *into, (double)pooled[i]);
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

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct pooled_map *map = map_of(sink);
	struct partial *partial = data;
	int64_t begin = max64(tile->key, map->request.skip_first), end = tile->key + tile->count;
	if (begin < end && is_rescaled(map, tile->source))
		add_rest(tile, begin, end, partial->rest + lane0);
	begin = max64(begin, map->request.key_begin);
	end = min64(end, map->request.key_end);
	if (begin >= end)
		return;
	if (map->wide)
		fold_wide(map, item, lane0, tile, begin, end, partial->strips);
	else
		fold_narrow(map, item, lane0, tile, begin, end, (float *)partial->strips);
}

/* A strip, times a factor, into the picture row that is open. */
static void fold_strip(const struct pooled_map *map, enum folding folding, const struct partial *partial, int64_t strip, double factor)
{
	const double *wide = partial->strips + strip * map->width;
	const float *narrow = (const float *)partial->strips + strip * map->width;
	double *open = map->open;
	if (map->wide || folding == FOLD_EXTREME) {
		for (int64_t c = 0; c < map->width; c++)
			open[c] = fold(folding, open[c], factor * (map->wide ? wide[c] : (double)narrow[c]));
	} else if (folding == FOLD_SUM) {
		for (int64_t c = 0; c < map->width; c++)
			open[c] += factor * (double)narrow[c];
	} else {
		for (int64_t c = 0; c < map->width; c++)
			open[c] = factor * (double)narrow[c] > open[c] ? factor * (double)narrow[c] : open[c];
	}
}

/* Write the picture row that is open, and open `row`. */
static void open_row(struct pooled_map *map, int64_t row)
{
	const struct pooled_map_request *request = &map->request;
	if (map->open_row >= 0) {
		float *cell = map->cell + map->open_row * map->width;
		int64_t rows = pooled_map_edge(map->open_row + 1, map->height, request->row_count) -
			       pooled_map_edge(map->open_row, map->height, request->row_count);
		bool mean = request->pooling == POOLING_MEAN;
		for (int64_t c = 0; c < map->width; c++)
			cell[c] = map->cell_keys[c] > 0 ? (float)(map->open[c] / (mean ? (double)rows * map->cell_keys[c] : 1)) : NAN;
	}
	memset(map->open, 0, (size_t)map->width * sizeof *map->open);
	map->open_row = row;
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct pooled_map *map = (struct pooled_map *)sink;
	const struct partial *partial = data;
	int64_t first = item->position, done = -1;
	enum folding folding = folding_of(map, item->source);
	bool rescaled = is_rescaled(map, item->source);
	memcpy(map->query + first, item->row, (size_t)item->count * sizeof *map->query);
	for (int64_t lane = 0; lane < item->count; lane++) {
		int64_t row = picture_row(map, first + lane), strip = strip_number(map, item, lane);
		if (row != map->open_row)
			open_row(map, row);
		if (strip == done)
			continue;
		done = strip;
		double factor = !rescaled ? 1 : partial->rest[lane] > 0 ? 1 / partial->rest[lane] : 0;
		fold_strip(map, folding, partial, strip, factor);
	}
}

static bool any_visible(const struct pooled_map *map, const struct source *source, int64_t number, int64_t row, int64_t begin, int64_t end)
{
	if (!source->ops->visible)
		return true;
	int64_t last = pooled_map_edge(row + 1, map->height, map->request.row_count);
	for (int64_t r = pooled_map_edge(row, map->height, map->request.row_count); r < last; r++)
		for (int64_t key = begin; key < end; key++)
			if (source->ops->visible(source, number, map->query[r], key))
				return true;
	return false;
}

/* Cells first .. last - 1 of a picture row are all zero: are they seen at all? Halving asks a causal map once a row. */
static void mark_unseen(struct pooled_map *map, const struct source *source, int64_t number, int64_t row, int64_t first, int64_t last)
{
	int64_t top = map->query[pooled_map_edge(row, map->height, map->request.row_count)];
	int64_t bottom = map->query[pooled_map_edge(row + 1, map->height, map->request.row_count) - 1];
	int64_t begin = max64(key_edge(map, first), map->request.skip_first), end = key_edge(map, last);
	enum coverage coverage = source->ops->coverage ? source->ops->coverage(source, number, top, bottom, begin, end) : TILE_FULL;
	if (coverage == TILE_FULL)
		return;
	if (coverage == TILE_PARTIAL && last - first > 1) {
		int64_t middle = first + (last - first) / 2;
		mark_unseen(map, source, number, row, first, middle);
		mark_unseen(map, source, number, row, middle, last);
	} else if (coverage == TILE_EMPTY || !any_visible(map, source, number, row, begin, end)) {
		for (int64_t c = first; c < last; c++)
			map->cell[row * map->width + c] = NAN;
	}
}

static void mark_row(struct pooled_map *map, const struct source *source, int64_t number, int64_t row)
{
	const float *cell = map->cell + row * map->width;
	for (int64_t c = 0, first; c < map->width; c++) {
		for (first = c; c < map->width && cell[c] == 0; c++)
			;
		if (c > first)
			mark_unseen(map, source, number, row, first, c);
	}
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t number, int64_t index, struct err_info *info)
{
	struct pooled_map *map = (struct pooled_map *)sink;
	open_row(map, -1);
	const int64_t last = map->request.row_count - 1;
	bool whole = !source->ops->coverage || source->ops->coverage(source, number, map->query[0], map->query[last], 0, source->keys) == TILE_FULL;
	for (int64_t row = 0; row < map->height && !whole; row++)
		mark_row(map, source, number, row);
	return map->request.emit(map->request.emit_data, source, number, index, map->cell, map->height, map->width, info);
}

static const struct sink_ops pooled_map_ops = {
	.name = "pooled map",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.merge = merge,
	.map_end = map_end,
};

enum err pooled_map_new(const struct pooled_map_request *request, struct sink **sink, struct err_info *info)
{
	*sink = NULL;
	int64_t keys = request->key_end - request->key_begin, height = min64(request->height, request->row_count);
	int64_t width = min64(request->width, keys), cells, unused;
	if (request->skip_first >= request->key_end)
		return err_set(info, ERR_USAGE, "skipping the first %lld keys leaves none to show (keys shown end at %lld): skip fewer",
			       (long long)request->skip_first, (long long)request->key_end);
	if (height < 1 || width < 1 || request->key_begin < 0)
		return err_set(info, ERR_USAGE, "the picture has no cells (%lld x %lld): choose at least one query and one key", (long long)height,
			       (long long)width);
	if (!mem_mul_i64(height, width, &cells) || !mem_mul_i64(height, request->row_count + 1, &unused) || !mem_mul_i64(width, keys + 1, &unused))
		return err_set(info, ERR_USAGE, "a picture of %lld x %lld cells is too large: ask for fewer", (long long)height, (long long)width);
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
	map->cell_keys = mem_zero_array((size_t)width, sizeof *map->cell_keys);
	if (!map->query || !map->open || !map->cell || !map->cell_keys) {
		pooled_map_free(&map->sink);
		return err_nomem(info, "the picture");
	}
	for (int64_t c = 0; c < width; c++)
		map->cell_keys[c] = (double)max64(0, key_edge(map, c + 1) - max64(key_edge(map, c), request->skip_first));
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
	free(map->cell_keys);
	mem_aligned_free(map->cell);
	free(map);
}
