/* SPDX-License-Identifier: MIT */
/*
 * What the two halves of the grouped source share: its definition (grouped.c) and its filter (grouped_filter.c).
 */
#ifndef ATTNVIZ_MECHANISM_GROUPED_PARTS_H
#define ATTNVIZ_MECHANISM_GROUPED_PARTS_H

#include "kernel/filter.h"
#include "mechanism/grouped.h"

/* The groups of an axis, and the tokens of each: member[start[g] .. start[g + 1]). */
struct members {
	struct grouping grouping; /* owned */
	int64_t *start, *member;
	bool single;              /* no group has more than one */
	int64_t most;             /* tokens of the largest group */
};

struct grouped {
	struct source source;
	struct source *inner; /* owned */
	struct members queries, keys;
	int64_t *hidden, hidden_count; /* keys in no group */
	int64_t *diagonals;            /* of the source; NULL: one for all */
};

extern const struct filter_ops grouped_filter;

#endif
