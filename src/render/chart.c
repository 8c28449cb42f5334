/* SPDX-License-Identifier: MIT */
#include "render/chart.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "render/chart_scale.h"
#include "render/figure.h"

static const double natural_width = 720, natural_height = 440, tick_length = 4, tick_gap = 4, title_gap = 6, legend_gap = 18,
		    swatch = 18;
static const double line_width = 1.8, faint_width = 1, dot_radius = 2.6, lone_radius = 3.2, band_alpha = 0.2, faint_alpha = 0.35, units_most = 1000;

struct chart {
	const struct chart_scene *scene;
	struct figure figure;
	struct chart_scale x, y;
	struct ticks x_ticks, y_ticks;
	struct box plot;
	double legend_width; /* 0: no legend */
	int colours;         /* in use */
	double content_end;
	struct point *point; /* room for the longest series, twice */
};

/* A few series have the colours of the theme; many are shades of one map, so that their order shows. */
static struct colour series_colour(const struct chart *chart, int index)
{
	if (chart->colours <= COLOUR_SERIES)
		return colour_series(chart->scene->theme, index);
	double share = (double)index / (chart->colours - 1);
	return colour_map_at(COLOUR_VIRIDIS, chart->scene->theme == THEME_LIGHT ? share * 0.88 : 0.2 + share * 0.8);
}

/* Values far outside a given range are kept where cairo can still count; NaN stays NaN. */
static double near_unit(const struct chart_scale *scale, double value)
{
	double unit = chart_scale_unit(scale, value);

	return unit < -units_most ? -units_most : unit > units_most ? units_most : unit;
}

static double place_x(const struct chart *chart, double value)
{
	return chart->plot.x + near_unit(&chart->x, value) * chart->plot.width;
}

static double place_y(const struct chart *chart, double value)
{
	return chart->plot.y + (1 - near_unit(&chart->y, value)) * chart->plot.height;
}

static bool has_place(struct point point)
{
	return isfinite(point.x) && isfinite(point.y);
}

static struct point place_at(const struct chart *chart, const struct series *series, const double *value, int64_t i)
{
	return (struct point){ place_x(chart, series_x(series, i)), place_y(chart, value[i]) };
}

/* Draw the stretches between gaps; a value alone between two gaps is a dot. */
static void draw_line(const struct chart *chart, struct canvas *canvas, const struct series *series, int64_t window,
		      const struct stroke *stroke)
{
	int64_t used = 0;

	for (int64_t i = 0; i <= series->count; i++) {
		struct point point = { NAN, NAN };
		if (i < series->count)
			point = (struct point){ place_x(chart, series_x(series, i)),
						place_y(chart, series_mean(series, i, window)) };
		if (has_place(point)) {
			chart->point[used++] = point;
			continue;
		}
		if (used == 1)
			canvas_circle(canvas, chart->point[0].x, chart->point[0].y, lone_radius * chart->figure.unit,
				      stroke->colour);
		else if (used > 1)
			canvas_polyline(canvas, chart->point, used, stroke);
		used = 0;
	}
}

static void draw_band(const struct chart *chart, struct canvas *canvas, const struct series *series, struct colour colour)
{
	int64_t used = 0;

	for (int64_t i = 0; i <= series->count; i++) {
		struct point low = { NAN, NAN }, high = { NAN, NAN };
		if (i < series->count) {
			low = place_at(chart, series, series->low, i);
			high = place_at(chart, series, series->high, i);
		}
		if (has_place(low) && has_place(high)) {
			/* The upper edge grows from the start, the lower one from the end of the room. */
			chart->point[used] = high;
			chart->point[2 * series->count - 1 - used] = low;
			used++;
			continue;
		}
		for (int64_t k = 0; k < used; k++)
			chart->point[used + k] = chart->point[2 * series->count - used + k];
		if (used > 1)
			canvas_polygon(canvas, chart->point, 2 * used, colour);
		used = 0;
	}
}

