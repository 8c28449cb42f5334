/* SPDX-License-Identifier: MIT */
/* Additive attention: vector 05, and the definition written out at other sizes. */
#include <math.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void bind_bahdanau(struct attend *attend, struct vectors *vectors)
{
	attend_init(attend);
	attend_input(attend, "query", vectors_get(vectors, "inputs/s"));
	attend_input(attend, "key", vectors_get(vectors, "inputs/h"));
	attend_input(attend, "value", vectors_get(vectors, "inputs/h"));
	attend_input(attend, "W_a", vectors_get(vectors, "inputs/W_a"));
	attend_input(attend, "U_a", vectors_get(vectors, "inputs/U_a"));
	attend_input(attend, "v_a", vectors_get(vectors, "inputs/v_a"));
}

START_TEST(bahdanau_alignment_of_states_and_weights)
{
	struct vectors *vectors = vectors_open("05_bahdanau");
	struct attend attend;
	bind_bahdanau(&attend, vectors);
	attend_open(&attend, "additive");
	attend_expect(&attend, 0, vectors_get(vectors, "expected/alpha").data, 1e-12);
	attend_expect_output(&attend, 0, vectors_get(vectors, "expected/context").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(a_bias_inside_the_tanh_counts)
{
	struct vectors *vectors = vectors_open("05_bahdanau");
	struct attend attend;
	bind_bahdanau(&attend, vectors);
	attend_input(&attend, "U_a_bias", vectors_get(vectors, "inputs/b"));
	attend_open(&attend, "additive");
	attend_expect(&attend, 0, vectors_get(vectors, "expected/alpha_with_bias").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(energies_are_shown_before_the_softmax)
{
	struct vectors *vectors = vectors_open("05_bahdanau");
	struct attend attend;
	bind_bahdanau(&attend, vectors);
	attend.args.stage = STAGE_SCORES;
	attend_open(&attend, "additive");
	ck_assert(attend.source->is_signed);
	attend_expect(&attend, 0, vectors_get(vectors, "expected/energies").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(keras_form_without_projections)
{
	struct vectors *vectors = vectors_open("05_bahdanau");
	struct attend attend;
	attend_init(&attend);
	attend_input(&attend, "query", vectors_get(vectors, "inputs/keras_query"));
	attend_input(&attend, "key", vectors_get(vectors, "inputs/keras_key"));
	attend_input(&attend, "v_a", vectors_get(vectors, "inputs/keras_scale"));
	attend_open(&attend, "additive");
	attend_expect(&attend, 0, vectors_get(vectors, "expected/keras_alpha").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

/* Heads, batches and all sizes around those of tiles; matrices one a head. */
static void check_shape(int64_t batches, int64_t heads, int64_t queries, int64_t keys, double amp)
{
	enum { N = 5, M = 3, WIDTH = 7 };
	struct attend attend;
	attend_init(&attend);
	struct vector s = attend_formula(&attend, "query", 1, amp, 4, (int64_t[]){ batches, heads, queries, N });
	struct vector h = attend_formula(&attend, "key", 2, amp, 4, (int64_t[]){ batches, heads, keys, M });
	struct vector w = attend_formula(&attend, "W_a", 3, 1, 3, (int64_t[]){ heads, WIDTH, N });
	struct vector u = attend_formula(&attend, "U_a", 4, 1, 2, (int64_t[]){ WIDTH, M });
	struct vector v = attend_formula(&attend, "v_a", 5, 1, 1, (int64_t[]){ WIDTH });
	struct vector b = attend_formula(&attend, "W_a_bias", 6, 0.5, 2, (int64_t[]){ 1, WIDTH });
	attend_open(&attend, "additive");
	double *expected = malloc((size_t)(queries * keys) * sizeof *expected);
	for (int64_t map = 0; map < batches * heads; map++) {
		const double *matrix = w.data + map % heads * WIDTH * N;
		for (int64_t i = 0; i < queries; i++) {
			for (int64_t j = 0; j < keys; j++) {
				double e = 0;
				for (int c = 0; c < WIDTH; c++) {
					double x = b.data[c];
					for (int n = 0; n < N; n++)
						x += matrix[c * N + n] * s.data[(map * queries + i) * N + n];
					for (int m = 0; m < M; m++)
						x += u.data[c * M + m] * h.data[(map * keys + j) * M + m];
					e += v.data[c] * tanh(x);
				}
				expected[i * keys + j] = e;
			}
		}
		definition_softmax(expected, queries, keys);
		attend_expect(&attend, map, expected, 1e-12);
	}
	free(expected);
	attend_release(&attend);
}

START_TEST(definition_at_sizes_around_the_tiles)
{
	check_shape(1, 1, 1, 1, 1);
	check_shape(2, 3, 13, 129, 1);
	check_shape(1, 2, 97, 300, 1);
}
END_TEST

/* States so large that e^2x leaves float32, on both sides and with either sign. */
START_TEST(saturated_units_do_not_overflow)
{
	check_shape(1, 1, 20, 40, 40);
	check_shape(1, 1, 20, 40, 1e4);
}
END_TEST

START_TEST(without_v_a_units_count_one_each)
{
	struct attend attend;
	enum { N = 9, D = 4 };
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ N, D });
	struct vector k = attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ N, D });
	attend_parameter(&attend, "use_scale=no");
	attend_open(&attend, "additive");
	double expected[N * N];
	for (int i = 0; i < N * N; i++) {
		expected[i] = 0;
		for (int c = 0; c < D; c++)
			expected[i] += tanh(q.data[i / N * D + c] + k.data[i % N * D + c]);
	}
	definition_softmax(expected, N, N);
	attend_expect(&attend, 0, expected, 1e-12);
	attend_release(&attend);
}
END_TEST

START_TEST(padding_is_masked)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 4, (int64_t[]){ 2, 1, 4, 3 });
	attend_formula(&attend, "key", 2, 1, 4, (int64_t[]){ 2, 1, 6, 3 });
	attend_formula(&attend, "v_a", 3, 1, 1, (int64_t[]){ 3 });
	attend.args.key_length = (int64_t[]){ 6, 2 };
	attend.args.key_length_count = 2;
	attend_open(&attend, "additive");
	double *matrix = attend_matrix(&attend, 1);
	ck_assert_double_eq_tol(matrix[0] + matrix[1], 1, 1e-15);
	ck_assert_double_eq(matrix[2], 0);
	free(matrix);
	attend_expect_itself(&attend);
	attend_release(&attend);
}
END_TEST

START_TEST(what_is_missing_or_ill_shaped_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 4, 3 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 6, 5 });
	attend_refused(&attend, "additive", ERR_USAGE, "v_a (n') --input v_a=FILE[:NAME]");
	attend_release(&attend);

	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 4, 3 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 6, 5 });
	attend_formula(&attend, "v_a", 3, 1, 1, (int64_t[]){ 4 });
	attend_formula(&attend, "W_a", 4, 1, 2, (int64_t[]){ 3, 4 });
	attend_refused(&attend, "additive", ERR_SHAPE, "W_a (3, 4) (4, 3) --input W_a=FILE[:NAME]");
	attend_release(&attend);

	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 4, 3 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 6, 5 });
	attend_formula(&attend, "v_a", 3, 1, 1, (int64_t[]){ 4 });
	attend_formula(&attend, "W_a", 4, 1, 2, (int64_t[]){ 4, 3 });
	attend_refused(&attend, "additive", ERR_SHAPE, "key (6, 5) U_a");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("additive");
	TCase *tcase = tcase_create("additive");
	tcase_add_test(tcase, bahdanau_alignment_of_states_and_weights);
	tcase_add_test(tcase, a_bias_inside_the_tanh_counts);
	tcase_add_test(tcase, energies_are_shown_before_the_softmax);
	tcase_add_test(tcase, keras_form_without_projections);
	tcase_add_test(tcase, definition_at_sizes_around_the_tiles);
	tcase_add_test(tcase, saturated_units_do_not_overflow);
	tcase_add_test(tcase, without_v_a_units_count_one_each);
	tcase_add_test(tcase, padding_is_masked);
	tcase_add_test(tcase, what_is_missing_or_ill_shaped_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
