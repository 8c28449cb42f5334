/* SPDX-License-Identifier: MIT */
/*
 * Alignment links among the files that `attnviz info` looks at: they are no tensors, and say nothing of what they count from.
 */
#ifndef ATTNVIZ_COMMANDS_INFO_LINKS_H
#define ATTNVIZ_COMMANDS_INFO_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "commands/checks.h"

/* Files with links, each read once. */
struct link_file {
	const char *file;
	int64_t lines, links;
	int32_t smallest; /* index; -1 without links */
};

/* Does the file begin as one with links does: "0-0 1-2 2p3"? False where it cannot be read: opening it will tell. */
enum err links_are_in(const char *file, bool *found, struct err_info *info);

enum err link_file_read(struct link_file *links, const char *file, struct err_info *info);

/* The index base, as a finding: a warning where so many lines without an index 0 cannot be chance. */
enum err link_file_check(const struct link_file *links, findings_put *put, void *data);

#endif
