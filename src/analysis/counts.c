/* How many weights lie below a threshold. */
#include <math.h>
#include <string.h>

#include "analysis/family.h"

/* Of the row group at work: weights at or above the threshold of each metric. */
struct partial {
	double above[2][MAX_LANES];
	struct row_values values;
};

static const enum metric_id metrics[] = { METRIC_BELOW, METRIC_H2O_SPARSITY, METRIC_COUNT };

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source, (void)kernels;
	return sizeof(struct partial);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)item;
	memset(partial->above, 0, sizeof partial->above);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct family *family = (const struct family *)sink;
	const struct stats_parameters *parameters = &stats_request_of(family->stats)->parameters;
	struct partial *partial = data;
	_Alignas(64) float threshold[MAX_LANES], number[MAX_LANES], mass[MAX_LANES];
	(void)item, (void)lane0;
	for (int m = 0; m < family->count; m++) {
		for (int lane = 0; lane < tile->lanes; lane++) {
			double peak = lane < tile->rows->count ? tile->stats[lane].peak : 1;
			threshold[lane] = (float)(family->metric[m] == METRIC_BELOW ? parameters->below : parameters->h2o * peak);
			number[lane] = mass[lane] = 0;
		}
		tile->kernels->count_above(tile->p, tile->count, threshold, number, mass);
		for (int lane = 0; lane < tile->rows->count; lane++)
			partial->above[m][lane] += (double)number[lane];
	}
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		double support = (double)stats[lane].support;
		if (!row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]))
			continue;
		for (int m = 0; m < family->count; m++)
			partial->values.value[m][lane0 + lane] = (support - partial->above[m][lane]) / support;
	}
	start(sink, item, partial);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	row_values_merge((struct family *)sink, item, &((const struct partial *)data)->values);
}

static const struct sink_ops counts_ops = {
	.name = "counts",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = merge,
};

const struct family_row family_counts = { .metrics = metrics, .size = sizeof(struct family), .ops = &counts_ops };
