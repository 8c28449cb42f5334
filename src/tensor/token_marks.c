#include "tensor/token_marks.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

static const char lower_block[] = "\xe2\x96\x81"; /* U+2581, SentencePiece's space */
static const char open_box[] = "\xe2\x90\xa3";    /* U+2423 */
static const char line_end[] = "\xe2\x86\xb5";    /* U+21B5 */
enum { MARK = 3 };

static bool begins_with(const char *text, size_t length, const char *prefix)
{
	size_t wanted = strlen(prefix);
	return length >= wanted && memcmp(text, prefix, wanted) == 0;
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
	case MARKS_NONE:
		break;
	}
	return true;
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
