/*
 * How far two rows of weights are apart.
 */
#ifndef ATTNVIZ_ANALYSIS_ROW_DIFFERENCE_H
#define ATTNVIZ_ANALYSIS_ROW_DIFFERENCE_H

#include <stdint.h>

/* Largest |a - b|; infinity where one of them is NaN. */
double row_difference(const double *a, const double *b, int64_t count);

#endif
