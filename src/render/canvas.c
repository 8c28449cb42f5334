/* SPDX-License-Identifier: MIT */
#include "render/canvas.h"

void canvas_rectangle(struct canvas *canvas, double x, double y, double width, double height, struct colour colour)
{
	canvas->operations->rectangle(canvas, (struct box){ x, y, width, height }, colour);
}

void canvas_frame(struct canvas *canvas, struct box box, double width, struct colour colour)
{
	double outer = box.width + 2 * width;

	canvas_rectangle(canvas, box.x - width, box.y - width, outer, width, colour);
	canvas_rectangle(canvas, box.x - width, box.y + box.height, outer, width, colour);
	canvas_rectangle(canvas, box.x - width, box.y, width, box.height, colour);
	canvas_rectangle(canvas, box.x + box.width, box.y, width, box.height, colour);
}

void canvas_polygon(struct canvas *canvas, const struct point *point, int64_t count, struct colour colour)
{
	canvas->operations->polygon(canvas, point, count, colour);
}

void canvas_polyline(struct canvas *canvas, const struct point *point, int64_t count, const struct stroke *stroke)
{
	canvas->operations->polyline(canvas, point, count, stroke);
}

void canvas_line(struct canvas *canvas, double x0, double y0, double x1, double y1, const struct stroke *stroke)
{
	canvas_polyline(canvas, (struct point[]){ { x0, y0 }, { x1, y1 } }, 2, stroke);
}

void canvas_curve(struct canvas *canvas, const struct point point[4], const struct stroke *stroke)
{
	canvas->operations->curve(canvas, point, stroke);
}

void canvas_circle(struct canvas *canvas, double x, double y, double radius, struct colour colour)
{
	canvas->operations->circle(canvas, (struct point){ x, y }, radius, colour);
}

void canvas_text(struct canvas *canvas, double x, double y, const struct text_style *style, const char *text)
{
	if (!text || !*text)
		return;
	typesetter_look(canvas->type, style->size, text);
	canvas->operations->text(canvas, (struct point){ x, y }, style, text);
}

void canvas_raster(struct canvas *canvas, struct box box, const struct raster *raster)
{
	if (raster->height > 0 && raster->width > 0)
		canvas->operations->raster(canvas, box, raster);
}

void canvas_clip(struct canvas *canvas, struct box box)
{
	canvas->operations->clip(canvas, box);
}

void canvas_unclip(struct canvas *canvas)
{
	canvas->operations->unclip(canvas);
}
