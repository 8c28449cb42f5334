/* SPDX-License-Identifier: MIT */
/* Every number and every cell of a picture has the same bits for any number of threads and any size of the driver's sweeps. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/pooled_map.h"
#include "analysis/stats.h"
#include "kernel/driver.h"
#include "support/dot_source.h"
#include "support/suite.h"

enum { MAPS = 2, N = 700, DIM = 24, PICTURES = 3 };

/* What one run emits, in order. */
struct learnt {
	double *number;
	float *cell;
	size_t numbers, cells;
};

struct setting {
	int threads;
	int64_t row_tile, key_tile;
	size_t prepared_limit;
};

static const struct setting settings[] = {
	{ 2, 0, 0, 0 }, { 3, 0, 0, 0 }, { 4, 0, 0, 0 }, { 5, 0, 0, 0 }, { 6, 0, 0, 0 }, { 7, 0, 0, 0 }, { 8, 0, 0, 0 },
	{ 1, 48, 128, 0 }, { 3, 96, 384, 200000 }, { 8, 240, 256, 1 }, { 2, 384, 1 << 20, 0 },
};

static void keep_numbers(struct learnt *learnt, const double *value, size_t count)
{
	learnt->number = realloc(learnt->number, (learnt->numbers + count) * sizeof *value);
	ck_assert_ptr_nonnull(learnt->number);
	memcpy(learnt->number + learnt->numbers, value, count * sizeof *value);
	learnt->numbers += count;
}

struct taker {
	struct learnt *learnt;
	int metrics;
};

static enum err take_statistics(void *data, const struct stats_result *result, struct err_info *info)
{
	struct taker *taker = data;

	(void)info;
	for (int m = 0; m < taker->metrics; m++) {
		keep_numbers(taker->learnt, &result->value[m].value, 1);
		if (result->per_row[m])
			keep_numbers(taker->learnt, result->per_row[m], N);
	}
	return ERR_OK;
}

static enum err take_picture(void *data, const struct source *source, int64_t map, int64_t index, const float *cell, int64_t height, int64_t width,
			     struct err_info *info)
{
	struct learnt *learnt = data;
	size_t count = (size_t)(height * width);

	(void)source, (void)map, (void)index, (void)info;
	learnt->cell = realloc(learnt->cell, (learnt->cells + count) * sizeof *cell);
	ck_assert_ptr_nonnull(learnt->cell);
	memcpy(learnt->cell + learnt->cells, cell, count * sizeof *cell);
	learnt->cells += count;
	return ERR_OK;
}

static struct learnt learn_statistics(const struct source *source, const struct setting *setting)
{
	const struct metric *metric[METRIC_COUNT];
	struct learnt learnt = { 0 };
	struct taker taker = { .learnt = &learnt };
	struct stats_request request = { .metric = metric, .parameters = stats_parameters_default(), .row_count = N, .per_row = true,
					 .emit = take_statistics, .emit_data = &taker };
	struct driver_options options = { .threads = setting->threads, .row_tile = setting->row_tile, .key_tile = setting->key_tile,
					  .prepared_limit = setting->prepared_limit };
	struct stats *stats = NULL;

	ck_assert_int_eq(metric_select("default", metric, &request.metric_count, NULL), ERR_OK);
	taker.metrics = request.metric_count;
	ck_assert_int_eq(stats_new(&request, source, &stats, NULL), ERR_OK);
	ck_assert_int_eq(driver_run(source, stats_sinks(stats), stats_sink_count(stats), &options, NULL), ERR_OK);
	stats_free(stats);
	return learnt;
}

/* Cells wider than a vector, narrower than one, and one for each weight. */
static struct learnt learn_picture(const struct source *source, const struct setting *setting, int picture)
{
	static const struct { int64_t height, width; enum pooling pooling; } kind[PICTURES] = {
		{ 23, 17, POOLING_MEAN }, { 300, 233, POOLING_MAX }, { N, N, POOLING_SUM },
	};
	struct learnt learnt = { 0 };
	struct pooled_map_request request = { .row_count = N, .key_end = N, .height = kind[picture].height, .width = kind[picture].width,
					      .pooling = kind[picture].pooling, .emit = take_picture, .emit_data = &learnt };
	struct driver_options options = { .threads = setting->threads, .row_tile = setting->row_tile, .key_tile = setting->key_tile,
					  .prepared_limit = setting->prepared_limit };
	struct sink *sink = NULL;

	ck_assert_int_eq(pooled_map_new(&request, &sink, NULL), ERR_OK);
	ck_assert_int_eq(driver_run(source, &sink, 1, &options, NULL), ERR_OK);
	pooled_map_free(sink);
	return learnt;
}

static void release(struct learnt *learnt)
{
	free(learnt->number);
	free(learnt->cell);
}

struct operands {
	float *query, *key;
	struct dot_source dot;
};

static void operands_init(struct operands *o, bool causal)
{
	o->query = malloc(MAPS * N * DIM * sizeof *o->query);
	o->key = malloc(MAPS * N * DIM * sizeof *o->key);
	ck_assert(o->query && o->key);
	random_fill(o->query, MAPS * N * DIM, 1, 1);
	random_fill(o->key, MAPS * N * DIM, 2, 1);
	dot_source_init(&o->dot, o->query, o->key, MAPS, MAPS, N, N, DIM);
	o->dot.sees = causal ? dot_causal : NULL;
	dot_source_refresh(&o->dot);
}

static void operands_release(struct operands *o)
{
	free(o->query);
	free(o->key);
}

START_TEST(statistics_have_the_same_bits)
{
	struct operands o;
	operands_init(&o, _i);
	struct learnt first = learn_statistics(&o.dot.source, &(struct setting){ .threads = 1 });
	ck_assert_uint_gt(first.numbers, MAPS * N);
	for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
		struct learnt learnt = learn_statistics(&o.dot.source, &settings[s]);
		ck_assert_uint_eq(learnt.numbers, first.numbers);
		ck_assert_mem_eq(learnt.number, first.number, first.numbers * sizeof *first.number);
		release(&learnt);
	}
	release(&first);
	operands_release(&o);
}
END_TEST

START_TEST(pictures_have_the_same_bits)
{
	struct operands o;
	operands_init(&o, _i >= PICTURES);
	struct learnt first = learn_picture(&o.dot.source, &(struct setting){ .threads = 1 }, _i % PICTURES);
	ck_assert_uint_gt(first.cells, MAPS * 23 * 17 - 1);
	for (size_t s = 0; s < sizeof settings / sizeof *settings; s++) {
		struct learnt learnt = learn_picture(&o.dot.source, &settings[s], _i % PICTURES);
		ck_assert_uint_eq(learnt.cells, first.cells);
		ck_assert_mem_eq(learnt.cell, first.cell, first.cells * sizeof *first.cell);
		release(&learnt);
	}
	release(&first);
	operands_release(&o);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bits");
	TCase *tcase = tcase_create("threads and sweeps");

	tcase_add_loop_test(tcase, statistics_have_the_same_bits, 0, 2);
	tcase_add_loop_test(tcase, pictures_have_the_same_bits, 0, 2 * PICTURES);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
