/* SPDX-License-Identifier: MIT */
/*
 * Colours and colour maps.
 *
 * A colour map is a table of evenly spaced anchors, joined by straight lines in sRGB. viridis, magma and cividis are sampled from
 * the tables published under CC0 (van der Walt and Smith 2015; Nunez, Anderton and Renslow 2018) so that every one of their 256
 * entries is met to within 2/255. blues and diverging are our own: lines in OKLCH (Ottosson 2020) whose lightness falls evenly,
 * and equally on both arms of the diverging map, whose middle is a neutral near-white.
 */
#ifndef ATTNVIZ_RENDER_COLOUR_H
#define ATTNVIZ_RENDER_COLOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "render/scene.h"

/* sRGB, not premultiplied; a = 255 is opaque. */
struct colour {
	uint8_t r, g, b, a;
};

#define COLOUR_RGB(HEX) { (HEX) >> 16 & 255, (HEX) >> 8 & 255, (HEX) & 255, 255 }

/* The map at `unit`, clamped to 0..1. NaN is not allowed. */
struct colour colour_map_at(enum colour_map map, double unit);

enum { COLOUR_STEPS = 256 };

/* The map in even steps, as 0xRRGGBB: what a picture is coloured from. */
void colour_map_table(enum colour_map map, bool reverse, uint32_t table[COLOUR_STEPS]);

struct colour colour_from_rgb(uint32_t rgb);
uint32_t colour_to_rgb(struct colour colour);
struct colour colour_with_alpha(struct colour colour, double alpha); /* alpha 0..1 */

/* Lay `over` with its alpha on an opaque `under`. */
struct colour colour_blend(struct colour under, struct colour over);

/* Relative luminance 0..1 (WCAG 2.1), to choose dark or light text on a colour. */
double colour_luminance(struct colour colour);

/* A distinct colour for the series `index` of a chart, readable on that theme; repeats after COLOUR_SERIES. */
enum { COLOUR_SERIES = 8 };
struct colour colour_series(enum theme theme, int index);

/* What a theme paints the page, text and lines with. */
struct theme_colours {
	struct colour page, text, muted, frame, grid, no_value;
};
const struct theme_colours *theme_colours(enum theme theme);

#endif
