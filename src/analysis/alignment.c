/* SPDX-License-Identifier: MIT */
#include "analysis/alignment.h"

#include <math.h>
#include <string.h>

static int64_t largest(const double *value, int64_t count, int64_t step)
{
	int64_t best = 0;
	for (int64_t i = 1; i < count; i++)
		if (value[i * step] > value[best * step])
			best = i;
	return best;
}

static bool all_zero(const double *value, int64_t count, int64_t step)
{
	for (int64_t i = 0; i < count; i++)
		if (value[i * step] != 0)
			return false;
	return true;
}

void alignment_argmax(const double *weight, int64_t rows, int64_t columns, unsigned char *linked)
{
	memset(linked, 0, (size_t)(rows * columns));
	for (int64_t row = 0; columns && row < rows; row++) {
		int64_t best = largest(weight + row * columns, columns, 1);
		linked[row * columns + best] = !all_zero(weight + row * columns, columns, 1);
	}
}

void alignment_argmax_columns(const double *weight, int64_t rows, int64_t columns, unsigned char *linked)
{
	memset(linked, 0, (size_t)(rows * columns));
	for (int64_t column = 0; rows && column < columns; column++) {
		int64_t best = largest(weight + column, rows, columns);
		linked[best * columns + column] = !all_zero(weight + column, rows, columns);
	}
}

void alignment_threshold(const double *weight, int64_t rows, int64_t columns, double threshold, unsigned char *linked)
{
	for (int64_t i = 0; i < rows * columns; i++)
		linked[i] = weight[i] >= threshold;
}

/* ln sum exp of count values, step apart. */
static double log_sum_exp(const double *value, int64_t count, int64_t step)
{
	double max = -INFINITY, sum = 0;
	for (int64_t i = 0; i < count; i++)
		max = fmax(max, value[i * step]);
	if (isinf(max))
		return max;
	for (int64_t i = 0; i < count; i++)
		sum += exp(value[i * step] - max);
	return max + log(sum);
}

void alignment_both_ways(const double *score, int64_t rows, int64_t columns, double threshold, double *scratch, unsigned char *linked)
{
	double *row_lse = scratch, *column_lse = scratch + rows;
	double least = log(threshold);
	for (int64_t row = 0; row < rows; row++)
		row_lse[row] = log_sum_exp(score + row * columns, columns, 1);
	for (int64_t column = 0; column < columns; column++)
		column_lse[column] = log_sum_exp(score + column, rows, columns);
	for (int64_t row = 0; row < rows; row++)
		for (int64_t column = 0; column < columns; column++) {
			double s = score[row * columns + column];
			linked[row * columns + column] = s > -INFINITY && s - row_lse[row] > least && s - column_lse[column] > least;
		}
}

struct grid {
	int64_t rows, columns;
	unsigned char *linked;
};

static bool row_linked(const struct grid *grid, int64_t row)
{
	return memchr(grid->linked + row * grid->columns, 1, (size_t)grid->columns) != NULL;
}

static bool column_linked(const struct grid *grid, int64_t column)
{
	for (int64_t row = 0; row < grid->rows; row++)
		if (grid->linked[row * grid->columns + column])
			return true;
	return false;
}

/* One sweep of grow-diag: neighbours of links that are in the union and whose row or column is still free. */
static bool grow(const struct grid *grid, const unsigned char *forward, const unsigned char *backward)
{
	static const int step[8][2] = { { -1, 0 }, { 0, -1 }, { 1, 0 }, { 0, 1 }, { -1, -1 }, { -1, 1 }, { 1, -1 }, { 1, 1 } };
	bool grown = false;
	for (int64_t i = 0; i < grid->rows * grid->columns; i++) {
		if (!grid->linked[i])
			continue;
		for (int n = 0; n < 8; n++) {
			int64_t row = i / grid->columns + step[n][0], column = i % grid->columns + step[n][1];
			if (row < 0 || row >= grid->rows || column < 0 || column >= grid->columns)
				continue;
			int64_t at = row * grid->columns + column;
			if (grid->linked[at] || !(forward[at] || backward[at]) || (row_linked(grid, row) && column_linked(grid, column)))
				continue;
			grid->linked[at] = 1;
			grown = true;
		}
	}
	return grown;
}

/* Links of one direction whose row or column (with `both`: row and column) is still free. */
static void finish(const struct grid *grid, const unsigned char *direction, bool both)
{
	for (int64_t i = 0; i < grid->rows * grid->columns; i++) {
		if (!direction[i] || grid->linked[i])
			continue;
		bool row = row_linked(grid, i / grid->columns), column = column_linked(grid, i % grid->columns);
		if (both ? !row && !column : !row || !column)
			grid->linked[i] = 1;
	}
}

void alignment_symmetrise(enum symmetrisation how, const unsigned char *forward, const unsigned char *backward, int64_t rows, int64_t columns,
			  unsigned char *linked)
{
	struct grid grid = { .rows = rows, .columns = columns, .linked = linked };
	for (int64_t i = 0; i < rows * columns; i++)
		linked[i] = how == SYMMETRISE_UNION ? forward[i] || backward[i] : forward[i] && backward[i];
	if (how == SYMMETRISE_INTERSECTION || how == SYMMETRISE_UNION)
		return;
	while (grow(&grid, forward, backward))
		;
	if (how == SYMMETRISE_GROW_DIAG)
		return;
	finish(&grid, forward, how == SYMMETRISE_GROW_DIAG_FINAL_AND);
	finish(&grid, backward, how == SYMMETRISE_GROW_DIAG_FINAL_AND);
}

double alignment_precision(const struct alignment_counts *counts)
{
	return counts->links ? (double)counts->in_possible / (double)counts->links : NAN;
}

double alignment_recall(const struct alignment_counts *counts)
{
	return counts->sure ? (double)counts->in_sure / (double)counts->sure : NAN;
}

double alignment_error_rate(const struct alignment_counts *counts)
{
	int64_t size = counts->links + counts->sure;
	return size ? 1 - (double)(counts->in_sure + counts->in_possible) / (double)size : NAN;
}

double alignment_f(const struct alignment_counts *counts, double alpha)
{
	return 1 / (alpha / alignment_precision(counts) + (1 - alpha) / alignment_recall(counts));
}
