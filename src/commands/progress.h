/* SPDX-License-Identifier: MIT */
/*
 * The progress bar: on standard error, only where that is a terminal, only for work that is longer than a second, and not under --quiet.
 */
#ifndef ATTNVIZ_COMMANDS_PROGRESS_H
#define ATTNVIZ_COMMANDS_PROGRESS_H

#include <stdbool.h>

struct roles;

struct progress {
	const char *what; /* "weights" */
	double start, last; /* seconds */
	bool wanted, shown;
	const struct roles *roles; /* files of which what was read is forgotten as the work goes on, so that they need not fit into memory; NULL: none */
	double forgotten;          /* share of the work at which that was last done */
};

void progress_start(struct progress *progress, const char *what);

/* The driver's callback: `data` is a struct progress. Always true. */
bool progress_report(void *data, double share);

/* Remove the bar. */
void progress_end(struct progress *progress);

#endif
