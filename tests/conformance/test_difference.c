/* SPDX-License-Identifier: MIT */
/* Approximations against exact attention, heads against heads, and short contexts against the whole: vectors 10, 11, 12, 13, 34 and 35. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/difference.h"
#include "mechanism/context.h"
#include "support/attend.h"
#include "support/near.h"
#include "support/suite.h"

static const int64_t all_rows[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* An exact comparison of the rows from `first` on, and the same in tiles, which must agree. */
static void compare_from(int64_t first, const struct source *a, const struct source *b, bool outputs, double value[DIFFERENCE_COUNT])
{
	const struct driver_options options = { .threads = 2 };
	struct difference_request request = { .a = a, .b = b, .options = &options, .row = all_rows + first, .row_count = a->queries - first, .exact = true, .outputs = outputs };
	struct difference exact = { 0 }, tiles = { 0 };
	struct err_info info = { 0 };
	double by_tiles[DIFFERENCE_COUNT];
	ck_assert_int_eq(difference_check(a, b, &info), ERR_OK);
	ck_assert_int_eq(difference_run(&request, 0, &exact, &info), ERR_OK);
	request.exact = false;
	ck_assert_int_eq(difference_run(&request, 0, &tiles, &info), ERR_OK);
	difference_values(&exact, outputs, value);
	difference_values(&tiles, outputs, by_tiles);
	for (int i = 0; i < DIFFERENCE_COUNT; i++)
		if (!isnan(value[i]) && isfinite(value[i]))
			ASSERT_NEAR(value[i] - by_tiles[i], 2e-5);
}

static void compare(const struct source *a, const struct source *b, bool outputs, double value[DIFFERENCE_COUNT])
{
	compare_from(0, a, b, outputs, value);
}

static double named(const double value[DIFFERENCE_COUNT], const char *name)
{
	for (int i = 0; i < DIFFERENCE_COUNT; i++)
		if (strcmp(difference_names[i], name) == 0)
			return value[i];
	ck_abort_msg("no number is called %s", name);
	return NAN;
}

static void bind(struct attend *attend, struct vectors *vectors, const char *q, const char *k, const char *v)
{
	attend_init(attend);
	attend_input(attend, "query", vectors_get(vectors, q));
	attend_input(attend, "key", vectors_get(vectors, k));
	if (v)
		attend_input(attend, "value", vectors_get(vectors, v));
}

static void expect_named(struct vectors *vectors, const char *group, const double value[DIFFERENCE_COUNT])
{
	static const struct { const char *path, *name; } pairs[] = {
		{ "rel_fro", "rel_fro" }, { "max_abs", "max_abs" }, { "kl_mean", "kl" }, { "rel_output_fro", "output_error" }, { "top1_agreement", "top1" },
	};
	char path[128];
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		snprintf(path, sizeof path, "%s/%s", group, pairs[i].path);
		ASSERT_NEAR(named(value, pairs[i].name) - vectors_real(vectors, path), 1e-12);
	}
	snprintf(path, sizeof path, "%s/l1_per_row", group);
	struct vector l1 = vectors_get(vectors, path);
	snprintf(path, sizeof path, "%s/kl_exact_to_approx_per_row", group);
	struct vector kl = vectors_get(vectors, path);
	double sum = 0, most = 0;
	for (int64_t i = 0; i < l1.count; i++) {
		sum += l1.data[i];
		most = fmax(most, kl.data[i]);
	}
	ASSERT_NEAR(named(value, "l1") - sum / (double)l1.count, 1e-12);
	ASSERT_NEAR(named(value, "kl_max") - most, 1e-12);
}

