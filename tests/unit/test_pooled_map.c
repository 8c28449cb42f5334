/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "analysis/pooled_map.h"
#include "support/feed.h"
#include "support/suite.h"

/* Scores of `maps` maps, and the pictures that came out. */
struct scene {
	struct feed_source feed;
	double *score;
	bool *visible;
	float *cell;
	int64_t height, width, maps;
};

static void scene_init(struct scene *scene, int64_t maps, int64_t queries, int64_t keys, bool causal, enum normalisation norm)
{
	uint64_t state = 7;
	memset(scene, 0, sizeof *scene);
	scene->score = calloc((size_t)(maps * queries * keys), sizeof *scene->score);
	scene->visible = calloc((size_t)(queries * keys), sizeof *scene->visible);
	for (int64_t i = 0; i < maps * queries * keys; i++)
		scene->score[i] = 3 * feed_random(&state);
	memset(scene->visible, 1, (size_t)(queries * keys));
	if (causal)
		feed_causal(scene->visible, queries, keys);
	feed_source_init(&scene->feed, maps, queries, keys, norm, scene->score, scene->visible);
}

static void scene_release(struct scene *scene)
{
	free(scene->score);
	free(scene->visible);
	free(scene->cell);
}

static enum err keep(void *data, const struct source *source, int64_t map, int64_t index, const float *cell, int64_t height,
		     int64_t width, struct err_info *info)
{
	struct scene *scene = data;
	(void)source, (void)map, (void)info;
	ck_assert_int_eq(index, scene->maps);
	size_t size = (size_t)(height * width);
	scene->cell = realloc(scene->cell, (size_t)(scene->maps + 1) * size * sizeof *cell);
	memcpy(scene->cell + (size_t)scene->maps++ * size, cell, size * sizeof *cell);
	scene->height = height;
	scene->width = width;
	return ERR_OK;
}

static void draw(struct scene *scene, const struct pooled_map_request *request, const struct feed_order *order)
{
	struct sink *sink;
	struct err_info info = { 0 };
	struct pooled_map_request asked = *request;
	asked.emit = keep;
	asked.emit_data = scene;
	free(scene->cell);
	scene->cell = NULL;
	scene->maps = 0;
	ck_assert_int_eq(pooled_map_new(&asked, &sink, &info), ERR_OK);
	ck_assert_int_eq(feed_run(&scene->feed, &sink, 1, order, &info), ERR_OK);
	pooled_map_free(sink);
}

/* The first key that a query sees, or how many there are. */
static int64_t first_of(const struct scene *scene, int64_t query)
{
	int64_t keys = scene->feed.source.keys, first = 0;
	while (first < keys && !scene->visible[query * keys + first])
		first++;
	return first;
}

static bool is_skipped(const struct scene *scene, int64_t skip, int64_t query, int64_t key)
{
	int64_t first = first_of(scene, query);
	return key >= first && key < first + skip;
}

/* A cell from the definition: every position of it, in double. NaN where nothing is visible. */
static double cell_by_definition(const double *weight, const struct scene *scene, const struct pooled_map_request *request,
				 const int64_t *row, int64_t r, int64_t c)
{
	int64_t top = r * request->row_count / scene->height, bottom = (r + 1) * request->row_count / scene->height;
	int64_t keys = request->key_end - request->key_begin, seen = 0, positions = 0;
	double sum = 0, max = 0;
	for (int64_t i = top; i < bottom; i++) {
		for (int64_t j = c * keys / scene->width; j < (c + 1) * keys / scene->width; j++) {
			int64_t query = row ? row[i] : i, key = request->key_begin + j;
			if (is_skipped(scene, request->skip_first, query, key))
				continue;
			double w = weight[query * scene->feed.source.keys + key];
			seen += scene->visible[query * scene->feed.source.keys + key];
			positions++;
			sum += w;
			max = scene->feed.source.is_signed ? (fabs(w) > fabs(max) ? w : max) : fmax(max, w);
		}
	}
	double value = request->pooling == POOLING_MAX ? max : request->pooling == POOLING_SUM ? sum : sum / (double)positions;
	return seen ? value : NAN;
}

