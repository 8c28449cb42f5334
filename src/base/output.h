/*
 * Output files that are either whole or not there.
 *
 * output_open creates a temporary beside the target; output_commit flushes, checks and renames it into place; output_abort
 * (or a release without commit, SIGINT, SIGTERM, SIGHUP, or an exit) removes it. A target that exists and is not a regular
 * file (a device, a FIFO) is written directly; a symbolic link stays, and the file that it leads to is replaced. The names "-" and
 * /dev/stdout are standard output, which is never renamed or closed here. Outputs belong to the thread that made the process.
 */
#ifndef ATTNVIZ_BASE_OUTPUT_H
#define ATTNVIZ_BASE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct output {
	char *target;      /* name that the user gave */
	char *destination; /* the existing file that it leads to, NULL for a new one */
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

/* On failure *out is zeroed and safe to release. The mode of the file is 0666 less the umask. */
enum err output_open(struct output *out, const char *target, struct err_info *info);

/* Buffered; errors are sticky and returned by each later call. A closed pipe is ERR_IO with the text of EPIPE. */
enum err output_write(struct output *out, const void *bytes, size_t count);

/* Write at an absolute position (for arrays whose parts come out of order). Not for pipes: ERR_IO there. The
 * buffered part is flushed first. */
enum err output_write_at(struct output *out, const void *bytes, size_t count, uint64_t position);
bool output_seekable(const struct output *out);

enum err output_commit(struct output *out, struct err_info *info); /* also releases */
void output_release(struct output *out);                           /* aborts what was not committed; zeroed struct is fine */

/* From now on outputs lead nowhere, standard output included: for a process of a group of which only one writes. */
void output_mute(void);

/* Remove the temporaries of unfinished outputs, as an exit does: for an end without one. */
void output_guard_sweep(void);

/* Install the handlers that remove temporaries on SIGINT, SIGTERM, SIGHUP and then let the signal kill the process
 * with its usual status; SIGPIPE is ignored so that writes return EPIPE. Called once by cli/. */
void output_guard_signals(void);

#endif
