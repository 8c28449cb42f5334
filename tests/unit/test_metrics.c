/* Metrics against their definitions, entry by entry in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/order.h"
#include "analysis/sample.h"
#include "support/measured.h"
#include "support/near.h"
#include "support/suite.h"

struct map {
	struct feed_source feed;
	double *score, *weight; /* one map */
	bool *visible;
	int64_t queries, keys;
};

enum { FULL, CAUSAL, HOLES }; /* HOLES: a third is hidden at random, and every seventh query sees nothing */

static void map_init(struct map *map, int64_t queries, int64_t keys, int mask, enum normalisation norm, double spread)
{
	uint64_t state = 11;
	memset(map, 0, sizeof *map);
	map->queries = queries;
	map->keys = keys;
	map->score = calloc((size_t)(queries * keys), sizeof *map->score);
	map->weight = calloc((size_t)(queries * keys), sizeof *map->weight);
	map->visible = calloc((size_t)(queries * keys), sizeof *map->visible);
	for (int64_t i = 0; i < queries * keys; i++) {
		map->score[i] = spread * feed_random(&state);
		if (norm == NORM_NONE)
			map->score[i] = exp(map->score[i]);
		map->visible[i] = mask != HOLES || (i / keys % 7 != 3 && feed_random(&state) > -0.3);
	}
	if (mask == CAUSAL)
		feed_causal(map->visible, queries, keys);
	feed_source_init(&map->feed, 1, queries, keys, norm, map->score, map->visible);
	map->feed.source.diagonal = keys > queries ? keys - queries : 0;
	for (int64_t i = 0; i < queries; i++) {
		double sum = 0;
		for (int64_t j = 0; j < keys; j++) {
			int64_t at = i * keys + j;
			map->weight[at] = !map->visible[at] ? 0 : norm == NORM_SOFTMAX ? exp(map->score[at]) : map->score[at];
			sum += map->weight[at];
		}
		for (int64_t j = 0; j < keys && norm == NORM_SOFTMAX && sum > 0; j++)
			map->weight[i * keys + j] /= sum;
	}
}

static void map_release(struct map *map)
{
	free(map->score);
	free(map->weight);
	free(map->visible);
}

static int descending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x < y) - (x > y);
}

/* One row, as the definitions read. */
struct row {
	const struct map *map;
	int64_t index, here, count;  /* here: position among the keys; count: visible keys */
	const double *p;             /* [keys] */
	double *sorted;              /* [count], descending */
	double sum, square, max;
};

static double sum_near(const struct row *row, int64_t offset, int64_t width)
{
	double sum = 0;
	for (int64_t j = 0; j < row->map->keys; j++)
		sum += llabs(j - row->here - offset) <= width ? row->p[j] : 0;
	return sum;
}

static double entropy(const struct row *row)
{
	double sum = 0;
	for (int64_t j = 0; j < row->map->keys; j++)
		sum -= row->p[j] > 0 ? row->p[j] * log(row->p[j]) : 0;
	return sum;
}

static double distance(const struct row *row)
{
	double sum = 0;
	for (int64_t j = 0; j < row->map->keys; j++)
		sum += row->p[j] * fabs((double)(j - row->here));
	return sum / row->sum;
}

static double diagonality(const struct row *row, double width)
{
	double sum = 0;
	for (int64_t j = 0; j < row->map->keys; j++)
		if (fabs((double)j / (double)row->map->keys - (double)row->index / (double)row->map->queries) <= width + 1e-12)
			sum += row->p[j];
	return sum;
}

static double gini(const struct row *row)
{
	double n = (double)row->count, sum = 0;
	for (int64_t k = 1; k <= row->count; k++)
		sum += row->sorted[row->count - k] / row->sum * (n - (double)k + 0.5) / n;
	return row->count > 1 ? 1 - 2 * sum : NAN;
}

static double keys_for(const struct row *row, double share)
{
	double sum = 0;
	for (int64_t k = 0; k < row->count; k++)
		if ((sum += row->sorted[k]) >= share * row->sum)
			return (double)(k + 1);
	return (double)row->count;
}

