/* SPDX-License-Identifier: MIT */
/* Absolute positions: vector 17, and the four terms of content and position. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mechanism/sinusoid.h"
#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

START_TEST(both_forms_of_the_table)
{
	struct vectors *vectors = vectors_open("17_sinusoidal");
	struct vector interleaved = vectors_get(vectors, "expected/vaswani"), halves = vectors_get(vectors, "expected/whisper_t2t");
	for (int p = 0; p < 6; p++) {
		double row[8];
		sinusoid_row(SINUSOID_INTERLEAVED, p, 8, row);
		ck_assert_double_lt(vectors_distance(row, interleaved.data + p * 8, 8), 1e-12);
		sinusoid_row(SINUSOID_HALVES, p, 8, row);
		ck_assert_double_lt(vectors_distance(row, halves.data + p * 8, 8), 1e-12);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(products_of_positions_are_their_gram_matrix)
{
	struct vectors *vectors = vectors_open("17_sinusoidal");
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "content", 1, 1, 2, (int64_t[]){ 6, 8 });
	attend_parameter(&attend, "part=pp");
	attend.args.scale = 1;
	attend.args.stage = STAGE_SCORES;
	attend_open(&attend, "sinusoidal");
	attend_expect(&attend, 0, vectors_get(vectors, "expected/gram_vaswani").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

enum { BATCHES = 2, HEADS = 2, TOKENS = 70, WIDTH = 6, DIM = 5 };

/* W x + b of one head, for x of one token. */
static void project(const struct vector *matrix, const struct vector *bias, int64_t head, const double *x, double *out)
{
	for (int64_t d = 0; d < DIM; d++)
		out[d] = (bias ? bias->data[head * DIM + d] : 0) + definition_dot(matrix->data + (head * DIM + d) * WIDTH, x, WIDTH);
}

static void check_part(const char *part, bool query_content, bool query_position, bool key_content, bool key_position, double *sum)
{
	struct attend attend;
	char text[16];
	attend_init(&attend);
	struct vector e = attend_formula(&attend, "content", 1, 1, 3, (int64_t[]){ BATCHES, TOKENS, WIDTH });
	struct vector p = attend_formula(&attend, "position", 2, 1, 2, (int64_t[]){ TOKENS + 9, WIDTH });
	struct vector wq = attend_formula(&attend, "W_Q", 3, 1, 2, (int64_t[]){ HEADS * DIM, WIDTH });
	struct vector wk = attend_formula(&attend, "W_K", 4, 1, 2, (int64_t[]){ HEADS * DIM, WIDTH });
	struct vector bq = attend_formula(&attend, "b_Q", 5, 1, 1, (int64_t[]){ HEADS * DIM });
	snprintf(text, sizeof text, "part=%s", part);
	attend_parameter(&attend, text);
	attend_parameter(&attend, "heads=2");
	attend_parameter(&attend, "first=3");
	attend.args.stage = STAGE_SCORES;
	attend_open(&attend, "sinusoidal");
	double *expected = malloc(TOKENS * TOKENS * sizeof *expected);
	for (int64_t map = 0; map < BATCHES * HEADS; map++) {
		for (int64_t pair = 0; pair < TOKENS * TOKENS; pair++) {
			double x[WIDTH], y[WIDTH], q[DIM], k[DIM];
			for (int c = 0; c < WIDTH; c++) {
				x[c] = (query_content ? e.data[(map / HEADS * TOKENS + pair / TOKENS) * WIDTH + c] : 0) +
				       (query_position ? p.data[(pair / TOKENS + 3) * WIDTH + c] : 0);
				y[c] = (key_content ? e.data[(map / HEADS * TOKENS + pair % TOKENS) * WIDTH + c] : 0) +
				       (key_position ? p.data[(pair % TOKENS + 3) * WIDTH + c] : 0);
			}
			project(&wq, query_content ? &bq : NULL, map % HEADS, x, q);
			project(&wk, NULL, map % HEADS, y, k);
			expected[pair] = definition_dot(q, k, DIM) / sqrt(DIM);
		}
		attend_expect(&attend, map, expected, 1e-12);
		for (int64_t pair = 0; pair < TOKENS * TOKENS; pair++)
			sum[map * TOKENS * TOKENS + pair] += expected[pair];
	}
	free(expected);
	attend_release(&attend);
}

START_TEST(the_four_terms_follow_their_definition_and_add_up)
{
	static double terms[BATCHES * HEADS * TOKENS * TOKENS], all[BATCHES * HEADS * TOKENS * TOKENS];
	check_part("cc", true, false, true, false, terms);
	check_part("cp", true, false, false, true, terms);
	check_part("pc", false, true, true, false, terms);
	check_part("pp", false, true, false, true, terms);
	check_part("all", true, true, true, true, all);
	ck_assert_double_lt(vectors_distance(terms, all, BATCHES * HEADS * TOKENS * TOKENS), 1e-12);
}
END_TEST

START_TEST(causal_heads_without_projections)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "content", 1, 1, 2, (int64_t[]){ 40, 6 });
	attend_parameter(&attend, "heads=3");
	attend_parameter(&attend, "form=halves");
	attend.args.causal = CAUSAL_TOP_LEFT;
	attend.args.dead_rows = DEAD_ROWS_UNIFORM;
	attend_open(&attend, "sinusoidal");
	ck_assert_int_eq(source_maps(attend.source), 3);
	attend_expect_itself(&attend);
	attend_release(&attend);
}
END_TEST

START_TEST(what_is_missing_or_ill_shaped_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_refused(&attend, "sinusoidal", ERR_USAGE, "content --input content=FILE[:NAME]");
	attend_formula(&attend, "content", 1, 1, 2, (int64_t[]){ 7, 6 });
	attend_formula(&attend, "W_Q", 1, 1, 2, (int64_t[]){ 8, 6 });
	attend_refused(&attend, "sinusoidal", ERR_SHAPE, "W_Q 8 W_K 6");
	attend_formula(&attend, "W_K", 1, 1, 2, (int64_t[]){ 8, 6 });
	attend_parameter(&attend, "heads=3");
	attend_refused(&attend, "sinusoidal", ERR_USAGE, "heads=3 8");
	attend_formula(&attend, "position", 1, 1, 2, (int64_t[]){ 5, 6 });
	attend_refused(&attend, "sinusoidal", ERR_SHAPE, "position (5, 6) 7 rows");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sinusoidal");
	TCase *tcase = tcase_create("sinusoidal");
	tcase_add_test(tcase, both_forms_of_the_table);
	tcase_add_test(tcase, products_of_positions_are_their_gram_matrix);
	tcase_add_test(tcase, the_four_terms_follow_their_definition_and_add_up);
	tcase_add_test(tcase, causal_heads_without_projections);
	tcase_add_test(tcase, what_is_missing_or_ill_shaped_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
