/* SPDX-License-Identifier: MIT */
/* Statistics as a whole: what is computed, what does not change it, and how sure it is. */
#include <math.h>
#include <stdlib.h>

#include "analysis/sample.h"
#include "support/measured.h"
#include "support/near.h"
#include "support/suite.h"
#include "support/toy_map.h"

START_TEST(numbers_do_not_depend_on_threads_or_on_what_else_is_asked_for)
{
	struct map map;
	struct measured alone, all, threads;
	map_init(&map, 900, 300, CAUSAL, NORM_SOFTMAX, 3);
	measure(&all, &map.feed.source, "default,hoyer,below,local,previous,keys99", NULL,
		&(struct driver_options){ .threads = 1 }, NULL);
	measure(&threads, &map.feed.source, "default,hoyer,below,local,previous,keys99", NULL,
		&(struct driver_options){ .threads = 4 }, NULL);
	for (int id = 0; id < METRIC_COUNT; id++) {
		if (!all.value[0][id].rows)
			continue;
		measure(&alone, &map.feed.source, metric_table[id].name, NULL, NULL, NULL);
		ck_assert_double_eq(alone.value[0][id].value, all.value[0][id].value);
		ck_assert_double_eq(threads.value[0][id].value, all.value[0][id].value);
		measured_release(&alone);
	}
	measured_release(&all);
	measured_release(&threads);
	map_release(&map);
}
END_TEST

/* Of 200 samples each interval must hold the value of all rows in 190, also where a few rows carry it: the first ones of a causal map look at
 * the first key, and one row in 30 has collapsed. */
START_TEST(intervals_hold_the_mean_of_all_rows_as_often_as_they_say)
{
	static const char *const names = "entropy,entropy_norm,perplexity,collapse,max,saturation,participation,hoyer,row_sum,sink1,sink4,previous,local,guided,distance,"
					 "gini,keys90,top_k,below,h2o_sparsity,confidence";
	static const int64_t sizes[] = { 10, 30, 100 };
	struct map map;
	struct measured all;
	int hits[METRIC_COUNT] = { 0 };
	map_init(&map, 300, 300, CAUSAL, NORM_SOFTMAX, _i == 3 ? 5 : 1);
	for (int64_t i = 0; i < 300; i += 30)
		map.score[i * 300 + i / 2] = 40;
	measure(&all, &map.feed.source, names, NULL, NULL, NULL);
	ck_assert(isnan(all.value[0][METRIC_ENTROPY].half_width));
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct measured sample;
		struct stats_request request = { .parameters = stats_parameters_default(), .sampled = true };
		struct driver_options options = { .threads = 1 };
		int64_t *rows;
		sample_rows(300, sizes[_i % 3], seed, &rows, &options.row_count, NULL);
		options.rows = rows;
		measure(&sample, &map.feed.source, names, &request, &options, NULL);
		for (int id = 0; id < METRIC_COUNT; id++) {
			const struct stats_value *value = &sample.value[0][id];
			double wanted = all.value[0][id].value;
			bool within = value->low - 1e-6 <= wanted && wanted <= value->high + 1e-6;
			ck_assert(!within || fabs(value->value - wanted) <= value->half_width + 1e-6);
			hits[id] += within;
		}
		measured_release(&sample);
		free(rows);
	}
	for (int id = 0; id < METRIC_COUNT; id++)
		ck_assert_msg(!all.value[0][id].rows || hits[id] >= 190, "%s: %d of 200", metric_table[id].name, hits[id]);
	measured_release(&all);
	map_release(&map);
}
END_TEST

