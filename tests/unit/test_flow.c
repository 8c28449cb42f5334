/* SPDX-License-Identifier: MIT */
/* Attention flow on networks whose maximum flow can be seen, and against minimum cuts found by trying them all. */
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>

#include "analysis/flow.h"

START_TEST(one_layer_is_the_capacity_itself)
{
	double capacity[] = { 0.9, 0.1, 0.3, 0.7 }, out[2];
	ck_assert_int_eq(attention_flow(capacity, 1, 2, 1, out, NULL), ERR_OK);
	ck_assert_double_eq_tol(out[0], 0.3, 1e-12);
	ck_assert_double_eq_tol(out[1], 0.7, 1e-12);
}
END_TEST

START_TEST(two_layers_add_the_narrower_pipe_of_each_path)
{
	/* From token 0 on top: through token 0 (0.6) and token 1 (0.4); below, both lead to input 0 by 0.5. */
	double capacity[] = { 0.5, 0.5, 0.5, 0.5, 0.6, 0.4, 0, 1 }, out[2];
	ck_assert_int_eq(attention_flow(capacity, 2, 2, 0, out, NULL), ERR_OK);
	ck_assert_double_eq_tol(out[0], 0.9, 1e-12);
	ck_assert_double_eq_tol(out[1], 0.9, 1e-12);
}
END_TEST

/* The capacity of a cut: nodes with their bit set stay with the source. */
static double cut(const double *capacity, int layers, int tokens, unsigned side)
{
	double sum = 0;
	for (int layer = 0; layer < layers; layer++)
		for (int i = 0; i < tokens; i++)
			for (int j = 0; j < tokens; j++)
				if (side >> ((layer + 1) * tokens + i) & 1 && !(side >> (layer * tokens + j) & 1))
					sum += capacity[(layer * tokens + i) * tokens + j];
	return sum;
}

START_TEST(flow_equals_the_smallest_cut)
{
	enum { LAYERS = 3, TOKENS = 3, NODES = (LAYERS + 1) * TOKENS };
	srand(3);
	for (int round = 0; round < 20; round++) {
		double capacity[LAYERS * TOKENS * TOKENS], out[TOKENS];
		for (int i = 0; i < LAYERS * TOKENS * TOKENS; i++)
			capacity[i] = rand() % 4 ? rand() / (double)RAND_MAX : 0;
		ck_assert_int_eq(attention_flow(capacity, LAYERS, TOKENS, 1, out, NULL), ERR_OK);
		for (int input = 0; input < TOKENS; input++) {
			double least = INFINITY;
			for (unsigned side = 0; side < 1u << NODES; side++)
				if (side >> (LAYERS * TOKENS + 1) & 1 && !(side >> input & 1))
					least = fmin(least, cut(capacity, LAYERS, TOKENS, side));
			ck_assert_double_eq_tol(out[input], least, 1e-12);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow");
	TCase *tcase = tcase_create("flow");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, one_layer_is_the_capacity_itself);
	tcase_add_test(tcase, two_layers_add_the_narrower_pipe_of_each_path);
	tcase_add_test(tcase, flow_equals_the_smallest_cut);
	return suite_main(suite);
}
