/* SPDX-License-Identifier: MIT */
/*
 * Output files that are either whole or not there.
 *
 * output_open creates a temporary beside the target; output_commit flushes, checks and renames it into place; output_abort
 * (or a release without commit, a signal that ends the process, or an exit) removes it. What takes the place of a file keeps its mode,
 * and its owner where the system lets us. A target that exists and is not a regular file (a device, a FIFO), or names a descriptor
 * (/dev/fd/3), is written directly; a symbolic link stays, and the file that it leads to is made or replaced. The names "-" and
 * /dev/stdout are standard output, which is never renamed or closed here. Outputs belong to the thread that made the process.
 */
#ifndef ATTNVIZ_BASE_OUTPUT_H
#define ATTNVIZ_BASE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

struct output {
	char *target;      /* name that the user gave */
	char *destination; /* the file that it leads to, which the temporary becomes; NULL for direct writing */
	char *temporary;   /* NULL for stdout and for direct writing */
	int fd;
	int slot;        /* place in the list that the signal handler reads, -1 for none */
	bool failed;     /* sticky: a write failed; info has the first reason */
	bool seekable;
	uint64_t origin;  /* where position 0 lies in the file: not 0 for a standard output that was written before */
	uint64_t written; /* bytes given to output_write */
	uint64_t extent;  /* end of the furthest output_write_at */
	unsigned char *buffer;
	size_t buffered;
	struct err_info info;
};

/* On failure *out is zeroed and safe to release. The mode of a new file is 0666 less the umask. */
enum err output_open(struct output *out, const char *target, struct err_info *info);

/* Buffered; errors are sticky and returned by each later call. A pipe without a reader is ERR_PIPE. */
enum err output_write(struct output *out, const void *bytes, size_t count);

/* A line for people: the text with its control characters shown (utf8_append_visible), and a line feed. ERR_NOMEM for a text that is
 * not whole. */
enum err output_line(struct output *out, const struct strbuf *text);

/* Write at an absolute position (for arrays whose parts come out of order). Not for pipes: ERR_IO there. The
 * buffered part is flushed first. */
enum err output_write_at(struct output *out, const void *bytes, size_t count, uint64_t position);
bool output_seekable(const struct output *out);

/* The file is whole, unless an input changed while it was read (mapped.h), which fails as a write does. Also releases. */
enum err output_commit(struct output *out, struct err_info *info);
void output_release(struct output *out);                           /* aborts what was not committed; zeroed struct is fine */

/* A file that is read: from now on no output may replace it, by any name. Its device and inode; false where memory is short. */
bool output_protect(uint64_t device, uint64_t inode);

/* From now on outputs lead nowhere, standard output included: for a process of a group of which only one writes. */
void output_mute(void);

/* Text of more than `rows` lines of `columns` goes to a pager: `start` is called once, before the first byte of it is written, and may
 * lead standard output elsewhere. NULL: as it is. Escape sequences of colours take no columns. */
void output_page(int rows, int columns, void (*start)(void));

/* Remove the temporaries of unfinished outputs, as an exit does: for an end without one. */
void output_guard_sweep(void);

/* Install the handlers of all signals that end a process: temporaries are removed, then the signal kills it with its usual status. A
 * write to a closed pipe or beyond the size limit returns EPIPE or EFBIG instead; a page that a mapped input no longer has ends
 * the process with its line (mapped.h) and status 1. Signals that are ignored stay so. Called once by cli/. */
void output_guard_signals(void);

#endif
