/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "analysis/sample.h"
#include "support/near.h"
#include "support/suite.h"

START_TEST(a_sample_ascends_without_repeats_and_depends_on_the_seed_alone)
{
	int64_t *rows, *again, *other, taken, differ = 0;
	ck_assert_int_eq(sample_rows(1000, 50, 7, &rows, &taken, NULL), ERR_OK);
	ck_assert_int_eq(sample_rows(1000, 50, 7, &again, &taken, NULL), ERR_OK);
	ck_assert_int_eq(sample_rows(1000, 50, 8, &other, &taken, NULL), ERR_OK);
	ck_assert_int_eq(taken, 50);
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(rows[i], again[i]);
		ck_assert(rows[i] >= 0 && rows[i] < 1000 && (i == 0 || rows[i] > rows[i - 1]));
		differ += rows[i] != other[i];
	}
	ck_assert_int_gt(differ, 25);
	free(rows);
	free(again);
	free(other);
}
END_TEST

/* 20000 samples of 3 out of 10: each row in 6000 of them, each pair in 1333; five standard deviations. */
START_TEST(every_row_and_every_pair_is_equally_likely)
{
	int64_t single[10] = { 0 }, pair[10][10] = { { 0 } };
	for (uint64_t seed = 0; seed < 20000; seed++) {
		int64_t *rows, taken;
		sample_rows(10, 3, seed, &rows, &taken, NULL);
		for (int i = 0; i < 3; i++) {
			single[rows[i]]++;
			for (int j = 0; j < i; j++)
				pair[rows[j]][rows[i]]++;
		}
		free(rows);
	}
	for (int i = 0; i < 10; i++) {
		ASSERT_NEAR((double)single[i] - 6000, 5 * sqrt(20000 * 0.3 * 0.7));
		for (int j = 0; j < i; j++)
			ASSERT_NEAR((double)pair[j][i] - 20000 / 15.0, 5 * sqrt(20000 / 15.0));
	}
}
END_TEST

START_TEST(asking_for_more_takes_all_and_for_none_is_refused)
{
	int64_t *rows, taken;
	struct err_info info = { 0 };
	ck_assert_int_eq(sample_rows(5, 9, 1, &rows, &taken, &info), ERR_OK);
	ck_assert_int_eq(taken, 5);
	ck_assert_int_eq(rows[4], 4);
	free(rows);
	ck_assert_int_eq(sample_rows(5, 0, 1, &rows, &taken, &info), ERR_USAGE);
	ck_assert_ptr_null(rows);
}
END_TEST

START_TEST(the_last_rows_ascend_to_the_end)
{
	int64_t *rows, taken;
	ck_assert_int_eq(sample_last(10, 3, &rows, &taken, NULL), ERR_OK);
	ck_assert_int_eq(taken, 3);
	ck_assert(rows[0] == 7 && rows[1] == 8 && rows[2] == 9);
	free(rows);
}
END_TEST

START_TEST(shares_have_the_interval_of_clopper_and_pearson)
{
	/* Of a population that is as good as infinite: the ends that tables of the binomial distribution give. */
	static const struct { int64_t having, count; double low, high; } table[] = {
		{ 0, 10, 0, 0.30850 }, { 10, 10, 0.69150, 1 }, { 3, 12, 0.05486, 0.57186 }, { 1, 100, 0.000253, 0.05446 }, { 50, 100, 0.39832, 0.60168 },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct interval found = sample_share(table[i].having, table[i].count, 10000000);
		ASSERT_NEAR(found.low - table[i].low, 1e-5);
		ASSERT_NEAR(found.high - table[i].high, 1e-5);
	}
	/* Of a small one: what the sample itself has, and what is left. With 2 of 5 of 8 rows: C(8,5) = 56 samples. */
	struct interval all = sample_share(2, 5, 5), few = sample_share(2, 5, 8);
	ck_assert(all.low == 2.0 / 5 && all.high == 2.0 / 5);
	ck_assert(few.low == 2.0 / 8 && few.high == 5.0 / 8);
}
END_TEST

/* Of populations whose mean lies in few of their values, and of even ones. */
START_TEST(intervals_of_means_hold_them)
{
	enum { POPULATION = 400, SAMPLES = 400 };
	static const int64_t counts[] = { 5, 12, 50, 200 };
	double population[POPULATION], weight[POPULATION], mean = 0, weights = 0;
	for (int64_t i = 0; i < POPULATION; i++) {
		double even = (double)(i * 211 % POPULATION) / POPULATION;
		population[i] = _i == 0 ? i % 40 == 7 : _i == 1 ? i < 8 : _i == 2 ? even : _i == 3 ? pow(even, 20) : 0.3 + 0.01 * even;
		weight[i] = _i == 4 ? (double)(i + 1) / POPULATION : 1;
		mean += population[i] * weight[i];
		weights += weight[i];
	}
	mean /= weights;
	for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
		int held = 0;
		for (uint64_t seed = 0; seed < SAMPLES; seed++) {
			int64_t *rows, taken;
			double value[POPULATION], share[POPULATION];
			struct interval interval;
			sample_rows(POPULATION, counts[c], seed, &rows, &taken, NULL);
			for (int64_t i = 0; i < taken; i++) {
				value[i] = population[rows[i]];
				share[i] = weight[rows[i]];
			}
			ck_assert_int_eq(sample_mean(value, share, taken, POPULATION, &interval, NULL), ERR_OK);
			held += interval.low - 1e-6 <= mean && mean <= interval.high + 1e-6;
			free(rows);
		}
		ck_assert_msg(held >= SAMPLES * 95 / 100, "%d of %d samples of %d hold the mean", held, SAMPLES, (int)counts[c]);
	}
}
END_TEST

START_TEST(intervals_of_means_narrow_as_samples_grow)
{
	double value[1000], before = 1;
	for (int64_t i = 0; i < 1000; i++)
		value[i] = 0.4 + 0.0002 * (double)(i * 379 % 1000);
	for (int64_t count = 10; count <= 1000; count *= 10) {
		struct interval interval;
		ck_assert_int_eq(sample_mean(value, NULL, count, 1000, &interval, NULL), ERR_OK);
		ck_assert(interval.high - interval.low < before / 2);
		before = interval.high - interval.low;
	}
	ck_assert_double_eq(before, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sample");
	TCase *tcase = tcase_create("sample");
	tcase_add_test(tcase, a_sample_ascends_without_repeats_and_depends_on_the_seed_alone);
	tcase_add_test(tcase, every_row_and_every_pair_is_equally_likely);
	tcase_add_test(tcase, asking_for_more_takes_all_and_for_none_is_refused);
	tcase_add_test(tcase, the_last_rows_ascend_to_the_end);
	tcase_add_test(tcase, shares_have_the_interval_of_clopper_and_pearson);
	tcase_add_loop_test(tcase, intervals_of_means_hold_them, 0, 5);
	tcase_add_test(tcase, intervals_of_means_narrow_as_samples_grow);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
