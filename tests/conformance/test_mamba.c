/* Selective scans: vector 22, and the recurrence run with identity values at other sizes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

static struct vectors *open_vector(const char *name)
{
	struct vectors *vectors = vectors_open(name);
	if (!vectors)
		suite_skip(1, "no shared vectors");
	return vectors;
}

static void bind(struct attend *attend, struct vectors *vectors)
{
	attend_init(attend);
	attend_input(attend, "delta", vectors_get(vectors, "inputs/delta (before bias)"));
	attend_input(attend, "delta_bias", vectors_get(vectors, "inputs/delta_bias"));
	attend_input(attend, "A_log", vectors_get(vectors, "inputs/A_log"));
	attend_input(attend, "B", vectors_get(vectors, "inputs/B"));
	attend_input(attend, "C", vectors_get(vectors, "inputs/C"));
	attend_input(attend, "u", vectors_get(vectors, "inputs/u (after conv+silu)"));
}

static void expect_both(const struct attend *attend, struct vectors *vectors, const char *weights)
{
	struct vector expected = vectors_get(vectors, weights);
	for (int64_t c = 0; c < 2; c++)
		attend_expect(attend, c, expected.data + c * 36, 1e-12);
}

START_TEST(hidden_attention_of_each_channel)
{
	struct vectors *vectors = open_vector("22_mamba1");
	struct attend attend;
	if (!vectors)
		return;
	bind(&attend, vectors);
	attend_open(&attend, "mamba");
	ck_assert(attend.source->is_signed && attend.source->is_causal && !attend.source->is_stochastic);
	expect_both(&attend, vectors, "expected/alpha");
	struct vector y = vectors_get(vectors, "expected/y_ssm");
	for (int64_t c = 0; c < 2; c++)
		attend_expect_output(&attend, c, y.data + c * 6, 1e-12);
	attend_release(&attend);

	bind(&attend, vectors);
	attend_open(&attend, "mamba");
	attend_normalise(&attend, NORMALISE_ABS_ROW);
	ck_assert(!attend.source->is_signed && attend.source->is_stochastic);
	expect_both(&attend, vectors, "expected/row_abs_normalised");
	attend_release(&attend);

	bind(&attend, vectors);
	attend_open(&attend, "mamba");
	attend_normalise(&attend, NORMALISE_ABS_MINMAX);
	ck_assert(!attend.source->is_signed && !attend.source->is_stochastic);
	expect_both(&attend, vectors, "expected/abs_minmax_per_channel");
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(the_skip_connection_and_the_gate)
{
	struct vectors *vectors = open_vector("22_mamba1");
	struct attend attend;
	if (!vectors)
		return;
	bind(&attend, vectors);
	attend_input(&attend, "D", vectors_get(vectors, "inputs/D"));
	attend_open(&attend, "mamba");
	expect_both(&attend, vectors, "expected/alpha_with_D_on_diagonal");
	attend_release(&attend);

	bind(&attend, vectors);
	attend_input(&attend, "D", vectors_get(vectors, "inputs/D"));
	attend_input(&attend, "z", vectors_get(vectors, "inputs/z"));
	attend_open(&attend, "mamba");
	struct vector y = vectors_get(vectors, "expected/y_gated_with_D");
	for (int64_t c = 0; c < 2; c++)
		attend_expect_output(&attend, c, y.data + c * 6, 1e-12);
	attend_expect_itself(&attend);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(steps_after_the_softplus_in_the_other_order)
{
	struct vectors *vectors = open_vector("22_mamba1");
	struct attend attend;
	if (!vectors)
		return;
	attend_init(&attend);
	struct vector dt = vectors_get(vectors, "expected/dt"), b = vectors_get(vectors, "inputs/B"), c = vectors_get(vectors, "inputs/C");
	struct vector steps = attend_formula(&attend, "delta", 0, 0, 2, (int64_t[]){ 6, 2 });
	struct vector b_turned = attend_formula(&attend, "B", 0, 0, 2, (int64_t[]){ 6, 3 }), c_turned = attend_formula(&attend, "C", 0, 0, 2, (int64_t[]){ 6, 3 });
	for (int t = 0; t < 6; t++) {
		for (int d = 0; d < 2; d++)
			steps.data[t * 2 + d] = dt.data[d * 6 + t];
		for (int n = 0; n < 3; n++) {
			b_turned.data[t * 3 + n] = b.data[n * 6 + t];
			c_turned.data[t * 3 + n] = c.data[n * 6 + t];
		}
	}
	attend_input(&attend, "A_log", vectors_get(vectors, "inputs/A_log"));
	attend_parameter(&attend, "delta=step");
	attend_parameter(&attend, "order=ld");
	attend_parameter(&attend, "bc=ln");
	attend_open(&attend, "mamba");
	expect_both(&attend, vectors, "expected/alpha");
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

/* h_t = exp(dt A) h_(t-1) + dt B v_t, y_t = C.h_t, with v_t the t-th unit vector. */
static void scan(const double *dt, const double *a, const double *b, const double *c, int64_t tokens, int64_t states, double *y)
{
	double *h = calloc((size_t)(states * tokens), sizeof *h);
	ck_assert_ptr_nonnull(h);
	for (int64_t t = 0; t < tokens; t++) {
		for (int64_t n = 0; n < states; n++) {
			for (int64_t s = 0; s < t; s++)
				h[n * tokens + s] *= exp(dt[t] * a[n]);
			h[n * tokens + t] = dt[t] * b[n * tokens + t];
		}
		for (int64_t s = 0; s < tokens; s++) {
			y[t * tokens + s] = 0;
			for (int64_t n = 0; n < states; n++)
				y[t * tokens + s] += c[n * tokens + t] * h[n * tokens + s];
		}
	}
	free(h);
}

