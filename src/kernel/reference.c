/* SPDX-License-Identifier: MIT */
#include "kernel/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static double row_max(const double *value, int64_t count)
{
	double max = -INFINITY;
	for (int64_t i = 0; i < count; i++)
		max = fmax(max, value[i]);
	return max;
}

static double row_min(const struct source *source, int64_t map, int64_t row, const double *value)
{
	double min = INFINITY;
	for (int64_t key = 0; key < source->keys; key++)
		if (value[key] > -INFINITY && (!source->ops->visible || source->ops->visible(source, map, row, key)))
			min = fmin(min, value[key]);
	return min;
}

/* The largest logit that takes part in the softmax, the sink logit included. */
static double softmax_top(const struct source *source, double max, double sink)
{
	return source->norm == NORM_SOFTMAX ? fmax(max, sink) : max;
}

/* Scores become weights; returns the log-sum-exp, or the logarithm of the row sum. */
static double normalise(const struct source *source, int64_t map, double *weight, double max)
{
	double sink = source->sink_logit ? source->sink_logit[map] : -INFINITY;
	double top = softmax_top(source, max, sink), sum = 0;
	bool softmax = source->norm == NORM_SOFTMAX;
	for (int64_t key = 0; key < source->keys; key++) {
		if (softmax)
			weight[key] = weight[key] > -INFINITY ? exp(weight[key] - top) : 0;
		sum += weight[key];
	}
	double total = source->norm == NORM_ROW_SUM ? sum + source->row_epsilon : sum;
	if (softmax && sink > -INFINITY)
		total += exp(sink - top);
	for (int64_t key = 0; key < source->keys && source->norm != NORM_NONE; key++)
		weight[key] = total != 0 ? weight[key] / total : 0;
	return softmax ? (total > 0 ? top + log(total) : -INFINITY) : log(fmax(0, sum));
}

static struct row_stats weight_stats(const struct source *source, const double *weight)
{
	struct row_stats stats = { .peak = row_max(weight, source->keys) };
	for (int64_t key = 0; key < source->keys; key++) {
		double p = weight[key];
		stats.sum += p;
		stats.sum_square += p * p;
		if (p > 0)
			stats.entropy -= p * log(p);
	}
	if (source->is_signed)
		stats.entropy = NAN;
	return stats;
}

static enum err weighted_values(const struct source *source, int64_t map, const double *weight, double *output, struct err_info *info)
{
	int64_t layer, batch, head, width = source->values->size[AXIS_DIM], heads = source->values->size[AXIS_HEAD];
	source_map_id(source, map, &layer, &batch, &head);
	double *value = mem_array((size_t)width, sizeof(*value));
	if (!value)
		return err_nomem(info, "a row of values");
	memset(output, 0, (size_t)width * sizeof(*output));
	enum err err = ERR_OK;
	for (int64_t key = 0; key < source->keys && !err; key++) {
		if (weight[key] == 0)
			continue;
		err = heads_decode_f64(source->values, layer, batch, head / (source->heads / heads), key, 1, false, value, width, info);
		for (int64_t c = 0; c < width && !err; c++)
			output[c] += weight[key] * value[c];
	}
	free(value);
	return err;
}

enum err reference_row(const struct source *source, int64_t map, int64_t row, double *weight, struct row_stats *stats, double *output, struct err_info *info)
{
	enum err err = source->ops->score64(source, map, row, weight, info);
	if (err)
		return err;
	bool softmax = source->norm == NORM_SOFTMAX;
	double max = row_max(weight, source->keys), min = softmax ? row_min(source, map, row, weight) : NAN;
	double lse = normalise(source, map, weight, max);
	if (stats) {
		*stats = weight_stats(source, weight);
		stats->lse = lse;
		stats->max = max;
		stats->min = max > -INFINITY ? min : NAN;
		stats->support = source->ops->support ? source->ops->support(source, map, row) : source->keys;
	}
	return output ? weighted_values(source, map, weight, output, info) : ERR_OK;
}
