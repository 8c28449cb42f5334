/* SPDX-License-Identifier: MIT */
/* Performer: vector 12, the definition of every kind of feature, and what random projections must satisfy. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/performer.h"
#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void check_vector(const char *path, enum causal causal, const char *kind, const char *eps)
{
	struct vectors *vectors = vectors_open("12_performer");
	struct attend attend;
	attend_init(&attend);
	attend_input(&attend, "query", vectors_get(vectors, "inputs/Q"));
	attend_input(&attend, "key", vectors_get(vectors, "inputs/K"));
	attend_input(&attend, "projection", vectors_get(vectors, "inputs/projection_matrix"));
	attend_parameter(&attend, kind);
	attend_parameter(&attend, eps);
	attend.args.causal = causal;
	attend_open(&attend, "performer");
	attend_expect(&attend, 0, vectors_get(vectors, path).data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}

START_TEST(positive_features_with_and_without_epsilon)
{
	check_vector("expected/W_eps0", CAUSAL_NONE, "kind=exp", "eps=0");
	check_vector("expected/W_eps1e-4_stab (lucidrains default)", CAUSAL_NONE, "kind=exp", "eps=1e-4");
	check_vector("expected/W_eps1e-6_stab (google jax default)", CAUSAL_NONE, "kind=exp", "eps=auto");
	check_vector("expected/W_causal_eps0", CAUSAL_TOP_LEFT, "kind=exp", "eps=0");
	check_vector("expected/W_hyperbolic_plusminus", CAUSAL_NONE, "kind=hyperbolic", "eps=0");
}
END_TEST

/* phi of `count` vectors by the definition: exponents first, then the stabiliser of the side. */
static double *features(const double *x, int64_t count, int64_t dim, const double *w, int64_t m, int kind, double eps, bool keys)
{
	int64_t all = kind == 1 ? 2 * m : m;
	double *phi = malloc((size_t)(count * all) * sizeof *phi), c = pow((double)dim, -0.25), global = -INFINITY;
	ck_assert_ptr_nonnull(phi);
	for (int64_t i = 0; i < count * all; i++) {
		double u = c * definition_dot(x + i / all * dim, w + i % all % m * dim, dim);
		phi[i] = i % all >= m ? -u : u;
		global = fmax(global, phi[i]);
	}
	for (int64_t i = 0; i < count; i++) {
		double own = -INFINITY, half = c * c * definition_dot(x + i * dim, x + i * dim, dim) / 2;
		for (int64_t r = 0; r < all; r++)
			own = fmax(own, phi[i * all + r]);
		for (int64_t r = 0; r < all; r++) {
			double u = phi[i * all + r];
			phi[i * all + r] = kind == 2 ? fmax(u, 0) + eps : exp(u - half - (keys ? global : own)) + eps;
		}
	}
	return phi;
}

static void check_definition(int64_t queries, int64_t keys, int64_t dim, int64_t m, const char *kind, const char *eps, int kind_number, double eps_number,
			     double amp)
{
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, amp, 3, (int64_t[]){ 2, queries, dim });
	struct vector k = attend_formula(&attend, "key", 2, amp, 3, (int64_t[]){ 2, keys, dim });
	struct vector w = attend_formula(&attend, "projection", 3, 1.5, 3, (int64_t[]){ 2, m, dim });
	attend_parameter(&attend, kind);
	attend_parameter(&attend, eps);
	attend_open(&attend, "performer");
	double *expected = malloc((size_t)(queries * keys) * sizeof *expected);
	int64_t all = kind_number == 1 ? 2 * m : m;
	for (int64_t h = 0; h < 2; h++) {
		double *a = features(q.data + h * queries * dim, queries, dim, w.data + h * m * dim, m, kind_number, eps_number, false);
		double *b = features(k.data + h * keys * dim, keys, dim, w.data + h * m * dim, m, kind_number, eps_number, true);
		for (int64_t i = 0; i < queries * keys; i++)
			expected[i] = definition_dot(a + i / keys * all, b + i % keys * all, all);
		definition_row_sums(expected, queries, keys, 0);
		attend_expect(&attend, h, expected, 1e-12);
		free(a);
		free(b);
	}
	free(expected);
	attend_release(&attend);
}

