/* SPDX-License-Identifier: MIT */
/*
 * Sinks fed by hand: a source made of a plain matrix, and a driver without speed, threads or kernels of its own, which can
 * hand out tiles with every number of lanes.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_FEED_H
#define ATTNVIZ_TESTS_SUPPORT_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/sink.h"
#include "kernel/source.h"

/* Logits (NORM_SOFTMAX) or weights, row-major maps x queries x keys, and what is visible (NULL: all), queries x keys. Both
 * belong to the caller. */
struct feed_source {
	struct source source;
	const double *score;
	const bool *visible;
};

void feed_source_init(struct feed_source *feed, int64_t maps, int64_t queries, int64_t keys, enum normalisation norm,
		      const double *score, const bool *visible);

struct feed_order {
	int lanes;           /* 1 .. MAX_LANES, a divisor of ITEM_ROWS; 0: 16 */
	const int64_t *row;  /* which queries; NULL: all */
	int64_t row_count;
};

/* Weights are computed in double and rounded to float once. Empty tiles are left out, as the coverage of the source says. */
enum err feed_run(const struct feed_source *feed, struct sink *const *sinks, int sink_count, const struct feed_order *order,
		  struct err_info *info);

/* The weight of one position in double: what a test computes its expectation from. */
double feed_weight(const struct feed_source *feed, int64_t map, int64_t row, int64_t key);

/* Lower-triangular visibility, key <= query + keys - queries. */
void feed_causal(bool *visible, int64_t queries, int64_t keys);

/* Numbers that look random and are the same everywhere, in -1 .. 1. */
double feed_random(uint64_t *state);

#endif
