/* SPDX-License-Identifier: MIT */
/* Linear attention: vector 11, the recurrent form, and the definition of every feature map. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void check_vector(enum causal causal, const char *weight, const char *output)
{
	struct vectors *vectors = vectors_open("11_linear_attention");
	struct attend attend;
	attend_init_vectors(&attend, vectors);
	attend.args.causal = causal;
	attend_open(&attend, "linear");
	attend_expect(&attend, 0, vectors_get(vectors, weight).data, 1e-12);
	attend_expect_output(&attend, 0, vectors_get(vectors, output).data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}

START_TEST(elu_features_in_both_directions)
{
	check_vector(CAUSAL_NONE, "expected/W_noncausal", "expected/O_noncausal");
}
END_TEST

START_TEST(elu_features_causal)
{
	check_vector(CAUSAL_TOP_LEFT, "expected/W_causal", "expected/O_causal");
}
END_TEST

static double elu1(double x)
{
	return x > 0 ? x + 1 : exp(x);
}

static double relu(double x)
{
	return x > 0 ? x : 0;
}

static double same(double x)
{
	return x;
}

/* With V = I the state S = sum phi(k) v^T holds the columns: the recurrence must give the rows of the matrix. */
START_TEST(the_recurrence_with_identity_values_gives_the_matrix)
{
	enum { N = 70, D = 6 };
	static double state[D][N], expected[N * N];
	double normaliser[D] = { 0 };
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 7, 3, 2, (int64_t[]){ N, D });
	struct vector k = attend_formula(&attend, "key", 8, 3, 2, (int64_t[]){ N, D });
	attend.args.causal = CAUSAL_TOP_LEFT;
	attend_open(&attend, "linear");
	for (int t = 0; t < N; t++) {
		double z = 1e-6;
		for (int d = 0; d < D; d++) {
			state[d][t] = elu1(k.data[t * D + d]);
			normaliser[d] += state[d][t];
			z += elu1(q.data[t * D + d]) * normaliser[d];
		}
		for (int j = 0; j < N; j++) {
			expected[t * N + j] = 0;
			for (int d = 0; d < D; d++)
				expected[t * N + j] += elu1(q.data[t * D + d]) * state[d][j] / z;
		}
	}
	attend_expect(&attend, 0, expected, 1e-12);
	attend_release(&attend);
}
END_TEST

static void check_feature(const char *name, double (*phi)(double), int64_t queries, int64_t keys, int64_t dim, bool is_signed, bool raw)
{
	char feature[32];
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 1.5, 4, (int64_t[]){ 2, 2, queries, dim });
	struct vector k = attend_formula(&attend, "key", 2, 1.5, 4, (int64_t[]){ 2, 1, keys, dim });
	/* Away from zero, or a signed row sum could vanish. */
	for (int64_t i = 0; i < q.count; i++)
		q.data[i] += 2;
	for (int64_t i = 0; i < k.count; i++)
		k.data[i] += 2;
	snprintf(feature, sizeof feature, "feature=%s", name);
	attend_parameter(&attend, feature);
	attend_parameter(&attend, "eps=0.25");
	if (raw)
		attend_parameter(&attend, "normalize=no");
	attend_open(&attend, "linear");
	ck_assert(attend.source->is_signed == is_signed);
	double *expected = malloc((size_t)(queries * keys) * sizeof *expected);
	for (int64_t map = 0; map < 4; map++) {
		for (int64_t i = 0; i < queries * keys; i++) {
			expected[i] = 0;
			for (int64_t d = 0; d < dim; d++)
				expected[i] += phi(q.data[(map * queries + i / keys) * dim + d]) * phi(k.data[(map / 2 * keys + i % keys) * dim + d]);
		}
		if (!raw)
			definition_row_sums(expected, queries, keys, 0.25);
		attend_expect(&attend, map, expected, 1e-12);
	}
	free(expected);
	attend_release(&attend);
}

START_TEST(every_feature_map_follows_its_definition)
{
	check_feature("elu", elu1, 33, 200, 5, false, false);
	check_feature("relu", relu, 13, 13, 1, false, false);
	check_feature("exp", exp, 1, 130, 4, false, false);
	check_feature("identity", same, 40, 9, 7, true, false);
	check_feature("cos", cos, 50, 60, 64, true, true);
	check_feature("elu", elu1, 50, 60, 8, false, true);
}
END_TEST

START_TEST(padding_has_no_features)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 4, (int64_t[]){ 2, 1, 5, 3 });
	attend_formula(&attend, "key", 2, 1, 4, (int64_t[]){ 2, 1, 9, 3 });
	attend.args.key_length = (int64_t[]){ 9, 4 };
	attend.args.key_length_count = 2;
	attend_open(&attend, "linear");
	double *matrix = attend_matrix(&attend, 1);
	for (int i = 0; i < 5 * 9; i++)
		ck_assert((matrix[i] > 0) == (i % 9 < 4));
	free(matrix);
	attend_expect_itself(&attend);
	attend_release(&attend);
}
END_TEST

START_TEST(what_needs_logits_is_refused)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 5, 3 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 9, 3 });
	attend.args.softcap = 5;
	attend_refused(&attend, "linear", ERR_USAGE, "linear logits soft-cap");
	attend.args.softcap = 0;
	attend.args.position.rope = ROPE_HALF;
	attend_refused(&attend, "linear", ERR_USAGE, "linear rotary");
	attend.args.position.rope = ROPE_NONE;
	attend_parameter(&attend, "feature=tanh");
	attend_refused(&attend, "linear", ERR_USAGE, "feature=tanh elu relu exp identity cos");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("linear");
	TCase *tcase = tcase_create("linear");
	tcase_add_test(tcase, elu_features_in_both_directions);
	tcase_add_test(tcase, elu_features_causal);
	tcase_add_test(tcase, the_recurrence_with_identity_values_gives_the_matrix);
	tcase_add_test(tcase, every_feature_map_follows_its_definition);
	tcase_add_test(tcase, padding_has_no_features);
	tcase_add_test(tcase, what_needs_logits_is_refused);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
