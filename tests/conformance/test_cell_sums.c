/* SPDX-License-Identifier: MIT */
/* Pictures from sums of cells: what the source adds up itself is what its pairs add up to. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pooled_map.h"
#include "kernel/driver.h"
#include "support/attend.h"
#include "support/suite.h"

static int64_t *edges(int64_t begin, int64_t end, int64_t cells)
{
	int64_t *edge = malloc((size_t)(cells + 1) * sizeof *edge);
	ck_assert_ptr_nonnull(edge);
	for (int64_t i = 0; i <= cells; i++)
		edge[i] = begin + i * (end - begin) / cells;
	return edge;
}

static void check_grid(const struct attend *attend, int64_t map, const double *matrix, int64_t row_begin, int64_t row_end, int64_t key_begin, int64_t key_end,
		       int64_t height, int64_t width)
{
	int64_t *row = edges(row_begin, row_end, height), *key = edges(key_begin, key_end, width), keys = attend->source->keys;
	double *sum = malloc((size_t)(height * width) * sizeof *sum);
	struct cell_grid grid = { row, key, height, width, 2 };
	struct err_info info = { 0 };
	ck_assert_ptr_nonnull(sum);
	ck_assert_int_eq(attend->source->ops->pool(attend->source, map, &grid, sum, &info), ERR_OK);
	for (int64_t cell = 0; cell < height * width; cell++) {
		double expected = 0, size = 0;
		for (int64_t i = row[cell / width]; i < row[cell / width + 1]; i++) {
			for (int64_t j = key[cell % width]; j < key[cell % width + 1]; j++) {
				expected += matrix[i * keys + j];
				size += fabs(matrix[i * keys + j]);
			}
		}
		if (!(fabs(sum[cell] - expected) <= 1e-12 * fmax(1, size)))
			ck_abort_msg("cell %lld of %lld x %lld: %.17g where %.17g was expected", (long long)cell, (long long)height, (long long)width, sum[cell],
				     expected);
	}
	free(row);
	free(key);
	free(sum);
}

static void check_grids(const struct attend *attend)
{
	int64_t rows = attend->source->queries, keys = attend->source->keys;
	for (int64_t map = 0; map < source_maps(attend->source); map++) {
		double *matrix = attend_matrix(attend, map);
		check_grid(attend, map, matrix, 0, rows, 0, keys, 1, 1);
		check_grid(attend, map, matrix, 0, rows, 0, keys, 7, 5);
		check_grid(attend, map, matrix, 0, rows, 0, keys, rows, keys);
		check_grid(attend, map, matrix, 0, rows, 0, keys, 3, keys);
		check_grid(attend, map, matrix, 0, rows, 0, keys, rows, 2);
		check_grid(attend, map, matrix, rows / 3, rows, keys / 4, keys / 2 + 1, 6, 4);
		free(matrix);
	}
}

static void bind(struct attend *attend, int64_t queries, int64_t keys)
{
	attend_init(attend);
	attend_formula(attend, "query", 1, 1, 3, (int64_t[]){ 2, queries, 4 });
	attend_formula(attend, "key", 2, 1, 3, (int64_t[]){ 1, keys, 4 });
}

START_TEST(cells_of_linear_attention_causal_or_not)
{
	static const struct {
		int64_t queries, keys, diagonal;
		enum causal causal;
		bool has_diagonal;
	} cases[] = {
		{ 40, 53, 0, CAUSAL_NONE, false },   { 61, 61, 0, CAUSAL_TOP_LEFT, false },  { 20, 50, 0, CAUSAL_BOTTOM_RIGHT, false },
		{ 50, 20, 0, CAUSAL_TOP_LEFT, false }, { 30, 30, -7, CAUSAL_TOP_LEFT, true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (int raw = 0; raw < 2; raw++) {
			struct attend attend;
			bind(&attend, cases[i].queries, cases[i].keys);
			attend.args.causal = cases[i].causal;
			attend.args.has_diagonal = cases[i].has_diagonal;
			attend.args.diagonal = cases[i].diagonal;
			attend_parameter(&attend, raw ? "normalize=no" : "eps=0.01");
			attend_open(&attend, "linear");
			check_grids(&attend);
			attend_release(&attend);
		}
	}
}
END_TEST

START_TEST(cells_of_performer_and_linformer)
{
	struct attend attend;
	bind(&attend, 33, 47);
	attend_parameter(&attend, "seed=4");
	attend_open(&attend, "performer");
	check_grids(&attend);
	attend_release(&attend);

	bind(&attend, 33, 47);
	attend_formula(&attend, "proj_k", 5, 0.4, 2, (int64_t[]){ 47, 6 });
	attend_open(&attend, "linformer");
	check_grids(&attend);
	attend_release(&attend);
}
END_TEST

/* Pictures as they were handed out. */
struct album {
	float *cell;
	int64_t count;
};

