/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "render/chart_scale.h"
#include "render/terminal_ink.h"
#include "render/terminal_text.h"

enum { LINES_MOST = 20, LINES_LEAST = 6, LINES_AROUND = 6, COLUMNS_LEAST = 10, COLUMNS_MOST = 160, BRAILLE = 0x2800 };

/* A grid of dots: 2 x 4 in a character with Braille patterns, else one. */
struct dots {
	int columns, lines;      /* in characters */
	int wide, high;          /* in dots */
	uint8_t *pattern;        /* of each character */
	uint8_t *series;         /* who drew there last */
};

struct text_chart {
	const struct chart_scene *scene;
	const struct terminal *terminal;
	struct chart_scale x, y;
	struct ticks x_ticks, y_ticks;
	int label_columns;
	struct dots dots;
	struct terminal_ink ink;
};

static void set_dot(struct text_chart *chart, int x, int y, int series)
{
	/* Bits of a Braille pattern, by row and column. */
	static const uint8_t bit[4][2] = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } };
	struct dots *dots = &chart->dots;

	if (x < 0 || y < 0 || x >= dots->wide || y >= dots->high)
		return;
	bool braille = dots->wide > dots->columns;
	int at = braille ? y / 4 * dots->columns + x / 2 : y * dots->columns + x;
	dots->pattern[at] |= braille ? bit[y % 4][x % 2] : 1;
	dots->series[at] = (uint8_t)series;
}

static double dot_x(const struct text_chart *chart, double value)
{
	return chart_scale_unit(&chart->x, value) * (chart->dots.wide - 1);
}

static double dot_y(const struct text_chart *chart, double value)
{
	return (1 - chart_scale_unit(&chart->y, value)) * (chart->dots.high - 1);
}

static double clamp(double value, double low, double high)
{
	return value < low ? low : value > high ? high : value;
}

static void draw_stretch(struct text_chart *chart, double x0, double y0, double x1, double y1, int series)
{
	double steps = ceil(fmax(fabs(x1 - x0), fabs(y1 - y0)));

	/* Stay near the grid, however far outside the ends are. */
	steps = fmin(steps, 4.0 * (chart->dots.wide + chart->dots.high));
	for (double i = 0; i <= steps; i++) {
		double part = steps > 0 ? i / steps : 0;
		set_dot(chart, (int)lrint(clamp(x0 + (x1 - x0) * part, -2, 1e6)),
			(int)lrint(clamp(y0 + (y1 - y0) * part, -2, 1e6)), series);
	}
}

static void draw_bar(struct text_chart *chart, const struct series *series, int64_t i, int index)
{
	int left = (int)lrint(clamp(chart_scale_unit(&chart->x, series_x(series, i)), 0, 1) * chart->dots.wide);
	int right = (int)lrint(clamp(chart_scale_unit(&chart->x, series_x(series, i + 1)), 0, 1) * chart->dots.wide);
	double top = dot_y(chart, series->y[i]);

	for (int x = left; x < (right > left ? right : left + 1) && series->y[i] > 0; x++)
		draw_stretch(chart, x, clamp(top, 0, chart->dots.high), x, chart->dots.high - 1, index);
}

static void draw_series(struct text_chart *chart, int index)
{
	const struct series *series = &chart->scene->series[index];
	double before_x = NAN, before_y = NAN;

	for (int64_t i = 0; i < series->count; i++) {
		double x = dot_x(chart, series_x(series, i)), y = dot_y(chart, series_mean(series, i, series->smooth));
		bool joined = series->kind == SERIES_LINE && isfinite(before_x) && isfinite(before_y);
		if (isfinite(x) && isfinite(y) && series->kind == SERIES_BARS)
			draw_bar(chart, series, i, index);
		else if (isfinite(x) && isfinite(y))
			draw_stretch(chart, joined ? before_x : x, joined ? before_y : y, x, y, index);
		before_x = x;
		before_y = y;
	}
}

static char mark_of(int series)
{
	static const char marks[] = "*o+x#@%&";

	return marks[series % (int)(sizeof marks - 1)];
}

static uint32_t series_rgb(const struct text_chart *chart, int series)
{
	return colour_to_rgb(colour_series(THEME_DARK, chart->scene->series[series].colour));
}

/* The tick that lies nearest to the middle of this line, if it lies in it. */
static int tick_at_line(const struct text_chart *chart, int line)
{
	for (int i = 0; i < chart->y_ticks.count; i++) {
		double place = (1 - chart_scale_unit(&chart->y, chart->y_ticks.value[i])) * (chart->dots.lines - 1);
		if ((int)lrint(place) == line)
			return i;
	}
	return -1;
}

static void add_plot_line(struct text_chart *chart, struct strbuf *out, int line)
{
	int tick = tick_at_line(chart, line);
	const char *label = tick >= 0 ? chart->y_ticks.text[tick] : "";
	const char *edge = !chart->terminal->unicode ? "|" : tick >= 0 ? "┤" : "│";

	terminal_text_spaces(out, chart->label_columns - utf8_text_width(label));
	strbuf_addf(out, "%s %s", label, edge);
	for (int column = 0; column < chart->dots.columns; column++) {
		int at = line * chart->dots.columns + column;
		if (!chart->dots.pattern[at]) {
			strbuf_addch(out, ' ');
			continue;
		}
		terminal_ink_write_in(&chart->ink, out, series_rgb(chart, chart->dots.series[at]));
		if (chart->terminal->unicode)
			utf8_append(out, BRAILLE + chart->dots.pattern[at]);
		else
			strbuf_addch(out, mark_of(chart->dots.series[at]));
	}
	terminal_ink_reset(&chart->ink, out);
	strbuf_addch(out, '\n');
}

