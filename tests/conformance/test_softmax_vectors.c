/* SPDX-License-Identifier: MIT */
/* The worked numbers of dot-product attention: 01-04, 07, 18, 19, 34, 37. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/mechanism.h"
#include "support/dense.h"
#include "support/suite.h"
#include "support/vectors.h"

static const double EXACT = 1e-12, FAST = 2e-6;

/* The attention of three arrays. */
struct trial {
	struct vectors *vectors;
	struct vector_view view[3];
	struct mechanism_binding binding[3];
	struct mechanism_args args;
};

static void trial_bind(struct trial *trial, struct vector query, struct vector key, struct vector value)
{
	static const char *const role[] = { "query", "key", "value" };
	const struct vector *array[] = { &query, &key, &value };
	for (size_t i = 0; i < 3; i++) {
		if (!array[i]->data)
			continue;
		vector_view_init(&trial->view[i], array[i], role[i]);
		trial->binding[i] = (struct mechanism_binding){ .role = role[i], .tensor = &trial->view[i].tensor, .heads = &trial->view[i].heads };
		trial->args.binding_count = i + 1;
	}
	trial->args.binding = trial->binding;
}

/* The inputs Q, K and, where there is one, V of a file. */
static void trial_open(struct trial *trial, const char *file)
{
	*trial = (struct trial){ .vectors = vectors_open(file), .args = MECHANISM_ARGS_INIT };
	struct vector value = { 0 };
	if (vectors_has(trial->vectors, "inputs/V"))
		value = vectors_get(trial->vectors, "inputs/V");
	trial_bind(trial, vectors_get(trial->vectors, "inputs/Q"), vectors_get(trial->vectors, "inputs/K"), value);
}

static struct source *trial_source(struct trial *trial)
{
	struct source *source = NULL;
	struct err_info info = { 0 };
	enum err err = mechanism_find("softmax")->open(&trial->args, &source, &info);
	ck_assert_msg(!err, "%s", info.text);
	return source;
}

static const double *expected_array(struct vectors *vectors, const char *prefix, const char *name)
{
	char path[256];
	snprintf(path, sizeof path, "expected/%s%s", prefix, name);
	return vectors_has(vectors, path) ? vectors_get(vectors, path).data : NULL;
}

/* W, O, lse and entropy below `prefix`, as far as they are there. */
static void trial_check_fast(struct trial *trial, const char *prefix, double fast)
{
	struct source *source = trial_source(trial);
	struct dense_expected expected = {
		expected_array(trial->vectors, prefix, "W"), expected_array(trial->vectors, prefix, "O"),
		expected_array(trial->vectors, prefix, "lse"), expected_array(trial->vectors, prefix, "entropy_nats"),
	};
	ck_assert_msg(expected.weight, "%s: no weights are expected", prefix);
	dense_check(source, &expected, EXACT, fast, prefix);
	source_free(source);
}

static void trial_check(struct trial *trial, const char *prefix)
{
	trial_check_fast(trial, prefix, FAST);
}

START_TEST(vector_01_plain_and_causal)
{
	struct trial trial;
	trial_open(&trial, "01_sdpa");
	trial_check(&trial, "full/");
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	trial_check(&trial, "causal/");
	trial.args.causal = CAUSAL_NONE;
	trial.args.scale = 1;
	trial_check(&trial, "scale_1/");
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_02_padding_dead_row_bias_and_soft_cap)
{
	struct trial trial;
	trial_open(&trial, "02_sdpa_masks");
	int64_t length = 4;
	trial.args.key_length = &length;
	trial.args.key_length_count = 1;
	trial_check(&trial, "key_padding_keep_0_to_3/");
	trial.args.key_length = NULL;

	struct vector allow = vectors_formula(trial.vectors, 0, 0, 2, (int64_t[]){ 6, 6 });
	for (int i = 0; i < 36; i++)
		allow.data[i] = i / 6 != 2;
	struct vector_view view;
	vector_view_init(&view, &allow, "mask");
	trial.args.allow = &view.heads;
	trial_check(&trial, "row2_fully_masked/");
	trial.args.allow = NULL;

	struct vector bias = vectors_get(trial.vectors, "inputs/bias");
	vector_view_init(&view, &bias, "bias");
	trial.args.bias = &view.heads;
	trial_check(&trial, "additive_bias/");
	trial.args.bias = NULL;

	trial.args.softcap = vectors_real(trial.vectors, "params/softcap");
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	trial_check(&trial, "softcap_0.4_causal/");
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_03_a_sink_logit_takes_its_share)
{
	struct trial trial;
	trial_open(&trial, "03_sdpa_sink");
	double logit = vectors_real(trial.vectors, "params/sink_logit");
	struct tensor sinks = { .name = "sinks", .dtype = DTYPE_F64, .rank = 1, .shape = { 1 }, .stride = { 1 }, .data = (const unsigned char *)&logit, .scale = 1 };
	trial.args.position.sinks = &sinks;
	trial.args.causal = CAUSAL_BOTTOM_RIGHT;
	trial_check(&trial, "");
	struct source *source = trial_source(&trial);
	ck_assert(!source->is_stochastic);
	struct dense_expected expected = { .lse = expected_array(trial.vectors, "", "lse_including_sink") };
	dense_check(source, &expected, EXACT, FAST, "lse with the sink");
	struct dense dense;
	const double *sum = expected_array(trial.vectors, "", "row_sums"), *weight = expected_array(trial.vectors, "", "W");
	ck_assert_int_eq(dense_reference(source, &dense, NULL), ERR_OK);
	for (int row = 0; row < 6; row++) {
		double entropy = 0;
		for (int key = 0; key < 6; key++)
			entropy -= weight[row * 6 + key] > 0 ? weight[row * 6 + key] * log(weight[row * 6 + key]) : 0;
		ck_assert_double_eq_tol(dense.stats[row].sum, sum[row], EXACT);
		ck_assert_double_eq_tol(dense.stats[row].entropy, entropy, EXACT);
	}
	dense_free_rows(&dense);
	source_free(source);
	vectors_close(trial.vectors);
}
END_TEST

