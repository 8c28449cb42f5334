/* SPDX-License-Identifier: MIT */
/* Multi-head attention from hidden states: vector 06 and its identities, and every storage of the weights against one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/reference.h"
#include "support/attend.h"
#include "support/near.h"
#include "support/suite.h"

static void bind(struct attend *attend, struct vectors *vectors)
{
	attend_init(attend);
	attend_input(attend, "hidden", vectors_get(vectors, "inputs/x"));
	attend_input(attend, "in_proj_weight", vectors_get(vectors, "inputs/in_proj_weight"));
	attend_input(attend, "in_proj_bias", vectors_get(vectors, "inputs/in_proj_bias"));
	attend_input(attend, "out_proj_weight", vectors_get(vectors, "inputs/out_proj.weight"));
	attend_input(attend, "out_proj_bias", vectors_get(vectors, "inputs/out_proj.bias"));
	attend_parameter(attend, "heads=2");
}

/* y = b_O + sum of the outputs of the heads. */
static void expect_layer_output(const struct attend *attend, const double *output)
{
	const struct source *source = attend->source;
	int64_t width = source->values->size[AXIS_DIM];
	double *weight = malloc((size_t)source->keys * sizeof *weight), *of_head = malloc((size_t)width * sizeof *of_head);
	for (int64_t row = 0; row < source->queries; row++) {
		double sum[8];
		ck_assert_int_eq(width, 8);
		memcpy(sum, source->output_bias, sizeof sum);
		for (int64_t head = 0; head < source->heads; head++) {
			struct err_info info = { 0 };
			ck_assert_int_eq(reference_row(source, head, row, weight, NULL, of_head, &info), ERR_OK);
			for (int64_t e = 0; e < width; e++)
				sum[e] += of_head[e];
		}
		for (int64_t e = 0; e < width; e++)
			ASSERT_NEAR(sum[e] - output[row * width + e], 1e-12);
	}
	free(weight);
	free(of_head);
}

