/* SPDX-License-Identifier: MIT */
#include "base/message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/utf8.h"

/* The state of the one process that talks to one person. */
static enum exit_status status;
static bool quiet, reader_left;
static void (*diverted)(const char *line);

enum { TEXT = 4096 };

static void write_line(const char *line, size_t len)
{
	while (len > 0) {
		ssize_t part = write(STDERR_FILENO, line, len);
		if (part < 0 && errno != EINTR)
			return;
		if (part > 0) {
			line += part;
			len -= (size_t)part;
		}
	}
}

/* Each byte may be shown by four (\xFF). Without memory of its own: that there is none may be what it says. */
static void say_text(const char *level, const char *text)
{
	char room[4 * TEXT + 64];
	struct strbuf line;
	strbuf_init_fixed(&line, room, sizeof room);
	strbuf_addstr(&line, diverted ? "" : "attnviz: ");
	strbuf_addstr(&line, level);
	utf8_append_visible(&line, text, strnlen(text, TEXT));
	strbuf_addstr(&line, diverted ? "" : "\n");
	if (diverted)
		diverted(line.buf);
	else
		write_line(line.buf, line.len);
	strbuf_release(&line);
}

__attribute__((format(printf, 2, 0)))
static void say(const char *level, const char *format, va_list args)
{
	int kept = errno;
	char text[TEXT];
	if (vsnprintf(text, sizeof text, format, args) >= 0)
		say_text(level, text);
	errno = kept;
}

void message_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say("", format, args);
	va_end(args);
	message_raise(EXIT_FAILED);
}

void message_err_info(const struct err_info *info)
{
	if (info->code == ERR_OK)
		return;
	if (info->code == ERR_PIPE) {
		reader_left = true;
		message_raise(EXIT_FAILED);
		return;
	}
	int kept = errno;
	char text[ERR_FILE_MAX + ERR_TEXT_MAX + 64], place[32] = "";
	if (info->has_offset)
		snprintf(place, sizeof place, " (byte %" PRIu64 ")", info->offset);
	snprintf(text, sizeof text, "%s%s%s%s", info->file, info->file[0] ? ": " : "", info->text, place);
	say_text("", text);
	message_raise(info->code == ERR_USAGE ? EXIT_USAGE : EXIT_FAILED);
	errno = kept;
}

void message_warning(const char *format, ...)
{
	if (quiet)
		return;
	va_list args;
	va_start(args, format);
	say("warning: ", format, args);
	va_end(args);
}

void message_note(const char *format, ...)
{
	if (quiet)
		return;
	va_list args;
	va_start(args, format);
	say("note: ", format, args);
	va_end(args);
}

void message_divert(void (*to)(const char *line))
{
	diverted = to;
}

void message_set_quiet(bool on)
{
	quiet = on;
}

bool message_is_quiet(void)
{
	return quiet;
}

bool message_reader_left(void)
{
	return reader_left;
}

enum exit_status message_status(void)
{
	return status;
}

void message_raise(enum exit_status wanted)
{
	if (wanted > status)
		status = wanted;
}
