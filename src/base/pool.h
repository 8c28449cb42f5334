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

/*
 * A turnstile makes concurrent jobs do one step in order of their numbers: turnstile_wait(t, n) returns when all of
 * 0..n-1 have passed (true), or when the turnstile was broken (false); turnstile_pass(t, n) lets n + 1 in. Merging partial sums
 * behind a turnstile gives the same bits for any number of threads.
 */
struct turnstile; /* opaque */
struct turnstile *turnstile_new(void);
void turnstile_free(struct turnstile *turnstile);
_Bool turnstile_wait(struct turnstile *turnstile, int64_t number);
void turnstile_pass(struct turnstile *turnstile, int64_t number);
void turnstile_break(struct turnstile *turnstile); /* wake all waiters: the run has failed */

#endif
