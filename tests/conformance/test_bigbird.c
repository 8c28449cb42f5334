/* SPDX-License-Identifier: MIT */
/* Block-sparse attention: vector 10, and the definition written out for other patterns. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void bind(struct attend *attend, struct vectors *vectors)
{
	attend_init_vectors(attend, vectors);
	attend_parameter(attend, "block=2");
}

START_TEST(global_window_and_random_blocks)
{
	struct vectors *vectors = vectors_open("10_bigbird");
	struct attend attend;
	bind(&attend, vectors);
	attend_input(&attend, "block_table", vectors_get(vectors, "params/rand_blocks_for_query_blocks_1_to_6"));
	attend_open(&attend, "bigbird");
	attend_expect(&attend, 0, vectors_get(vectors, "expected/W").data, 1e-12);
	attend_expect_output(&attend, 0, vectors_get(vectors, "expected/O").data, 1e-12);
	int64_t allowed = 0;
	for (int64_t row = 0; row < 16; row++)
		allowed += attend.source->ops->support(attend.source, 0, row);
	ck_assert_int_eq(allowed, vectors_int(vectors, "expected/n_allowed"));
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(repeated_blocks_count_as_often_as_kernels_concatenate_them)
{
	struct vectors *vectors = vectors_open("10_bigbird");
	struct attend attend;
	bind(&attend, vectors);
	attend_parameter(&attend, "zeros=3");
	attend_parameter(&attend, "repeats=count");
	attend_parameter(&attend, "dense=never");
	attend_open(&attend, "bigbird");
	struct vector effective = vectors_get(vectors, "expected/hf_eval_r3_effective_W");
	attend_expect(&attend, 0, effective.data, 1e-12);
	attend_expect_output(&attend, 0, vectors_get(vectors, "expected/hf_eval_r3_O").data, 1e-12);
	attend_release(&attend);

	/* The same from a mask that holds the multiplicities. */
	bind(&attend, vectors);
	attend_input(&attend, "block_mask", vectors_get(vectors, "expected/hf_eval_r3_multiplicity_blocks"));
	attend_open(&attend, "bigbird");
	attend_expect(&attend, 0, effective.data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

/* One copy of each key is what the dump of that model shows: its rows sum to less than 1. */
START_TEST(one_copy_of_the_effective_weights_is_what_a_dump_shows)
{
	struct vectors *vectors = vectors_open("10_bigbird");
	struct attend attend;
	bind(&attend, vectors);
	attend_parameter(&attend, "zeros=3");
	attend_parameter(&attend, "repeats=shown");
	attend_parameter(&attend, "dense=never");
	attend_open(&attend, "bigbird");
	ck_assert(!attend.source->is_stochastic && !attend.source->is_signed && !attend.source->values);
	attend_expect(&attend, 0, vectors_get(vectors, "expected/hf_eval_r3_visible_attention_probs").data, 1e-12);
	struct vector sums = vectors_get(vectors, "expected/hf_eval_r3_visible_row_sums");
	double *matrix = attend_matrix(&attend, 0);
	for (int row = 0; row < 16; row++) {
		double sum = 0;
		for (int key = 0; key < 16; key++)
			sum += matrix[row * 16 + key];
		ck_assert_double_eq_tol(sum, sums.data[row], 1e-12);
	}
	free(matrix);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(short_sequences_attend_fully)
{
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 14, 4 });
	struct vector k = attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 14, 4 });
	attend_formula(&attend, "block_table", 0, 0, 2, (int64_t[]){ 5, 1 });
	attend_parameter(&attend, "block=2");
	attend_open(&attend, "bigbird");
	double expected[14 * 14];
	for (int i = 0; i < 14 * 14; i++)
		expected[i] = definition_dot(q.data + i / 14 * 4, k.data + i % 14 * 4, 4) / 2;
	definition_softmax(expected, 14, 14);
	attend_expect(&attend, 0, expected, 1e-12);
	attend_release(&attend);
}
END_TEST

enum { HEADS = 2, TOKENS = 210, DIM = 3 };

/* A pattern for each head, sizes that are no multiples of anything, a causal limit on top. */
static void check_mask(int64_t block, bool causal)
{
	struct attend attend;
	int64_t blocks = (TOKENS + block - 1) / block;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 2, 3, (int64_t[]){ HEADS, TOKENS, DIM });
	struct vector k = attend_formula(&attend, "key", 2, 2, 3, (int64_t[]){ HEADS, TOKENS, DIM });
	struct vector mask = attend_formula(&attend, "block_mask", 0, 0, 3, (int64_t[]){ HEADS, blocks, blocks });
	for (int64_t i = 0; i < mask.count; i++)
		mask.data[i] = (double)(i * i % 7 % 4 % 3);
	char text[32];
	snprintf(text, sizeof text, "block=%d", (int)block);
	attend_parameter(&attend, text);
	attend.args.causal = causal ? CAUSAL_TOP_LEFT : CAUSAL_NONE;
	attend_open(&attend, "bigbird");
	double *expected = malloc(TOKENS * TOKENS * sizeof *expected);
	for (int64_t h = 0; h < HEADS; h++) {
		for (int64_t i = 0; i < TOKENS; i++) {
			for (int64_t j = 0; j < TOKENS; j++) {
				double times = mask.data[(h * blocks + i / block) * blocks + j / block];
				double dot = definition_dot(q.data + (h * TOKENS + i) * DIM, k.data + (h * TOKENS + j) * DIM, DIM) / sqrt(DIM);
				expected[i * TOKENS + j] = causal && j > i ? -INFINITY : dot + log(times);
			}
		}
		definition_softmax(expected, TOKENS, TOKENS);
		attend_expect(&attend, h, expected, 1e-12);
	}
	free(expected);
	attend_release(&attend);
}

START_TEST(any_block_mask_with_multiplicities)
{
	check_mask(1, false);
	check_mask(16, true);
	check_mask(50, false);
	check_mask(500, false);
}
END_TEST

START_TEST(what_is_missing_or_wrong_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 20, 4 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 20, 4 });
	attend_parameter(&attend, "block=2");
	attend_refused(&attend, "bigbird", ERR_USAGE, "block_table --input block_table=FILE[:NAME]");
	struct vector table = attend_formula(&attend, "block_table", 0, 0, 2, (int64_t[]){ 8, 1 });
	table.data[3] = 10;
	attend_refused(&attend, "bigbird", ERR_VALUE, "block_table 10 0 9");
	table.data[3] = 0.5;
	attend_refused(&attend, "bigbird", ERR_VALUE, "block_table 0.5");
	attend_parameter(&attend, "block=4");
	attend_refused(&attend, "bigbird", ERR_SHAPE, "block_table (8, 1) (3, any)");
	attend_parameter(&attend, "block=3");
	attend_refused(&attend, "bigbird", ERR_SHAPE, "20 3 block");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bigbird");
	TCase *tcase = tcase_create("bigbird");
	tcase_add_test(tcase, global_window_and_random_blocks);
	tcase_add_test(tcase, repeated_blocks_count_as_often_as_kernels_concatenate_them);
	tcase_add_test(tcase, one_copy_of_the_effective_weights_is_what_a_dump_shows);
	tcase_add_test(tcase, short_sequences_attend_fully);
	tcase_add_test(tcase, any_block_mask_with_multiplicities);
	tcase_add_test(tcase, what_is_missing_or_wrong_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
