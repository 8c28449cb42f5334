/*
 * How far weights that were computed are from those that the model had, and which factor of the scores would have made them.
 */
#ifndef ATTNVIZ_ANALYSIS_DEVIATION_H
#define ATTNVIZ_ANALYSIS_DEVIATION_H

#include <stdint.h>

/* Over all rows that were added. Begin with a zeroed struct. */
struct deviation {
	double largest;        /* |computed - model|; infinity where one of them is NaN */
	double sum;
	int64_t weights;       /* how many were compared */
	int64_t map, row, key; /* where the largest is */
};

void deviation_add(struct deviation *deviation, int64_t map, int64_t row, const double *computed, const double *model,
		   int64_t keys);
double deviation_mean(const struct deviation *deviation); /* NaN where nothing was compared */

/*
 * A softmax of f z leaves ln w_ij = f z_ij - c_i with a constant for each row: f is the slope of ln w on z, by least squares
 * within rows. Weights below 1e-4 are left out, which half precision stores too coarsely. Begin with a zeroed struct.
 */
struct scale_fit {
	double covariance, variance;
};

/* `score`: z of one row, -infinity where a key is not visible. */
void scale_fit_add(struct scale_fit *fit, const double *score, const double *weight, int64_t keys);
double scale_fit_factor(const struct scale_fit *fit); /* NaN where the scores do not vary */

#endif
