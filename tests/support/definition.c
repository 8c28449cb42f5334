/* SPDX-License-Identifier: MIT */
#include "support/definition.h"

#include <math.h>

void definition_softmax(double *matrix, int64_t rows, int64_t columns)
{
	for (int64_t i = 0; i < rows; i++) {
		double *row = matrix + i * columns, largest = -INFINITY, sum = 0;
		for (int64_t j = 0; j < columns; j++)
			largest = fmax(largest, row[j]);
		for (int64_t j = 0; j < columns; j++)
			sum += row[j] = row[j] > -INFINITY ? exp(row[j] - largest) : 0;
		for (int64_t j = 0; j < columns; j++)
			row[j] = sum > 0 ? row[j] / sum : 0;
	}
}

void definition_row_sums(double *matrix, int64_t rows, int64_t columns, double epsilon)
{
	for (int64_t i = 0; i < rows; i++) {
		double *row = matrix + i * columns, sum = epsilon;
		for (int64_t j = 0; j < columns; j++)
			sum += row[j];
		for (int64_t j = 0; j < columns; j++)
			row[j] /= sum;
	}
}

double definition_dot(const double *a, const double *b, int64_t count)
{
	double sum = 0;
	for (int64_t i = 0; i < count; i++)
		sum += a[i] * b[i];
	return sum;
}
