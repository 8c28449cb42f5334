/* SPDX-License-Identifier: MIT */
/* The worked numbers of the metrics: vector 35, head A. */
#include <math.h>
#include <stdlib.h>

#include "mechanism/mechanism.h"
#include "support/measured.h"
#include "support/near.h"
#include "support/suite.h"
#include "support/vectors.h"

static struct vectors *vectors;
static struct vector_view view[2];
static struct vector array[2];
static struct source *source;

static void open_head(void)
{
	static const char *const role[] = { "query", "key" }, *const path[] = { "inputs/Q_A", "inputs/K_A" };
	static struct mechanism_binding binding[2];
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	struct err_info info = { 0 };
	vectors = vectors_open("35_metrics");
	for (int i = 0; i < 2; i++) {
		array[i] = vectors_get(vectors, path[i]);
		vector_view_init(&view[i], &array[i], role[i]);
		binding[i] = (struct mechanism_binding){ .role = role[i], .tensor = &view[i].tensor, .heads = &view[i].heads };
	}
	args.binding = binding;
	args.binding_count = 2;
	args.scale = vectors_real(vectors, "params/scale");
	args.causal = CAUSAL_TOP_LEFT;
	ck_assert_msg(!mechanism_find("softmax")->open(&args, &source, &info), "%s", info.text);
}

static void close_head(void)
{
	source_free(source);
	vectors_close(vectors);
}

/* Each kernel must meet them. */
static void measure_all(struct measured *measured, const struct kernels *kernels, const struct stats_parameters *parameters)
{
	struct stats_request request = { .parameters = *parameters, .per_row = true };
	measure(measured, source, "default,perplexity,hoyer,below,top_k,diagonal,previous", &request,
		&(struct driver_options){ .kernels = kernels, .threads = 1 }, NULL);
}

/* Rows that see one key have no value where the metric leaves them out. */
static void check_rows(const struct measured *measured, enum metric_id id, const char *path, bool single)
{
	struct vector expected = vectors_get(vectors, path);
	double sum = 0;
	for (int64_t i = 0; i < expected.count; i++) {
		double found = measured->per_row[id][i];
		if (i == 0 && !single) {
			ck_assert_msg(isnan(found), "%s: the first row has a value", path);
			continue;
		}
		ASSERT_NEAR(found - expected.data[i], 2e-6);
		sum += expected.data[i];
	}
	ASSERT_NEAR(measured->value[0][id].value - sum / (double)(expected.count - !single), 2e-6);
}

static void check_head(const struct measured *measured, enum metric_id id, const char *path)
{
	ASSERT_NEAR(measured->value[0][id].value - vectors_real(vectors, path), 2e-6);
}

START_TEST(every_number_that_one_head_has)
{
	const struct kernels *table[KERNELS_MAX];
	int count = kernels_available(table);
	for (int i = 0; i < count; i++) {
		struct measured measured;
		struct stats_parameters parameters = stats_parameters_default();
		parameters.top_k = 1;
		measure_all(&measured, table[i], &parameters);
		check_rows(&measured, METRIC_ENTROPY, "expected/entropy_nats", true);
		check_rows(&measured, METRIC_ENTROPY_NORM, "expected/entropy_normalised_by_log_support", false);
		check_rows(&measured, METRIC_PERPLEXITY, "expected/perplexity_exp_entropy", true);
		check_rows(&measured, METRIC_GINI, "expected/gini_over_support", false);
		check_rows(&measured, METRIC_HOYER, "expected/hoyer_over_support", false);
		check_rows(&measured, METRIC_KEYS90, "expected/keys_needed_for_90pct", true);
		check_head(&measured, METRIC_BELOW, "expected/fraction_below_0.01_of_allowed");
		check_head(&measured, METRIC_TOP_K, "expected/top1_mass_mean");
		check_head(&measured, METRIC_MAX, "expected/top1_mass_mean");
		check_head(&measured, METRIC_SINK1, "expected/first_token_mass_mean");
		check_head(&measured, METRIC_DIAGONAL, "expected/diagonal_mass_mean");
		check_head(&measured, METRIC_PREVIOUS, "expected/previous_token_mass_mean_rows_1_to_5");
		check_head(&measured, METRIC_DISTANCE, "expected/mean_distance_tokens");
		measured_release(&measured);
	}
}
END_TEST

START_TEST(sums_of_columns_and_diagonals)
{
	struct measured measured;
	struct vector columns = vectors_get(vectors, "expected/column_mass_received"), slashes = vectors_get(vectors, "expected/slash_mass_by_offset");
	measure(&measured, source, "received,distance_profile", NULL, NULL, NULL);
	ck_assert_int_eq(measured.list_first[METRIC_DISTANCE_PROFILE], 0);
	ck_assert_int_eq(measured.list_count[METRIC_DISTANCE_PROFILE], slashes.count);
	for (int64_t i = 0; i < columns.count; i++) {
		ASSERT_NEAR(measured.per_key[METRIC_RECEIVED][i] - columns.data[i], 2e-6);
		/* The profile is a mean over the queries that have such a key. */
		ASSERT_NEAR(measured.list[METRIC_DISTANCE_PROFILE][i] * (double)(slashes.count - i) - slashes.data[i], 2e-6);
	}
	measured_release(&measured);
}
END_TEST

START_TEST(thresholds_and_numbers_of_keys_can_be_chosen)
{
	struct measured measured;
	struct stats_parameters parameters = stats_parameters_default();
	parameters.top_k = 2;
	parameters.below = 0.1;
	measure_all(&measured, NULL, &parameters);
	check_head(&measured, METRIC_BELOW, "expected/fraction_below_0.1_of_allowed");
	check_head(&measured, METRIC_TOP_K, "expected/top2_mass_mean");
	measured_release(&measured);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vectors of the metrics");
	TCase *tcase = tcase_create("35");
	tcase_add_checked_fixture(tcase, open_head, close_head);
	tcase_add_test(tcase, every_number_that_one_head_has);
	tcase_add_test(tcase, sums_of_columns_and_diagonals);
	tcase_add_test(tcase, thresholds_and_numbers_of_keys_can_be_chosen);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
