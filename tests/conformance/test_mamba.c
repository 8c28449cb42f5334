/* SPDX-License-Identifier: MIT */
/* Selective scans: vector 22, and the recurrence run with identity values at other sizes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/near.h"
#include "support/suite.h"

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
	struct vectors *vectors = vectors_open("22_mamba1");
	struct attend attend;
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
	struct vectors *vectors = vectors_open("22_mamba1");
	struct attend attend;
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

START_TEST(share_of_negative_weights_and_mean_over_channels)
{
	struct vectors *vectors = vectors_open("22_mamba1");
	struct attend attend;
	bind(&attend, vectors);
	attend_open(&attend, "mamba");
	int negative = 0;
	for (int64_t map = 0; map < 2; map++) {
		double *weight = attend_matrix(&attend, map);
		for (int i = 0; i < 36; i++)
			negative += weight[i] < 0;
		free(weight);
	}
	ASSERT_NEAR(negative / 42.0 - vectors_real(vectors, "expected/negative_fraction"), 1e-12);
	attend_release(&attend);

	bind(&attend, vectors);
	attend_parameter(&attend, "mean=abs");
	attend_open(&attend, "mamba");
	ck_assert(attend.source->heads == 1 && !attend.source->is_signed && !attend.source->is_stochastic);
	attend_normalise(&attend, NORMALISE_ABS_ROW);
	attend_expect(&attend, 0, vectors_get(vectors, "expected/mean_abs_over_channels_row_normalised").data, 1e-12);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

/* With C the n-th unit vector, the output of the last token is the n-th number of the state that the scan ends in. */
START_TEST(state_after_the_last_token)
{
	struct vectors *vectors = vectors_open("22_mamba1");
	struct vector state = vectors_get(vectors, "expected/final_state");
	for (int n = 0; n < 3; n++) {
		struct attend attend;
		attend_init(&attend);
		attend_input(&attend, "delta", vectors_get(vectors, "inputs/delta (before bias)"));
		attend_input(&attend, "delta_bias", vectors_get(vectors, "inputs/delta_bias"));
		attend_input(&attend, "A_log", vectors_get(vectors, "inputs/A_log"));
		attend_input(&attend, "B", vectors_get(vectors, "inputs/B"));
		struct vector c = attend_formula(&attend, "C", 0, 0, 2, (int64_t[]){ 3, 6 }), u = vectors_get(vectors, "inputs/u (after conv+silu)");
		c.data[n * 6 + 5] = 1;
		attend_open(&attend, "mamba");
		for (int64_t channel = 0; channel < 2; channel++) {
			double *weight = attend_matrix(&attend, channel), sum = 0;
			for (int s = 0; s < 6; s++)
				sum += weight[30 + s] * u.data[channel * 6 + s];
			ASSERT_NEAR(sum - state.data[channel * 3 + n], 1e-12);
			free(weight);
		}
		attend_release(&attend);
	}
	vectors_close(vectors);
}
END_TEST

