/* SPDX-License-Identifier: MIT */
#include "analysis/weights_survey.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

struct surveying {
	struct sink sink;
	const struct source *masked;
	double tolerance;
	struct weights_survey *survey;
};

struct partial {
	struct weights_survey found; /* map_mass unused */
	float low[MAX_LANES], high[MAX_LANES]; /* of the row group at work */
};

static const struct weights_survey nothing = { .row_sum_low = INFINITY, .row_sum_high = -INFINITY, .smallest = INFINITY, .largest = -INFINITY };

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source, (void)kernels;
	return sizeof(struct partial);
}

static void clear_lanes(struct partial *partial)
{
	for (int lane = 0; lane < MAX_LANES; lane++)
		partial->low[lane] = partial->high[lane] = 0;
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)item;
	partial->found = nothing;
	clear_lanes(partial);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)item, (void)lane0;
	for (int64_t k = 0; k < tile->count; k++) {
		const float *p = tile->p + k * tile->lanes;
		for (int lane = 0; lane < tile->lanes; lane++) {
			partial->low[lane] = p[lane] < partial->low[lane] ? p[lane] : partial->low[lane];
			partial->high[lane] = p[lane] > partial->high[lane] ? p[lane] : partial->high[lane];
		}
	}
}

static void add_row(struct weights_survey *found, double sum, double low, double high, double tolerance, struct survey_place at)
{
	if (low < found->smallest) {
		found->smallest = low;
		found->low = at;
	}
	if (high > found->largest) {
		found->largest = high;
		found->high = at;
	}
	if (low == 0 && high == 0)
		return;
	found->rows++;
	found->row_sum_low = fmin(found->row_sum_low, sum);
	found->row_sum_high = fmax(found->row_sum_high, sum);
	if (!(fabs(sum - 1) > tolerance))
		return;
	if (found->rows_off++ == 0 || fabs(sum - 1) > fabs(found->worst_sum - 1)) {
		found->worst_sum = sum;
		found->worst = at;
	}
}

static bool counts(const struct source *masked, int64_t map, int64_t row)
{
	return !masked || !masked->ops->support || masked->ops->support(masked, map, row) > 0;
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group, const struct row_stats *stats,
		 const float *output, int64_t output_width, void *data)
{
	struct partial *partial = data;
	const struct surveying *surveying = (const struct surveying *)sink;
	(void)lane0, (void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		add_row(&partial->found, stats[lane].sum, (double)partial->low[lane], (double)partial->high[lane], surveying->tolerance,
			(struct survey_place){ item->map, group->row[lane] });
		if (counts(surveying->masked, item->map, group->row[lane]))
			partial->found.mass += stats[lane].sum;
	}
	clear_lanes(partial);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct weights_survey *whole = ((struct surveying *)sink)->survey;
	const struct weights_survey *found = &((const struct partial *)data)->found;
	if (found->rows_off && (!whole->rows_off || fabs(found->worst_sum - 1) > fabs(whole->worst_sum - 1))) {
		whole->worst_sum = found->worst_sum;
		whole->worst = found->worst;
	}
	if (found->smallest < whole->smallest) {
		whole->smallest = found->smallest;
		whole->low = found->low;
	}
	if (found->largest > whole->largest) {
		whole->largest = found->largest;
		whole->high = found->high;
	}
	whole->rows += found->rows;
	whole->rows_off += found->rows_off;
	whole->row_sum_low = fmin(whole->row_sum_low, found->row_sum_low);
	whole->row_sum_high = fmax(whole->row_sum_high, found->row_sum_high);
	whole->mass += found->mass;
	whole->map_mass[item->index] += found->mass;
}

static const struct sink_ops survey_ops = {
	.name = "survey", .needs = SINK_TILES, .partial_size = partial_size, .start = start, .scan = scan, .rows = rows, .merge = merge,
};

enum err weights_survey(const struct source *source, const struct source *masked, const struct driver_options *options, double tolerance, struct weights_survey *survey,
			struct err_info *info)
{
	int64_t maps = options->maps ? options->map_count : source_maps(source);
	struct surveying surveying = { .sink.ops = &survey_ops, .masked = masked, .tolerance = tolerance, .survey = survey };
	struct driver_options alone = *options;
	alone.peers = NULL;
	*survey = nothing;
	survey->map_mass = mem_zero_array((size_t)maps, sizeof *survey->map_mass);
	if (!survey->map_mass)
		return err_nomem(info, "the survey of the weights");
	return driver_run(source, (struct sink *[]){ &surveying.sink }, 1, &alone, info);
}

void weights_survey_release(struct weights_survey *survey)
{
	free(survey->map_mass);
	*survey = (struct weights_survey){ 0 };
}
