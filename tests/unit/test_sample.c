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

START_TEST(quantiles_are_those_of_the_tables)
{
	static const struct { int64_t degrees; double t; } table[] = {
		{ 1, 12.7062 }, { 2, 4.30265 }, { 4, 2.77645 }, { 6, 2.44691 }, { 10, 2.22814 }, { 30, 2.04227 }, { 100, 1.98397 }, { 1000000, 1.95996 },
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		ASSERT_NEAR(sample_t_quantile(table[i].degrees) / table[i].t - 1, 6e-4);
	ck_assert(isnan(sample_t_quantile(0)));
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
	tcase_add_test(tcase, quantiles_are_those_of_the_tables);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
