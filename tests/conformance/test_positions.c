/* SPDX-License-Identifier: MIT */
/* Positions: the worked numbers 14-16, published frequencies, and what must hold whatever the numbers. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/mechanism.h"
#include "mechanism/relative.h"
#include "mechanism/rope.h"
#include "support/dense.h"
#include "support/suite.h"
#include "support/vectors.h"

static const double EXACT = 1e-12, FAST = 2e-6;

/* Queries and keys of (heads, tokens, dim), and what is asked of them. */
struct trial {
	struct vectors *vectors;
	struct vector query, key;
	struct vector_view view[2];
	struct mechanism_binding binding[2];
	struct mechanism_args args;
};

static void bind(struct trial *trial)
{
	vector_view_init(&trial->view[0], &trial->query, "query");
	vector_view_init(&trial->view[1], &trial->key, "key");
	trial->binding[0] = (struct mechanism_binding){ .role = "query", .tensor = &trial->view[0].tensor, .heads = &trial->view[0].heads };
	trial->binding[1] = (struct mechanism_binding){ .role = "key", .tensor = &trial->view[1].tensor, .heads = &trial->view[1].heads };
	trial->args = (struct mechanism_args)MECHANISM_ARGS_INIT;
	trial->args.binding = trial->binding;
	trial->args.binding_count = 2;
}

/* The inputs Q and K of a file, `heads` times over. */
static void trial_open(struct trial *trial, const char *file, int64_t heads)
{
	*trial = (struct trial){ .vectors = vectors_open(file) };
	struct vector *made[] = { &trial->query, &trial->key };
	static const char *const name[] = { "inputs/Q", "inputs/K" };
	for (int i = 0; i < 2; i++) {
		struct vector one = vectors_get(trial->vectors, name[i]);
		*made[i] = vectors_formula(trial->vectors, 0, 0, 3, (int64_t[]){ heads, one.shape[0], one.shape[1] });
		for (int64_t at = 0; at < made[i]->count; at++)
			made[i]->data[at] = one.data[at % one.count];
	}
	bind(trial);
}

static struct source *trial_source(struct trial *trial)
{
	struct source *source = NULL;
	struct err_info info = { 0 };
	enum err err = mechanism_find("softmax")->open(&trial->args, &source, &info);
	ck_assert_msg(!err, "%s", info.text);
	return source;
}

static double *trial_weights(struct trial *trial)
{
	struct dense dense;
	struct source *source = trial_source(trial);
	ck_assert_int_eq(dense_reference(source, &dense, NULL), ERR_OK);
	double *weight = dense.weight;
	dense.weight = NULL;
	dense_free_rows(&dense);
	source_free(source);
	return weight;
}

static void trial_check(struct trial *trial, const double *weight, const char *name)
{
	struct source *source = trial_source(trial);
	dense_check(source, &(struct dense_expected){ .weight = weight }, EXACT, FAST, name);
	source_free(source);
}

/* Both paths against each other. */
static void trial_compare(struct trial *trial, const char *name)
{
	double *weight = trial_weights(trial);
	trial_check(trial, weight, name);
	free(weight);
}

static struct tensor tensor_of(const struct vector *vector, const char *name)
{
	struct vector_view view;
	struct vector matrix = *vector;
	if (matrix.rank == 1) {
		matrix.rank = 2;
		matrix.shape[1] = matrix.shape[0];
		matrix.shape[0] = 1;
	}
	vector_view_init(&view, &matrix, name);
	if (vector->rank == 1) {
		view.tensor.rank = 1;
		view.tensor.shape[0] = vector->shape[0];
		view.tensor.stride[0] = 1;
	}
	return view.tensor;
}

static struct tensor list(struct vectors *vectors, int64_t count, const double *value, const char *name)
{
	struct vector vector = vectors_formula(vectors, 0, 0, 1, &count);
	memcpy(vector.data, value, (size_t)count * sizeof *value);
	return tensor_of(&vector, name);
}

