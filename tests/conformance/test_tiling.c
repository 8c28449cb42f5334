/* SPDX-License-Identifier: MIT */
/* The tiling of FlashAttention: the trace of vector 18, the count of tiles, and the traffic formulas of the papers. */
#include <math.h>

#include "analysis/tiling.h"
#include "support/attend.h"
#include "support/near.h"
#include "support/suite.h"

static struct vectors *open_causal(struct attend *attend)
{
	struct vectors *vectors = vectors_open("18_flash_online");
	if (!vectors)
		return NULL;
	attend_init_vectors(attend, vectors);
	attend->args.causal = CAUSAL_TOP_LEFT;
	attend_open(attend, "softmax");
	return vectors;
}

START_TEST(maximum_and_sum_run_over_the_tiles)
{
	const struct tiling tiling = { 3, 3 };
	struct attend attend;
	struct vectors *vectors = open_causal(&attend);
	double score[8], maximum[3], sum[3];
	struct err_info info = { 0 };
	struct vector trace = vectors_get(vectors, "expected/trace_rows_i_t0_m_l (rows 0 and 5 and 7)");
	for (int64_t i = 0; i < trace.shape[0]; i++) {
		const double *line = trace.data + i * 4;
		ck_assert_int_eq(tiling_trace(attend.source, 0, (int64_t)line[0], &tiling, score, maximum, sum, &info), ERR_OK);
		ASSERT_NEAR(maximum[(int)line[1] / 3] - line[2], 1e-12);
		ASSERT_NEAR(sum[(int)line[1] / 3] - line[3], 1e-12);
	}
	struct vector lse = vectors_get(vectors, "expected/lse");
	for (int64_t row = 0; row < 8; row++) {
		ck_assert_int_eq(tiling_trace(attend.source, 0, row, &tiling, score, maximum, sum, &info), ERR_OK);
		ASSERT_NEAR(maximum[2] + log(sum[2]) - lse.data[row], 1e-12);
	}
	ck_assert_int_eq(tiling_count(attend.source, 0, &tiling).row_tiles_skipped, vectors_int(vectors, "expected/tiles_skipped_fully_masked"));
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(tiles_are_full_masked_or_skipped)
{
	const struct tiling tiling = { 3, 3 };
	struct attend attend;
	struct vectors *vectors = open_causal(&attend);
	/* 8 queries and keys in tiles of 3: the diagonal is masked, what is right of it skipped. */
	struct tile_counts counts = tiling_count(attend.source, 0, &tiling);
	ck_assert_int_eq(counts.tiles, 9);
	ck_assert_int_eq(counts.full, 3);
	ck_assert_int_eq(counts.partial, 3);
	ck_assert_int_eq(counts.skipped, 3);
	ck_assert_int_eq(counts.keys_read, 3 + 6 + 8);
	attend_release(&attend);
	vectors_close(vectors);
}
END_TEST

START_TEST(traffic_follows_the_papers)
{
	const struct tiling tiling = { 64, 32 };
	struct source_ops ops = { .name = "full" };
	struct source source = { .ops = &ops, .layers = 1, .batches = 1, .heads = 1, .queries = 1000, .keys = 1000 };
	struct tile_counts counts = tiling_count(&source, 0, &tiling);
	struct traffic traffic = tiling_traffic(&source, &tiling, &counts, 128, 128);
	double n = 1000, d = 128;
	ASSERT_NEAR(traffic.standard - (4 * n * d + 4 * n * n), 1e-6);
	ASSERT_NEAR(traffic.fa1 - (2 * n * d + 3 * n * d * 32 + 4 * n * 32), 1e-6);
	ASSERT_NEAR(traffic.fa2 - (2 * n * d + 2 * n * d * 16), 1e-6);
	ASSERT_NEAR(traffic.fa2_skipping - traffic.fa2, 1e-6);
	ASSERT_NEAR(traffic.standard_peak - n * n, 1e-6);
}
END_TEST

START_TEST(a_trace_needs_a_softmax)
{
	const struct tiling tiling = { 3, 3 };
	struct source_ops ops = { .name = "linear" };
	struct source source = { .ops = &ops, .queries = 4, .keys = 4, .norm = NORM_ROW_SUM };
	struct err_info info = { 0 };
	double number[4];
	ck_assert_int_eq(tiling_trace(&source, 0, 0, &tiling, number, number, number, &info), ERR_USAGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tiling");
	TCase *tcase = tcase_create("tiling");
	tcase_add_test(tcase, maximum_and_sum_run_over_the_tiles);
	tcase_add_test(tcase, tiles_are_full_masked_or_skipped);
	tcase_add_test(tcase, traffic_follows_the_papers);
	tcase_add_test(tcase, a_trace_needs_a_softmax);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
