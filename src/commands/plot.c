/* SPDX-License-Identifier: MIT */
#include "commands/plot.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/inputs_describe.h"
#include "commands/picture.h"
#include "render/chart.h"

enum plot_kind { PLOT_AUTO, PLOT_MATRIX, PLOT_DEPTH, PLOT_ROWS, PLOT_HISTOGRAM, PLOT_PROFILE };

/* More curves than this are drawn faint, with their mean in front. */
enum { CURVES_MAX = 8, BINS = 40 };

static const struct word kind_words[] = {
	{ "auto", PLOT_AUTO }, { "matrix", PLOT_MATRIX }, { "depth", PLOT_DEPTH }, { "rows", PLOT_ROWS },
	{ "histogram", PLOT_HISTOGRAM }, { "profile", PLOT_PROFILE }, WORD_END,
};

static struct {
	const char *target, *metric;
	int kind;
} given;

const struct option_row plot_rows[] = {
	OPTION_OUTPUT(0, "plot", &given.target, "also draw a metric: .png, .svg, .pdf, .txt"),
	OPTION_CHOICE(0, "plot-kind", "KIND", &given.kind, kind_words, "layers x heads, dots by depth, curves over queries, histogram, or profile over offsets"),
	OPTION_STRING(0, "plot-metric", "NAME", &given.metric, "metric to draw (default: the first)"),
	OPTION_GROUP(NULL, picture_style_rows),
	OPTION_END
};

struct plot {
	const struct input *input;
	const struct metric *metric;
	int index;               /* of the metric among those measured */
	enum plot_kind kind;
	struct picture picture;
	double *value;           /* [maps], NaN until known */
	double **curve;          /* [maps], values of rows or a list */
	int64_t *curve_count;
	double *x;               /* positions of the curves */
	int64_t x_count;
	const int64_t *row;
	int64_t row_count;
	char *title, *caption, *unit;
};

bool plot_wanted(void)
{
	return given.target;
}

bool plot_needs_rows(void)
{
	return given.target && (given.kind == PLOT_ROWS || given.kind == PLOT_HISTOGRAM);
}

static bool can_draw(enum plot_kind kind, const struct metric *metric)
{
	switch (kind) {
	case PLOT_ROWS:
	case PLOT_HISTOGRAM: return metric->level == METRIC_OF_ROW;
	case PLOT_PROFILE: return metric->level == METRIC_LIST;
	default: return metric->level == METRIC_OF_ROW || metric->level == METRIC_OF_HEAD || (kind == PLOT_AUTO && metric->level == METRIC_LIST);
	}
}

static enum err choose_metric(struct plot *plot, const struct metric *const *metric, int count, struct err_info *info)
{
	for (int i = 0; i < count; i++) {
		bool wanted = !given.metric || strcmp(metric[i]->name, given.metric) == 0;
		if (!wanted || !can_draw((enum plot_kind)given.kind, metric[i]))
			continue;
		plot->metric = metric[i];
		plot->index = i;
		return ERR_OK;
	}
	if (given.metric)
		return err_set(info, ERR_USAGE, "--plot-metric %s: not among the metrics measured, or not to be drawn as %s", given.metric, word_text(kind_words, given.kind));
	return err_set(info, ERR_USAGE, "no metric measured can be drawn as %s", word_text(kind_words, given.kind));
}

static enum plot_kind choose_kind(const struct plot *plot)
{
	if (given.kind != PLOT_AUTO)
		return (enum plot_kind)given.kind;
	if (plot->metric->level == METRIC_LIST)
		return PLOT_PROFILE;
	return plot->input->selection.layers > 1 ? PLOT_DEPTH : PLOT_MATRIX;
}

