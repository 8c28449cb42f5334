/* SPDX-License-Identifier: MIT */
/*
 * The heads of a signed source as one map: the mean of |w| over them. A mean of signed weights would hide what cancels.
 */
#ifndef ATTNVIZ_MECHANISM_MEAN_ABSOLUTE_H
#define ATTNVIZ_MECHANISM_MEAN_ABSOLUTE_H

#include "base/error.h"
#include "kernel/source.h"

/* Wrap `inner`, which holds weights as they are (NORM_NONE); the new source frees it. On failure nothing is taken over. What is prepared of all heads
 * is held at once. */
enum err mean_absolute_source_new(struct source *inner, struct source **source, struct err_info *info);

#endif
