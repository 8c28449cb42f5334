/* SPDX-License-Identifier: MIT */
/*
 * The other processes of a distributed run, as the kernel room sees them: numbered bytes that arrive in order. What carries them (MPI, or threads in the
 * tests) is behind the function pointers.
 *
 * Every rank opens the same inputs and runs the same maps; each computes its share, and rank 0 receives the partial results, merges them in item order and
 * is the only one whose sinks have results.
 */
#ifndef ATTNVIZ_KERNEL_PEERS_H
#define ATTNVIZ_KERNEL_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/ring.h"

enum peers_tag { PEERS_SHARD = 1, PEERS_PARTIAL, PEERS_CHECK };

struct peers;
struct peers_request; /* opaque, of the implementation */

/* Functions may be called by any thread of the rank. Messages from one rank to another with one tag arrive in the order in which they were sent.
 * The bytes belong to the call until the request is done. A rank that is gone ends the run of all ranks: these do not fail. */
struct peers_ops {
	struct peers_request *(*send)(struct peers *peers, int to, enum peers_tag tag, const void *bytes, size_t size);  /* NULL: out of memory */
	struct peers_request *(*receive)(struct peers *peers, int from, enum peers_tag tag, void *bytes, size_t size);   /* NULL: out of memory */
	/* True once, after which the request is gone. Also moves along whatever else is under way. */
	bool (*done)(struct peers *peers, struct peers_request *request);
};

struct peers {
	const struct peers_ops *ops;
	int rank, size;
	enum ring_layout layout;  /* of the queries in a ring, of the items otherwise */
	size_t chunk_bytes;       /* a message of the ring, about; 0: 1 MiB */
	struct ring_trace *trace; /* what the rank did in the rings of the run; NULL: not wanted */
};

/* Wait for a request, a moment at a time. NULL is fine. */
void peers_wait(struct peers *peers, struct peers_request *request);

/* Send or receive all the bytes, of any number, and wait. */
enum err peers_send_all(struct peers *peers, int to, enum peers_tag tag, const void *bytes, size_t size, struct err_info *info);
enum err peers_receive_all(struct peers *peers, int from, enum peers_tag tag, void *bytes, size_t size, struct err_info *info);

/* All ranks give the same number, or every one of them gets ERR_USAGE with "`what` differ between the ranks". */
enum err peers_agree(struct peers *peers, uint64_t number, const char *what, struct err_info *info);

/* Sleep a moment: processors may be shared with the rank that is waited for. */
void peers_pause(void);

#endif
