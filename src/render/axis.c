/* SPDX-License-Identifier: MIT */
#include "render/axis.h"

#include <math.h>
#include <stdio.h>

#include "render/ticks.h"

static const double size_smallest = 9, size_largest = 11, size_numbers = 10, label_widest = 130, line_pitch = 1.15;

static bool is_flat_side(enum axis_side side)
{
	return side == SIDE_BOTTOM || side == SIDE_TOP;
}

/* Room for n characters between the numbers of a horizontal axis. */
static double widest_number(struct typesetter *type, double size, const struct axis_scale *scale)
{
	char text[32];

	snprintf(text, sizeof text, "%lld", (long long)(scale->first + scale->count - 1));
	return text_width(type, size, false, text);
}

static void plan_numbers(struct axis_layout *axis, struct typesetter *type, double unit)
{
	const struct axis_scale *scale = axis->scale;

	axis->kind = LABELS_NUMBERS;
	axis->size = size_numbers * unit;
	axis->angle = 0;
	double number = widest_number(type, axis->size, scale);
	double room = is_flat_side(axis->side) ? number + axis->size * 1.5 : axis->size * 3.5;
	double pitch = axis->length / (double)scale->count,
	       tight = is_flat_side(axis->side) ? number + axis->size * 0.7 : axis->size * 1.6;
	axis->step = pitch >= tight ? 1 : ticks_position_step(scale->count, (int64_t)(axis->length / room));
	axis->widest = number + 1;
	axis->tick = fmax(1, round(4 * unit));
	axis->depth = axis->tick + axis->gap + (is_flat_side(axis->side) ? axis->size : number);
}

/* Round seconds (or whatever a position is worth) instead of position numbers. */
static void plan_measured(struct axis_layout *axis, struct typesetter *type, double unit)
{
	const struct axis_scale *scale = axis->scale;
	double low = (double)scale->first * scale->step, high = (double)(scale->first + scale->count) * scale->step, widest = 0;

	axis->kind = LABELS_MEASURED;
	axis->size = size_numbers * unit;
	axis->angle = 0;
	int most = (int)fmin(axis->length / (axis->size * (is_flat_side(axis->side) ? 5 : 3.5)), TICKS_MAX);
	ticks_linear(&axis->measured, low, high, most > 2 ? most : 3);
	for (int i = 0; i < axis->measured.count; i++)
		widest = fmax(widest, text_width(type, axis->size, false, axis->measured.text[i]));
	axis->widest = widest + 1;
	axis->tick = fmax(1, round(4 * unit));
	axis->depth = axis->tick + axis->gap + (is_flat_side(axis->side) ? axis->size : widest);
}

static double widest_label(const struct axis_layout *axis, struct typesetter *type)
{
	double widest = 0;

	for (int64_t i = 0; i < axis->scale->count; i += axis->step)
		widest = fmax(widest, text_width(type, axis->size, false, axis->scale->label[i]));
	return widest;
}

/* Labels of a horizontal side: flat, slanted or upright. */
static void turn_labels(struct axis_layout *axis, double pitch, double widest)
{
	double line = axis->size * line_pitch, half = axis->size / 2;
	double before = pitch / (double)axis->step / 2; /* from the corner to the middle of the first cell */

	if (widest + axis->size * 0.5 <= pitch) {
		axis->angle = 0;
		axis->depth += axis->size;
	} else if (line * 1.45 <= pitch) {
		axis->angle = 45;
		axis->depth += (axis->widest + half) * M_SQRT1_2 + half;
		axis->overhang = fmax(0, (axis->widest + half) * M_SQRT1_2 - before);
	} else {
		axis->angle = 90;
		axis->depth += axis->widest;
	}
}

static void plan_tokens(struct axis_layout *axis, struct typesetter *type, double unit)
{
	double pitch = axis->length / (double)axis->scale->count * (double)axis->step;

	axis->kind = LABELS_TOKENS;
	axis->size = fmin(size_largest * unit, fmax(size_smallest * unit, floor(pitch / line_pitch * 2) / 2));
	axis->tick = axis->step > 1 ? fmax(1, round(4 * unit)) : 0;
	double widest = widest_label(axis, type);
	axis->widest = fmin(widest, label_widest * unit);
	axis->depth = axis->tick + axis->gap;
	if (is_flat_side(axis->side))
		turn_labels(axis, pitch, widest);
	else
		axis->depth += axis->widest;
}

bool axis_has_room(const struct axis_scale *scale, double length, double unit)
{
	return scale->label && length >= (double)scale->count * size_smallest * unit * line_pitch;
}