static void draw_bars(const struct chart *chart, struct canvas *canvas, const struct series *series, struct colour colour)
{
	double base = fmin(place_y(chart, chart->y.log ? chart->y.low : 0), chart->plot.y + chart->plot.height);

	for (int64_t i = 0; i < series->count; i++) {
		double left = round(place_x(chart, series_x(series, i))), right = round(place_x(chart, series_x(series, i + 1)));
		double top = place_y(chart, series->y[i]), gap = right - left > 6 * chart->figure.unit ? chart->figure.line : 0;
		if (isfinite(top) && isfinite(left) && isfinite(right) && right - gap > left)
			canvas_rectangle(canvas, left, fmin(top, base), right - left - gap, fabs(base - top), colour);
	}
}

static struct stroke series_stroke(const struct chart *chart, const struct series *series, bool faint)
{
	struct colour colour = series_colour(chart, series->colour);

	if (faint)
		colour = colour_blend(chart->figure.colours->page, colour_with_alpha(colour, faint_alpha));
	return (struct stroke){ .colour = colour, .width = (faint ? faint_width : line_width) * chart->figure.unit };
}

static void draw_dots(const struct chart *chart, struct canvas *canvas, const struct series *series, struct colour colour)
{
	for (int64_t i = 0; i < series->count; i++) {
		struct point at = place_at(chart, series, series->y, i);
		if (has_place(at))
			canvas_circle(canvas, at.x, at.y, dot_radius * chart->figure.unit, colour_with_alpha(colour, 0.85));
	}
}

static void draw_series(const struct chart *chart, struct canvas *canvas, const struct series *series)
{
	struct stroke stroke = series_stroke(chart, series, series->faint);

	if (series->low && series->high)
		draw_band(chart, canvas, series, colour_with_alpha(stroke.colour, band_alpha));
	if (series->kind == SERIES_LINE)
		draw_line(chart, canvas, series, series->smooth, &stroke);
	else if (series->kind == SERIES_BARS)
		draw_bars(chart, canvas, series, stroke.colour);
	else
		draw_dots(chart, canvas, series, stroke.colour);
}

/* What lies behind: faint series, and the values of those that are smoothed. */
static void draw_behind(const struct chart *chart, struct canvas *canvas, const struct series *series)
{
	struct stroke stroke = series_stroke(chart, series, true);

	if (series->faint)
		draw_series(chart, canvas, series);
	else if (series->kind == SERIES_LINE && series->smooth > 1)
		draw_line(chart, canvas, series, 1, &stroke);
}

static void draw_axes(const struct chart *chart, struct canvas *canvas)
{
	const struct figure *figure = &chart->figure;
	double unit = figure->unit, line = figure->line, tick = round(tick_length * unit),
	       bottom = chart->plot.y + chart->plot.height;
	struct text_style label = { .size = SIZE_LABEL * unit, .align = TEXT_MIDDLE, .colour = figure->colours->text };

	for (int i = 0; i < chart->x_ticks.count; i++) {
		double x = floor(place_x(chart, chart->x_ticks.value[i]));
		canvas_rectangle(canvas, x, chart->plot.y, line, chart->plot.height, figure->colours->grid);
		canvas_rectangle(canvas, x, bottom, line, tick, figure->colours->frame);
		canvas_text(canvas, x + line / 2, bottom + tick + tick_gap * unit + label.size / 2, &label, chart->x_ticks.text[i]);
	}
	label.align = TEXT_END;
	for (int i = 0; i < chart->y_ticks.count; i++) {
		double y = floor(place_y(chart, chart->y_ticks.value[i]));
		canvas_rectangle(canvas, chart->plot.x, y, chart->plot.width, line, figure->colours->grid);
		canvas_rectangle(canvas, chart->plot.x - tick, y, tick, line, figure->colours->frame);
		canvas_text(canvas, chart->plot.x - tick - tick_gap * unit, y + line / 2, &label, chart->y_ticks.text[i]);
	}
}

