/* SPDX-License-Identifier: MIT */
/* What is noticed about weights, queries and keys: on arrays made so that the answer is known, and on the dumps of trained
 * models. */
#include <glob.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/deviation.h"
#include "analysis/order_facts.h"
#include "analysis/rotation_facts.h"
#include "analysis/vectors_facts.h"
#include "analysis/weights_facts.h"
#include "support/near.h"
#include "support/npy_view.h"
#include "support/suite.h"

enum { HEADS = 3, TOKENS = 200, DIMS = 8, ELEMENTS = HEADS * TOKENS * DIMS };

/* A view of `values` in any shape. */
struct view {
	struct tensor tensor;
	const struct tensor *slot;
	struct heads heads;
};

static const struct heads *view_of(struct view *view, const float *values, const char *letters, int64_t a, int64_t b, int64_t c)
{
	uint64_t bytes;
	const struct layout_request request = { .letters = letters, .role = strchr(letters, 'M') ? LAYOUT_WEIGHTS : LAYOUT_KEY };
	view->tensor = (struct tensor){ .name = "x",
					 .file = "x.npy",
					 .dtype = DTYPE_F32,
					 .rank = 3,
					 .shape = { a, b, c },
					 .data = (const unsigned char *)values,
					 .scale = 1 };
	ck_assert(tensor_set_strides(&view->tensor, false, &bytes));
	ck_assert_int_eq(layout_resolve(&view->tensor, &request, &view->slot, &view->heads, NULL), ERR_OK);
	return &view->heads;
}

START_TEST(the_largest_deviation_and_its_place_are_kept)
{
	const double computed[] = { 0.5, 0.25, 0.25 }, model[] = { 0.5, 0.375, 0.125 }, same[] = { 0.5, 0.25, 0.25 },
		     bad[] = { 0.5, NAN, 0.25 };
	struct deviation deviation = { 0 };
	ck_assert(isnan(deviation_mean(&deviation)));
	deviation_add(&deviation, 4, 7, computed, same, 3);
	deviation_add(&deviation, 5, 8, computed, model, 3);
	deviation_add(&deviation, 6, 9, computed, same, 3);
	ASSERT_NEAR(deviation.largest - 0.125, 0);
	ASSERT_NEAR(deviation_mean(&deviation) - 0.25 / 9, 1e-17);
	ck_assert_int_eq(deviation.map, 5);
	ck_assert_int_eq(deviation.row, 8);
	ck_assert_int_eq(deviation.key, 1);
	deviation_add(&deviation, 6, 9, computed, bad, 3);
	ck_assert(isinf(deviation.largest));
	ck_assert_int_eq(deviation.row, 9);
}
END_TEST

START_TEST(rows_that_do_not_sum_to_one_are_counted_and_the_worst_is_named)
{
	const float values[] = { 0.5F, 0.5F, 0.5F, 0.25F, 0.5F, 0.5F, 0, 0, 1.5F, 0 };
	struct view view;
	struct weights_facts facts;
	ck_assert_int_eq(weights_facts_scan(view_of(&view, values, "HNM", 1, 5, 2), 0, 0, 0, &facts, NULL), ERR_OK);
	ck_assert_int_eq(facts.rows_off, 2);
	ck_assert_int_eq(facts.worst_row, 4);
	ASSERT_NEAR(facts.worst_sum - 1.5, 0);
	ck_assert_int_eq(facts.zero_rows, 1);
	ASSERT_NEAR(facts.row_sum_low - 0.75, 0);
}
END_TEST

START_TEST(zero_vectors_at_the_end_are_counted)
{
	float values[2 * 4 * 2] = { 0, 0, 1, 2, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1 };
	struct view view;
	struct vectors_facts facts;
	view_of(&view, values, "HND", 2, 4, 2);
	ck_assert_int_eq(vectors_facts_scan(&view.heads, 0, 0, 0, &facts, NULL), ERR_OK);
	ck_assert_int_eq(facts.zero_tail, 2);
	ck_assert(!facts.constant);
	ck_assert_int_eq(vectors_facts_scan(&view.heads, 0, 0, 1, &facts, NULL), ERR_OK);
	ck_assert_int_eq(facts.zero_tail, 0);
	ck_assert(facts.constant);
}
END_TEST

/* Each (head, dim) has a mean of its own and a spread: var over tokens / var over heads is (spread^2) / (spread^2 + var of the
 * means). */
START_TEST(the_ratio_is_that_of_the_variances_and_its_inverse_the_other_way)
{
	float *values = malloc(ELEMENTS * sizeof *values);
	struct view view;
	struct order_facts right = { 0 }, wrong = { 0 };
	for (int i = 0; i < ELEMENTS; i++) {
		int head = i / (TOKENS * DIMS), dim = i % DIMS, token = i / DIMS % TOKENS;
		values[i] = (float)((token % 2 ? 1 : -1) + 3 * (head - 1) * (dim + 1));
	}
	ck_assert_int_eq(order_facts_add(view_of(&view, values, "HND", HEADS, TOKENS, DIMS), 0, 0, &right, NULL), ERR_OK);
	/* Over tokens 200/199; over heads 9 (dim + 1)^2, on average 9 * 204 / 8. */
	ASSERT_NEAR(order_facts_ratio(&right) - 200.0 / 199 / (9 * 25.5), 1e-12);
	ck_assert_int_eq(order_facts_add(view_of(&view, values, "NHD", HEADS, TOKENS, DIMS), 0, 0, &wrong, NULL), ERR_OK);
	ck_assert_double_gt(order_facts_ratio(&wrong), 100);
	free(values);
}
END_TEST

