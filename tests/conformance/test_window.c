/* SPDX-License-Identifier: MIT */
/* Windowed attention: vectors 08 and 09, and the definition written out at other sizes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void bind(struct attend *attend, struct vectors *vectors)
{
	attend_init_vectors(attend, vectors);
	attend_parameter(attend, "w=2");
}

static void check_case(struct vectors *vectors, const char *name, const char *dilation, const char *globals)
{
	char path[128];
	struct attend attend;
	bind(&attend, vectors);
	attend_parameter(&attend, dilation);
	attend_parameter(&attend, globals);
	attend_open(&attend, "window");
	snprintf(path, sizeof path, "expected/%s/W", name);
	attend_expect(&attend, 0, vectors_get(vectors, path).data, 1e-12);
	snprintf(path, sizeof path, "expected/%s/O", name);
	attend_expect_output(&attend, 0, vectors_get(vectors, path).data, 1e-12);
	snprintf(path, sizeof path, "expected/%s/n_allowed", name);
	int64_t allowed = 0;
	for (int64_t row = 0; row < attend.source->queries; row++)
		allowed += attend.source->ops->support(attend.source, 0, row);
	ck_assert_int_eq(allowed, vectors_int(vectors, path));
	attend_release(&attend);

	bind(&attend, vectors);
	attend_parameter(&attend, dilation);
	attend_parameter(&attend, globals);
	attend_input(&attend, "query_global", vectors_get(vectors, "inputs/Q_global"));
	attend_input(&attend, "key_global", vectors_get(vectors, "inputs/K_global"));
	attend_open(&attend, "window");
	snprintf(path, sizeof path, "expected/%s/W_separate_global_projection", name);
	attend_expect(&attend, 0, vectors_get(vectors, path).data, 1e-12);
	attend_release(&attend);
}

START_TEST(longformer_with_dilation_and_global_tokens)
{
	struct vectors *vectors = vectors_open("08_longformer");
	check_case(vectors, "w2_d1_noglobal", "dilation=1", "globals=");
	check_case(vectors, "w2_d1_global0", "dilation=1", "globals=0");
	check_case(vectors, "w2_d2_global0", "dilation=2", "globals=0");
	check_case(vectors, "w2_d3_global0_5", "dilation=3", "globals=0,5");
	vectors_close(vectors);
}
END_TEST

START_TEST(hugging_face_layout_becomes_dense)
{
	struct vectors *vectors = vectors_open("09_longformer_hf_layout");
	struct attend attend;
	attend_init(&attend);
	attend_input(&attend, "attentions", vectors_get(vectors, "expected/attentions_packed"));
	attend_input(&attend, "global_attentions", vectors_get(vectors, "expected/global_attentions"));
	attend_parameter(&attend, "globals=0");
	attend_open(&attend, "window");
	attend_expect(&attend, 0, vectors_get(vectors, "expected/dense").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

enum { TOKENS = 150, DIM = 5 };

/* What the definition needs to know of a token. */
struct setting {
	int64_t left, right, dilation;
	const int *kind; /* 0 padding, 1 local, 2 global */
	bool causal;
};

static bool sees(const struct setting *setting, int64_t i, int64_t j)
{
	int64_t d = j - i;
	if (setting->kind[i] == 0 || setting->kind[j] == 0 || (setting->causal && d > 0))
		return false;
	if (setting->kind[i] == 2 || setting->kind[j] == 2)
		return true;
	return d % setting->dilation == 0 && d >= -setting->left * setting->dilation && d <= setting->right * setting->dilation;
}

static void expect_window(const struct attend *attend, int64_t map, const double *q, const double *k, const double *qg, const double *kg,
			  const struct setting *setting)
{
	double *expected = malloc(TOKENS * TOKENS * sizeof *expected);
	for (int64_t i = 0; i < TOKENS; i++) {
		bool global = setting->kind[i] == 2 && qg;
		for (int64_t j = 0; j < TOKENS; j++) {
			double dot = definition_dot((global ? qg : q) + i * DIM, (global ? kg : k) + j * DIM, DIM);
			expected[i * TOKENS + j] = sees(setting, i, j) ? dot / sqrt(DIM) : -INFINITY;
		}
	}
	definition_softmax(expected, TOKENS, TOKENS);
	attend_expect(attend, map, expected, 1e-12);
	free(expected);
}

