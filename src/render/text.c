/* SPDX-License-Identifier: MIT */
#include "render/text.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

static const char usual_family[] = "DejaVu Sans";
const char *text_family = usual_family;

void text_use_family(const char *family)
{
	text_family = family ? family : usual_family;
}

enum err typesetter_init(struct typesetter *type, bool exact, struct err_info *info)
{
	*type = (struct typesetter){ .context = pango_font_map_create_context(pango_cairo_font_map_get_default()) };
	strbuf_init(&type->visible);
	if (!type->context)
		return err_nomem(info, "the fonts");
	cairo_font_options_t *options = cairo_font_options_create();
	cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
	cairo_font_options_set_hint_style(options, exact ? CAIRO_HINT_STYLE_NONE : CAIRO_HINT_STYLE_SLIGHT);
	cairo_font_options_set_hint_metrics(options, exact ? CAIRO_HINT_METRICS_OFF : CAIRO_HINT_METRICS_ON);
	pango_cairo_context_set_font_options(type->context, options);
	cairo_font_options_destroy(options);
	pango_context_set_round_glyph_positions(type->context, !exact);
	type->layout = pango_layout_new(type->context);
	pango_layout_set_single_paragraph_mode(type->layout, TRUE);
	type->font = pango_font_description_new();
	pango_font_description_set_family_static(type->font, text_family);
	return ERR_OK;
}

void typesetter_release(struct typesetter *type)
{
	if (type->font)
		pango_font_description_free(type->font);
	if (type->layout)
		g_object_unref(type->layout);
	if (type->context)
		g_object_unref(type->context);
	strbuf_release(&type->visible);
	*type = (struct typesetter){ 0 };
}

/* Bytes of the longest prefix of at most `length` bytes that ends at a character; marks stay with their letter. */
static size_t character_end(const char *text, size_t length)
{
	int32_t code;

	while (length > 0 && text[length]) {
		bool inside = ((unsigned char)text[length] & 0xC0) == 0x80;
		if (!inside) {
			utf8_decode(text + length, strnlen(text + length, 4), &code);
			if (code < 0 || utf8_width(code) != 0)
				break;
		}
		length--;
	}
	return length;
}

PangoLayout *typesetter_layout(struct typesetter *type, double size, bool bold, const char *text)
{
	size_t length = strnlen(text, TEXT_BYTES_MAX);

	if (length == TEXT_BYTES_MAX)
		length = character_end(text, length);
	strbuf_clear(&type->visible);
	utf8_append_visible(&type->visible, text, length);
	pango_font_description_set_absolute_size(type->font, size * PANGO_SCALE);
	pango_font_description_set_weight(type->font, bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
	pango_layout_set_font_description(type->layout, type->font);
	pango_layout_set_width(type->layout, -1);
	pango_layout_set_text(type->layout, type->visible.buf, (int)type->visible.len);
	return type->layout;
}

static void add_missing(struct missing_characters *missing, uint32_t code)
{
	for (int i = 0; i < missing->count; i++)
		if (missing->code[i] == code)
			return;
	if (missing->count < MISSING_MAX)
		missing->code[missing->count++] = code;
	else
		missing->more++;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* Pango marks the glyph of a character without a font, and keeps its code point in it. */
void typesetter_look(struct typesetter *type, double size, const char *text)
{
	bool ascii = is_ascii(text);

	if (!type->missing || (ascii && type->has_looked))
		return;
	type->has_looked = type->has_looked || ascii;
	PangoLayout *layout = typesetter_layout(type, size, false, text);
	if (pango_layout_get_unknown_glyphs_count(layout) == 0)
		return;
	for (GSList *item = pango_layout_get_lines_readonly(layout); item; item = item->next)
		for (GSList *run = ((const PangoLayoutLine *)item->data)->runs; run; run = run->next) {
			const PangoGlyphString *glyphs = ((const PangoGlyphItem *)run->data)->glyphs;
			for (int i = 0; i < glyphs->num_glyphs; i++)
				if (glyphs->glyphs[i].glyph != PANGO_GLYPH_INVALID_INPUT && glyphs->glyphs[i].glyph & PANGO_GLYPH_UNKNOWN_FLAG)
					add_missing(type->missing, glyphs->glyphs[i].glyph & ~PANGO_GLYPH_UNKNOWN_FLAG);
		}
}

double text_width(struct typesetter *type, double size, bool bold, const char *text)
{
	int width;

	pango_layout_get_size(typesetter_layout(type, size, bold, text), &width, NULL);
	return (double)width / PANGO_SCALE;
}

double text_line_height(double size)
{
	return size * 1.2;
}

double text_baseline(double size)
{
	return size * 0.36;
}

void text_append_fitted(struct typesetter *type, double size, bool bold, const char *text, double width, struct strbuf *out)
{
	struct strbuf trial;
	size_t low = 0, high = strnlen(text, TEXT_BYTES_MAX);

	if (high < TEXT_BYTES_MAX && text_width(type, size, bold, text) <= width) {
		strbuf_addstr(out, text);
		return;
	}
	strbuf_init(&trial);
	/* low bytes and an ellipsis fit; high bytes do not. */
	while (high > low + 1) {
		size_t middle = low + (high - low) / 2;
		size_t cut = character_end(text, middle);
		strbuf_clear(&trial);
		strbuf_add(&trial, text, cut);
		strbuf_addstr(&trial, "…");
		if (strbuf_failed(&trial))
			break;
		if (text_width(type, size, bold, trial.buf) <= width)
			low = middle;
		else
			high = middle;
	}
	strbuf_release(&trial);
	strbuf_add(out, text, character_end(text, low));
	strbuf_addstr(out, "…");
}

static enum err add_line(struct text_lines *lines, const char *text, size_t length, struct err_info *info)
{
	while (length && text[length - 1] == ' ')
		length--;
	char *copy = mem_array(length + 1, 1);
	if (!copy || !mem_grow((void **)&lines->line, &lines->capacity, lines->count + 1, sizeof *lines->line)) {
		free(copy);
		return err_nomem(info, "a caption");
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	lines->line[lines->count++] = copy;
	return ERR_OK;
}

static enum err wrap_paragraph(struct typesetter *type, double size, const char *text, size_t length, double width,
			       struct text_lines *lines, struct err_info *info)
{
	struct strbuf paragraph;
	enum err err = ERR_OK;

	strbuf_init(&paragraph);
	strbuf_add(&paragraph, text, length);
	PangoLayout *layout = typesetter_layout(type, size, false, paragraph.buf);
	pango_layout_set_width(layout, (int)(width * PANGO_SCALE));
	pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
	for (GSList *item = pango_layout_get_lines_readonly(layout); item && !err; item = item->next) {
		const PangoLayoutLine *line = item->data;
		err = add_line(lines, type->visible.buf + line->start_index, (size_t)line->length, info);
	}
	pango_layout_set_width(layout, -1);
	strbuf_release(&paragraph);
	return err;
}

enum err text_wrap(struct typesetter *type, double size, const char *text, double width, struct text_lines *lines,
		   struct err_info *info)
{
	enum err err = ERR_OK;

	*lines = (struct text_lines){ 0 };
	while (text && *text && !err) {
		size_t length = strcspn(text, "\n");
		err = wrap_paragraph(type, size, text, length, width, lines, info);
		text += length;
		text += *text == '\n';
	}
	return err;
}

void text_lines_release(struct text_lines *lines)
{
	for (size_t i = 0; i < lines->count; i++)
		free(lines->line[i]);
	free(lines->line);
	*lines = (struct text_lines){ 0 };
}
