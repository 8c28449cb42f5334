/* SPDX-License-Identifier: MIT */
/*
 * Threads that work through numbered jobs.
 */
#ifndef ATTNVIZ_BASE_POOL_H
#define ATTNVIZ_BASE_POOL_H

#include <stdint.h>

#include "base/error.h"

struct pool; /* opaque */

/* `threads` >= 1 workers, the calling thread being one of them. NULL when out of memory; a thread that cannot be started
 * only makes the pool smaller. */
struct pool *pool_new(int threads);
void pool_free(struct pool *pool);
int pool_threads(const struct pool *pool);

/* Processors that this process may run on (sched_getaffinity and the cgroup's quota), at least 1. */
int pool_default_threads(void);

/* Call work(data, job, worker) for each job in 0..jobs-1, handed out in ascending order; worker is in 0..threads-1 and no two
 * concurrent calls share one. Returns when all are done. A job that returns an error stops the handing out; the error of the
 * lowest-numbered failed job is returned, whatever the timing. */
typedef enum err pool_work(void *data, int64_t job, int worker);
enum err pool_run(struct pool *pool, int64_t jobs, pool_work *work, void *data);

#endif