START_TEST(block_sparse_attention_against_exact)
{
	struct vectors *vectors = vectors_open("10_bigbird");
	struct attend a, b;
	bind(&a, vectors, "inputs/Q", "inputs/K", "inputs/V");
	bind(&b, vectors, "inputs/Q", "inputs/K", "inputs/V");
	attend_input(&a, "block_table", vectors_get(vectors, "params/rand_blocks_for_query_blocks_1_to_6"));
	attend_parameter(&a, "block=2");
	attend_open(&a, "bigbird");
	attend_open(&b, "softmax");
	double value[DIFFERENCE_COUNT];
	compare(a.source, b.source, true, value);
	ASSERT_NEAR(named(value, "output_error") - vectors_real(vectors, "expected/rel_output_error_fro"), 1e-12);
	attend_release(&a);
	attend_release(&b);
	vectors_close(vectors);
}
END_TEST

START_TEST(linear_attention_against_exact)
{
	struct vectors *vectors = vectors_open("11_linear_attention");
	for (int causal = 0; causal < 2; causal++) {
		struct attend a, b;
		double value[DIFFERENCE_COUNT];
		bind(&a, vectors, "inputs/Q", "inputs/K", "inputs/V");
		bind(&b, vectors, "inputs/Q", "inputs/K", "inputs/V");
		a.args.causal = b.args.causal = causal ? CAUSAL_TOP_LEFT : CAUSAL_NONE;
		attend_open(&a, "linear");
		attend_open(&b, "softmax");
		compare(a.source, b.source, true, value);
		expect_named(vectors, causal ? "expected/metrics_vs_softmax_causal" : "expected/metrics_vs_softmax_noncausal", value);
		attend_release(&a);
		attend_release(&b);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(performer_against_exact)
{
	static const struct { const char *eps, *kind, *group; } forms[] = {
		{ "eps=0", "kind=exp", "expected/metrics_eps0" },
		{ "eps=1e-4", "kind=exp", "expected/metrics_eps1e-4" },
		{ "eps=0", "kind=hyperbolic", "expected/metrics_hyperbolic" },
	};
	struct vectors *vectors = vectors_open("12_performer");
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct attend a, b;
		double value[DIFFERENCE_COUNT];
		bind(&a, vectors, "inputs/Q", "inputs/K", "inputs/V");
		bind(&b, vectors, "inputs/Q", "inputs/K", "inputs/V");
		attend_input(&a, "projection", vectors_get(vectors, "inputs/projection_matrix"));
		attend_parameter(&a, forms[i].eps);
		attend_parameter(&a, forms[i].kind);
		attend_open(&a, "performer");
		attend_open(&b, "softmax");
		compare(a.source, b.source, true, value);
		expect_named(vectors, forms[i].group, value);
		attend_release(&a);
		attend_release(&b);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(linformer_against_exact)
{
	struct vectors *vectors = vectors_open("13_linformer");
	struct attend a, b;
	double value[DIFFERENCE_COUNT];
	bind(&a, vectors, "inputs/Q", "inputs/K", "inputs/V");
	bind(&b, vectors, "inputs/Q", "inputs/K", "inputs/V");
	attend_input(&a, "proj_k", vectors_get(vectors, "inputs/E_proj_k"));
	attend_input(&a, "proj_v", vectors_get(vectors, "inputs/F_proj_v"));
	attend_open(&a, "linformer");
	attend_open(&b, "softmax");
	compare(a.source, b.source, true, value);
	ASSERT_NEAR(named(value, "rel_fro") - vectors_real(vectors, "expected/rel_fro_effective_vs_exact"), 1e-12);
	ASSERT_NEAR(named(value, "output_error") - vectors_real(vectors, "expected/rel_output_fro"), 1e-12);
	ck_assert_msg(isnan(named(value, "kl")) && isnan(named(value, "js")), "a signed map has no divergence");
	attend_release(&a);
	attend_release(&b);
	vectors_close(vectors);
}
END_TEST

START_TEST(two_heads)
{
	struct vectors *vectors = vectors_open("35_metrics");
	struct attend a, b;
	double value[DIFFERENCE_COUNT];
	bind(&a, vectors, "inputs/Q_A", "inputs/K_A", NULL);
	bind(&b, vectors, "inputs/Q_B", "inputs/K_B", NULL);
	a.args.causal = b.args.causal = CAUSAL_TOP_LEFT;
	attend_open(&a, "softmax");
	attend_open(&b, "softmax");
	compare(a.source, b.source, false, value);
	ASSERT_NEAR(named(value, "js") - vectors_real(vectors, "expected/JS_mean"), 1e-12);
	ASSERT_NEAR(named(value, "cosine") - vectors_real(vectors, "expected/cosine_flat"), 1e-12);
	double *of_a = attend_matrix(&a, 0), *of_b = attend_matrix(&b, 0);
	ASSERT_NEAR(difference_cka(of_a, of_b, 6, 6) - vectors_real(vectors, "expected/linear_CKA_rows"), 1e-12);
	ASSERT_NEAR(difference_effective_rank(of_a, 6, 6) - vectors_real(vectors, "expected/effective_rank_exp_entropy_of_singular_values"), 1e-11);
	/* The vector's Frobenius norm is relative to A: hold B against A. */
	compare(b.source, a.source, false, value);
	ASSERT_NEAR(named(value, "rel_fro") - vectors_real(vectors, "expected/rel_fro_A_B"), 1e-12);
	free(of_a);
	free(of_b);
	attend_release(&a);
	attend_release(&b);
	vectors_close(vectors);
}
END_TEST

static void set_policy(struct mechanism_args *args, int policy)
{
	args->causal = CAUSAL_TOP_LEFT;
	args->window_left = policy == 0 || policy == 2 ? 3 : -1;
	args->chunk = policy == 1 ? 4 : 0;
	args->keep_first = policy == 2 ? 1 : 0;
	args->key_begin = policy == 3 ? 4 : 0;
}

START_TEST(short_contexts_lose_output)
{
	static const char *const policies[] = { "sliding_4", "chunk_4", "sliding_4_sink_1", "truncate_last_8" };
	struct vectors *vectors = vectors_open("34_context_windows");
	for (int policy = 0; policy < 4; policy++) {
		struct attend a, b;
		double value[DIFFERENCE_COUNT], kept[12], mean = 0;
		char path[96];
		struct err_info info = { 0 };
		bind(&a, vectors, "inputs/Q", "inputs/K", "inputs/V");
		bind(&b, vectors, "inputs/Q", "inputs/K", "inputs/V");
		set_policy(&a.args, policy);
		b.args.causal = CAUSAL_TOP_LEFT;
		attend_open(&a, "softmax");
		attend_open(&b, "softmax");
		/* The vector leaves out the queries that see nothing. */
		compare_from(policy == 3 ? 4 : 0, a.source, b.source, true, value);
		snprintf(path, sizeof path, "expected/%s/rel_output_error_fro", policies[policy]);		ASSERT_NEAR(named(value, "output_error") - vectors_real(vectors, path), 1e-12);
		ck_assert_int_eq(context_kept_mass(a.source, b.source, 0, NULL, kept, &info), ERR_OK);
		for (int i = policy == 3 ? 4 : 0; i < 12; i++)
			mean += kept[i] / (policy == 3 ? 8 : 12);
		snprintf(path, sizeof path, "expected/%s/mean_kept", policies[policy]);
		ASSERT_NEAR(mean - vectors_real(vectors, path), 2e-6);
		attend_release(&a);
		attend_release(&b);
	}
	vectors_close(vectors);
}
END_TEST

/* The variance of random features falls as 1 / m, so that errors fall as m^(-1/2). */
START_TEST(random_features_converge_with_slope_one_half)
{
	enum { TOKENS = 24, DIM = 8, SEEDS = 12, STEPS = 4 };
	int64_t rows[TOKENS];
	double x[STEPS], y[STEPS], sum_x = 0, sum_y = 0, xx = 0, xy = 0;
	struct attend exact;
	attend_init(&exact);
	struct vector q = attend_formula(&exact, "query", 3, 0.4, 2, (const int64_t[]){ TOKENS, DIM });
	struct vector k = attend_formula(&exact, "key", 7, 0.4, 2, (const int64_t[]){ TOKENS, DIM });
	attend_open(&exact, "softmax");
	for (int i = 0; i < TOKENS; i++)
		rows[i] = i;
	for (int step = 0; step < STEPS; step++) {
		double error = 0;
		int features = 16 << (2 * step);
		for (int seed = 0; seed < SEEDS; seed++) {
			struct attend drawn;
			char count[32], number[32];
			double value[DIFFERENCE_COUNT];
			struct difference difference = { 0 };
			struct err_info info = { 0 };
			snprintf(count, sizeof count, "features=%d", features);
			snprintf(number, sizeof number, "seed=%d", seed);
			attend_init(&drawn);
			attend_input(&drawn, "query", q);
			attend_input(&drawn, "key", k);
			attend_parameter(&drawn, count);
			attend_parameter(&drawn, number);
			attend_open(&drawn, "performer");
			const struct driver_options options = { .threads = 1 };
			const struct difference_request request = { .a = drawn.source, .b = exact.source, .options = &options, .row = rows, .row_count = TOKENS, .exact = true };
			ck_assert_int_eq(difference_run(&request, 0, &difference, &info), ERR_OK);
			difference_values(&difference, false, value);
			error += value[0] / SEEDS;
			attend_release(&drawn);
		}
		x[step] = log(features);
		y[step] = log(error);
		sum_x += x[step];
		sum_y += y[step];
		xx += x[step] * x[step];
		xy += x[step] * y[step];
	}
	double slope = (STEPS * xy - sum_x * sum_y) / (STEPS * xx - sum_x * sum_x);
	ck_assert_msg(slope > -0.6 && slope < -0.4, "the slope is %g", slope);
	attend_release(&exact);
}
END_TEST

START_TEST(pictures_of_differences_keep_the_largest_with_its_sign)
{
	float cell[2 * 2] = { NAN, NAN, NAN, NAN };
	const bool all[4] = { true, true, true, true }, first[4] = { true, false, false, false };
	const double a[4] = { 0.1, 0.6, 0.3, 0 }, b[4] = { 0.2, 0.1, 0.2, 0.5 };
	difference_pool(a, b, all, 4, 0, 4, cell, 2, 2);
	difference_pool(b, a, all, 4, 3, 4, cell, 2, 2);
	const float wanted[4] = { 0.5f, -0.5f, -0.5f, 0.5f };
	for (int i = 0; i < 4; i++)
		ASSERT_NEAR((double)(cell[i] - wanted[i]), 1e-7);

	/* What neither sees is no difference of 0. */
	cell[0] = cell[1] = NAN;
	difference_pool(a, b, first, 4, 0, 4, cell, 2, 2);
	ASSERT_NEAR((double)(cell[0] + 0.1f), 1e-7);
	ck_assert(isnan(cell[1]));
}
END_TEST

START_TEST(divergence_is_infinite_where_all_mass_is_lost)
{
	struct difference difference = { 0 };
	const double a[3] = { 1, 0, 0 }, b[3] = { 0, 0.5, 0.5 }, none[3] = { 0 };
	struct row_difference row = difference_row(a, b, 3, false);
	difference_add(&difference, &row);
	ck_assert_msg(isinf(row.kl) && !row.top1 && row.top5 == 0, "kl is %g", row.kl);
	ASSERT_NEAR(row.js - log(2), 1e-15);
	row = difference_row(a, none, 3, false);
	difference_add(&difference, &row);
	ck_assert_msg(!row.counts && difference.rows == 1, "a row in which nothing is seen does not count");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("difference");
	TCase *tcase = tcase_create("difference");
	tcase_add_test(tcase, block_sparse_attention_against_exact);
	tcase_add_test(tcase, linear_attention_against_exact);
	tcase_add_test(tcase, performer_against_exact);
	tcase_add_test(tcase, linformer_against_exact);
	tcase_add_test(tcase, two_heads);
	tcase_add_test(tcase, short_contexts_lose_output);
	tcase_add_test(tcase, random_features_converge_with_slope_one_half);
	tcase_add_test(tcase, pictures_of_differences_keep_the_largest_with_its_sign);
	tcase_add_test(tcase, divergence_is_infinite_where_all_mass_is_lost);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
