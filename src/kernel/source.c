#include "kernel/source.h"

#include <math.h>

void fill_changed(const struct fill *fill)
{
	if (fill->weave)
		fill->weave->has_max = false;
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
