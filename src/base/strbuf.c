/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { FIRST_CAPACITY = 64 };

/* What every empty buffer shows; capacity 0 keeps it from being written. */
static char nothing[1];

void strbuf_init(struct strbuf *sb)
{
	*sb = (struct strbuf){ .buf = nothing };
}

void strbuf_init_fixed(struct strbuf *sb, char *block, size_t capacity)
{
	*sb = (struct strbuf){ .buf = block, .capacity = capacity, .fixed = true };
	block[0] = '\0';
}

void strbuf_release(struct strbuf *sb)
{
	if (sb->capacity && !sb->fixed)
		free(sb->buf);
	strbuf_init(sb);
}

void strbuf_clear(struct strbuf *sb)
{
	sb->len = 0;
	if (sb->capacity)
		sb->buf[0] = '\0';
	else
		sb->buf = nothing;
}

static bool grow(struct strbuf *sb, size_t need)
{
	void *block = sb->capacity ? sb->buf : NULL;
	if (need <= sb->capacity)
		return true;
	if (!mem_grow(&block, &sb->capacity, need < FIRST_CAPACITY ? FIRST_CAPACITY : need, 1))
		return false;
	sb->buf = block;
	return true;
}

/* Room for `more` bytes and the NUL. */
static bool make_room(struct strbuf *sb, size_t more)
{
	if (sb->failed)
		return false;
	size_t need;
	if (__builtin_add_overflow(sb->len + 1, more, &need) || (sb->fixed ? need > sb->capacity : !grow(sb, need)))
		sb->failed = true;
	return !sb->failed;
}

void strbuf_add(struct strbuf *sb, const void *bytes, size_t count)
{
	if (!make_room(sb, count))
		return;
	if (count)
		memcpy(sb->buf + sb->len, bytes, count);
	sb->len += count;
	sb->buf[sb->len] = '\0';
}

void strbuf_addstr(struct strbuf *sb, const char *text)
{
	strbuf_add(sb, text, strlen(text));
}

void strbuf_addch(struct strbuf *sb, int byte)
{
	char one = (char)byte;
	strbuf_add(sb, &one, 1);
}

void strbuf_addf(struct strbuf *sb, const char *format, ...)
{
	if (!make_room(sb, 0))
		return;
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	size_t room = sb->capacity - sb->len;
	int count = vsnprintf(sb->buf + sb->len, room, format, args);
	if (count < 0)
		sb->failed = true;
	else if ((size_t)count >= room && make_room(sb, (size_t)count))
		count = vsnprintf(sb->buf + sb->len, (size_t)count + 1, format, again);
	if (!sb->failed)
		sb->len += (size_t)count;
	sb->buf[sb->len] = '\0';
	va_end(again);
	va_end(args);
}

bool strbuf_failed(const struct strbuf *sb)
{
	return sb->failed;
}

char *strbuf_detach(struct strbuf *sb)
{
	make_room(sb, 0);
	char *text = NULL;
	if (!sb->failed) {
		text = sb->buf;
		text[sb->len] = '\0';
		sb->capacity = 0;
	}
	strbuf_release(sb);
	return text;
}
