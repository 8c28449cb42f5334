/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 as it comes from files of unknown origin: decoded strictly, never trusted.
 */
#ifndef ATTNVIZ_BASE_UTF8_H
#define ATTNVIZ_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Decode one code point from text[0 .. len). Returns the number of bytes taken, and *code. An invalid or truncated
 * sequence, a surrogate, an overlong form or a value above U+10FFFF takes one byte and gives *code = -1. len >= 1. */
size_t utf8_decode(const char *text, size_t len, int32_t *code);

/* Append a code point as UTF-8. */
void utf8_append(struct strbuf *out, int32_t code);

/* Is the whole text valid? */
bool utf8_valid(const char *text, size_t len);

/* Columns that a terminal gives to a code point: 0 (combining, zero width), 1, or 2 (East Asian wide, emoji).
 * -1 for control characters. */
int utf8_width(int32_t code);

/* Columns of a whole NUL-terminated text; invalid bytes and controls count 1. */
int utf8_text_width(const char *text);

/* C1 controls, marks that turn the direction of the text around them, and separators that end a line. */
bool utf8_misleading(int32_t code);

/* Append `text` made harmless for a terminal, a picture and XML: control characters become their pictures
 * (U+2400 + c, U+2421 for DEL), C1 controls, bidirectional overrides and line separators become U+FFFD, and each invalid byte becomes
 * "\xHH". */
void utf8_append_visible(struct strbuf *out, const char *text, size_t len);

/* Append at most `columns` terminal columns of text, cut at a character boundary; when something is cut the last
 * column is an ellipsis (U+2026). Returns the columns used. */
int utf8_append_fitted(struct strbuf *out, const char *text, int columns);

#endif