/* Where nothing bounds the values, or the rows of a sample do not tell what rows side by side would, there is no interval. */
START_TEST(what_cannot_be_known_has_no_interval)
{
	struct map map;
	struct measured sample;
	struct stats_request request = { .parameters = stats_parameters_default(), .sampled = true };
	int64_t rows[] = { 3, 50, 77 };
	struct driver_options options = { .rows = rows, .row_count = 3 };
	map_init(&map, 100, 100, CAUSAL, NORM_SOFTMAX, 2);
	measure(&sample, &map.feed.source, "monotonicity,logit_range,logit_max,sink_rate,max", &request, &options, NULL);
	ck_assert(isnan(sample.value[0][METRIC_MONOTONICITY].half_width) && isnan(sample.value[0][METRIC_LOGIT_RANGE].half_width));
	ck_assert(isnan(sample.value[0][METRIC_LOGIT_MAX].half_width) && isnan(sample.value[0][METRIC_SINK_RATE].half_width));
	ck_assert(!isnan(sample.value[0][METRIC_MONOTONICITY].value) && sample.value[0][METRIC_MAX].half_width > 0);
	measured_release(&sample);
	map_release(&map);
	map_init(&map, 100, 100, CAUSAL, NORM_NONE, 2);
	measure(&sample, &map.feed.source, "max,top_k", &request, &options, NULL);
	ck_assert(isnan(sample.value[0][METRIC_MAX].half_width) && sample.value[0][METRIC_TOP_K].half_width > 0);
	measured_release(&sample);
	map_release(&map);
}
END_TEST

START_TEST(a_sample_of_all_rows_has_no_doubt)
{
	struct map map;
	struct measured measured;
	struct stats_request request = { .parameters = stats_parameters_default(), .sampled = true };
	map_init(&map, 30, 30, FULL, NORM_SOFTMAX, 2);
	measure(&measured, &map.feed.source, "entropy", &request, NULL, NULL);
	ck_assert_double_eq(measured.value[0][METRIC_ENTROPY].half_width, 0);
	measured_release(&measured);
	map_release(&map);
}
END_TEST

START_TEST(only_what_is_asked_for_is_computed)
{
	struct map map;
	const struct metric *list[METRIC_COUNT];
	struct stats *stats;
	map_init(&map, 4, 4, FULL, NORM_SOFTMAX, 1);
	struct stats_request request = { .metric = list, .parameters = stats_parameters_default(), .row_count = 4 };
	metric_select("entropy,hoyer,max,participation", list, &request.metric_count, NULL);
	stats_new(&request, &map.feed.source, &stats, NULL);
	ck_assert(!stats_needs_tiles(stats));
	ck_assert_int_eq(stats_sink_count(stats), 2);
	stats_free(stats);
	metric_select("entropy,sink1", list, &request.metric_count, NULL);
	stats_new(&request, &map.feed.source, &stats, NULL);
	ck_assert(stats_needs_tiles(stats));
	ck_assert_int_eq(stats_sink_count(stats), 3);
	stats_free(stats);
	map_release(&map);
}
END_TEST

START_TEST(names_are_selected_in_the_order_of_the_table)
{
	const struct metric *list[METRIC_COUNT];
	struct err_info info = { 0 };
	int count;
	ck_assert_int_eq(metric_select("keys90,entropy,keys90", list, &count, &info), ERR_OK);
	ck_assert_int_eq(count, 2);
	ck_assert_str_eq(list[0]->name, "entropy");
	ck_assert_int_eq(metric_select("default", list, &count, &info), ERR_OK);
	ck_assert_int_eq(count, 7);
	ck_assert_int_eq(metric_select("all", list, &count, &info), ERR_OK);
	ck_assert_int_eq(count, METRIC_COUNT);
	ck_assert_int_eq(metric_select("entropy,gimi", list, &count, &info), ERR_USAGE);
	ck_assert_str_eq(info.text, "unknown metric 'gimi': did you mean 'gini'?");
	info = (struct err_info){ 0 };
	ck_assert_int_eq(metric_select("entropy,,gini", list, &count, &info), ERR_USAGE);
}
END_TEST

START_TEST(every_row_of_the_table_is_complete)
{
	for (int id = 0; id < METRIC_COUNT; id++) {
		const struct metric *metric = &metric_table[id];
		ck_assert_int_eq(metric->id, id);
		ck_assert(metric->name && metric->unit && metric->summary && metric->formula && metric->source && metric->edges);
		ck_assert_ptr_eq(metric_find(metric->name), metric);
		ck_assert(!(metric->needs & 7) || metric->instead);
	}
	ck_assert_ptr_null(metric_find("entrop"));
}
END_TEST