/* `amp` of delta: small steps remember everything, large ones forget at once. */
static void check_scan(int64_t channels, int64_t states, int64_t tokens, double shift)
{
	struct attend attend;
	attend_init(&attend);
	struct vector delta = attend_formula(&attend, "delta", 1, 2, 3, (int64_t[]){ 2, channels, tokens });
	struct vector a = attend_formula(&attend, "A_log", 2, 1, 2, (int64_t[]){ channels, states });
	struct vector b = attend_formula(&attend, "B", 3, 1, 3, (int64_t[]){ 2, states, tokens });
	struct vector c = attend_formula(&attend, "C", 4, 1, 3, (int64_t[]){ 2, states, tokens });
	attend_parameter(&attend, "channels=2");
	double *dt = malloc((size_t)tokens * sizeof *dt), *expected = malloc((size_t)(tokens * tokens) * sizeof *expected), rates[16];
	for (int64_t i = 0; i < delta.count; i++)
		delta.data[i] += shift;
	attend_open(&attend, "mamba");
	ck_assert_int_eq(attend.source->heads, 2);
	for (int64_t map = 0; map < 4; map++) {
		int64_t batch = map / 2, channel = map % 2 * (channels / 2);
		for (int64_t t = 0; t < tokens; t++)
			dt[t] = log(1 + exp(delta.data[(batch * channels + channel) * tokens + t]));
		for (int64_t n = 0; n < states; n++)
			rates[n] = -exp(a.data[channel * states + n]);
		scan(dt, rates, b.data + batch * states * tokens, c.data + batch * states * tokens, tokens, states, expected);
		attend_expect(&attend, map, expected, 1e-12);
	}
	free(dt);
	free(expected);
	attend_release(&attend);
}

START_TEST(the_scan_with_identity_values_gives_the_matrix)
{
	check_scan(4, 1, 3, 0);
	check_scan(5, 4, 140, 0);
	check_scan(2, 16, 300, -4);
	check_scan(2, 3, 260, 6);
}
END_TEST

START_TEST(large_steps_do_not_overflow)
{
	check_scan(2, 2, 150, 300);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mamba");
	TCase *tcase = tcase_create("mamba");
	tcase_add_test(tcase, hidden_attention_of_each_channel);
	tcase_add_test(tcase, the_skip_connection_and_the_gate);
	tcase_add_test(tcase, steps_after_the_softplus_in_the_other_order);
	tcase_add_test(tcase, the_scan_with_identity_values_gives_the_matrix);
	tcase_add_test(tcase, large_steps_do_not_overflow);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