static double *weights_of(const struct scene *scene, int64_t map, int64_t skip)
{
	int64_t queries = scene->feed.source.queries, keys = scene->feed.source.keys;
	double *weight = calloc((size_t)(queries * keys), sizeof *weight);
	for (int64_t i = 0; i < queries; i++) {
		double sum = 0, largest = -INFINITY, rest = 0;
		const double *score = scene->score + (map * queries + i) * keys;
		for (int64_t j = 0; j < keys; j++)
			largest = scene->visible[i * keys + j] ? fmax(largest, score[j]) : largest;
		for (int64_t j = 0; j < keys; j++) {
			double w = scene->feed.source.norm == NORM_SOFTMAX ? exp(score[j] - largest) : score[j];
			weight[i * keys + j] = scene->visible[i * keys + j] ? w : 0;
			sum += weight[i * keys + j];
			rest += is_skipped(scene, skip, i, j) ? 0 : weight[i * keys + j];
		}
		double divisor = scene->feed.source.norm == NORM_NONE ? 1 : skip ? rest : sum;
		for (int64_t j = 0; j < keys; j++)
			weight[i * keys + j] = divisor != 0 ? weight[i * keys + j] / divisor : 0;
	}
	return weight;
}

static void check(struct scene *scene, const struct pooled_map_request *request, const struct feed_order *order)
{
	draw(scene, request, order);
	for (int64_t map = 0; map < scene->maps; map++) {
		double *weight = weights_of(scene, map, request->skip_first);
		for (int64_t i = 0; i < scene->height * scene->width; i++) {
			double expected =
				cell_by_definition(weight, scene, request, order->row, i / scene->width, i % scene->width);
			double found = (double)scene->cell[map * scene->height * scene->width + i];
			bool close = fabs(found - expected) <= 1e-6 * fabs(expected) + 1e-12 || (isnan(expected) && isnan(found));
			if (!close) /* each passing assertion of Check is a system call */
				ck_abort_msg("cell %d of %d x %d is %g, not %g", (int)i, (int)scene->height, (int)scene->width,
					     found, expected);
		}
		free(weight);
	}
}

static const struct { int64_t height, width; } sizes[] = {
	{ 1, 1 }, { 1000, 1000 }, { 1000, 7 }, { 7, 1000 }, { 400, 300 }, { 13, 2 }, { 2, 150 }, { 391, 391 }, { 50, 60 },
};

START_TEST(every_cell_is_the_pool_of_its_positions)
{
	struct scene scene;
	scene_init(&scene, 2, 401, 391, _i % 2, NORM_SOFTMAX);
	for (int pooling = POOLING_MAX; pooling <= POOLING_SUM; pooling++) {
		struct pooled_map_request request = { .row_count = 401,
						      .key_end = 391,
						      .height = sizes[_i].height,
						      .width = sizes[_i].width,
						      .pooling = (enum pooling)pooling };
		check(&scene, &request, &(struct feed_order){ .lanes = pooling == POOLING_MAX ? 48 : 12 });
	}
	scene_release(&scene);
}
END_TEST

START_TEST(a_part_of_the_keys_and_a_sample_of_the_queries_can_be_shown)
{
	struct scene scene;
	int64_t row[100];
	for (int64_t i = 0; i < 100; i++)
		row[i] = 3 * i + i % 3;
	scene_init(&scene, 1, 400, 400, true, NORM_SOFTMAX);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct pooled_map_request request = { .row_count = 100,
						      .key_begin = 37,
						      .key_end = 301,
						      .height = sizes[i].height,
						      .width = sizes[i].width,
						      .pooling = POOLING_MEAN };
		check(&scene, &request, &(struct feed_order){ .lanes = 12, .row = row, .row_count = 100 });
	}
	scene_release(&scene);
}
END_TEST

