/* SPDX-License-Identifier: MIT */
/*
 * A recurrence that is run over the tokens twice, from either end (Vision Mamba, Zhu et al. 2024, arXiv 2401.09417):
 *
 *     W[t,s] = F[t,s] + G[n-1-t, n-1-s]
 *
 * F is the map of the scan from the first token on, G that of the scan over the tokens turned around.
 */
#ifndef ATTNVIZ_MECHANISM_BOTH_WAYS_H
#define ATTNVIZ_MECHANISM_BOTH_WAYS_H

#include "base/error.h"
#include "kernel/source.h"

/* Wrap the two, of equal sizes, both NORM_NONE; the new source frees them. On failure nothing is taken over. Weights are computed from the definition in double. */
enum err both_ways_source_new(struct source *forward, struct source *backward, struct source **source, struct err_info *info);

#endif
