/* SPDX-License-Identifier: MIT */
/*
 * How far weights that were computed are from those that the model had, and which sink logits shorten their rows.
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

double weights_sum(const double *weight, int64_t keys);

/*
 * The sink logit of a head from rows that sum to less than one because of it: z = lse + ln((1 - sum) / sum), where lse is of the keys alone. A row counts as much as
 * its sum can tell, sum (1 - sum). Begin with a zeroed struct.
 */
struct sink_fit {
	double sum, weight;
	double lowest; /* log-sum-exp */
	int64_t rows;
};

void sink_fit_add(struct sink_fit *fit, double lse, double sum);
double sink_fit_logit(const struct sink_fit *fit); /* far below every logit where no row has a share for it */

#endif
