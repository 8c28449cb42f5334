/* SPDX-License-Identifier: MIT */
/*
 * What scenes draw on: a handful of operations that a pixel image, a PDF page and an SVG document all offer.
 *
 * Coordinates are pixels of the page, y downward. Nothing here fails on its own: a canvas remembers its first error, and the
 * writer that made it reports it.
 */
#ifndef ATTNVIZ_RENDER_CANVAS_H
#define ATTNVIZ_RENDER_CANVAS_H

#include <stdbool.h>
#include <stdint.h>

#include "render/colour.h"
#include "render/text.h"

struct point {
	double x, y;
};

struct box {
	double x, y, width, height;
};

struct stroke {
	struct colour colour;
	double width;
	double dash; /* length of dashes and gaps; 0: solid */
};

/* Opaque cells, row by row, 0xRRGGBB. */
struct raster {
	const uint32_t *rgb;
	int64_t height, width;
	bool smooth; /* a photograph: may be interpolated; else cells with sharp edges */
	int64_t others; /* cells of the figure's other rasters: together, too many for shapes of their own are images in files that draw shapes */
};

struct canvas;

struct canvas_operations {
	void (*rectangle)(struct canvas *canvas, struct box box, struct colour colour);
	void (*polygon)(struct canvas *canvas, const struct point *point, int64_t count, struct colour colour);
	void (*polyline)(struct canvas *canvas, const struct point *point, int64_t count, const struct stroke *stroke);
	void (*curve)(struct canvas *canvas, const struct point point[4], const struct stroke *stroke); /* cubic Bezier */
	void (*circle)(struct canvas *canvas, struct point centre, double radius, struct colour colour);
	void (*text)(struct canvas *canvas, struct point at, const struct text_style *style, const char *text);
	void (*raster)(struct canvas *canvas, struct box box, const struct raster *raster);
	void (*clip)(struct canvas *canvas, struct box box); /* until unclip; not nested */
	void (*unclip)(struct canvas *canvas);
};

struct canvas {
	const struct canvas_operations *operations;
	struct typesetter *type;
	bool out_of_memory; /* set by whoever draws and runs out; the picture then fails as a whole */
};

void canvas_rectangle(struct canvas *canvas, double x, double y, double width, double height, struct colour colour);

/* Four bars of `width` around the box, outside it. */
void canvas_frame(struct canvas *canvas, struct box box, double width, struct colour colour);
void canvas_polygon(struct canvas *canvas, const struct point *point, int64_t count, struct colour colour);
void canvas_polyline(struct canvas *canvas, const struct point *point, int64_t count, const struct stroke *stroke);
void canvas_line(struct canvas *canvas, double x0, double y0, double x1, double y1, const struct stroke *stroke);
void canvas_curve(struct canvas *canvas, const struct point point[4], const struct stroke *stroke);
void canvas_circle(struct canvas *canvas, double x, double y, double radius, struct colour colour);

/* Capitals are centred on y. */
void canvas_text(struct canvas *canvas, double x, double y, const struct text_style *style, const char *text);

/* Cell (r, c) covers the pixels from box.x + c * box.width / raster.width (rounded down) to the next cell's. */
void canvas_raster(struct canvas *canvas, struct box box, const struct raster *raster);
void canvas_clip(struct canvas *canvas, struct box box);
void canvas_unclip(struct canvas *canvas);

#endif
