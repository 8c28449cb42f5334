/* SPDX-License-Identifier: MIT */
#include "render/colour_bar.h"

#include <math.h>
#include <string.h>

static const double bar_width = 14, tick_length = 4, tick_gap = 4, title_gap = 6, text_size = 10, title_size = 11,
		    tick_pitch = 44, tick_nearest = 2, title_nearest = 22,
		    swatch_gap = 6, swatch_pitch = 22;
static const int ticks_least = 3;

struct legend {
	struct ticks ticks;
	double place[TICKS_MAX];
};

static void fill_legend(struct legend *legend, const struct colour_bar *bar)
{
	int most = (int)fmin(fmax(bar->height / (tick_pitch * bar->unit), 3), 9);

	/* Round steps may leave two of the ticks that there is room for: finer ones then. */
	int room = (int)fmin(bar->height / (tick_nearest * text_size * bar->unit), TICKS_MAX);
	if (bar->range) {
		do
			value_range_ticks(bar->range, most, &legend->ticks, legend->place);
		while (legend->ticks.count < ticks_least && ++most <= room);
		return;
	}
	legend->ticks.count = 2;
	memcpy(legend->ticks.text[0], "low", 4);
	memcpy(legend->ticks.text[1], "high", 5);
	legend->place[0] = 0;
	legend->place[1] = 1;
}

static double labels_width(const struct legend *legend, struct typesetter *type, double size)
{
	double widest = text_width(type, size, false, "0.0000");

	for (int i = 0; i < legend->ticks.count; i++)
		widest = fmax(widest, text_width(type, size, false, legend->ticks.text[i]));
	return ceil(widest);
}

static bool has_classes(const struct colour_bar *bar)
{
	return bar->colouring->classes && bar->range;
}

static double classes_width(const struct colour_bar *bar, struct typesetter *type)
{
	double widest = 0;

	for (int i = 0; i < bar->colouring->class_count; i++)
		widest = fmax(widest, text_width(type, text_size * bar->unit, false, bar->colouring->classes[i].name));
	return ceil((bar_width + swatch_gap) * bar->unit + widest);
}

static void draw_classes(const struct colour_bar *bar, struct canvas *canvas, double x, double y, const struct theme_colours *colours)
{
	double unit = bar->unit, side = round(bar_width * unit), pitch = round(swatch_pitch * unit);
	struct text_style label = { .size = text_size * unit, .colour = colours->text };
	uint32_t table[COLOUR_STEPS];

	colour_map_table(bar->colouring->map, bar->colouring->reverse, table);
	for (int i = 0; i < bar->colouring->class_count; i++) {
		const struct value_class *class = &bar->colouring->classes[i];
		struct box box = { x, y + i * pitch, side, side };
		double place = value_range_unit(bar->range, class->value);
		struct colour colour = isnan(place) ? colours->no_value : colour_from_rgb(table[(int)(place * (COLOUR_STEPS - 1) + 0.5)]);
		canvas_rectangle(canvas, box.x, box.y, side, side, colour);
		canvas_frame(canvas, box, fmax(1, round(unit)), colours->frame);
		canvas_text(canvas, x + side + swatch_gap * unit, box.y + side / 2, &label, class->name);
	}
}

double colour_bar_width(const struct colour_bar *bar, struct typesetter *type)
{
	struct legend legend;

	if (bar->colouring->classes)
		return classes_width(bar, type);
	fill_legend(&legend, bar);
	double width = bar_width + tick_length + tick_gap + (bar->colouring->unit ? title_gap + title_size : 0);
	return ceil(width * bar->unit + labels_width(&legend, type, text_size * bar->unit));
}

/* A point that says that values lie beyond this end, with an edge: the colour may be that of the page. */
static void draw_point(struct canvas *canvas, struct box bar, bool upward, struct colour colour, const struct stroke *edge)
{
	double base = upward ? bar.y : bar.y + bar.height, tip = base + (upward ? -1 : 1) * round(bar.width * 0.6);
	const struct point corner[] = { { bar.x, base }, { bar.x + bar.width / 2, tip }, { bar.x + bar.width, base } };

	canvas_polygon(canvas, corner, 3, colour);
	canvas_polyline(canvas, corner, 3, edge);
}

static void draw_gradient(const struct colour_bar *bar, struct canvas *canvas, struct box box, const struct theme_colours *colours)
{
	uint32_t table[COLOUR_STEPS], upward[COLOUR_STEPS];
	struct raster raster = { .rgb = upward, .height = COLOUR_STEPS, .width = 1 };
	const struct stroke edge = { .colour = colours->frame, .width = fmax(1, round(bar->unit)) };

	colour_map_table(bar->colouring->map, bar->colouring->reverse, table);
	for (int i = 0; i < COLOUR_STEPS; i++)
		upward[i] = table[COLOUR_STEPS - 1 - i];
	canvas_raster(canvas, box, &raster);
	canvas_frame(canvas, box, edge.width, colours->frame);
	if (bar->range && bar->range->beyond_high)
		draw_point(canvas, box, true, colour_from_rgb(table[COLOUR_STEPS - 1]), &edge);
	if (bar->range && bar->range->beyond_low)
		draw_point(canvas, box, false, colour_from_rgb(table[0]), &edge);
}

void colour_bar_draw(const struct colour_bar *bar, struct canvas *canvas, double x, double y, const struct theme_colours *colours)
{
	double unit = bar->unit, line = fmax(1, round(unit)), size = text_size * unit;
	struct box box = { x, y, round(bar_width * unit), bar->height };
	struct text_style label = { .size = size, .colour = colours->text };
	struct text_style title = { .size = title_size * unit, .align = TEXT_MIDDLE, .angle = 90, .colour = colours->text };
	struct legend legend;

	if (has_classes(bar)) {
		draw_classes(bar, canvas, x, y, colours);
		return;
	}
	fill_legend(&legend, bar);
	draw_gradient(bar, canvas, box, colours);
	double tick_x = x + box.width + line, text_x = tick_x + (tick_length + tick_gap) * unit, last_y = INFINITY, widest = 0;
	for (int i = 0; i < legend.ticks.count; i++) {
		double at = y + (1 - legend.place[i]) * box.height;
		if (last_y - at < size * 1.2)
			continue;
		last_y = at;
		canvas_rectangle(canvas, tick_x, round(at - line / 2), round(tick_length * unit), line, colours->frame);
		canvas_text(canvas, text_x, at, &label, legend.ticks.text[i]);
		widest = fmax(widest, text_width(canvas->type, size, false, legend.ticks.text[i]));
	}
	double title_x = text_x + fmax(widest, title_nearest * unit) + (title_gap + title_size / 2) * unit;
	canvas_text(canvas, title_x, y + box.height / 2, &title, bar->colouring->unit);
}