/* The same for eps = 0, where nothing needs to be stabilised: ln sum_r e^(u_r(q) + u_r(k) - |c k|^2 / 2), up to a term of the row. */
static void exact_logits(const double *q, int64_t queries, const double *k, int64_t keys, int64_t dim, const double *w, int64_t m, double *logit)
{
	double c = pow((double)dim, -0.25), *u = malloc((size_t)m * sizeof *u);
	ck_assert_ptr_nonnull(u);
	for (int64_t i = 0; i < queries * keys; i++) {
		const double *key = k + i % keys * dim;
		double largest = -INFINITY, sum = 0;
		for (int64_t r = 0; r < m; r++) {
			u[r] = c * (definition_dot(q + i / keys * dim, w + r * dim, dim) + definition_dot(key, w + r * dim, dim));
			largest = fmax(largest, u[r]);
		}
		for (int64_t r = 0; r < m; r++)
			sum += exp(u[r] - largest);
		logit[i] = largest + log(sum) - c * c * definition_dot(key, key, dim) / 2;
	}
	free(u);
}

static void check_exact(int64_t queries, int64_t keys, int64_t dim, int64_t m, double amp)
{
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, amp, 2, (int64_t[]){ queries, dim });
	struct vector k = attend_formula(&attend, "key", 2, amp, 2, (int64_t[]){ keys, dim });
	struct vector w = attend_formula(&attend, "projection", 3, 1.5, 2, (int64_t[]){ m, dim });
	attend_parameter(&attend, "eps=0");
	attend_open(&attend, "performer");
	double *expected = malloc((size_t)(queries * keys) * sizeof *expected);
	exact_logits(q.data, queries, k.data, keys, dim, w.data, m, expected);
	definition_softmax(expected, queries, keys);
	attend_expect(&attend, 0, expected, 1e-12);
	free(expected);
	attend_release(&attend);
}

START_TEST(every_kind_follows_its_definition)
{
	check_definition(20, 150, 4, 9, "kind=exp", "eps=1e-3", 0, 1e-3, 1);
	check_exact(50, 13, 7, 16, 2);
	check_definition(1, 130, 3, 1, "kind=hyperbolic", "eps=1e-4", 1, 1e-4, 1);
	check_definition(33, 33, 8, 5, "kind=relu", "eps=auto", 2, 1e-3, 1);
}
END_TEST

/* Norms at which e^u leaves float32 many times over. */
START_TEST(large_vectors_do_not_underflow)
{
	check_exact(24, 30, 6, 12, 25);
	check_definition(24, 30, 6, 12, "kind=hyperbolic", "eps=1e-6", 1, 1e-6, 25);
}
END_TEST

static double *drawn(uint64_t seed, int64_t rows, int64_t dim, bool orthogonal, bool fixed_norm)
{
	double *out = malloc((size_t)(rows * dim) * sizeof *out);
	struct performer_draw draw = { .seed = seed, .rows = rows, .dim = dim, .orthogonal = orthogonal, .fixed_norm = fixed_norm };
	struct err_info info = { 0 };
	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(performer_draw(&draw, out, &info), ERR_OK);
	return out;
}

START_TEST(drawn_blocks_are_orthogonal)
{
	enum { DIM = 16, ROWS = 40 };
	double *w = drawn(5, ROWS, DIM, true, true), largest = 0;
	for (int a = 0; a < ROWS; a++) {
		for (int b = 0; b < ROWS; b++) {
			if (a / DIM != b / DIM)
				continue;
			double wanted = a == b ? DIM : 0;
			largest = fmax(largest, fabs(definition_dot(w + a * DIM, w + b * DIM, DIM) - wanted));
		}
	}
	ck_assert_double_lt(largest, 1e-12);
	free(w);
}
END_TEST

/* E|w|^2 = d for a Gaussian row, and its norm varies. */
START_TEST(norms_of_drawn_rows_are_those_of_gaussian_vectors)
{
	enum { DIM = 8, ROWS = 4000 };
	for (int orthogonal = 0; orthogonal < 2; orthogonal++) {
		double *w = drawn(1, ROWS, DIM, orthogonal != 0, false), sum = 0, square = 0;
		for (int r = 0; r < ROWS; r++) {
			double norm = definition_dot(w + r * DIM, w + r * DIM, DIM);
			sum += norm / ROWS;
			square += norm * norm / ROWS;
		}
		/* chi-squared with 8 degrees of freedom: mean 8, variance 16; five standard errors */
		ck_assert_double_eq_tol(sum, 8, 5 * 4 / sqrt(ROWS));
		ck_assert_double_eq_tol(square - sum * sum, 16, 3);
		free(w);
	}
}
END_TEST

