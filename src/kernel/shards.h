/* SPDX-License-Identifier: MIT */
/*
 * Keys and values on their way round the ring.
 *
 * The keys of a map are cut into chunks, each owned by the rank whose shard it is in. A rank holds the prepared state of its own shard (packed keys, packed
 * values) and a few buffers for chunks of the others; a chunk that has arrived is passed on to the right neighbour at once, while it is being
 * worked on, and its buffer is used again when both are done. Each pass over the keys is one turn: a chunk is sent once by every rank except
 * the one to the left of its owner.
 */
#ifndef ATTNVIZ_KERNEL_SHARDS_H
#define ATTNVIZ_KERNEL_SHARDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "kernel/kernels.h"
#include "kernel/peers.h"
#include "kernel/source.h"

struct chunk {
	int64_t begin, end; /* keys; begin is a multiple of KEY_BLOCK */
	int owner;
	size_t at;          /* its place in the owner's memory */
	size_t key_size, value_size;
};

struct shards {
	struct peers *peers;
	const struct source *source;
	const struct kernels *kernels;
	size_t key_bytes, value_bytes; /* of one key */
	struct chunk *chunk;
	int64_t chunk_count;
	char *own;                     /* state of the chunks that this rank owns */
	size_t buffer_size;
	struct passage *passage;       /* the turn under way */
	pthread_mutex_t lock;
};

/* Can the prepared state of this source be held and sent in parts? */
bool shards_possible(const struct source *source, const struct kernels *kernels);

/* Cut the keys. The state of a map is loaded by shards_load. Works for any number of ranks, 1 included. */
enum err shards_init(struct shards *shards, struct peers *peers, const struct source *source, const struct kernels *kernels, bool with_values,
		     struct err_info *info);
void shards_release(struct shards *shards);

/* Prepare this rank's own shard of a map. No turn may be under way. */
enum err shards_load(struct shards *shards, struct pool *pool, int64_t map, struct err_info *info);

/* Begin a turn over the chunks for which active[chunk] is set, all ranks with the same list. The turn visits them in ascending order. */
enum err shards_begin(struct shards *shards, const bool *active, bool with_values, struct err_info *info);

/* The next chunk of the turn: waits until it is here. NULL after the last. *keys and *values are where the state of key 0 would lie, so that sources
 * and kernels find their place by the number of the key. *waited, where not NULL, is increased by the seconds that it took. */
const struct chunk *shards_take(struct shards *shards, const void **keys, const void **values, double *waited, struct err_info *info);

/* The chunk that was taken is done with. */
void shards_drop(struct shards *shards);

/* Receive and pass on what can be; for the threads that compute, now and then. Returns at once where another thread is at it. */
void shards_progress(struct shards *shards);

/* After the last chunk: wait until all is passed on. What was sent during the turn is added to *messages and *bytes. */
enum err shards_end(struct shards *shards, int64_t *messages, int64_t *bytes, struct err_info *info);

/* Seconds on a clock that only goes forward. */
double shards_clock(void);

#endif
