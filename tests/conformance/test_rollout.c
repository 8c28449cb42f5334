/* SPDX-License-Identifier: MIT */
/* Rollout against the worked numbers of vector 31 (two layers, two heads, [CLS] and nine patches). */
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/rollout.h"
#include "analysis/stats.h"
#include "mechanism/mechanism.h"
#include "support/vectors.h"

enum { LAYERS = 2, HEADS = 2, TOKENS = 10, DIM = 4, HEAD_SIZE = TOKENS * DIM };

/* Q and K of each layer come from a seed of their own. */
struct fixture {
	double query[LAYERS * HEADS * HEAD_SIZE], key[LAYERS * HEADS * HEAD_SIZE];
	struct vector_view query_view, key_view;
	struct source *source;
};

static void fixture_open(struct fixture *fixture)
{
	int64_t layer_size = HEADS * HEAD_SIZE;
	for (int layer = 0; layer < LAYERS; layer++) {
		vectors_fill(fixture->query + layer * layer_size, layer_size, 141 + 10 * layer, 2);
		vectors_fill(fixture->key + layer * layer_size, layer_size, 142 + 10 * layer, 2);
	}
	struct vector query = { .rank = 5, .shape = { LAYERS, 1, HEADS, TOKENS, DIM }, .count = LAYERS * layer_size, .data = fixture->query };
	struct vector key = query;
	key.data = fixture->key;
	vector_view_init(&fixture->query_view, &query, "query");
	vector_view_init(&fixture->key_view, &key, "key");
	struct mechanism_binding bindings[] = {
		{ .role = "query", .tensor = &fixture->query_view.tensor, .heads = &fixture->query_view.heads },
		{ .role = "key", .tensor = &fixture->key_view.tensor, .heads = &fixture->key_view.heads },
	};
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	args.binding = bindings;
	args.binding_count = 2;
	struct err_info info = { 0 };
	ck_assert_msg(mechanism_find("softmax")->open(&args, &fixture->source, &info) == ERR_OK, "%s", info.text);
}

static struct rollout_request request(enum head_fusion fusion)
{
	return (struct rollout_request){ .fusion = fusion, .residual = 0.5, .keep_column = 0 };
}

START_TEST(whole_rollout_and_single_rows_hold_the_worked_numbers)
{
	struct fixture fixture;
	struct vectors *v = vectors_open("31_vit");
	struct vector want = vectors_get(v, "expected/rollout_full");
	struct rollout_request mean = request(FUSION_MEAN);
	double whole[TOKENS * TOKENS], rows[2 * TOKENS];
	fixture_open(&fixture);
	ck_assert_int_eq(rollout_matrix(fixture.source, &mean, whole, NULL), ERR_OK);
	ck_assert_double_le(vectors_distance(whole, want.data, TOKENS * TOKENS), 1e-6);
	ck_assert_int_eq(rollout_rows(fixture.source, &mean, (int64_t[]){ 7, 0 }, 2, rows, NULL), ERR_OK);
	ck_assert_double_le(vectors_distance(rows, want.data + 7 * TOKENS, TOKENS), 1e-6);
	ck_assert_double_le(vectors_distance(rows + TOKENS, want.data, TOKENS), 1e-6);
	source_free(fixture.source);
	vectors_close(v);
}
END_TEST

static const struct {
	enum head_fusion fusion;
	const char *path;
} fusions[] = {
	{ FUSION_MEAN, "expected/rollout_cls_map_by_fusion/mean" },
	{ FUSION_MAX, "expected/rollout_cls_map_by_fusion/max" },
	{ FUSION_MIN, "expected/rollout_cls_map_by_fusion/min" },
};

START_TEST(each_fusion_gives_the_worked_cls_map)
{
	struct fixture fixture;
	struct vectors *v = vectors_open("31_vit");
	struct vector want = vectors_get(v, fusions[_i].path);
	struct rollout_request fused = request(fusions[_i].fusion);
	double whole[TOKENS * TOKENS];
	fixture_open(&fixture);
	ck_assert_int_eq(rollout_matrix(fixture.source, &fused, whole, NULL), ERR_OK);
	ck_assert_double_le(vectors_distance(whole + 1, want.data, TOKENS - 1), 1e-6);
	source_free(fixture.source);
	vectors_close(v);
}
END_TEST