START_TEST(torch_multihead_attention)
{
	struct vectors *vectors = vectors_open("06_mha");
	for (int causal = 0; causal < 2; causal++) {
		struct attend attend;
		bind(&attend, vectors);
		attend.args.causal = causal ? CAUSAL_TOP_LEFT : CAUSAL_NONE;
		attend_parameter(&attend, "values=layer");
		attend_open(&attend, "multihead");
		const double *weight = vectors_get(vectors, causal ? "expected/causal_W_per_head" : "expected/W_per_head").data;
		attend_expect(&attend, 0, weight, 1e-12);
		attend_expect(&attend, 1, weight + 25, 1e-12);
		expect_layer_output(&attend, vectors_get(vectors, causal ? "expected/causal_output" : "expected/output").data);
		attend_release(&attend);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(outputs_of_heads_are_the_columns_before_the_output_projection)
{
	struct vectors *vectors = vectors_open("06_mha");
	struct attend attend;
	struct vector concat = vectors_get(vectors, "expected/concat");
	bind(&attend, vectors);
	attend_open(&attend, "multihead");
	for (int head = 0; head < 2; head++) {
		double part[5 * 4];
		for (int row = 0; row < 5; row++)
			memcpy(part + row * 4, concat.data + row * 8 + head * 4, 4 * sizeof *part);
		attend_expect_output(&attend, head, part, 1e-12);
	}
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

enum { TOKENS = 7, WIDTH = 12, HEADS = 4, KV_HEADS = 2, DIM = 3, Q_ROWS = HEADS * DIM, KV_ROWS = KV_HEADS * DIM };

/* The same projections in one of their forms; rows are copied from the separate ones by the definitions of the orders. */
static void fuse(const double *q, const double *k, const double *v, bool grouped, double *fused)
{
	for (int row = 0; row < Q_ROWS + 2 * KV_ROWS; row++) {
		const double *from;
		int group = row / ((HEADS / KV_HEADS + 2) * DIM), within = row % ((HEADS / KV_HEADS + 2) * DIM);
		if (!grouped)
			from = row < Q_ROWS ? q + row * WIDTH : row < Q_ROWS + KV_ROWS ? k + (row - Q_ROWS) * WIDTH : v + (row - Q_ROWS - KV_ROWS) * WIDTH;
		else if (within < HEADS / KV_HEADS * DIM)
			from = q + (group * (HEADS / KV_HEADS * DIM) + within) * WIDTH;
		else
			from = within / DIM == HEADS / KV_HEADS ? k + (group * DIM + within % DIM) * WIDTH : v + (group * DIM + within % DIM) * WIDTH;
		memcpy(fused + row * WIDTH, from, WIDTH * sizeof *fused);
	}
}

static void transpose(const double *from, int rows, int columns, double *to)
{
	for (int r = 0; r < rows; r++)
		for (int c = 0; c < columns; c++)
			to[c * rows + r] = from[r * columns + c];
}

/* The definition: projections as sums, softmax by attend's own reference of the dumped tensors. */
static void project(const double *x, const double *weight, int rows, double *out)
{
	for (int t = 0; t < TOKENS; t++)
		for (int r = 0; r < rows; r++) {
			double sum = 0;
			for (int e = 0; e < WIDTH; e++)
				sum += x[t * WIDTH + e] * weight[r * WIDTH + e];
			out[((r / DIM) * TOKENS + t) * DIM + r % DIM] = sum;
		}
}

static void expect_like(struct attend *attend, const struct attend *plain)
{
	attend_open(attend, "multihead");
	for (int64_t map = 0; map < HEADS; map++) {
		double *weight = attend_matrix(plain, map);
		attend_expect(attend, map, weight, 1e-12);
		free(weight);
		double output[TOKENS * DIM], row[TOKENS];
		for (int64_t i = 0; i < TOKENS; i++) {
			struct err_info info = { 0 };
			ck_assert_int_eq(reference_row(plain->source, map, i, row, NULL, output + i * DIM, &info), ERR_OK);
		}
		attend_expect_output(attend, map, output, 1e-12);
	}
	attend_release(attend);
}

START_TEST(every_storage_gives_the_same_attention)
{
	struct attend made, plain;
	attend_init(&made);
	attend_init(&plain);
	struct vector x = attend_formula(&made, NULL, 1, 1, 2, (const int64_t[]){ TOKENS, WIDTH });
	struct vector q = attend_formula(&made, NULL, 2, 0.6, 2, (const int64_t[]){ Q_ROWS, WIDTH });
	struct vector k = attend_formula(&made, NULL, 3, 0.6, 2, (const int64_t[]){ KV_ROWS, WIDTH });
	struct vector v = attend_formula(&made, NULL, 4, 0.6, 2, (const int64_t[]){ KV_ROWS, WIDTH });
	struct vector pq = attend_formula(&plain, "query", 0, 0, 3, (const int64_t[]){ HEADS, TOKENS, DIM });
	struct vector pk = attend_formula(&plain, "key", 0, 0, 3, (const int64_t[]){ KV_HEADS, TOKENS, DIM });
	struct vector pv = attend_formula(&plain, "value", 0, 0, 3, (const int64_t[]){ KV_HEADS, TOKENS, DIM });
	project(x.data, q.data, Q_ROWS, pq.data);
	project(x.data, k.data, KV_ROWS, pk.data);
	project(x.data, v.data, KV_ROWS, pv.data);
	plain.args.causal = CAUSAL_TOP_LEFT;
	attend_open(&plain, "softmax");
	for (int form = 0; form < 5; form++) {
		struct attend attend;
		attend_init(&attend);
		attend.args.causal = CAUSAL_TOP_LEFT;
		attend_parameter(&attend, "heads=4");
		attend_parameter(&attend, "kv-heads=2");
		attend_input(&attend, "hidden", x);
		double linear[(Q_ROWS + 2 * KV_ROWS) * WIDTH], conv1d[(Q_ROWS + 2 * KV_ROWS) * WIDTH];
		fuse(q.data, k.data, v.data, form == 2 || form == 3, linear);
		transpose(linear, Q_ROWS + 2 * KV_ROWS, WIDTH, conv1d);
		bool turned = form == 1 || form == 3;
		int64_t rows = Q_ROWS + 2 * KV_ROWS;
		struct vector fused = { .rank = 2, .shape = { turned ? WIDTH : rows, turned ? rows : WIDTH }, .count = rows * WIDTH, .data = turned ? conv1d : linear };
		if (form < 4) {
			attend_input(&attend, "in_proj_weight", fused);
			attend_parameter(&attend, form >= 2 ? "order=grouped" : "order=blocks");
		} else {
			attend_input(&attend, "q_proj_weight", q);
			attend_input(&attend, "k_proj_weight", k);
			attend_input(&attend, "v_proj_weight", v);
		}
		expect_like(&attend, &plain);
	}
	attend_release(&made);
	attend_release(&plain);
}
END_TEST

START_TEST(missing_and_misshapen_inputs_are_named)
{
	struct attend attend;
	attend_init(&attend);
	struct vector x = attend_formula(&attend, "hidden", 1, 1, 2, (const int64_t[]){ TOKENS, WIDTH });
	attend_refused(&attend, "multihead", ERR_USAGE, "heads=N");
	attend_parameter(&attend, "heads=4");
	attend_refused(&attend, "multihead", ERR_USAGE, "q_proj_weight --input");
	attend_input(&attend, "q_proj_weight", x);
	attend_refused(&attend, "multihead", ERR_SHAPE, "q_proj_weight (7, 12) multiple");
	attend_parameter(&attend, "kv-heads=3");
	attend_refused(&attend, "multihead", ERR_USAGE, "kv-heads=3");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("multihead");
	TCase *tcase = tcase_create("multihead");
	tcase_add_test(tcase, torch_multihead_attention);
	tcase_add_test(tcase, outputs_of_heads_are_the_columns_before_the_output_projection);
	tcase_add_test(tcase, every_storage_gives_the_same_attention);
	tcase_add_test(tcase, missing_and_misshapen_inputs_are_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
