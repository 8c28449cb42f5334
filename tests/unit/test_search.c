/* SPDX-License-Identifier: MIT */
/* What tells which settings made weights: their zeros, the logarithms within a row, the sums of the rows, and how they are stored. */
#include <math.h>
#include <string.h>

#include "analysis/deviation.h"
#include "analysis/logit_fit.h"
#include "analysis/pair_sample.h"
#include "analysis/weights_support.h"
#include "support/near.h"
#include "support/suite.h"

/*
 * Zeros.
 */

enum { TOKENS = 24, ITEMS = 2 };

/* Which keys a query sees: begin <= j <= i + diagonal, and within `left` of it or its chunk, or among the first. */
struct truth {
	int64_t keys, diagonal, left, chunk, keep;
	int64_t begin[ITEMS], end[ITEMS];
	bool causal, uniform;
};

static void extents_of(const struct truth *truth, struct row_extent *extent)
{
	for (int64_t i = 0; i < ITEMS * TOKENS; i++) {
		double weight[64] = { 0 };
		int64_t batch = i / TOKENS, row = i % TOKENS, at = row + truth->diagonal, seen = 0;
		for (int64_t key = truth->begin[batch]; key < truth->end[batch]; key++) {
			bool near = (truth->left < 0 || key >= at - truth->left) && (!truth->chunk || key >= at - at % truth->chunk);
			bool kept = key < truth->begin[batch] + truth->keep;
			weight[key] = (near || kept) && (!truth->causal || key <= at) ? 0.25 + 0.01 * (double)((7 * key + row) % 5) : 0;
			seen += weight[key] > 0;
		}
		for (int64_t key = 0; !seen && truth->uniform && key < truth->keys; key++)
			weight[key] = 1 / (double)truth->keys;
		extent[i] = (struct row_extent){ .batch = batch, .row = row };
		row_extent_read(weight, truth->keys, &extent[i]);
	}
}

static const struct truth truths[] = {
	{ TOKENS, 0, -1, 0, 0, { 0, 0 }, { TOKENS, TOKENS }, false, false },
	{ TOKENS, 0, -1, 0, 0, { 0, 0 }, { TOKENS, TOKENS }, true, false },
	{ TOKENS, 0, 5, 0, 0, { 0, 0 }, { TOKENS, TOKENS }, true, false },
	{ TOKENS, 0, -1, 6, 0, { 0, 0 }, { TOKENS, TOKENS }, true, false },
	{ TOKENS, 0, 4, 0, 3, { 0, 0 }, { TOKENS, TOKENS }, true, false },
	{ TOKENS, 0, -1, 0, 0, { 2, 7 }, { TOKENS, TOKENS }, true, true },
	{ TOKENS, 0, -1, 0, 0, { 0, 0 }, { 20, 11 }, false, false },
	{ TOKENS, 3, 8, 0, 0, { 0, 0 }, { TOKENS, TOKENS }, true, false },
	{ 40, 16, -1, 0, 0, { 0, 0 }, { 40, 40 }, true, false },
	{ 40, 5, 7, 0, 0, { 0, 0 }, { 40, 40 }, true, false },
};

START_TEST(limits_are_read_off_the_zeros)
{
	const struct truth *truth = &truths[_i];
	struct row_extent extent[ITEMS * TOKENS];
	struct supports supports;
	extents_of(truth, extent);
	ck_assert_int_eq(supports_find(extent, ITEMS * TOKENS, ITEMS, TOKENS, truth->keys, &supports, NULL), ERR_OK);
	const struct support *first = &supports.support[0];
	ck_assert_int_eq(first->is_limited, truth->causal);
	if (truth->causal)
		ck_assert_int_eq(first->diagonal, truth->diagonal);
	ck_assert_int_eq(first->left, truth->left);
	ck_assert_int_eq(first->chunk, truth->chunk);
	ck_assert_int_eq(first->keep_first, truth->keep);
	ck_assert_int_eq(first->uniform_rows, truth->uniform);
	ck_assert_int_eq(supports.pads_left, truth->begin[1] > 0);
	ck_assert_int_eq(supports.pads_right, truth->end[1] < truth->keys);
	for (int item = 0; item < ITEMS; item++) {
		ck_assert_int_eq(supports.begin[item], truth->begin[item]);
		ck_assert_int_eq(supports.end[item], truth->causal && truth->diagonal + TOKENS < truth->end[item] ? truth->diagonal + TOKENS : truth->end[item]);
	}
	supports_release(&supports);
}
END_TEST