static void draw_axis_lines(const struct chart *chart, struct canvas *canvas)
{
	const struct figure *figure = &chart->figure;
	const struct box *plot = &chart->plot;
	struct text_style title = { .size = SIZE_AXIS_TITLE * figure->unit, .align = TEXT_MIDDLE, .colour = figure->colours->text };
	double line = figure->line, half = text_line_height(title.size) / 2;

	canvas_rectangle(canvas, plot->x - line, plot->y, line, plot->height + line, figure->colours->frame);
	canvas_rectangle(canvas, plot->x - line, plot->y + plot->height, plot->width + line, line, figure->colours->frame);
	canvas_text(canvas, plot->x + plot->width / 2, chart->content_end - half, &title, chart->scene->x.title);
	title.angle = 90;
	canvas_text(canvas, figure->margin + half, plot->y + plot->height / 2, &title, chart->scene->y.title);
}

static void draw_marker(const struct chart *chart, struct canvas *canvas)
{
	const struct figure *figure = &chart->figure;
	double y = place_y(chart, chart->scene->marker), right = chart->plot.x + chart->plot.width;
	struct stroke stroke = { .colour = figure->colours->muted, .width = figure->line, .dash = 4 * figure->unit };
	struct text_style style = { .size = SIZE_LABEL * figure->unit, .align = TEXT_END, .colour = figure->colours->muted };

	if (!chart->scene->marker_name || !isfinite(y) || y < chart->plot.y || y > chart->plot.y + chart->plot.height)
		return;
	canvas_line(canvas, chart->plot.x, floor(y) + 0.5, right, floor(y) + 0.5, &stroke);
	double above = y - style.size, below = y + style.size;
	canvas_text(canvas, right - 4 * figure->unit, above > chart->plot.y + style.size / 2 ? above : below, &style,
		    chart->scene->marker_name);
}

static void draw_swatch(const struct chart *chart, struct canvas *canvas, const struct series *series, double x, double y)
{
	double unit = chart->figure.unit;
	struct stroke stroke = series_stroke(chart, series, series->faint);
	struct colour colour = stroke.colour;

	if (series->kind == SERIES_LINE)
		canvas_line(canvas, x, y, x + swatch * unit, y, &stroke);
	else if (series->kind == SERIES_DOTS)
		canvas_circle(canvas, x + swatch * unit / 2, y, dot_radius * 1.2 * unit, colour);
	else
		canvas_rectangle(canvas, x + 3 * unit, y - 4 * unit, (swatch - 6) * unit, 8 * unit, colour);
}

static void draw_legend(const struct chart *chart, struct canvas *canvas)
{
	const struct figure *figure = &chart->figure;
	double unit = figure->unit, pitch = text_line_height(SIZE_LABEL * unit) * 1.25;
	double x = chart->plot.x + chart->plot.width + legend_gap * unit, y = chart->plot.y + pitch / 2;
	double last = chart->plot.y + chart->plot.height - pitch / 2;
	struct text_style style = { .size = SIZE_LABEL * unit, .colour = figure->colours->text };

	for (int i = 0; chart->legend_width > 0 && i < chart->scene->series_count; i++) {
		const struct series *series = &chart->scene->series[i];
		if (!series->name)
			continue;
		if (y + pitch > last && i + 1 < chart->scene->series_count) {
			canvas_text(canvas, x + (swatch + 6) * unit, y, &style, "…");
			return;
		}
		draw_swatch(chart, canvas, series, x, y);
		canvas_text(canvas, x + (swatch + 6) * unit, y, &style, series->name);
		y += pitch;
	}
}

static void draw_chart(struct canvas *canvas, const void *data)
{
	const struct chart *chart = data;

	draw_axes(chart, canvas);
	canvas_clip(canvas, (struct box){ chart->plot.x, chart->plot.y - dot_radius * chart->figure.unit, chart->plot.width,
					  chart->plot.height + dot_radius * chart->figure.unit });
	for (int i = 0; i < chart->scene->series_count; i++)
		draw_behind(chart, canvas, &chart->scene->series[i]);
	for (int i = 0; i < chart->scene->series_count; i++)
		if (!chart->scene->series[i].faint)
			draw_series(chart, canvas, &chart->scene->series[i]);
	canvas_unclip(canvas);
	draw_marker(chart, canvas);
	draw_axis_lines(chart, canvas);
	draw_legend(chart, canvas);
	figure_draw(&chart->figure, canvas, chart->content_end);
}

