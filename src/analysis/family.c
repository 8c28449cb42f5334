/* SPDX-License-Identifier: MIT */
#include "analysis/family.h"

#include <string.h>

size_t family_partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)source, (void)kernels;
	return ((const struct family *)sink)->row->partial;
}

void family_start(const struct sink *sink, const struct item *item, void *partial)
{
	(void)item;
	memset((char *)partial + sizeof(struct row_values), 0, ((const struct family *)sink)->row->partial - sizeof(struct row_values));
}

void family_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group, const struct row_stats *stats,
		 const float *output, int64_t output_width, void *partial)
{
	const struct family *family = (const struct family *)sink;
	struct row_values *values = partial;
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		const struct family_lane at = { item->source, &stats[lane], group->map, group->row[lane], lane };
		if (!row_values_begin(family, values, lane0 + lane, &stats[lane]))
			continue;
		for (int m = 0; m < family->count; m++)
			values->value[m][lane0 + lane] = family->row->value(family, m, &at, partial);
	}
	family_start(sink, item, partial);
}

void family_merge(struct sink *sink, const struct item *item, const void *partial)
{
	row_values_merge((struct family *)sink, item, partial);
}
