/* SPDX-License-Identifier: MIT */
#include "analysis/dtw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum step { STEP_DIAGONAL, STEP_UP, STEP_LEFT };

static enum step choose(enum dtw_pattern pattern, double diagonal, double up, double left)
{
	if (pattern == DTW_SYMMETRIC1)
		return diagonal <= up && diagonal <= left ? STEP_DIAGONAL : up <= left ? STEP_UP : STEP_LEFT;
	if (diagonal < up && diagonal < left)
		return STEP_DIAGONAL;
	return up < diagonal && up < left ? STEP_UP : STEP_LEFT;
}

/* Two bits a cell. */
static void trace_set(unsigned char *trace, int64_t cell, enum step step)
{
	trace[cell / 4] |= (unsigned char)(step << cell % 4 * 2);
}

static enum step trace_get(const unsigned char *trace, int64_t cell)
{
	return trace[cell / 4] >> cell % 4 * 2 & 3;
}

/* Fills the trace and returns the cost of the best path. `before` and `now` hold columns + 1 doubles. */
static double accumulate(const double *cost, int64_t rows, int64_t columns, enum dtw_pattern pattern, double *before, double *now,
			 unsigned char *trace)
{
	for (int64_t column = 0; column <= columns; column++)
		before[column] = column ? INFINITY : 0;
	for (int64_t row = 0; row < rows; row++) {
		now[0] = INFINITY;
		for (int64_t column = 0; column < columns; column++) {
			double from[] = { before[column], before[column + 1], now[column] };
			enum step step = choose(pattern, from[STEP_DIAGONAL], from[STEP_UP], from[STEP_LEFT]);
			now[column + 1] = cost[row * columns + column] + from[step];
			trace_set(trace, row * columns + column, step);
		}
		double *swap = before;
		before = now;
		now = swap;
	}
	return before[columns];
}

/* Walks back from the end; on the first row only to the left, on the first column only up. */
static void backtrace(const unsigned char *trace, int64_t rows, int64_t columns, struct dtw_path *path)
{
	int64_t row = rows - 1, column = columns - 1;
	int64_t at = rows + columns - 1;
	for (;;) {
		at--;
		path->row[at] = (int32_t)row;
		path->column[at] = (int32_t)column;
		if (row == 0 && column == 0)
			break;
		enum step step = row == 0 ? STEP_LEFT : column == 0 ? STEP_UP : trace_get(trace, row * columns + column);
		row -= step != STEP_LEFT;
		column -= step != STEP_UP;
	}
	path->length = rows + columns - 1 - at;
	memmove(path->row, path->row + at, (size_t)path->length * sizeof *path->row);
	memmove(path->column, path->column + at, (size_t)path->length * sizeof *path->column);
}

enum err dtw(const double *cost, int64_t rows, int64_t columns, enum dtw_pattern pattern, struct dtw_path *path, struct err_info *info)
{
	int64_t cells;
	*path = (struct dtw_path){ 0 };
	if (!mem_mul_i64(rows, columns, &cells) || rows + columns > INT32_MAX)
		return err_set(info, ERR_SHAPE, "a matrix of %lld x %lld is too large for dynamic time warping", (long long)rows, (long long)columns);
	unsigned char *trace = mem_zero_array((size_t)(cells / 4 + 1), 1);
	double *line = mem_array((size_t)columns + 1, 2 * sizeof *line);
	path->row = mem_array((size_t)(rows + columns), sizeof *path->row);
	path->column = mem_array((size_t)(rows + columns), sizeof *path->column);
	enum err err = trace && line && path->row && path->column ? ERR_OK : err_nomem(info, "dynamic time warping");
	if (err) {
		dtw_path_release(path);
	} else {
		path->cost = accumulate(cost, rows, columns, pattern, line, line + columns + 1, trace);
		backtrace(trace, rows, columns, path);
	}
	free(line);
	free(trace);
	return err;
}

void dtw_path_release(struct dtw_path *path)
{
	free(path->row);
	free(path->column);
	*path = (struct dtw_path){ 0 };
}

void dtw_starts(const struct dtw_path *path, int64_t rows, int64_t *start)
{
	for (int64_t i = path->length; i-- > 0;)
		if (path->row[i] < rows)
			start[path->row[i]] = path->column[i];
}

void standardise_columns(double *matrix, int64_t rows, int64_t columns)
{
	for (int64_t column = 0; column < columns; column++) {
		double mean = 0, square = 0;
		for (int64_t row = 0; row < rows; row++)
			mean += matrix[row * columns + column];
		mean /= (double)rows;
		for (int64_t row = 0; row < rows; row++) {
			double away = matrix[row * columns + column] - mean;
			square += away * away;
		}
		double deviation = sqrt(square / (double)rows);
		for (int64_t row = 0; row < rows; row++) {
			double *cell = &matrix[row * columns + column];
			*cell = deviation > 0 ? (*cell - mean) / deviation : 0;
		}
	}
}

static int64_t reflect(int64_t at, int64_t count)
{
	return at < 0 ? -at : at >= count ? 2 * (count - 1) - at : at;
}

/* Keep window[0 .. width) sorted while one value leaves and another comes. */
static void window_replace(double *window, int64_t width, double leaves, double comes)
{
	int64_t at = 0;
	while (window[at] != leaves)
		at++;
	for (; at > 0 && window[at - 1] > comes; at--)
		window[at] = window[at - 1];
	for (; at + 1 < width && window[at + 1] < comes; at++)
		window[at] = window[at + 1];
	window[at] = comes;
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void median_filter_rows(double *matrix, int64_t rows, int64_t columns, int64_t width, double *scratch)
{
	int64_t half = width / 2;
	if (columns <= half)
		return;
	double *window = scratch, *line = scratch + width;
	for (int64_t row = 0; row < rows; row++) {
		memcpy(line, matrix + row * columns, (size_t)columns * sizeof *line);
		for (int64_t i = 0; i < width; i++)
			window[i] = line[reflect(i - half, columns)];
		qsort(window, (size_t)width, sizeof *window, compare_doubles);
		for (int64_t column = 0; column < columns; column++) {
			matrix[row * columns + column] = window[half];
			if (column + 1 < columns)
				window_replace(window, width, line[reflect(column - half, columns)], line[reflect(column + half + 1, columns)]);
		}
	}
}
