/* SPDX-License-Identifier: MIT */
/*
 * Are the weights of a source an attention? One pass over its maps at the speed of the kernels.
 */
#ifndef ATTNVIZ_ANALYSIS_WEIGHTS_SURVEY_H
#define ATTNVIZ_ANALYSIS_WEIGHTS_SURVEY_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/driver.h"

struct survey_place {
	int64_t map, row;
};

struct weights_survey {
	int64_t rows;              /* that hold any weight */
	int64_t rows_off;          /* whose sum is further from 1 than the tolerance */
	double worst_sum;          /* the furthest, and where */
	struct survey_place worst;
	double row_sum_low, row_sum_high;
	double smallest, largest;  /* weights, and where the smallest and the largest are */
	struct survey_place low, high;
	double mass;               /* sum of all weights */
	double *map_mass;          /* [maps asked for]: of each */
};

/* Sources that are not a softmax; `tolerance` is how far from 1 the sum of a row may be. Rows that see no key of `masked`,
 * the same weights behind a mask, do not count in the masses; NULL: all do. Release in any case. */
enum err weights_survey(const struct source *source, const struct source *masked, const struct driver_options *options, double tolerance, struct weights_survey *survey,
			struct err_info *info);
void weights_survey_release(struct weights_survey *survey); /* works on a zeroed struct */

#endif
