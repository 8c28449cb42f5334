/* SPDX-License-Identifier: MIT */
/* Guided attention: how much of the weight lies away from the diagonal of an alignment, by a soft measure. */
#include <math.h>

#include "analysis/family.h"

static const enum metric_id metrics[] = { METRIC_GUIDED, METRIC_COUNT };

struct partial {
	struct row_values values;
	double sum[MAX_LANES];
};

/* 1 - e^(-x^2 / (2 g^2)) for positions x apart, both sides scaled to length 1 from where the item begins to where it ends. */
static double penalty(const struct map_extent *extent, int64_t row, int64_t key, double width)
{
	double keys = (double)(extent->key_end - extent->key_begin), rows = (double)(extent->row_end - extent->row_begin);
	double apart = ((double)(key - extent->key_begin) / keys - (double)(row - extent->row_begin) / rows) / width;
	return -expm1(-apart * apart / 2);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct family *family = (const struct family *)sink;
	const struct map_extent extent = stats_extent(family->stats, tile->rows->map);
	double width = stats_request_of(family->stats)->parameters.guided;
	struct partial *partial = data;
	(void)item, (void)lane0;
	for (int64_t k = 0; k < tile->count; k++)
		for (int lane = 0; lane < tile->rows->count; lane++) {
			double p = (double)tile->p[k * tile->lanes + lane];
			if (p != 0)
				partial->sum[lane] += p * penalty(&extent, tile->rows->row[lane], tile->key + k, width);
		}
}

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	(void)family, (void)m;
	return ((const struct partial *)data)->sum[at->lane];
}

static const struct sink_ops guided_ops = {
	.name = "guided attention",
	.needs = SINK_TILES,
	.scan = scan,
	FAMILY_OPS,
};

const struct family_row family_guided = { .metrics = metrics, .size = sizeof(struct family), .partial = sizeof(struct partial), .value = value, .ops = &guided_ops };
