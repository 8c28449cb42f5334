/* SPDX-License-Identifier: MIT */
/* Relative positions: vector 30, the shift by padding and reshaping as models do it, and Shaw's clipped distances. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void bind(struct attend *attend, struct vectors *vectors)
{
	attend_init(attend);
	attend_input(attend, "query", vectors_get(vectors, "inputs/q"));
	attend_input(attend, "key", vectors_get(vectors, "inputs/k"));
	attend_input(attend, "value", vectors_get(vectors, "inputs/v"));
	attend_input(attend, "pos_bias_u", vector_one_head(vectors_get(vectors, "inputs/pos_bias_u")));
	attend_input(attend, "pos_bias_v", vector_one_head(vectors_get(vectors, "inputs/pos_bias_v")));
	attend_input(attend, "linear_pos", vectors_get(vectors, "inputs/linear_pos.weight"));
}

START_TEST(weights_and_output_from_sinusoids_and_from_the_table)
{
	struct vectors *vectors = vectors_open("30_conformer_relpos");
	struct attend attend;
	for (int given = 0; given < 2; given++) {
		bind(&attend, vectors);
		if (given)
			attend_input(&attend, "position", vectors_get(vectors, "expected/pe"));
		attend_open(&attend, "conformer");
		attend_expect(&attend, 0, vectors_get(vectors, "expected/W").data, 1e-12);
		attend_expect_output(&attend, 0, vectors_get(vectors, "expected/O").data, 1e-12);
		attend_release(&attend);
	}
	vectors_close(vectors);
}
END_TEST

static double variance(const double *x, int count)
{
	double mean = 0, sum = 0;
	for (int i = 0; i < count; i++)
		mean += x[i] / count;
	for (int i = 0; i < count; i++)
		sum += (x[i] - mean) * (x[i] - mean) / count;
	return sum;
}

START_TEST(content_and_position_parts_before_the_softmax)
{
	static const struct {
		const char *part, *path;
		double scale;
	} cases[] = {
		{ "part=content", "expected/matrix_ac", 1 }, { "part=position", "expected/matrix_bd_after_shift", 1 }, { "part=all", "expected/logits", 0.5 },
	};
	struct vectors *vectors = vectors_open("30_conformer_relpos");
	double spread[3];
	for (int i = 0; i < 3; i++) {
		struct attend attend;
		bind(&attend, vectors);
		attend_parameter(&attend, cases[i].part);
		attend.args.scale = cases[i].scale;
		attend.args.stage = STAGE_SCORES;
		attend_open(&attend, "conformer");
		attend_expect(&attend, 0, vectors_get(vectors, cases[i].path).data, 1e-12);
		double *matrix = attend_matrix(&attend, 0);
		spread[i] = variance(matrix, 25);
		free(matrix);
		attend_release(&attend);
	}
	ck_assert_double_eq_tol(spread[1] / (spread[0] + spread[1]), vectors_real(vectors, "expected/share_of_logit_variance_from_position"), 1e-12);
	vectors_close(vectors);
}
END_TEST

/* The shift of Transformer-XL: a column of zeros before the (T, 2T - 1) products, reshaped, the first row dropped. */
static void shift(const double *raw, int64_t rows, int64_t columns, int64_t keep, double *out)
{
	double *padded = calloc((size_t)(rows * (columns + 1)), sizeof *padded);
	ck_assert_ptr_nonnull(padded);
	for (int64_t i = 0; i < rows; i++)
		memcpy(padded + i * (columns + 1) + 1, raw + i * columns, (size_t)columns * sizeof *raw);
	for (int64_t i = 0; i < rows; i++)
		for (int64_t j = 0; j < keep; j++)
			out[i * keep + j] = padded[rows + i * columns + j];
	free(padded);
}

/* A memory of keys before the queries, several heads, projected tables; `legacy` tables have one row a key and a causal mask. */
static void check_shift(int64_t queries, int64_t keys, bool legacy, bool by_head)
{
	enum { HEADS = 2, DIM = 3 };
	int64_t columns = legacy ? keys : queries + keys - 1;
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 2, 3, (int64_t[]){ HEADS, queries, DIM });
	struct vector k = attend_formula(&attend, "key", 2, 2, 3, (int64_t[]){ HEADS, keys, DIM });
	struct vector u = attend_formula(&attend, "pos_bias_u", 3, 1, 2, (int64_t[]){ HEADS, DIM });
	struct vector v = attend_formula(&attend, "pos_bias_v", 4, 1, 2, (int64_t[]){ HEADS, DIM });
	struct vector p = by_head ? attend_formula(&attend, "position", 5, 2, 3, (int64_t[]){ HEADS, columns, DIM })
				  : attend_formula(&attend, "position", 5, 2, 2, (int64_t[]){ columns, HEADS * DIM });
	attend.args.causal = legacy || queries != keys ? CAUSAL_BOTTOM_RIGHT : CAUSAL_NONE;
	attend_open(&attend, "conformer");
	double *raw = malloc((size_t)(queries * columns) * sizeof *raw), *bd = malloc((size_t)(queries * keys) * sizeof *bd);
	for (int64_t h = 0; h < HEADS; h++) {
		for (int64_t i = 0; i < queries * columns; i++) {
			raw[i] = 0;
			for (int d = 0; d < DIM; d++)
				raw[i] += (q.data[(h * queries + i / columns) * DIM + d] + v.data[h * DIM + d]) *
					  p.data[by_head ? (h * columns + i % columns) * DIM + d : i % columns * HEADS * DIM + h * DIM + d];
		}
		shift(raw, queries, columns, keys, bd);
		for (int64_t i = 0; i < queries * keys; i++) {
			double ac = 0;
			for (int d = 0; d < DIM; d++)
				ac += (q.data[(h * queries + i / keys) * DIM + d] + u.data[h * DIM + d]) * k.data[(h * keys + i % keys) * DIM + d];
			bool hidden = attend.args.causal && i % keys > i / keys + keys - queries;
			bd[i] = hidden ? -INFINITY : (ac + bd[i]) / sqrt(DIM);
		}
		definition_softmax(bd, queries, keys);
		attend_expect(&attend, h, bd, 1e-12);
	}
	free(raw);
	free(bd);
	attend_release(&attend);
}

