/* SPDX-License-Identifier: MIT */
#include "render/writer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/utf8.h"

struct writer {
	const char *name;
	bool exact;
	enum err (*write)(const struct drawing *drawing, struct output *out, struct err_info *info);
};

static const struct writer writers[] = {
	[PICTURE_PNG] = { "png", false, write_png },
	[PICTURE_SVG] = { "svg", true, write_svg },
	[PICTURE_PDF] = { "pdf", true, write_pdf },
	[PICTURE_TEXT] = { "text", false, NULL },
	[PICTURE_HTML] = { "html", false, NULL },
};

bool writer_is_exact(enum picture_format format)
{
	return writers[format].exact;
}

bool picture_format_of(const char *file, enum picture_format *format)
{
	const char *dot = strrchr(file, '.');

	if (!dot || strchr(dot, '/'))
		return false;
	if (!strcasecmp(dot, ".txt")) {
		*format = PICTURE_TEXT;
		return true;
	}
	if (!strcasecmp(dot, ".html") || !strcasecmp(dot, ".htm")) {
		*format = PICTURE_HTML;
		return true;
	}
	for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
		if (writers[i].write && !strcasecmp(dot + 1, writers[i].name)) {
			*format = (enum picture_format)i;
			return true;
		}
	}
	return false;
}

/* The provenance with every value made valid UTF-8, as the formats want it; *texts holds the values, both are the caller's. */
static struct provenance *visible_provenance(const struct drawing *drawing, struct strbuf *texts)
{
	struct provenance *visible = mem_array((size_t)drawing->provenance_count, sizeof *visible);
	size_t *start = mem_array((size_t)drawing->provenance_count, sizeof *start);

	for (int i = 0; visible && start && i < drawing->provenance_count; i++) {
		start[i] = texts->len;
		utf8_append_visible(texts, drawing->provenance[i].value, strlen(drawing->provenance[i].value));
		strbuf_addch(texts, '\0');
	}
	for (int i = 0; visible && start && i < drawing->provenance_count; i++)
		visible[i] = (struct provenance){ drawing->provenance[i].key, texts->buf + start[i] };
	if (!start || strbuf_failed(texts)) {
		free(visible);
		visible = NULL;
	}
	free(start);
	return visible;
}

enum err drawing_write(const struct drawing *drawing, enum picture_format format, struct output *out, struct err_info *info)
{
	double width = drawing->width, height = drawing->height;

	if (!(width >= 1 && height >= 1 && width <= PICTURE_SIDE_MAX && height <= PICTURE_SIDE_MAX &&
	      width * height <= PICTURE_PIXELS_MAX))
		return err_set(info, ERR_USAGE,
			       "a picture of %.0f x %.0f pixels is too large (at most %d a side, %d in all): choose a smaller "
			       "size or fewer heads",
			       width, height, PICTURE_SIDE_MAX, PICTURE_PIXELS_MAX);
	struct drawing visible = *drawing;
	struct strbuf texts;
	strbuf_init(&texts);
	struct provenance *provenance = visible_provenance(drawing, &texts);
	visible.provenance = provenance;
	enum err err = provenance ? writers[format].write(&visible, out, info) : err_nomem(info, "the picture");
	free(provenance);
	strbuf_release(&texts);
	return err;
}
