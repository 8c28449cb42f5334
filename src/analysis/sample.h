/* SPDX-License-Identifier: MIT */
/*
 * Rows chosen out of many: a random sample, or the last ones.
 */
#ifndef ATTNVIZ_ANALYSIS_SAMPLE_H
#define ATTNVIZ_ANALYSIS_SAMPLE_H

#include <stdint.h>

#include "base/error.h"

/* `count` of 0 .. population - 1 without replacement, each set equally likely, ascending. The same seed gives the same rows on
 * every machine (selection sampling: Knuth, The Art of Computer Programming 2, 3.4.2 S; SplitMix64: Steele, Lea & Flood 2014).
 * count above population takes all. *rows is the caller's (free), *taken its length. */
enum err sample_rows(int64_t population, int64_t count, uint64_t seed, int64_t **rows, int64_t *taken, struct err_info *info);

/* The last `count` rows, likewise. */
enum err sample_last(int64_t population, int64_t count, int64_t **rows, int64_t *taken, struct err_info *info);

/* From low to high. */
struct interval {
	double low, high;
};

/*
 * 95 % intervals for what rows of a finite population have in common, from `count` of its `population` rows chosen at random. They hold what
 * they say for every population, however rare what matters is: neither assumes a normal distribution.
 */

/* The share of rows that have a property, of which the sample has `having`: the shares under which neither so many nor so few would have
 * less than 2.5 % probability (Clopper & Pearson 1934, for the hypergeometric distribution). */
struct interval sample_share(int64_t having, int64_t count, int64_t population);

/*
 * The mean of values between 0 and 1, or their mean by weights between 0 and 1 (NULL: all 1), value and weight in any order that does not
 * depend on them; they are shuffled first. The means are those against which nobody who bets on the values, one after the other, would have
 * won 40 times his stake (Waudby-Smith & Ramdas 2024, J. R. Stat. Soc. B 86, 1-27: hedged capital without replacement, c = 0.9). ERR_NOMEM.
 */
enum err sample_mean(const double *value, const double *weight, int64_t count, int64_t population, struct interval *interval, struct err_info *info);

#endif