START_TEST(windows_of_every_kind_follow_the_definition)
{
	int kind[TOKENS];
	double marks[TOKENS];
	for (int i = 0; i < TOKENS; i++)
		marks[i] = kind[i] = i >= 140 ? 0 : i == 3 || i == 77 || i == 129 ? 2 : 1;
	static const struct {
		const char *w, *dilation;
		int64_t left, step;
		bool causal, own;
	} cases[] = {
		{ "w=0", "dilation=1", 0, 1, false, false }, { "w=7", "dilation=1", 7, 1, true, true },   { "w=20", "dilation=3", 20, 3, false, true },
		{ "w=9", "dilation=4", 9, 4, true, false },  { "w=400", "dilation=1", 400, 1, false, true },
	};
	for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
		struct attend attend;
		attend_init(&attend);
		struct vector q = attend_formula(&attend, "query", 1, 2, 3, (int64_t[]){ 2, TOKENS, DIM });
		struct vector k = attend_formula(&attend, "key", 2, 2, 3, (int64_t[]){ 1, TOKENS, DIM });
		struct vector qg = { 0 }, kg = { 0 };
		if (cases[c].own) {
			qg = attend_formula(&attend, "query_global", 3, 2, 3, (int64_t[]){ 2, TOKENS, DIM });
			kg = attend_formula(&attend, "key_global", 4, 2, 3, (int64_t[]){ 1, TOKENS, DIM });
		}
		attend_input(&attend, "attention_mask", (struct vector){ .rank = 1, .shape = { TOKENS }, .count = TOKENS, .data = marks });
		attend_parameter(&attend, cases[c].w);
		attend_parameter(&attend, cases[c].dilation);
		attend.args.causal = cases[c].causal ? CAUSAL_TOP_LEFT : CAUSAL_NONE;
		attend_open(&attend, "window");
		struct setting setting = { cases[c].left, cases[c].left, cases[c].step, kind, cases[c].causal };
		for (int64_t h = 0; h < 2; h++)
			expect_window(&attend, h, q.data + h * TOKENS * DIM, k.data, qg.data ? qg.data + h * TOKENS * DIM : NULL, kg.data, &setting);
		attend_release(&attend);
	}
}
END_TEST

START_TEST(sides_and_dilations_may_differ)
{
	int kind[TOKENS];
	for (int i = 0; i < TOKENS; i++)
		kind[i] = i == 0 ? 2 : 1;
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 2, 3, (int64_t[]){ 2, TOKENS, DIM });
	struct vector k = attend_formula(&attend, "key", 2, 2, 3, (int64_t[]){ 2, TOKENS, DIM });
	attend.args.window_left = 6;
	attend.args.window_right = 2;
	attend_parameter(&attend, "dilation=1,5");
	attend_parameter(&attend, "globals=0");
	attend_open(&attend, "window");
	for (int64_t h = 0; h < 2; h++) {
		struct setting setting = { 6, 2, h ? 5 : 1, kind, false };
		expect_window(&attend, h, q.data + h * TOKENS * DIM, k.data + h * TOKENS * DIM, NULL, NULL, &setting);
	}
	attend_release(&attend);
}
END_TEST

START_TEST(tiles_outside_the_window_are_empty)
{
	enum { LONG = 4096 };
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ LONG, 2 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ LONG, 2 });
	attend_parameter(&attend, "w=100");
	attend_open(&attend, "window");
	int full = 0, partial = 0;
	for (int64_t key = 0; key < LONG; key += 128) {
		enum coverage coverage = attend.source->ops->coverage(attend.source, 0, 2048, 2063, key, key + 128);
		full += coverage == TILE_FULL;
		partial += coverage == TILE_PARTIAL;
	}
	ck_assert_int_eq(full, 0);
	ck_assert_int_eq(partial, 2);
	attend_release(&attend);
}
END_TEST

START_TEST(padding_that_attentions_lost_is_allowed)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "attentions", 1, 1, 3, (int64_t[]){ 2, 6, 1 + 3 });
	struct vector global = attend_formula(&attend, "global_attentions", 2, 1, 3, (int64_t[]){ 2, 8, 1 });
	attend_parameter(&attend, "globals=2");
	attend_open(&attend, "window");
	double *matrix = attend_matrix(&attend, 1);
	for (int j = 0; j < 6; j++)
		ck_assert_double_eq(matrix[2 * 6 + j], global.data[8 + j]);
	free(matrix);
	attend_release(&attend);
}
END_TEST

START_TEST(what_is_missing_or_ill_shaped_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 8, 4 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 8, 4 });
	attend_formula(&attend, "query_global", 3, 1, 2, (int64_t[]){ 8, 4 });
	attend_refused(&attend, "window", ERR_USAGE, "key_global --input key_global=FILE[:NAME]");
	attend_formula(&attend, "key_global", 3, 1, 2, (int64_t[]){ 7, 4 });
	attend_refused(&attend, "window", ERR_SHAPE, "key_global (7, 4) --input key_global=FILE[:NAME]");
	attend_release(&attend);

	attend_init(&attend);
	attend_formula(&attend, "attentions", 1, 1, 2, (int64_t[]){ 8, 6 });
	attend_refused(&attend, "window", ERR_SHAPE, "attentions (8, 6) globals=LIST");
	attend_parameter(&attend, "globals=0");
	attend_refused(&attend, "window", ERR_USAGE, "global_attentions --input global_attentions=FILE[:NAME]");
	attend_parameter(&attend, "globals=9");
	attend_refused(&attend, "window", ERR_USAGE, "globals=9 8 tokens");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("window");
	TCase *tcase = tcase_create("window");
	tcase_add_test(tcase, longformer_with_dilation_and_global_tokens);
	tcase_add_test(tcase, hugging_face_layout_becomes_dense);
	tcase_add_test(tcase, windows_of_every_kind_follow_the_definition);
	tcase_add_test(tcase, sides_and_dilations_may_differ);
	tcase_add_test(tcase, tiles_outside_the_window_are_empty);
	tcase_add_test(tcase, padding_that_attentions_lost_is_allowed);
	tcase_add_test(tcase, what_is_missing_or_ill_shaped_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
