/*
 * What a KV cache of a fixed budget would lose: policies played over the queries in order, each deciding before a query which keys that query may still see, from the
 * weights of the queries before it.
 *
 * A policy keeps at most `budget` of the m keys that are visible to the query; what it keeps of the query's weight is its kept mass, and the divergence of the
 * renormalised row from the whole is -ln kept. Keys that a policy dropped may come back: each query is judged by itself, which is an upper bound for caches that
 * forget for good.
 *
 *   sliding    the last `budget` keys
 *   streaming  the first `sinks` and the last budget - sinks (Xiao et al. 2023, arXiv 2309.17453)
 *   h2o        the last half, and of the others those that have received most weight so far (Zhang et al. 2023, arXiv 2306.14048)
 *   snapkv     the last `observe` keys, and of the others those to which the last `observe` queries gave most, after an average over 5 neighbours
 *              (Li et al. 2024, arXiv 2404.14469)
 *   best       the keys that this query gives most: no policy keeps more
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

struct eviction_result {
	double kept[EVICT_COUNT], least[EVICT_COUNT]; /* mean and minimum over the queries that count */
	int64_t count[EVICT_COUNT];
	double *mass; /* [keys] weight received, summed over all queries */
	double *last; /* [keys] weights of the last query that sees something */
};

/* One map; memory grows with observe x keys. mass and last are the caller's arrays, filled here. */
enum err eviction_run(const struct source *source, int64_t map, const struct driver_options *options, const struct eviction_request *request,
		      struct eviction_result *result, struct err_info *info);

#endif