START_TEST(indexing_equals_the_shift_by_padding_and_reshaping)
{
	check_shift(1, 1, false, false);
	check_shift(37, 37, false, true);
	check_shift(150, 150, false, false);
	check_shift(260, 260, true, false);
	check_shift(60, 200, false, true);
	check_shift(60, 200, true, false);
}
END_TEST

static void check_shaw(int64_t queries, int64_t keys, int64_t left, int64_t right, bool symmetric)
{
	enum { HEADS = 2, DIM = 6 };
	struct attend attend;
	char text[32];
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 2, 3, (int64_t[]){ HEADS, queries, DIM });
	struct vector k = attend_formula(&attend, "key", 2, 2, 3, (int64_t[]){ HEADS, keys, DIM });
	struct vector e = attend_formula(&attend, "distance_embedding", 3, 1, 2, (int64_t[]){ left + right + 1, DIM });
	snprintf(text, sizeof text, "left=%d", (int)left);
	if (!symmetric)
		attend_parameter(&attend, text);
	attend_open(&attend, "shaw");
	double *expected = malloc((size_t)(queries * keys) * sizeof *expected);
	for (int64_t h = 0; h < HEADS; h++) {
		for (int64_t i = 0; i < queries * keys; i++) {
			int64_t distance = i % keys - i / keys - (keys - queries); /* the last query stands at the last key */
			distance = distance < -left ? -left : distance > right ? right : distance;
			const double *query = q.data + (h * queries + i / keys) * DIM;
			expected[i] = (definition_dot(query, k.data + (h * keys + i % keys) * DIM, DIM) +
				       definition_dot(query, e.data + (distance + left) * DIM, DIM)) / sqrt(DIM);
		}
		definition_softmax(expected, queries, keys);
		attend_expect(&attend, h, expected, 1e-12);
	}
	free(expected);
	attend_release(&attend);
}

START_TEST(shaw_clips_distances)
{
	check_shaw(5, 5, 2, 2, true);
	check_shaw(100, 140, 64, 8, false);
	check_shaw(100, 140, 100, 139, false);
	check_shaw(30, 30, 0, 0, true);
}
END_TEST

START_TEST(what_is_missing_or_ill_shaped_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 3, (int64_t[]){ 2, 6, 4 });
	attend_formula(&attend, "key", 2, 1, 3, (int64_t[]){ 2, 6, 4 });
	attend_refused(&attend, "conformer", ERR_USAGE, "pos_bias_u (H,D) --input pos_bias_u=FILE[:NAME]");
	attend_formula(&attend, "pos_bias_u", 2, 1, 2, (int64_t[]){ 2, 4 });
	attend_formula(&attend, "pos_bias_v", 2, 1, 2, (int64_t[]){ 2, 4 });
	attend_refused(&attend, "conformer", ERR_USAGE, "linear_pos --input linear_pos=FILE[:NAME]");
	attend_formula(&attend, "position", 2, 1, 2, (int64_t[]){ 10, 8 });
	attend_refused(&attend, "conformer", ERR_SHAPE, "position (10, 8) 11 rows");
	attend_release(&attend);

	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 6, 4 });
	attend_formula(&attend, "key", 2, 1, 2, (int64_t[]){ 6, 4 });
	attend_formula(&attend, "pos_bias_u", 2, 1, 2, (int64_t[]){ 1, 4 });
	attend_formula(&attend, "pos_bias_v", 2, 1, 2, (int64_t[]){ 1, 4 });
	attend_formula(&attend, "position", 2, 1, 2, (int64_t[]){ 6, 4 });
	attend_refused(&attend, "conformer", ERR_SHAPE, "position --causal");
	attend_formula(&attend, "distance_embedding", 2, 1, 2, (int64_t[]){ 4, 4 });
	attend_refused(&attend, "shaw", ERR_USAGE, "distance_embedding 4 rows left=N");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conformer");
	TCase *tcase = tcase_create("conformer");
	tcase_add_test(tcase, weights_and_output_from_sinusoids_and_from_the_table);
	tcase_add_test(tcase, content_and_position_parts_before_the_softmax);
	tcase_add_test(tcase, indexing_equals_the_shift_by_padding_and_reshaping);
	tcase_add_test(tcase, shaw_clips_distances);
	tcase_add_test(tcase, what_is_missing_or_ill_shaped_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
