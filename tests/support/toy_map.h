/* SPDX-License-Identifier: MIT */
/*
 * One small attention map with its weights in double, as a source.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_TOY_MAP_H
#define ATTNVIZ_TESTS_SUPPORT_TOY_MAP_H

#include "support/feed.h"

struct map {
	struct feed_source feed;
	double *score, *weight; /* [queries][keys] */
	bool *visible;
	int64_t queries, keys;
};

enum { FULL, CAUSAL, HOLES }; /* HOLES: a third is hidden at random, and every seventh query sees nothing */

/* Scores are uniform in -spread .. spread; without a softmax the weights are their exponentials. The queries are the last of
 * the keys. */
void map_init(struct map *map, int64_t queries, int64_t keys, int mask, enum normalisation norm, double spread);
void map_release(struct map *map);

/* Weights anew from the scores. */
void map_weigh(struct map *map);

#endif
