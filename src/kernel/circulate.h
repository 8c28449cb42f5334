/* SPDX-License-Identifier: MIT */
/*
 * Ring Attention: maps whose keys are spread over the ranks and circulate among them.
 *
 * Each rank takes its share of the row groups (peers->layout) as items of one group each, as many at once as a fixed
 * amount of memory holds: a span. For each span the shards go round once for pass 1 and, where a sink wants tiles, once
 * more for pass 2 with the known log-sum-exp. Shards come in ascending order on every rank (RING_ASCENDING), so that
 * what sinks see of a row is the same, bit for bit, for any number of ranks and without a ring; only what a sink adds up
 * over the rows of an item is cut at other places, by row groups. A shard that no row of the span can see stays where it
 * is.
 *
 * Memory of a rank: its shard, a few chunks, and the span; with P ranks about 1 / P of the prepared state.
 */
#ifndef ATTNVIZ_KERNEL_CIRCULATE_H
#define ATTNVIZ_KERNEL_CIRCULATE_H

#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "kernel/collector.h"
#include "kernel/driver.h"

struct circulation {
	const struct source *source;      /* shards_possible */
	const struct kernels *kernels;
	const struct driver_options *options; /* progress, peers */
	struct pool *pool;
	struct collector *collector;
	const int64_t *maps;              /* the maps, [map_count] */
	int64_t first, map_count;         /* position of maps[0] in the list of the whole run */
	const int64_t *rows;              /* [row_count] */
	int64_t row_count;
};

/* All ranks call it alike. On rank 0 the sinks then have the results. */
enum err circulate(const struct circulation *circulation, struct err_info *info);

#endif