static enum err set_words(struct plot *plot, int64_t row_count, struct err_info *info)
{
	struct strbuf title, caption, unit;
	strbuf_init(&title);
	strbuf_init(&caption);
	strbuf_init(&unit);
	if (plot->picture.title) {
		strbuf_addstr(&title, plot->picture.title);
	} else {
		input_describe_shown(plot->input, NULL, &title);
		strbuf_addf(&title, ": %s", plot->metric->summary);
	}
	if (row_count < plot->input->source->queries)
		strbuf_addf(&caption, "%" PRId64 " of ", row_count);
	strbuf_addf(&caption, "%" PRId64 " queries x %" PRId64 " keys", plot->input->source->queries, plot->input->source->keys);
	if (*plot->input->source->note)
		strbuf_addf(&caption, ", %s", plot->input->source->note);
	strbuf_addf(&unit, "%s (%s)", plot->metric->name, plot->metric->unit);
	plot->title = strbuf_detach(&title);
	plot->caption = strbuf_detach(&caption);
	plot->unit = strbuf_detach(&unit);
	return plot->title && plot->caption && plot->unit ? ERR_OK : err_nomem(info, "the figure");
}

enum err plot_new(const struct input *input, const struct metric *const *metric, int metric_count, const int64_t *row, int64_t row_count, struct plot **plot,
		  struct err_info *info)
{
	struct plot *made = mem_zero_array(1, sizeof *made);
	if (!made)
		return err_nomem(info, "the figure");
	*plot = made;
	made->input = input;
	made->row = row;
	made->row_count = row_count;
	made->value = mem_array((size_t)input->selection.maps, sizeof *made->value);
	made->curve = mem_zero_array((size_t)input->selection.maps, sizeof *made->curve);
	made->curve_count = mem_zero_array((size_t)input->selection.maps, sizeof *made->curve_count);
	if (!made->value || !made->curve || !made->curve_count)
		return err_nomem(info, "the figure");
	enum err err = choose_metric(made, metric, metric_count, info);
	if (err)
		return err;
	made->kind = choose_kind(made);
	if ((made->kind == PLOT_DEPTH || made->kind == PLOT_MATRIX) && input->selection.batches > 1)
		return err_set(info, ERR_USAGE, "a figure of layers and heads shows one batch item of %zu: choose it with --batch", input->selection.batches);
	err = picture_open_as(&made->picture, given.target, info);
	return err ? err : set_words(made, row_count, info);
}

void plot_free(struct plot *plot)
{
	if (!plot)
		return;
	picture_release(&plot->picture);
	for (int64_t i = 0; plot->curve && i < plot->input->selection.maps; i++)
		free(plot->curve[i]);
	free(plot->curve);
	free(plot->curve_count);
	free(plot->value);
	free(plot->x);
	free(plot->title);
	free(plot->caption);
	free(plot->unit);
	free(plot);
}

static enum err keep_curve(struct plot *plot, int64_t index, const double *value, int64_t count, int64_t first, struct err_info *info)
{
	plot->curve[index] = mem_array((size_t)count, sizeof *value);
	if (!plot->curve[index])
		return err_nomem(info, "the figure");
	memcpy(plot->curve[index], value, (size_t)count * sizeof *value);
	plot->curve_count[index] = count;
	if (plot->x && plot->x_count >= count)
		return ERR_OK;
	double *x = realloc(plot->x, (size_t)count * sizeof *x);
	if (!x)
		return err_nomem(info, "the figure");
	plot->x = x;
	plot->x_count = count;
	for (int64_t i = 0; i < count; i++)
		x[i] = (double)(plot->kind != PLOT_PROFILE && plot->row ? plot->row[i] : first + i);
	return ERR_OK;
}

enum err plot_map(struct plot *plot, const struct stats_result *result, struct err_info *info)
{
	plot->value[result->index] = plot->kind == PLOT_PROFILE ? NAN : result->value[plot->index].value;
	if (plot->kind == PLOT_PROFILE)
		return keep_curve(plot, result->index, result->list[plot->index], result->list_count[plot->index], result->list_first[plot->index], info);
	if (plot->kind == PLOT_ROWS || plot->kind == PLOT_HISTOGRAM)
		return keep_curve(plot, result->index, result->per_row[plot->index], plot->row_count, 0, info);
	return ERR_OK;
}

