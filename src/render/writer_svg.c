/* SPDX-License-Identifier: MIT */
/*
 * SVG, written here and not by cairo, which turns text into outlines: labels stay text that can be searched, copied and edited.
 */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "render/canvas_cairo.h"
#include "render/png_encode.h"
#include "render/writer.h"

struct svg_canvas {
	struct canvas canvas;
	struct strbuf xml;
	int clips;
	struct err_info *info;
	enum err err;
};

static struct svg_canvas *svg_of(struct canvas *canvas)
{
	return (struct svg_canvas *)canvas;
}

static const double coordinate_most = 1e7;

/* Hundredths of a pixel, without trailing zeros. Not printf, which would be half of the time of a whole small picture. */
static void add_number(struct strbuf *xml, double value)
{
	long long hundredths = llrint(fmin(fmax(value, -coordinate_most), coordinate_most) * 100);
	long long size = hundredths < 0 ? -hundredths : hundredths, whole = size / 100;
	int rest = (int)(size % 100);
	char text[32], *start = text + sizeof text;

	if (rest % 10)
		*--start = (char)('0' + rest % 10);
	if (rest) {
		*--start = (char)('0' + rest / 10);
		*--start = '.';
	}
	do
		*--start = (char)('0' + whole % 10);
	while (whole /= 10);
	if (hundredths < 0)
		*--start = '-';
	strbuf_add(xml, start, (size_t)(text + sizeof text - start));
}

static void add_attribute(struct strbuf *xml, const char *name, double value)
{
	strbuf_addch(xml, ' ');
	strbuf_addstr(xml, name);
	strbuf_addstr(xml, "=\"");
	add_number(xml, value);
	strbuf_addch(xml, '"');
}

static void add_colour(struct strbuf *xml, const char *property, struct colour colour)
{
	static const char digit[] = "0123456789abcdef";
	uint32_t rgb = colour_to_rgb(colour);
	char hexadecimal[7];

	for (int i = 0; i < 6; i++)
		hexadecimal[i] = digit[rgb >> (20 - 4 * i) & 15];
	hexadecimal[6] = '"';
	strbuf_addch(xml, ' ');
	strbuf_addstr(xml, property);
	strbuf_addstr(xml, "=\"#");
	strbuf_add(xml, hexadecimal, sizeof hexadecimal);
	if (colour.a != 255)
		strbuf_addf(xml, " %s-opacity=\"%.3g\"", property, colour.a / 255.0);
}

