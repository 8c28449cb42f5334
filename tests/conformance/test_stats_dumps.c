/* SPDX-License-Identifier: MIT */
/* The statistics of the trained models' own weights, computed in float64 and kept beside the dumps: from queries and keys, and from the weights. */
#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "mechanism/mechanism.h"
#include "support/measured.h"
#include "support/npy_view.h"
#include "support/suite.h"

enum { CASES = 18 };

/* Integers may differ by one on a row where two weights are equal to within float32; none of these dumps has such a row. */
static const struct { enum metric_id id; double tolerance; } compared[] = {
	{ METRIC_ENTROPY, 2e-6 }, { METRIC_ENTROPY_NORM, 2e-6 }, { METRIC_MAX, 2e-6 }, { METRIC_SINK1, 2e-6 }, { METRIC_GINI, 2e-6 },
	{ METRIC_DISTANCE, 2e-6 }, { METRIC_KEYS90, 1e-12 },
};

static int heads_compared;

static void compare_head(const struct measured *measured, int64_t map, json_t *row, const char *where)
{
	for (size_t i = 0; i < sizeof compared / sizeof *compared; i++) {
		const char *name = metric_table[compared[i].id].name;
		double expected = json_real_value(json_object_get(row, name)), found = measured->value[map][compared[i].id].value;
		ck_assert_msg(fabs(found - expected) <= compared[i].tolerance * fmax(1, fabs(expected)), "%s head %d: %s is %.9g, not %.9g", where, (int)map, name,
			      found, expected);
	}
	heads_compared++;
}

/* The rows of stats.json that belong to a tensor, in order of its maps. */
static void compare_tensor(const struct source *source, json_t *stats, const char *folder, const char *tensor)
{
	struct measured measured;
	char where[320];
	int64_t map = 0;
	size_t i;
	json_t *row;
	snprintf(where, sizeof where, "%s/%s", folder, tensor);
	measure(&measured, source, "default", NULL, NULL, NULL);
	json_array_foreach(stats, i, row)
		if (strcmp(json_string_value(json_object_get(row, "tensor")), tensor) == 0)
			compare_head(&measured, map++, row, where);
	ck_assert_int_eq(map, measured.maps);
	measured_release(&measured);
}

static struct source *open_source(const char *mechanism, struct mechanism_args *args)
{
	struct source *source = NULL;
	struct err_info info = { 0 };
	ck_assert_msg(!mechanism_find(mechanism)->open(args, &source, &info), "%s", info.text);
	return source;
}

static void check_scores(const char *folder, const char *tensor, json_t *meta, json_t *stats)
{
	struct npy_view query, key;
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	npy_view_open(&query, NULL, "%s/%s_q.npy", folder, tensor);
	npy_view_open(&key, NULL, "%s/%s_k.npy", folder, tensor);
	const struct mechanism_binding binding[] = { { .role = "query", .tensor = query.tensor, .heads = &query.heads }, { .role = "key", .tensor = key.tensor, .heads = &key.heads } };
	args.binding = binding;
	args.binding_count = 2;
	args.causal = json_is_true(json_object_get(meta, "causal")) ? CAUSAL_BOTTOM_RIGHT : CAUSAL_NONE;
	struct source *source = open_source("softmax", &args);
	compare_tensor(source, stats, folder, tensor);
	source_free(source);
	npy_view_release(&query);
	npy_view_release(&key);
}

static void check_weights(const char *folder, const char *tensor, json_t *meta, json_t *stats)
{
	struct npy_view weights;
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	npy_view_open(&weights, &(struct layout_request){ .role = LAYOUT_WEIGHTS }, "%s/%s_attn.npy", folder, tensor);
	const struct mechanism_binding binding[] = { { .role = "weights", .tensor = weights.tensor, .heads = &weights.heads } };
	args.binding = binding;
	args.binding_count = 1;
	args.causal = json_is_true(json_object_get(meta, "causal")) ? CAUSAL_BOTTOM_RIGHT : CAUSAL_NONE;
	struct source *source = open_source("weights", &args);
	compare_tensor(source, stats, folder, tensor);
	source_free(source);
	npy_view_release(&weights);
}

static void check_case(const char *folder, void (*check)(const char *folder, const char *tensor, json_t *meta, json_t *stats))
{
	json_t *meta = json_load_file(suite_data_path("dumps/%s/meta.json", folder), 0, NULL), *entry;
	json_t *stats = json_load_file(suite_data_path("dumps/%s/stats.json", folder), 0, NULL);
	const char *tensor;
	ck_assert(meta && stats);
	json_object_foreach(json_object_get(meta, "tensors"), tensor, entry)
		check(folder, tensor, entry, stats);
	json_decref(meta);
	json_decref(stats);
}

static void check_all(void (*check)(const char *folder, const char *tensor, json_t *meta, json_t *stats))
{
	glob_t found;
	ck_assert_int_eq(glob(suite_data_path("dumps/*/*/stats.json"), 0, NULL, &found), 0);
	ck_assert_uint_eq(found.gl_pathc, CASES);
	heads_compared = 0;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char folder[256];
		const char *below = strstr(found.gl_pathv[i], "dumps/") + strlen("dumps/");
		snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(below, '/') - below), below);
		check_case(folder, check);
	}
	globfree(&found);
	printf("note: statistics of %d heads of %d dumps\n", heads_compared, CASES);
	fflush(stdout);
}

START_TEST(statistics_from_queries_and_keys_are_those_of_the_models)
{
	check_all(check_scores);
}
END_TEST

START_TEST(statistics_of_the_models_own_weights_are_exact)
{
	check_all(check_weights);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("statistics of dumps");
	TCase *tcase = tcase_create("dumps");
	tcase_add_test(tcase, statistics_from_queries_and_keys_are_those_of_the_models);
	tcase_add_test(tcase, statistics_of_the_models_own_weights_are_exact);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
