/* SPDX-License-Identifier: MIT */
/*
 * Partial results are merged in the order of their items, so that sums have the same bits for any number of threads; and no
 * thread waits for an item before its own, as long as it has other memory to put the next one's results into.
 */
#ifndef ATTNVIZ_KERNEL_MERGE_ORDER_H
#define ATTNVIZ_KERNEL_MERGE_ORDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/sink.h"

/* The results of one item. */
struct partials {
	void **of; /* one a sink */
	struct item item;
	int64_t number;
	bool taken;
};

/* Called for one after the other in order of their numbers, by one thread at a time. */
typedef enum err merge_step(void *data, const struct partials *partials);

struct merge_order {
	pthread_mutex_t lock;
	pthread_cond_t freed;
	struct partials **done; /* number % room: handed in, and not yet merged */
	int64_t room, next;
	const struct partials *merging; /* NULL: nobody merges */
	bool broken;
	merge_step *step;
	void *data;
};

/* Of `threads` threads with `count` partials each. */
enum err merge_order_init(struct merge_order *order, int threads, int count, merge_step *step, void *data, struct err_info *info);
void merge_order_release(struct merge_order *order); /* works on a zeroed struct */

/* Numbers begin at 0 (again). */
void merge_order_start(struct merge_order *order);

/* One of the caller's own `count` partials that is free, waiting for it where there is none. A thread must take its partials
 * in the order of the numbers that it will give them. Once the order is broken nothing is merged any more, and any will do. */
struct partials *merge_order_take(struct merge_order *order, struct partials *own, int count);

/* Hand in what belongs to partials->number, and merge what is due. An error is that of a step, and breaks the order. */
enum err merge_order_hand_in(struct merge_order *order, struct partials *partials);
void merge_order_break(struct merge_order *order);

#endif