static double widest_tick(struct typesetter *type, double size, const struct ticks *ticks)
{
	double widest = 0;

	for (int i = 0; i < ticks->count; i++)
		widest = fmax(widest, text_width(type, size, false, ticks->text[i]));
	return ceil(widest);
}

static double legend_width(const struct chart *chart, struct typesetter *type)
{
	double unit = chart->figure.unit, widest = 0;
	int named = 0;

	for (int i = 0; i < chart->scene->series_count; i++) {
		const char *name = chart->scene->series[i].name;
		named += name != NULL;
		if (name)
			widest = fmax(widest, text_width(type, SIZE_LABEL * unit, false, name));
	}
	return named > 1 ? ceil((legend_gap + swatch + 6) * unit + widest) : 0;
}

static enum err plan_chart(struct chart *chart, struct typesetter *type, struct err_info *info)
{
	const struct chart_scene *scene = chart->scene;
	struct figure *figure = &chart->figure;
	double unit = figure->unit, size = SIZE_LABEL * unit, title_line = text_line_height(SIZE_AXIS_TITLE * unit);

	figure->width = figure->width > 0 ? figure->width : round(natural_width * unit);
	figure->height = figure->height > 0 ? figure->height : round(natural_height * unit);
	enum err err = figure_wrap(figure, type, scene->title, scene->caption, info);
	if (err)
		return err;
	chart_scales(scene, &chart->x, &chart->y);
	chart->legend_width = legend_width(chart, type);
	chart->content_end = figure->height - figure_below(figure);
	double bottom = chart->content_end - (scene->x.title ? title_line + title_gap * unit : 0) - size -
			(tick_length + tick_gap) * unit;
	chart->plot.y = ceil(figure_above(figure) + size / 2);
	chart->plot.height = floor(bottom - chart->plot.y);
	chart_scale_ticks(&chart->y, (int)(chart->plot.height / (size * 3.5)), &chart->y_ticks);
	double left =
		figure->margin + (scene->y.title ? title_line + title_gap * unit : 0) + widest_tick(type, size, &chart->y_ticks);
	chart->plot.x = ceil(left + (tick_length + tick_gap) * unit);
	chart->plot.width = floor(figure->width - figure->margin - fmax(chart->legend_width, size) - chart->plot.x);
	chart_scale_ticks(&chart->x, (int)(chart->plot.width / (size * (scene->x.whole ? 3.5 : 5))), &chart->x_ticks);
	if (chart->plot.width < 40 * unit || chart->plot.height < 40 * unit)
		return err_set(info, ERR_USAGE, "a page of %.0f x %.0f pixels has no room for the chart: choose a larger size",
			       figure->width, figure->height);
	return ERR_OK;
}

static enum err prepare(struct chart *chart, struct err_info *info)
{
	int64_t longest = 1;

	for (int i = 0; i < chart->scene->series_count; i++) {
		const struct series *series = &chart->scene->series[i];
		longest = series->count > longest ? series->count : longest;
		chart->colours = series->colour + 1 > chart->colours ? series->colour + 1 : chart->colours;
	}
	chart->point = mem_array((size_t)longest, 2 * sizeof *chart->point);
	return chart->point ? ERR_OK : err_nomem(info, "the chart");
}

enum err chart_write(const struct chart_scene *scene, const struct picture_request *request, struct err_info *info)
{
	static const struct terminal plain = { .colour = TERMINAL_ASCII, .columns = 100 };
	struct chart chart = { .scene = scene };
	struct typesetter type;

	if (request->format == PICTURE_TEXT)
		return terminal_write_chart(scene, &plain, request->out, info);
	figure_init(&chart.figure, request->page, scene->theme);
	enum err err = typesetter_init(&type, writer_is_exact(request->format), info);
	if (!err)
		err = prepare(&chart, info);
	if (!err)
		err = plan_chart(&chart, &type, info);
	if (!err)
		err = figure_write(&chart.figure, &type, request, draw_chart, &chart, info);
	typesetter_release(&type);
	figure_release(&chart.figure);
	free(chart.point);
	return err;
}
