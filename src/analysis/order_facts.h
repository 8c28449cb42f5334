/* SPDX-License-Identifier: MIT */
/*
 * Are the heads and the tokens of queries, keys or values where the reader thinks? The shapes of (H,N,D) and (N,H,D) say nothing
 * once H and N may be anything; the numbers do: a head has its own mean in each of its dims (biases of the projections), which
 * its tokens share and the other heads do not.
 *
 *   ratio = mean over (head, dim) of the variance over tokens / mean over (token, dim) of the variance over heads
 *
 * is below 1, or little above it where there are no such means (0.007 to 1.24 over 297 tensors of six trained models); the
 * wrong order gives the inverse.
 */
#ifndef ATTNVIZ_ANALYSIS_ORDER_FACTS_H
#define ATTNVIZ_ANALYSIS_ORDER_FACTS_H

#include <stdint.h>

#include "base/error.h"
#include "tensor/tensor.h"

/* Numbers from which the ratio is worth anything. */
enum { ORDER_FACTS_MIN = 256 };

struct order_facts {
	int64_t numbers;
	double over_tokens, over_heads; /* the two means, summed over layers and items */
};

/* Add one layer and item: at most 256 of its tokens and 64 of its heads, evenly spread. Values that are no numbers count as 0.
 * Begin with a zeroed struct. */
enum err order_facts_add(const struct heads *vectors, int64_t layer, int64_t batch, struct order_facts *facts,
			 struct err_info *info);

/* NaN where there are too few numbers, one head, one token, or nothing varies. */
double order_facts_ratio(const struct order_facts *facts);

#endif