START_TEST(vector_14_both_pairings)
{
	static const char *const name[] = { "expected/half_split/", "expected/interleaved/" };
	struct trial trial;
	char path[64];
	trial_open(&trial, "14_rope", 1);
	trial.args.position.rope = _i ? ROPE_INTERLEAVED : ROPE_HALF;
	struct rope rope;
	ck_assert_int_eq(rope_init(&rope, &trial.args.position, 4, 1, 0, 5, NULL), ERR_OK);
	snprintf(path, sizeof path, "%sq_rotated", name[_i]);
	struct vector rotated = vectors_get(trial.vectors, path);
	for (int token = 0; token < 6; token++) {
		double vector[4];
		memcpy(vector, trial.query.data + token * 4, sizeof vector);
		rope_rotate(&rope, token, 0, vector);
		ck_assert_double_le(vectors_distance(vector, rotated.data + token * 4, 4), EXACT);
	}
	rope_release(&rope);
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	snprintf(path, sizeof path, "%sW_causal", name[_i]);
	trial_check(&trial, vectors_get(trial.vectors, path).data, path);
	trial.args.stage = STAGE_SCORES;
	snprintf(path, sizeof path, "%slogits", name[_i]);
	trial_check(&trial, vectors_get(trial.vectors, path).data, path);
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_14_partial_rotation_leaves_the_rest)
{
	struct vectors *vectors = vectors_open("14_rope");
	struct vector input = vectors_get(vectors, "inputs/Q6 (partial rotary)"), expected = vectors_get(vectors, "expected/partial_rotary_4_of_6_half_split");
	struct position_args args = { .rope = ROPE_HALF, .rope_dims = 4 };
	struct rope rope;
	ck_assert_int_eq(rope_init(&rope, &args, 6, 1, 0, 5, NULL), ERR_OK);
	for (int token = 0; token < 6; token++)
		rope_rotate(&rope, token, 0, input.data + token * 6);
	ck_assert_double_le(vectors_distance(input.data, expected.data, 36), EXACT);
	rope_release(&rope);
	vectors_close(vectors);
}
END_TEST

