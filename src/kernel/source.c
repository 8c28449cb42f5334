#include "kernel/source.h"

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
