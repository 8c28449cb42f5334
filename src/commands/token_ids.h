/* SPDX-License-Identifier: MIT */
/*
 * Tokens as numbers, where only equality matters, and the positions of tokens that are named.
 */
#ifndef ATTNVIZ_COMMANDS_TOKEN_IDS_H
#define ATTNVIZ_COMMANDS_TOKEN_IDS_H

#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "commands/labels.h"

/* Equal texts get equal numbers. *ids [count] is the caller's (free). */
enum err token_ids(const char *const *text, int64_t count, int64_t **ids, struct err_info *info);

/* Keys in a list "0,5-7" (may be NULL) and keys whose token, as shown or as in the file, is one of `tokens`: ascending, once each. A token that
 * does not occur is ERR_USAGE. *positions is the caller's. */
enum err token_positions(const char *list, const struct string_list *tokens, const struct labels *labels, int64_t keys, int64_t **positions, int64_t *count,
			 struct err_info *info);

#endif