START_TEST(zeros_that_are_only_small_weights_are_no_window)
{
	struct row_extent extent[ITEMS * TOKENS];
	struct supports supports;
	for (int64_t i = 0; i < ITEMS * TOKENS; i++) {
		int64_t row = i % TOKENS, first = row > 8 ? row - 8 + (3 * row * row + i / TOKENS) % 7 : 0;
		extent[i] = (struct row_extent){ .batch = i / TOKENS, .row = row, .first = first, .last = row };
	}
	ck_assert_int_eq(supports_find(extent, ITEMS * TOKENS, ITEMS, TOKENS, TOKENS, &supports, NULL), ERR_OK);
	ck_assert_int_eq(supports.support[0].left, -1);
	ck_assert_int_eq(supports.support[0].chunk, 0);
	ck_assert(supports.support[0].is_limited);
	supports_release(&supports);
}
END_TEST

START_TEST(a_row_has_its_ends_and_its_longest_gap)
{
	const double weight[] = { 0, 0.5, 0, 0.25, 0, 0, 0, 0.25, 0, 0 };
	struct row_extent extent = { 0 };
	row_extent_read(weight, 10, &extent);
	ck_assert_int_eq(extent.first, 1);
	ck_assert_int_eq(extent.last, 7);
	ck_assert_int_eq(extent.gap_begin, 4);
	ck_assert_int_eq(extent.gap_end, 7);
	ck_assert(!extent.uniform);
	row_extent_read((const double[]){ 0.25, 0.25, 0.25, 0.25 }, 4, &extent);
	ck_assert(extent.uniform);
	row_extent_read((const double[]){ 0, 0, 0 }, 3, &extent);
	ck_assert_int_gt(extent.first, extent.last);
}
END_TEST

/*
 * Logarithms.
 */

enum { ROWS = 12, EACH = 20, PAIRS = ROWS * EACH };

struct pairs {
	struct logit_row row[ROWS];
	double log_weight[PAIRS], product[PAIRS], trust[PAIRS];
	int64_t distance[PAIRS];
	struct logit_data data;
};

/* Rows in three series; products that vary without a pattern. */
static void make_pairs(struct pairs *pairs)
{
	for (int i = 0; i < PAIRS; i++) {
		int row = i / EACH;
		pairs->row[row] = (struct logit_row){ row * EACH, (row + 1) * EACH, row / 4 };
		pairs->product[i] = 6 * sin(1.7 * i + 0.3 * i * i);
		pairs->distance[i] = i % EACH - EACH;
		pairs->trust[i] = 1;
	}
	pairs->data = (struct logit_data){ pairs->row, ROWS, 3, pairs->log_weight, pairs->product, pairs->trust, pairs->distance };
}

/* ln w = s less a constant of the row. */
static void set_weights(struct pairs *pairs, double (*logit)(double product, int64_t distance, int series))
{
	for (int i = 0; i < PAIRS; i++)
		pairs->log_weight[i] = logit(pairs->product[i], pairs->distance[i], pairs->row[i / EACH].series) - 3 - 0.7 * (i / EACH);
}

static double scaled(double x, int64_t distance, int series)
{
	(void)distance, (void)series;
	return 0.178 * x;
}

static double capped(double x, int64_t distance, int series)
{
	(void)distance, (void)series;
	return 2.5 * tanh(0.4 * x / 2.5);
}

static double sloping(double x, int64_t distance, int series)
{
	return 0.25 * x - 0.5 / (1 + series) * fabs((double)distance);
}

static double by_distance(double x, int64_t distance, int series)
{
	return 0.3 * x + cos((double)(distance * (series + 2)));
}

START_TEST(the_factor_of_a_softmax_is_fitted)
{
	struct pairs pairs;
	struct logit_fit fit = { 0 };
	make_pairs(&pairs);
	set_weights(&pairs, scaled);
	pairs.log_weight[7] = -40;
	pairs.trust[7] = 0;
	ck_assert_int_eq(logit_fit(&pairs.data, LOGIT_SCALE, &fit, NULL), ERR_OK);
	ASSERT_NEAR(fit.factor - 0.178, 1e-12);
	ASSERT_NEAR(fit.off, 1e-7);
	ck_assert_double_gt(fit.explained, 0.5);
}
END_TEST

START_TEST(a_cap_is_fitted_with_its_scale)
{
	struct pairs pairs;
	struct logit_fit fit = { 0 };
	make_pairs(&pairs);
	set_weights(&pairs, capped);
	ck_assert_int_eq(logit_fit(&pairs.data, LOGIT_CAP, &fit, NULL), ERR_OK);
	ASSERT_NEAR(fit.cap - 2.5, 1e-5);
	ASSERT_NEAR(fit.factor - 0.4, 1e-6);
	ASSERT_NEAR(fit.off, 1e-6);
	ck_assert_int_eq(logit_fit_capped(&pairs.data, 2.5, &fit, NULL), ERR_OK);
	ASSERT_NEAR(fit.factor - 0.4, 1e-7);
	ck_assert_int_eq(logit_fit(&pairs.data, LOGIT_SCALE, &fit, NULL), ERR_OK);
	ck_assert_double_gt(fit.off, 0.05);
}
END_TEST