static double top(const struct row *row, int64_t count)
{
	double sum = 0;
	for (int64_t k = 0; k < count && k < row->count; k++)
		sum += row->sorted[k];
	return sum / row->sum;
}

static double below(const struct row *row, double threshold)
{
	double number = 0;
	for (int64_t k = 0; k < row->count; k++)
		number += row->sorted[k] < threshold;
	return number / (double)row->count;
}

static double logit(const struct row *row, int sign)
{
	double extreme = -INFINITY;
	for (int64_t j = 0; j < row->map->keys; j++)
		if (row->map->visible[row->index * row->map->keys + j])
			extreme = fmax(extreme, sign * row->map->score[row->index * row->map->keys + j]);
	return sign * extreme;
}

static double has_key(const struct row *row, int64_t offset)
{
	int64_t key = row->here + offset;
	return key >= 0 && key < row->map->keys ? sum_near(row, offset, 0) : NAN;
}

static double by_definition(enum metric_id id, const struct row *row, const struct stats_request *request)
{
	const struct stats_parameters *parameters = &request->parameters;
	double n = (double)row->count;
	bool alone = row->count < 2;
	switch (id) {
	case METRIC_ENTROPY: return entropy(row);
	case METRIC_ENTROPY_NORM: return alone ? NAN : entropy(row) / log(n);
	case METRIC_PERPLEXITY: return exp(entropy(row));
	case METRIC_COLLAPSE: return alone ? NAN : entropy(row) < parameters->collapse;
	case METRIC_MAX:
	case METRIC_FOCUS_RATE: return row->max;
	case METRIC_SATURATION: return alone ? NAN : row->max > parameters->saturation;
	case METRIC_PARTICIPATION: return row->sum * row->sum / row->square;
	case METRIC_HOYER: return alone ? NAN : (sqrt(n) - row->sum / sqrt(row->square)) / (sqrt(n) - 1);
	case METRIC_ROW_SUM: return row->sum;
	case METRIC_LOGIT_MAX: return logit(row, 1);
	case METRIC_LOGIT_MIN: return logit(row, -1);
	case METRIC_LOGIT_RANGE: return logit(row, 1) - logit(row, -1);
	case METRIC_SINK1: return row->p[0];
	case METRIC_SINK4: return row->p[0] + row->p[1] + row->p[2] + row->p[3];
	case METRIC_NAMED: return row->p[request->named[0]] + row->p[request->named[1]];
	case METRIC_DIAGONAL: return has_key(row, 0);
	case METRIC_PREVIOUS: return has_key(row, -1);
	case METRIC_NEXT: return has_key(row, 1);
	case METRIC_LOCAL: return sum_near(row, 0, parameters->band);
	case METRIC_DIAGONALITY: return diagonality(row, parameters->diagonality);
	case METRIC_DISTANCE: return distance(row);
	case METRIC_GINI: return gini(row);
	case METRIC_KEYS90: return keys_for(row, 0.9);
	case METRIC_KEYS95: return keys_for(row, 0.95);
	case METRIC_KEYS99: return keys_for(row, 0.99);
	case METRIC_TOP_K: return top(row, parameters->top_k);
	case METRIC_BELOW: return below(row, parameters->below);
	case METRIC_H2O_SPARSITY: return below(row, parameters->h2o * row->max);
	case METRIC_COUNT: break;
	}
	return NAN;
}

static void row_init(struct row *row, const struct map *map, int64_t index)
{
	*row = (struct row){ .map = map, .index = index, .here = index + map->feed.source.diagonal, .p = map->weight + index * map->keys };
	row->sorted = calloc((size_t)map->keys, sizeof *row->sorted);
	for (int64_t j = 0; j < map->keys; j++) {
		if (!map->visible[index * map->keys + j])
			continue;
		row->sorted[row->count++] = row->p[j];
		row->sum += row->p[j];
		row->square += row->p[j] * row->p[j];
		row->max = fmax(row->max, row->p[j]);
	}
	qsort(row->sorted, (size_t)row->count, sizeof *row->sorted, descending);
}

