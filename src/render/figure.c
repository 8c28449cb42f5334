/* SPDX-License-Identifier: MIT */
#include "render/figure.h"

#include <math.h>

static const double margin_size = 14, block_gap = 12, caption_pitch = 1.1;

void figure_init(struct figure *figure, const struct page *page, enum theme theme)
{
	double dpi = page->dpi > 0 ? page->dpi : 96, unit = dpi / 96 * (page->scale > 0 ? page->scale : 1);

	*figure = (struct figure){ .unit = unit,
				   .dpi = dpi,
				   .margin = round(margin_size * unit),
				   .line = fmax(1, round(unit)),
				   .width = page->width,
				   .height = page->height,
				   .theme = theme,
				   .colours = theme_colours(theme) };
}

void figure_release(struct figure *figure)
{
	text_lines_release(&figure->title);
	text_lines_release(&figure->caption);
}

enum err figure_wrap(struct figure *figure, struct typesetter *type, const char *title, const char *caption, struct err_info *info)
{
	double room = fmax(figure->width - 2 * figure->margin, figure->unit);

	figure->title_text = title;
	text_lines_release(&figure->title);
	text_lines_release(&figure->caption);
	/* Titles are bold, which is wider than what text_wrap measures. */
	enum err err = text_wrap(type, SIZE_TITLE * figure->unit, title, room * 0.9, &figure->title, info);
	return err ? err : text_wrap(type, SIZE_CAPTION * figure->unit, caption, room, &figure->caption, info);
}

double figure_above(const struct figure *figure)
{
	double lines = (double)figure->title.count;

	return figure->margin + (lines > 0 ? lines * text_line_height(SIZE_TITLE * figure->unit) + block_gap * figure->unit : 0);
}

static double caption_line(const struct figure *figure)
{
	return text_line_height(SIZE_CAPTION * figure->unit) * caption_pitch;
}

double figure_below(const struct figure *figure)
{
	double lines = (double)figure->caption.count;

	return figure->margin + (lines > 0 ? lines * caption_line(figure) + block_gap * figure->unit : 0);
}

static void draw_lines(struct canvas *canvas, const struct text_lines *lines, double x, double y, double pitch,
		       const struct text_style *style)
{
	for (size_t i = 0; i < lines->count; i++)
		canvas_text(canvas, x, y + (double)i * pitch, style, lines->line[i]);
}

void figure_draw(const struct figure *figure, struct canvas *canvas, double content_end)
{
	struct text_style title = { .size = SIZE_TITLE * figure->unit, .bold = true, .colour = figure->colours->text };
	struct text_style caption = { .size = SIZE_CAPTION * figure->unit, .colour = figure->colours->muted };
	double title_line = text_line_height(title.size), line = caption_line(figure);

	draw_lines(canvas, &figure->title, figure->margin, figure->margin + title_line / 2, title_line, &title);
	draw_lines(canvas, &figure->caption, figure->margin, content_end + block_gap * figure->unit + line / 2, line, &caption);
}

enum err figure_write(const struct figure *figure, struct typesetter *type, const struct picture_request *request,
		      void (*draw)(struct canvas *canvas, const void *scene), const void *scene, struct err_info *info)
{
	struct drawing drawing = {
		.width = figure->width, .height = figure->height, .dpi = figure->dpi, .page = figure->colours->page,
		.title = figure->title_text, .provenance = request->provenance, .provenance_count = request->provenance_count,
		.type = type, .draw = draw, .scene = scene,
	};
	type->missing = request->missing;
	return drawing_write(&drawing, request->format, request->out, info);
}
