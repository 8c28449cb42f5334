/* SPDX-License-Identifier: MIT */
/*
 * Picture files: one row a format. A writer makes a canvas of the drawing's size, lets the scene draw, and writes the result.
 *
 * Bytes depend on the drawing alone: no dates, no identifiers, no environment.
 */
#ifndef ATTNVIZ_RENDER_WRITER_H
#define ATTNVIZ_RENDER_WRITER_H

#include "base/error.h"
#include "base/output.h"
#include "render/canvas.h"
#include "render/scene.h"

struct drawing {
	double width, height; /* pixels */
	double dpi;
	struct colour page;
	const char *title;    /* for the metadata; may be NULL */
	const struct provenance *provenance;
	int provenance_count;
	struct typesetter *type;
	void (*draw)(struct canvas *canvas, const void *scene);
	const void *scene;
};

enum { PICTURE_SIDE_MAX = 30000, PICTURE_PIXELS_MAX = 1 << 28 };

/* Not for PICTURE_TEXT. A page beyond the limits is ERR_USAGE. */
enum err drawing_write(const struct drawing *drawing, enum picture_format format, struct output *out, struct err_info *info);

/* Whether text in this format may be placed between pixels. */
bool writer_is_exact(enum picture_format format);

/* The writers themselves. */
enum err write_png(const struct drawing *drawing, struct output *out, struct err_info *info);
enum err write_pdf(const struct drawing *drawing, struct output *out, struct err_info *info);
enum err write_svg(const struct drawing *drawing, struct output *out, struct err_info *info);

#endif
