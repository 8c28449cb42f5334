/* SPDX-License-Identifier: MIT */
/*
 * A growing byte string, always terminated by a NUL that is not counted.
 *
 * Invariants: buf is never NULL after strbuf_init; buf[len] == 0. Running out of memory is sticky: `failed` is set,
 * further appends do nothing, and the owner checks once at the end (strbuf_failed). It is sticky for the process too (mem_lost): no
 * output is completed after a text was lost anywhere, be it a label, a title or the origin of a picture.
 */
#ifndef ATTNVIZ_BASE_STRBUF_H
#define ATTNVIZ_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
	char *buf;
	size_t len;
	size_t capacity; /* 0: buf is a shared empty string */
	bool failed;
	bool fixed; /* the block is not ours: it never grows, nor is it freed */
};

void strbuf_init(struct strbuf *sb);

/* In a block of the caller's, of at least a byte: for those who must not ask for memory. What does not fit is a failure of this text
 * alone. */
void strbuf_init_fixed(struct strbuf *sb, char *block, size_t capacity);
void strbuf_release(struct strbuf *sb); /* works on a zeroed struct; leaves an initialised empty one */
void strbuf_clear(struct strbuf *sb);   /* len = 0; memory and failure kept */
void strbuf_add(struct strbuf *sb, const void *bytes, size_t count);
void strbuf_addstr(struct strbuf *sb, const char *text);
void strbuf_addch(struct strbuf *sb, int byte);
void strbuf_addf(struct strbuf *sb, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool strbuf_failed(const struct strbuf *sb);

/* Hand the string to the caller, who frees it with free(); the buffer is empty again. NULL after a failure. Not for fixed ones. */
char *strbuf_detach(struct strbuf *sb);

#endif