/* What XML wants instead of what `text` begins with; NULL where it may stand. */
static const char *xml_instead(const char *text, size_t *length)
{
	static const struct { const char *bytes, *instead; } table[] = {
		{ "&", "&amp;" }, { "<", "&lt;" }, { ">", "&gt;" },
		/* U+FFFE and U+FFFF are not characters of XML. */
		{ "\xef\xbf\xbe", "\xef\xbf\xbd" }, { "\xef\xbf\xbf", "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		*length = strlen(table[i].bytes);
		if (!strncmp(text, table[i].bytes, *length))
			return table[i].instead;
	}
	*length = 1;
	return NULL;
}

static void add_escaped(struct strbuf *xml, const char *text)
{
	struct strbuf visible;
	size_t length;

	strbuf_init(&visible);
	utf8_append_visible(&visible, text, strlen(text));
	for (const char *p = visible.buf; *p; p += length) {
		const char *instead = xml_instead(p, &length);
		if (instead)
			strbuf_addstr(xml, instead);
		else
			strbuf_addch(xml, *p);
	}
	strbuf_release(&visible);
}

static void add_box(struct strbuf *xml, struct box box)
{
	add_attribute(xml, "x", box.x);
	add_attribute(xml, "y", box.y);
	add_attribute(xml, "width", box.width);
	add_attribute(xml, "height", box.height);
}

static void draw_rectangle(struct canvas *canvas, struct box box, struct colour colour)
{
	struct strbuf *xml = &svg_of(canvas)->xml;

	strbuf_addstr(xml, "<rect");
	add_box(xml, box);
	add_colour(xml, "fill", colour);
	strbuf_addstr(xml, "/>\n");
}

static void add_points(struct strbuf *xml, const struct point *point, int64_t count)
{
	strbuf_addstr(xml, " points=\"");
	for (int64_t i = 0; i < count; i++) {
		if (i)
			strbuf_addch(xml, ' ');
		add_number(xml, point[i].x);
		strbuf_addch(xml, ',');
		add_number(xml, point[i].y);
	}
	strbuf_addch(xml, '"');
}

static void add_stroke(struct strbuf *xml, const struct stroke *stroke)
{
	strbuf_addstr(xml, " fill=\"none\"");
	add_colour(xml, "stroke", stroke->colour);
	add_attribute(xml, "stroke-width", stroke->width);
	if (stroke->dash > 0)
		add_attribute(xml, "stroke-dasharray", stroke->dash);
	strbuf_addstr(xml, "/>\n");
}

static void draw_polygon(struct canvas *canvas, const struct point *point, int64_t count, struct colour colour)
{
	struct strbuf *xml = &svg_of(canvas)->xml;

	strbuf_addstr(xml, "<polygon");
	add_points(xml, point, count);
	add_colour(xml, "fill", colour);
	strbuf_addstr(xml, "/>\n");
}

static void draw_polyline(struct canvas *canvas, const struct point *point, int64_t count, const struct stroke *stroke)
{
	struct strbuf *xml = &svg_of(canvas)->xml;

	strbuf_addstr(xml, "<polyline stroke-linejoin=\"round\"");
	add_points(xml, point, count);
	add_stroke(xml, stroke);
}

static void draw_curve(struct canvas *canvas, const struct point p[4], const struct stroke *stroke)
{
	static const char before[4] = { 'M', 'C', ' ', ' ' };
	struct strbuf *xml = &svg_of(canvas)->xml;

	strbuf_addstr(xml, "<path d=\"");
	for (int i = 0; i < 4; i++) {
		strbuf_addch(xml, before[i]);
		add_number(xml, p[i].x);
		strbuf_addch(xml, ',');
		add_number(xml, p[i].y);
	}
	strbuf_addch(xml, '"');
	add_stroke(xml, stroke);
}

static void draw_circle(struct canvas *canvas, struct point centre, double radius, struct colour colour)
{
	struct strbuf *xml = &svg_of(canvas)->xml;

	strbuf_addstr(xml, "<circle");
	add_attribute(xml, "cx", centre.x);
	add_attribute(xml, "cy", centre.y);
	add_attribute(xml, "r", radius);
	add_colour(xml, "fill", colour);
	strbuf_addstr(xml, "/>\n");
}

static void draw_text(struct canvas *canvas, struct point at, const struct text_style *style, const char *text)
{
	static const char *const anchor[] = {
		[TEXT_START] = "", [TEXT_MIDDLE] = " text-anchor=\"middle\"", [TEXT_END] = " text-anchor=\"end\""
	};
	struct strbuf *xml = &svg_of(canvas)->xml;

	strbuf_addstr(xml, "<text");
	if (style->angle == 0) {
		add_attribute(xml, "x", at.x);
		add_attribute(xml, "y", at.y + text_baseline(style->size));
	} else {
		add_attribute(xml, "y", text_baseline(style->size));
		strbuf_addstr(xml, " transform=\"translate(");
		add_number(xml, at.x);
		strbuf_addch(xml, ' ');
		add_number(xml, at.y);
		strbuf_addstr(xml, ") rotate(");
		add_number(xml, -style->angle);
		strbuf_addstr(xml, ")\"");
	}
	add_attribute(xml, "font-size", style->size);
	if (style->bold)
		strbuf_addstr(xml, " font-weight=\"bold\"");
	strbuf_addstr(xml, anchor[style->align]);
	add_colour(xml, "fill", style->colour);
	strbuf_addch(xml, '>');
	add_escaped(xml, text);
	strbuf_addstr(xml, "</text>\n");
}

/* Runs of equal colour; each reaches at least a pixel under the neighbours painted after it, so that smoothed edges show no
 * seams. */
static void draw_cells(struct svg_canvas *svg, struct box box, const struct raster *raster)
{
	double cell_width = box.width / (double)raster->width, cell_height = box.height / (double)raster->height;

	strbuf_addstr(&svg->xml, "<g>\n");
	for (int64_t row = 0; row < raster->height; row++) {
		const uint32_t *rgb = raster->rgb + row * raster->width;
		double height = cell_height + (row + 1 < raster->height ? fmax(cell_height * 0.2, 1) : 0);
		for (int64_t first = 0, end; first < raster->width; first = end) {
			for (end = first + 1; end < raster->width && rgb[end] == rgb[first]; end++)
				;
			double under = end < raster->width ? fmax(cell_width * 0.2, 1) : 0;
			draw_rectangle(&svg->canvas,
				       (struct box){ box.x + (double)first * cell_width, box.y + (double)row * cell_height,
						     (double)(end - first) * cell_width + under, height },
				       colour_from_rgb(rgb[first]));
		}
	}
	strbuf_addstr(&svg->xml, "</g>\n");
}

static enum err to_buffer(void *sink, const void *bytes, size_t count)
{
	struct strbuf *buffer = sink;

	strbuf_add(buffer, bytes, count);
	return strbuf_failed(buffer) ? ERR_NOMEM : ERR_OK;
}

static void add_base64(struct strbuf *xml, const unsigned char *bytes, size_t count)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < count; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;
		three |= i + 1 < count ? (uint32_t)bytes[i + 1] << 8 : 0;
		three |= i + 2 < count ? bytes[i + 2] : 0;
		char four[4] = { digit[three >> 18], digit[three >> 12 & 63], i + 1 < count ? digit[three >> 6 & 63] : '=',
				 i + 2 < count ? digit[three & 63] : '=' };
		strbuf_add(xml, four, 4);
	}
}

