/* SPDX-License-Identifier: MIT */
/* PNG and PDF: cairo draws, libpng or cairo's own PDF surface writes. */
#include <cairo-pdf.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "render/canvas_cairo.h"
#include "render/png_encode.h"
#include "render/writer.h"

static enum err cairo_error(cairo_status_t status, struct err_info *info)
{
	if (status == CAIRO_STATUS_SUCCESS)
		return ERR_OK;
	if (status == CAIRO_STATUS_NO_MEMORY)
		return err_nomem(info, "the picture");
	return err_set(info, ERR_IO, "the picture could not be drawn (cairo: %s)", cairo_status_to_string(status));
}

static enum err draw_on(cairo_surface_t *surface, double scale, const struct drawing *drawing, struct err_info *info)
{
	cairo_t *cairo = cairo_create(surface);
	struct cairo_canvas canvas;

	cairo_canvas_init(&canvas, cairo, drawing->type);
	cairo_scale(cairo, scale, scale);
	canvas_rectangle(&canvas.canvas, 0, 0, drawing->width, drawing->height, drawing->page);
	drawing->draw(&canvas.canvas, drawing->scene);
	enum err err = canvas.canvas.out_of_memory ? err_nomem(info, "the picture") : cairo_error(cairo_status(cairo), info);
	cairo_destroy(cairo);
	return err;
}

static enum err to_output(void *sink, const void *bytes, size_t count)
{
	return output_write(sink, bytes, count);
}

static enum err encode_surface(cairo_surface_t *surface, const struct drawing *drawing, struct output *out, struct err_info *info)
{
	cairo_surface_flush(surface);
	struct png_picture picture = {
		.rgb = (const uint32_t *)(const void *)cairo_image_surface_get_data(surface),
		.width = cairo_image_surface_get_width(surface), .height = cairo_image_surface_get_height(surface),
		.stride = cairo_image_surface_get_stride(surface) / 4, .dpi = drawing->dpi,
		.text = drawing->provenance, .text_count = drawing->provenance_count,
	};
	enum err err = png_encode(&picture, to_output, out, info);
	if (err && out->failed && info && !info->code)
		*info = out->info;
	return err;
}

/* On pixels of our own, which lie in huge pages: touching them is a tenth of the time of a small picture otherwise. */
enum err write_png(const struct drawing *drawing, struct output *out, struct err_info *info)
{
	int width = (int)drawing->width, height = (int)drawing->height, stride = cairo_format_stride_for_width(CAIRO_FORMAT_RGB24, width);
	unsigned char *pixels = stride > 0 && height > 0 ? mem_aligned((size_t)stride * (size_t)height) : NULL;

	if (!pixels)
		return err_nomem(info, "the picture");
	cairo_surface_t *surface = cairo_image_surface_create_for_data(pixels, CAIRO_FORMAT_RGB24, width, height, stride);
	enum err err = cairo_error(cairo_surface_status(surface), info);
	if (!err)
		err = draw_on(surface, 1, drawing, info);
	if (!err)
		err = encode_surface(surface, drawing, out, info);
	cairo_surface_destroy(surface);
	mem_aligned_free(pixels);
	return err;
}

static cairo_status_t pdf_bytes(void *closure, const unsigned char *bytes, unsigned int count)
{
	return output_write(closure, bytes, count) ? CAIRO_STATUS_WRITE_ERROR : CAIRO_STATUS_SUCCESS;
}

static void set_metadata(cairo_surface_t *surface, cairo_pdf_metadata_t key, const char *value)
{
	struct strbuf visible;

	strbuf_init(&visible);
	utf8_append_visible(&visible, value, strlen(value));
	if (visible.len)
		cairo_pdf_surface_set_metadata(surface, key, visible.buf);
	strbuf_release(&visible);
}

/* One fixed date, since cairo writes today's where there is none. */
static void pdf_metadata(cairo_surface_t *surface, const struct drawing *drawing)
{
	struct strbuf subject;

	strbuf_init(&subject);
	for (int i = 0; i < drawing->provenance_count; i++) {
		const struct provenance *item = &drawing->provenance[i];
		if (!strcmp(item->key, "Software"))
			set_metadata(surface, CAIRO_PDF_METADATA_CREATOR, item->value);
		else
			strbuf_addf(&subject, "%s%s: %s", subject.len ? "; " : "", item->key, item->value);
	}
	set_metadata(surface, CAIRO_PDF_METADATA_CREATE_DATE, "2000-01-01T00:00:00Z");
	set_metadata(surface, CAIRO_PDF_METADATA_SUBJECT, subject.buf);
	if (drawing->title)
		set_metadata(surface, CAIRO_PDF_METADATA_TITLE, drawing->title);
	strbuf_release(&subject);
}

enum err write_pdf(const struct drawing *drawing, struct output *out, struct err_info *info)
{
	const double points = 72.0 / 96;
	cairo_surface_t *surface =
		cairo_pdf_surface_create_for_stream(pdf_bytes, out, drawing->width * points, drawing->height * points);
	enum err err = cairo_error(cairo_surface_status(surface), info);

	if (!err) {
		pdf_metadata(surface, drawing);
		err = draw_on(surface, points, drawing, info);
	}
	cairo_surface_finish(surface);
	if (!err && !out->failed)
		err = cairo_error(cairo_surface_status(surface), info);
	if (out->failed) {
		if (info && !info->code)
			*info = out->info;
		err = out->info.code;
	}
	cairo_surface_destroy(surface);
	return err;
}
