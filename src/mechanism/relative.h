/* SPDX-License-Identifier: MIT */
/*
 * Biases that depend on the distance between query and key: ALiBi and T5's buckets. They are computed inside the tile; nothing of n x n is stored.
 */
#ifndef ATTNVIZ_MECHANISM_RELATIVE_H
#define ATTNVIZ_MECHANISM_RELATIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "mechanism/position_args.h"

/*
 * Slopes of ALiBi (Press et al. 2021, arXiv 2108.12409) for `heads` heads: 2^(-8 h / n), h = 1 .. n, for a power of two; else those of the next lower power
 * c, followed by every second one of 2 c. The bias is -slope |query position - key position|.
 */
void alibi_slopes(int64_t heads, double *slope);

/*
 * T5's bucket (Raffel et al. 2020, arXiv 1910.10683) of a relative position, key minus query. Logarithms are taken in float32, in the order of the reference: in double some
 * distances fall into another bucket. Two-sided, half of the buckets are for keys after the query. buckets >= 2 (4 two-sided), max_distance > exact buckets.
 */
int64_t t5_bucket(int64_t relative, bool two_sided, int64_t buckets, int64_t max_distance);

struct relative {
	int64_t heads;
	double *slope;        /* [heads] of ALiBi; NULL: none */
	double *curve;        /* [heads][2 reach + 1] bias of the relative positions -reach .. reach, beyond which it stays; NULL: none */
	int64_t reach;
};

/* The biases that args ask for, times `factor`. `causal` says which buckets T5_BY_MASK means. */
enum err relative_init(struct relative *relative, const struct position_args *args, int64_t heads, bool causal, double factor, struct err_info *info);
void relative_release(struct relative *relative); /* works on a zeroed struct */
bool relative_is_empty(const struct relative *relative);

/* The bias of one key for one query of a head, natural units. */
double relative_bias(const struct relative *relative, int64_t head, int64_t query_position, int64_t key_position);

/* tile[k * lanes + lane] += factor * bias, for `count` keys and `rows` queries. */
void relative_add(const struct relative *relative, int64_t head, const int64_t *query_position, int rows, int lanes, const int64_t *key_position, int64_t count,
		  double factor, float *tile);

#endif
