/* SPDX-License-Identifier: MIT */
#include "tensor/pickle_text.h"

#include <stdlib.h>
#include <string.h>

bool pickle_text_integer(const unsigned char *line, uint64_t length, int64_t *value)
{
	uint64_t at = 0;
	bool negative = length && line[0] == '-';
	at += length && (line[0] == '-' || line[0] == '+');
	length -= length > at + 1 && line[length - 1] == 'L';
	*value = 0;
	if (at == length)
		return false;
	for (; at < length; at++) {
		int digit = line[at] - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, negative ? -digit : digit, value))
			return false;
	}
	return true;
}

bool pickle_text_real(const unsigned char *line, uint64_t length, double *value)
{
	char copy[64], *end;
	if (length == 0 || length >= sizeof copy)
		return false;
	memcpy(copy, line, (size_t)length);
	copy[length] = '\0';
	*value = strtod(copy, &end);
	return end == copy + length;
}

static int hex_digit(unsigned char byte)
{
	const char *digits = "0123456789abcdef";
	const char *found = byte ? strchr(digits, byte | 0x20) : NULL;
	return found && (byte >= '0' && byte <= '9' ? true : byte >= 'A') ? (int)(found - digits) : -1;
}

/* `count` hexadecimal digits; -1 where they are none. */
static int64_t read_hex(const unsigned char *at, const unsigned char *end, int count)
{
	int64_t value = 0;
	if (end - at < count)
		return -1;
	for (int i = 0; i < count; i++) {
		int digit = hex_digit(at[i]);
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

int64_t pickle_text_string(const unsigned char *line, uint64_t length, unsigned char *out)
{
	static const char letters[] = "abfnrtv\\'\"", meant[] = "\a\b\f\n\r\t\v\\'\"";
	if (length < 2 || (line[0] != '\'' && line[0] != '"') || line[length - 1] != line[0])
		return -1;
	const unsigned char *at = line + 1, *end = line + length - 1;
	int64_t count = 0;
	while (at < end) {
		if (*at != '\\') {
			out[count++] = *at++;
			continue;
		}
		if (++at == end)
			return -1;
		const char *letter = *at ? strchr(letters, *at) : NULL;
		int64_t value = letter ? (unsigned char)meant[letter - letters] : *at == 'x' ? read_hex(at + 1, end, 2) : -1;
		if (value < 0)
			return -1;
		at += letter ? 1 : 3;
		out[count++] = (unsigned char)value;
	}
	return count;
}

static int64_t put_utf8(unsigned char *out, int64_t code)
{
	if (code < 0x80) {
		out[0] = (unsigned char)code;
		return 1;
	}
	int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	out[0] = (unsigned char)(lead[more] | code >> (6 * more));
	for (int i = 1; i <= more; i++)
		out[i] = (unsigned char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
	return more + 1;
}

/* Bytes are Latin-1; only \uXXXX and \UXXXXXXXX are escapes. */
int64_t pickle_text_unicode(const unsigned char *line, uint64_t length, unsigned char *out)
{
	const unsigned char *at = line, *end = line + length;
	int64_t count = 0;
	while (at < end) {
		int64_t code = *at;
		int digits = *at == '\\' && at + 1 < end ? (at[1] == 'u' ? 4 : at[1] == 'U' ? 8 : 0) : 0;
		if (digits)
			code = read_hex(at + 2, end, digits);
		if (code < 0 || code > 0x10ffff)
			return -1;
		at += digits ? digits + 2 : 1;
		count += put_utf8(out + count, code);
	}
	return count;
}

int64_t pickle_text_latin1(const unsigned char *text, uint64_t length, unsigned char *out)
{
	int64_t count = 0;
	for (uint64_t at = 0; at < length; count++) {
		unsigned char byte = text[at];
		bool two = (byte == 0xc2 || byte == 0xc3) && at + 1 < length && (text[at + 1] & 0xc0) == 0x80;
		if (byte >= 0x80 && !two)
			return -1;
		out[count] = two ? (unsigned char)((byte & 3) << 6 | (text[at + 1] & 0x3f)) : byte;
		at += two ? 2 : 1;
	}
	return count;
}
