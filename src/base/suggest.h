/* SPDX-License-Identifier: MIT */
/*
 * "Did you mean": one wording for every word that is not known, be it an option, a command, a metric or a colour map.
 */
#ifndef ATTNVIZ_BASE_SUGGEST_H
#define ATTNVIZ_BASE_SUGGEST_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

/* What was typed, and the nearest of the names that were offered. Both are borrowed. */
struct suggestion {
	const char *typed, *nearest; /* nearest: NULL while none is near enough */
	size_t distance;
};
struct suggestion suggestion_for(const char *typed);

/* Is `name` near enough (a third of its letters wrong, and one more; or its beginning was typed), and nearer than
 * those before? */
void suggestion_offer(struct suggestion *suggestion, const char *name);

/* Append ": did you mean 'PREFIXNAME'?", or nothing where no name is near. `prefix` is "--" for options, else "". */
void suggestion_add(const struct suggestion *suggestion, const char *prefix, struct strbuf *out);

/* ERR_USAGE: "unknown WHAT 'PREFIXTYPED': did you mean 'PREFIXNAME'?", or with `otherwise` behind the colon where no
 * name is near. */
enum err suggestion_refuse(const struct suggestion *suggestion, const char *what, const char *prefix,
                           const char *otherwise, struct err_info *info);

/* Levenshtein distance in bytes. */
size_t suggestion_distance(const char *a, const char *b);

#endif
