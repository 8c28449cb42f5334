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
};

/* Read the lists and hold their lengths against the axes. --tokens (or --ids) serves both axes; where there are fewer queries than keys (a KV cache) and one
 * token a key, the queries are the last of them. `batch` is the item whose ids are read where they have an axis for it; `query` and `key` are the roles that
 * have the axes, for the message (may be NULL). */
enum err labels_open(struct labels *labels, int64_t query_count, int64_t key_count, int64_t batch, const struct role *query, const struct role *key,
		     struct err_info *info);
void labels_release(struct labels *labels); /* works on a zeroed struct */

#endif
