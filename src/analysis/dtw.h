/* SPDX-License-Identifier: MIT */
/*
 * Dynamic time warping and what surrounds it in Whisper's word timing (openai/whisper, whisper/timing.py: find_alignment, dtw_cpu, median_filter).
 *
 * Matrices are row-major double, rows = tokens, columns = frames.
 */
#ifndef ATTNVIZ_ANALYSIS_DTW_H
#define ATTNVIZ_ANALYSIS_DTW_H

#include <stdint.h>

#include "base/error.h"

/* The step pattern decides ties and weights.
 *   WHISPER    one unit of cost for each cell; the diagonal only if strictly cheaper than both others, then up (next token), else left
 *   SYMMETRIC1 the same cells and weights, but the diagonal wins ties (the step pattern of that name in the R package dtw) */
enum dtw_pattern { DTW_WHISPER, DTW_SYMMETRIC1 };

struct dtw_path {
	int32_t *row, *column; /* [length], from (0, 0) to (rows - 1, columns - 1) */
	int64_t length;
	double cost;           /* sum of the cost over the path */
};

/* The cheapest monotone path through `cost` (rows, columns >= 1). Memory: 2 bits a cell and two rows. */
enum err dtw(const double *cost, int64_t rows, int64_t columns, enum dtw_pattern pattern, struct dtw_path *path, struct err_info *info);
void dtw_path_release(struct dtw_path *path); /* works on a zeroed struct */

/* First column of each row on the path: start[rows]. Seconds = start * seconds a frame. */
void dtw_starts(const struct dtw_path *path, int64_t rows, int64_t *start);

/* z-score of each column over the rows, with the population's standard deviation; a constant column becomes 0. In place. */
void standardise_columns(double *matrix, int64_t rows, int64_t columns);

/* Median over `width` (odd) neighbours along each row, with the edges reflected (not repeating the edge). Rows of width / 2 columns or fewer are left as they
 * are, as Whisper does. `scratch` holds columns + width doubles. In place. */
void median_filter_rows(double *matrix, int64_t rows, int64_t columns, int64_t width, double *scratch);

#endif
