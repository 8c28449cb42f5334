/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "analysis/difference.h"
#include "analysis/row_outputs.h"
#include "base/memory.h"
#include "commands/compare.h"
#include "kernel/driver.h"
#include "kernel/reference.h"
#include "mechanism/context.h"

static const char *const names[] = { "kept", "kept_min", "kl", "kl_max", "lost_rows", "output_error" };
enum { NAMES = sizeof names / sizeof *names, PLACE_COLUMNS = 3 };

/* Of the rows of one map: log-sum-exp and output. */
struct results {
	double *lse, *output; /* output [rows][width]; NULL: none */
	int64_t width, count;
};

static enum err keep_row(void *data, int64_t map, int64_t index, int64_t row, const struct row_stats *stats, const float *output, int64_t width,
			 struct err_info *info)
{
	struct results *results = data;
	(void)map, (void)index, (void)row, (void)info;
	for (int64_t i = 0; i < width; i++)
		results->output[results->count * width + i] = (double)output[i];
	results->lse[results->count++] = stats->lse;
	return ERR_OK;
}

static enum err by_tiles(const struct comparing *comparing, const struct source *source, int64_t map, struct results *results, struct err_info *info)
{
	struct sink *sink = NULL;
	struct driver_options options = input_driver(&comparing->a);
	options.maps = &map;
	options.map_count = 1;
	options.rows = comparing->row;
	options.row_count = comparing->row_count;
	enum err err = row_outputs_new(source, comparing->outputs, keep_row, results, &sink, info);
	if (!err)
		err = driver_run(source, &sink, 1, &options, info);
	row_outputs_free(sink);
	return err;
}

static enum err by_definition(const struct comparing *comparing, const struct source *source, int64_t map, struct results *results, struct err_info *info)
{
	double *weight = mem_array((size_t)source->keys, sizeof *weight);
	enum err err = weight ? ERR_OK : err_nomem(info, "a row of weights");
	for (int64_t i = 0; i < comparing->row_count && !err; i++) {
		struct row_stats stats;
		err = reference_row(source, map, comparing->row[i], weight, &stats, results->output ? results->output + i * results->width : NULL, info);
		results->lse[i] = stats.lse;
	}
	free(weight);
	return err;
}

static enum err run_source(const struct comparing *comparing, const struct source *source, int64_t map, struct results *results, struct err_info *info)
{
	results->count = 0;
	return compare_exactly(comparing) ? by_definition(comparing, source, map, results, info) : by_tiles(comparing, source, map, results, info);
}

static enum err results_init(struct results *results, const struct comparing *comparing, struct err_info *info)
{
	results->width = comparing->outputs ? comparing->a.source->values->size[AXIS_DIM] : 0;
	results->lse = mem_array((size_t)comparing->row_count, sizeof *results->lse);
	if (comparing->outputs)
		results->output = mem_array((size_t)comparing->row_count, (size_t)results->width * sizeof *results->output);
	return results->lse && (results->output || !comparing->outputs) ? ERR_OK : err_nomem(info, "the outputs");
}

static void results_release(struct results *results)
{
	free(results->lse);
	free(results->output);
}

static void put_rows(const struct comparing *comparing, struct record *record, int64_t map, const struct results *window, const struct results *full)
{
	for (int64_t i = 0; i < comparing->row_count; i++) {
		compare_place(comparing, record, map);
		record_int(record, PLACE_COLUMNS, comparing->row[i]);
		record_real(record, PLACE_COLUMNS + 1, context_kept(window->lse[i], full->lse[i]));
		record_real(record, PLACE_COLUMNS + 2, context_divergence(window->lse[i], full->lse[i]) + 0.0);
		record_row(record);
	}
}

/* Rows that see nothing any more are counted, and left out of the rest. */
static void put_map(const struct comparing *comparing, struct record *record, int64_t map, const struct results *window, const struct results *full)
{
	struct difference outputs = { 0 };
	double kept_sum = 0, kept_min = 1, kl_sum = 0, kl_max = 0, rows = 0, lost = 0, all[DIFFERENCE_COUNT];
	for (int64_t i = 0; i < comparing->row_count; i++) {
		double kept = context_kept(window->lse[i], full->lse[i]), kl = context_divergence(window->lse[i], full->lse[i]);
		lost += kept == 0;
		if (!(kept > 0))
			continue;
		if (comparing->outputs)
			difference_add_output(&outputs, window->output + i * window->width, full->output + i * full->width, full->width);
		rows++;
		kept_sum += kept;
		kept_min = fmin(kept_min, kept);
		kl_sum += kl;
		kl_max = fmax(kl_max, kl);
	}
	difference_values(&outputs, comparing->outputs, all);
	const double value[NAMES] = { kept_sum / rows, rows ? kept_min : NAN, kl_sum / rows, rows ? kl_max : NAN, lost, rows ? all[DIFFERENCE_COUNT - 1] : NAN };
	compare_place(comparing, record, map);
	for (int i = 0; i < (int)NAMES; i++)
		record_real(record, PLACE_COLUMNS + i, value[i] + 0.0);
	record_row(record);
}

static struct record *open_record(struct comparing *comparing)
{
	struct record_column column[PLACE_COLUMNS + NAMES] = { { "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT } };
	static const struct record_column of_row[] = { { "query", RECORD_INT }, { "kept", RECORD_REAL }, { "kl", RECORD_REAL } };
	int count = PLACE_COLUMNS;
	for (int i = 0; i < (comparing->per_row ? 3 : (int)NAMES); i++)
		column[count++] = comparing->per_row ? of_row[i] : (struct record_column){ names[i], RECORD_REAL };
	return record_new(comparing->format, column, count, &comparing->out);
}

enum err compare_context(struct comparing *comparing, struct err_info *info)
{
	const struct selection *selection = &comparing->a.selection;
	struct results window = { 0 }, full = { 0 };
	struct record *record = NULL;
	if (comparing->a.source->norm != NORM_SOFTMAX)
		return err_set(info, ERR_USAGE, "only a softmax has a log-sum-exp: --against-full is not for %s attention", comparing->a.source->ops->name);
	enum err err = results_init(&window, comparing, info);
	if (!err)
		err = results_init(&full, comparing, info);
	if (!err && !(record = open_record(comparing)))
		err = err_nomem(info, "the report");
	progress_start(&comparing->progress, "contexts");
	for (int64_t i = 0; i < selection->maps && !err; i++) {
		err = run_source(comparing, comparing->a.source, selection->map[i], &window, info);
		if (!err)
			err = run_source(comparing, comparing->b.source, selection->map[i], &full, info);
		if (!err)
			(comparing->per_row ? put_rows : put_map)(comparing, record, selection->map[i], &window, &full);
		progress_report(&comparing->progress, (double)(i + 1) / (double)selection->maps);
	}
	progress_end(&comparing->progress);
	enum err end = record_end(record);
	results_release(&window);
	results_release(&full);
	return err ? err : end;
}
