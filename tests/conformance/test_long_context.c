/* SPDX-License-Identifier: MIT */
/* 131072 keys: the statistics of sampled queries against float64, from the definitions. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/sample.h"
#include "kernel/reference.h"
#include "support/dot_source.h"
#include "support/measured.h"
#include "support/near.h"
#include "support/suite.h"

enum { KEYS = 131072, DIM = 64, ROWS = 32 };

struct means {
	double entropy, entropy_norm, max, sink1, gini, keys90, distance;
};

static int descending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x < y) - (x > y);
}

static void add_row(struct means *means, const struct source *source, int64_t row, double *weight)
{
	struct row_stats stats;
	double sum = 0, ranked = 0, n = (double)(row + 1), keys = 0, reached = 0;
	ck_assert_int_eq(reference_row(source, 0, row, weight, &stats, NULL, NULL), ERR_OK);
	means->entropy += stats.entropy / ROWS;
	means->entropy_norm += stats.entropy / log(n) / ROWS;
	means->max += stats.peak / ROWS;
	means->sink1 += weight[0] / ROWS;
	for (int64_t j = 0; j <= row; j++) {
		means->distance += weight[j] * (double)(row - j) / ROWS;
		sum += weight[j];
	}
	qsort(weight, (size_t)(row + 1), sizeof *weight, descending);
	for (int64_t k = 0; k <= row; k++) {
		ranked += (n - 2 * (double)k - 1) * weight[k];
		if (reached < 0.9 * sum)
			keys++;
		reached += weight[k];
	}
	means->gini += ranked / (n * sum) / ROWS;
	means->keys90 += keys / ROWS;
}

/* A number of keys is an integer, which one row in five may have wrong by one. */
static void compare(const struct measured *measured, enum metric_id id, double expected)
{
	double found = measured->value[0][id].value, one = id == METRIC_KEYS90 ? 0.2 : 0;
	ck_assert_msg(fabs(found - expected) <= 1e-5 * fabs(expected) + one, "%s is %.9g, not %.9g: off by %.2g", metric_table[id].name, found, expected,
		      found / expected - 1);
}

/* Logits of deviation 1, and 3: flat rows and peaked ones. */
START_TEST(means_are_within_1e_5_of_float64)
{
	float *query = malloc((size_t)KEYS * DIM * sizeof *query), *key = malloc((size_t)KEYS * DIM * sizeof *key);
	double *weight = malloc(KEYS * sizeof *weight);
	int64_t *rows;
	struct dot_source dot;
	struct means means = { 0 };
	struct measured measured;
	struct driver_options options = { 0 };
	random_fill(query, (int64_t)KEYS * DIM, 1, _i == 0 ? 1 : 3);
	random_fill(key, (int64_t)KEYS * DIM, 2, 1);
	dot_source_init(&dot, query, key, 1, 1, KEYS, KEYS, DIM);
	dot.sees = dot_causal;
	dot.source.is_causal = true;
	dot_source_refresh(&dot);
	sample_rows(KEYS, ROWS, 5, &rows, &options.row_count, NULL);
	options.rows = rows;
	measure(&measured, &dot.source, "default", NULL, &options, NULL);
	for (int i = 0; i < ROWS; i++)
		add_row(&means, &dot.source, rows[i], weight);
	compare(&measured, METRIC_ENTROPY, means.entropy);
	compare(&measured, METRIC_ENTROPY_NORM, means.entropy_norm);
	compare(&measured, METRIC_MAX, means.max);
	compare(&measured, METRIC_SINK1, means.sink1);
	compare(&measured, METRIC_GINI, means.gini);
	compare(&measured, METRIC_KEYS90, means.keys90);
	compare(&measured, METRIC_DISTANCE, means.distance);
	printf("note: 131072 keys, %d rows: gini off by %.1g, keys90 by %.1g, entropy by %.1g\n", ROWS,
	       measured.value[0][METRIC_GINI].value / means.gini - 1, measured.value[0][METRIC_KEYS90].value / means.keys90 - 1,
	       measured.value[0][METRIC_ENTROPY].value / means.entropy - 1);
	fflush(stdout);
	measured_release(&measured);
	free(rows);
	free(weight);
	free(key);
	free(query);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("long context");
	TCase *tcase = tcase_create("long context");
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, means_are_within_1e_5_of_float64, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