static void draw_image(struct svg_canvas *svg, struct box box, const struct raster *raster)
{
	struct png_picture picture = {
		.rgb = raster->rgb, .width = raster->width, .height = raster->height, .stride = raster->width
	};
	struct strbuf png;

	strbuf_init(&png);
	enum err err = png_encode(&picture, to_buffer, &png, svg->info);
	if (err && !svg->err)
		svg->err = err;
	strbuf_addstr(&svg->xml, "<image");
	add_box(&svg->xml, box);
	strbuf_addf(&svg->xml, " preserveAspectRatio=\"none\"%s href=\"data:image/png;base64,",
		    raster->smooth ? "" : " style=\"image-rendering:pixelated\" image-rendering=\"optimizeSpeed\"");
	add_base64(&svg->xml, (const unsigned char *)png.buf, png.len);
	strbuf_addstr(&svg->xml, "\"/>\n");
	strbuf_release(&png);
}

static void draw_raster(struct canvas *canvas, struct box box, const struct raster *raster)
{
	if (!raster->smooth && raster->width * raster->height + raster->others <= RECTANGLE_CELLS_MAX)
		draw_cells(svg_of(canvas), box, raster);
	else
		draw_image(svg_of(canvas), box, raster);
}

static void draw_clip(struct canvas *canvas, struct box box)
{
	struct svg_canvas *svg = svg_of(canvas);

	svg->clips++;
	strbuf_addf(&svg->xml, "<clipPath id=\"clip%d\"><rect", svg->clips);
	add_box(&svg->xml, box);
	strbuf_addf(&svg->xml, "/></clipPath>\n<g clip-path=\"url(#clip%d)\">\n", svg->clips);
}

static void draw_unclip(struct canvas *canvas)
{
	strbuf_addstr(&svg_of(canvas)->xml, "</g>\n");
}

static const struct canvas_operations operations = {
	.rectangle = draw_rectangle, .polygon = draw_polygon, .polyline = draw_polyline, .curve = draw_curve, .circle = draw_circle,
	.text = draw_text, .raster = draw_raster, .clip = draw_clip, .unclip = draw_unclip,
};

static void add_attribute_text(struct strbuf *xml, const char *text)
{
	for (size_t length; *text; text += length) {
		length = strcspn(text, "\"");
		struct strbuf part;
		strbuf_init(&part);
		strbuf_add(&part, text, length);
		add_escaped(xml, part.buf);
		xml->failed = xml->failed || strbuf_failed(&part);
		strbuf_release(&part);
		length += text[length] == '"';
	}
}

static void add_head(struct strbuf *xml, const struct drawing *drawing)
{
	strbuf_addstr(xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"");
	add_attribute(xml, "width", drawing->width);
	add_attribute(xml, "height", drawing->height);
	strbuf_addf(xml, " viewBox=\"0 0 %.0f %.0f\" font-family=\"", drawing->width, drawing->height);
	add_attribute_text(xml, text_family);
	strbuf_addstr(xml, ", Verdana, sans-serif\">\n");
	if (drawing->title) {
		strbuf_addstr(xml, "<title>");
		add_escaped(xml, drawing->title);
		strbuf_addstr(xml, "</title>\n");
	}
	if (drawing->provenance_count)
		strbuf_addstr(xml, "<metadata>\n");
	for (int i = 0; i < drawing->provenance_count; i++) {
		add_escaped(xml, drawing->provenance[i].key);
		strbuf_addstr(xml, ": ");
		add_escaped(xml, drawing->provenance[i].value);
		strbuf_addch(xml, '\n');
	}
	if (drawing->provenance_count)
		strbuf_addstr(xml, "</metadata>\n");
}

enum err write_svg(const struct drawing *drawing, struct output *out, struct err_info *info)
{
	struct svg_canvas svg = { .canvas = { .operations = &operations, .type = drawing->type }, .info = info };

	strbuf_init(&svg.xml);
	add_head(&svg.xml, drawing);
	draw_rectangle(&svg.canvas, (struct box){ 0, 0, drawing->width, drawing->height }, drawing->page);
	drawing->draw(&svg.canvas, drawing->scene);
	strbuf_addstr(&svg.xml, "</svg>\n");
	if (!svg.err && (svg.canvas.out_of_memory || strbuf_failed(&svg.xml)))
		svg.err = err_nomem(info, "the picture");
	if (!svg.err) {
		svg.err = output_write(out, svg.xml.buf, svg.xml.len);
		if (svg.err && info && !info->code)
			*info = out->info;
	}
	strbuf_release(&svg.xml);
	return svg.err;
}