START_TEST(skipped_keys_are_no_value_and_the_rest_of_the_row_sums_to_one)
{
	struct scene scene;
	scene_init(&scene, 1, 130, 140, true, NORM_SOFTMAX);
	for (int64_t i = 0; i < 130; i++)
		scene.score[i * 140] = 30; /* a sink that leaves 1e-11 for the rest: 1 - its weight would be noise */
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct pooled_map_request request = { .row_count = 130,
						      .key_end = 140,
						      .height = sizes[i].height,
						      .width = sizes[i].width,
						      .pooling = POOLING_MEAN,
						      .skip_first = 3 };
		check(&scene, &request, &(struct feed_order){ 0 });
	}
	struct pooled_map_request request = {
		.row_count = 130, .key_end = 140, .height = 130, .width = 1, .pooling = POOLING_SUM, .skip_first = 1
	};
	draw(&scene, &request, &(struct feed_order){ 0 });
	for (int64_t i = 0; i < 130; i++)
		ck_assert_double_eq_tol((double)scene.cell[i], 1, 1e-6);
	scene_release(&scene);
}
END_TEST

/* Padding on the left, two packed documents, and rows that see nothing, begin where a query's keys do. */
START_TEST(skipped_keys_count_from_the_first_that_a_query_sees)
{
	static const enum pooling poolings[] = { POOLING_MEAN, POOLING_MAX, POOLING_SUM };
	struct scene scene;
	scene_init(&scene, 1, 130, 140, true, _i < 6 ? NORM_SOFTMAX : NORM_NONE);
	for (int64_t i = 0; i < 130 * 140 && _i >= 6; i++)
		scene.score[i] = fabs(scene.score[i]);
	for (int64_t i = 0; i < 130; i++)
		for (int64_t j = 0; j < 140; j++)
			scene.visible[i * 140 + j] &= _i % 2 ? j >= 21 : (i < 64) == (j < 74) && i % 11 != 4;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct pooled_map_request request = {
			.row_count = 130, .key_begin = _i == 3 ? 20 : 0, .key_end = 140, .height = sizes[i].height, .width = sizes[i].width,
			.pooling = poolings[_i / 2 % 3], .skip_first = 3,
		};
		check(&scene, &request, &(struct feed_order){ .lanes = _i % 2 ? 12 : 0 });
	}
	scene_release(&scene);
}
END_TEST

START_TEST(the_maximum_of_a_signed_map_is_its_largest_magnitude)
{
	struct scene scene;
	scene_init(&scene, 1, 90, 200, false, NORM_NONE);
	scene.feed.source.is_signed = true;
	int negative = 0;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct pooled_map_request request = {
			.row_count = 90, .key_end = 200, .height = sizes[i].height, .width = sizes[i].width
		};
		check(&scene, &request, &(struct feed_order){ .lanes = 3 });
		negative += scene.cell[scene.height * scene.width - 1] < 0;
	}
	ck_assert_int_gt(negative, 0);
	scene_release(&scene);
}
END_TEST

START_TEST(attention_that_underflows_is_zero_and_not_no_value)
{
	struct scene scene;
	scene_init(&scene, 1, 8, 8, true, NORM_SOFTMAX);
	scene.score[7 * 8 + 2] = -1000;
	scene.visible[5 * 8 + 2] = false;
	struct pooled_map_request request = { .row_count = 8, .key_end = 8, .height = 8, .width = 8 };
	draw(&scene, &request, &(struct feed_order){ 0 });
	ck_assert(scene.cell[7 * 8 + 2] == 0);
	ck_assert(isnan(scene.cell[5 * 8 + 2]) && isnan(scene.cell[1 * 8 + 2]));
	scene_release(&scene);
}
END_TEST

START_TEST(cells_and_edges_are_inverse)
{
	for (int64_t count = 1; count < 40; count++)
		for (int64_t cells = 1; cells <= count; cells++)
			for (int64_t i = 0; i < count; i++) {
				int64_t cell = pooled_map_cell(i, cells, count);
				if (pooled_map_edge(cell, cells, count) > i || i >= pooled_map_edge(cell + 1, cells, count))
					ck_abort_msg("row %d of %d is not in cell %d of %d", (int)i, (int)count, (int)cell,
						     (int)cells);
			}
}
END_TEST