/* How a head's value comes from its rows. */
struct total {
	double sum, weight, largest, smallest;
	int64_t rows;
};

static void total_add(struct total *total, double value, double weight)
{
	total->largest = total->rows ? fmax(total->largest, value) : value;
	total->smallest = total->rows ? fmin(total->smallest, value) : value;
	total->rows++;
	total->sum += value * weight;
	total->weight += weight;
}

static double total_value(const struct total *total, enum metric_over_rows over_rows)
{
	switch (over_rows) {
	case METRIC_LARGEST: return total->largest;
	case METRIC_SMALLEST: return total->smallest;
	default: return total->sum / total->weight;
	}
}

static void check_metric(const struct measured *measured, const struct map *map, const struct stats_request *request, enum metric_id id)
{
	struct total total = { 0 };
	const struct metric *metric = &metric_table[id];
	for (int64_t i = 0; i < map->queries; i++) {
		struct row row;
		row_init(&row, map, i);
		double expected = row.count ? by_definition(id, &row, request) : NAN, found = measured->per_row[id][i];
		if (isnan(expected) != isnan(found) || fabs(expected - found) > 2e-6 * fmax(1, fabs(expected)))
			ck_abort_msg("%s of row %d is %.9g, not %.9g", metric->name, (int)i, found, expected);
		if (!isnan(expected))
			total_add(&total, expected, metric->over_rows == METRIC_POOLED ? (double)row.count : 1);
		free(row.sorted);
	}
	ck_assert_int_eq(measured->value[0][id].rows, total.rows);
	double expected = total_value(&total, metric->over_rows);
	ASSERT_NEAR(measured->value[0][id].value - expected, 2e-6 * fmax(1, fabs(expected)));
}

static const struct { int64_t queries, keys; int mask; enum normalisation norm; double spread; int lanes; } trials[] = {
	{ 130, 130, CAUSAL, NORM_SOFTMAX, 4, 16 },
	{ 60, 300, FULL, NORM_SOFTMAX, 2, 12 },
	{ 100, 90, HOLES, NORM_SOFTMAX, 8, 48 },
	{ 40, 70, CAUSAL, NORM_SOFTMAX, 1, 16 },
	{ 9, 5, FULL, NORM_SOFTMAX, 20, 3 },
	{ 50, 200, HOLES, NORM_NONE, 1, 16 },
};

START_TEST(every_metric_of_every_row_is_its_definition)
{
	static const int64_t named[] = { 1, 4 };
	struct map map;
	struct measured measured;
	struct err_info info = { 0 };
	struct stats_request request = { .parameters = stats_parameters_default(), .per_row = true, .named = named, .named_count = 2 };
	request.parameters.top_k = 5;
	request.parameters.band = 7;
	map_init(&map, trials[_i].queries, trials[_i].keys, trials[_i].mask, trials[_i].norm, trials[_i].spread);
	int checked = 0;
	for (int id = 0; id < METRIC_COUNT; id++) {
		info.code = ERR_OK;
		if (metric_table[id].level != METRIC_OF_ROW || metric_check(&metric_table[id], &map.feed.source, false, true, &info))
			continue;
		bool logits = metric_table[id].needs & METRIC_NEEDS_LOGITS;
		/* The plain driver has numbers of its own; the real one is the only one with a smallest logit. */
		struct feed_order order = { .lanes = trials[_i].lanes };
		measure(&measured, &map.feed.source, metric_table[id].name, &request, NULL, logits ? NULL : &order);
		check_metric(&measured, &map, &request, (enum metric_id)id);
		measured_release(&measured);
		measure(&measured, &map.feed.source, metric_table[id].name, &request, NULL, NULL);
		check_metric(&measured, &map, &request, (enum metric_id)id);
		measured_release(&measured);
		checked++;
	}
	ck_assert_int_ge(checked, trials[_i].norm == NORM_SOFTMAX ? 29 : 18);
	map_release(&map);
}
END_TEST

