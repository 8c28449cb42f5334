/* SPDX-License-Identifier: MIT */
#include "render/canvas_cairo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static cairo_t *cairo_of(struct canvas *canvas)
{
	return ((struct cairo_canvas *)canvas)->cairo;
}

static void set_colour(cairo_t *cairo, struct colour colour)
{
	if (colour.a == 255)
		cairo_set_source_rgb(cairo, colour.r / 255.0, colour.g / 255.0, colour.b / 255.0);
	else
		cairo_set_source_rgba(cairo, colour.r / 255.0, colour.g / 255.0, colour.b / 255.0, colour.a / 255.0);
}

static void draw_rectangle(struct canvas *canvas, struct box box, struct colour colour)
{
	cairo_t *cairo = cairo_of(canvas);

	set_colour(cairo, colour);
	cairo_rectangle(cairo, box.x, box.y, box.width, box.height);
	cairo_fill(cairo);
}

static void add_points(cairo_t *cairo, const struct point *point, int64_t count)
{
	cairo_new_path(cairo);
	for (int64_t i = 0; i < count; i++)
		cairo_line_to(cairo, point[i].x, point[i].y);
}

static void draw_polygon(struct canvas *canvas, const struct point *point, int64_t count, struct colour colour)
{
	cairo_t *cairo = cairo_of(canvas);

	set_colour(cairo, colour);
	add_points(cairo, point, count);
	cairo_close_path(cairo);
	cairo_fill(cairo);
}

static void stroke_path(cairo_t *cairo, const struct stroke *stroke)
{
	set_colour(cairo, stroke->colour);
	cairo_set_line_width(cairo, stroke->width);
	cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
	cairo_set_line_cap(cairo, CAIRO_LINE_CAP_BUTT);
	cairo_set_dash(cairo, &stroke->dash, stroke->dash > 0, 0);
	cairo_stroke(cairo);
}

static void draw_polyline(struct canvas *canvas, const struct point *point, int64_t count, const struct stroke *stroke)
{
	cairo_t *cairo = cairo_of(canvas);

	add_points(cairo, point, count);
	stroke_path(cairo, stroke);
}

static void draw_curve(struct canvas *canvas, const struct point p[4], const struct stroke *stroke)
{
	cairo_t *cairo = cairo_of(canvas);

	cairo_move_to(cairo, p[0].x, p[0].y);
	cairo_curve_to(cairo, p[1].x, p[1].y, p[2].x, p[2].y, p[3].x, p[3].y);
	stroke_path(cairo, stroke);
}

static void draw_circle(struct canvas *canvas, struct point centre, double radius, struct colour colour)
{
	cairo_t *cairo = cairo_of(canvas);

	set_colour(cairo, colour);
	cairo_new_sub_path(cairo);
	cairo_arc(cairo, centre.x, centre.y, radius, 0, 2 * M_PI);
	cairo_fill(cairo);
}

/* Colour emoji have no outlines. */
static bool has_outlines(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0xF0)
			return false;
	return true;
}

static void draw_text(struct canvas *canvas, struct point at, const struct text_style *style, const char *text)
{
	cairo_t *cairo = cairo_of(canvas);
	PangoLayout *layout = typesetter_layout(canvas->type, style->size, style->bold, text);
	bool upright = style->angle == 0, quarter = fmod(style->angle, 90) == 0;
	int width;

	pango_layout_get_size(layout, &width, NULL);
	double left = -(double)width / PANGO_SCALE * style->align / 2;
	double top = text_baseline(style->size) - (double)pango_layout_get_baseline(layout) / PANGO_SCALE;
	cairo_save(cairo);
	set_colour(cairo, style->colour);
	if (upright) {
		cairo_move_to(cairo, at.x + left, at.y + top);
	} else {
		cairo_translate(cairo, at.x, at.y);
		cairo_rotate(cairo, -style->angle * M_PI / 180);
		cairo_move_to(cairo, left, top);
	}
	/* cairo puts the glyphs of slanted text on whole pixels, which makes them dance: fill outlines instead. */
	if (!quarter && has_outlines(text)) {
		pango_cairo_layout_path(cairo, layout);
		cairo_fill(cairo);
	} else {
		pango_cairo_show_layout(cairo, layout);
	}
	cairo_restore(cairo);
}

static int64_t cell_edge(int64_t pixels, int64_t cells, int64_t cell)
{
	return pixels * cell / cells;
}

