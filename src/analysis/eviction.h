/* SPDX-License-Identifier: MIT */
/*
 * What a KV cache of a fixed budget would lose: policies played over the queries in order, each deciding before a query which keys that query may still see, from the
 * weights of the queries before it.
 *
 * A cache holds one set of keys for each key head. Query heads that read the same key head (GQA, MQA) therefore share what a policy keeps: it chooses by
 *
 *   P_j = sum over the query heads h of the group of p_hj
 *
 * and what each of them keeps of its own weight follows. A policy keeps at most `budget` of the m keys from the first that the query sees to the last; what it keeps of
 * the query's weight is its kept mass, and the divergence of the renormalised row from the whole is -ln kept. Keys that a policy dropped may come back: each query is
 * judged by itself, which is an upper bound for caches that forget for good.
 *
 *   sliding    the last `budget` keys
 *   streaming  the first `sinks` that the query sees and the last budget - sinks (Xiao et al. 2023, arXiv 2309.17453)
 *   h2o        the last half, and of the others those whose P, summed over the queries so far, is largest (Zhang et al. 2023, arXiv 2306.14048)
 *   snapkv     the last `observe` keys, and of the others those whose P, summed over the last `observe` queries, is largest after an average over 5 neighbours
 *              (Li et al. 2024, arXiv 2404.14469)
 *   best       the keys of the largest P of this query: no policy keeps more of the group's weight
 *
 * h2o and snapkv have nothing to go by before the first query: such queries do not count for them.
 */
#ifndef ATTNVIZ_ANALYSIS_EVICTION_H
#define ATTNVIZ_ANALYSIS_EVICTION_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/driver.h"

enum eviction_policy { EVICT_SLIDING, EVICT_STREAMING, EVICT_H2O, EVICT_SNAPKV, EVICT_BEST, EVICT_COUNT };

extern const char *const eviction_names[EVICT_COUNT + 1];

struct eviction_request {
	int64_t budget, sinks, observe; /* observe 1 .. queries */
	int64_t measured;               /* the last so many queries are judged; those before only count as history */
};

/* Mean and minimum over the queries that count; NaN where none does. */
struct eviction_kept {
	double kept[EVICT_COUNT], least[EVICT_COUNT];
	int64_t count[EVICT_COUNT];
};

/* Of one query head. */
struct eviction_result {
	struct eviction_kept kept;
	double *mass; /* [keys] weight received, summed over all queries */
	double *last; /* [keys] weights of the last query that sees something */
};

/*
 * The `heads` maps from `first` on, which read one key head. result[head].mass and .last are the caller's arrays, filled here; `group` is what is kept of the weight of
 * all heads together. Memory grows with (observe + heads) x keys, and a buffer of rows.
 */
enum err eviction_run(const struct source *source, int64_t first, int64_t heads, const struct driver_options *options, const struct eviction_request *request,
		      struct eviction_result *result, struct eviction_kept *group, struct err_info *info);

#endif
