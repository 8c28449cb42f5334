/* SPDX-License-Identifier: MIT */
/* Whisper's word timing, step by step, against the worked numbers of vector 33. */
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/dtw.h"
#include "support/vectors.h"

enum { HEADS = 2, TOKENS = 5, FRAMES = 12, CELLS = TOKENS * FRAMES };

static void softmax_rows(double *matrix)
{
	for (int row = 0; row < TOKENS; row++) {
		double sum = 0;
		for (int frame = 0; frame < FRAMES; frame++)
			sum += matrix[row * FRAMES + frame] = exp(matrix[row * FRAMES + frame]);
		for (int frame = 0; frame < FRAMES; frame++)
			matrix[row * FRAMES + frame] /= sum;
	}
}

/* The logits that the vector states as a formula. */
static void logits(int head, double *matrix)
{
	for (int token = 0; token < TOKENS; token++)
		for (int frame = 0; frame < FRAMES; frame++) {
			double away = frame - 2.4 * token - 0.6;
			matrix[token * FRAMES + frame] = 3 * exp(-away * away / 3) + 0.3 * sin(0.9 * frame + 1.7 * token + head);
		}
}

static void pipeline(int64_t width, struct vectors *v, double *mean)
{
	struct vector weights = vectors_get(v, "expected/W"), scores = vectors_get(v, "expected/z");
	double matrix[CELLS], scratch[FRAMES + 7];
	memset(mean, 0, CELLS * sizeof *mean);
	for (int head = 0; head < HEADS; head++) {
		logits(head, matrix);
		softmax_rows(matrix);
		ck_assert_double_le(vectors_distance(matrix, weights.data + head * CELLS, CELLS), 1e-12);
		standardise_columns(matrix, TOKENS, FRAMES);
		ck_assert_double_le(vectors_distance(matrix, scores.data + head * CELLS, CELLS), 1e-12);
		median_filter_rows(matrix, TOKENS, FRAMES, width, scratch);
		for (int i = 0; i < CELLS; i++)
			mean[i] += matrix[i] / HEADS;
	}
}

static void compare_path(const struct dtw_path *path, const struct vector *rows, const struct vector *columns)
{
	ck_assert_int_eq(path->length, rows->count);
	for (int64_t i = 0; i < path->length; i++) {
		ck_assert_int_eq(path->row[i], (int)rows->data[i]);
		ck_assert_int_eq(path->column[i], (int)columns->data[i]);
	}
}

static struct dtw_path warp(const double *matrix)
{
	double cost[CELLS];
	struct dtw_path path;
	for (int i = 0; i < CELLS; i++)
		cost[i] = -matrix[i];
	ck_assert_int_eq(dtw(cost, TOKENS, FRAMES, DTW_WHISPER, &path, NULL), ERR_OK);
	return path;
}

START_TEST(whisper_pipeline_gives_the_worked_path_and_times)
{
	struct vectors *v = vectors_open("33_whisper_dtw");
	double mean[CELLS];
	pipeline(3, v, mean);
	struct vector want = vectors_get(v, "expected/matrix_medfilt3");
	ck_assert_double_le(vectors_distance(mean, want.data, CELLS), 1e-12);

	struct dtw_path path = warp(mean);
	struct vector rows = vectors_get(v, "expected/path_text"), columns = vectors_get(v, "expected/path_time");
	compare_path(&path, &rows, &columns);
	ck_assert_double_eq_tol(path.cost, vectors_real(v, "expected/cost"), 1e-12);

	int64_t start[TOKENS];
	struct vector times = vectors_get(v, "expected/token_start_times_s");
	dtw_starts(&path, TOKENS, start);
	for (int i = 0; i < TOKENS; i++)
		ck_assert_double_eq_tol((double)start[i] * 0.02, times.data[i], 1e-12);
	dtw_path_release(&path);
	vectors_close(v);
}
END_TEST

