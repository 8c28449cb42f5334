/* SPDX-License-Identifier: MIT */
/* Metrics that the first pass alone gives: they cost nothing beyond it. */
#include <math.h>

#include "analysis/family.h"


static const enum metric_id metrics[] = {
	METRIC_ENTROPY, METRIC_ENTROPY_NORM, METRIC_PERPLEXITY, METRIC_COLLAPSE, METRIC_MAX, METRIC_FOCUS_RATE, METRIC_SATURATION,
	METRIC_PARTICIPATION, METRIC_HOYER, METRIC_ROW_SUM, METRIC_LOGIT_MAX, METRIC_LOGIT_MIN, METRIC_LOGIT_RANGE, METRIC_COUNT,
};

/* What it needs depends on the metrics. */
struct first_pass {
	struct family family;
	struct sink_ops ops;
};

static double row_value(enum metric_id id, const struct row_stats *stats, const struct stats_parameters *parameters)
{
	double n = (double)stats->support;
	bool alone = stats->support < 2;
	switch (id) {
	case METRIC_ENTROPY: return stats->entropy;
	case METRIC_ENTROPY_NORM: return alone ? NAN : stats->entropy / log(n);
	case METRIC_PERPLEXITY: return exp(stats->entropy);
	case METRIC_COLLAPSE: return alone ? NAN : stats->entropy < parameters->collapse;
	case METRIC_MAX:
	case METRIC_FOCUS_RATE: return stats->peak;
	case METRIC_SATURATION: return alone ? NAN : stats->peak > parameters->saturation;
	case METRIC_PARTICIPATION: return stats->sum * stats->sum / stats->sum_square;
	case METRIC_HOYER: return alone ? NAN : (sqrt(n) - stats->sum / sqrt(stats->sum_square)) / (sqrt(n) - 1);
	case METRIC_ROW_SUM: return stats->sum;
	case METRIC_LOGIT_MAX: return stats->max;
	case METRIC_LOGIT_MIN: return stats->min;
	case METRIC_LOGIT_RANGE: return stats->max - stats->min;
	default: return NAN;
	}
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *partial)
{
	const struct family *family = (const struct family *)sink;
	const struct stats_parameters *parameters = &stats_request_of(family->stats)->parameters;
	struct row_values *values = partial;
	(void)item, (void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		if (!row_values_begin(family, values, lane0 + lane, &stats[lane]))
			continue;
		for (int m = 0; m < family->count; m++)
			values->value[m][lane0 + lane] = row_value(family->metric[m], &stats[lane], parameters);
	}
}

static const struct sink_ops first_pass_ops = {
	.name = "first pass",
	.partial_size = family_partial_size,
	.rows = rows,
	.merge = family_merge,
};

static unsigned needs_of(enum metric_id id)
{
	switch (id) {
	case METRIC_ENTROPY:
	case METRIC_ENTROPY_NORM:
	case METRIC_PERPLEXITY:
	case METRIC_COLLAPSE: return SINK_ENTROPY;
	case METRIC_LOGIT_MIN:
	case METRIC_LOGIT_RANGE: return SINK_LOGIT_MIN;
	default: return 0;
	}
}

/* To this pass hidden keys are zeros, which may be above all that a signed row sees. */
static bool takes(const struct source *source, enum metric_id id)
{
	return id != METRIC_MAX || !source->is_signed;
}

/* The smallest logit costs a comparison for every one of them, and the entropy of groups a logarithm. */
static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct first_pass *pass = (struct first_pass *)family;
	(void)source, (void)info;
	pass->ops = first_pass_ops;
	for (int m = 0; m < family->count; m++)
		pass->ops.needs |= needs_of(family->metric[m]);
	family->sink.ops = &pass->ops;
	return ERR_OK;
}

const struct family_row family_first_pass = {
	.metrics = metrics,
	.size = sizeof(struct first_pass),
	.partial = sizeof(struct row_values),
	.ops = &first_pass_ops,
	.takes = takes,
	.init = init,
};
