/* SPDX-License-Identifier: MIT */
/* Signed maps made non-negative, against the formulas on the matrix of the source itself. */
#include <math.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/near.h"
#include "support/suite.h"

enum { TOKENS = 150, STATES = 5 };

static void open_scan(struct attend *attend)
{
	attend_init(attend);
	attend_formula(attend, "delta", 1, 1, 2, (int64_t[]){ 2, TOKENS });
	attend_formula(attend, "A_log", 2, 1, 2, (int64_t[]){ 2, STATES });
	attend_formula(attend, "B", 3, 1, 2, (int64_t[]){ STATES, TOKENS });
	attend_formula(attend, "C", 4, 1, 2, (int64_t[]){ STATES, TOKENS });
	attend_open(attend, "mamba");
}

/* Every weight is seen, and none is zero. */
static void open_full(struct attend *attend)
{
	attend_init(attend);
	struct vector weights = attend_formula(attend, NULL, 5, 1, 2, (int64_t[]){ 40, 70 });
	for (int64_t i = 0; i < weights.count; i++)
		weights.data[i] += weights.data[i] < 0 ? -0.25 : 0.25;
	attend_input(attend, "weights", weights);
	attend->args.ready = READY_SIGNED;
	attend_open(attend, "weights");
}

/* A map of the source as it is, made absolute, and with `rows` each row divided by its sum; else from the least to the largest of the map, or not changed further. */
static double *expected_map(const struct attend *attend, int64_t map, enum normalise normalise)
{
	double *weight = attend_matrix(attend, map), low = INFINITY, high = 0;
	int64_t keys = attend->source->keys, count = attend->source->queries * keys;
	for (int64_t i = 0; i < count; i++) {
		weight[i] = fabs(weight[i]);
		low = fmin(low, weight[i]);
		high = fmax(high, weight[i]);
	}
	for (int64_t row = 0; row < count; row += keys) {
		double sum = 0;
		for (int64_t key = 0; key < keys; key++)
			sum += weight[row + key];
		for (int64_t key = 0; key < keys; key++)
			weight[row + key] = normalise == NORMALISE_ABS_ROW ? weight[row + key] / sum
				: normalise == NORMALISE_ABS_MINMAX ? (weight[row + key] - low) / (high - low) : weight[row + key];
	}
	return weight;
}

static void check(void (*open)(struct attend *), enum normalise normalise)
{
	struct attend attend;
	open(&attend);
	int64_t maps = source_maps(attend.source);
	double *expected[2] = { expected_map(&attend, 0, normalise), maps > 1 ? expected_map(&attend, 1, normalise) : NULL };
	ck_assert(attend.source->is_signed);
	attend_normalise(&attend, normalise);
	ck_assert(!attend.source->is_signed && attend.source->is_stochastic == (normalise == NORMALISE_ABS_ROW));
	for (int64_t map = 0; map < maps; map++) {
		attend_expect(&attend, map, expected[map], 1e-12);
		free(expected[map]);
	}
	attend_release(&attend);
}

START_TEST(absolute_weights_by_rows_by_maps_and_alone)
{
	for (int i = NORMALISE_ABS_ROW; i <= NORMALISE_ABS; i++) {
		check(open_scan, (enum normalise)i);
		check(open_full, (enum normalise)i);
	}
}
END_TEST

START_TEST(the_least_of_a_map_without_hidden_weights_becomes_zero)
{
	struct attend attend;
	open_full(&attend);
	attend_normalise(&attend, NORMALISE_ABS_MINMAX);
	double *weight = attend_matrix(&attend, 0), low = INFINITY, high = 0;
	for (int64_t i = 0; i < attend.source->queries * attend.source->keys; i++) {
		low = fmin(low, weight[i]);
		high = fmax(high, weight[i]);
	}
	ASSERT_NEAR(low, 1e-12);
	ASSERT_NEAR(high - 1, 1e-12);
	free(weight);
	attend_release(&attend);
}
END_TEST

START_TEST(weights_of_a_softmax_are_refused_and_stay_with_the_caller)
{
	struct attend attend;
	const struct driver_options options = { .threads = 1 };
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 4, 3 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 4, 3 });
	attend_open(&attend, "softmax");
	const struct source *before = attend.source;
	ck_assert_int_eq(normalised_source_new(attend.source, NORMALISE_ABS_ROW, &options, &attend.source, &attend.info), ERR_USAGE);
	ck_assert_ptr_eq(attend.source, before);
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("normalised");
	TCase *tcase = tcase_create("normalised");
	tcase_add_test(tcase, absolute_weights_by_rows_by_maps_and_alone);
	tcase_add_test(tcase, the_least_of_a_map_without_hidden_weights_becomes_zero);
	tcase_add_test(tcase, weights_of_a_softmax_are_refused_and_stay_with_the_caller);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
