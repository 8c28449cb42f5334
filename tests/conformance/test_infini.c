/* SPDX-License-Identifier: MIT */
/* Infini-attention: vectors 28 and 29, and the recurrence of the memory run with identity values at other sizes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static void bind(struct attend *attend, struct vectors *vectors, const char *update)
{
	attend_init(attend);
	attend_input(attend, "query", vectors_get(vectors, "inputs/Q"));
	attend_input(attend, "key", vectors_get(vectors, "inputs/K"));
	attend_parameter(attend, "segment=4");
	attend_parameter(attend, "beta=0.4");
	attend_parameter(attend, update);
}

/* What the rows of the second segment take from the first. */
static void expect_memory_mass(const struct attend *attend, const double *mass)
{
	double *weight = attend_matrix(attend, 0);
	for (int i = 0; i < 8; i++) {
		double sum = 0;
		for (int j = 0; j < i / 4 * 4; j++)
			sum += weight[i * 8 + j];
		ck_assert_double_eq_tol(sum, mass[i], 1e-12);
	}
	free(weight);
}

START_TEST(two_segments)
{
	static const char *const updates[] = { "linear", "delta" };
	struct vectors *vectors = vectors_open("28_infini");
	for (int i = 0; i < 2; i++) {
		struct attend attend;
		char path[64], update[32];
		snprintf(update, sizeof update, "update=%s", updates[i]);
		bind(&attend, vectors, update);
		attend_input(&attend, "value", vectors_get(vectors, "inputs/V"));
		attend_open(&attend, "infini");
		snprintf(path, sizeof path, "expected/%s/W_effective (V=I probe)", updates[i]);
		attend_expect(&attend, 0, vectors_get(vectors, path).data, 1e-12);
		snprintf(path, sizeof path, "expected/%s/O", updates[i]);
		attend_expect_output(&attend, 0, vectors_get(vectors, path).data, 1e-12);
		snprintf(path, sizeof path, "expected/%s/memory_mass_per_row", updates[i]);
		expect_memory_mass(&attend, vectors_get(vectors, path).data);
		attend_release(&attend);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(three_segments)
{
	struct vectors *vectors = vectors_open("29_infini_3seg");
	struct attend attend;
	bind(&attend, vectors, "update=linear");
	attend_open(&attend, "infini");
	ck_assert(!attend.source->is_signed && attend.source->is_stochastic);
	attend_expect(&attend, 0, vectors_get(vectors, "expected/W_linear").data, 1e-12);
	attend_release(&attend);
	bind(&attend, vectors, "update=delta");
	attend_open(&attend, "infini");
	ck_assert(attend.source->is_signed && !attend.source->is_stochastic);
	attend_expect(&attend, 0, vectors_get(vectors, "expected/W_delta").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(the_first_segment_may_be_gated)
{
	struct vectors *vectors = vectors_open("28_infini");
	struct attend attend;
	bind(&attend, vectors, "first=gated");
	attend_input(&attend, "value", vectors_get(vectors, "inputs/V"));
	attend_open(&attend, "infini");
	struct vector output = vectors_get(vectors, "expected/first_segment_gated_O");
	double all[8 * 4];
	struct vector plain = vectors_get(vectors, "expected/linear/O");
	memcpy(all, plain.data, sizeof all);
	memcpy(all, output.data, 16 * sizeof *all);
	attend_expect_output(&attend, 0, all, 1e-12);
	attend_expect_itself(&attend);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

static double elu1(double x)
{
	return x > 0 ? x + 1 : exp(x);
}

enum { DIM = 5 };

/* One head by the equations: read the memory M (DIM x tokens, as the values are unit vectors) and z, then update them, segment by segment. */
static void remember(const double *q, const double *k, int64_t tokens, int64_t segment, double gate, bool delta, double *w)
{
	double *memory = calloc((size_t)(DIM * tokens), sizeof *memory), *change = malloc((size_t)(DIM * tokens) * sizeof *change), z[DIM] = { 0 };
	memset(w, 0, (size_t)(tokens * tokens) * sizeof *w);
	for (int64_t begin = 0; begin < tokens; begin += segment) {
		int64_t end = begin + segment < tokens ? begin + segment : tokens;
		for (int64_t i = begin; i < end; i++) {
			double *row = w + i * tokens, sum = 0, read = 0;
			for (int64_t j = begin; j <= i; j++)
				sum += row[j] = exp(definition_dot(q + i * DIM, k + j * DIM, DIM) / sqrt(DIM));
			for (int64_t j = begin; j <= i; j++)
				row[j] *= (begin ? 1 - gate : 1) / sum;
			for (int d = 0; d < DIM; d++)
				read += elu1(q[i * DIM + d]) * z[d];
			for (int64_t j = 0; j < begin; j++)
				for (int d = 0; d < DIM; d++)
					row[j] += gate * elu1(q[i * DIM + d]) * memory[d * tokens + j] / read;
		}
		memset(change, 0, (size_t)(DIM * tokens) * sizeof *change);
		for (int64_t i = begin; i < end; i++) {
			double answer = 0;
			for (int d = 0; d < DIM; d++)
				answer += elu1(k[i * DIM + d]) * z[d];
			for (int64_t j = 0; j < tokens; j++) {
				double value = i == j;
				for (int d = 0; d < DIM && delta && begin; d++)
					value -= elu1(k[i * DIM + d]) * memory[d * tokens + j] / answer;
				for (int d = 0; d < DIM; d++)
					change[d * tokens + j] += elu1(k[i * DIM + d]) * value;
			}
		}
		for (int64_t i = 0; i < DIM * tokens; i++)
			memory[i] += change[i];
		for (int64_t i = begin; i < end; i++)
			for (int d = 0; d < DIM; d++)
				z[d] += elu1(k[i * DIM + d]);
	}
	free(memory);
	free(change);
}

static void check_recurrence(int64_t tokens, const char *segment, int64_t length, bool delta, bool reversed)
{
	enum { HEADS = 4, KEY_HEADS = 2 };
	struct attend attend;
	attend_init(&attend);
	struct vector q = attend_formula(&attend, "query", 1, 1.5, 3, (int64_t[]){ HEADS, tokens, DIM });
	struct vector k = attend_formula(&attend, "key", 2, 1.5, 3, (int64_t[]){ KEY_HEADS, tokens, DIM });
	struct vector beta = attend_formula(&attend, "beta", 3, 2, 1, (int64_t[]){ HEADS });
	attend_parameter(&attend, segment);
	attend_parameter(&attend, delta ? "update=delta" : "update=linear");
	attend_parameter(&attend, reversed ? "gate=reversed" : "gate=paper");
	attend_open(&attend, "infini");
	double *expected = malloc((size_t)(tokens * tokens) * sizeof *expected);
	for (int64_t h = 0; h < HEADS; h++) {
		double gate = 1 / (1 + exp(reversed ? beta.data[h] : -beta.data[h]));
		remember(q.data + h * tokens * DIM, k.data + h / 2 * tokens * DIM, tokens, length, gate, delta, expected);
		attend_expect(&attend, h, expected, 1e-12);
	}
	free(expected);
	attend_release(&attend);
}

START_TEST(the_memory_with_identity_values_gives_the_matrix)
{
	check_recurrence(1, "segment=3", 3, false, false);
	check_recurrence(50, "segment=7", 7, true, false);
	check_recurrence(300, "segment=60", 60, true, true);
	check_recurrence(300, "segment=128", 128, false, false);
	check_recurrence(100, "segment=1", 1, false, true);
	check_recurrence(140, "segment=500", 500, true, false);
}
END_TEST

START_TEST(positions_apply_to_the_local_part_alone)
{
	enum { TOKENS = 12 };
	struct attend plain, local;
	attend_init(&plain);
	attend_init(&local);
	struct vector q = attend_formula(&plain, "query", 1, 1, 2, (int64_t[]){ TOKENS, DIM }), k = attend_formula(&plain, "key", 2, 1, 2, (int64_t[]){ TOKENS, DIM });
	attend_input(&local, "query", q);
	attend_input(&local, "key", k);
	attend_formula(&local, "query_local", 5, 1, 2, (int64_t[]){ TOKENS, DIM });
	attend_formula(&local, "key_local", 6, 1, 2, (int64_t[]){ TOKENS, DIM });
	struct attend *both[] = { &plain, &local };
	for (int i = 0; i < 2; i++) {
		attend_parameter(both[i], "segment=4");
		attend_parameter(both[i], "beta=1");
		attend_open(both[i], "infini");
	}
	double *a = attend_matrix(&plain, 0), *b = attend_matrix(&local, 0);
	for (int i = 0; i < TOKENS; i++)
		for (int j = 0; j <= i; j++)
			ck_assert((fabs(a[i * TOKENS + j] - b[i * TOKENS + j]) < 1e-14) == (j / 4 < i / 4 || i % 4 == 0));
	free(a);
	free(b);
	attend_expect_itself(&local);
	attend_release(&local);
	attend_release(&plain);
}
END_TEST

START_TEST(what_is_missing_or_impossible_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 2, (int64_t[]){ 8, 4 });
	attend_formula(&attend, "key", 1, 1, 2, (int64_t[]){ 8, 4 });
	attend_refused(&attend, "infini", ERR_USAGE, "beta (H) --input beta=FILE[:NAME]");
	attend_parameter(&attend, "segment=0");
	attend_refused(&attend, "infini", ERR_USAGE, "segment=0");
	attend_parameter(&attend, "segment=3");
	attend_formula(&attend, "beta", 1, 1, 1, (int64_t[]){ 3 });
	attend_refused(&attend, "infini", ERR_SHAPE, "beta (3,) (1)");
	attend.args.key_begin = 2;
	attend_refused(&attend, "infini", ERR_USAGE, "infini mask");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("infini");
	TCase *tcase = tcase_create("infini");
	tcase_add_test(tcase, two_segments);
	tcase_add_test(tcase, three_segments);
	tcase_add_test(tcase, the_first_segment_may_be_gated);
	tcase_add_test(tcase, the_memory_with_identity_values_gives_the_matrix);
	tcase_add_test(tcase, positions_apply_to_the_local_part_alone);
	tcase_add_test(tcase, what_is_missing_or_impossible_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
