/* SPDX-License-Identifier: MIT */
/* Results are merged in the order of their numbers, whoever is done first. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "base/pool.h"
#include "kernel/merge_order.h"
#include "support/suite.h"

enum { JOBS = 500, MOST_THREADS = 8, MOST_OWN = 4 };

struct run {
	struct merge_order order;
	struct partials own[MOST_THREADS][MOST_OWN];
	double result[MOST_THREADS][MOST_OWN];
	void *place[MOST_THREADS][MOST_OWN];
	int count;
	int64_t slow, fails; /* every slow-th job is slow; this step fails */
	double sum;
	int64_t merged;
};

static enum err add(void *data, const struct partials *partials)
{
	struct run *run = data;
	ck_assert_int_eq(partials->number, run->merged);
	if (partials->number == run->fails)
		return ERR_VALUE;
	run->merged++;
	run->sum += *(double *)partials->of[0];
	return ERR_OK;
}

static enum err work(void *data, int64_t job, int worker)
{
	struct run *run = data;
	struct partials *partials = merge_order_take(&run->order, run->own[worker], run->count);
	partials->number = job;
	if (job % run->slow == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	*(double *)partials->of[0] = exp(sin((double)job));
	return merge_order_hand_in(&run->order, partials);
}

static struct run *run_new(int threads, int count)
{
	struct run *run = mem_zero_array(1, sizeof *run);
	for (int i = 0; i < threads; i++)
		for (int k = 0; k < count; k++) {
			run->place[i][k] = &run->result[i][k];
			run->own[i][k].of = &run->place[i][k];
		}
	run->count = count;
	run->slow = 7;
	run->fails = -1;
	ck_assert_int_eq(merge_order_init(&run->order, threads, count, add, run, NULL), ERR_OK);
	return run;
}

static void run_free(struct run *run)
{
	merge_order_release(&run->order);
	free(run);
}

START_TEST(sums_have_the_same_bits_for_any_number_of_threads_and_results_that_wait)
{
	double alone = 0;
	for (int i = 0; i < JOBS; i++)
		alone += exp(sin((double)i));
	for (int threads = 1; threads <= MOST_THREADS; threads++) {
		struct pool *pool = pool_new(threads);
		for (int count = 1; count <= MOST_OWN; count++) {
			struct run *run = run_new(threads, count);
			merge_order_start(&run->order);
			ck_assert_int_eq(pool_run(pool, JOBS, work, run), ERR_OK);
			ck_assert_int_eq(run->merged, JOBS);
			ck_assert(run->sum == alone);
			run_free(run);
		}
		pool_free(pool);
	}
}
END_TEST

START_TEST(a_step_that_fails_lets_nobody_wait_for_ever)
{
	for (int threads = 1; threads <= MOST_THREADS; threads *= 2) {
		struct pool *pool = pool_new(threads);
		for (int count = 1; count <= MOST_OWN; count++) {
			struct run *run = run_new(threads, count);
			run->fails = 20;
			run->slow = 5;
			ck_assert_int_eq(pool_run(pool, JOBS, work, run), ERR_VALUE);
			ck_assert_int_eq(run->merged, 20);
			run_free(run);
		}
		pool_free(pool);
	}
}
END_TEST

START_TEST(a_thread_with_room_goes_on_while_an_item_before_its_own_is_not_done)
{
	struct run *run = run_new(2, MOST_OWN);
	struct partials *first = merge_order_take(&run->order, run->own[0], MOST_OWN);
	first->number = 0;
	for (int job = 1; job <= MOST_OWN; job++) {
		struct partials *later = merge_order_take(&run->order, run->own[1], MOST_OWN);
		later->number = job;
		*(double *)later->of[0] = 1;
		ck_assert_int_eq(merge_order_hand_in(&run->order, later), ERR_OK);
		ck_assert_int_eq(run->merged, 0);
	}
	*(double *)first->of[0] = 1;
	ck_assert_int_eq(merge_order_hand_in(&run->order, first), ERR_OK);
	ck_assert_int_eq(run->merged, MOST_OWN + 1);
	ck_assert(run->sum == MOST_OWN + 1);
	run_free(run);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("merge order");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, sums_have_the_same_bits_for_any_number_of_threads_and_results_that_wait);
	tcase_add_test(tests, a_step_that_fails_lets_nobody_wait_for_ever);
	tcase_add_test(tests, a_thread_with_room_goes_on_while_an_item_before_its_own_is_not_done);
	Suite *suite = suite_create("merge_order");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
