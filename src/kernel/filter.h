/* SPDX-License-Identifier: MIT */
/*
 * A filter makes the weights of one source from those of another: groups of tokens in place of tokens, tokens left out, absolute values, two directions added.
 *
 * A source whose ops name a filter is a map of weights as they are (NORM_NONE) like any other, of the size that it says itself, and its score64, visible, support
 * and coverage are the definition. In place of fill the filter makes whole row groups: it takes the normalised weights of its inner source tile by tile, at the
 * speed of the kernels, and leaves a strip, from which sinks are served. A filter may stand on another one.
 *
 * Memory: one strip for each thread, keys x lanes floats.
 */
#ifndef ATTNVIZ_KERNEL_FILTER_H
#define ATTNVIZ_KERNEL_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/kernels.h"
#include "kernel/pass.h"
#include "kernel/sink.h"
#include "kernel/source.h"

/* The weights of one row group, all keys. */
struct strip {
	int64_t keys;
	int lanes;
	float *p;        /* [keys][lanes], 64-byte aligned */
	int64_t *filled; /* [blocks of KEY_BLOCK keys]: so many of its first keys are there. What is not there is zero, and not stored. */
};

bool strip_init(struct strip *strip, int64_t keys, int lanes); /* false: out of memory; release it all the same */
void strip_release(struct strip *strip);
void strip_clear(struct strip *strip);

/* Keys [begin, end) are about to be written, or added to: from here on they are there. Those of them, and of the same blocks before them, that were not, become zero where `zero`
 * says so; otherwise only those before `begin` do, and the caller writes the others. */
void strip_touch(struct strip *strip, int64_t begin, int64_t end, bool zero);

/* A row group that is to be made. */
struct made_rows {
	const struct row_group *rows;
	struct strip *strip;
	struct row_stats *stats; /* [rows->count], as of weights: lse is the logarithm of their sum */
};

struct filter_ops {
	/* How many row groups it would make at once; NULL: one. More take more memory, a strip each. */
	int (*together)(const struct source *source, const struct kernels *kernels);

	/* What a thread works with. NULL: out of memory. */
	void *(*open)(const struct source *source, const struct kernels *kernels);
	void (*close)(void *state); /* NULL is fine */

	/* Make row groups of one map, `count` at most as many as it would make together. `prepared` is the state of source->inner, or of the source itself where there
	 * is none. Strips are empty to begin with; without SINK_TILES in `needs` they may stay so. Lanes beyond rows->count are zero. */
	enum err (*rows)(void *state, const struct made_rows *made, int count, const void *prepared, unsigned needs, struct err_info *info);
};

/*
 * The inner side: a filter runs the rows of its inner source through pass 1 of a pass of its own, and takes their weights as they come by.
 */
struct taker {
	void *data;
	/* Before the sums of a block are taken (scores relative to `base` [lanes]; a softmax only): what shall not be among them is set to -INFINITY. Returns whether
	 * anything was. May be NULL. */
	bool (*leave_out)(void *data, int64_t key, int64_t count, float *tile, const float *base);
	/* The weights of a block, in the order of the keys; blocks where nothing is visible are left out. They are still to be multiplied by filter_factor. `fall`: where
	 * the base moved, what all weights before must be multiplied by to be as these are [lanes]; NULL: nothing. NULL: only the statistics are wanted. */
	void (*take)(void *data, int64_t key, int64_t count, const float *tile, const float *fall);
	bool only_sum; /* with take: entropy and sum of squares of the rows are not wanted */
};

/* A pass over `inner` that has no sinks, and one row group. */
struct inner_rows {
	struct pass pass;
	struct group *group; /* the pass's */
};

bool inner_rows_init(struct inner_rows *inner, const struct source *source, const struct kernels *kernels); /* false: out of memory; release it all the same */
void inner_rows_release(struct inner_rows *inner);

/* Pass 1 over all keys of `rows`, into the taker. `rows` must stay where they are; group->stats are set by pass_settle. */
enum err inner_rows_run(struct inner_rows *inner, const struct row_group *rows, const void *prepared, const struct taker *taker, struct err_info *info);

/* What the weights of a lane are multiplied by that were taken relative to `base` (group->state.base at that time); after pass_settle. */
double filter_factor(const struct inner_rows *inner, int lane, float base);

#endif