START_TEST(numbers_do_not_depend_on_threads_or_on_what_else_is_asked_for)
{
	struct map map;
	struct measured alone, all, threads;
	map_init(&map, 900, 300, CAUSAL, NORM_SOFTMAX, 3);
	measure(&all, &map.feed.source, "default,hoyer,below,local,previous,keys99", NULL, &(struct driver_options){ .threads = 1 }, NULL);
	measure(&threads, &map.feed.source, "default,hoyer,below,local,previous,keys99", NULL, &(struct driver_options){ .threads = 4 }, NULL);
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

/* Rows of 3000 keys go through the histogram. */
START_TEST(long_rows_are_as_exact_as_they_say)
{
	static const enum metric_id order[] = { METRIC_GINI, METRIC_KEYS90, METRIC_KEYS95, METRIC_KEYS99, METRIC_TOP_K };
	static const double tolerance[] = { 2e-4, 1e-3, 1e-3, 1e-3, 0 }, mean_tolerance[] = { 5e-5, 2e-4, 2e-4, 2e-4, 2e-6 };
	struct map map;
	struct measured measured;
	struct stats_request request = { .parameters = stats_parameters_default(), .per_row = true };
	map_init(&map, 40, 3000, _i == 2 ? CAUSAL : FULL, _i == 3 ? NORM_NONE : NORM_SOFTMAX, (double[]){ 1, 8, 5, 2 }[_i]);
	measure(&measured, &map.feed.source, "gini,keys90,keys95,keys99,top_k", &request, NULL, NULL);
	for (size_t m = 0; m < sizeof order / sizeof *order; m++) {
		double sum = 0;
		for (int64_t i = 0; i < map.queries; i++) {
			struct row row;
			row_init(&row, &map, i);
			double expected = by_definition(order[m], &row, &request), found = measured.per_row[order[m]][i];
			bool integer = order[m] != METRIC_GINI && order[m] != METRIC_TOP_K;
			ASSERT_NEAR((found - expected) / (integer ? expected : 1), tolerance[m] + (integer ? 1.01 / expected : 2e-6));
			sum += expected;
			free(row.sorted);
		}
		double mean = sum / (double)map.queries;
		ASSERT_NEAR((measured.value[0][order[m]].value - mean) / (m ? mean : 1), mean_tolerance[m]);
	}
	measured_release(&measured);
	map_release(&map);
}
END_TEST

START_TEST(a_row_of_equal_weights_needs_its_share_of_the_keys)
{
	for (int64_t n = 10; n <= 4000; n *= 20) {
		struct map map;
		struct measured measured;
		map_init(&map, 3, n, FULL, NORM_SOFTMAX, 0);
		measure(&measured, &map.feed.source, "gini,keys90,entropy_norm", NULL, NULL, NULL);
		ASSERT_NEAR(measured.value[0][METRIC_KEYS90].value - 0.9 * (double)n, n > 1024 ? 1e-3 * (double)n : 0);
		ASSERT_NEAR(measured.value[0][METRIC_GINI].value, n > 1024 ? 3e-3 : 1e-12);
		ASSERT_NEAR(measured.value[0][METRIC_ENTROPY_NORM].value - 1, 1e-6);
		measured_release(&measured);
		map_release(&map);
	}
}
END_TEST

/* Of 200 samples the interval holds the mean of all rows in about 190; below 180 is five deviations away. */
START_TEST(intervals_hold_the_mean_of_all_rows_as_often_as_they_say)
{
	static const enum metric_id checked[] = { METRIC_ENTROPY, METRIC_DISTANCE, METRIC_BELOW };
	struct map map;
	struct measured all;
	int hits[3] = { 0 };
	map_init(&map, 300, 120, CAUSAL, NORM_SOFTMAX, 5);
	map.feed.source.diagonal = 0;
	measure(&all, &map.feed.source, "entropy,distance,below", NULL, NULL, NULL);
	ck_assert(isnan(all.value[0][METRIC_ENTROPY].half_width));
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct measured sample;
		struct stats_request request = { .parameters = stats_parameters_default(), .sampled = true };
		struct driver_options options = { .threads = 1 };
		int64_t *rows;
		sample_rows(300, 60, seed, &rows, &options.row_count, NULL);
		options.rows = rows;
		measure(&sample, &map.feed.source, "entropy,distance,below", &request, &options, NULL);
		for (int m = 0; m < 3; m++) {
			const struct stats_value *value = &sample.value[0][checked[m]];
			hits[m] += fabs(value->value - all.value[0][checked[m]].value) <= value->half_width;
		}
		measured_release(&sample);
		free(rows);
	}
	for (int m = 0; m < 3; m++)
		ck_assert_msg(hits[m] >= 175 && hits[m] <= 199, "%s: %d of 200", metric_table[checked[m]].name, hits[m]);
	measured_release(&all);
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
	ck_assert_str_eq(info.text, "there is no metric 'gimi': did you mean gini? (`attnviz explain` lists them)");
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
	ck_assert_int_eq(metric_check(metric_find("gini"), &map.feed.source, false, false, &info), ERR_OK);
	ck_assert_int_eq(metric_check(metric_find("entropy"), &map.feed.source, false, false, &info), ERR_VALUE);
	ck_assert_str_eq(info.text, "entropy is not defined where rows do not sum to 1: use participation, gini and keys90, which do not depend on the "
				    "scale of a row");
	info = (struct err_info){ 0 };
	map.feed.source.is_signed = true;
	ck_assert_int_eq(metric_check(metric_find("gini"), &map.feed.source, false, false, &info), ERR_VALUE);
	info = (struct err_info){ 0 };
	ck_assert_int_eq(metric_check(metric_find("logit_max"), &map.feed.source, false, false, &info), ERR_VALUE);
	info = (struct err_info){ 0 };
	ck_assert_int_eq(metric_check(metric_find("named"), &map.feed.source, false, false, &info), ERR_VALUE);
	map_release(&map);
}
END_TEST