START_TEST(rows_sum_to_one_whatever_the_fusion_the_residual_and_the_discarding)
{
	struct fixture fixture;
	fixture_open(&fixture);
	for (int fusion = FUSION_MEAN; fusion <= FUSION_MIN; fusion++)
		for (int part = 0; part < 9; part++) {
			struct rollout_request some = request((enum head_fusion)fusion);
			some.discard = part % 3 * 0.4;
			some.residual = part / 3 * 0.45;
			double whole[TOKENS * TOKENS];
			ck_assert_int_eq(rollout_matrix(fixture.source, &some, whole, NULL), ERR_OK);
			for (int row = 0; row < TOKENS; row++) {
				double sum = 0;
				for (int key = 0; key < TOKENS; key++)
					sum += whole[row * TOKENS + key];
				ck_assert_double_eq_tol(sum, 1, 1e-6);
			}
		}
	source_free(fixture.source);
}
END_TEST

START_TEST(single_rows_with_max_fusion_are_refused)
{
	struct fixture fixture;
	struct rollout_request max = request(FUSION_MAX);
	double row[TOKENS];
	fixture_open(&fixture);
	ck_assert_int_eq(rollout_rows(fixture.source, &max, (int64_t[]){ 0 }, 1, row, NULL), ERR_USAGE);
	source_free(fixture.source);
}
END_TEST

/* Attention distance of the same two layers, as published (rows not divided by their mass on patches) and normalised. */
static enum err keep_distances(void *data, const struct stats_result *result, struct err_info *info)
{
	double (*kept)[2] = data;
	(void)info;
	kept[result->map][0] = result->value[0].value;
	kept[result->map][1] = result->value[1].value;
	return ERR_OK;
}

START_TEST(attention_distances_on_the_grid_are_the_worked_ones)
{
	struct fixture fixture;
	struct vectors *v = vectors_open("31_vit");
	struct vector published = vectors_get(v, "expected/attention_distance_px_unrenormalised (keras/ViT probing)");
	struct vector normalised = vectors_get(v, "expected/attention_distance_px_renormalised_over_patches");
	const struct metric *metric[METRIC_COUNT];
	double kept[LAYERS * HEADS][2];
	struct stats_request wanted = { .metric = metric, .parameters = stats_parameters_default(), .row_count = TOKENS,
					.emit = keep_distances, .emit_data = kept };
	struct stats *stats;
	wanted.parameters.grid_height = wanted.parameters.grid_width = 3;
	wanted.parameters.patch_size = 16;
	ck_assert_int_eq(metric_select("grid_distance,grid_distance_patches", metric, &wanted.metric_count, NULL), ERR_OK);
	fixture_open(&fixture);
	ck_assert_int_eq(stats_new(&wanted, fixture.source, &stats, NULL), ERR_OK);
	ck_assert_int_eq(driver_run(fixture.source, stats_sinks(stats), stats_sink_count(stats), NULL, NULL), ERR_OK);
	for (int map = 0; map < LAYERS * HEADS; map++) {
		ck_assert_double_eq_tol(kept[map][0] / published.data[map], 1, 2e-6);
		ck_assert_double_eq_tol(kept[map][1] / normalised.data[map], 1, 2e-6);
	}
	stats_free(stats);
	source_free(fixture.source);
	vectors_close(v);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rollout");
	TCase *tcase = tcase_create("rollout");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, whole_rollout_and_single_rows_hold_the_worked_numbers);
	tcase_add_test(tcase, attention_distances_on_the_grid_are_the_worked_ones);
	tcase_add_loop_test(tcase, each_fusion_gives_the_worked_cls_map, 0, 3);
	tcase_add_test(tcase, rows_sum_to_one_whatever_the_fusion_the_residual_and_the_discarding);
	tcase_add_test(tcase, single_rows_with_max_fusion_are_refused);
	return suite_main(suite);
}