static enum err keep(void *data, const struct source *source, int64_t map, int64_t index, const float *cell, int64_t height, int64_t width,
		     struct err_info *info)
{
	struct album *album = data;
	(void)source, (void)map, (void)index, (void)info;
	album->cell = realloc(album->cell, (size_t)(album->count + height * width) * sizeof *cell);
	ck_assert_ptr_nonnull(album->cell);
	memcpy(album->cell + album->count, cell, (size_t)(height * width) * sizeof *cell);
	album->count += height * width;
	return ERR_OK;
}

START_TEST(the_picture_is_that_of_the_tiles)
{
	static const enum pooling poolings[] = { POOLING_MEAN, POOLING_SUM };
	for (int i = 0; i < 2; i++) {
		struct attend attend;
		struct album direct = { 0 }, tiles = { 0 };
		struct sink *sink;
		struct err_info info = { 0 };
		int64_t rows[200];
		bind(&attend, 300, 300);
		attend.args.causal = CAUSAL_TOP_LEFT;
		attend_open(&attend, "linear");
		for (int64_t r = 0; r < 200; r++)
			rows[r] = 50 + r;
		struct pooled_map_request request = { .row_count = 200, .key_begin = 10, .key_end = 290, .height = 31, .width = 17, .pooling = poolings[i], .emit = keep,
						      .emit_data = &direct };
		ck_assert_int_eq(pooled_map_direct(&request, attend.source, NULL, 0, 50, 2, &info), ERR_OK);
		request.emit_data = &tiles;
		ck_assert_int_eq(pooled_map_new(&request, &sink, &info), ERR_OK);
		struct driver_options options = { .rows = rows, .row_count = 200 };
		ck_assert_int_eq(driver_run(attend.source, &sink, 1, &options, &info), ERR_OK);
		ck_assert_int_eq(direct.count, 2 * 31 * 17);
		ck_assert_int_eq(tiles.count, direct.count);
		for (int64_t c = 0; c < direct.count; c++) {
			bool same = isnan(direct.cell[c]) ? isnan(tiles.cell[c]) : fabsf(direct.cell[c] - tiles.cell[c]) <= 2e-6f;
			if (!same)
				ck_abort_msg("cell %lld: %g, from tiles %g", (long long)c, (double)direct.cell[c], (double)tiles.cell[c]);
		}
		pooled_map_free(sink);
		free(direct.cell);
		free(tiles.cell);
		attend_release(&attend);
	}
}
END_TEST

START_TEST(what_cannot_be_summed_is_left_to_the_tiles)
{
	struct attend attend;
	struct err_info info = { 0 };
	struct pooled_map_request request = { .row_count = 9, .key_end = 9, .height = 3, .width = 3, .pooling = POOLING_MAX, .emit = keep };
	bind(&attend, 9, 9);
	attend_open(&attend, "linear");
	ck_assert_int_eq(pooled_map_direct(&request, attend.source, NULL, 0, 0, 1, &info), ERR_UNSUPPORTED);
	request.pooling = POOLING_MEAN;
	request.skip_first = 1;
	ck_assert_int_eq(pooled_map_direct(&request, attend.source, NULL, 0, 0, 1, &info), ERR_UNSUPPORTED);
	attend_release(&attend);

	bind(&attend, 9, 9);
	attend.args.window_left = 3;
	attend_open(&attend, "linear");
	request.skip_first = 0;
	ck_assert_int_eq(pooled_map_direct(&request, attend.source, NULL, 0, 0, 1, &info), ERR_UNSUPPORTED);
	ck_assert_int_eq(info.code, ERR_OK);
	attend_release(&attend);
}
END_TEST

START_TEST(a_value_that_is_not_finite_is_named)
{
	struct attend attend;
	struct err_info info = { 0 };
	struct pooled_map_request request = { .row_count = 9, .key_end = 9, .height = 3, .width = 3, .pooling = POOLING_MEAN, .emit = keep };
	bind(&attend, 9, 9);
	attend_open(&attend, "linear");
	attend.array[1].data[17] = NAN;
	ck_assert_int_eq(pooled_map_direct(&request, attend.source, NULL, 0, 0, 2, &info), ERR_VALUE);
	ck_assert_ptr_nonnull(strstr(info.text, "key"));
	attend_release(&attend);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cell sums");
	TCase *tcase = tcase_create("cell sums");
	tcase_add_test(tcase, cells_of_linear_attention_causal_or_not);
	tcase_add_test(tcase, cells_of_performer_and_linformer);
	tcase_add_test(tcase, the_picture_is_that_of_the_tiles);
	tcase_add_test(tcase, what_cannot_be_summed_is_left_to_the_tiles);
	tcase_add_test(tcase, a_value_that_is_not_finite_is_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
