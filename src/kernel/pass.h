/* SPDX-License-Identifier: MIT */
/*
 * The two passes over the rows of one item. A worker owns one struct pass and runs items through it; nothing in here is shared.
 */
#ifndef ATTNVIZ_KERNEL_PASS_H
#define ATTNVIZ_KERNEL_PASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/driver.h"
#include "kernel/prepared.h"
#include "kernel/sink.h"

struct strip;
struct taker;

/* State of one row group between its key blocks. */
struct group {
	struct row_group rows;
	void *loaded;                 /* of the source, or the scores of a source without fill */
	double *output;               /* [width][lanes], unnormalised; NULL without SINK_OUTPUT */
	struct softmax_state state;
	double beside[MAX_LANES];     /* natural logarithm of what the sums do not hold but weights are divided by, where has_beside: tokens that a filter leaves out */
	bool has_beside;
	struct strip *strip;          /* what the filter of the source makes; NULL: it has none */
	struct row_stats stats[MAX_LANES];
};

/* Two tiles: the exponentials of one are taken while the other is multiplied. */
struct scratch {
	struct fold fold;
	struct weave weave;
	_Alignas(64) float tile[2][KEY_BLOCK * MAX_LANES];
};

struct pass {
	const struct source *source;
	const struct kernels *kernels;
	const struct prepared *prepared;
	struct sink *const *sinks;
	int sink_count;
	unsigned needs;               /* of all sinks together */
	int64_t key_tile;             /* keys a sweep of pass 1 */
	int64_t group_count;          /* row groups that sweep together */
	struct group *group;
	struct scratch *scratch;
	float *output;                /* [lanes][width], what sinks see */
	const void *keys, *values;    /* prepared state of the item's map */
	void *filter;                 /* state of the source's filter; NULL: it has none */
	const struct taker *taker;    /* who takes the weights of pass 1: a filter, whose pass this is; NULL: nobody */
};

/* The numbers do not depend on key_tile and row_tile, which only say what stays in which cache. */
enum err pass_init(struct pass *pass, const struct source *source, const struct kernels *kernels, const struct prepared *prepared,
		   struct sink *const *sinks, int sink_count, int64_t row_tile, int64_t key_tile, struct err_info *info);
void pass_release(struct pass *pass);

/* Run the rows of an item through both passes into partial[sink]. `stop` is looked at once a row group: ERR_INTERRUPTED. */
enum err pass_item(struct pass *pass, const struct item *item, void *const *partial, const _Atomic int *stop, struct err_info *info);

/*
 * The steps of pass_item one by one, for rows whose keys come in parts: load, sweep over each part in ascending order,
 * settle, scan each part, hand out. pass->keys and pass->values must hold the part; groups belong to the caller, and may
 * be in the hands of one thread at a time.
 */
bool pass_group_init(const struct pass *pass, struct group *group); /* false: out of memory; release it all the same */
void pass_group_release(struct group *group);
size_t pass_group_size(const struct pass *pass);
enum err pass_make(const struct pass *pass, struct group *group, int64_t groups, struct err_info *info); /* in place of load, where the source has a filter */
enum err pass_load(const struct pass *pass, struct group *group, struct err_info *info); /* group->rows is set */
enum err pass_sweep(const struct pass *pass, struct group *group, int64_t begin, int64_t end, struct err_info *info);
void pass_settle(const struct pass *pass, struct group *group);
enum err pass_scan(const struct pass *pass, const struct item *item, int64_t lane0, const struct group *group, int64_t begin, int64_t end,
		   void *const *partial, struct err_info *info);
/* Statistics of a row of weights that is no softmax, from their sums. */
struct row_stats pass_weight_stats(const struct source *source, const struct softmax_state *state, int lane);
double pass_weight_factor(const struct source *source, double sum); /* what the weights of a row that is no softmax are multiplied by */
void pass_hand_out(const struct pass *pass, const struct item *item, int64_t lane0, const struct group *group, void *const *partial);

#endif
