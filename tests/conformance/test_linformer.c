/* SPDX-License-Identifier: MIT */
/* Linformer: vector 13, and the definition of both matrices at other sizes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void bind(struct attend *attend, struct vectors *vectors)
{
	attend_init_vectors(attend, vectors);
	attend_input(attend, "proj_k", vectors_get(vectors, "inputs/E_proj_k"));
	attend_input(attend, "proj_v", vectors_get(vectors, "inputs/F_proj_v"));
}

START_TEST(queries_by_slots)
{
	struct vectors *vectors = vectors_open("13_linformer");
	struct attend attend;
	bind(&attend, vectors);
	attend_parameter(&attend, "map=slots");
	attend_open(&attend, "linformer");
	ck_assert_int_eq(attend.source->keys, 3);
	ck_assert(!attend.source->is_signed && attend.source->is_stochastic);
	attend_expect(&attend, 0, vectors_get(vectors, "expected/P_n_by_k").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(effective_weights_are_signed_and_give_the_output)
{
	struct vectors *vectors = vectors_open("13_linformer");
	struct attend attend;
	bind(&attend, vectors);
	attend_open(&attend, "linformer");
	ck_assert(attend.source->is_signed && !attend.source->is_stochastic);
	attend_expect(&attend, 0, vectors_get(vectors, "expected/effective_n_by_n").data, 1e-12);
	attend_expect_output(&attend, 0, vectors_get(vectors, "expected/O").data, 1e-12);
	double *matrix = attend_matrix(&attend, 0);
	int negative = 0;
	for (int i = 0; i < 36; i++)
		negative += matrix[i] < 0;
	ck_assert_int_eq(negative, vectors_int(vectors, "expected/n_negative_effective_weights"));
	free(matrix);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

/* Projections longer than the keys, either order of axes, shared or not, grouped key heads. */
static void check_definition(int64_t queries, int64_t keys, int64_t slots, int64_t trained, bool transposed, bool shared)
{
	enum { DIM = 5, HEADS = 4, KEY_HEADS = 2 };
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 1, 3, (int64_t[]){ HEADS, queries, DIM });
	struct vector k = attend_formula(&attend, "key", 2, 1, 3, (int64_t[]){ KEY_HEADS, keys, DIM });
	int64_t axes[] = { transposed ? slots : trained, transposed ? trained : slots };
	struct vector e = attend_formula(&attend, "proj_k", 3, 0.3, 2, axes);
	struct vector f = shared ? e : attend_formula(&attend, "proj_v", 4, 0.3, 2, axes);
	int64_t token_step = transposed ? 1 : slots, slot_step = transposed ? trained : 1;
	attend_parameter(&attend, transposed ? "order=kn" : "order=nk");
	attend_open(&attend, "linformer");
	double *expected = malloc((size_t)(queries * keys) * sizeof *expected), *p = malloc((size_t)(queries * slots) * sizeof *p);
	for (int64_t h = 0; h < HEADS; h++) {
		for (int64_t i = 0; i < queries * slots; i++) {
			p[i] = 0;
			for (int64_t j = 0; j < keys; j++)
				p[i] += e.data[j * token_step + i % slots * slot_step] *
					definition_dot(q.data + (h * queries + i / slots) * DIM, k.data + (h / 2 * keys + j) * DIM, DIM) / sqrt(DIM);
		}
		definition_softmax(p, queries, slots);
		for (int64_t i = 0; i < queries * keys; i++) {
			expected[i] = 0;
			for (int64_t r = 0; r < slots; r++)
				expected[i] += p[i / keys * slots + r] * f.data[i % keys * token_step + r * slot_step];
		}
		attend_expect(&attend, h, expected, 1e-12);
	}
	free(expected);
	free(p);
	attend_release(&attend);
}

START_TEST(definition_at_sizes_around_the_tiles)
{
	check_definition(1, 1, 1, 1, false, true);
	check_definition(49, 130, 7, 130, false, false);
	check_definition(20, 257, 40, 300, true, false);
	check_definition(20, 31, 33, 31, true, true);
}
END_TEST

START_TEST(what_is_missing_or_impossible_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 9, 4 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 9, 4 });
	attend_refused(&attend, "linformer", ERR_USAGE, "proj_k (M,k') --input proj_k=FILE[:NAME]");
	attend_formula(&attend, "proj_k", 2, 1, 2, (int64_t[]){ 3, 9 });
	attend_refused(&attend, "linformer", ERR_SHAPE, "proj_k (3, 9) 9 order=kn");
	attend_parameter(&attend, "order=kn");
	attend_formula(&attend, "proj_v", 2, 1, 2, (int64_t[]){ 4, 9 });
	attend_refused(&attend, "linformer", ERR_SHAPE, "proj_v (4, 9) (3, any)");
	attend.args.causal = CAUSAL_TOP_LEFT;
	attend_refused(&attend, "linformer", ERR_USAGE, "linformer mask");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("linformer");
	TCase *tcase = tcase_create("linformer");
	tcase_add_test(tcase, queries_by_slots);
	tcase_add_test(tcase, effective_weights_are_signed_and_give_the_output);
	tcase_add_test(tcase, definition_at_sizes_around_the_tiles);
	tcase_add_test(tcase, what_is_missing_or_impossible_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