void axis_plan(struct axis_layout *axis, struct typesetter *type, const struct axis_scale *scale, enum axis_side side,
	       double length, double unit, int64_t thin)
{
	*axis = (struct axis_layout){ .scale = scale, .side = side, .length = length, .step = 1, .gap = round(4 * unit) };
	if (scale->count < 1 || length < 1)
		return;
	double pitch = length / (double)scale->count;
	axis->step = (int64_t)fmax(1, ceil(size_smallest * unit * line_pitch / pitch));
	if (scale->label && axis->step <= thin)
		plan_tokens(axis, type, unit);
	else if (scale->step > 0)
		plan_measured(axis, type, unit);
	else
		plan_numbers(axis, type, unit);
}

static void draw_tick(const struct axis_layout *axis, struct canvas *canvas, double x, double y, double along, struct colour colour)
{
	double width = fmax(1, round(axis->size / 11)), middle = floor(along - width / 2 + 0.5);

	if (axis->tick <= 0)
		return;
	switch (axis->side) {
	case SIDE_BOTTOM:
		canvas_rectangle(canvas, x + middle, y, width, axis->tick, colour);
		break;
	case SIDE_TOP:
		canvas_rectangle(canvas, x + middle, y - axis->tick, width, axis->tick, colour);
		break;
	case SIDE_LEFT:
		canvas_rectangle(canvas, x - axis->tick, y + middle, axis->tick, width, colour);
		break;
	case SIDE_RIGHT:
		canvas_rectangle(canvas, x, y + middle, axis->tick, width, colour);
		break;
	}
}

static void draw_label(const struct axis_layout *axis, struct canvas *canvas, double x, double y, double along, const char *text,
		       struct colour colour)
{
	struct text_style style = { .size = axis->size, .align = TEXT_END, .angle = axis->angle, .colour = colour };
	double off = axis->tick + axis->gap, half = axis->size / 2;

	switch (axis->side) {
	case SIDE_LEFT:
		canvas_text(canvas, x - off, y + along, &style, text);
		return;
	case SIDE_RIGHT:
		style.align = TEXT_START;
		canvas_text(canvas, x + off, y + along, &style, text);
		return;
	case SIDE_BOTTOM:
		style.align = axis->angle == 0 ? TEXT_MIDDLE : TEXT_END;
		off += axis->angle == 0 ? half : axis->angle == 45 ? half * M_SQRT1_2 : 0;
		canvas_text(canvas, x + along, y + off, &style, text);
		return;
	case SIDE_TOP:
		style.align = axis->angle == 0 ? TEXT_MIDDLE : TEXT_START;
		off += axis->angle == 0 ? half : axis->angle == 45 ? half * M_SQRT1_2 : 0;
		canvas_text(canvas, x + along, y - off, &style, text);
		return;
	}
}

static void draw_tokens(const struct axis_layout *axis, struct canvas *canvas, double x, double y,
			const struct theme_colours *colours)
{
	double pitch = axis->length / (double)axis->scale->count;
	struct strbuf fitted;

	strbuf_init(&fitted);
	for (int64_t i = 0; i < axis->scale->count; i += axis->step) {
		double along = ((double)i + 0.5) * pitch;
		strbuf_clear(&fitted);
		text_append_fitted(canvas->type, axis->size, false, axis->scale->label[i], axis->widest + 0.5, &fitted);
		draw_tick(axis, canvas, x, y, along, colours->frame);
		draw_label(axis, canvas, x, y, along, fitted.buf, colours->text);
	}
	strbuf_release(&fitted);
}

static void draw_numbers(const struct axis_layout *axis, struct canvas *canvas, double x, double y,
			 const struct theme_colours *colours)
{
	const struct axis_scale *scale = axis->scale;
	double pitch = axis->length / (double)scale->count;
	int64_t first = (scale->first + axis->step - 1) / axis->step * axis->step;

	for (int64_t position = first; position < scale->first + scale->count; position += axis->step) {
		double along = ((double)(position - scale->first) + 0.5) * pitch;
		char text[32];

		snprintf(text, sizeof text, "%lld", (long long)position);
		draw_tick(axis, canvas, x, y, along, colours->frame);
		draw_label(axis, canvas, x, y, along, text, colours->text);
	}
}

static void draw_measured(const struct axis_layout *axis, struct canvas *canvas, double x, double y,
			  const struct theme_colours *colours)
{
	const struct axis_scale *scale = axis->scale;

	for (int i = 0; i < axis->measured.count; i++) {
		double along = (axis->measured.value[i] / scale->step - (double)scale->first) / (double)scale->count * axis->length;
		draw_tick(axis, canvas, x, y, along, colours->frame);
		draw_label(axis, canvas, x, y, along, axis->measured.text[i], colours->text);
	}
}

void axis_draw(const struct axis_layout *axis, struct canvas *canvas, double x, double y, const struct theme_colours *colours)
{
	if (axis->kind == LABELS_TOKENS)
		draw_tokens(axis, canvas, x, y, colours);
	else if (axis->kind == LABELS_NUMBERS)
		draw_numbers(axis, canvas, x, y, colours);
	else if (axis->kind == LABELS_MEASURED)
		draw_measured(axis, canvas, x, y, colours);
}
