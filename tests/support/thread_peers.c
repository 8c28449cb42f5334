/* SPDX-License-Identifier: MIT */
#include "support/thread_peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "support/near.h"

struct peers_request {
	struct peers_request *next; /* in the list of those that wait for their counterpart, oldest first */
	int from, to;
	enum peers_tag tag;
	bool sends, matched, owns; /* owns: bytes are a copy */
	void *bytes;
	size_t size;
};

struct network {
	pthread_mutex_t lock;
	struct peers_request *waiting;
	int sent;
};

struct thread_peers {
	struct peers peers;
	struct network *network;
	pthread_t thread;
	void (*work)(struct peers *peers, void *data);
	void *data;
};

static struct network *network_of(struct peers *peers)
{
	return ((struct thread_peers *)peers)->network;
}

/* Hand the bytes of a send to a receive. */
static void deliver(struct peers_request *send, struct peers_request *receive)
{
	ASSERT_SAME(send->size, receive->size);
	memcpy(receive->bytes, send->bytes, send->size);
	receive->matched = true;
	if (send->owns) {
		free(send->bytes);
		free(send);
	} else {
		send->matched = true;
	}
}

static void match(struct network *network, struct peers_request *request)
{
	struct peers_request **link = &network->waiting;
	for (; *link; link = &(*link)->next) {
		struct peers_request *other = *link;
		if (other->sends == request->sends || other->from != request->from || other->to != request->to || other->tag != request->tag)
			continue;
		*link = other->next;
		deliver(request->sends ? request : other, request->sends ? other : request);
		return;
	}
	request->next = NULL;
	*link = request;
}

static struct peers_request *post(struct peers *peers, bool sends, int from, int to, enum peers_tag tag, void *bytes, size_t size)
{
	struct network *network = network_of(peers);
	struct peers_request *request = malloc(sizeof *request), *copy = NULL;
	*request = (struct peers_request){ .from = from, .to = to, .tag = tag, .sends = sends, .bytes = bytes, .size = size };
	pthread_mutex_lock(&network->lock);
	if (sends && network->sent++ % 2) {
		copy = malloc(sizeof *copy);
		*copy = *request;
		copy->owns = true;
		copy->bytes = malloc(size);
		memcpy(copy->bytes, bytes, size);
		request->matched = true;
	}
	match(network, copy ? copy : request);
	pthread_mutex_unlock(&network->lock);
	return request;
}

static struct peers_request *send(struct peers *peers, int to, enum peers_tag tag, const void *bytes, size_t size)
{
	return post(peers, true, peers->rank, to, tag, (void *)(uintptr_t)bytes, size);
}

static struct peers_request *receive(struct peers *peers, int from, enum peers_tag tag, void *bytes, size_t size)
{
	return post(peers, false, from, peers->rank, tag, bytes, size);
}

static bool done(struct peers *peers, struct peers_request *request)
{
	struct network *network = network_of(peers);
	pthread_mutex_lock(&network->lock);
	bool matched = request->matched;
	pthread_mutex_unlock(&network->lock);
	if (matched)
		free(request);
	return matched;
}

static const struct peers_ops thread_ops = { send, receive, done };

static void *run_rank(void *data)
{
	struct thread_peers *rank = data;
	rank->work(&rank->peers, rank->data);
	return NULL;
}

void thread_peers_run(int ranks, enum ring_layout layout, size_t chunk_bytes, void (*work)(struct peers *peers, void *data), void *data, size_t size)
{
	struct network network = { .lock = PTHREAD_MUTEX_INITIALIZER };
	struct thread_peers *rank = calloc((size_t)ranks, sizeof *rank);
	for (int i = 0; i < ranks; i++) {
		rank[i] = (struct thread_peers){ .peers = { .ops = &thread_ops, .rank = i, .size = ranks, .layout = layout, .chunk_bytes = chunk_bytes },
						 .network = &network, .work = work, .data = (char *)data + (size_t)i * size };
		ck_assert_int_eq(pthread_create(&rank[i].thread, NULL, run_rank, &rank[i]), 0);
	}
	for (int i = 0; i < ranks; i++)
		pthread_join(rank[i].thread, NULL);
	ck_assert_ptr_null(network.waiting);
	free(rank);
}
