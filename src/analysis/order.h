/* SPDX-License-Identifier: MIT */
/*
 * Order statistics of one row of weights: Gini coefficient, fewest keys that hold a share of the mass.
 *
 * Rows of up to ORDER_EXACT_KEYS keys are sorted (order_exact.c). Longer ones are counted into bins of equal width in the
 * float's exponent and 6 mantissa bits (kernels.h), except that weights of 2^-8 and more, of which a row can hold few, are
 * kept one by one. Inside a bin the density of weights is taken to be a straight line, and the bins' mass is scaled to what
 * the row is known to hold. A weight is then off by 0.3 % at random, so the Gini coefficient of a row of n keys is off by
 * about 0.003 / sqrt(n), and its mean over rows by less; a number of keys is off by less than one in a thousand, or by one.
 * That holds where weights differ and are spread over many bins. Rows of which it may not hold, because weights are tied or the
 * mass lies in few bins, are found while they are counted, and sorted when their map has ended.
 */
#ifndef ATTNVIZ_ANALYSIS_ORDER_H
#define ATTNVIZ_ANALYSIS_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/kernels.h"
#include "kernel/sink.h"

/* Sorting costs a weight as much as a histogram up to here. */
enum { ORDER_EXACT_KEYS = 4096 };

/* A shortfall of this share of the mass counts as reached, so that a row of ten equal weights needs nine for 90 %. */
#define ORDER_SLACK 1e-9

/* The sink of the family of order statistics where all rows are short. */
extern const struct sink_ops order_exact_ops;

/* The family's metrics of `count` rows of a map, ascending, by sorting: value[count][family->count], NaN where a row has none. Holds
 * rows x keys for a row group on each thread. */
struct family;
enum err order_sort_rows(const struct family *family, const struct source *source, int64_t map, const int64_t *row, int64_t count, double *value,
			 struct err_info *info);

/* Middle and a sixth of the width of the bins, and what a weight in the bin below or above takes from or adds to a bin's sum,
 * for the slope of the density. */
struct order_bins {
	float middle[HISTOGRAM_BINS], sixth[HISTOGRAM_BINS], below[HISTOGRAM_BINS], above[HISTOGRAM_BINS];
};
void order_bins_init(struct order_bins *bins);

/* Bins that are summed together: a cache line of counts. */
enum { ORDER_PIECE = 16, ORDER_PIECES = HISTOGRAM_BINS / ORDER_PIECE };

/* A long row in descending order: single weights, then bins, then zeros up to the support. */
struct order {
	const float *large;    /* [large_count], descending */
	int64_t large_count;
	const uint32_t *count; /* [HISTOGRAM_BINS]: weights in each bin; those of the single weights are not looked at */
	const struct order_bins *bins;
	double sum;            /* of all weights */
	int64_t support;
	/* Filled in by order_finish: the bins that hold something (whole pieces), what their mass is multiplied by, their
	 * share in the Gini coefficient's sum, and the mass and number of weights of each piece. */
	int begin, end;
	double scale, moment, binned, mass[ORDER_PIECES], number[ORDER_PIECES];
};

/* Weights below this are left to the bins. */
#define ORDER_LARGE 0x1p-8f

/* Once the rest is known. */
void order_finish(struct order *order);

/* Does the mass that is in bins lie in too few of them for the density inside a bin to be a straight line? After order_finish. */
bool order_is_narrow(const struct order *order);

/* Sort weights that are not negative, descending; scratch holds as many. */
void order_sort(float *weight, float *scratch, int64_t count);

/* (2 sum_k k x_(k) / sum x - (n + 1)) / n, ascending; NaN where fewer than two keys are visible. */
double order_gini(const struct order *order);

/* Fewest keys whose weights sum to at least share * sum, less ORDER_SLACK. */
double order_keys(const struct order *order, double share);

#endif
