/* SPDX-License-Identifier: MIT */
/*
 * Word alignments as text: one sentence pair a line, one link a word.
 *
 * Pharaoh "i-j" (source-target), sure; "ipj" and "i?j", possible (Och & Ney 2003; every sure link is possible as well); "i-j:w" with a
 * weight, which is read and dropped. A line may begin with a sentence number and a tab. The same file may count from 0 or from 1, and some
 * tools write target-source: neither can be known from one line, so the caller says it, and links_base_hint helps to notice a mistake.
 */
#ifndef ATTNVIZ_TENSOR_LINKS_H
#define ATTNVIZ_TENSOR_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct link {
	int32_t source, target; /* counted from 0 */
	bool sure;
};

/* The links of one sentence pair: sorted by (source, target), each once (sure wins over possible). */
struct link_set {
	struct link *link;
	size_t count, capacity;
};

struct links {
	struct link_set *line;
	size_t count, capacity;
	int32_t smallest; /* smallest index as written in the file; -1 for a file without links */
};

struct links_format {
	int base;        /* 0 or 1: what the file counts from */
	bool all_sure;   /* possible links are taken as sure */
	bool reversed;   /* the file writes target-source */
};

/* Read a file ("-": standard input). ERR_FORMAT names the line and the word; an index below the base is an error. */
enum err links_read(struct links *links, const char *file, const struct links_format *format, struct err_info *info);
void links_release(struct links *links); /* works on a zeroed struct */

enum err link_set_add(struct link_set *set, int32_t source, int32_t target, bool sure);
void link_set_sort(struct link_set *set);
const struct link *link_set_find(const struct link_set *set, int32_t source, int32_t target); /* in a sorted set; NULL where absent */
void link_set_release(struct link_set *set);

/* Links of `set` that are in `other` (both sorted), all of them or only those that `other` has as sure. */
int64_t link_set_common(const struct link_set *set, const struct link_set *other, bool sure_only);

/* Links in target order whose source is neither the source of the link before nor one beside it: the jumps of a reader's eye. */
int64_t link_set_jumps(const struct link_set *set);

/* Read from memory: what links_read does with a file's bytes. */
enum err links_parse(struct links *links, const char *text, size_t size, const struct links_format *format, struct err_info *info);

#endif
