/* SPDX-License-Identifier: MIT */
/*
 * An output file that a test writes and reads back.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_WRITTEN_H
#define ATTNVIZ_TESTS_SUPPORT_WRITTEN_H

#include <stddef.h>

#include "base/output.h"

struct written {
	char *folder, *file;
	struct output out;
	char *text;   /* what was read, with a NUL after it */
	size_t size;
};

void written_open(struct written *written);

/* Commit, read, and return the bytes: they live until the next call or close. The file can then be written anew. */
const char *written_read(struct written *written);
void written_close(struct written *written);

#endif