START_TEST(a_filter_wider_than_half_the_frames_still_reflects)
{
	struct vectors *v = vectors_open("33_whisper_dtw");
	double mean[CELLS];
	pipeline(7, v, mean);
	struct vector want = vectors_get(v, "expected/matrix_medfilt7");
	ck_assert_double_le(vectors_distance(mean, want.data, CELLS), 1e-12);
	struct dtw_path path = warp(mean);
	struct vector rows = vectors_get(v, "expected/path_text_medfilt7"), columns = vectors_get(v, "expected/path_time_medfilt7");
	compare_path(&path, &rows, &columns);
	dtw_path_release(&path);
	vectors_close(v);
}
END_TEST

/* Subtract 1 from the cost along a known monotone path: nothing can be cheaper. */
START_TEST(a_planted_path_is_found_whatever_the_size)
{
	srand(7);
	for (int round = 0; round < 50; round++) {
		int rows = 1 + rand() % 40, columns = 1 + rand() % 90, row = 0, column = 0;
		double *cost = calloc((size_t)rows * (size_t)columns, sizeof *cost);
		int64_t steps = 0;
		for (;;) {
			cost[row * columns + column] = -1;
			steps++;
			if (row == rows - 1 && column == columns - 1)
				break;
			if (column == columns - 1 || (row < rows - 1 && rand() % 2))
				row++;
			else
				column++;
		}
		struct dtw_path path;
		ck_assert_int_eq(dtw(cost, rows, columns, round % 2 ? DTW_WHISPER : DTW_SYMMETRIC1, &path, NULL), ERR_OK);
		ck_assert_int_eq(path.length, steps);
		ck_assert_double_eq(path.cost, -(double)steps);
		for (int64_t i = 0; i < path.length; i++)
			ck_assert_double_eq(cost[path.row[i] * columns + path.column[i]], -1);
		dtw_path_release(&path);
		free(cost);
	}
}
END_TEST

static double median_by_sorting(const double *line, int64_t columns, int64_t at, int64_t width)
{
	double window[16];
	for (int64_t i = 0; i < width; i++) {
		int64_t from = at - width / 2 + i;
		from = from < 0 ? -from : from >= columns ? 2 * (columns - 1) - from : from;
		int64_t place = i;
		for (; place > 0 && window[place - 1] > line[from]; place--)
			window[place] = window[place - 1];
		window[place] = line[from];
	}
	return window[width / 2];
}

START_TEST(median_filter_is_the_median_of_each_reflected_window)
{
	srand(11);
	for (int64_t width = 1; width <= 9; width += 2)
		for (int64_t columns = width / 2 + 1; columns < 30; columns++) {
			double line[30], filtered[30], scratch[64];
			for (int64_t i = 0; i < columns; i++)
				filtered[i] = line[i] = rand() % 7;
			median_filter_rows(filtered, 1, columns, width, scratch);
			for (int64_t i = 0; i < columns; i++)
				ck_assert_double_eq(filtered[i], median_by_sorting(line, columns, i, width));
		}
}
END_TEST

START_TEST(rows_of_half_a_window_are_left_alone)
{
	double line[] = { 3, 1, 2 }, scratch[16];
	median_filter_rows(line, 1, 3, 7, scratch);
	ck_assert_double_eq(line[0], 3);
	ck_assert_double_eq(line[1], 1);
	ck_assert_double_eq(line[2], 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dtw");
	TCase *tcase = tcase_create("whisper");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, whisper_pipeline_gives_the_worked_path_and_times);
	tcase_add_test(tcase, a_filter_wider_than_half_the_frames_still_reflects);
	tcase_add_test(tcase, a_planted_path_is_found_whatever_the_size);
	tcase_add_test(tcase, median_filter_is_the_median_of_each_reflected_window);
	tcase_add_test(tcase, rows_of_half_a_window_are_left_alone);
	return suite_main(suite);
}
