/* SPDX-License-Identifier: MIT */
#include "tensor/token_marks.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static const char lower_block[] = "\xe2\x96\x81"; /* U+2581, SentencePiece's space */
static const char open_box[] = "\xe2\x90\xa3";    /* U+2423 */
static const char line_end[] = "\xe2\x86\xb5";    /* U+21B5 */
static const char joiner[] = "\xef\xbf\xad";      /* U+FFED, OpenNMT's tokenizer */
static const char more[] = "@@", word_end[] = "</w>";
enum { MARK = 3 };

static bool begins_with(const char *text, size_t length, const char *prefix)
{
	size_t wanted = strlen(prefix);
	return length >= wanted && memcmp(text, prefix, wanted) == 0;
}

/* What is only a mark is text. */
static bool ends_with(const char *text, size_t length, const char *suffix)
{
	size_t wanted = strlen(suffix);
	return length > wanted && memcmp(text + length - wanted, suffix, wanted) == 0;
}

static bool begins_joined(const char *raw, size_t length)
{
	return length > MARK && begins_with(raw, length, joiner);
}

static bool is_continuation(const char *raw, size_t length)
{
	return length > 2 && begins_with(raw, length, "##") && raw[2] != '#' && !isspace((unsigned char)raw[2]);
}

static enum token_marks mark_of(const char *raw, size_t length)
{
	if (begins_with(raw, length, lower_block))
		return MARKS_SENTENCEPIECE;
	if (memmem(raw, length, "\xc4\xa0", 2) || memmem(raw, length, "\xc4\x8a", 2))
		return MARKS_BYTE_LEVEL;
	if (is_continuation(raw, length))
		return MARKS_WORDPIECE;
	if (ends_with(raw, length, word_end))
		return MARKS_WORD_END;
	if (ends_with(raw, length, more))
		return MARKS_SUBWORD_NMT;
	if (begins_joined(raw, length) || ends_with(raw, length, joiner))
		return MARKS_JOINER;
	return length > 1 && raw[0] == ' ' ? MARKS_SPACE : MARKS_NONE;
}

enum token_marks token_marks_find(const char *const *raw, const size_t *length, size_t count)
{
	size_t seen[MARKS_COUNT] = { 0 };
	for (size_t i = 0; i < count; i++)
		seen[mark_of(raw[i], length[i])]++;
	seen[MARKS_NONE] = 0;
	int most = MARKS_NONE;
	for (int marks = 0; marks < MARKS_COUNT; marks++)
		if (seen[marks] > seen[most])
			most = marks;
	return (enum token_marks)most;
}

/* The byte that a character of the alphabet stands for, or -1. */
static int alphabet_byte(int32_t code)
{
	if ((code >= 33 && code <= 126) || (code >= 161 && code <= 172) || (code >= 174 && code <= 255))
		return code;
	if (code >= 0x100 && code <= 0x120)
		return code - 0x100;
	if (code >= 0x121 && code <= 0x142)
		return code - 0x121 + 127;
	return code == 0x143 ? 173 : -1;
}

bool token_marks_decode_bytes(const char *raw, size_t length, struct strbuf *out)
{
	for (size_t at = 0; at < length;) {
		int32_t code;
		at += utf8_decode(raw + at, length - at, &code);
		if (alphabet_byte(code) < 0)
			return false;
	}
	for (size_t at = 0; at < length;) {
		int32_t code;
		at += utf8_decode(raw + at, length - at, &code);
		strbuf_addch(out, alphabet_byte(code));
	}
	return true;
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *place = c ? strchr(digits, tolower((unsigned char)c)) : NULL;
	return place ? (int)(place - digits) : -1;
}

static void decode_sentencepiece(const char *raw, size_t length, struct strbuf *out)
{
	if (length == 6 && begins_with(raw, length, "<0x") && raw[5] == '>' && hex_digit(raw[3]) >= 0 && hex_digit(raw[4]) >= 0) {
		strbuf_addch(out, hex_digit(raw[3]) * 16 + hex_digit(raw[4]));
		return;
	}
	for (size_t at = 0; at < length;) {
		bool mark = begins_with(raw + at, length - at, lower_block);
		strbuf_addch(out, mark ? ' ' : (unsigned char)raw[at]);
		at += mark ? MARK : 1;
	}
}

