/* SPDX-License-Identifier: MIT */
/*
 * Weights times the norm of what they weigh: |W_ij| ||v_j|| says what a weight moves, where W_ij alone may be large on a value near zero (Kobayashi et al. 2020,
 * arXiv 2004.10102).
 *
 * A sink around another one, which sees tiles multiplied by ||v_j||, their signs kept; row statistics stay those of the weights.
 */
#ifndef ATTNVIZ_ANALYSIS_VALUE_WEIGHTED_H
#define ATTNVIZ_ANALYSIS_VALUE_WEIGHTED_H

#include "kernel/sink.h"

/* ||v_j|| of every layer, batch item, value head and key, in that order. ERR_USAGE without values. The caller frees. */
enum err value_norms(const struct source *source, double **norm, struct err_info *info);

/* The norms of the keys of a map. */
const double *value_norms_of(const struct source *source, const double *norm, int64_t map);

/* `inner` must need tiles; it stays the caller's and must outlive the new sink. Free with value_weighted_free. */
enum err value_weighted_new(const struct source *source, struct sink *inner, struct sink **sink, struct err_info *info);
void value_weighted_free(struct sink *sink);

#endif