START_TEST(logits_do_not_change_when_all_positions_shift)
{
	struct trial trial;
	trial_open(&trial, "14_rope", 1);
	trial.args.position.rope = ROPE_HALF;
	double *weight = trial_weights(&trial);
	static const int64_t shift[] = { 7, 250, 100000, -3 };
	for (int i = 0; i < 4; i++) {
		trial.args.position.key_offset = shift[i];
		double *moved = trial_weights(&trial);
		/* Angles of 1e5 rad are known to 1e-11. */
		ck_assert_double_le(vectors_distance(weight, moved, 36), shift[i] == 100000 ? 1e-10 : EXACT);
		free(moved);
	}
	free(weight);
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(tables_of_two_levels_give_every_angle)
{
	enum { PAIRS = 32 };
	struct position_args args = { .rope = ROPE_INTERLEAVED, .rope_base = 500000 };
	struct rope rope;
	double frequency[PAIRS], multiplier;
	ck_assert_int_eq(rope_init(&rope, &args, 2 * PAIRS, 1, -600, 70000, NULL), ERR_OK);
	ck_assert_int_eq(rope_frequencies(&args, 2 * PAIRS, 70001, frequency, &multiplier, NULL), ERR_OK);
	static const int64_t position[] = { -600, -257, -256, -1, 0, 1, 255, 256, 257, 65535, 70000 };
	for (size_t i = 0; i < sizeof position / sizeof *position; i++) {
		double vector[2 * PAIRS];
		for (int pair = 0; pair < PAIRS; pair++) {
			vector[2 * pair] = 1;
			vector[2 * pair + 1] = 0;
		}
		rope_rotate(&rope, position[i], 0, vector);
		for (int pair = 0; pair < PAIRS; pair++) {
			ck_assert_double_eq_tol(vector[2 * pair], cos((double)position[i] * frequency[pair]), 2e-11);
			ck_assert_double_eq_tol(vector[2 * pair + 1], sin((double)position[i] * frequency[pair]), 2e-11);
		}
	}
	rope_release(&rope);
}
END_TEST

/* Inverse frequencies of 128 dims, base 10000, trained context 2048, factor 10, to the five digits that Hugging Face's tests of its rope utilities give. */
START_TEST(scalings_give_the_published_frequencies)
{
	static const struct {
		enum rope_scaling scaling;
		int64_t length;
		int pair;
		double expected;
	} known[] = {
		{ ROPE_SCALING_NONE, 2048, 1, 8.6596e-01 }, { ROPE_SCALING_NONE, 2048, 63, 1.1548e-04 },
		{ ROPE_SCALING_LINEAR, 2048, 16, 1.0000e-02 },
		{ ROPE_SCALING_DYNAMIC, 2048, 63, 1.1548e-04 }, { ROPE_SCALING_DYNAMIC, 16384, 1, 8.0931e-01 }, { ROPE_SCALING_DYNAMIC, 16384, 63, 1.6265e-06 },
		{ ROPE_SCALING_LLAMA3, 2048, 30, 1.3335e-02 }, { ROPE_SCALING_LLAMA3, 2048, 31, 1.0730e-02 }, { ROPE_SCALING_LLAMA3, 2048, 35, 2.8248e-03 },
		{ ROPE_SCALING_LLAMA3, 2048, 40, 3.4539e-04 }, { ROPE_SCALING_LLAMA3, 2048, 41, 2.7384e-04 },
		{ ROPE_SCALING_YARN, 2048, 16, 1.0000e-01 }, { ROPE_SCALING_YARN, 2048, 17, 8.3479e-02 }, { ROPE_SCALING_YARN, 2048, 30, 6.6143e-03 },
		{ ROPE_SCALING_YARN, 2048, 40, 4.3007e-04 }, { ROPE_SCALING_YARN, 2048, 63, 1.1548e-05 },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		struct position_args args = { .rope_scaling = known[i].scaling, .rope_factor = 10, .rope_original_length = 2048 };
		double frequency[64], multiplier;
		ck_assert_int_eq(rope_frequencies(&args, 128, known[i].length, frequency, &multiplier, NULL), ERR_OK);
		ck_assert_msg(fabs(frequency[known[i].pair] / known[i].expected - 1) < 5e-5, "scaling %d pair %d: %g where %g is expected", known[i].scaling,
			      known[i].pair, frequency[known[i].pair], known[i].expected);
		ck_assert_double_eq(multiplier, known[i].scaling == ROPE_SCALING_YARN ? 0.1 * log(10) + 1 : 1);
	}
}
END_TEST

START_TEST(scalings_say_what_they_need)
{
	double frequency[4], multiplier;
	struct err_info info = { 0 };
	struct position_args no_factor = { .rope_scaling = ROPE_SCALING_LINEAR };
	ck_assert_int_eq(rope_frequencies(&no_factor, 8, 1, frequency, &multiplier, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "--rope-factor"));
	struct position_args no_length = { .rope_scaling = ROPE_SCALING_LLAMA3, .rope_factor = 8 };
	info = (struct err_info){ 0 };
	ck_assert_int_eq(rope_frequencies(&no_length, 8, 1, frequency, &multiplier, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "--rope-original-length"));
}
END_TEST

START_TEST(frequencies_and_tables_from_tensors_give_the_same_map)
{
	struct trial trial;
	trial_open(&trial, "14_rope", 1);
	trial.args.position.rope = ROPE_HALF;
	double *weight = trial_weights(&trial);
	struct tensor frequencies = list(trial.vectors, 2, (double[]){ 1.0, 0.01 }, "inv_freq");
	trial.args.position.inv_freq = &frequencies;
	trial_check(&trial, weight, "inv_freq");
	trial.args.position.inv_freq = NULL;
	/* Tables as wide as the rotation, as Hugging Face concatenates them. */
	struct vector table[2];
	struct tensor tensor[2];
	for (int i = 0; i < 2; i++) {
		table[i] = vectors_formula(trial.vectors, 0, 0, 2, (int64_t[]){ 6, 4 });
		for (int at = 0; at < 24; at++) {
			double angle = at / 4 * (at % 2 ? 0.01 : 1.0);
			table[i].data[at] = i ? sin(angle) : cos(angle);
		}
		tensor[i] = tensor_of(&table[i], "table");
	}
	trial.args.position.rope_cos = &tensor[0];
	trial.args.position.rope_sin = &tensor[1];
	trial_check(&trial, weight, "cos and sin");
	free(weight);
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(positions_may_come_as_a_tensor)
{
	struct trial trial;
	trial_open(&trial, "14_rope", 1);
	trial.args.position.rope = ROPE_HALF;
	trial.args.position.key_offset = 3;
	double *weight = trial_weights(&trial);
	struct tensor places = list(trial.vectors, 6, (double[]){ 3, 4, 5, 6, 7, 8 }, "positions");
	trial.args.position.key_offset = 0;
	trial.args.position.key_positions = &places;
	trial.args.position.query_positions = &places;
	trial_check(&trial, weight, "positions");
	places = list(trial.vectors, 6, (double[]){ 3, 4, 5, 6.5, 7, 8 }, "positions");
	struct source *source;
	struct err_info info = { 0 };
	ck_assert_int_eq(mechanism_find("softmax")->open(&trial.args, &source, &info), ERR_VALUE);
	ck_assert_ptr_nonnull(strstr(info.text, "6.5"));
	free(weight);
	vectors_close(trial.vectors);
}
END_TEST

/* The last queries of a longer text have the positions that meet the last keys. */
START_TEST(queries_of_a_cache_stand_at_its_end)
{
	struct trial trial;
	trial_open(&trial, "14_rope", 1);
	trial.args.position.rope = ROPE_HALF;
	trial.args.position.alibi = true;
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	double *weight = trial_weights(&trial);
	struct vector all = trial.query;
	trial.query.shape[1] = 2;
	trial.query.count = 8;
	trial.query.data = all.data + 16;
	struct mechanism_args args = trial.args;
	bind(&trial);
	args.binding = trial.args.binding;
	trial.args = args;
	trial_check(&trial, weight + 24, "decode");
	free(weight);
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_15_slopes)
{
	static const int heads[] = { 1, 2, 4, 8, 12, 16 };
	struct vectors *vectors = vectors_open("15_alibi");
	for (int i = 0; i < 6; i++) {
		char path[40];
		double slope[16];
		snprintf(path, sizeof path, "expected/slopes/%d", heads[i]);
		alibi_slopes(heads[i], slope);
		ck_assert_double_le(vectors_distance(slope, vectors_get(vectors, path).data, heads[i]), 1e-15);
	}
	vectors_close(vectors);
}
END_TEST

/* The maps of two heads from one array a head: before0after and before1after. */
static void check_heads(struct trial *trial, const char *before, const char *after)
{
	struct vector both = vectors_formula(trial->vectors, 0, 0, 3, (int64_t[]){ 2, 6, 6 });
	for (int head = 0; head < 2; head++) {
		char path[80];
		snprintf(path, sizeof path, "expected/%s%d%s", before, head, after);
		memcpy(both.data + (int64_t)36 * head, vectors_get(trial->vectors, path).data, 36 * sizeof(double));
	}
	trial_check(trial, both.data, before);
}

START_TEST(vector_15_causal_bidirectional_and_before_the_scale)
{
	struct trial trial;
	trial_open(&trial, "15_alibi", 2);
	trial.args.position.alibi = true;
	check_heads(&trial, "W_bidirectional_abs_head", "_of_2");
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	check_heads(&trial, "W_causal_head", "_of_2");
	trial.args.position.bias_before_scale = true;
	double *weight = trial_weights(&trial);
	ck_assert_double_le(vectors_distance(weight, vectors_get(trial.vectors, "expected/W_causal_falcon_scaled_bias_head0_of_2").data, 36), EXACT);
	free(weight);
	trial_compare(&trial, "before the scale");
	trial.args.softcap = 1.5;
	trial_compare(&trial, "before the scale and the soft-cap");
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_16_buckets)
{
	struct vectors *vectors = vectors_open("16_t5_bias");
	struct vector relative = vectors_get(vectors, "expected/relative_positions"), two_sided = vectors_get(vectors, "expected/bucket_bidirectional");
	struct vector causal = vectors_get(vectors, "expected/bucket_causal");
	for (int64_t i = 0; i < relative.count; i++) {
		ck_assert_int_eq(t5_bucket((int64_t)relative.data[i], true, 32, 128), (int64_t)two_sided.data[i]);
		ck_assert_int_eq(t5_bucket((int64_t)relative.data[i], false, 32, 128), (int64_t)causal.data[i]);
	}
	/* Where float32 and double disagree, the model's float32 counts. */
	ck_assert_int_eq(t5_bucket(-40, false, 32, 100), 24);
	ck_assert_int_eq(t5_bucket(-1000000, false, 32, 128), 31);
	vectors_close(vectors);
}
END_TEST

START_TEST(vector_16_bias_of_encoder_and_decoder)
{
	struct trial trial;
	trial_open(&trial, "16_t5_bias", 2);
	struct vector bias = vectors_get(trial.vectors, "inputs/relative_attention_bias");
	struct tensor tensor = tensor_of(&bias, "relative_attention_bias");
	trial.args.position.t5_bias = &tensor;
	trial.args.scale = 1;
	check_heads(&trial, "W_bidirectional_head", "");
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	check_heads(&trial, "W_causal_head", "");
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(normalised_queries_and_keys)
{
	struct trial trial;
	trial_open(&trial, "15_alibi", 2);
	struct tensor weights = list(trial.vectors, 4, (double[]){ 0.5, 2, 1, -1 }, "norm");
	trial.args.position.qk_norm = _i ? QK_NORM_L2 : QK_NORM_RMS;
	trial.args.position.query_norm = &weights;
	trial.args.position.rope = ROPE_INTERLEAVED;
	trial.args.stage = STAGE_SCORES;
	double *score = trial_weights(&trial);
	/* The first query and key are at position 0, so their rotation is none. */
	double query = 0, key = 0, dot = 0, weight[] = { 0.5, 2, 1, -1 }, *q = trial.query.data, *k = trial.key.data;
	for (int d = 0; d < 4; d++) {
		query += q[d] * q[d];
		key += k[d] * k[d];
		dot += q[d] * weight[d] * k[d];
	}
	double expected = _i ? dot / sqrt(query) / sqrt(key) : dot / sqrt(query / 4 + 1e-6) / sqrt(key / 4 + 1e-6);
	ck_assert_double_eq_tol(score[0], 0.5 * expected, EXACT);
	trial.args.stage = STAGE_WEIGHTS;
	trial_compare(&trial, "normalised");
	free(score);
	vectors_close(trial.vectors);
}
END_TEST

/* More than one tile, dims that fill no vector, groups of heads, everything at once: both paths must agree. */
START_TEST(fast_path_agrees_over_many_tiles)
{
	struct trial trial = { .vectors = vectors_open("14_rope") };
	trial.query = vectors_formula(trial.vectors, 1, 1.5, 4, (int64_t[]){ 2, 4, 150, 10 });
	trial.key = vectors_formula(trial.vectors, 2, 1.5, 4, (int64_t[]){ 2, 2, 301, 10 });
	bind(&trial);
	struct vector curve = vectors_formula(trial.vectors, 3, 1, 2, (int64_t[]){ 32, 4 });
	struct tensor t5 = tensor_of(&curve, "t5");
	struct tensor sinks = list(trial.vectors, 4, (double[]){ -1, 0.5, 2, 0 }, "sinks");
	/* Slopes that keep the logits within 10: a float32 logit of 100 is known to 4e-6. */
	struct tensor slopes = list(trial.vectors, 4, (double[]){ 0.02, 0.01, 0.005, 0 }, "slopes");
	int64_t length[] = { 301, 222 };
	trial.args.position = (struct position_args){ .rope = ROPE_HALF, .rope_dims = 6, .alibi_slopes = &slopes, .t5_bias = &t5, .qk_norm = QK_NORM_L2, .sinks = &sinks };
	trial.args.softcap = 3;
	trial.args.scale = 4;
	trial_compare(&trial, "no mask");
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	trial_compare(&trial, "causal");
	trial.args.key_length = length;
	trial.args.key_length_count = 2;
	trial.args.align_to_length = true;
	trial.args.window_left = 70;
	trial_compare(&trial, "aligned window");
	trial.args.keep_first = 4;
	trial.args.dead_rows = DEAD_ROWS_UNIFORM;
	trial_compare(&trial, "kept first keys");
	vectors_close(trial.vectors);
}
END_TEST

/* NoPE: without mask and positions, permuted keys permute the columns of W. */
START_TEST(without_positions_keys_have_no_order)
{
	struct trial trial;
	trial_open(&trial, "15_alibi", 1);
	double *weight = trial_weights(&trial), *key = trial.key.data, first[4];
	memcpy(first, key, sizeof first);
	memmove(key, key + 4, 20 * sizeof *key);
	memcpy(key + 20, first, sizeof first);
	double *rolled = trial_weights(&trial);
	for (int i = 0; i < 36; i++)
		ck_assert_double_eq_tol(rolled[i], weight[i / 6 * 6 + (i + 1) % 6], EXACT);
	free(weight);
	free(rolled);
	vectors_close(trial.vectors);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("positions");
	TCase *always = tcase_create("formulas"), *tcase = tcase_create("vectors");
	tcase_add_test(always, tables_of_two_levels_give_every_angle);
	tcase_add_test(always, scalings_give_the_published_frequencies);
	tcase_add_test(always, scalings_say_what_they_need);
	suite_add_tcase(suite, always);
	tcase_add_loop_test(tcase, vector_14_both_pairings, 0, 2);
	tcase_add_test(tcase, vector_14_partial_rotation_leaves_the_rest);
	tcase_add_test(tcase, logits_do_not_change_when_all_positions_shift);
	tcase_add_test(tcase, frequencies_and_tables_from_tensors_give_the_same_map);
	tcase_add_test(tcase, positions_may_come_as_a_tensor);
	tcase_add_test(tcase, queries_of_a_cache_stand_at_its_end);
	tcase_add_test(tcase, vector_15_slopes);
	tcase_add_test(tcase, vector_15_causal_bidirectional_and_before_the_scale);
	tcase_add_test(tcase, vector_16_buckets);
	tcase_add_test(tcase, vector_16_bias_of_encoder_and_decoder);
	tcase_add_loop_test(tcase, normalised_queries_and_keys, 0, 2);
	tcase_add_test(tcase, fast_path_agrees_over_many_tiles);
	tcase_add_test(tcase, without_positions_keys_have_no_order);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