/* CLIP's tokens are in GPT-2's byte alphabet, GPT's own are text: text that happens to be in the alphabet hardly ever decodes to UTF-8 with other
 * characters than ASCII. */
static void decode_word_end(const char *raw, size_t length, struct strbuf *out)
{
	struct strbuf bytes;
	length -= ends_with(raw, length, word_end) ? strlen(word_end) : 0;
	strbuf_init(&bytes);
	if (token_marks_decode_bytes(raw, length, &bytes) && utf8_valid(bytes.buf, bytes.len))
		strbuf_add(out, bytes.buf, bytes.len);
	else
		strbuf_add(out, raw, length);
	out->failed = out->failed || bytes.failed;
	strbuf_release(&bytes);
}

static void decode_joiner(const char *raw, size_t length, struct strbuf *out)
{
	size_t skip = begins_joined(raw, length) ? MARK : 0;
	length -= ends_with(raw + skip, length - skip, joiner) ? MARK : 0;
	strbuf_add(out, raw + skip, length - skip);
}

void token_marks_decode(enum token_marks marks, const char *raw, size_t length, struct strbuf *out)
{
	switch (marks) {
	case MARKS_BYTE_LEVEL:
		if (!token_marks_decode_bytes(raw, length, out))
			strbuf_add(out, raw, length);
		break;
	case MARKS_SENTENCEPIECE:
		decode_sentencepiece(raw, length, out);
		break;
	case MARKS_WORDPIECE: {
		size_t skip = is_continuation(raw, length) ? 2 : 0;
		strbuf_add(out, raw + skip, length - skip);
		break;
	}
	case MARKS_SUBWORD_NMT:
		strbuf_add(out, raw, length - (ends_with(raw, length, more) ? strlen(more) : 0));
		break;
	case MARKS_WORD_END:
		decode_word_end(raw, length, out);
		break;
	case MARKS_JOINER:
		decode_joiner(raw, length, out);
		break;
	case MARKS_SPACE:
	case MARKS_NONE:
		strbuf_add(out, raw, length);
		break;
	}
}

bool token_marks_begins_word(enum token_marks marks, const char *raw, size_t length)
{
	switch (marks) {
	case MARKS_BYTE_LEVEL:
		return begins_with(raw, length, "\xc4\xa0") || begins_with(raw, length, "\xc4\x8a");
	case MARKS_SENTENCEPIECE:
		return begins_with(raw, length, lower_block) || begins_with(raw, length, "<0x0A>");
	case MARKS_WORDPIECE:
		return !is_continuation(raw, length);
	case MARKS_SPACE:
		return length == 0 || isspace((unsigned char)raw[0]);
	case MARKS_JOINER:
		return !begins_joined(raw, length);
	case MARKS_SUBWORD_NMT:
	case MARKS_WORD_END:
	case MARKS_NONE:
		break;
	}
	return true;
}

bool token_marks_goes_on(enum token_marks marks, const char *raw, size_t length)
{
	switch (marks) {
	case MARKS_SUBWORD_NMT:
		return ends_with(raw, length, more);
	case MARKS_WORD_END:
		return !ends_with(raw, length, word_end);
	case MARKS_JOINER:
		return ends_with(raw, length, joiner);
	case MARKS_BYTE_LEVEL:
	case MARKS_SENTENCEPIECE:
	case MARKS_WORDPIECE:
	case MARKS_SPACE:
	case MARKS_NONE:
		break;
	}
	return false;
}

void token_marks_label(const char *text, size_t length, struct strbuf *out)
{
	size_t at = 0;
	while (at < length && text[at] == ' ')
		at++;
	for (size_t i = 0; at == length && i < length; i++)
		strbuf_addstr(out, open_box);
	while (at < length) {
		const char *newline = memchr(text + at, '\n', length - at);
		size_t part = newline ? (size_t)(newline - text) - at : length - at;
		utf8_append_visible(out, text + at, part);
		if (newline)
			strbuf_addstr(out, line_end);
		at += part + (newline != NULL);
	}
}