/* Colour per cell, then repeat: one row of pixels is built, the rest are copies of it. */
static void blit(cairo_surface_t *surface, int64_t x, int64_t y, int64_t width, int64_t height, const struct raster *raster)
{
	cairo_surface_flush(surface);
	int64_t stride = cairo_image_surface_get_stride(surface) / 4;
	uint32_t *pixels = (uint32_t *)(void *)cairo_image_surface_get_data(surface) + y * stride + x;

	for (int64_t row = 0; row < raster->height; row++) {
		int64_t from = cell_edge(height, raster->height, row), to = cell_edge(height, raster->height, row + 1);
		const uint32_t *rgb = raster->rgb + row * raster->width;
		if (from == to)
			continue;
		uint32_t *line = pixels + from * stride;
		for (int64_t column = 0; column < raster->width; column++)
			for (int64_t i = cell_edge(width, raster->width, column); i < cell_edge(width, raster->width, column + 1);
			     i++)
				line[i] = rgb[column];
		for (int64_t i = from + 1; i < to; i++)
			memcpy(pixels + i * stride, line, (size_t)width * sizeof *line);
	}
	cairo_surface_mark_dirty_rectangle(surface, (int)x, (int)y, (int)width, (int)height);
}

static bool is_whole(double x)
{
	return x == floor(x);
}

/* Is the box on pixel edges of an image surface, and inside it? */
static bool can_blit(cairo_surface_t *surface, struct box box)
{
	return cairo_surface_get_type(surface) == CAIRO_SURFACE_TYPE_IMAGE && is_whole(box.x) && is_whole(box.y) &&
	       is_whole(box.width) && is_whole(box.height) && box.x >= 0 && box.y >= 0 &&
	       box.x + box.width <= cairo_image_surface_get_width(surface) &&
	       box.y + box.height <= cairo_image_surface_get_height(surface);
}

/* Runs of equal colour as rectangles. Each reaches at least a pixel under its right and lower neighbour, which is painted later,
 * so that viewers that smooth edges show no seams. */
static void draw_cells(struct canvas *canvas, struct box box, const struct raster *raster)
{
	double cell_width = box.width / (double)raster->width, cell_height = box.height / (double)raster->height;

	for (int64_t row = 0; row < raster->height; row++) {
		const uint32_t *rgb = raster->rgb + row * raster->width;
		double y = box.y + (double)row * cell_height, under_y = row + 1 < raster->height ? fmax(cell_height * 0.2, 1) : 0;
		for (int64_t first = 0, end; first < raster->width; first = end) {
			for (end = first + 1; end < raster->width && rgb[end] == rgb[first]; end++)
				;
			double under_x = end < raster->width ? fmax(cell_width * 0.2, 1) : 0;
			draw_rectangle(canvas,
				       (struct box){ box.x + (double)first * cell_width, y,
						     (double)(end - first) * cell_width + under_x, cell_height + under_y },
				       colour_from_rgb(rgb[first]));
		}
	}
}

static void draw_image(cairo_t *cairo, struct box box, const struct raster *raster)
{
	cairo_surface_t *image = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)raster->width, (int)raster->height);

	if (cairo_surface_status(image) == CAIRO_STATUS_SUCCESS) {
		blit(image, 0, 0, raster->width, raster->height, raster);
		cairo_save(cairo);
		cairo_translate(cairo, box.x, box.y);
		cairo_scale(cairo, box.width / (double)raster->width, box.height / (double)raster->height);
		cairo_set_source_surface(cairo, image, 0, 0);
		cairo_pattern_set_filter(cairo_get_source(cairo), raster->smooth ? CAIRO_FILTER_GOOD : CAIRO_FILTER_NEAREST);
		cairo_pattern_set_extend(cairo_get_source(cairo), CAIRO_EXTEND_PAD);
		cairo_rectangle(cairo, 0, 0, (double)raster->width, (double)raster->height);
		cairo_fill(cairo);
		cairo_restore(cairo);
	}
	cairo_surface_destroy(image);
}

static void draw_raster(struct canvas *canvas, struct box box, const struct raster *raster)
{
	cairo_t *cairo = cairo_of(canvas);
	cairo_surface_t *surface = cairo_get_target(cairo);

	if (!raster->smooth && can_blit(surface, box))
		blit(surface, (int64_t)box.x, (int64_t)box.y, (int64_t)box.width, (int64_t)box.height, raster);
	else if (!raster->smooth && raster->width * raster->height + raster->others <= RECTANGLE_CELLS_MAX)
		draw_cells(canvas, box, raster);
	else
		draw_image(cairo, box, raster);
}

static void draw_clip(struct canvas *canvas, struct box box)
{
	cairo_rectangle(cairo_of(canvas), box.x, box.y, box.width, box.height);
	cairo_clip(cairo_of(canvas));
}

static void draw_unclip(struct canvas *canvas)
{
	cairo_reset_clip(cairo_of(canvas));
}

static const struct canvas_operations operations = {
	.rectangle = draw_rectangle, .polygon = draw_polygon, .polyline = draw_polyline, .curve = draw_curve, .circle = draw_circle,
	.text = draw_text, .raster = draw_raster, .clip = draw_clip, .unclip = draw_unclip,
};

void cairo_canvas_init(struct cairo_canvas *canvas, cairo_t *cairo, struct typesetter *type)
{
	*canvas = (struct cairo_canvas){ .canvas = { .operations = &operations, .type = type }, .cairo = cairo };
}