START_TEST(too_little_to_tell_is_no_ratio)
{
	const float values[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	struct view view;
	struct order_facts facts = { 0 };
	ck_assert(isnan(order_facts_ratio(&facts)));
	order_facts_add(view_of(&view, values, "HND", 2, 2, 2), 0, 0, &facts, NULL);
	ck_assert(isnan(order_facts_ratio(&facts)));
}
END_TEST

/* Keys with a common mean, turned by a rotation of the list. */
static void turn_keys(float *values, const struct rotation *rotation)
{
	for (int i = 0; i < HEADS * TOKENS; i++)
		for (int pair = 0; pair < DIMS / 2; pair++) {
			double x = 2 + 0.3 * sin(7.1 * i + pair), y = -1 + 0.3 * cos(3.3 * i - pair);
			double angle = rotation->base > 0 ? (i % TOKENS) * pow(rotation->base, -2.0 * pair / DIMS) : 0;
			int first = rotation->interleaved ? 2 * pair : pair, second = rotation->interleaved ? 2 * pair + 1 : pair + DIMS / 2;
			values[i * DIMS + first] = (float)(x * cos(angle) - y * sin(angle));
			values[i * DIMS + second] = (float)(x * sin(angle) + y * cos(angle));
		}
}

START_TEST(the_rotation_that_was_applied_is_found)
{
	float *values = malloc(ELEMENTS * sizeof *values);
	struct view view;
	struct rotation_facts facts = { 0 };
	turn_keys(values, &rotation_list[_i]);
	for (int head = 0; head < HEADS; head++)
		ck_assert_int_eq(rotation_facts_add(view_of(&view, values, "HND", HEADS, TOKENS, DIMS), 0, 0, head, &facts, NULL), ERR_OK);
	ck_assert_int_eq(rotation_facts_find(&facts), _i);
	free(values);
}
END_TEST

START_TEST(few_keys_and_keys_without_a_mean_tell_nothing)
{
	float *values = malloc(ELEMENTS * sizeof *values);
	struct view view;
	struct rotation_facts none = { 0 }, few = { 0 }, noise = { 0 };
	uint64_t state = 1;
	ck_assert_int_eq(rotation_facts_find(&none), -1);
	turn_keys(values, &rotation_list[1]);
	rotation_facts_add(view_of(&view, values, "HND", 1, 31, DIMS), 0, 0, 0, &few, NULL);
	ck_assert_int_eq(rotation_facts_find(&few), -1);
	for (int i = 0; i < ELEMENTS; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		values[i] = (float)((double)(state >> 40) / 0x1p23 - 1);
	}
	rotation_facts_add(view_of(&view, values, "HND", 1, TOKENS, DIMS), 0, 0, 0, &noise, NULL);
	ck_assert_int_eq(rotation_facts_find(&noise), -1);
	free(values);
}
END_TEST

/* No tensor of a trained model looks swapped; those that are telling at all do once they are. */
START_TEST(trained_models_have_their_heads_where_they_are_said_to_be)
{
	glob_t found;
	int told = 0;
	ck_assert_int_eq(glob(suite_data_path("dumps/[guvp]*/*/*_[qkv].npy"), 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct npy_view view;
		struct order_facts facts = { 0 };
		npy_view_open(&view, NULL, "%s", strstr(found.gl_pathv[i], "dumps/") + 6);
		ck_assert_int_eq(order_facts_add(&view.heads, 0, 0, &facts, NULL), ERR_OK);
		double ratio = order_facts_ratio(&facts);
		ck_assert_msg(!(ratio >= 1.3), "%s: %g", found.gl_pathv[i], ratio);
		told += ratio < 1 / 1.5;
		npy_view_release(&view);
	}
	ck_assert_int_gt(told, 30);
	globfree(&found);
}
END_TEST

START_TEST(keys_of_a_trained_model_tell_whether_they_were_rotated)
{
	static const struct { const char *suffix; int rotation; } variants[] = { { "", 1 }, { "_prerope", 0 } };
	for (int v = 0; v < 2; v++) {
		struct rotation_facts facts = { 0 };
		for (int layer = 0; layer < 4; layer++) {
			struct npy_view view;
			npy_view_open(&view, NULL, "gpt_kjv/genesis_short/L%d_k%s.npy", layer, variants[v].suffix);
			for (int64_t head = 0; head < view.heads.size[AXIS_HEAD]; head++)
				ck_assert_int_eq(rotation_facts_add(&view.heads, 0, 0, head, &facts, NULL), ERR_OK);
			npy_view_release(&view);
		}
		ck_assert_int_eq(rotation_facts_find(&facts), variants[v].rotation);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("facts");
	TCase *tests = tcase_create("facts");
	tcase_add_test(tests, the_largest_deviation_and_its_place_are_kept);
	tcase_add_test(tests, rows_that_do_not_sum_to_one_are_counted_and_the_worst_is_named);
	tcase_add_test(tests, zero_vectors_at_the_end_are_counted);
	tcase_add_test(tests, the_ratio_is_that_of_the_variances_and_its_inverse_the_other_way);
	tcase_add_test(tests, too_little_to_tell_is_no_ratio);
	tcase_add_loop_test(tests, the_rotation_that_was_applied_is_found, 0, ROTATIONS);
	tcase_add_test(tests, few_keys_and_keys_without_a_mean_tell_nothing);
	tcase_add_test(tests, trained_models_have_their_heads_where_they_are_said_to_be);
	tcase_add_test(tests, keys_of_a_trained_model_tell_whether_they_were_rotated);
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