static void add_x_axis(const struct text_chart *chart, struct strbuf *out)
{
	int used = 0;

	terminal_text_spaces(out, chart->label_columns + 1);
	strbuf_addstr(out, chart->terminal->unicode ? "└" : "+");
	for (int i = 0; i < chart->dots.columns; i++)
		strbuf_addstr(out, chart->terminal->unicode ? "─" : "-");
	strbuf_addch(out, '\n');
	terminal_text_spaces(out, chart->label_columns + 2);
	for (int i = 0; i < chart->x_ticks.count; i++) {
		int width = utf8_text_width(chart->x_ticks.text[i]);
		int at = (int)lrint(chart_scale_unit(&chart->x, chart->x_ticks.value[i]) * (chart->dots.columns - 1)) - width / 2;
		at = at < used + (used > 0) ? used + (used > 0) : at;
		if (at + width > chart->dots.columns)
			break;
		terminal_text_spaces(out, at - used);
		strbuf_addstr(out, chart->x_ticks.text[i]);
		used = at + width;
	}
	if (chart->scene->x.title && used + 2 + utf8_text_width(chart->scene->x.title) <= chart->dots.columns) {
		terminal_text_spaces(out, chart->dots.columns - used - utf8_text_width(chart->scene->x.title));
		strbuf_addstr(out, chart->scene->x.title);
	}
	strbuf_addch(out, '\n');
}

static void add_legend(struct text_chart *chart, struct strbuf *out)
{
	int used = 0;

	for (int i = 0; i < chart->scene->series_count; i++) {
		const char *name = chart->scene->series[i].name;
		if (!name)
			continue;
		int width = utf8_text_width(name) + 4;
		if (used && used + width > chart->terminal->columns) {
			strbuf_addch(out, '\n');
			used = 0;
		}
		if (used)
			strbuf_addstr(out, "  ");
		terminal_ink_write_in(&chart->ink, out, series_rgb(chart, i));
		if (chart->terminal->unicode)
			strbuf_addstr(out, "■");
		else
			strbuf_addch(out, mark_of(i));
		terminal_ink_reset(&chart->ink, out);
		strbuf_addch(out, ' ');
		utf8_append_visible(out, name, strlen(name));
		used += width;
	}
	if (used)
		strbuf_addch(out, '\n');
}

static void plain_ticks(struct ticks *ticks)
{
	for (int i = 0; i < ticks->count; i++)
		tick_text_to_ascii(ticks->text[i]);
}

static enum err plan(struct text_chart *chart, struct err_info *info)
{
	const struct terminal *terminal = chart->terminal;
	struct dots *dots = &chart->dots;

	chart_scales(chart->scene, &chart->x, &chart->y);
	int lines = terminal->rows > 0 ? terminal->rows - LINES_AROUND : LINES_MOST;
	dots->lines = lines > LINES_MOST ? LINES_MOST : lines < LINES_LEAST ? LINES_LEAST : lines;
	chart_scale_ticks(&chart->y, dots->lines / 3 > 3 ? dots->lines / 3 : 3, &chart->y_ticks);
	if (!terminal->unicode)
		plain_ticks(&chart->y_ticks);
	for (int i = 0; i < chart->y_ticks.count; i++) {
		int width = utf8_text_width(chart->y_ticks.text[i]);
		chart->label_columns = width > chart->label_columns ? width : chart->label_columns;
	}
	dots->columns = terminal->columns - chart->label_columns - 2;
	dots->columns = dots->columns < COLUMNS_LEAST ? COLUMNS_LEAST : dots->columns > COLUMNS_MOST ? COLUMNS_MOST : dots->columns;
	chart_scale_ticks(&chart->x, dots->columns / 8 > 3 ? dots->columns / 8 : 3, &chart->x_ticks);
	if (!terminal->unicode)
		plain_ticks(&chart->x_ticks);
	dots->wide = dots->columns * (terminal->unicode ? 2 : 1);
	dots->high = dots->lines * (terminal->unicode ? 4 : 1);
	dots->pattern = mem_zero_array((size_t)dots->columns, (size_t)dots->lines);
	dots->series = mem_zero_array((size_t)dots->columns, (size_t)dots->lines);
	return dots->pattern && dots->series ? ERR_OK : err_nomem(info, "the chart");
}

static enum err print(struct text_chart *chart, struct output *out, struct err_info *info)
{
	struct strbuf text;

	strbuf_init(&text);
	for (int i = 0; i < chart->scene->series_count; i++)
		draw_series(chart, i);
	terminal_text_wrapped(&text, chart->scene->title, chart->terminal->columns);
	terminal_text_wrapped(&text, chart->scene->y.title, chart->terminal->columns);
	for (int line = 0; line < chart->dots.lines; line++)
		add_plot_line(chart, &text, line);
	add_x_axis(chart, &text);
	add_legend(chart, &text);
	terminal_text_wrapped(&text, chart->scene->caption, chart->terminal->columns);
	return terminal_text_print(&text, out, info);
}

enum err terminal_write_chart(const struct chart_scene *scene, const struct terminal *terminal, struct output *out,
			      struct err_info *info)
{
	struct text_chart chart = { .scene = scene, .terminal = terminal };

	terminal_ink_init(&chart.ink, terminal, &(struct colouring){ 0 });
	enum err err = plan(&chart, info);
	if (!err)
		err = print(&chart, out, info);
	free(chart.dots.pattern);
	free(chart.dots.series);
	return err;
}
