/* SPDX-License-Identifier: MIT */
/* State-space duality: vector 23, and the definition at other sizes and groupings. */
#include <math.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void bind(struct attend *attend, struct vectors *vectors)
{
	attend_init(attend);
	attend_input(attend, "x", vectors_get(vectors, "inputs/x"));
	attend_input(attend, "dt", vectors_get(vectors, "inputs/dt (raw)"));
	attend_input(attend, "dt_bias", vectors_get(vectors, "inputs/dt_bias"));
	attend_input(attend, "A", vectors_get(vectors, "params/A"));
	attend_input(attend, "B", vectors_get(vectors, "inputs/B"));
	attend_input(attend, "C", vectors_get(vectors, "inputs/C"));
}

static void check_case(const char *parameter, enum normalise normalise, const char *weights)
{
	struct vectors *vectors = vectors_open("23_mamba2_ssd");
	struct attend attend;
	bind(&attend, vectors);
	attend_parameter(&attend, parameter);
	attend_open(&attend, "ssd");
	if (normalise)
		attend_normalise(&attend, normalise);
	struct vector expected = vectors_get(vectors, weights);
	for (int64_t h = 0; h < 2; h++)
		attend_expect(&attend, h, expected.data + h * 36, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}

START_TEST(one_matrix_a_head_and_its_decay)
{
	check_case("part=all", NORMALISE_SIGNED, "expected/M");
	check_case("part=decay", NORMALISE_SIGNED, "expected/decay_L");
	check_case("part=all", NORMALISE_ABS_ROW, "expected/row_abs_normalised");
}
END_TEST

/* With C the n-th unit vector, the last row reads the n-th number of each state. */
START_TEST(states_after_the_last_token)
{
	struct vectors *vectors = vectors_open("23_mamba2_ssd");
	struct vector state = vectors_get(vectors, "expected/final_state (H,P,N)"), x = vectors_get(vectors, "inputs/x");
	for (int n = 0; n < 3; n++) {
		struct attend attend;
		attend_init(&attend);
		attend_input(&attend, "dt", vectors_get(vectors, "inputs/dt (raw)"));
		attend_input(&attend, "dt_bias", vectors_get(vectors, "inputs/dt_bias"));
		attend_input(&attend, "A", vectors_get(vectors, "params/A"));
		attend_input(&attend, "B", vectors_get(vectors, "inputs/B"));
		attend_formula(&attend, "C", 0, 0, 3, (int64_t[]){ 6, 1, 3 }).data[15 + n] = 1;
		attend_open(&attend, "ssd");
		for (int i = 0; i < 4; i++) {
			double *weight = attend_matrix(&attend, i / 2), sum = 0;
			for (int s = 0; s < 6; s++)
				sum += weight[30 + s] * x.data[s * 4 + i];
			ck_assert_double_eq_tol(sum, state.data[i * 3 + n], 1e-12);
			free(weight);
		}
		attend_release(&attend);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(outputs_of_the_heads)
{
	struct vectors *vectors = vectors_open("23_mamba2_ssd");
	struct attend attend;
	bind(&attend, vectors);
	attend_open(&attend, "ssd");
	struct vector y = vectors_get(vectors, "expected/Y_without_D");
	for (int64_t h = 0; h < 2; h++) {
		double output[6 * 2];
		for (int i = 0; i < 12; i++)
			output[i] = y.data[(i / 2 * 2 + h) * 2 + i % 2];
		attend_expect_output(&attend, h, output, 1e-12);
	}
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

static void check_definition(int64_t tokens, int64_t heads, int64_t groups, int64_t states, double shift, const char *parameter)
{
	struct attend attend;
	bool with_step = parameter[0] != 's', product = parameter[5] == 'p';
	attend_init(&attend);
	struct vector dt = attend_formula(&attend, "dt", 1, 2, 3, (int64_t[]){ 2, tokens, heads });
	struct vector a = attend_formula(&attend, "A_log", 2, 1, 1, (int64_t[]){ heads });
	struct vector b = attend_formula(&attend, "B", 3, 1, 4, (int64_t[]){ 2, tokens, groups, states });
	struct vector c = attend_formula(&attend, "C", 4, 1, 4, (int64_t[]){ 2, tokens, groups, states });
	for (int64_t i = 0; i < dt.count; i++)
		dt.data[i] += shift;
	attend_parameter(&attend, parameter);
	attend_open(&attend, "ssd");
	double *expected = malloc((size_t)(tokens * tokens) * sizeof *expected);
	for (int64_t map = 0; map < 2 * heads; map++) {
		int64_t batch = map / heads, h = map % heads, g = h / (heads / groups);
		for (int64_t t = 0; t < tokens; t++) {
			double sum = 0;
			for (int64_t s = tokens - 1; s >= 0; s--) {
				double step = log1p(exp(dt.data[(batch * tokens + s) * heads + h]));
				double dot = definition_dot(c.data + ((batch * tokens + t) * groups + g) * states, b.data + ((batch * tokens + s) * groups + g) * states, states);
				double weight = dot * exp(-exp(a.data[h]) * sum) * (with_step ? step : 1);
				expected[t * tokens + s] = s > t ? 0 : product ? dot : weight;
				sum += s <= t ? step : 0;
			}
		}
		attend_expect(&attend, map, expected, 1e-12);
	}
	free(expected);
	attend_release(&attend);
}

START_TEST(definition_at_sizes_around_the_tiles)
{
	check_definition(1, 1, 1, 1, 0, "part=all");
	check_definition(150, 4, 2, 5, -3, "part=all");
	check_definition(290, 2, 1, 130, -5, "step_in=values");
	check_definition(140, 2, 2, 8, 0, "part=product");
}
END_TEST

START_TEST(what_is_missing_or_impossible_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_refused(&attend, "ssd", ERR_USAGE, "dt (B,L,H) --input dt=FILE[:NAME]");
	attend_formula(&attend, "dt", 1, 1, 2, (int64_t[]){ 6, 4 });
	attend_formula(&attend, "B", 1, 1, 3, (int64_t[]){ 6, 3, 5 });
	attend_formula(&attend, "C", 1, 1, 3, (int64_t[]){ 6, 3, 5 });
	attend_refused(&attend, "ssd", ERR_SHAPE, "B (6, 3, 5) divide 4");
	attend_release(&attend);

	attend_init(&attend);
	attend_formula(&attend, "dt", 1, 1, 2, (int64_t[]){ 6, 1 });
	attend_formula(&attend, "B", 1, 1, 2, (int64_t[]){ 6, 5 });
	attend_formula(&attend, "C", 1, 1, 2, (int64_t[]){ 6, 5 });
	struct vector a = attend_formula(&attend, "A", 1, 1, 1, (int64_t[]){ 1 });
	a.data[0] = 0.5;
	attend_refused(&attend, "ssd", ERR_VALUE, "A 0.5 A_log");
	a.data[0] = -0.5;
	attend.args.window_left = 3;
	attend_refused(&attend, "ssd", ERR_USAGE, "ssd mask");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ssd");
	TCase *tcase = tcase_create("ssd");
	tcase_add_test(tcase, one_matrix_a_head_and_its_decay);
	tcase_add_test(tcase, states_after_the_last_token);
	tcase_add_test(tcase, outputs_of_the_heads);
	tcase_add_test(tcase, definition_at_sizes_around_the_tiles);
	tcase_add_test(tcase, what_is_missing_or_impossible_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
