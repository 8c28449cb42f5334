/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/pool.h"

enum { JOBS = 1000, MOST_THREADS = 8 };

struct count {
	_Atomic int done[JOBS];
	_Atomic int inside[MOST_THREADS];
	_Atomic bool shared, strange;
};

static void pause_briefly(long nanoseconds)
{
	nanosleep(&(struct timespec){ .tv_nsec = nanoseconds }, NULL);
}

static enum err count_job(void *data, int64_t job, int worker)
{
	struct count *count = data;
	if (worker < 0 || worker >= MOST_THREADS || job < 0 || job >= JOBS) {
		count->strange = true;
		return ERR_VALUE;
	}
	if (atomic_fetch_add(&count->inside[worker], 1) != 0)
		count->shared = true;
	atomic_fetch_add(&count->done[job], 1);
	if (job % 100 == 0)
		pause_briefly(20000);
	atomic_fetch_sub(&count->inside[worker], 1);
	return ERR_OK;
}

START_TEST(each_job_is_done_once_by_one_worker_at_a_time)
{
	for (int threads = 1; threads <= MOST_THREADS; threads++) {
		struct pool *pool = pool_new(threads);
		ck_assert_int_eq(pool_threads(pool), threads);
		for (int round = 0; round < 5; round++) {
			struct count *count = mem_zero_array(1, sizeof *count);
			ck_assert_int_eq(pool_run(pool, JOBS, count_job, count), ERR_OK);
			for (int i = 0; i < JOBS; i++)
				ck_assert_int_eq(count->done[i], 1);
			ck_assert(!count->shared && !count->strange);
			free(count);
		}
		pool_free(pool);
	}
}
END_TEST

START_TEST(small_runs_work_too)
{
	struct pool *pool = pool_new(4);
	for (int jobs = 0; jobs < 200; jobs++) {
		struct count *count = mem_zero_array(1, sizeof *count);
		ck_assert_int_eq(pool_run(pool, jobs % 6, count_job, count), ERR_OK);
		for (int i = 0; i < 6; i++)
			ck_assert_int_eq(count->done[i], i < jobs % 6);
		free(count);
	}
	ck_assert_int_eq(pool_run(pool, -1, count_job, NULL), ERR_OK);
	pool_free(pool);
	pool_free(NULL);
}
END_TEST

struct failing {
	_Atomic int64_t last;
};

/* Jobs 40, 45, 50... fail, the later ones sooner. */
static enum err fail_some(void *data, int64_t job, int worker)
{
	struct failing *failing = data;
	(void)worker;
	int64_t last = atomic_load(&failing->last);
	while (job > last && !atomic_compare_exchange_weak(&failing->last, &last, job))
		;
	if (job < 40 || job % 5 != 0)
		return ERR_OK;
	if (job == 40)
		pause_briefly(2000000);
	return job == 40 ? ERR_SHAPE : ERR_VALUE;
}

START_TEST(the_lowest_failure_is_returned_and_ends_the_run)
{
	for (int threads = 1; threads <= MOST_THREADS; threads *= 2) {
		struct pool *pool = pool_new(threads);
		for (int round = 0; round < 10; round++) {
			struct failing failing = { 0 };
			ck_assert_int_eq(pool_run(pool, 1000000, fail_some, &failing), ERR_SHAPE);
			ck_assert_int_lt(failing.last, 1000);
			struct count *count = mem_zero_array(1, sizeof *count);
			ck_assert_int_eq(pool_run(pool, JOBS, count_job, count), ERR_OK);
			free(count);
		}
		pool_free(pool);
	}
}
END_TEST

START_TEST(the_default_keeps_to_the_affinity_mask)
{
	ck_assert_int_ge(pool_default_threads(), 1);
	cpu_set_t mine, one;
	ck_assert_int_eq(sched_getaffinity(0, sizeof mine, &mine), 0);
	ck_assert_int_le(pool_default_threads(), CPU_COUNT(&mine));
	int cpu = 0;
	while (!CPU_ISSET(cpu, &mine))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
	ck_assert_int_eq(pool_default_threads(), 1);
	sched_setaffinity(0, sizeof mine, &mine);
	struct pool *pool = pool_new(-5);
	ck_assert_int_eq(pool_threads(pool), 1);
	pool_free(pool);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("pool");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, each_job_is_done_once_by_one_worker_at_a_time);
	tcase_add_test(tests, small_runs_work_too);
	tcase_add_test(tests, the_lowest_failure_is_returned_and_ends_the_run);
	tcase_add_test(tests, the_default_keeps_to_the_affinity_mask);
	Suite *suite = suite_create("pool");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
