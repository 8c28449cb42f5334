/* SPDX-License-Identifier: MIT */
/*
 * The slow twin: one row at a time, in double, straight from the definition. What the fast path is compared with, and
 * what --precision double uses.
 */
#ifndef ATTNVIZ_KERNEL_REFERENCE_H
#define ATTNVIZ_KERNEL_REFERENCE_H

#include "base/error.h"
#include "kernel/sink.h"
#include "kernel/source.h"

/* Weights of one row into weight[keys] (which also serves as the scratch for the scores), and its statistics (stats may
 * be NULL). output, where not NULL, receives O = W V, source->values' dim long. */
enum err reference_row(const struct source *source, int64_t map, int64_t row, double *weight, struct row_stats *stats, double *output, struct err_info *info);

#endif
