/* SPDX-License-Identifier: MIT */
/*
 * Errors as values.
 *
 * Every function that can fail returns `enum err`. Functions that meet files or user data also fill a
 * `struct err_info`, which names the place and says in one sentence what is wrong. Nothing below commands/
 * prints or exits: the command turns an err_info into the one line that the user sees.
 */
#ifndef ATTNVIZ_BASE_ERROR_H
#define ATTNVIZ_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum err {
	ERR_OK = 0,
	ERR_USAGE,       /* the command line asks for something impossible: exit status 2 */
	ERR_IO,          /* open, read, write, map or rename failed */
	ERR_FORMAT,      /* the bytes are not what the format promises */
	ERR_UNSUPPORTED, /* valid, but not a thing that attnviz reads */
	ERR_SHAPE,       /* shapes that do not fit each other or the option */
	ERR_VALUE,       /* a number that cannot be used: NaN, infinity, out of range */
	ERR_NOMEM,
	ERR_INTERRUPTED, /* a signal asked us to stop */
	ERR_PIPE,        /* whoever reads what we write has enough: we end, and there is nothing to tell */
};

enum { ERR_FILE_MAX = 256, ERR_TEXT_MAX = 512 };

/* What went wrong, and where. A zeroed struct says "nothing". `file` may be empty (the problem is not in a
 * file); `offset` counts bytes from the start of the file and is valid where `has_offset` is set. `text` is
 * one sentence without a full stop: "what is wrong (where): what to do". */
struct err_info {
	enum err code;
	bool has_offset;
	uint64_t offset;
	char file[ERR_FILE_MAX];
	char text[ERR_TEXT_MAX];
};

/* Fill *info (which may be NULL) and return `code`, so that callers can `return err_set(...)`. A text or file
 * name that is too long is cut at a character boundary. The first error stands: an info that already holds
 * one is left alone. */
enum err err_set(struct err_info *info, enum err code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends ": " and the text of errno. Code ERR_IO, or ERR_NOMEM for ENOMEM. */
enum err err_set_errno(struct err_info *info, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Name the file of an error that has none yet. Returns info->code. */
enum err err_in_file(struct err_info *info, const char *file);

/* Note the byte offset of an error. Returns info->code. */
enum err err_at(struct err_info *info, uint64_t offset);

/* Out of memory while doing `what` ("tokens", "the picture"). */
enum err err_nomem(struct err_info *info, const char *what);

#endif