START_TEST(sorting_descends)
{
	uint64_t state = 5;
	float weight[1000], scratch[1000];
	for (int64_t count = 0; count <= 1000; count += count < 50 ? 1 : 95) {
		double sum = 0, sorted = 0;
		for (int64_t i = 0; i < count; i++)
			sum += (double)(weight[i] = (float)exp(20 * feed_random(&state)));
		order_sort(weight, scratch, count);
		for (int64_t i = 0; i < count; i++) {
			sorted += (double)weight[i];
			if (i > 0 && weight[i] > weight[i - 1])
				ck_abort_msg("of %d weights number %d is out of order", (int)count, (int)i);
		}
		ASSERT_NEAR(sorted - sum, 1e-9 * sum);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("metrics");
	TCase *tcase = tcase_create("metrics");
	tcase_add_loop_test(tcase, every_metric_of_every_row_is_its_definition, 0, sizeof trials / sizeof *trials);
	tcase_add_test(tcase, numbers_do_not_depend_on_threads_or_on_what_else_is_asked_for);
	tcase_add_loop_test(tcase, long_rows_are_as_exact_as_they_say, 0, 4);
	tcase_add_test(tcase, a_row_of_equal_weights_needs_its_share_of_the_keys);
	tcase_add_test(tcase, intervals_hold_the_mean_of_all_rows_as_often_as_they_say);
	tcase_add_test(tcase, a_sample_of_all_rows_has_no_doubt);
	tcase_add_test(tcase, only_what_is_asked_for_is_computed);
	tcase_add_test(tcase, names_are_selected_in_the_order_of_the_table);
	tcase_add_test(tcase, every_row_of_the_table_is_complete);
	tcase_add_test(tcase, maps_without_a_meaning_for_a_metric_are_refused_with_an_alternative);
	tcase_add_test(tcase, sorting_descends);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
