/* SPDX-License-Identifier: MIT */
/*
 * Weights that were given ready: are they an attention, and what do the masks take from them?
 */
#ifndef ATTNVIZ_COMMANDS_READY_CHECK_H
#define ATTNVIZ_COMMANDS_READY_CHECK_H

#include "base/error.h"
#include "base/strbuf.h"
#include "commands/inputs.h"

/*
 * Of an input whose source and selection are open, before anything is made of the source. Weights below 0 or above 1 are ERR_VALUE, with the options that say what they
 * are, unless --signed or --normalise was given. Rows that do not sum to one, rows of NaN that were left out and the share of the weight that a mask hides are notes,
 * and the last is added to the note of the source. Other mechanisms, and logits, pass.
 */
enum err ready_check(struct input *input, struct err_info *info);

/* "--causal hides 21 % of the weight (...)" where a mask hides more than rounding, else empty. Rows from which it hides
 * every key, which is what one does with padding, do not count. */
enum err ready_loss(const struct input *input, struct strbuf *sentence, struct err_info *info);

#endif
