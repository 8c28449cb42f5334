/* SPDX-License-Identifier: MIT */
/*
 * A source seen through groups of its tokens: words in place of sub-words, spans in place of tokens, or some tokens left out.
 *
 *     w[a][b] = mean over the queries i of group a of the sum over the keys j of group b of p[i][j]
 *
 * The mean is over the queries of the group that see a key (and where weights cannot be negative, have one that is not 0): padding in a group does not count.
 * Sums over keys and means over queries keep rows a distribution (Clark et al. 2019, arXiv 1906.04341; Kobayashi et al. 2020). Mass on keys that are in no group
 * is lost, and rows then sum to less than 1. Tiles come from a filter (kernel/filter.h), at the speed of the inner source's.
 */
#ifndef ATTNVIZ_MECHANISM_GROUPED_H
#define ATTNVIZ_MECHANISM_GROUPED_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/source.h"

/* Groups of one axis: group[token] is 0 .. count - 1, or -1 for a token that is left out. Groups follow each other: a later one has no earlier token; every
 * group has a token. */
struct grouping {
	int64_t *group;
	int64_t tokens, count;
};
void grouping_release(struct grouping *grouping); /* works on a zeroed struct */

/* Wrap `inner`, which the new source frees. Takes over the arrays of both groupings. `what` is added to the note. On failure nothing is taken over. */
enum err grouped_source_new(struct source *inner, struct grouping *queries, struct grouping *keys, const char *what, struct source **source,
			    struct err_info *info);

#endif
