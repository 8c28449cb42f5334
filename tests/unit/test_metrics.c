/* SPDX-License-Identifier: MIT */
/* Metrics against their definitions, entry by entry in double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/order.h"
#include "support/measured.h"
#include "support/near.h"
#include "support/suite.h"
#include "support/toy_map.h"

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

static double guided(const struct row *row, double width)
{
	double sum = 0;
	for (int64_t j = 0; j < row->map->keys; j++) {
		double apart = (double)j / (double)row->map->keys - (double)row->index / (double)row->map->queries;
		sum += row->p[j] * (1 - exp(-apart * apart / (2 * width * width)));
	}
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

/* The first largest of a row; -1 where nothing is visible. */
static int64_t strongest(const struct map *map, int64_t index)
{
	int64_t best = -1;
	for (int64_t j = 0; j < map->keys; j++) {
		int64_t at = index * map->keys + j;
		if (map->visible[at] && (best < 0 || (float)map->weight[at] > (float)map->weight[index * map->keys + best]))
			best = j;
	}
	return best;
}

static double is_monotonic(const struct row *row)
{
	for (int64_t before = row->index - 1; before >= 0; before--)
		if (strongest(row->map, before) >= 0)
			return strongest(row->map, row->index) >= strongest(row->map, before);
	return NAN;
}

static bool is_end(const struct row *row, const struct stats_request *request, int64_t position)
{
	bool named = false;
	for (int64_t i = 0; i < request->named_count; i++)
		named |= request->named[i] == position;
	return request->named_count ? named : position == row->map->keys - 1;
}

static double confidence(const struct row *row, const struct stats_request *request)
{
	double max = 0;
	for (int64_t j = 0; j < row->map->keys; j++)
		max = fmax(max, is_end(row, request, j) ? 0 : row->p[j]);
	return is_end(row, request, row->here) ? NAN : max;
}

/* What the keys hold from the first that the row sees. */
static double first_keys(const struct row *row, int64_t count)
{
	double sum = 0;
	int64_t first = 0;
	while (!row->map->visible[row->index * row->map->keys + first])
		first++;
	for (int64_t j = first; j < first + count && j < row->map->keys; j++)
		sum += row->p[j];
	return sum;
}

static double copied(const struct row *row, const int64_t *token, int64_t shift)
{
	double sum = 0;
	for (int64_t j = 0; j + shift < row->map->keys; j++)
		if (row->here < row->map->keys && j < row->here && token[j] == token[row->here])
			sum += row->p[j + shift];
	return row->here < row->map->keys ? sum / row->sum : NAN;
}

static double size(const struct row *row, bool negative)
{
	double sum = 0;
	for (int64_t j = 0; j < row->map->keys; j++)
		sum += negative ? fmax(0, -row->p[j]) : fabs(row->p[j]);
	return sum;
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
	case METRIC_SINK1: return first_keys(row, 1);
	case METRIC_SINK4: return first_keys(row, 4);
	case METRIC_NAMED: return row->p[request->named[0]] + row->p[request->named[1]];
	case METRIC_DIAGONAL: return has_key(row, 0);
	case METRIC_PREVIOUS: return has_key(row, -1);
	case METRIC_NEXT: return has_key(row, 1);
	case METRIC_LOCAL: return sum_near(row, 0, parameters->band);
	case METRIC_GUIDED: return guided(row, parameters->guided);
	case METRIC_DIAGONALITY: return diagonality(row, parameters->diagonality);
	case METRIC_DISTANCE: return distance(row);
	case METRIC_GINI: return gini(row);
	case METRIC_KEYS90: return keys_for(row, 0.9);
	case METRIC_KEYS95: return keys_for(row, 0.95);
	case METRIC_KEYS99: return keys_for(row, 0.99);
	case METRIC_TOP_K: return top(row, parameters->top_k);
	case METRIC_BELOW: return below(row, parameters->below);
	case METRIC_H2O_SPARSITY: return below(row, parameters->h2o * row->max);
	case METRIC_MONOTONICITY: return is_monotonic(row);
	case METRIC_CONFIDENCE: return confidence(row, request);
	case METRIC_DUPLICATE: return copied(row, request->token, 0);
	case METRIC_INDUCTION: return copied(row, request->token, 1);
	case METRIC_ABS_SUM: return size(row, false);
	case METRIC_NEGATIVE: return size(row, true) / size(row, false);
	default: break;
	}
	ck_abort_msg("%s has no definition here", metric_table[id].name);
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

