/* SPDX-License-Identifier: MIT */
/*
 * A canvas over cairo: the pixels of an image surface, or the page of a PDF.
 */
#ifndef ATTNVIZ_RENDER_CANVAS_CAIRO_H
#define ATTNVIZ_RENDER_CANVAS_CAIRO_H

#include <cairo.h>

#include "render/canvas.h"

/* Up to so many cells are drawn as rectangles in vector formats; above it they are an image. */
enum { RECTANGLE_CELLS_MAX = 4096 };

struct cairo_canvas {
	struct canvas canvas;
	cairo_t *cairo; /* borrowed; pixels of an image surface are written directly where cells lie on their edges */
};

void cairo_canvas_init(struct cairo_canvas *canvas, cairo_t *cairo, struct typesetter *type);

#endif
