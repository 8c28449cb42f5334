/* SPDX-License-Identifier: MIT */
#include "base/pool.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct worker {
	struct pool *pool;
	int number;
	pthread_t thread;
};

struct pool {
	int threads;
	struct worker *worker; /* worker[0] is the caller and has no thread */
	pthread_mutex_t lock;
	pthread_cond_t start, idle;
	uint64_t round;        /* counts pool_run calls: a worker joins each once */
	int busy;
	bool leaving;

	pool_work *work;
	void *data;
	int64_t jobs;
	_Atomic int64_t next;
	_Atomic bool stop;
	int64_t failed_job;
	enum err failure;
};

/* Every job below a failed one has been handed out already, since they go out in order; so the lowest failure is always
 * seen, and the smallest number wins whoever reports first. */
static void note_failure(struct pool *pool, int64_t job, enum err failure)
{
	atomic_store(&pool->stop, true);
	pthread_mutex_lock(&pool->lock);
	if (pool->failure == ERR_OK || job < pool->failed_job) {
		pool->failure = failure;
		pool->failed_job = job;
	}
	pthread_mutex_unlock(&pool->lock);
}

static void work_through(struct pool *pool, int worker)
{
	while (!atomic_load(&pool->stop)) {
		int64_t job = atomic_fetch_add(&pool->next, 1);
		if (job >= pool->jobs)
			return;
		enum err failure = pool->work(pool->data, job, worker);
		if (failure != ERR_OK)
			note_failure(pool, job, failure);
	}
}

static void *worker_main(void *argument)
{
	struct worker *self = argument;
	struct pool *pool = self->pool;
	uint64_t seen = 0;
	pthread_mutex_lock(&pool->lock);
	for (;;) {
		while (pool->round == seen && !pool->leaving)
			pthread_cond_wait(&pool->start, &pool->lock);
		if (pool->leaving)
			break;
		seen = pool->round;
		pthread_mutex_unlock(&pool->lock);
		work_through(pool, self->number);
		pthread_mutex_lock(&pool->lock);
		if (--pool->busy == 0)
			pthread_cond_signal(&pool->idle);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Signals stay with the thread that called, which may hold them back while a file is half registered for removal; but a fault is of
 * the thread that makes it, and where it is blocked no handler runs. */
static void start_workers(struct pool *pool, int threads)
{
	static const int fault[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT };
	sigset_t all, before;
	sigfillset(&all);
	for (size_t i = 0; i < sizeof fault / sizeof fault[0]; i++)
		sigdelset(&all, fault[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool->threads < threads) {
		struct worker *worker = &pool->worker[pool->threads];
		*worker = (struct worker){ .pool = pool, .number = pool->threads };
		if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
			break;
		pool->threads++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *pool_new(int threads)
{
	if (threads < 1)
		threads = 1;
	struct pool *pool = mem_zero_array(1, sizeof *pool);
	if (!pool)
		return NULL;
	pool->worker = mem_zero_array((size_t)threads, sizeof *pool->worker);
	if (!pool->worker) {
		free(pool);
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->start, NULL);
	pthread_cond_init(&pool->idle, NULL);
	pool->threads = 1;
	start_workers(pool, threads);
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->leaving = true;
	pthread_cond_broadcast(&pool->start);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 1; i < pool->threads; i++)
		pthread_join(pool->worker[i].thread, NULL);
	pthread_cond_destroy(&pool->idle);
	pthread_cond_destroy(&pool->start);
	pthread_mutex_destroy(&pool->lock);
	free(pool->worker);
	free(pool);
}

int pool_threads(const struct pool *pool)
{
	return pool->threads;
}

enum err pool_run(struct pool *pool, int64_t jobs, pool_work *work, void *data)
{
	if (jobs <= 0)
		return ERR_OK;
	bool alone = pool->threads == 1 || jobs == 1;
	pthread_mutex_lock(&pool->lock);
	pool->work = work;
	pool->data = data;
	pool->jobs = jobs;
	pool->failure = ERR_OK;
	atomic_store(&pool->next, 0);
	atomic_store(&pool->stop, false);
	if (!alone) {
		pool->busy = pool->threads - 1;
		pool->round++;
		pthread_cond_broadcast(&pool->start);
	}
	pthread_mutex_unlock(&pool->lock);

	work_through(pool, 0);

	pthread_mutex_lock(&pool->lock);
	while (pool->busy > 0)
		pthread_cond_wait(&pool->idle, &pool->lock);
	enum err failure = pool->failure;
	pthread_mutex_unlock(&pool->lock);
	return failure;
}

/* Processors in the affinity mask; the mask of a large machine does not fit the fixed cpu_set_t. */
static int affinity_count(void)
{
	for (int room = 1024; room <= 1 << 20; room *= 2) {
		cpu_set_t *set = CPU_ALLOC((size_t)room);
		if (!set)
			return 1;
		size_t bytes = CPU_ALLOC_SIZE((size_t)room);
		bool fits = sched_getaffinity(0, bytes, set) == 0;
		int count = fits ? CPU_COUNT_S(bytes, set) : 0;
		CPU_FREE(set);
		if (fits)
			return count > 0 ? count : 1;
	}
	return 1;
}

/* "max 100000" or "150000 100000": quota and period in microseconds. */
static double quota_of(const char *folder)
{
	char path[4200];
	snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", folder);
	FILE *file = fopen(path, "re");
	if (!file)
		return INFINITY;
	double quota, period;
	int fields = fscanf(file, "%lf %lf", &quota, &period);
	fclose(file);
	return fields == 2 && quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* The path of this process in cgroup v2: the line "0::/path" of /proc/self/cgroup. */
static bool cgroup_path(char *path, size_t room)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	if (!file)
		return false;
	char line[4096];
	bool found = false;
	while (!found && fgets(line, sizeof line, file))
		found = strncmp(line, "0::/", 4) == 0;
	fclose(file);
	if (found)
		snprintf(path, room, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
	return found;
}

/* A quota anywhere above the process binds it. */
static double cgroup_quota(void)
{
	char path[4096];
	if (!cgroup_path(path, sizeof path))
		return INFINITY;
	double least = INFINITY;
	for (char *cut = path + strlen(path); cut; cut = strrchr(path, '/')) {
		*cut = '\0';
		least = fmin(least, quota_of(path));
	}
	return least;
}

int pool_default_threads(void)
{
	int count = affinity_count();
	double quota = ceil(cgroup_quota());
	return quota < count ? (int)quota : count;
}
