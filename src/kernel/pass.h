/*
 * The two passes over the rows of one item. A worker owns one struct pass and runs items through it; nothing in here is shared.
 */
#ifndef ATTNVIZ_KERNEL_PASS_H
#define ATTNVIZ_KERNEL_PASS_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/driver.h"
#include "kernel/prepared.h"
#include "kernel/sink.h"

/* State of one row group between its key blocks. */
struct group {
	struct row_group rows;
	void *loaded;                 /* of the source, or the scores of a source without fill */
	double *output;               /* [width][lanes], unnormalised; NULL without SINK_OUTPUT */
	struct softmax_state state;
	struct row_stats stats[MAX_LANES];
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
	float *tile;
	float *output;                /* [lanes][width], what sinks see */
	const void *keys, *values;    /* prepared state of the item's map */
};

/* The numbers do not depend on key_tile and row_tile, which only say what stays in which cache. */
enum err pass_init(struct pass *pass, const struct source *source, const struct kernels *kernels, const struct prepared *prepared,
		   struct sink *const *sinks, int sink_count, int64_t row_tile, int64_t key_tile, struct err_info *info);
void pass_release(struct pass *pass);

/* Run the rows of an item through both passes into partial[sink]. `stop` is looked at once a row group: ERR_INTERRUPTED. */
enum err pass_item(struct pass *pass, const struct item *item, void *const *partial, const _Atomic int *stop, struct err_info *info);

#endif
