/* SPDX-License-Identifier: MIT */
#include "kernel/source.h"

#include <math.h>

void fill_changed(const struct fill *fill)
{
	if (fill->weave)
		fill->weave->has_max = false;
}

const struct source *source_prepared(const struct source *source)
{
	while (source->ops->filter && source->inner)
		source = source->inner;
	return source;
}

int64_t source_row_weights(const struct source *source)
{
	return source_prepared(source)->keys * (source->row_queries > 1 ? source->row_queries : 1);
}

int64_t source_maps(const struct source *source)
{
	return source->layers * source->batches * source->heads;
}

void source_map_id(const struct source *source, int64_t map, int64_t *layer, int64_t *batch, int64_t *head)
{
	*head = map % source->heads;
	*batch = map / source->heads % source->batches;
	*layer = map / source->heads / source->batches;
}

void source_free(struct source *source)
{
	if (source && source->ops->free)
		source->ops->free(source);
}

int64_t source_place(const struct source *source, int64_t batch)
{
	if (!source->has_place)
		return source->keys > source->queries ? source->keys - source->queries : 0;
	return source->place_lengths ? source->place_lengths[batch] - source->queries : source->place;
}

int64_t source_diagonal(const struct source *source, int64_t map)
{
	return source->diagonals ? source->diagonals[map / source->heads % source->batches] : source->diagonal;
}

/* The first key of [begin, end) that a query sees, or the last: halving asks about few of them where the source knows runs of keys. */
static int64_t seen_in(const struct source *source, int64_t map, int64_t row, int64_t begin, int64_t end, bool last)
{
	enum { FEW = 8 };
	enum coverage coverage = source->ops->coverage ? source->ops->coverage(source, map, row, row, begin, end) : TILE_PARTIAL;
	if (coverage == TILE_EMPTY)
		return -1;
	if (coverage == TILE_FULL)
		return last ? end - 1 : begin;
	if (end - begin > FEW) {
		int64_t middle = begin + (end - begin) / 2;
		int64_t found = seen_in(source, map, row, last ? middle : begin, last ? end : middle, last);
		return found >= 0 ? found : seen_in(source, map, row, last ? begin : middle, last ? middle : end, last);
	}
	for (int64_t i = 0; i < end - begin; i++) {
		int64_t key = last ? end - 1 - i : begin + i;
		if (source->ops->visible(source, map, row, key))
			return key;
	}
	return -1;
}

bool source_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	if (source->ops->span)
		return source->ops->span(source, map, row, begin, end);
	*begin = 0;
	*end = source->keys;
	if (!source->ops->visible)
		return source->keys > 0;
	*begin = seen_in(source, map, row, 0, source->keys, false);
	if (*begin >= 0)
		*end = seen_in(source, map, row, *begin, source->keys, true) + 1;
	return *begin >= 0;
}

static void mark_visible(const struct source *source, int64_t map, int64_t row, int64_t begin, int64_t end, bool *visible)
{
	enum { FEW = 8 };
	enum coverage coverage = source->ops->coverage ? source->ops->coverage(source, map, row, row, begin, end) : TILE_PARTIAL;
	if (coverage == TILE_PARTIAL && source->ops->coverage && end - begin > FEW) {
		int64_t middle = begin + (end - begin) / 2;
		mark_visible(source, map, row, begin, middle, visible);
		mark_visible(source, map, row, middle, end, visible);
		return;
	}
	for (int64_t key = begin; key < end && coverage != TILE_EMPTY; key++)
		visible[key] |= coverage == TILE_FULL || !source->ops->visible || source->ops->visible(source, map, row, key);
}

void source_mark_visible(const struct source *source, int64_t map, int64_t row, bool *visible)
{
	int64_t begin, end;
	if (source_span(source, map, row, &begin, &end))
		mark_visible(source, map, row, begin, end, visible);
}

struct map_extent source_extent(const struct source *source, int64_t map, int64_t first, int64_t last)
{
	struct map_extent extent = { 0 };
	for (int64_t row = first; row < last; row++) {
		int64_t begin, end;
		if (!source_span(source, map, row, &begin, &end))
			continue;
		if (extent.row_end == 0)
			extent = (struct map_extent){ row, row, begin, end };
		extent.row_end = row + 1;
		extent.key_begin = begin < extent.key_begin ? begin : extent.key_begin;
		extent.key_end = end > extent.key_end ? end : extent.key_end;
	}
	return extent;
}

bool source_row_is_nan(const struct source *source, int64_t map, int64_t row)
{
	return source->dead_rows_nan && source->ops->support && source->ops->support(source, map, row) == 0;
}

bool source_writes_itself(const struct source *source, int64_t map, int64_t row)
{
	return !source->hidden_infinite && !source_row_is_nan(source, map, row);
}

double source_written(const struct source *source, int64_t map, int64_t row, int64_t key, double weight)
{
	if (source_row_is_nan(source, map, row))
		return NAN;
	bool hidden = source->hidden_infinite && source->ops->visible && !source->ops->visible(source, map, row, key);
	return hidden ? -INFINITY : weight;
}