START_TEST(requests_without_a_cell_are_refused)
{
	struct sink *sink;
	struct err_info info = { 0 };
	struct pooled_map_request request = { .row_count = 4, .key_end = 4, .height = 4, .width = 0 };
	ck_assert_int_eq(pooled_map_new(&request, &sink, &info), ERR_USAGE);
	ck_assert_ptr_null(sink);
	request = (struct pooled_map_request){ .row_count = 4, .key_end = 4, .height = 4, .width = 4, .skip_first = 4 };
	info = (struct err_info){ 0 };
	ck_assert_int_eq(pooled_map_new(&request, &sink, &info), ERR_USAGE);
	ck_assert_str_eq(info.text, "skipping the first 4 keys leaves none to show (keys shown end at 4): skip fewer");
	request = (struct pooled_map_request){ .row_count = INT64_MAX / 2, .key_end = 4, .height = INT64_MAX / 4, .width = 4 };
	info = (struct err_info){ 0 };
	ck_assert_int_eq(pooled_map_new(&request, &sink, &info), ERR_USAGE);
}
END_TEST

struct rows_seen {
	const struct scene *scene;
	double *weight;
	int64_t next, stop;
};

static enum err take_row(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	struct rows_seen *seen = data;
	int64_t queries = seen->scene->feed.source.queries, keys = seen->scene->feed.source.keys;
	ck_assert_int_eq(map, index);
	ck_assert_int_eq(map * queries + row, seen->next++);
	if (seen->next == seen->stop)
		return err_set(info, ERR_IO, "the disk is full");
	double *expected = weights_of(seen->scene, map, 0);
	double worst = 0;
	for (int64_t j = 0; j < keys; j++)
		worst = fmax(worst, fabs((double)weight[j] - expected[row * keys + j]));
	ck_assert_double_le(worst, 1e-7);
	free(expected);
	return ERR_OK;
}

START_TEST(rows_of_the_exact_map_arrive_in_order_and_whole)
{
	struct scene scene;
	struct sink *sink;
	scene_init(&scene, 2, 50, 260, true, NORM_SOFTMAX);
	struct rows_seen seen = { .scene = &scene };
	ck_assert_int_eq(matrix_rows_new(take_row, &seen, &sink, NULL), ERR_OK);
	ck_assert_int_eq(feed_run(&scene.feed, &sink, 1, &(struct feed_order){ .lanes = 12 }, NULL), ERR_OK);
	ck_assert_int_eq(seen.next, 100);
	matrix_rows_free(sink);
	scene_release(&scene);
}
END_TEST

START_TEST(a_row_that_cannot_be_written_stops_the_run)
{
	struct scene scene;
	struct sink *sink;
	struct err_info info = { 0 };
	scene_init(&scene, 2, 10, 10, false, NORM_SOFTMAX);
	struct rows_seen seen = { .scene = &scene, .stop = 3 };
	ck_assert_int_eq(matrix_rows_new(take_row, &seen, &sink, NULL), ERR_OK);
	ck_assert_int_eq(feed_run(&scene.feed, &sink, 1, &(struct feed_order){ 0 }, &info), ERR_IO);
	ck_assert_str_eq(info.text, "the disk is full");
	ck_assert_int_eq(seen.next, 3);
	matrix_rows_free(sink);
	scene_release(&scene);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pooled map");
	TCase *tcase = tcase_create("pooled map");
	tcase_add_loop_test(tcase, every_cell_is_the_pool_of_its_positions, 0, sizeof sizes / sizeof *sizes);
	tcase_add_test(tcase, a_part_of_the_keys_and_a_sample_of_the_queries_can_be_shown);
	tcase_add_loop_test(tcase, skipped_keys_count_from_the_first_that_a_query_sees, 0, 12);
	tcase_add_test(tcase, skipped_keys_are_no_value_and_the_rest_of_the_row_sums_to_one);
	tcase_add_test(tcase, the_maximum_of_a_signed_map_is_its_largest_magnitude);
	tcase_add_test(tcase, attention_that_underflows_is_zero_and_not_no_value);
	tcase_add_test(tcase, cells_and_edges_are_inverse);
	tcase_add_test(tcase, requests_without_a_cell_are_refused);
	tcase_add_test(tcase, rows_of_the_exact_map_arrive_in_order_and_whole);
	tcase_add_test(tcase, a_row_that_cannot_be_written_stops_the_run);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