static void check_metric(const struct measured *measured, const struct map *map, const struct stats_request *request,
			 enum metric_id id)
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
	int64_t token[300];
	for (int i = 0; i < 300; i++)
		token[i] = i * i % 11;
	struct stats_request request = {
		.parameters = stats_parameters_default(), .per_row = true, .named = named, .named_count = 2, .token = token
	};
	request.parameters.top_k = 5;
	request.parameters.band = 7;
	map_init(&map, trials[_i].queries, trials[_i].keys, trials[_i].mask, trials[_i].norm, trials[_i].spread);
	int checked = 0;
	for (int id = 0; id < METRIC_COUNT; id++) {
		info.code = ERR_OK;
		if (metric_table[id].level != METRIC_OF_ROW ||
		    metric_check(&metric_table[id], &map.feed.source, METRIC_NEEDS_TOKENS | METRIC_NEEDS_NAMED, &info))
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
	ck_assert_int_ge(checked, trials[_i].norm == NORM_SOFTMAX ? 35 : 22);
	map_release(&map);
}
END_TEST

/* Rows of 6000 keys go through the histogram. */
START_TEST(long_rows_are_as_exact_as_they_say)
{
	static const enum metric_id order[] = { METRIC_GINI, METRIC_KEYS90, METRIC_KEYS95, METRIC_KEYS99, METRIC_TOP_K };
	static const double tolerance[] = { 2e-4, 1e-3, 1e-3, 1e-3, 0 }, mean_tolerance[] = { 5e-5, 2e-4, 2e-4, 2e-4, 2e-6 };
	struct map map;
	struct measured measured;
	struct stats_request request = { .parameters = stats_parameters_default(), .per_row = true };
	map_init(&map, 40, 6000, _i == 2 ? CAUSAL : FULL, _i == 3 ? NORM_NONE : NORM_SOFTMAX, (double[]){ 1, 8, 5, 2 }[_i]);
	measure(&measured, &map.feed.source, "gini,keys90,keys95,keys99,top_k", &request, NULL, NULL);
	for (size_t m = 0; m < sizeof order / sizeof *order; m++) {
		double sum = 0;
		for (int64_t i = 0; i < map.queries; i++) {
			struct row row;
			row_init(&row, &map, i);
			double expected = by_definition(order[m], &row, &request), found = measured.per_row[order[m]][i];
			bool integer = order[m] != METRIC_GINI && order[m] != METRIC_TOP_K;
			ASSERT_NEAR((found - expected) / (integer ? expected : 1),
				    tolerance[m] + (integer ? 1.01 / expected : 2e-6));
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
	for (int64_t n = 10; n <= 80000; n *= 20) {
		struct map map;
		struct measured measured;
		map_init(&map, 3, n, FULL, NORM_SOFTMAX, 0);
		measure(&measured, &map.feed.source, "gini,keys90,entropy_norm", NULL, NULL, NULL);
		ASSERT_NEAR(measured.value[0][METRIC_KEYS90].value - 0.9 * (double)n, n > 4096 ? 1e-3 * (double)n : 0);
		ASSERT_NEAR(measured.value[0][METRIC_GINI].value, n > 4096 ? 3e-3 : 1e-12);
		ASSERT_NEAR(measured.value[0][METRIC_ENTROPY_NORM].value - 1, 1e-6);
		measured_release(&measured);
		map_release(&map);
	}
}
END_TEST

START_TEST(signed_maps_have_a_size_and_a_negative_part)
{
	struct map map;
	struct measured measured;
	struct stats_request request = { .parameters = stats_parameters_default(), .per_row = true };
	map_init(&map, 40, 150, HOLES, NORM_NONE, 0);
	uint64_t state = 3;
	for (int64_t i = 0; i < 40 * 150; i++) {
		map.score[i] = feed_random(&state);
		map.weight[i] = map.visible[i] ? map.score[i] : 0;
	}
	map.feed.source.is_signed = true;
	measure(&measured, &map.feed.source, "row_sum,abs_sum,negative", &request, NULL, NULL);
	check_metric(&measured, &map, &request, METRIC_ROW_SUM);
	check_metric(&measured, &map, &request, METRIC_ABS_SUM);
	check_metric(&measured, &map, &request, METRIC_NEGATIVE);
	measured_release(&measured);
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
	tcase_add_loop_test(tcase, long_rows_are_as_exact_as_they_say, 0, 4);
	tcase_add_test(tcase, a_row_of_equal_weights_needs_its_share_of_the_keys);
	tcase_add_test(tcase, signed_maps_have_a_size_and_a_negative_part);
	tcase_add_test(tcase, sorting_descends);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
