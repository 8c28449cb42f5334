/* SPDX-License-Identifier: MIT */
/*
 * Partial results on their way to rank 0, which merges them in item order.
 *
 * A rank that is ahead keeps what it has to send, up to a limit, and goes on computing.
 */
#ifndef ATTNVIZ_KERNEL_COLLECTOR_H
#define ATTNVIZ_KERNEL_COLLECTOR_H

#include <stddef.h>

#include "base/error.h"
#include "kernel/peers.h"
#include "kernel/sink.h"

struct collector {
	struct peers *peers;
	struct sink *const *sinks;
	int sink_count;
	size_t *size;       /* [sink_count], of a whole partial */
	void **received;    /* rank 0: one partial a sink */
	struct parcel *parcel; /* other ranks: what is being sent, oldest first */
	size_t parcels, capacity;
	size_t bytes;
};

enum err collector_init(struct collector *collector, struct peers *peers, const struct source *source, const struct kernels *kernels,
			struct sink *const *sinks, int sink_count, struct err_info *info);
void collector_release(struct collector *collector);

/* Bytes of the partial results of an item that are sent. */
size_t collector_size(const struct collector *collector, const struct item *item);

/* Rank 0: merge an item of its own, or receive one from `rank` and merge it. */
void collector_merge(struct collector *collector, const struct item *item, void *const *partial);
enum err collector_receive(struct collector *collector, int rank, const struct item *item, struct err_info *info);

/* Other ranks: send the partial results of an item, which may be used again afterwards; and wait until all are gone. */
enum err collector_send(struct collector *collector, const struct item *item, void *const *partial, struct err_info *info);
void collector_flush(struct collector *collector);

#endif
