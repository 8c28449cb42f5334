/* SPDX-License-Identifier: MIT */
/*
 * The list of temporaries that must not outlive the process.
 *
 * output.c enters a temporary before it makes the file, and strikes it off once the file has its final name or is gone. The
 * handlers that output_guard_signals installs, and exit(), remove what is on the list. Both functions belong to one
 * thread, the only one that leaves signals other than its own faults unblocked (pool.c sees to that for its workers).
 */
#ifndef ATTNVIZ_BASE_OUTPUT_GUARD_H
#define ATTNVIZ_BASE_OUTPUT_GUARD_H

/* Returns the slot, or -1 when all are taken. `path` must stay until it is struck off. */
int output_guard_enter(const char *path);
void output_guard_strike(int slot); /* -1 is fine */

#endif
