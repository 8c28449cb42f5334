/* SPDX-License-Identifier: MIT */
#include "mechanism/mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "support/vectors.h"

/* A definition that shares nothing with mask.c: one predicate a key. */
static bool allowed(const struct mask *m, int64_t batch, int64_t i, int64_t j)
{
	int64_t length = m->key_length ? m->key_length[batch] : m->keys;
	int64_t at = i + (m->align_to_length ? length - m->queries : m->diagonal);
	bool in_chunk = !m->chunk || floor((double)at / (double)m->chunk) == floor((double)j / (double)m->chunk);
	bool near = (m->left < 0 || j >= at - m->left) && (m->right < 0 || j <= at + m->right) && in_chunk;
	bool kept = j < m->key_begin + m->keep_first && (!m->causal || j <= at), is_query = !m->query_length || i < m->query_length[batch];
	return is_query && j >= m->key_begin && j < length && (near || kept);
}

static const int64_t lengths[] = { 7, 19, 0 }, query_lengths[] = { 11, 0, 17 };

static const struct mask masks[] = {
	{ .left = -1, .right = -1 },
	{ .left = -1, .right = 0 },
	{ .left = -1, .right = 0, .diagonal = 6 },
	{ .left = -1, .right = 0, .diagonal = -5 },
	{ .left = 3, .right = 0, .diagonal = 2 },
	{ .left = 2, .right = 4 },
	{ .left = 0, .right = 0 },
	{ .left = -1, .right = 0, .chunk = 4 },
	{ .left = -1, .right = 0, .chunk = 4, .diagonal = -3 },
	{ .left = 3, .right = 0, .keep_first = 2 },
	{ .left = 3, .right = 2, .keep_first = 2, .key_begin = 3 },
	{ .left = -1, .right = 0, .key_begin = 5 },
	{ .left = -1, .right = -1, .key_length = lengths },
	{ .left = -1, .right = 0, .key_length = lengths, .align_to_length = true },
	{ .left = 4, .right = 1, .key_length = lengths, .keep_first = 1 },
	{ .left = -1, .right = -1, .chunk = 5 },
	{ .left = 1, .right = -1, .chunk = 6, .diagonal = -4 },
	{ .left = 1, .right = 0, .keep_first = 4 },
	{ .left = 2, .right = 1, .keep_first = 6, .diagonal = 3 },
	{ .left = -1, .right = -1, .chunk = 4, .keep_first = 3 },
	{ .left = 3, .right = 0, .causal = CAUSAL_TOP_LEFT, .keep_first = 5, .key_begin = 2 },
	{ .left = -1, .right = 0, .causal = CAUSAL_TOP_LEFT, .keep_first = 3, .chunk = 4, .diagonal = -6 },
	{ .left = -1, .right = -1, .query_length = query_lengths },
	{ .left = 2, .right = 0, .causal = CAUSAL_TOP_LEFT, .keep_first = 2, .query_length = query_lengths, .key_length = lengths, .align_to_length = true },
};
enum { MASKS = sizeof masks / sizeof *masks, QUERIES = 17, KEYS = 23, BATCHES = 3 };

static struct mask sized(int index)
{
	struct mask mask = masks[index];
	mask.queries = QUERIES;
	mask.keys = KEYS;
	mask.batches = BATCHES;
	return mask;
}

START_TEST(limits_agree_with_the_definition)
{
	struct mask mask = sized(_i);
	for (int64_t batch = 0; batch < BATCHES; batch++)
		for (int64_t i = 0; i < QUERIES; i++) {
			int64_t seen = 0, first = 0, last = 0, begin, end;
			for (int64_t j = 0; j < KEYS; j++) {
				ck_assert_msg(mask_visible(&mask, 0, batch, 0, i, j) == allowed(&mask, batch, i, j), "batch %d row %d key %d", (int)batch,
					      (int)i, (int)j);
				first = seen == 0 && allowed(&mask, batch, i, j) ? j : first;
				last = allowed(&mask, batch, i, j) ? j : last;
				seen += allowed(&mask, batch, i, j);
			}
			ck_assert_int_eq(mask_support(&mask, 0, batch, 0, i), seen);
			ck_assert_int_eq(mask_span(&mask, 0, batch, 0, i, &begin, &end), seen > 0);
			ck_assert(seen == 0 || (begin == first && end == last + 1));
		}
}
END_TEST

static enum coverage counted(const struct mask *mask, int64_t batch, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	int64_t seen = 0;
	for (int64_t i = first; i <= last; i++)
		for (int64_t j = begin; j < end; j++)
			seen += allowed(mask, batch, i, j);
	return seen == 0 ? TILE_EMPTY : seen == (last - first + 1) * (end - begin) ? TILE_FULL : TILE_PARTIAL;
}

