/* SPDX-License-Identifier: MIT */
/*
 * The tile driver: pass 1 for every row (maximum, log-sum-exp, entropy, sum of squares, output), and pass 2 (p = e^(s -
 * lse)) only where a sink asks for tiles. FlashAttention's online softmax (Dao et al. 2022, arXiv 2205.14135) with the
 * sums for the statistics kept beside it; memory grows with queries + keys, never with their product.
 */
#ifndef ATTNVIZ_KERNEL_DRIVER_H
#define ATTNVIZ_KERNEL_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "kernel/peers.h"
#include "kernel/sink.h"
#include "kernel/source.h"

/* Rows per item, at most; short lists of rows are cut finer. A function of the number of rows alone, and a multiple of
 * every table's lanes, so that partial sums are cut at the same places on every machine. */
enum { ITEM_ROWS = 384 };

struct driver_options {
	int threads;                 /* 0: all that there are */
	const struct kernels *kernels; /* NULL: the best */
	const int64_t *maps;         /* which maps, in this order; NULL: all */
	int64_t map_count;
	const int64_t *rows;         /* which queries, ascending; NULL: all */
	int64_t row_count;
	int64_t key_tile;            /* keys a sweep, a multiple of KEY_BLOCK; 0: the driver's choice. Never changes the numbers. */
	int64_t row_tile;            /* queries a sweep, a multiple of the lanes; 0: the driver's choice. Never changes the numbers. */
	size_t prepared_limit;       /* bytes of prepared state held at once; 0: 256 MiB. At least one map is always held. */
	struct peers *peers;         /* the other processes of a distributed run, all of which call driver_run with the same options; NULL: none */
	/* Called now and then on one thread with the share of the work that is done, 0..1. Returning false stops the run
	 * (ERR_INTERRUPTED). May be NULL. */
	bool (*progress)(void *data, double share);
	void *progress_data;
};

enum err driver_run(const struct source *source, struct sink *const *sinks, int sink_count, const struct driver_options *options,
		    struct err_info *info);

#endif
