/* SPDX-License-Identifier: MIT */
/* RWKV 4, 5 and 6: vectors 24 to 26, and the recurrences run with identity values at other sizes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/attend.h"
#include "support/definition.h"
#include "support/suite.h"

START_TEST(version_4_is_a_softmax_of_each_channel)
{
	struct vectors *vectors = vectors_open("24_rwkv4");
	struct attend attend;
	attend_init(&attend);
	attend_input(&attend, "key", vectors_get(vectors, "inputs/k"));
	attend_input(&attend, "value", vectors_get(vectors, "inputs/v"));
	attend_input(&attend, "time_decay", vectors_get(vectors, "inputs/time_decay (raw)"));
	attend_input(&attend, "time_first", vectors_get(vectors, "inputs/time_first"));
	attend_open(&attend, "rwkv4");
	struct vector weights = vectors_get(vectors, "expected/W"), wkv = vectors_get(vectors, "expected/wkv");
	for (int64_t c = 0; c < 2; c++) {
		double output[6];
		for (int t = 0; t < 6; t++)
			output[t] = wkv.data[t * 2 + c];
		attend_expect(&attend, c, weights.data + c * 36, 1e-12);
		attend_expect_output(&attend, c, output, 1e-12);
	}
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

static void check_vector(const char *file, const char *mechanism, const char *decay, bool one_decay)
{
	struct vectors *vectors = vectors_open(file);
	struct attend attend;
	for (int absolute = 0; absolute < 2; absolute++) {
		attend_init(&attend);
		attend_input(&attend, "query", vectors_get(vectors, "inputs/r"));
		attend_input(&attend, "key", vectors_get(vectors, "inputs/k"));
		attend_input(&attend, "value", vectors_get(vectors, "inputs/v"));
		attend_input(&attend, "time_faaaa", vector_one_head(vectors_get(vectors, "inputs/time_faaaa u")));
		struct vector w = vectors_get(vectors, decay);
		attend_input(&attend, "time_decay", one_decay ? vector_one_head(w) : w);
		attend_open(&attend, mechanism);
		if (absolute)
			attend_normalise(&attend, NORMALISE_ABS_ROW);
		attend_expect(&attend, 0, vectors_get(vectors, absolute ? "expected/row_abs_normalised" : "expected/A_signed").data, 1e-12);
		if (!absolute)
			attend_expect_output(&attend, 0, vectors_get(vectors, "expected/y_before_groupnorm").data, 1e-12);
		attend_release(&attend);
	}
	vectors_close(vectors);
}

/* `source` in the first rows, zeros after them. */
static struct vector longer(struct attend *attend, const char *role, struct vector source)
{
	struct vector vector = attend_formula(attend, role, 0, 0, 2, (int64_t[]){ source.shape[0] + 1, source.shape[1] });
	memcpy(vector.data, source.data, (size_t)source.count * sizeof *source.data);
	return vector;
}

/* A token more, that reads the n-th channel alone, reads row n of the state that the tokens before it left. */
static void check_final_state(const char *file, const char *mechanism, const char *decay, bool one_decay)
{
	struct vectors *vectors = vectors_open(file);
	struct vector state = vectors_get(vectors, "expected/final_state (N_k,N_v)"), v = vectors_get(vectors, "inputs/v"), w = vectors_get(vectors, decay);
	for (int n = 0; n < 3; n++) {
		struct attend attend;
		attend_init(&attend);
		longer(&attend, "query", vectors_get(vectors, "inputs/r")).data[15 + n] = 1;
		longer(&attend, "key", vectors_get(vectors, "inputs/k"));
		attend_input(&attend, "time_faaaa", vector_one_head(vectors_get(vectors, "inputs/time_faaaa u")));
		if (one_decay)
			attend_input(&attend, "time_decay", vector_one_head(w));
		else
			longer(&attend, "time_decay", w);
		attend_open(&attend, mechanism);
		double *weight = attend_matrix(&attend, 0);
		for (int c = 0; c < 3; c++) {
			double sum = 0;
			for (int s = 0; s < 5; s++)
				sum += weight[30 + s] * v.data[s * 3 + c];
			ck_assert_double_eq_tol(sum, state.data[n * 3 + c], 1e-12);
		}
		free(weight);
		attend_release(&attend);
	}
	vectors_close(vectors);
}

