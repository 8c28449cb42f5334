/* SPDX-License-Identifier: MIT */
/*
 * From weights back to the logits, and to what made these of the products x = q.k.
 *
 * Within a row ln w_ij = s_ij - c_i with a constant for each row, whatever keys are masked and whatever else joins the denominator. So these relations can be held
 * against weights without knowing masks or sink logits, by least squares within rows:
 *
 *   scale       s = f x
 *   soft-cap    s = c tanh(f x / c)
 *   slopes      s = f x - m_h |d|             one slope for each head (ALiBi)
 *   distance    s = f x + b_h(d)              any bias that depends on the distance d = key - query and the head alone (T5's buckets, learned tables)
 */
#ifndef ATTNVIZ_ANALYSIS_LOGIT_FIT_H
#define ATTNVIZ_ANALYSIS_LOGIT_FIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* One query with some of its keys. */
struct logit_row {
	int64_t begin, end; /* its pairs */
	int series;         /* rows of one head of one item, which share slope and bias */
};

struct logit_data {
	const struct logit_row *row;
	int64_t rows;
	int series;                         /* how many */
	const double *log_weight, *product; /* [pairs] */
	const double *trust;                /* [pairs] 1 where a weight is stored as well as its type can, less where it is near the smallest; 0: leave it out */
	const int64_t *distance;            /* [pairs] */
};

enum logit_relation { LOGIT_SCALE, LOGIT_CAP, LOGIT_SLOPES, LOGIT_DISTANCE, LOGIT_RELATIONS };

struct logit_fit {
	double factor;     /* f */
	double cap;        /* c, of LOGIT_CAP */
	double off;        /* root of the mean square of what is left of ln w, over the degrees of freedom; infinity where there are too few pairs to tell */
	double explained;  /* root of the mean square of f x within rows: nothing is explained where it is small */
	double *slope;     /* [series] of LOGIT_SLOPES, the caller's; may be NULL */
};

/* ERR_NOMEM only. */
enum err logit_fit(const struct logit_data *data, enum logit_relation relation, struct logit_fit *fit, struct err_info *info);

/* The factor that goes with a cap that is known. */
enum err logit_fit_capped(const struct logit_data *data, double cap, struct logit_fit *fit, struct err_info *info);

/* The slopes that go with a factor that is known. */
void logit_fit_slopes(const struct logit_data *data, double factor, double *slope);

#endif