static int64_t support_sum(const struct source *source)
{
	int64_t sum = 0;
	for (int64_t row = 0; row < source->queries; row++)
		sum += source->ops->support(source, 0, row);
	return sum;
}

START_TEST(vector_04_both_causal_sides_of_a_cross_attention)
{
	static const char *const side[] = { "none/", "causal_top_left/", "causal_bottom_right/" };
	static const char *const allowed[] = { NULL, "expected/n_allowed_top_left", "expected/n_allowed_bottom_right" };
	struct trial trial;
	trial_open(&trial, "04_cross_attention");
	for (int causal = CAUSAL_NONE; causal <= CAUSAL_BOTTOM_RIGHT; causal++) {
		trial.args.causal = (enum causal)causal;
		trial_check(&trial, side[causal]);
		struct source *source = trial_source(&trial);
		ck_assert_int_eq(support_sum(source), allowed[causal] ? vectors_int(trial.vectors, allowed[causal]) : 28);
		source_free(source);
	}
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_07_grouped_and_multi_query_heads)
{
	struct trial trial = { .vectors = vectors_open("07_gqa_mqa"), .args = MECHANISM_ARGS_INIT };
	trial.args.causal = CAUSAL_TOP_LEFT;
	for (int64_t kv_heads = 4; kv_heads; kv_heads /= 2) {
		int64_t shape[] = { kv_heads, 5, 4 };
		char prefix[16];
		snprintf(prefix, sizeof prefix, "n_kv_%d/", (int)kv_heads);
		trial_bind(&trial, vectors_get(trial.vectors, "inputs/Q"), vectors_formula(trial.vectors, 32, 1, 3, shape),
			   vectors_formula(trial.vectors, 33, 1, 3, shape));
		trial_check(&trial, prefix);
		struct source *source = trial_source(&trial);
		const double *head = expected_array(trial.vectors, prefix, "kv_head_of_query_head");
		for (int64_t map = 0; map < 4; map++)
			ck_assert_int_eq(source->ops->prepared_id(source, map), (int64_t)head[map]);
		source_free(source);
	}
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_18_tiles_that_nothing_attends_to_are_known)
{
	struct trial trial;
	trial_open(&trial, "18_flash_online");
	trial.args.causal = CAUSAL_TOP_LEFT;
	trial_check(&trial, "");
	struct source *source = trial_source(&trial);
	int64_t skipped = 0;
	for (int64_t row = 0; row < 8; row++)
		for (int64_t key = 0; key < 8; key += 3)
			skipped += source->ops->coverage(source, 0, row, row, key, key + 3 < 8 ? key + 3 : 8) == TILE_EMPTY;
	ck_assert_int_eq(skipped, vectors_int(trial.vectors, "expected/tiles_skipped_fully_masked"));
	source_free(source);
	vectors_close(trial.vectors);
}
END_TEST

START_TEST(vector_19_extreme_logits_do_not_overflow)
{
	struct trial trial;
	trial_open(&trial, "19_extreme_logits");
	trial.args.scale = 1;
	/* A float32 logit of 1600 is known to half of 1.2e-4, and so is e to it. */
	trial_check_fast(&trial, "", 1600 * 0x1p-24);
	vectors_close(trial.vectors);
}
END_TEST

