/* SPDX-License-Identifier: MIT */
/*
 * What the program says to a person: one line each on standard error, beginning "attnviz: ".
 *
 * Only commands/ and cli/ call these. A line is written by a single write(2), with control characters in file names and
 * data masked, so that parallel runs do not mix and hostile input cannot drive the terminal. errno is kept.
 */
#ifndef ATTNVIZ_BASE_MESSAGE_H
#define ATTNVIZ_BASE_MESSAGE_H

#include <stdbool.h>

#include "base/error.h"

enum exit_status {
	EXIT_FINE = 0,
	EXIT_FAILED = 1, /* bad input, I/O, out of memory, interrupted */
	EXIT_USAGE = 2,  /* the command line */
};

/* attnviz: ... ; also raises the exit status to EXIT_FAILED. */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* attnviz: FILE: text (byte offset): raises the status to EXIT_USAGE for ERR_USAGE, else to EXIT_FAILED. A zero
 * code prints nothing, and neither does ERR_PIPE, which message_reader_left then tells. */
void message_err_info(const struct err_info *info);

/* attnviz: warning: ... ; attnviz: note: ... . Neither changes the status; both are silent under --quiet. */
void message_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on lines go there, without their "attnviz: " and line feed, instead of to standard error: for a process of a group of which another one
 * speaks. NULL: back again. */
void message_divert(void (*to)(const char *line));

void message_set_quiet(bool quiet);
bool message_is_quiet(void);

/* Was an ERR_PIPE among the errors? */
bool message_reader_left(void);

/* The status so far. It is only ever raised: 0 < 1 < 2. */
enum exit_status message_status(void);
void message_raise(enum exit_status status);

#endif
