/* SPDX-License-Identifier: MIT */
/*
 * The legend of a colour map: an upright bar with ticks, and what the values are; or a swatch for each class of values.
 */
#ifndef ATTNVIZ_RENDER_COLOUR_BAR_H
#define ATTNVIZ_RENDER_COLOUR_BAR_H

#include "render/canvas.h"
#include "render/value_range.h"

struct colour_bar {
	const struct value_range *range; /* NULL: the ends are "low" and "high", for panels with ranges of their own */
	const struct colouring *colouring;
	double unit;   /* dpi / 96 */
	double height;
};

/* Room that the bar takes to the right of its left edge. Nearly always independent of the values, so that it can be known before
 * them. */
double colour_bar_width(const struct colour_bar *bar, struct typesetter *type);
void colour_bar_draw(const struct colour_bar *bar, struct canvas *canvas, double x, double y, const struct theme_colours *colours);

#endif