static enum err draw_depth(struct plot *plot, const struct picture_request *request, struct err_info *info)
{
	const struct selection *selection = &plot->input->selection;
	struct picture *picture = &plot->picture;
	int64_t *layer = mem_array(selection->layers, sizeof *layer);
	if (!layer)
		return err_nomem(info, "the figure");
	for (size_t i = 0; i < selection->layers; i++)
		layer[i] = plot->input->layer_number[selection->layer[i]];
	const struct depth_scene scene = {
		.value = plot->value, .layers = (int64_t)selection->layers, .heads = (int64_t)selection->heads, .layer = layer, .metric = plot->unit,
		.title = plot->title, .caption = plot->caption, .theme = picture->theme,
	};
	enum err err = picture->format == PICTURE_TEXT
		? terminal_write_depth(&scene, &picture->terminal, &picture->out, info)
		: depth_write(&scene, request, info);
	free(layer);
	return err;
}

/* "3", "7": the numbers of what was chosen. NULL when out of memory. */
static char **number_labels(const int64_t *index, const int64_t *number, size_t count)
{
	char **label = mem_zero_array(count, sizeof *label);
	for (size_t i = 0; label && i < count; i++) {
		struct strbuf text;
		strbuf_init(&text);
		strbuf_addf(&text, "%" PRId64, number ? number[index[i]] : index[i]);
		label[i] = strbuf_detach(&text);
		if (!label[i]) {
			while (i--)
				free(label[i]);
			free(label);
			return NULL;
		}
	}
	return label;
}

static void free_labels(char **label, size_t count)
{
	for (size_t i = 0; label && i < count; i++)
		free(label[i]);
	free(label);
}

static enum err draw_matrix(struct plot *plot, const struct picture_request *request, struct err_info *info)
{
	const struct selection *selection = &plot->input->selection;
	struct picture *picture = &plot->picture;
	char **layer = number_labels(selection->layer, plot->input->layer_number, selection->layers), **head = number_labels(selection->head, NULL, selection->heads);
	const struct matrix_scene scene = {
		.value = plot->value, .rows = (int64_t)selection->layers, .columns = (int64_t)selection->heads, .row_label = (const char *const *)layer,
		.column_label = (const char *const *)head, .row_title = "layer", .column_title = "head", .colouring = picture_colouring(picture, false, plot->unit),
		.title = plot->title, .caption = plot->caption, .theme = picture->theme,
	};
	enum err err = !layer || !head ? err_nomem(info, "the figure")
		: picture->format == PICTURE_TEXT ? terminal_write_matrix(&scene, &picture->terminal, &picture->out, info)
		: matrix_write(&scene, request, info);
	free_labels(layer, selection->layers);
	free_labels(head, selection->heads);
	return err;
}

static enum err draw_chart(struct plot *plot, const struct series *series, int count, const char *x, const char *y, bool whole,
			   const struct picture_request *request, struct err_info *info)
{
	struct picture *picture = &plot->picture;
	const struct chart_scene scene = {
		.series = series, .series_count = count, .x = { .title = x, .whole = whole, .min = NAN, .max = NAN }, .y = { .title = y, .min = NAN, .max = NAN },
		.marker = NAN, .title = plot->title, .caption = plot->caption, .theme = picture->theme,
	};
	return picture->format == PICTURE_TEXT
		? terminal_write_chart(&scene, &picture->terminal, &picture->out, info)
		: chart_write(&scene, request, info);
}

static char *map_name(const struct plot *plot, int64_t index)
{
	int64_t layer, batch, head;
	struct strbuf name;
	strbuf_init(&name);
	source_map_id(plot->input->source, plot->input->selection.map[index], &layer, &batch, &head);
	if (plot->input->has_layers || plot->input->layers_named)
		strbuf_addf(&name, "layer %" PRId64 " ", plot->input->layer_number[layer]);
	if (plot->input->has_batches)
		strbuf_addf(&name, "item %" PRId64 " ", batch);
	strbuf_addf(&name, "head %" PRId64, head);
	return strbuf_detach(&name);
}

