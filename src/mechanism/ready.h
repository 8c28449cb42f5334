/* SPDX-License-Identifier: MIT */
/*
 * What ready weights know beside their numbers.
 */
#ifndef ATTNVIZ_MECHANISM_READY_H
#define ATTNVIZ_MECHANISM_READY_H

#include <stdint.h>

#include "kernel/source.h"

struct ready_row {
	int64_t map, row;
};

/* Rows that --skip-nan left out, and the first of them; 0 for other sources. Those that mechanism_weights opened, not what wraps them. */
int64_t ready_nan_rows(const struct source *source, struct ready_row *first);

#endif
