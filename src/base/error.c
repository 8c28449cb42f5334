/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Length of text[0 .. len) without the unfinished UTF-8 sequence that a cut may have left at its end. */
static size_t whole_characters(const char *text, size_t len)
{
	size_t start = len;
	while (start > 0 && len - start < 3 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
		start--;
	if (start == 0)
		return len;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t needs = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
	return len - (start - 1) < needs ? start - 1 : len;
}

static void copy_cut(char *to, size_t room, const char *from)
{
	size_t len = strnlen(from, room);
	if (len == room)
		len = whole_characters(from, room - 1);
	memcpy(to, from, len);
	to[len] = '\0';
}

__attribute__((format(printf, 2, 0)))
static void format_text(struct err_info *info, const char *format, va_list args)
{
	int len = vsnprintf(info->text, sizeof info->text, format, args);
	if (len < 0)
		copy_cut(info->text, sizeof info->text, format);
	else if ((size_t)len >= sizeof info->text)
		info->text[whole_characters(info->text, sizeof info->text - 1)] = '\0';
}

enum err err_set(struct err_info *info, enum err code, const char *format, ...)
{
	if (!info || info->code != ERR_OK)
		return code;
	va_list args;
	va_start(args, format);
	format_text(info, format, args);
	va_end(args);
	info->code = code;
	return code;
}

enum err err_set_errno(struct err_info *info, const char *format, ...)
{
	int number = errno;
	enum err code = number == ENOMEM ? ERR_NOMEM : ERR_IO;
	if (!info || info->code != ERR_OK)
		return code;
	va_list args;
	va_start(args, format);
	format_text(info, format, args);
	va_end(args);
	size_t used = strlen(info->text);
	copy_cut(info->text + used, sizeof info->text - used, ": ");
	used = strlen(info->text);
	copy_cut(info->text + used, sizeof info->text - used, strerror(number));
	info->code = code;
	errno = number;
	return code;
}

enum err err_in_file(struct err_info *info, const char *file)
{
	if (!info)
		return ERR_OK;
	if (info->code != ERR_OK && info->file[0] == '\0')
		copy_cut(info->file, sizeof info->file, file);
	return info->code;
}

enum err err_at(struct err_info *info, uint64_t offset)
{
	if (!info)
		return ERR_OK;
	if (info->code != ERR_OK && !info->has_offset) {
		info->has_offset = true;
		info->offset = offset;
	}
	return info->code;
}

enum err err_nomem(struct err_info *info, const char *what)
{
	return err_set(info, ERR_NOMEM, "not enough memory for %s", what);
}
