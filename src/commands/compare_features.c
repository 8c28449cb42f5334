/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/difference.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/compare.h"
#include "commands/gather.h"
#include "commands/inputs_describe.h"
#include "commands/picture.h"
#include "render/chart.h"

enum { FEATURE_COUNTS_MAX = 64, PLACE_COLUMNS = 3 };

/* Curves whose colours one tells apart. */
enum { CURVES_MAX = 6 };

static const char *const names[] = { "features", "seeds", "rel_fro", "rel_fro_sd", "kl", "output_error", "output_error_sd", "slope" };
enum { NAMES = sizeof names / sizeof *names };

/* Sums over the seeds of one map and one number of features. */
struct errors {
	double fro, fro_square, kl, output, output_square;
};

struct sweep {
	struct comparing *comparing;
	int64_t features[FEATURE_COUNTS_MAX];
	int counts;
	int64_t seeds;
	struct errors *errors; /* [maps][counts] */
};

static enum err read_counts(struct sweep *sweep, const char *text, struct err_info *info)
{
	for (const char *at = text; *at; sweep->counts++) {
		char *end;
		errno = 0;
		long long count = strtoll(at, &end, 10);
		if (end == at || errno || count < 1 || (*end && *end != ',') || sweep->counts == FEATURE_COUNTS_MAX)
			return err_set(info, ERR_USAGE, "--features %s: expected up to %d numbers, separated by commas", text, FEATURE_COUNTS_MAX);
		sweep->features[sweep->counts] = count;
		at = *end ? end + 1 : end;
	}
	return sweep->counts ? ERR_OK : err_set(info, ERR_USAGE, "--features: expected numbers, separated by commas");
}

static void add_errors(struct errors *errors, const struct difference *difference, bool outputs)
{
	double value[DIFFERENCE_COUNT];
	difference_values(difference, outputs, value);
	errors->fro += value[0];
	errors->fro_square += value[0] * value[0];
	errors->kl += value[4];
	errors->output += value[DIFFERENCE_COUNT - 1];
	errors->output_square += value[DIFFERENCE_COUNT - 1] * value[DIFFERENCE_COUNT - 1];
}

/* Draw once and compare every map. The parameters that the user gave come first, so that the last ones count. */
static enum err draw_and_compare(struct sweep *sweep, int at, int64_t seed, int file_count, char **file, struct err_info *info)
{
	const struct comparing *comparing = sweep->comparing;
	const struct string_list *common = input_parameters();
	const struct selection *selection = &comparing->a.selection;
	char features[32], number[32];
	struct input drawn = { 0 };
	struct string_list parameter = { .count = common->count + 2 };
	parameter.item = mem_array(parameter.count, sizeof *parameter.item);
	if (!parameter.item)
		return err_nomem(info, "the parameters");
	for (size_t i = 0; i < common->count; i++)
		parameter.item[i] = common->item[i];
	snprintf(features, sizeof features, "features=%" PRId64, sweep->features[at]);
	snprintf(number, sizeof number, "seed=%" PRId64, seed);
	parameter.item[common->count] = features;
	parameter.item[common->count + 1] = number;
	const struct input_change change = { .parameter = &parameter };
	enum err err = input_open_changed(&drawn, &change, file_count, file, info);
	struct driver_options options = input_driver(&comparing->a);
	const struct difference_request request = {
		.a = drawn.source, .b = comparing->b.source, .options = &options, .row = comparing->row, .row_count = comparing->row_count,
		.exact = compare_exactly(comparing), .outputs = comparing->outputs,
	};
	for (int64_t i = 0; i < selection->maps && !err; i++) {
		struct difference difference = { 0 };
		err = difference_run(&request, selection->map[i], &difference, info);
		if (!err)
			add_errors(&sweep->errors[i * sweep->counts + at], &difference, comparing->outputs);
	}
	input_release(&drawn);
	free(parameter.item);
	return err;
}

