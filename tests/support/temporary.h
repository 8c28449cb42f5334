/* SPDX-License-Identifier: MIT */
/*
 * Files that a test makes from bytes.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_TEMPORARY_H
#define ATTNVIZ_TESTS_SUPPORT_TEMPORARY_H

#include <stddef.h>

/* A folder of its own below $TMPDIR or /tmp. Fails the test where it cannot be made. The name is the caller's: give it to temporary_remove. */
char *temporary_folder(void);

/* A file in the folder; returns its path (free). */
char *temporary_file(const char *folder, const char *name, const void *bytes, size_t size);

/* Remove the folder with the files in it, and free the name. */
void temporary_remove(char *folder);

#endif
