/* SPDX-License-Identifier: MIT */
/*
 * Lines of text for a terminal, by display columns.
 */
#ifndef ATTNVIZ_RENDER_TERMINAL_TEXT_H
#define ATTNVIZ_RENDER_TERMINAL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/output.h"
#include "base/strbuf.h"

void terminal_text_spaces(struct strbuf *text, int64_t count);

/* In exactly `columns` columns, shortened with an ellipsis, at the right or the left of them. */
void terminal_text_padded(struct strbuf *text, const char *words, int columns, bool right);

/* Words filled into lines of at most `columns`; newlines are kept. NULL or empty: nothing. */
void terminal_text_wrapped(struct strbuf *text, const char *words, int columns);

/* End a line without the spaces at its end. */
void terminal_text_end_line(struct strbuf *text);

/* Write the text and release it. */
enum err terminal_text_print(struct strbuf *text, struct output *out, struct err_info *info);

#endif
