/* SPDX-License-Identifier: MIT */
/*
 * Do the inputs fit each other? Sentences for the person whose axes are in another order than we think.
 */
#ifndef ATTNVIZ_COMMANDS_FIT_H
#define ATTNVIZ_COMMANDS_FIT_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "commands/roles.h"

/* Append ": would fit as --layout key=BNHD" with each usual order of this rank that gives the wanted sizes (-1: any; of heads, a divisor); nothing where there is none. With a NULL role
 * the order is for queries, keys and values alike. */
void fit_suggest(struct strbuf *out, const char *role, const struct tensor *tensor, const int64_t want[AXIS_COUNT]);

/* Head size, batches, layers, and GQA (the query heads are a multiple of the key heads); values are as long as keys. Any of them may be NULL. ERR_SHAPE
 * names both shapes and the orders that would fit. */
enum err fit_heads(const struct role *query, const struct role *key, const struct role *value, struct err_info *info);

/* `count` tokens of `file` for an axis ("query", "key") of `length`; `role` is what has the axis, for the orders that would fit (may be NULL). */
enum err fit_tokens(const struct role *role, const char *axis, const char *file, size_t count, int64_t length, struct err_info *info);

#endif