START_TEST(steps_after_the_softplus_in_the_other_order)
{
	struct vectors *vectors = vectors_open("22_mamba1");
	struct attend attend;
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
		int64_t batch = map / 2, channel = map % 2 * ((channels + 1) / 2);
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

/* A layer with biases: E = 4, D = 6, N = 3, R = 2, K = 4. */
enum { TOKENS = 11, WIDTH = 4, CHANNELS = 6, STATES = 3, RANK = 2, TAPS = 4, LOW = RANK + 2 * STATES };

struct layer {
	struct vector hidden, in, in_bias, filter, filter_bias, x, step, step_bias, rates;
};

/* `seed` tells the weights of one scan from those of another. */
static void layer_weights(struct attend *attend, struct layer *layer, double seed, bool second)
{
	layer->filter = attend_formula(attend, second ? "conv1d_b_weight" : "conv1d_weight", seed + 1, 0.8, 3, (int64_t[]){ CHANNELS, 1, TAPS });
	layer->filter_bias = attend_formula(attend, second ? "conv1d_b_bias" : "conv1d_bias", seed + 2, 0.3, 1, (int64_t[]){ CHANNELS });
	layer->x = attend_formula(attend, second ? "x_proj_b_weight" : "x_proj_weight", seed + 3, 0.7, 2, (int64_t[]){ LOW, CHANNELS });
	layer->step = attend_formula(attend, second ? "dt_proj_b_weight" : "dt_proj_weight", seed + 4, 0.9, 2, (int64_t[]){ CHANNELS, RANK });
	layer->step_bias = attend_formula(attend, second ? "delta_b_bias" : "delta_bias", seed + 5, 0.5, 1, (int64_t[]){ CHANNELS });
	layer->rates = attend_formula(attend, second ? "A_b_log" : "A_log", seed + 6, 1, 2, (int64_t[]){ CHANNELS, STATES });
}

static void layer_inputs(struct attend *attend, struct layer *layer)
{
	layer->hidden = attend_formula(attend, "hidden", 31, 1, 2, (int64_t[]){ TOKENS, WIDTH });
	layer->in = attend_formula(attend, "in_proj_weight", 32, 1, 2, (int64_t[]){ 2 * CHANNELS, WIDTH });
	layer->in_bias = attend_formula(attend, "in_proj_bias", 33, 0.2, 1, (int64_t[]){ 2 * CHANNELS });
}

/* The layer step by step as its module runs it: the map of a channel from the recurrence, and what is scanned. */
static void run_layer(const struct layer *layer, bool reversed, int channel, double *map, double *u_of_channel, double *gate)
{
	double x[TOKENS][CHANNELS], u[TOKENS][CHANNELS], low[TOKENS][LOW], dt[TOKENS], b[STATES * TOKENS], c[STATES * TOKENS], rates[STATES];
	for (int t = 0; t < TOKENS; t++) {
		const double *h = layer->hidden.data + (reversed ? TOKENS - 1 - t : t) * WIDTH;
		for (int d = 0; d < CHANNELS; d++) {
			x[t][d] = layer->in_bias.data[d];
			for (int e = 0; e < WIDTH; e++)
				x[t][d] += layer->in.data[d * WIDTH + e] * h[e];
		}
		double z = layer->in_bias.data[CHANNELS + channel];
		for (int e = 0; e < WIDTH; e++)
			z += layer->in.data[(CHANNELS + channel) * WIDTH + e] * h[e];
		gate[t] = z / (1 + exp(-z));
	}
	for (int t = 0; t < TOKENS; t++) {
		for (int d = 0; d < CHANNELS; d++) {
			double sum = layer->filter_bias.data[d];
			for (int k = 0; k < TAPS; k++)
				sum += t - TAPS + 1 + k >= 0 ? layer->filter.data[d * TAPS + k] * x[t - TAPS + 1 + k][d] : 0;
			u[t][d] = sum / (1 + exp(-sum));
		}
		for (int r = 0; r < LOW; r++) {
			low[t][r] = 0;
			for (int d = 0; d < CHANNELS; d++)
				low[t][r] += layer->x.data[r * CHANNELS + d] * u[t][d];
		}
		double step = layer->step_bias.data[channel];
		for (int r = 0; r < RANK; r++)
			step += layer->step.data[channel * RANK + r] * low[t][r];
		dt[t] = log(1 + exp(step));
		u_of_channel[t] = u[t][channel];
		for (int n = 0; n < STATES; n++) {
			b[n * TOKENS + t] = low[t][RANK + n];
			c[n * TOKENS + t] = low[t][RANK + STATES + n];
		}
	}
	for (int n = 0; n < STATES; n++)
		rates[n] = -exp(layer->rates.data[channel * STATES + n]);
	scan(dt, rates, b, c, TOKENS, STATES, map);
}

START_TEST(from_hidden_states_and_the_weights_of_a_layer)
{
	for (int gated = 0; gated < 2; gated++) {
		struct attend attend;
		struct layer layer;
		double map[TOKENS * TOKENS], u[TOKENS], gate[TOKENS], output[TOKENS];
		attend_init(&attend);
		layer_inputs(&attend, &layer);
		layer_weights(&attend, &layer, 40, false);
		struct vector skip = attend_formula(&attend, "D", 50, 1, 1, (int64_t[]){ CHANNELS });
		attend_parameter(&attend, gated ? "gate=yes" : "gate=auto");
		attend_parameter(&attend, gated ? "skip=yes" : "skip=auto");
		attend_open(&attend, "mamba");
		ck_assert_int_eq(attend.source->heads, CHANNELS);
		for (int channel = 0; channel < CHANNELS; channel++) {
			run_layer(&layer, false, channel, map, u, gate);
			for (int t = 0; t < TOKENS; t++) {
				map[t * TOKENS + t] += gated ? skip.data[channel] : 0;
				output[t] = 0;
				for (int s = 0; s < TOKENS; s++) {
					map[t * TOKENS + s] *= gated ? gate[t] : 1;
					output[t] += map[t * TOKENS + s] * u[s];
				}
			}
			attend_expect(&attend, channel, map, 1e-12);
			attend_expect_output(&attend, channel, output, 1e-12);
		}
		attend_release(&attend);
	}
}
END_TEST

START_TEST(two_directions_of_a_layer)
{
	struct attend attend;
	struct layer first, second;
	double map[TOKENS * TOKENS], turned[TOKENS * TOKENS], u[TOKENS], gate[TOKENS];
	attend_init(&attend);
	layer_inputs(&attend, &first);
	second = first;
	layer_weights(&attend, &first, 40, false);
	layer_weights(&attend, &second, 60, true);
	attend_open(&attend, "mamba");
	ck_assert(attend.source->is_signed && !attend.source->is_causal);
	for (int channel = 0; channel < CHANNELS; channel++) {
		run_layer(&first, false, channel, map, u, gate);
		run_layer(&second, true, channel, turned, u, gate);
		for (int i = 0; i < TOKENS * TOKENS; i++)
			map[i] += turned[TOKENS * TOKENS - 1 - i];
		attend_expect(&attend, channel, map, 1e-12);
	}
	attend_release(&attend);
}
END_TEST

START_TEST(a_second_direction_without_all_of_its_weights_is_refused)
{
	struct attend attend;
	struct layer layer;
	attend_init(&attend);
	layer_inputs(&attend, &layer);
	layer_weights(&attend, &layer, 40, false);
	attend_formula(&attend, "A_b_log", 1, 1, 2, (int64_t[]){ CHANNELS, STATES });
	attend_refused(&attend, "mamba", ERR_USAGE, "delta_b_bias directions=forward");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mamba");
	TCase *tcase = tcase_create("mamba");
	tcase_add_test(tcase, hidden_attention_of_each_channel);
	tcase_add_test(tcase, the_skip_connection_and_the_gate);
	tcase_add_test(tcase, share_of_negative_weights_and_mean_over_channels);
	tcase_add_test(tcase, state_after_the_last_token);
	tcase_add_test(tcase, from_hidden_states_and_the_weights_of_a_layer);
	tcase_add_test(tcase, two_directions_of_a_layer);
	tcase_add_test(tcase, a_second_direction_without_all_of_its_weights_is_refused);
	tcase_add_test(tcase, steps_after_the_softplus_in_the_other_order);
	tcase_add_test(tcase, the_scan_with_identity_values_gives_the_matrix);
	tcase_add_test(tcase, large_steps_do_not_overflow);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
