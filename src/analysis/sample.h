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

/* The 97.5 % quantile of Student's t: exact up to 5 degrees of freedom, then the expansion around the normal (Abramowitz &
 * Stegun 26.7.5), within 0.06 %. NaN below 1. */
double sample_t_quantile(int64_t degrees);

#endif