/* What a window keeps of the full row follows from the two log-sum-exps alone. */
static void check_window(struct trial *trial, const char *prefix, const struct dense *full)
{
	char name[64];
	struct dense dense;
	struct source *source = trial_source(trial);
	ck_assert_int_eq(dense_reference(source, &dense, NULL), ERR_OK);
	const double *last = expected_array(trial->vectors, prefix, "last_row_W"), *kept = expected_array(trial->vectors, prefix, "kept_mass_per_row");
	ck_assert_double_le(vectors_distance(dense.weight + 11 * 12, last, 12), EXACT);
	double error = 0, norm = 0;
	for (int row = 0; row < 12; row++)
		ck_assert_double_eq_tol(exp(dense.stats[row].lse - full->stats[row].lse), kept[row], EXACT);
	for (int i = 0; i < 48; i++) {
		if (dense.stats[i / 4].support == 0)
			continue;
		error += (dense.output[i] - full->output[i]) * (dense.output[i] - full->output[i]);
		norm += full->output[i] * full->output[i];
	}
	snprintf(name, sizeof name, "expected/%srel_output_error_fro", prefix);
	ck_assert_double_eq_tol(sqrt(error / norm), vectors_real(trial->vectors, name), EXACT);
	snprintf(name, sizeof name, "expected/%sn_allowed", prefix);
	ck_assert_int_eq(support_sum(source), vectors_int(trial->vectors, name));
	struct dense_expected expected = { dense.weight, dense.output, NULL, NULL };
	dense_check(source, &expected, 0, FAST, prefix);
	dense_free_rows(&dense);
	source_free(source);
}

START_TEST(vector_34_context_windows)
{
	struct trial trial;
	trial_open(&trial, "34_context_windows");
	trial.args.causal = CAUSAL_TOP_LEFT;
	struct dense full;
	struct source *source = trial_source(&trial);
	ck_assert_int_eq(dense_reference(source, &full, NULL), ERR_OK);
	ck_assert_double_le(vectors_distance(full.weight, expected_array(trial.vectors, "", "full_W"), 144), EXACT);
	source_free(source);
	trial.args.window_left = 3;
	check_window(&trial, "sliding_4/", &full);
	trial.args.keep_first = 1;
	check_window(&trial, "sliding_4_sink_1/", &full);
	trial.args.keep_first = 0;
	trial.args.window_left = -1;
	trial.args.chunk = 4;
	check_window(&trial, "chunk_4/", &full);
	trial.args.chunk = 0;
	trial.args.key_begin = 4;
	check_window(&trial, "truncate_last_8/", &full);
	dense_free_rows(&full);
	vectors_close(trial.vectors);
}
END_TEST

/* One row of logits, all hidden by a bias of `hides`. */
static void check_convention(struct vectors *vectors, double hides, enum dead_rows dead_rows, const char *name)
{
	struct vector logits = { 2, { 1, 4 }, 4, vectors_get(vectors, "params/logits").data };
	struct vector bias = vectors_formula(vectors, 0, 0, 2, (int64_t[]){ 1, 4 });
	for (int key = 0; key < 4; key++)
		bias.data[key] = hides;
	struct vector_view view[2];
	vector_view_init(&view[0], &logits, "logits");
	vector_view_init(&view[1], &bias, "bias");
	struct mechanism_binding binding = { .role = "weights", .tensor = &view[0].tensor, .heads = &view[0].heads };
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	args.binding = &binding;
	args.binding_count = 1;
	args.ready = READY_LOGITS;
	args.bias = &view[1].heads;
	args.dead_rows = dead_rows;
	struct source *source;
	ck_assert_int_eq(mechanism_find("weights")->open(&args, &source, NULL), ERR_OK);
	struct dense_expected expected = { .weight = expected_array(vectors, name, "") };
	/* The tolerance is the file's own: adding 10000 costs a float32 logit its last digits. */
	double tolerance = vectors_real(vectors, "tolerance_abs_f64");
	dense_check(source, &expected, tolerance, tolerance, name);
	source_free(source);
}

START_TEST(vector_37_three_conventions_of_a_masked_row)
{
	struct vectors *vectors = vectors_open("37_mask_conventions");
	check_convention(vectors, -3.4028234663852886e38, DEAD_ROWS_UNIFORM, "finfo_min_added (HF 4-D mask, fp32)");
	check_convention(vectors, -10000, DEAD_ROWS_ZERO, "minus_10000_added (old BERT)");
	check_convention(vectors, -INFINITY, DEAD_ROWS_ZERO, "minus_inf_with_attnviz_policy");
	check_convention(vectors, 0, DEAD_ROWS_ZERO, "softmax_unmasked");
	vectors_close(vectors);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("softmax vectors");
	TCase *tcase = tcase_create("vectors");
	tcase_add_test(tcase, vector_01_plain_and_causal);
	tcase_add_test(tcase, vector_02_padding_dead_row_bias_and_soft_cap);
	tcase_add_test(tcase, vector_03_a_sink_logit_takes_its_share);
	tcase_add_test(tcase, vector_04_both_causal_sides_of_a_cross_attention);
	tcase_add_test(tcase, vector_07_grouped_and_multi_query_heads);
	tcase_add_test(tcase, vector_18_tiles_that_nothing_attends_to_are_known);
	tcase_add_test(tcase, vector_19_extreme_logits_do_not_overflow);
	tcase_add_test(tcase, vector_34_context_windows);
	tcase_add_test(tcase, vector_37_three_conventions_of_a_masked_row);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