START_TEST(coverage_is_exact_for_consecutive_rows)
{
	struct mask mask = sized(_i);
	for (int64_t batch = 0; batch < BATCHES; batch++)
		for (int64_t first = 0; first < QUERIES; first++)
			for (int64_t last = first; last < QUERIES; last++)
				for (int64_t begin = 0; begin < KEYS; begin++)
					for (int64_t end = begin + 1; end <= KEYS; end++) {
						enum coverage said = mask_coverage(&mask, batch, first, last, begin, end);
						enum coverage is = counted(&mask, batch, first, last, begin, end);
						ck_assert_msg(said == is, "batch %d rows %d-%d keys %d-%d: said %d, is %d", (int)batch, (int)first,
							      (int)last, (int)begin, (int)end, said, is);
					}
}
END_TEST

/* To a tile of the keys from 0 on. */
static enum err apply(const struct mask *mask, int64_t batch, const struct row_group *rows, int lanes, int64_t count, const float *offset, float *tile)
{
	const struct kernels kernels = { .lanes = lanes };
	const struct fill fill = { .kernels = &kernels, .rows = rows, .count = count, .partial = true, .offset = offset, .tile = tile };
	return mask_apply(mask, 0, batch, 0, &fill, NULL);
}

/* Tile and row against the predicate, with rows that are not consecutive and a tile that does not begin at 0. */
static void check_tile(const struct mask *mask, int64_t batch, const int64_t *row, int rows)
{
	enum { LANES = 8 };
	float tile[KEYS * LANES], offset[LANES] = { 0 };
	double score[KEYS];
	struct row_group group = { .count = rows, .row = row };
	for (int i = 0; i < KEYS * LANES; i++)
		tile[i] = 1.5F;
	ck_assert_int_eq(apply(mask, batch, &group, LANES, KEYS, offset, tile), ERR_OK);
	for (int lane = 0; lane < rows; lane++) {
		for (int j = 0; j < KEYS; j++)
			score[j] = 1.5;
		ck_assert_int_eq(mask_apply64(mask, 0, batch, 0, row[lane], score, NULL), ERR_OK);
		for (int64_t j = 0; j < KEYS; j++) {
			double expected = allowed(mask, batch, row[lane], j) ? 1.5 : -INFINITY;
			ck_assert_double_eq(tile[j * LANES + lane], expected);
			ck_assert_double_eq(score[j], expected);
		}
	}
	ck_assert_float_eq(tile[LANES - 1], 1.5F);
}

START_TEST(tiles_and_rows_are_masked_alike)
{
	struct mask mask = sized(_i);
	static const int64_t consecutive[] = { 3, 4, 5, 6, 7 }, sample[] = { 0, 2, 9, 10, 16 };
	for (int64_t batch = 0; batch < BATCHES; batch++) {
		check_tile(&mask, batch, consecutive, 5);
		check_tile(&mask, batch, sample, 5);
	}
}
END_TEST

/* A file of (heads, queries, keys) numbers as a view. */
struct file {
	struct vector vector;
	struct vector_view view;
	double *data;
};

static void file_init(struct file *file, int rank, const int64_t *shape)
{
	file->vector = (struct vector){ .rank = rank, .count = 1 };
	for (int axis = 0; axis < rank; axis++)
		file->vector.count *= file->vector.shape[axis] = shape[axis];
	file->vector.data = file->data = calloc((size_t)file->vector.count, sizeof(double));
	vector_view_init(&file->view, &file->vector, "mask");
}

START_TEST(a_boolean_file_is_broadcast_and_padded_with_not_allowed)
{
	struct file file;
	file_init(&file, 3, (int64_t[]){ 2, 1, 5 });
	for (int i = 0; i < 10; i++)
		file.data[i] = i % 3 == 0;
	struct mask mask = { .batches = 1, .queries = 4, .keys = 7, .left = -1, .right = -1, .allow = &file.view.heads };
	for (int64_t head = 0; head < 2; head++)
		for (int64_t row = 0; row < 4; row++)
			for (int64_t key = 0; key < 7; key++)
				ck_assert_int_eq(mask_visible(&mask, 0, 0, head, row, key), key < 5 && (head * 5 + key) % 3 == 0);
	ck_assert_int_eq(mask_support(&mask, 0, 0, 0, 3), 2);
	ck_assert_int_eq(mask_support(&mask, 0, 0, 1, 0), 2);
	ck_assert_int_eq(mask_coverage(&mask, 0, 0, 3, 0, 7), TILE_PARTIAL);
	free(file.data);
}
END_TEST

