/* SPDX-License-Identifier: MIT */
/*
 * A table for a window: numbers aligned at the point, with fewer digits and in blocks of columns where it would be too wide.
 */
#ifndef ATTNVIZ_BASE_RECORD_FIT_H
#define ATTNVIZ_BASE_RECORD_FIT_H

#include "base/record.h"

struct record_table {
	const struct record_column *column;
	int count;
	const char *cell; /* row by row, each cell ended by a NUL; numbers with all their digits */
	int64_t rows;
};

/* Append the table, no line wider than `width` unless a single word is. What fits is one table with 4 digits, else with 3; else the columns are split
 * into blocks, each after an empty line and beginning with the columns that tell the row (the whole numbers in front, and a text behind them); lists, and
 * texts too wide to stand beside those, follow on lines of their own. */
void record_fit(const struct record_table *table, int width, struct strbuf *out);

#endif