START_TEST(states_after_the_last_token)
{
	check_final_state("25_rwkv5", "rwkv5", "inputs/time_decay w", true);
	check_final_state("26_rwkv6", "rwkv6", "inputs/w (T,N)", false);
}
END_TEST

START_TEST(version_5_has_a_decay_a_channel)
{
	check_vector("25_rwkv5", "rwkv5", "inputs/time_decay w", true);
}
END_TEST

START_TEST(version_6_has_a_decay_a_token)
{
	check_vector("26_rwkv6", "rwkv6", "inputs/w (T,N)", false);
}
END_TEST

/* The online rule of version 4: numerator and denominator carried along with their largest exponent. */
static void check_version_4(int64_t tokens, int64_t channels, double amp)
{
	struct attend attend;
	attend_init(&attend);
	struct vector k = attend_formula(&attend, "key", 1, amp, 4, (int64_t[]){ 2, 1, tokens, channels });
	struct vector decay = attend_formula(&attend, "time_decay", 2, 3, 1, (int64_t[]){ channels });
	struct vector first = attend_formula(&attend, "time_first", 3, 1, 1, (int64_t[]){ channels });
	attend_parameter(&attend, "channels=3");
	/* Logits of this size in float32. */
	attend.fast_tolerance *= fmax(1, amp / 10);
	attend_open(&attend, "rwkv4");
	ck_assert_int_eq(attend.source->heads, 3);
	double *expected = calloc((size_t)(tokens * tokens), sizeof *expected), *numerator = malloc((size_t)tokens * sizeof *numerator);
	for (int64_t map = 0; map < 6; map++) {
		int64_t channel = map % 3 * (channels / 3);
		double w = -exp(decay.data[channel]), u = first.data[channel], denominator = 0, largest = -1e38;
		for (int64_t t = 0; t < tokens; t++) {
			double key = k.data[(map / 3 * tokens + t) * channels + channel];
			double top = fmax(largest, key + u), old = exp(largest - top), now = exp(key + u - top);
			for (int64_t s = 0; s <= t; s++)
				expected[t * tokens + s] = (s < t ? numerator[s] * old : now) / (denominator * old + now);
			top = fmax(largest + w, key);
			for (int64_t s = 0; s < t; s++)
				numerator[s] *= exp(largest + w - top);
			numerator[t] = exp(key - top);
			denominator = denominator * exp(largest + w - top) + numerator[t];
			largest = top;
		}
		attend_expect(&attend, map, expected, 1e-12);
	}
	free(expected);
	free(numerator);
	attend_release(&attend);
}

START_TEST(version_4_follows_its_online_rule)
{
	check_version_4(1, 3, 1);
	check_version_4(150, 7, 2);
	check_version_4(300, 3, 60);
}
END_TEST

