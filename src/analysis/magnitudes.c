/* Signed maps: sums of absolute weights. */
#include <math.h>

#include "analysis/family.h"

struct partial {
	struct row_values values;
	double size[MAX_LANES]; /* sum |w| of the row group at work */
};

static const enum metric_id metrics[] = { METRIC_ABS_SUM, METRIC_NEGATIVE, METRIC_COUNT };

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct partial *partial = data;
	float size[MAX_LANES] = { 0 };
	(void)sink, (void)item, (void)lane0;
	for (int64_t k = 0; k < tile->count; k++)
		for (int lane = 0; lane < tile->rows->count; lane++)
			size[lane] += fabsf(tile->p[k * tile->lanes + lane]);
	for (int lane = 0; lane < tile->rows->count; lane++)
		partial->size[lane] += (double)size[lane];
}

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	double size = at->source->is_signed ? ((const struct partial *)data)->size[at->lane] : at->stats->sum;
	if (family->metric[m] != METRIC_NEGATIVE)
		return size;
	/* The negative part is half of what the sum falls short of the sum of sizes. */
	return size > 0 ? fmax(0, (size - at->stats->sum) / (2 * size)) : NAN;
}

static const struct sink_ops magnitudes_ops = {
	.name = "magnitudes",
	.needs = SINK_TILES,
	.scan = scan,
	FAMILY_OPS,
};

const struct family_row family_magnitudes = { .metrics = metrics, .size = sizeof(struct family), .partial = sizeof(struct partial), .value = value, .ops = &magnitudes_ops };
