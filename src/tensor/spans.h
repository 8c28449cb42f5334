/* SPDX-License-Identifier: MIT */
/*
 * Named ranges of tokens: system prompt, image, user, ...
 *
 * A file has one span a line, "name begin end" separated by tabs or spaces (begin counts from 0, end is exclusive; lines that begin with # are left out), or is a JSON
 * array of objects {"name": "image", "begin": 5, "end": 581}.
 */
#ifndef ATTNVIZ_TENSOR_SPANS_H
#define ATTNVIZ_TENSOR_SPANS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct span {
	char *name; /* valid UTF-8, without control characters */
	int64_t begin, end;
};

/* Ascending and without overlap, as read. */
struct spans {
	struct span *span;
	size_t count, capacity;
};

/* "-" is standard input. ERR_FORMAT names the line or the element; ERR_VALUE: empty, overlapping, or not in ascending order. */
enum err spans_read(struct spans *spans, const char *file, struct err_info *info);
enum err spans_parse(struct spans *spans, const char *text, size_t size, struct err_info *info);
/* Add one at the end; the same errors as of a file. */
enum err spans_add(struct spans *spans, const char *name, size_t length, int64_t begin, int64_t end, struct err_info *info);
void spans_release(struct spans *spans); /* works on a zeroed struct */

#endif
