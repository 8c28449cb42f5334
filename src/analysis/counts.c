/* SPDX-License-Identifier: MIT */
/* How many weights lie below a threshold. */
#include "analysis/family.h"

/* Of the row group at work: weights at or above the threshold of each metric. */
struct partial {
	struct row_values values;
	double above[2][MAX_LANES];
};

static const enum metric_id metrics[] = { METRIC_BELOW, METRIC_H2O_SPARSITY, METRIC_COUNT };

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

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	double support = (double)at->stats->support;
	(void)family;
	return (support - ((const struct partial *)data)->above[m][at->lane]) / support;
}

static const struct sink_ops counts_ops = {
	.name = "counts",
	.needs = SINK_TILES,
	.scan = scan,
	FAMILY_OPS,
};

const struct family_row family_counts = { .metrics = metrics, .size = sizeof(struct family), .partial = sizeof(struct partial), .value = value, .ops = &counts_ops };