/* Of ln(mean error) over ln(features), by least squares; NaN for fewer than two numbers of features. */
static double slope_of(const struct sweep *sweep, const struct errors *errors)
{
	double n = sweep->counts, x = 0, y = 0, xx = 0, xy = 0;
	for (int i = 0; i < sweep->counts; i++) {
		double of_x = log((double)sweep->features[i]), of_y = log(errors[i].fro / (double)sweep->seeds);
		x += of_x;
		y += of_y;
		xx += of_x * of_x;
		xy += of_x * of_y;
	}
	return n > 1 ? (n * xy - x * y) / (n * xx - x * x) : NAN;
}

static double deviation(double sum, double square, double count)
{
	return count > 1 && !isnan(sum) ? sqrt(fmax(0, (square - sum * sum / count) / (count - 1))) : NAN;
}

static enum err print(const struct sweep *sweep, struct err_info *info)
{
	struct comparing *comparing = sweep->comparing;
	struct record_column column[PLACE_COLUMNS + NAMES] = { { "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT } };
	double seeds = (double)sweep->seeds;
	for (int i = 0; i < (int)NAMES; i++)
		column[PLACE_COLUMNS + i] = (struct record_column){ names[i], i < 2 ? RECORD_INT : RECORD_REAL };
	struct record *record = record_new(comparing->format, column, PLACE_COLUMNS + NAMES, &comparing->out);
	if (!record)
		return err_nomem(info, "the report");
	for (int64_t i = 0; i < comparing->a.selection.maps * sweep->counts; i++) {
		const struct errors *errors = &sweep->errors[i];
		compare_place(comparing, record, comparing->a.selection.map[i / sweep->counts]);
		const double value[] = { errors->fro / seeds, deviation(errors->fro, errors->fro_square, seeds), errors->kl / seeds, errors->output / seeds,
					 deviation(errors->output, errors->output_square, seeds), slope_of(sweep, errors - i % sweep->counts) };
		record_int(record, PLACE_COLUMNS, sweep->features[i % sweep->counts]);
		record_int(record, PLACE_COLUMNS + 1, sweep->seeds);
		for (int k = 2; k < (int)NAMES; k++)
			record_real(record, PLACE_COLUMNS + k, value[k - 2]);
		record_row(record);
	}
	return record_end(record);
}

/* The error of one map against the number of features: its mean and deviation over the seeds. */
struct curve {
	double y[FEATURE_COUNTS_MAX], low[FEATURE_COUNTS_MAX], high[FEATURE_COUNTS_MAX];
	struct strbuf name;
};

static void fill_curve(const struct sweep *sweep, int64_t map, struct curve *curve)
{
	double seeds = (double)sweep->seeds;
	strbuf_init(&curve->name);
	gather_name(&sweep->comparing->a, map, REDUCE_NONE, &curve->name);
	strbuf_addf(&curve->name, "%smean and deviation of %" PRId64 " seeds", curve->name.len ? ", " : "", sweep->seeds);
	for (int i = 0; i < sweep->counts; i++) {
		const struct errors *errors = &sweep->errors[map * sweep->counts + i];
		double spread = seeds > 1 ? deviation(errors->fro, errors->fro_square, seeds) : 0;
		curve->y[i] = errors->fro / seeds;
		curve->low[i] = curve->y[i] - spread;
		curve->high[i] = curve->y[i] + spread;
	}
}

/* A curve for each map, and the slope -1/2 through the first point of the first. */
static enum err plot(const struct sweep *sweep, struct picture *picture, struct err_info *info)
{
	double x[FEATURE_COUNTS_MAX], half[FEATURE_COUNTS_MAX];
	struct curve *curve = mem_zero_array(CURVES_MAX, sizeof *curve);
	struct series series[CURVES_MAX + 1];
	struct picture_order order;
	struct strbuf source, title, notes, caption;
	int maps = (int)sweep->comparing->a.selection.maps;
	if (!curve)
		return err_nomem(info, "the curves");
	for (int i = 0; i < sweep->counts; i++)
		x[i] = (double)sweep->features[i];
	for (int map = 0; map < maps; map++) {
		fill_curve(sweep, map, &curve[map]);
		series[map] = (struct series){ .kind = SERIES_LINE, .name = curve[map].name.buf, .count = sweep->counts, .x = x, .y = curve[map].y,
					       .low = curve[map].low, .high = curve[map].high, .colour = map };
	}
	for (int i = 0; i < sweep->counts; i++)
		half[i] = curve[0].y[0] * sqrt(x[0] / x[i]);
	series[maps] = (struct series){ .kind = SERIES_LINE, .name = "features^(-1/2)", .count = sweep->counts, .x = x, .y = half, .colour = CURVES_MAX,
					.faint = true };
	strbuf_init(&source);
	strbuf_init(&title);
	strbuf_init(&notes);
	compare_describe(sweep->comparing, &title, &notes);
	strbuf_addstr(&title, ": error of random features");
	const char *note = sweep->comparing->b.source->note;
	strbuf_init(&caption);
	strbuf_addf(&caption, "A: features as on the axis, drawn from %" PRId64 " seeds%s%s", sweep->seeds, *note ? ", B: " : "", note);
	const struct chart_scene scene = {
		.series = series, .series_count = maps + 1, .x = { .title = "features", .log = true, .min = NAN, .max = NAN },
		.y = { .title = "||A - B|| / ||B||", .log = true, .min = NAN, .max = NAN },
		.title = picture->title ? picture->title : title.buf, .caption = caption.buf, .theme = picture->theme,
	};
	input_describe_sizes(&sweep->comparing->a, &source);
	picture_order(&order, picture, source.buf, caption.buf);
	enum err err = picture->format == PICTURE_TEXT ? terminal_write_chart(&scene, &picture->terminal, &picture->out, info)
						       : chart_write(&scene, &order.request, info);
	if (!err)
		err = output_commit(&picture->out, info);
	for (int map = 0; map < maps; map++)
		strbuf_release(&curve[map].name);
	free(curve);
	strbuf_release(&source);
	strbuf_release(&title);
	strbuf_release(&notes);
	strbuf_release(&caption);
	return err;
}

static enum err open_plot(const struct sweep *sweep, const char *target, struct picture *picture, struct err_info *info)
{
	int64_t maps = sweep->comparing->a.selection.maps;
	if (!target)
		return ERR_OK;
	if (maps > CURVES_MAX)
		return err_set(info, ERR_USAGE, "--plot: the curves of %" PRId64 " heads cannot be told apart (at most %d): choose with --layer, --batch and --head",
			       maps, CURVES_MAX);
	return picture_open_as(picture, target, info);
}

enum err compare_features(struct comparing *comparing, const char *features, int64_t seeds, int file_count, char **file, const char *target, struct err_info *info)
{
	struct sweep sweep = { .comparing = comparing, .seeds = seeds };
	struct picture picture = { 0 };
	enum err err = read_counts(&sweep, features, info);
	if (!err)
		err = open_plot(&sweep, target, &picture, info);
	if (!err && !(sweep.errors = mem_zero_array((size_t)comparing->a.selection.maps, (size_t)sweep.counts * sizeof *sweep.errors)))
		err = err_nomem(info, "the errors");
	progress_start(&comparing->progress, "drawings");
	for (int64_t i = 0; i < sweep.counts * seeds && !err; i++) {
		err = draw_and_compare(&sweep, (int)(i / seeds), i % seeds, file_count, file, info);
		progress_report(&comparing->progress, (double)(i + 1) / (double)(sweep.counts * seeds));
	}
	progress_end(&comparing->progress);
	if (!err)
		err = print(&sweep, info);
	if (!err && target)
		err = plot(&sweep, &picture, info);
	picture_release(&picture);
	free(sweep.errors);
	return err;
}
