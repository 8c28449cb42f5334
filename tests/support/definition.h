/* SPDX-License-Identifier: MIT */
/*
 * Pieces of the definitions that tests of mechanisms write out: plain loops in double, independent of the program.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_DEFINITION_H
#define ATTNVIZ_TESTS_SUPPORT_DEFINITION_H

#include <stdint.h>

/* matrix (rows x columns) of logits becomes weights; -INFINITY hides, a row of nothing else becomes zero. */
void definition_softmax(double *matrix, int64_t rows, int64_t columns);

/* Each row divided by its sum plus epsilon. */
void definition_row_sums(double *matrix, int64_t rows, int64_t columns, double epsilon);

double definition_dot(const double *a, const double *b, int64_t count);

#endif
