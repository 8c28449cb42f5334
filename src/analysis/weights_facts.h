/* SPDX-License-Identifier: MIT */
/*
 * What an array of ready weights is like, before anybody believes it: one pass over a map, whatever it holds.
 *
 * The rows are read as they are stored (uint8 as k / 255); nothing is masked. "After the diagonal" are the keys j > i + keys -
 * queries, which a causal model cannot see.
 */
#ifndef ATTNVIZ_ANALYSIS_WEIGHTS_FACTS_H
#define ATTNVIZ_ANALYSIS_WEIGHTS_FACTS_H

#include <stdint.h>

#include "base/error.h"
#include "tensor/tensor.h"

/* How far from 1 the sum of a row may be, beside what the storage of its weights rounds away. */
#define WEIGHTS_SUM_TOLERANCE 1e-3

/* Some of the rows: how many, and which. */
struct row_span {
	int64_t count, first, last;
};

struct weights_facts {
	int64_t rows, keys;
	struct row_span nan_rows;             /* rows that hold NaN; they are left out of all the rest */
	int64_t nonfinite, bad_row, bad_key;  /* infinities of other rows, and where the first is; they are left out likewise */
	int64_t hidden;                       /* -infinity, a masked logit; likewise left out */
	double smallest, largest;
	double rounding;                      /* by which the sum of a row may be off because of how the array stores its weights */
	int64_t zero_rows;                    /* nothing but zeros, and which */
	struct row_span zeros;
	struct row_span uniform_rows;         /* all keys alike, those after the diagonal too, in a map that is causal but for them: left out of what comes after the */
	                                      /* diagonal, and of the columns */
	double row_sum_low, row_sum_high;     /* of the other rows; NaN where there is none */
	int64_t rows_off;                     /* rows whose sum is further from 1 than WEIGHTS_SUM_TOLERANCE + rounding */
	int64_t worst_row;                    /* the furthest, and its sum */
	double worst_sum;
	double column_sum_low, column_sum_high; /* of the columns that are not all zero */
	double exp_sum_low, exp_sum_high;     /* sums of e^value over a row, 1 for ln p; NaN where some value is above 0 */
	int64_t empty_tail, empty_head;       /* columns at the end, and at the beginning, that are all zero */
	double after_share, after_largest;    /* mass after the diagonal as a share of all, and the largest weight there */
	int64_t after_row, after_key;
	double top_left_share;                /* likewise after the keys j > i: what a causal mask aligned at the beginning hides */
	double ratio;                         /* largest over the rows of largest / smallest weight, without the zeros after the */
	                                      /* diagonal; infinity where there are others */
	double from_uniform;                  /* largest |w - 1 / keys| */
};

/* By how much a row of `keys` weights of this type may be off because of the rounding alone. */
double weights_rounding(enum dtype dtype, int64_t keys);

/* Memory: two rows. ERR_NOMEM only. */
enum err weights_facts_scan(const struct heads *weights, int64_t layer, int64_t batch, int64_t head, struct weights_facts *facts,
			    struct err_info *info);

#endif
