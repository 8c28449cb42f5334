/* SPDX-License-Identifier: MIT */
/*
 * How tokenizers write spaces and bytes that are no text.
 */
#ifndef ATTNVIZ_TENSOR_TOKEN_MARKS_H
#define ATTNVIZ_TENSOR_TOKEN_MARKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "tensor/tokens.h"

enum token_marks { MARKS_NONE, MARKS_SPACE, MARKS_BYTE_LEVEL, MARKS_SENTENCEPIECE, MARKS_WORDPIECE, MARKS_SUBWORD_NMT, MARKS_WORD_END, MARKS_JOINER };
enum { MARKS_COUNT = MARKS_JOINER + 1 };

/* Which marks a list shows (see tokens.h). */
enum token_marks token_marks_find(const char *const *raw, const size_t *length, size_t count);

/* tokens_from_raw where the marks are known (from a vocabulary) rather than found in the list. */
enum err tokens_with_marks(struct tokens *tokens, const char *const *raw, const size_t *length, size_t count, enum token_marks marks,
			   bool keep_marks, struct err_info *info);

/* Append what the token stands for: "Ġthe" -> " the", "<0x0A>" -> a newline, "##ing" -> "ing", "back@@" -> "back", "ps</w>" -> "ps", "￭s" -> "s". */
void token_marks_decode(enum token_marks marks, const char *raw, size_t length, struct strbuf *out);

/* Does the token begin a word, as far as its own mark says? Without marks, yes. */
bool token_marks_begins_word(enum token_marks marks, const char *raw, size_t length);

/* Does its mark say that the next token goes on with the word? ("back@@", "back￭", and all but "ps</w>" in a list of such marks.) */
bool token_marks_goes_on(enum token_marks marks, const char *raw, size_t length);

/* Append the label of a decoded text: harmless UTF-8, leading spaces dropped. */
void token_marks_label(const char *text, size_t length, struct strbuf *out);

/* Append the bytes that a token written in GPT-2's byte alphabet stands for; false, with nothing appended, where a character
 * is not of it. The alphabet gives every byte a printable character: 33..126, 161..172 and 174..255 stand for themselves, the
 * others in ascending order for U+0100, U+0101, ... (openai/gpt-2, encoder.py, bytes_to_unicode). */
bool token_marks_decode_bytes(const char *raw, size_t length, struct strbuf *out);

#endif
