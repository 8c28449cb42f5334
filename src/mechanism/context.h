/* SPDX-License-Identifier: MIT */
/*
 * What a shorter context costs: windowed attention against full attention on the same queries and keys.
 *
 * As long as the logits themselves do not change, a windowed row is the full row cut to the window and divided by the mass that it keeps. That mass needs no second look at the
 * weights: kept = e^(lse_window - lse_full), and the divergence KL(window || full) is -ln kept exactly. Outputs differ by at most 2 (1 - kept) max |v|.
 *
 * The policies themselves are masks (mask.h): truncation is key_begin or a key length, non-overlapping chunks are chunk, a sliding window is left, and sinks are
 * keep_first.
 */
#ifndef ATTNVIZ_MECHANISM_CONTEXT_H
#define ATTNVIZ_MECHANISM_CONTEXT_H

#include "base/error.h"
#include "kernel/driver.h"
#include "kernel/source.h"

/* 0 for a row that sees nothing in its window; NaN for one that sees nothing at all. Rounding never makes it more than 1. */
double context_kept(double lse_window, double lse_full);

/* -ln kept, in nats: infinite for a row that sees nothing in its window. */
double context_divergence(double lse_window, double lse_full);

/* Log-sum-exp of the rows of one map, by pass 1 alone: O(rows) memory. lse holds one number for each of options->rows (all queries where that is NULL); options->maps is
 * not used. The source must be a softmax. */
enum err context_lse(const struct source *source, int64_t map, const struct driver_options *options, double *lse, struct err_info *info);

/* kept[rows] of a map, as above, from two sources that differ in their masks alone. */
enum err context_kept_mass(const struct source *window, const struct source *full, int64_t map, const struct driver_options *options, double *kept,
			   struct err_info *info);

#endif
