/* SPDX-License-Identifier: MIT */
/* How far the fast path is from double where it is hardest: long rows, and results that are merged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/driver.h"
#include "kernel/reference.h"
#include "support/dot_source.h"
#include "support/near.h"
#include "support/suite.h"
#include "support/vectors.h"

enum { LONG = 131072, DIM = 64, SAMPLE = 7 };

static const struct kernels *tables[KERNELS_MAX];
static float *query, *key;
static const int64_t sample[SAMPLE] = { 0, 1, 4095, 30000, 65536, 100001, LONG - 1 };

/* Statistics of the sampled rows, and the sum of their weights as the tiles hold them. */
struct keep {
	struct sink sink;
	struct row_stats *stats;
	double *mass;
};

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	(void)partial;
	const struct keep *keep = (const struct keep *)sink;
	for (int lane = 0; lane < tile->rows->count; lane++)
		for (int64_t k = 0; k < tile->count; k++)
			keep->mass[item->position + lane0 + lane] += (double)tile->p[k * tile->lanes + lane];
}

static void keep_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t width, void *partial)
{
	(void)output;
	(void)width;
	(void)partial;
	memcpy(((const struct keep *)sink)->stats + item->position + lane0, stats, (size_t)rows->count * sizeof(*stats));
}

static const struct sink_ops keep_ops = { .name = "keep", .needs = SINK_TILES, .scan = scan, .rows = keep_rows };

static void make_long_map(void)
{
	query = malloc(sizeof(*query) * LONG * DIM);
	key = malloc(sizeof(*key) * LONG * DIM);
	random_fill(query, LONG * DIM, 5, 1.5);
	random_fill(key, LONG * DIM, 6, 1.5);
}

static void free_long_map(void)
{
	free(query);
	free(key);
}

START_TEST(rows_of_131072_keys_are_within_1e_6_of_double)
{
	struct dot_source dot;
	dot_source_init(&dot, query, key, 1, 1, LONG, LONG, DIM);
	dot.sees = dot_causal;
	dot_source_refresh(&dot);
	struct row_stats fast[SAMPLE], slow;
	double mass[SAMPLE] = { 0 }, *weight = malloc(sizeof(*weight) * LONG);
	struct keep keep = { { &keep_ops }, fast, mass };
	struct sink *sinks[] = { &keep.sink };
	struct driver_options options = { .kernels = tables[_i], .rows = sample, .row_count = SAMPLE };
	ck_assert_int_eq(driver_run(&dot.source, sinks, 1, &options, NULL), ERR_OK);
	for (int i = 0; i < SAMPLE; i++) {
		ck_assert_int_eq(reference_row(&dot.source, 0, sample[i], weight, &slow, NULL, NULL), ERR_OK);
		ck_assert_int_eq(fast[i].support, sample[i] + 1);
		ASSERT_NEAR(fast[i].lse / slow.lse - 1, 1e-6);
		ASSERT_NEAR(fast[i].max / slow.max - 1, 1e-6);
		ASSERT_NEAR(fast[i].entropy - slow.entropy, 1e-6 * (1 + slow.entropy));
		ASSERT_NEAR(fast[i].sum_square / slow.sum_square - 1, 4e-6);
		ASSERT_NEAR(fast[i].peak / slow.peak - 1, 2e-6);
		ASSERT_NEAR(mass[i] - 1, 1e-6);
	}
	free(weight);
}
END_TEST

START_TEST(vector_21_partial_results_merge)
{
	struct vectors *vectors = vectors_open("21_partial_merge");
	struct vector a = vectors_get(vectors, "expected/out_a"), b = vectors_get(vectors, "expected/out_b"), both = vectors_get(vectors, "expected/out");
	double lse = vectors_get(vectors, "expected/lse_a").data[0];
	softmax_merge(&lse, a.data, vectors_get(vectors, "expected/lse_b").data[0], b.data, a.count);
	ASSERT_NEAR(lse - vectors_get(vectors, "expected/lse").data[0], 1e-12);
	ASSERT_NEAR(vectors_distance(a.data, both.data, a.count), 1e-12);
	vectors_close(vectors);
}
END_TEST

int main(void)
{
	int count = kernels_available(tables);
	Suite *suite = suite_create("accuracy");
	TCase *tcase = tcase_create("accuracy");
	tcase_set_timeout(tcase, 60);
	tcase_add_unchecked_fixture(tcase, make_long_map, free_long_map);
	tcase_add_loop_test(tcase, rows_of_131072_keys_are_within_1e_6_of_double, 0, count);
	tcase_add_test(tcase, vector_21_partial_results_merge);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
