/* SPDX-License-Identifier: MIT */
/*
 * What all figures have in common: a title above, a caption below, margins, and the way to a file.
 */
#ifndef ATTNVIZ_RENDER_FIGURE_H
#define ATTNVIZ_RENDER_FIGURE_H

#include "render/scene.h"
#include "render/text.h"
#include "render/writer.h"

/* Sizes of text in pixels at 96 dpi. */
enum { SIZE_TITLE = 14, SIZE_AXIS_TITLE = 11, SIZE_PANEL_TITLE = 11, SIZE_LABEL = 10, SIZE_CAPTION = 10 };

struct figure {
	double unit;              /* dpi / 96, times the scale of the page */
	double dpi;
	double margin;            /* around everything */
	double line;              /* width of frames and ticks: whole pixels */
	double width, height;     /* of the page */
	enum theme theme;
	const struct theme_colours *colours;
	const char *title_text;
	struct text_lines title, caption;
};

void figure_init(struct figure *figure, const struct page *page, enum theme theme);
void figure_release(struct figure *figure);

/* Wrap title and caption to figure->width; called again when that changes. */
enum err figure_wrap(struct figure *figure, struct typesetter *type, const char *title, const char *caption, struct err_info *info);

/* From the page's upper edge to the content, and from the content to the lower edge. */
double figure_above(const struct figure *figure);
double figure_below(const struct figure *figure);

/* The caption begins below `content_end`. */
void figure_draw(const struct figure *figure, struct canvas *canvas, double content_end);

/* Write the page of figure->width x figure->height. */
enum err figure_write(const struct figure *figure, struct typesetter *type, const struct picture_request *request,
		      void (*draw)(struct canvas *canvas, const void *scene), const void *scene, struct err_info *info);

#endif
