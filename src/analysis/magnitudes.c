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

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		double size = item->source->is_signed ? partial->size[lane] : stats[lane].sum;
		if (!row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]))
			continue;
		for (int m = 0; m < family->count; m++) {
			/* The negative part is half of what the sum falls short of the sum of sizes. */
			double negative = size > 0 ? fmax(0, (size - stats[lane].sum) / (2 * size)) : NAN;
			partial->values.value[m][lane0 + lane] = family->metric[m] == METRIC_NEGATIVE ? negative : size;
		}
	}
	family_start(sink, item, partial);
}

static const struct sink_ops magnitudes_ops = {
	.name = "magnitudes",
	.needs = SINK_TILES,
	.partial_size = family_partial_size,
	.start = family_start,
	.scan = scan,
	.rows = rows,
	.merge = family_merge,
};

const struct family_row family_magnitudes = { .metrics = metrics, .size = sizeof(struct family), .partial = sizeof(struct partial), .ops = &magnitudes_ops };
