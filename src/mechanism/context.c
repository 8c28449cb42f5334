/* SPDX-License-Identifier: MIT */
#include "mechanism/context.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "kernel/sink.h"

double context_kept(double lse_window, double lse_full)
{
	if (lse_full == -INFINITY)
		return NAN;
	return fmin(1, exp(lse_window - lse_full));
}

double context_divergence(double lse_window, double lse_full)
{
	return lse_full == -INFINITY ? NAN : fmax(0, lse_full - lse_window);
}

struct lse_sink {
	struct sink sink;
	double *lse; /* [rows of the run] */
};

/* Rows belong to one item each, so that they can be stored where they go. */
static void store_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		       const float *output, int64_t output_width, void *partial)
{
	double *lse = ((const struct lse_sink *)sink)->lse + item->position + lane0;
	(void)output;
	(void)output_width;
	(void)partial;
	for (int lane = 0; lane < rows->count; lane++)
		lse[lane] = stats[lane].lse;
}

static const struct sink_ops lse_ops = { .name = "lse", .rows = store_rows };

enum err context_lse(const struct source *source, int64_t map, const struct driver_options *options, double *lse, struct err_info *info)
{
	struct lse_sink collect = { .sink.ops = &lse_ops, .lse = lse };
	struct sink *sinks[] = { &collect.sink };
	struct driver_options one = options ? *options : (struct driver_options){ 0 };
	if (source->norm != NORM_SOFTMAX)
		return err_set(info, ERR_USAGE, "only a softmax has a log-sum-exp: the kept mass cannot be told for %s attention", source->ops->name);
	one.maps = &map;
	one.map_count = 1;
	return driver_run(source, sinks, 1, &one, info);
}

enum err context_kept_mass(const struct source *window, const struct source *full, int64_t map, const struct driver_options *options, double *kept,
			   struct err_info *info)
{
	int64_t rows = options && options->rows ? options->row_count : full->queries;
	double *lse = mem_array((size_t)rows, sizeof *lse);
	if (!lse)
		return err_nomem(info, "the kept mass");
	enum err err = context_lse(full, map, options, lse, info);
	if (!err)
		err = context_lse(window, map, options, kept, info);
	for (int64_t i = 0; !err && i < rows; i++)
		kept[i] = context_kept(kept[i], lse[i]);
	free(lse);
	return err;
}