/* Means over the curves, point by point, of those that have a value there. */
static double *mean_curve(const struct plot *plot)
{
	double *mean = mem_array((size_t)plot->x_count, sizeof *mean);
	for (int64_t i = 0; mean && i < plot->x_count; i++) {
		double sum = 0, count = 0;
		for (int64_t map = 0; map < plot->input->selection.maps; map++) {
			if (i >= plot->curve_count[map] || isnan(plot->curve[map][i]))
				continue;
			sum += plot->curve[map][i];
			count++;
		}
		mean[i] = count > 0 ? sum / count : NAN;
	}
	return mean;
}

static enum err draw_curves(struct plot *plot, const struct picture_request *request, struct err_info *info)
{
	int64_t maps = plot->input->selection.maps;
	bool many = maps > CURVES_MAX;
	struct series *series = mem_zero_array((size_t)maps + 1, sizeof *series);
	char **name = mem_zero_array((size_t)maps, sizeof *name);
	double *mean = many ? mean_curve(plot) : NULL;
	enum err err = series && name && (mean || !many) ? ERR_OK : err_nomem(info, "the figure");
	for (int64_t i = 0; !err && i < maps; i++) {
		name[i] = many ? NULL : map_name(plot, i);
		series[i] = (struct series){ .kind = SERIES_LINE, .name = name[i], .count = plot->curve_count[i], .x = plot->x, .y = plot->curve[i],
					     .colour = many ? 0 : (int)i, .faint = many };
	}
	if (!err && many)
		series[maps] = (struct series){ .kind = SERIES_LINE, .name = "mean of the heads", .count = plot->x_count, .x = plot->x, .y = mean, .colour = 0 };
	if (!err)
		err = draw_chart(plot, series, (int)maps + many, plot->kind == PLOT_ROWS ? "query" : "offset", plot->unit, true, request, info);
	free_labels(name, (size_t)maps);
	free(series);
	free(mean);
	return err;
}

static bool value_range(const struct plot *plot, double *low, double *high)
{
	*low = INFINITY;
	*high = -INFINITY;
	for (int64_t map = 0; map < plot->input->selection.maps; map++)
		for (int64_t i = 0; i < plot->curve_count[map]; i++)
			if (isfinite(plot->curve[map][i])) {
				*low = fmin(*low, plot->curve[map][i]);
				*high = fmax(*high, plot->curve[map][i]);
			}
	if (*low == *high)
		*high = *low + 1;
	return *low < *high;
}

static enum err draw_histogram(struct plot *plot, const struct picture_request *request, struct err_info *info)
{
	double low, high, edge[BINS + 1], bin[BINS] = { 0 };
	if (!value_range(plot, &low, &high))
		return err_set(info, ERR_VALUE, "no query has a value of '%s': there is nothing to draw", plot->metric->name);
	for (int i = 0; i <= BINS; i++)
		edge[i] = low + (high - low) * i / BINS;
	for (int64_t map = 0; map < plot->input->selection.maps; map++)
		for (int64_t i = 0; i < plot->curve_count[map]; i++)
			if (isfinite(plot->curve[map][i])) {
				int at = (int)((plot->curve[map][i] - low) / (high - low) * BINS);
				bin[at < BINS ? at : BINS - 1]++;
			}
	const struct series series = { .kind = SERIES_BARS, .count = BINS, .x = edge, .y = bin };
	return draw_chart(plot, &series, 1, plot->unit, "queries", false, request, info);
}

enum err plot_write(struct plot *plot, struct err_info *info)
{
	struct strbuf source;
	struct picture_order order;
	strbuf_init(&source);
	input_describe_sizes(plot->input, &source);
	picture_order(&order, &plot->picture, source.buf, plot->caption);
	enum err err = plot->kind == PLOT_DEPTH ? draw_depth(plot, &order.request, info)
		: plot->kind == PLOT_MATRIX ? draw_matrix(plot, &order.request, info)
		: plot->kind == PLOT_HISTOGRAM ? draw_histogram(plot, &order.request, info)
		: draw_curves(plot, &order.request, info);
	strbuf_release(&source);
	return err ? err : output_commit(&plot->picture.out, info);
}