START_TEST(slopes_are_fitted_for_each_series)
{
	struct pairs pairs;
	double slope[3], again[3];
	struct logit_fit fit = { .slope = slope };
	make_pairs(&pairs);
	set_weights(&pairs, sloping);
	ck_assert_int_eq(logit_fit(&pairs.data, LOGIT_SLOPES, &fit, NULL), ERR_OK);
	ASSERT_NEAR(fit.factor - 0.25, 1e-12);
	logit_fit_slopes(&pairs.data, 0.25, again);
	for (int series = 0; series < 3; series++) {
		ASSERT_NEAR(slope[series] - 0.5 / (1 + series), 1e-12);
		ASSERT_NEAR(again[series] - 0.5 / (1 + series), 1e-12);
	}
}
END_TEST

START_TEST(a_bias_by_distance_falls_out)
{
	struct pairs pairs;
	struct logit_fit fit = { 0 };
	make_pairs(&pairs);
	set_weights(&pairs, by_distance);
	ck_assert_int_eq(logit_fit(&pairs.data, LOGIT_DISTANCE, &fit, NULL), ERR_OK);
	ASSERT_NEAR(fit.factor - 0.3, 1e-12);
	ASSERT_NEAR(fit.off, 1e-7);
	ck_assert_int_eq(logit_fit(&pairs.data, LOGIT_SLOPES, &fit, NULL), ERR_OK);
	ck_assert_double_gt(fit.off, 0.3);
}
END_TEST

START_TEST(few_pairs_tell_nothing)
{
	struct pairs pairs;
	struct logit_fit fit = { 0 };
	make_pairs(&pairs);
	set_weights(&pairs, scaled);
	for (int i = 0; i < PAIRS; i++)
		pairs.trust[i] = i < 9;
	ck_assert_int_eq(logit_fit(&pairs.data, LOGIT_SCALE, &fit, NULL), ERR_OK);
	ck_assert(isinf(fit.off));
}
END_TEST

/*
 * Sums and storage.
 */

START_TEST(the_sink_logit_is_what_rows_lack)
{
	struct sink_fit fit = { 0 };
	const double lse[] = { 1.5, -0.25, 3 };
	for (int i = 0; i < 3; i++)
		sink_fit_add(&fit, lse[i], exp(lse[i]) / (exp(lse[i]) + exp(0.75)));
	ASSERT_NEAR(sink_fit_logit(&fit) - 0.75, 1e-12);
	struct sink_fit none = { 0 };
	sink_fit_add(&none, 2, 1);
	sink_fit_add(&none, 4, 1);
	sink_fit_add(&none, -INFINITY, 0);
	ck_assert_double_lt(exp(sink_fit_logit(&none) - 2), 1e-12);
	ck_assert(isfinite(sink_fit_logit(&none)));
}
END_TEST

START_TEST(narrow_numbers_in_wide_arrays_are_known)
{
	double half[32], brain[32], single[32];
	for (int i = 0; i < 32; i++) {
		half[i] = (double)(1025 + 17 * i) / 4096;
		brain[i] = (double)(129 + 3 * i) / 1024;
		single[i] = (double)(float)(1 / (3.0 + i));
	}
	ck_assert_str_eq(storage_of(DTYPE_F32, half, 32).name, "float16");
	ck_assert_str_eq(storage_of(DTYPE_F32, brain, 32).name, "bfloat16");
	ck_assert_ptr_null(storage_of(DTYPE_F32, single, 32).name);
	ck_assert_str_eq(storage_of(DTYPE_BF16, single, 0).name, "bfloat16");
	ck_assert_ptr_null(storage_of(DTYPE_F32, (const double[]){ 0, 1, 0, 1 }, 4).name);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("search");
	TCase *tests = tcase_create("search");
	tcase_add_loop_test(tests, limits_are_read_off_the_zeros, 0, (int)(sizeof truths / sizeof *truths));
	tcase_add_test(tests, zeros_that_are_only_small_weights_are_no_window);
	tcase_add_test(tests, a_row_has_its_ends_and_its_longest_gap);
	tcase_add_test(tests, the_factor_of_a_softmax_is_fitted);
	tcase_add_test(tests, a_cap_is_fitted_with_its_scale);
	tcase_add_test(tests, slopes_are_fitted_for_each_series);
	tcase_add_test(tests, a_bias_by_distance_falls_out);
	tcase_add_test(tests, few_pairs_tell_nothing);
	tcase_add_test(tests, the_sink_logit_is_what_rows_lack);
	tcase_add_test(tests, narrow_numbers_in_wide_arrays_are_known);
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
