#include "analysis/family.h"

#include <string.h>

size_t family_partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)source, (void)kernels;
	return ((const struct family *)sink)->partial;
}

void family_start(const struct sink *sink, const struct item *item, void *partial)
{
	(void)item;
	memset((char *)partial + sizeof(struct row_values), 0, ((const struct family *)sink)->partial - sizeof(struct row_values));
}

void family_merge(struct sink *sink, const struct item *item, const void *partial)
{
	row_values_merge((struct family *)sink, item, partial);
}