START_TEST(a_seed_gives_one_projection_and_another_seed_another)
{
	double *a = drawn(3, 10, 4, true, false), *b = drawn(3, 10, 4, true, false), *c = drawn(4, 10, 4, true, false);
	ck_assert_mem_eq(a, b, 40 * sizeof *a);
	ck_assert_mem_ne(a, c, 40 * sizeof *a);
	free(a);
	free(b);
	free(c);
}
END_TEST

START_TEST(the_projection_in_use_can_be_had)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 5, 6 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 7, 6 });
	attend_parameter(&attend, "seed=12");
	attend_open(&attend, "performer");
	int64_t rows, dim;
	const double *w = performer_projection(attend.source, 0, 0, &rows, &dim);
	ck_assert_int_eq(rows, 10); /* int(6 ln 6) */
	ck_assert_int_eq(dim, 6);
	double *same = drawn(12, 10, 6, true, false);
	ck_assert_mem_eq(w, same, 60 * sizeof *w);
	ck_assert_ptr_nonnull(strstr(attend.source->note, "seed 12"));
	free(same);
	attend_expect_itself(&attend);
	attend_release(&attend);
}
END_TEST

/* Mean relative Frobenius error against the softmax, over seeds. Vectors are short: the variance grows as e^|q + k|^2, and with long ones a few rare features carry
 * the mean until their number is very large. */
static double mean_error(int features_drawn, int seeds)
{
	enum { N = 24, D = 8 };
	double exact[N * N], mean = 0;
	for (int seed = 0; seed < seeds; seed++) {
		struct attend attend;
		char rows[32], seed_text[32];
		attend_init(&attend);
		struct vector q = attend_formula(&attend, "query", 1, 0.5, 2, (int64_t[]){ N, D });
		struct vector k = attend_formula(&attend, "key", 2, 0.5, 2, (int64_t[]){ N, D });
		snprintf(rows, sizeof rows, "features=%d", features_drawn);
		snprintf(seed_text, sizeof seed_text, "seed=%d", seed);
		attend_parameter(&attend, rows);
		attend_parameter(&attend, seed_text);
		attend_parameter(&attend, "eps=0");
		attend_open(&attend, "performer");
		double *approximate = attend_matrix(&attend, 0), difference = 0, total = 0;
		for (int i = 0; i < N * N; i++)
			exact[i] = definition_dot(q.data + i / N * D, k.data + i % N * D, D) / sqrt(D);
		definition_softmax(exact, N, N);
		for (int i = 0; i < N * N; i++) {
			difference += (exact[i] - approximate[i]) * (exact[i] - approximate[i]);
			total += exact[i] * exact[i];
		}
		mean += sqrt(difference / total) / seeds;
		free(approximate);
		attend_release(&attend);
	}
	return mean;
}

START_TEST(the_error_falls_with_the_root_of_the_number_of_features)
{
	double slope = log(mean_error(1024, 12) / mean_error(64, 12)) / log(16);
	ck_assert_double_gt(slope, -0.6);
	ck_assert_double_lt(slope, -0.4);
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 5, 6 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 7, 6 });
	attend_parameter(&attend, "features=-1");
	attend_refused(&attend, "performer", ERR_USAGE, "features=-1");
	attend_parameter(&attend, "eps=-1");
	attend_refused(&attend, "performer", ERR_USAGE, "eps=-1");
	attend_parameter(&attend, "eps=0");
	attend_formula(&attend, "projection", 1, 1, 2, (int64_t[]){ 6, 8 });
	attend_refused(&attend, "performer", ERR_SHAPE, "projection (6, 8) (any, 6) --input projection=FILE[:NAME]");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("performer");
	TCase *tcase = tcase_create("performer");
	tcase_add_test(tcase, positive_features_with_and_without_epsilon);
	tcase_add_test(tcase, every_kind_follows_its_definition);
	tcase_add_test(tcase, large_vectors_do_not_underflow);
	tcase_add_test(tcase, drawn_blocks_are_orthogonal);
	tcase_add_test(tcase, norms_of_drawn_rows_are_those_of_gaussian_vectors);
	tcase_add_test(tcase, a_seed_gives_one_projection_and_another_seed_another);
	tcase_add_test(tcase, the_projection_in_use_can_be_had);
	tcase_add_test(tcase, the_error_falls_with_the_root_of_the_number_of_features);
	tcase_add_test(tcase, what_is_wrong_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