START_TEST(a_bias_is_added_in_both_units_and_hides)
{
	struct file file;
	file_init(&file, 2, (int64_t[]){ 2, 4 });
	double bias[] = { 0.5, -INFINITY, -3.4028234663852886e38, 2, 0, 1, -10000, 0 };
	memcpy(file.data, bias, sizeof bias);
	struct mask mask = { .batches = 1, .queries = 2, .keys = 4, .left = -1, .right = -1, .bias = &file.view.heads };
	double score[4] = { 1, 1, 1, 1 };
	ck_assert_int_eq(mask_apply64(&mask, 0, 0, 0, 0, score, NULL), ERR_OK);
	ck_assert_double_eq(score[0], 1.5);
	ck_assert_double_eq(score[1], -INFINITY);
	ck_assert_double_eq(score[2], -INFINITY);
	ck_assert_double_eq(score[3], 3);
	float tile[8] = { 0 }, offset[2] = { 0 };
	ck_assert_int_eq(apply(&mask, 0, &(struct row_group){ .count = 2, .row = (int64_t[]){ 0, 1 } }, 2, 4, offset, tile), ERR_OK);
	ck_assert_float_eq_tol(tile[6], 2 * 1.4426950408889634F, 1e-6F);
	ck_assert_float_eq(tile[4], -INFINITY);
	ck_assert_float_eq_tol(tile[5], -14426.95F, 1e-2F);
	ck_assert_int_eq(mask_support(&mask, 0, 0, 0, 1), 4);
	free(file.data);
}
END_TEST

START_TEST(a_nan_in_the_bias_is_named_with_its_place)
{
	struct file file;
	file_init(&file, 2, (int64_t[]){ 2, 3 });
	file.data[5] = NAN;
	struct mask mask = { .batches = 1, .queries = 2, .keys = 3, .left = -1, .right = -1, .bias = &file.view.heads };
	struct err_info info = { 0 };
	double score[3] = { 0 };
	ck_assert_int_eq(mask_apply64(&mask, 0, 0, 0, 1, score, &info), ERR_VALUE);
	ck_assert_ptr_nonnull(strstr(info.text, "query 1, key 2"));
	free(file.data);
}
END_TEST

static void check_dead(struct mask *mask, int64_t dead_row, int64_t live_row)
{
	float tile[16] = { 0 }, offset[4] = { 3, 3, 3, 3 };
	double score[4] = { 7, 7, 7, 7 };
	int64_t row[] = { dead_row < live_row ? dead_row : live_row, dead_row < live_row ? live_row : dead_row };
	int lane = dead_row < live_row ? 0 : 1;
	for (int i = 0; i < 16; i++)
		tile[i] = 10;
	ck_assert_int_eq(mask_find_dead(mask, 1, 1, NULL), ERR_OK);
	ck_assert_int_eq(mask_support(mask, 0, 0, 0, dead_row), 4);
	ck_assert_int_eq(mask_coverage(mask, 0, dead_row, dead_row, 0, 4), TILE_PARTIAL);
	ck_assert_int_eq(apply(mask, 0, &(struct row_group){ .count = 2, .row = row }, 4, 4, offset, tile), ERR_OK);
	ck_assert_int_eq(mask_apply64(mask, 0, 0, 0, dead_row, score, NULL), ERR_OK);
	for (int key = 0; key < 4; key++) {
		ck_assert_float_eq(tile[key * 4 + lane], 3);
		ck_assert_double_eq(score[key], 0);
	}
	ck_assert_float_eq(tile[1 - lane], 10);
	mask_release(mask);
}

START_TEST(rows_that_see_nothing_become_uniform)
{
	struct mask limits = { .batches = 1, .queries = 4, .keys = 4, .left = -1, .right = 0, .diagonal = -2, .dead_rows = DEAD_ROWS_UNIFORM };
	check_dead(&limits, 1, 3);
	struct file file;
	file_init(&file, 2, (int64_t[]){ 4, 4 });
	for (int i = 0; i < 16; i++)
		file.data[i] = i / 4 != 2;
	struct mask by_file = { .batches = 1, .queries = 4, .keys = 4, .left = -1, .right = -1, .allow = &file.view.heads, .dead_rows = DEAD_ROWS_UNIFORM };
	check_dead(&by_file, 2, 0);
	free(file.data);
}
END_TEST

START_TEST(the_note_says_what_is_masked)
{
	char note[256] = "";
	mask_describe(&(struct mask){ .queries = 4, .keys = 4, .left = -1, .right = -1 }, note, sizeof note);
	ck_assert_str_eq(note, "");
	mask_describe(&(struct mask){ .queries = 2, .keys = 4, .left = 128, .right = 0, .diagonal = 2, .causal = CAUSAL_BOTTOM_RIGHT }, note, sizeof note);
	ck_assert_str_eq(note, "causal (bottom-right), window 128,0");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mask");
	TCase *tcase = tcase_create("limits");
	tcase_add_loop_test(tcase, limits_agree_with_the_definition, 0, MASKS);
	tcase_add_loop_test(tcase, coverage_is_exact_for_consecutive_rows, 0, MASKS);
	tcase_add_loop_test(tcase, tiles_and_rows_are_masked_alike, 0, MASKS);
	tcase_add_test(tcase, a_boolean_file_is_broadcast_and_padded_with_not_allowed);
	tcase_add_test(tcase, a_bias_is_added_in_both_units_and_hides);
	tcase_add_test(tcase, a_nan_in_the_bias_is_named_with_its_place);
	tcase_add_test(tcase, rows_that_see_nothing_become_uniform);
	tcase_add_test(tcase, the_note_says_what_is_masked);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
