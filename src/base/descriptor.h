/* SPDX-License-Identifier: MIT */
/*
 * Paths that stand for what is open already: /dev/fd/63 of a process substitution, /dev/stdout.
 */
#ifndef ATTNVIZ_BASE_DESCRIPTOR_H
#define ATTNVIZ_BASE_DESCRIPTOR_H

/* The descriptor that the path names; -1 for every other path. It need not be open. Opening the path would do something else: begin a file
 * anew, or wait for another writer of a FIFO. */
int descriptor_named(const char *path);

#endif
