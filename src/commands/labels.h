/* SPDX-License-Identifier: MIT */
/*
 * The token options: what stands at the axes.
 */
#ifndef ATTNVIZ_COMMANDS_LABELS_H
#define ATTNVIZ_COMMANDS_LABELS_H

#include "base/error.h"
#include "base/options.h"
#include "commands/roles.h"
#include "tensor/tokens.h"

extern const struct option_row label_rows[];

struct labels {
	struct tokens query_list, key_list;
	const char *const *query, *const *key; /* [queries], [keys]: what to show; NULL: numbers */
	const char *const *raw_query, *const *raw_key; /* the same as in the file, for comparing; NULL likewise */
	const char **placed; /* owned: the labels of queries some of which stand at no key, then the raw ones; NULL: none do */
};

/* The axes: `place` is the key that the first query stands at, `batch` the item whose ids are read where they have an axis for it; `query` and `key` are the roles
 * that have the axes, for messages (may be NULL). */
struct labels_of {
	int64_t queries, keys, place, batch;
	const struct role *query, *key;
};

/* Read the lists and hold their lengths against the axes. --tokens (or --ids) serves both axes; where there are fewer queries than keys (a KV cache) and one
 * token a key, a query has the token of the key that it stands at, and none where there is no such key. */
enum err labels_open(struct labels *labels, const struct labels_of *of, struct err_info *info);

/* Are the tokens of the queries those of the keys that they stand at? */
bool labels_are_shared(const struct labels *labels);
void labels_release(struct labels *labels); /* works on a zeroed struct */

#endif