/* S <- diag(dec) S + k^T v after reading y = r (S + u k^T v), with v_t the t-th unit vector. */
static void check_state(const char *mechanism, int64_t tokens, int64_t heads, int64_t dim, double shift, bool flat, bool is_log)
{
	struct attend attend;
	bool varies = mechanism[4] == '6';
	attend_init(&attend);
	struct vector r = attend_formula(&attend, "query", 1, 1, 3, (int64_t[]){ heads, tokens, dim });
	struct vector k = attend_formula(&attend, "key", 2, 1, 3, (int64_t[]){ heads, tokens, dim });
	struct vector u = attend_formula(&attend, "time_faaaa", 3, 1, 2, (int64_t[]){ heads, dim });
	struct vector w = !varies ? attend_formula(&attend, "time_decay", 4, 2, 2, (int64_t[]){ heads, dim })
			  : flat  ? attend_formula(&attend, "time_decay", 4, 2, 2, (int64_t[]){ tokens, heads * dim })
				  : attend_formula(&attend, "time_decay", 4, 2, 3, (int64_t[]){ tokens, heads, dim });
	for (int64_t i = 0; i < w.count; i++)
		w.data[i] = is_log ? -exp(w.data[i] + shift) : w.data[i] + shift;
	attend_parameter(&attend, is_log ? "decay=log" : "decay=raw");
	attend.args.scale = 0.5;
	attend_open(&attend, mechanism);
	double *state = malloc((size_t)(dim * tokens) * sizeof *state), *expected = malloc((size_t)(tokens * tokens) * sizeof *expected);
	for (int64_t h = 0; h < heads; h++) {
		for (int64_t i = 0; i < dim * tokens; i++)
			state[i] = 0;
		for (int64_t t = 0; t < tokens; t++) {
			const double *now_r = r.data + (h * tokens + t) * dim, *now_k = k.data + (h * tokens + t) * dim;
			for (int64_t s = 0; s < tokens; s++) {
				expected[t * tokens + s] = 0;
				for (int64_t c = 0; c < dim; c++)
					expected[t * tokens + s] += 0.5 * now_r[c] * (state[c * tokens + s] + (s == t ? u.data[h * dim + c] * now_k[c] : 0));
			}
			for (int64_t c = 0; c < dim; c++) {
				double raw = varies ? w.data[(t * heads + h) * dim + c] : w.data[h * dim + c];
				double decay = exp(is_log ? raw : -exp(raw));
				for (int64_t s = 0; s < t; s++)
					state[c * tokens + s] *= decay;
				state[c * tokens + t] = now_k[c];
			}
		}
		attend_expect(&attend, h, expected, 1e-12);
	}
	free(state);
	free(expected);
	attend_release(&attend);
}

START_TEST(states_with_identity_values_give_the_matrix)
{
	check_state("rwkv5", 1, 1, 1, 0, false, false);
	check_state("rwkv5", 150, 2, 5, -5, false, false);
	check_state("rwkv5", 40, 2, 3, -2, false, true);
	check_state("rwkv6", 270, 2, 4, -4, false, false);
	check_state("rwkv6", 140, 3, 4, -3, true, false);
	check_state("rwkv6", 140, 1, 8, 0, true, true);
	check_state("rwkv6", 60, 2, 3, 5, false, false);
}
END_TEST

START_TEST(what_is_missing_or_impossible_is_named)
{
	struct attend attend;
	attend_init(&attend);
	attend_formula(&attend, "query", 1, 1, 3, (int64_t[]){ 2, 6, 4 });
	attend_formula(&attend, "key", 1, 1, 3, (int64_t[]){ 2, 6, 4 });
	attend_refused(&attend, "rwkv6", ERR_USAGE, "time_faaaa (H,N) --input time_faaaa=FILE[:NAME]");
	attend_formula(&attend, "time_faaaa", 1, 1, 2, (int64_t[]){ 2, 4 });
	struct vector w = attend_formula(&attend, "time_decay", 1, 1, 2, (int64_t[]){ 2, 4 });
	attend_refused(&attend, "rwkv6", ERR_SHAPE, "time_decay (2, 4) (B,L,H,N)");
	w.data[3] = 0.25;
	attend_parameter(&attend, "decay=log");
	attend_refused(&attend, "rwkv5", ERR_VALUE, "time_decay 0.");
	attend_refused(&attend, "rwkv4", ERR_SHAPE, "key heads BND");
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rwkv");
	TCase *tcase = tcase_create("rwkv");
	tcase_add_test(tcase, version_4_is_a_softmax_of_each_channel);
	tcase_add_test(tcase, states_after_the_last_token);
	tcase_add_test(tcase, version_5_has_a_decay_a_channel);
	tcase_add_test(tcase, version_6_has_a_decay_a_token);
	tcase_add_test(tcase, version_4_follows_its_online_rule);
	tcase_add_test(tcase, states_with_identity_values_give_the_matrix);
	tcase_add_test(tcase, what_is_missing_or_impossible_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
