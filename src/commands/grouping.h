/*
 * The options that look at tokens in groups: words in place of sub-words, spans in place of tokens, tokens left out.
 */
#ifndef ATTNVIZ_COMMANDS_GROUPING_H
#define ATTNVIZ_COMMANDS_GROUPING_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"
#include "commands/labels.h"
#include "kernel/source.h"
#include "tensor/spans.h"

extern const struct option_row grouping_rows[]; /* --words, --hide, --spans, --by-span */

/* Wrap *source and replace the labels as the options say; nothing without them. `spans` receives what --spans names, unless --by-span has already
 * made use of it, for commands that show spans in their own way (positions are those of keys; queries are the last of them where there are fewer). Both stay safe to release on failure. */
enum err grouping_apply(struct source **source, struct labels *labels, struct spans *spans, struct err_info *info);

/* Wrap *source by the spans, whatever the options: for tables of span masses. */
enum err grouping_by_spans(struct source **source, struct labels *labels, const struct spans *spans, struct err_info *info);

/* Was --words, --hide or --by-span given? Queries and keys are then groups of tokens. */
bool grouping_given(void);

#endif
