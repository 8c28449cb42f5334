/* SPDX-License-Identifier: MIT */
/*
 * Ranks as threads of one process, so that what is distributed is tested without MPI. Messages are copied when they are sent, or handed over at the
 * receive, by turns, so that both an eager and a waiting transport are covered.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_THREAD_PEERS_H
#define ATTNVIZ_TESTS_SUPPORT_THREAD_PEERS_H

#include "kernel/peers.h"

/* Run work(peers, data + rank * size) on every rank at once and wait for all. */
void thread_peers_run(int ranks, enum ring_layout layout, size_t chunk_bytes, void (*work)(struct peers *peers, void *data), void *data, size_t size);

#endif
