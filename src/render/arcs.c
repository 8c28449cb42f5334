/* SPDX-License-Identifier: MIT */
#include "render/arcs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "render/axis.h"
#include "render/figure.h"

static const double span_least = 280, span_most = 480, pitch_most = 20, pitch_least = 12, tall = 1600, legend_gap = 18,
		    legend_pitch = 17;
static const double widest_line = 3.2, faintest = 0.012;

struct arc {
	float weight;
	int32_t head;
	int64_t query, key;
};

struct arcs {
	const struct arcs_scene *scene;
	struct figure figure;
	struct arc *arc;
	size_t count, capacity;
	double strongest;
	struct axis_layout queries, keys;
	double left, right, top, query_height, key_height; /* of the space between the columns */
	double legend_y, content_end;
};

static int by_weight(const void *a, const void *b)
{
	const struct arc *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? -1 : 1;
	if (x->head != y->head)
		return x->head < y->head ? -1 : 1;
	if (x->query != y->query)
		return x->query < y->query ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static enum err collect(struct arcs *arcs, struct err_info *info)
{
	const struct arcs_scene *scene = arcs->scene;
	int64_t queries = scene->queries.count, keys = scene->keys.count;

	for (int64_t i = 0; i < scene->heads * queries * keys; i++) {
		float weight = scene->weight[i];
		int64_t query = i / keys % queries;
		if (!isfinite(weight) || !(weight > 0) || weight < scene->least || (scene->focus >= 0 && query != scene->focus))
			continue;
		if (!mem_grow((void **)&arcs->arc, &arcs->capacity, arcs->count + 1, sizeof *arcs->arc))
			return err_nomem(info, "the lines");
		arcs->arc[arcs->count++] = (struct arc){ weight, (int32_t)(i / keys / queries), query, i % keys };
	}
	if (arcs->count)
		qsort(arcs->arc, arcs->count, sizeof *arcs->arc, by_weight);
	arcs->strongest = arcs->count ? arcs->arc[arcs->count - 1].weight : 1;
	return ERR_OK;
}

static struct colour head_colour(const struct arcs *arcs, int64_t head)
{
	return colour_series(arcs->scene->theme, (int)head);
}

static struct stroke stroke_of(const struct arcs *arcs, double weight, int64_t head)
{
	double share = weight / arcs->strongest;

	return (struct stroke){ .colour = colour_with_alpha(head_colour(arcs, head), 0.06 + 0.94 * share),
				.width = (0.5 + (widest_line - 0.5) * share) * arcs->figure.unit };
}

static void draw_arc(const struct arcs *arcs, struct canvas *canvas, const struct arc *arc)
{
	double from = arcs->top + ((double)arc->query + 0.5) / (double)arcs->scene->queries.count * arcs->query_height;
	double to = arcs->top + ((double)arc->key + 0.5) / (double)arcs->scene->keys.count * arcs->key_height;
	double bend = (arcs->right - arcs->left) * 0.42;
	struct stroke stroke = stroke_of(arcs, arc->weight, arc->head);

	if (arc->weight / arcs->strongest < faintest)
		return;
	canvas_curve(canvas,
		     (struct point[]){
			     { arcs->left, from }, { arcs->left + bend, from }, { arcs->right - bend, to }, { arcs->right, to } },
		     &stroke);
}

/* Entries of the legend, one after the other, in as many rows as they need. */
struct flow {
	const struct arcs *arcs;
	struct typesetter *type;
	struct canvas *canvas; /* NULL: only measure */
	double x, y;
	int rows;
};

/* Room for a swatch of width `swatch` and a text; where it begins. */
static double flow_next(struct flow *flow, double swatch, const char *text)
{
	double unit = flow->arcs->figure.unit, start = flow->arcs->figure.margin, end = flow->arcs->figure.width - start;
	double width = (swatch + 5) * unit + text_width(flow->type, SIZE_LABEL * unit, false, text);

	if (flow->x > start && flow->x + width > end) {
		flow->x = start;
		flow->y += legend_pitch * unit;
		flow->rows++;
	}
	double x = flow->x;
	flow->x += width + 13 * unit;
	if (flow->canvas) {
		struct text_style style = { .size = SIZE_LABEL * unit, .colour = flow->arcs->figure.colours->text };
		canvas_text(flow->canvas, x + (swatch + 5) * unit, flow->y, &style, text);
	}
	return x;
}

/* Lines of a quarter, half and all of the strongest weight, and the colours of the heads. Returns the rows. */
static int lay_legend(const struct arcs *arcs, struct typesetter *type, struct canvas *canvas, double y)
{
	const struct arcs_scene *scene = arcs->scene;
	double unit = arcs->figure.unit;
	struct flow flow = { arcs, type, canvas, arcs->figure.margin, y, 1 };

	for (int part = 1; part <= 4; part *= 2) {
		char text[TICK_TEXT_MAX];
		tick_text(text, sizeof text, arcs->strongest * part / 4);
		double x = flow_next(&flow, 20, text);
		struct stroke stroke = stroke_of(arcs, arcs->strongest * part / 4, 0);
		struct colour ink = scene->heads > 1 ? arcs->figure.colours->text : head_colour(arcs, 0);
		stroke.colour = (struct colour){ ink.r, ink.g, ink.b, stroke.colour.a };
		if (canvas)
			canvas_line(canvas, x, flow.y, x + 20 * unit, flow.y, &stroke);
	}
	for (int64_t i = 0; scene->head_name && scene->heads > 1 && i < scene->heads; i++) {
		double x = flow_next(&flow, 9, scene->head_name[i]);
		if (canvas)
			canvas_rectangle(canvas, x, flow.y - 4 * unit, 9 * unit, 8 * unit, head_colour(arcs, i));
	}
	return flow.rows;
}

static void draw_scene(struct canvas *canvas, const void *data)
{
	const struct arcs *arcs = data;
	double unit = arcs->figure.unit;
	struct text_style title = { .size = SIZE_AXIS_TITLE * unit, .align = TEXT_END, .colour = arcs->figure.colours->muted };
	size_t first = arcs->count > ARCS_LINES_MAX ? arcs->count - ARCS_LINES_MAX : 0;

	for (size_t i = first; i < arcs->count; i++)
		draw_arc(arcs, canvas, &arcs->arc[i]);
	axis_draw(&arcs->queries, canvas, arcs->left, arcs->top, arcs->figure.colours);
	axis_draw(&arcs->keys, canvas, arcs->right, arcs->top, arcs->figure.colours);
	double title_y = arcs->top - text_line_height(title.size) * 0.8;
	canvas_text(canvas, arcs->left - arcs->queries.gap, title_y, &title, arcs->scene->queries.title);
	title.align = TEXT_START;
	canvas_text(canvas, arcs->right + arcs->keys.gap, title_y, &title, arcs->scene->keys.title);
	lay_legend(arcs, canvas->type, canvas, arcs->legend_y);
	figure_draw(&arcs->figure, canvas, arcs->content_end);
}

static double pitch_of(int64_t count, double unit)
{
	double pitch = fmin(fmax(tall / (double)count, pitch_least), pitch_most);

	/* Thousands of positions do not need a line of text each. */
	return (count > 200 ? fmax(200 * pitch_least / (double)count, 1) : pitch) * unit;
}

/* Columns of like length share their line pitch, so that a monotone alignment runs straight down. */
static void set_heights(struct arcs *arcs, double room)
{
	int64_t queries = arcs->scene->queries.count, keys = arcs->scene->keys.count, more = queries > keys ? queries : keys;
	bool alike = queries <= 3 * keys && keys <= 3 * queries;
	double height = room > 0 ? room : round((double)more * pitch_of(more, arcs->figure.unit));

	arcs->query_height = alike ? height * (double)queries / (double)more : height;
	arcs->key_height = alike ? height * (double)keys / (double)more : height;
}

/* Labels of one column, with room for the title over them, which reaches outward. */
static void plan_side(const struct arcs *arcs, struct typesetter *type, struct axis_layout *axis, const struct axis_scale *scale,
		      enum axis_side side)
{
	double unit = arcs->figure.unit;

	axis_plan(axis, type, scale, side, side == SIDE_LEFT ? arcs->query_height : arcs->key_height, unit, AXIS_THIN_MAX);
	if (scale->title)
		axis->depth = fmax(axis->depth, axis->gap + ceil(text_width(type, SIZE_AXIS_TITLE * unit, false, scale->title)));
}

static enum err plan(struct arcs *arcs, struct typesetter *type, struct err_info *info)
{
	struct figure *figure = &arcs->figure;
	const struct arcs_scene *scene = arcs->scene;
	double unit = figure->unit, head = text_line_height(SIZE_AXIS_TITLE * unit) * 1.5, given_height = figure->height;
	bool free_width = !(figure->width > 0);
	enum err err;

	set_heights(arcs, 0);
	plan_side(arcs, type, &arcs->queries, &scene->queries, SIDE_LEFT);
	plan_side(arcs, type, &arcs->keys, &scene->keys, SIDE_RIGHT);
	double labels = arcs->queries.depth + arcs->keys.depth;
	if (free_width)
		figure->width = ceil(2 * figure->margin + labels +
				     fmin(fmax(arcs->query_height * 0.36, span_least * unit), span_most * unit));
	err = figure_wrap(figure, type, scene->title, scene->caption, info);
	if (err)
		return err;
	arcs->top = ceil(figure_above(figure) + head);
	double legend = (legend_gap + legend_pitch * lay_legend(arcs, type, NULL, 0)) * unit;
	if (given_height > 0) {
		set_heights(arcs, fmax(given_height - arcs->top - legend - figure_below(figure), 1));
		plan_side(arcs, type, &arcs->queries, &scene->queries, SIDE_LEFT);
		plan_side(arcs, type, &arcs->keys, &scene->keys, SIDE_RIGHT);
	}
	arcs->legend_y = arcs->top + fmax(arcs->query_height, arcs->key_height) + legend_gap * unit;
	arcs->content_end = arcs->legend_y - legend_gap * unit + legend;
	figure->height = given_height > 0 ? given_height : ceil(arcs->content_end + figure_below(figure));
	arcs->left = ceil(figure->margin + arcs->queries.depth);
	arcs->right = floor(figure->width - figure->margin - arcs->keys.depth);
	if (arcs->right - arcs->left < 40 * unit || fmax(arcs->query_height, arcs->key_height) < 40 * unit)
		return err_set(info, ERR_USAGE,
			       "a page of %.0f x %.0f pixels has no room for the labels and the lines: choose a larger size",
			       figure->width, figure->height);
	return ERR_OK;
}

static enum err check(const struct arcs_scene *scene, struct err_info *info)
{
	if (scene->heads < 1 || scene->queries.count < 1 || scene->keys.count < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: %lld heads, %lld queries and %lld keys",
			       (long long)scene->heads, (long long)scene->queries.count, (long long)scene->keys.count);
	if (scene->heads > ARCS_HEADS_MAX)
		return err_set(info, ERR_USAGE, "%lld heads over each other cannot be told apart: choose at most %d", (long long)scene->heads,
			       ARCS_HEADS_MAX);
	if (scene->focus >= scene->queries.count)
		return err_set(info, ERR_USAGE, "there is no query %lld (there are %lld)", (long long)scene->focus,
			       (long long)scene->queries.count);
	return ERR_OK;
}

enum err arcs_write(const struct arcs_scene *scene, const struct picture_request *request, struct err_info *info)
{
	static const struct terminal plain = { .colour = TERMINAL_ASCII, .columns = 100 };
	struct arcs arcs = { .scene = scene };
	struct typesetter type = { 0 };
	if (request->format == PICTURE_TEXT)
		return terminal_write_arcs(scene, &plain, request->out, info);
	enum err err = check(scene, info);

	figure_init(&arcs.figure, request->page, scene->theme);
	if (!err)
		err = typesetter_init(&type, writer_is_exact(request->format), info);
	if (!err)
		err = collect(&arcs, info);
	if (!err)
		err = plan(&arcs, &type, info);
	if (!err)
		err = figure_write(&arcs.figure, &type, request, draw_scene, &arcs, info);
	typesetter_release(&type);
	figure_release(&arcs.figure);
	free(arcs.arc);
	return err;
}
