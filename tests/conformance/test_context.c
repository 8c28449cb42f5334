/* SPDX-License-Identifier: MIT */
/* Context windows: vector 34, and kept mass against the full weights themselves. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mechanism/context.h"
#include "support/attend.h"
#include "support/suite.h"

/* What a policy sets. The file's means are over rows that see something in their window. */
static void set_sliding(struct mechanism_args *args)
{
	args->window_left = 3;
}

static void set_chunk(struct mechanism_args *args)
{
	args->chunk = 4;
}

static void set_sink(struct mechanism_args *args)
{
	args->window_left = 3;
	args->keep_first = 1;
}

static void set_truncate(struct mechanism_args *args)
{
	args->key_begin = 4;
}

static void nothing(struct mechanism_args *args)
{
	(void)args;
}

static const struct {
	const char *name;
	void (*set)(struct mechanism_args *args);
} policies[] = { { "sliding_4", set_sliding }, { "chunk_4", set_chunk }, { "sliding_4_sink_1", set_sink }, { "truncate_last_8", set_truncate } };

static void open_causal(struct attend *attend, struct vector q, struct vector k, struct vector v, void (*set)(struct mechanism_args *args))
{
	attend_init(attend);
	attend_input(attend, "query", q);
	attend_input(attend, "key", k);
	if (v.data)
		attend_input(attend, "value", v);
	attend->args.causal = CAUSAL_TOP_LEFT;
	set(&attend->args);
	attend_open(attend, "softmax");
}

START_TEST(kept_mass_of_every_policy)
{
	struct vectors *vectors = vectors_open("34_context_windows");
	char path[96];
	struct vector q = vectors_get(vectors, "inputs/Q"), k = vectors_get(vectors, "inputs/K"), v = vectors_get(vectors, "inputs/V");
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		struct attend full, window;
		double kept[12], sum = 0;
		int seeing = 0;
		open_causal(&full, q, k, v, nothing);
		open_causal(&window, q, k, v, policies[i].set);
		ck_assert_int_eq(context_kept_mass(window.source, full.source, 0, NULL, kept, &full.info), ERR_OK);
		snprintf(path, sizeof path, "expected/%s/kept_mass_per_row", policies[i].name);
		ck_assert_double_lt(vectors_distance(kept, vectors_get(vectors, path).data, 12), 2e-6);
		for (int row = 0; row < 12; row++) {
			sum += kept[row];
			seeing += kept[row] > 0;
		}
		snprintf(path, sizeof path, "expected/%s/mean_kept", policies[i].name);
		ck_assert_double_eq_tol(sum / seeing, vectors_real(vectors, path), 2e-6);
		double *matrix = attend_matrix(&window, 0);
		snprintf(path, sizeof path, "expected/%s/last_row_W", policies[i].name);
		ck_assert_double_lt(vectors_distance(matrix + 11 * 12, vectors_get(vectors, path).data, 12), 1e-12);
		free(matrix);
		attend_release(&full);
		attend_release(&window);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(kept_mass_is_the_full_weight_within_the_window)
{
	enum { N = 130, D = 4 };
	struct attend arrays;
	attend_init(&arrays);
	struct vector q = attend_formula(&arrays, NULL, 41, 3, 2, (int64_t[]){ N, D }), k = attend_formula(&arrays, NULL, 42, 3, 2, (int64_t[]){ N, D });
	double kept[N];
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		struct vector none = { 0 };
		struct attend a, b;
		open_causal(&a, q, k, none, nothing);
		open_causal(&b, q, k, none, policies[i].set);
		ck_assert_int_eq(context_kept_mass(b.source, a.source, 0, NULL, kept, &a.info), ERR_OK);
		double *weight = attend_matrix(&a, 0);
		for (int row = 0; row < N; row++) {
			double mass = 0;
			for (int key = 0; key < N; key++)
				mass += b.source->ops->visible(b.source, 0, row, key) ? weight[row * N + key] : 0;
			ck_assert_double_eq_tol(kept[row], mass, 5e-6);
		}
		free(weight);
		attend_release(&a);
		attend_release(&b);
	}
	attend_release(&arrays);
}
END_TEST

START_TEST(rows_that_see_nothing_have_their_limits)
{
	ck_assert_double_eq(context_kept(-INFINITY, 3), 0);
	ck_assert_double_infinite(context_divergence(-INFINITY, 3));
	ck_assert_double_nan(context_kept(-INFINITY, -INFINITY));
	ck_assert_double_nan(context_divergence(-INFINITY, -INFINITY));
	ck_assert_double_eq(context_kept(3.0000001, 3), 1);
	ck_assert_double_eq(context_divergence(3.0000001, 3), 0);
	ck_assert_double_eq_tol(context_divergence(1, 3), -log(context_kept(1, 3)), 1e-15);
}
END_TEST

START_TEST(weights_without_a_softmax_are_refused)
{
	struct attend attend;
	double lse[3];
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 3, 2 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 3, 2 });
	attend_open(&attend, "linear");
	ck_assert_int_eq(context_lse(attend.source, 0, NULL, lse, &attend.info), ERR_USAGE);
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("context");
	TCase *tcase = tcase_create("context");
	tcase_add_test(tcase, kept_mass_of_every_policy);
	tcase_add_test(tcase, kept_mass_is_the_full_weight_within_the_window);
	tcase_add_test(tcase, rows_that_see_nothing_have_their_limits);
	tcase_add_test(tcase, weights_without_a_softmax_are_refused);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
