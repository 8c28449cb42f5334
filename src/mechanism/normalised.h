/* SPDX-License-Identifier: MIT */
/*
 * Signed maps made non-negative, so that what is defined for weights that are not negative can be had:
 *
 *     abs          |w_ij|
 *     abs-row      |w_ij| / sum_j |w_ij|       rows sum to 1: entropy and its like are those of the normalised absolute weights
 *     abs-minmax   (|w_ij| - min) / (max - min) over a map, where what is hidden counts as 0
 *
 * Hidden attention of state spaces is not a distribution, and a softmax over it would favour what is least negative; the authors of HiddenMambaAttn (Ali,
 * Zimerman, Wolf 2024, arXiv 2403.01590) take the last of the three.
 */
#ifndef ATTNVIZ_MECHANISM_NORMALISED_H
#define ATTNVIZ_MECHANISM_NORMALISED_H

#include "base/error.h"
#include "kernel/driver.h"
#include "kernel/source.h"

enum normalise { NORMALISE_SIGNED, NORMALISE_ABS_ROW, NORMALISE_ABS_MINMAX, NORMALISE_ABS };

/* Wrap `inner`, which the new source frees; on failure nothing is taken over. For abs-minmax the maps that `options` names, which are then the only ones that may be
 * asked for, are gone through once. Outputs are not the layer's any more, so there are no values. Logits, and weights of a softmax, are ERR_USAGE. */
enum err normalised_source_new(struct source *inner, enum normalise normalise, const struct driver_options *options, struct source **source,
			       struct err_info *info);

#endif