START_TEST(maps_without_a_meaning_for_a_metric_are_refused_with_an_alternative)
{
	struct map map;
	struct err_info info = { 0 };
	map_init(&map, 4, 4, FULL, NORM_NONE, 1);
	ck_assert_int_eq(metric_check(metric_find("gini"), &map.feed.source, 0, &info), ERR_OK);
	ck_assert_int_eq(metric_check(metric_find("entropy"), &map.feed.source, 0, &info), ERR_VALUE);
	ck_assert_str_eq(
		info.text,
		"entropy is not defined where rows do not sum to 1: use participation, gini and keys90, which do not depend on the "
		"scale of a row");
	info = (struct err_info){ 0 };
	map.feed.source.is_signed = true;
	ck_assert_int_eq(metric_check(metric_find("gini"), &map.feed.source, 0, &info), ERR_VALUE);
	info = (struct err_info){ 0 };
	ck_assert_int_eq(metric_check(metric_find("logit_max"), &map.feed.source, 0, &info), ERR_VALUE);
	info = (struct err_info){ 0 };
	ck_assert_int_eq(metric_check(metric_find("named"), &map.feed.source, 0, &info), ERR_VALUE);
	map_release(&map);
}
END_TEST

START_TEST(every_metric_starts_anew_with_each_map)
{
	struct feed_source feed, second;
	struct measured both, alone;
	static double score[2 * 50 * 50];
	uint64_t state = 2;
	int64_t token[50], named[] = { 3 };
	for (int i = 0; i < 2 * 50 * 50; i++)
		score[i] = 4 * feed_random(&state);
	for (int i = 0; i < 50; i++)
		token[i] = i % 6;
	struct stats_request request = {
		.parameters = stats_parameters_default(), .token = token, .named = named, .named_count = 1
	};
	feed_source_init(&feed, 2, 50, 50, NORM_SOFTMAX, score, NULL);
	feed_source_init(&second, 1, 50, 50, NORM_SOFTMAX, score + 50 * 50, NULL);
	for (int id = 0; id < METRIC_COUNT; id++) {
		if (metric_table[id].needs & METRIC_NEEDS_VALUES)
			continue;
		measure(&both, &feed.source, metric_table[id].name, &request, NULL, NULL);
		measure(&alone, &second.source, metric_table[id].name, &request, NULL, NULL);
		double a = both.value[1][id].value, b = alone.value[0][id].value;
		ck_assert_msg(a == b || (isnan(a) && isnan(b)), "%s is %g, not %g", metric_table[id].name, a, b);
		if (alone.list[id])
			ck_assert_mem_eq(alone.list[id], both.list[id], (size_t)alone.list_count[id] * sizeof(double));
		if (alone.per_key[id])
			ck_assert_mem_eq(alone.per_key[id], both.per_key[id] + 50, 50 * sizeof(double));
		measured_release(&both);
		measured_release(&alone);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("statistics");
	TCase *tcase = tcase_create("statistics");
	tcase_set_timeout(tcase, 60); /* two hundred runs, under sanitizers too */
	tcase_add_test(tcase, numbers_do_not_depend_on_threads_or_on_what_else_is_asked_for);
	tcase_add_loop_test(tcase, intervals_hold_the_mean_of_all_rows_as_often_as_they_say, 0, 6);
	tcase_add_test(tcase, what_cannot_be_known_has_no_interval);
	tcase_add_test(tcase, a_sample_of_all_rows_has_no_doubt);
	tcase_add_test(tcase, only_what_is_asked_for_is_computed);
	tcase_add_test(tcase, names_are_selected_in_the_order_of_the_table);
	tcase_add_test(tcase, every_row_of_the_table_is_complete);
	tcase_add_test(tcase, maps_without_a_meaning_for_a_metric_are_refused_with_an_alternative);
	tcase_add_test(tcase, every_metric_starts_anew_with_each_map);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
