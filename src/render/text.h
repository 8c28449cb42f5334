/* SPDX-License-Identifier: MIT */
/*
 * Text as pango shapes it: any script, right to left, with fonts substituted where the first one lacks a character.
 *
 * Every text is one line in one style. Controls, line breaks and invalid bytes are made visible first (utf8_append_visible), in
 * measuring as in drawing. Sizes are in pixels of the page.
 */
#ifndef ATTNVIZ_RENDER_TEXT_H
#define ATTNVIZ_RENDER_TEXT_H

#include <pango/pangocairo.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "render/colour.h"
#include "render/scene.h"

/* No line of a picture is longer: what is beyond is neither measured nor drawn. */
enum { TEXT_BYTES_MAX = 4096 };

enum text_align { TEXT_START, TEXT_MIDDLE, TEXT_END };

struct text_style {
	double size;
	bool bold;
	enum text_align align; /* which part of the line lies on the point given */
	double angle;          /* degrees, counter-clockwise, about that point */
	struct colour colour;
};

/* First family asked for; anything it lacks comes from the fonts that fontconfig proposes. */
extern const char *text_family;

/* Another first family for everything that is drawn from now on; NULL: the usual one. The name must outlive the drawing. */
void text_use_family(const char *family);

struct typesetter {
	PangoContext *context;
	PangoLayout *layout; /* the one layout, set anew for each text */
	PangoFontDescription *font;
	struct strbuf visible;
	struct missing_characters *missing; /* see typesetter_look; NULL: nobody wants to know */
	bool has_looked;
};

/* `exact`: positions are not rounded to pixels (for vector formats). */
enum err typesetter_init(struct typesetter *type, bool exact, struct err_info *info);
void typesetter_release(struct typesetter *type);

/* Note the characters of a text to be drawn that no font has. Texts of ASCII are looked at once: fonts have all of it or there are none. */
void typesetter_look(struct typesetter *type, double size, const char *text);

/* The layout holding this text; valid until the next call. */
PangoLayout *typesetter_layout(struct typesetter *type, double size, bool bold, const char *text);

double text_width(struct typesetter *type, double size, bool bold, const char *text);

/* Height that a line of this size takes, and how far the baseline lies below the point on which capitals are centred. */
double text_line_height(double size);
double text_baseline(double size);

/* Append `text`, cut at a character and ended by an ellipsis where it is wider than `width`. */
void text_append_fitted(struct typesetter *type, double size, bool bold, const char *text, double width, struct strbuf *out);

/* Break into lines of at most `width`; newlines in the text are kept. */
struct text_lines {
	char **line;
	size_t count, capacity;
};
enum err text_wrap(struct typesetter *type, double size, const char *text, double width, struct text_lines *lines,
		   struct err_info *info);
void text_lines_release(struct text_lines *lines);

#endif
