/* SPDX-License-Identifier: MIT */
/*
 * The options that look at tokens in groups: words in place of sub-words, spans in place of tokens, tokens left out.
 */
#ifndef ATTNVIZ_COMMANDS_GROUPING_H
#define ATTNVIZ_COMMANDS_GROUPING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"
#include "commands/labels.h"
#include "commands/selection.h"
#include "kernel/source.h"
#include "tensor/spans.h"

extern const struct option_row grouping_rows[]; /* --words, --hide, --spans, --query-spans, --key-spans, --by-span */

/* Named ranges of the positions of each axis; an axis without any has none. */
struct axis_spans {
	struct spans query, key;
};
void axis_spans_release(struct axis_spans *spans); /* works on a zeroed struct */

/* Wrap *source and replace the labels as the options say; nothing without them. Tokens left out and words act on the axes that have tokens. `spans` receives the named
 * ranges, in positions of what *source has become, unless --by-span has already made use of them: for commands that show spans in their own way. All stay safe to release
 * on failure. */
enum err grouping_apply(struct source **source, const struct selection *selection, struct labels *labels, struct axis_spans *spans, struct err_info *info);

/* Wrap *source by the spans, whatever the options: for tables of span masses. An axis without spans keeps its tokens. */
enum err grouping_by_spans(struct source **source, struct labels *labels, const struct axis_spans *spans, struct err_info *info);

/* Was --words, --hide or --by-span given? Queries and keys are then groups of tokens. */
bool grouping_given(void);

#endif
