/* SPDX-License-Identifier: MIT */
/* The driver against the twin in double, and its promise that thread counts and tile sizes change no bit. */
#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/driver.h"
#include "kernel/reference.h"
#include "support/dot_source.h"
#include "support/keep.h"
#include "support/near.h"
#include "support/suite.h"

/* Random operands of a case, and values as a tensor. */
struct operands {
	float *query, *key, *value;
	struct tensor tensor;
	const struct tensor *slot;
	struct heads heads;
	struct dot_source dot;
};

static void operands_init(struct operands *o, int64_t maps, int64_t key_heads, int64_t queries, int64_t keys, int64_t dim, int64_t width, double deviation)
{
	*o = (struct operands){ .query = malloc((size_t)(maps * queries * dim) * sizeof(float)), .key = malloc((size_t)(key_heads * keys * dim) * sizeof(float)),
				.value = malloc((size_t)(key_heads * keys * width) * sizeof(float)) };
	random_fill(o->query, maps * queries * dim, 1, deviation);
	random_fill(o->key, key_heads * keys * dim, 2, 1);
	random_fill(o->value, key_heads * keys * width, 3, 1);
	o->tensor = (struct tensor){ .name = "V", .file = "V", .dtype = DTYPE_F32, .rank = 3, .shape = { key_heads, keys, width },
				     .stride = { keys * width, width, 1 }, .data = (const unsigned char *)o->value, .scale = 1 };
	o->slot = &o->tensor;
	o->heads = (struct heads){ .tensors = &o->slot, .tensor_count = 1, .size = { 1, 1, key_heads, keys, width }, .stride = { 0, 0, keys * width, width, 1 } };
	dot_source_init(&o->dot, o->query, o->key, maps, key_heads, queries, keys, dim);
	o->dot.source.values = width ? &o->heads : NULL;
}

static void operands_release(struct operands *o)
{
	free(o->query);
	free(o->key);
	free(o->value);
}

static void check_stats(const struct row_stats *fast, const struct row_stats *slow, double size)
{
	ck_assert_int_eq(fast->support, slow->support);
	if (slow->lse == -INFINITY || slow->support == 0) {
		ASSERT_SAME(fast->lse, slow->lse);
		ASSERT_SAME(fast->entropy, 0);
		ASSERT_SAME(fast->peak, 0);
		ASSERT_SAME(fast->sum, 0);
		return;
	}
	double tolerance = 1e-6 + 3e-7 * size;
	ASSERT_NEAR(fast->lse - slow->lse, tolerance * (1 + fabs(slow->lse)));
	ASSERT_NEAR(fast->max - slow->max, tolerance * (1 + fabs(slow->max)));
	ASSERT_NEAR(fast->min - slow->min, tolerance * (1 + fabs(slow->min)));
	ASSERT_NEAR(fast->entropy - slow->entropy, 3 * tolerance * (1 + slow->entropy));
	ASSERT_NEAR(fast->sum_square - slow->sum_square, 4 * tolerance);
	ASSERT_NEAR(fast->sum - slow->sum, tolerance * (1 + fabs(slow->sum)));
	ASSERT_NEAR(fast->peak - slow->peak, 2 * tolerance * fmax(1, slow->peak));
}

/* Run a source through the driver and through the twin. `size` is a bound of the logits. */
static void check_source(struct operands *o, const struct kernels *kernels, double size)
{
	const struct source *source = &o->dot.source;
	int64_t maps = source_maps(source), width = source->values ? source->values->size[AXIS_DIM] : 0;
	struct keep keep;
	keep_init(&keep, source, maps, source->queries, SINK_TILES | SINK_LOGIT_MIN | (width ? SINK_OUTPUT : 0));
	struct sink *sinks[] = { &keep.sink };
	struct driver_options options = { .threads = 2, .kernels = kernels };
	struct err_info info = { 0 };
	ck_assert_msg(driver_run(source, sinks, 1, &options, &info) == ERR_OK, "%s", info.text);
	ck_assert(keep.in_order);
	ck_assert_int_eq(keep.maps_ended, maps);
	double *weight = malloc((size_t)source->keys * sizeof(double)), *output = malloc((size_t)(width + 1) * sizeof(double));
	for (int64_t map = 0; map < maps; map++) {
		for (int64_t row = 0; row < source->queries; row++) {
			struct row_stats stats;
			ck_assert_int_eq(reference_row(source, map, row, weight, &stats, width ? output : NULL, &info), ERR_OK);
			int64_t at = map * source->queries + row;
			check_stats(&keep.stats[at], &stats, size);
			double scale = fmax(1, stats.peak);
			for (int64_t key = 0; key < source->keys; key++) {
				double p = (double)keep.weight[at * source->keys + key];
				ASSERT_NEAR(p - weight[key], (2e-6 + 3e-7 * size) * scale);
				if (!(!source->ops->visible || source->ops->visible(source, map, row, key)))
					ASSERT_SAME(p, 0);
			}
			for (int64_t c = 0; c < width; c++)
				ASSERT_NEAR((double)keep.output[at * width + c] - output[c], (1e-5 + 2e-6 * size) * scale);
		}
	}
	free(weight);
	free(output);
	keep_release(&keep);
}

static const struct kernels *tables[KERNELS_MAX];
static int table_count;

START_TEST(every_table_agrees_with_the_twin)
{
	static const struct { int64_t maps, key_heads, queries, keys, dim, width; double deviation; } cases[] = {
		{ 1, 1, 1, 1, 1, 1, 1 }, { 1, 1, 50, 129, 15, 7, 1 }, { 4, 2, 97, 300, 64, 16, 1 }, { 2, 1, 33, 257, 3, 0, 30 }, { 1, 1, 200, 130, 128, 65, 3 },
	};
	bool (*const masks[])(const struct dot_source *, int64_t, int64_t, int64_t) = { NULL, dot_causal, dot_window, dot_random };
	for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
		struct operands o;
		operands_init(&o, cases[c].maps, cases[c].key_heads, cases[c].queries, cases[c].keys, cases[c].dim, cases[c].width, cases[c].deviation);
		for (size_t m = 0; m < sizeof(masks) / sizeof(*masks); m++) {
			o.dot.sees = masks[m];
			o.dot.seed = c;
			dot_source_refresh(&o.dot);
			check_source(&o, tables[_i], 6 * cases[c].deviation);
		}
		operands_release(&o);
	}
}
END_TEST

START_TEST(soft_cap_sink_logit_and_missing_fill_agree_with_the_twin)
{
	struct operands o;
	operands_init(&o, 2, 2, 60, 190, 20, 9, 2);
	o.dot.cap = 5;
	o.dot.source.sink_logit = (double[]){ 1.5, -INFINITY };
	o.dot.sees = dot_random;
	for (int plain = 0; plain < 2; plain++) {
		o.dot.use_score64 = plain;
		dot_source_refresh(&o.dot);
		check_source(&o, tables[_i], 12);
	}
	operands_release(&o);
}
END_TEST

/* Weights that are no softmax: positive ones normalised by the row sum, and signed ones as they are. */
START_TEST(other_normalisations_agree_with_the_twin)
{
	struct operands o;
	operands_init(&o, 2, 2, 60, 190, 20, 9, 1);
	for (int signs = 0; signs < 2; signs++) {
		for (int64_t i = 0; i < 2 * 190 * 20 && !signs; i++) {
			o.key[i] = fabsf(o.key[i]);
			o.query[i % (2 * 60 * 20)] = fabsf(o.query[i % (2 * 60 * 20)]);
		}
		if (signs)
			random_fill(o.key, 2 * 190 * 20, 9, 1);
		o.dot.source.norm = signs ? NORM_NONE : NORM_ROW_SUM;
		o.dot.source.row_epsilon = signs ? 0 : 1e-6;
		o.dot.source.is_signed = signs;
		o.dot.source.is_stochastic = !signs;
		o.dot.sees = signs ? NULL : dot_random;
		dot_source_refresh(&o.dot);
		struct keep keep;
		keep_init(&keep, &o.dot.source, 2, 60, SINK_TILES | SINK_OUTPUT | SINK_LOGIT_MIN);
		struct sink *sinks[] = { &keep.sink };
		struct driver_options options = { .threads = 2, .kernels = tables[_i] };
		struct err_info info = { 0 };
		ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, &info), ERR_OK);
		double weight[190], output[9];
		for (int64_t at = 0; at < 120; at++) {
			struct row_stats slow, *fast = &keep.stats[at];
			ck_assert_int_eq(reference_row(&o.dot.source, at / 60, at % 60, weight, &slow, output, &info), ERR_OK);
			double size = 0;
			for (int64_t key = 0; key < 190; key++)
				size += fabs(weight[key]);
			ASSERT_NEAR(fast->sum - slow.sum, 3e-7 * size);
			ASSERT_NEAR(fast->sum_square - slow.sum_square, 2e-6 * slow.sum_square);
			ASSERT_NEAR(fast->peak - slow.peak, 2e-6 * slow.peak);
			ck_assert(signs ? isnan(fast->entropy) && isnan(slow.entropy) : fabs(fast->entropy - slow.entropy) < 5e-6);
			for (int64_t key = 0; key < 190; key++)
				ASSERT_NEAR((double)keep.weight[at * 190 + key] - weight[key], signs ? 3e-6 : 1e-7);
			for (int64_t c = 0; c < 9; c++)
				ASSERT_NEAR((double)keep.output[at * 9 + c] - output[c], signs ? 1e-4 : 2e-6);
		}
		keep_release(&keep);
	}
	operands_release(&o);
}
END_TEST

START_TEST(threads_and_tile_sizes_change_no_bit)
{
	struct operands o;
	operands_init(&o, 3, 3, 211, 700, 24, 12, 2);
	o.dot.sees = dot_causal;
	dot_source_refresh(&o.dot);
	static const struct { int threads; int64_t row_tile, key_tile; size_t limit; } runs[] = {
		{ 1, 0, 0, 0 }, { 2, 48, 128, 0 }, { 3, 384, 256, 1 }, { 5, 96, 384, 200000 }, { 8, 240, 1 << 20, 0 },
	};
	struct keep first = { 0 };
	for (size_t r = 0; r < sizeof(runs) / sizeof(*runs); r++) {
		struct keep keep;
		keep_init(&keep, &o.dot.source, 3, 211, SINK_TILES | SINK_OUTPUT | SINK_LOGIT_MIN);
		struct sink *sinks[] = { &keep.sink };
		struct driver_options options = { .threads = runs[r].threads, .kernels = tables[_i], .row_tile = runs[r].row_tile, .key_tile = runs[r].key_tile,
						  .prepared_limit = runs[r].limit };
		ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, NULL), ERR_OK);
		ck_assert(keep.in_order);
		if (r == 0) {
			first = keep;
			continue;
		}
		ck_assert_mem_eq(first.stats, keep.stats, 3 * 211 * sizeof(*keep.stats));
		ck_assert_mem_eq(first.weight, keep.weight, 3 * 211 * 700 * sizeof(float));
		ck_assert_mem_eq(first.output, keep.output, 3 * 211 * 12 * sizeof(float));
		keep_release(&keep);
	}
	keep_release(&first);
	operands_release(&o);
}
END_TEST

START_TEST(chosen_rows_and_maps_have_the_bits_of_the_whole)
{
	struct operands o;
	operands_init(&o, 4, 2, 150, 400, 16, 8, 2);
	o.dot.sees = dot_causal;
	dot_source_refresh(&o.dot);
	int64_t rows[40], maps[] = { 3, 0 };
	for (int i = 0; i < 40; i++)
		rows[i] = i * 3 + (i > 20);
	struct keep whole, part;
	keep_init(&whole, &o.dot.source, 4, 150, SINK_TILES | SINK_OUTPUT);
	keep_init(&part, &o.dot.source, 2, 40, SINK_TILES | SINK_OUTPUT);
	struct sink *whole_sink[] = { &whole.sink }, *part_sink[] = { &part.sink };
	struct driver_options options = { .threads = 2, .rows = rows, .row_count = 40, .maps = maps, .map_count = 2 };
	ck_assert_int_eq(driver_run(&o.dot.source, whole_sink, 1, NULL, NULL), ERR_OK);
	ck_assert_int_eq(driver_run(&o.dot.source, part_sink, 1, &options, NULL), ERR_OK);
	for (int m = 0; m < 2; m++) {
		for (int i = 0; i < 40; i++) {
			int64_t from = maps[m] * 150 + rows[i], to = m * 40 + i;
			ck_assert_mem_eq(whole.stats + from, part.stats + to, sizeof(struct row_stats));
			ck_assert_mem_eq(whole.weight + from * 400, part.weight + to * 400, 400 * sizeof(float));
			ck_assert_mem_eq(whole.output + from * 8, part.output + to * 8, 8 * sizeof(float));
		}
	}
	keep_release(&whole);
	keep_release(&part);
	operands_release(&o);
}
END_TEST

/* Vector 19 of the worked numbers: logits 1600, 1560, -1600. */
START_TEST(extreme_logits_stay_finite)
{
	float query = 1, key[] = { 1600, 1560, -1600 };
	struct dot_source dot;
	dot_source_init(&dot, &query, key, 1, 1, 1, 3, 1);
	struct keep keep;
	keep_init(&keep, &dot.source, 1, 1, SINK_TILES);
	struct sink *sinks[] = { &keep.sink };
	struct driver_options options = { .kernels = tables[_i], .threads = 1 };
	ck_assert_int_eq(driver_run(&dot.source, sinks, 1, &options, NULL), ERR_OK);
	ASSERT_NEAR(keep.stats[0].lse - 1600, 1e-4);
	ASSERT_NEAR((double)keep.weight[0] - 1, 1600 * 1.2e-7);
	ASSERT_NEAR((double)keep.weight[1] / 4.248354255291589e-18 - 1, 1e-3);
	ASSERT_SAME(keep.weight[2], 0);
	keep_release(&keep);
}
END_TEST

static enum err fail_load(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	(void)source;
	(void)kernels;
	(void)loaded;
	return rows->map > 0 ? err_set(info, ERR_VALUE, "row %d of map %d", (int)rows->row[0], (int)rows->map) : ERR_OK;
}

START_TEST(the_lowest_failure_is_reported_for_any_thread_count)
{
	struct operands o;
	operands_init(&o, 3, 3, 200, 100, 4, 0, 1);
	o.dot.ops.load_rows = fail_load;
	for (int threads = 1; threads <= 8; threads++) {
		struct keep keep;
		keep_init(&keep, &o.dot.source, 3, 200, 0);
		struct sink *sinks[] = { &keep.sink };
		struct driver_options options = { .threads = threads };
		struct err_info info = { 0 };
		ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, &info), ERR_VALUE);
		ck_assert_str_eq(info.text, "row 0 of map 1");
		keep_release(&keep);
	}
	operands_release(&o);
}
END_TEST

START_TEST(a_sink_that_refuses_a_map_ends_the_run)
{
	struct operands o;
	operands_init(&o, 3, 3, 200, 100, 4, 0, 1);
	struct keep keep;
	keep_init(&keep, &o.dot.source, 3, 200, 0);
	keep.refuse = ERR_IO;
	struct sink *sinks[] = { &keep.sink };
	struct driver_options options = { .threads = 3 };
	struct err_info info = { 0 };
	ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, &info), ERR_IO);
	ck_assert_str_eq(info.text, "refused");
	ck_assert_int_eq(keep.maps_ended, 2);
	keep_release(&keep);
	operands_release(&o);
}
END_TEST

static bool stop_at_half(void *data, double share)
{
	*(double *)data = share;
	return share < 0.5;
}

static bool go_on(void *data, double share)
{
	double *last = data;
	ck_assert_double_ge(share, *last);
	*last = share;
	return true;
}

START_TEST(progress_grows_to_one_and_can_stop_the_run)
{
	struct operands o;
	operands_init(&o, 8, 8, 500, 300, 4, 0, 1);
	struct keep keep;
	keep_init(&keep, &o.dot.source, 8, 500, 0);
	struct sink *sinks[] = { &keep.sink };
	double share = 0;
	struct driver_options options = { .threads = 1, .progress = go_on, .progress_data = &share };
	ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, NULL), ERR_OK);
	ASSERT_NEAR(share - 1, 1e-3);
	options.progress = stop_at_half;
	ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, NULL), ERR_INTERRUPTED);
	ck_assert_double_lt(share, 0.6);
	keep_release(&keep);
	operands_release(&o);
}
END_TEST

START_TEST(wrong_options_are_refused)
{
	struct operands o;
	operands_init(&o, 1, 1, 10, 10, 4, 0, 1);
	struct keep keep;
	keep_init(&keep, &o.dot.source, 1, 10, SINK_OUTPUT);
	struct sink *sinks[] = { &keep.sink };
	struct err_info info = { 0 };
	ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, NULL, &info), ERR_USAGE);
	keep.ops.needs = 0;
	struct driver_options options = { .rows = (int64_t[]){ 3, 3 }, .row_count = 2 };
	ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, NULL), ERR_USAGE);
	options = (struct driver_options){ .maps = (int64_t[]){ 1 }, .map_count = 1 };
	ck_assert_int_eq(driver_run(&o.dot.source, sinks, 1, &options, NULL), ERR_USAGE);
	keep_release(&keep);
	operands_release(&o);
}
END_TEST

int main(void)
{
	/* Memory that is given back to the system is dear to touch again. */
	mallopt(M_MMAP_THRESHOLD, 1 << 30);
	mallopt(M_TRIM_THRESHOLD, 1 << 30);
	table_count = kernels_available(tables);
	Suite *suite = suite_create("driver");
	TCase *tcase = tcase_create("driver");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, every_table_agrees_with_the_twin, 0, table_count);
	tcase_add_loop_test(tcase, soft_cap_sink_logit_and_missing_fill_agree_with_the_twin, 0, table_count);
	tcase_add_loop_test(tcase, other_normalisations_agree_with_the_twin, 0, table_count);
	tcase_add_loop_test(tcase, threads_and_tile_sizes_change_no_bit, 0, table_count);
	tcase_add_test(tcase, chosen_rows_and_maps_have_the_bits_of_the_whole);
	tcase_add_loop_test(tcase, extreme_logits_stay_finite, 0, table_count);
	tcase_add_test(tcase, the_lowest_failure_is_reported_for_any_thread_count);
	tcase_add_test(tcase, a_sink_that_refuses_a_map_ends_the_run);
	tcase_add_test(tcase, progress_grows_to_one_and_can_stop_the_run);
	tcase_add_test(tcase, wrong_options_are_refused);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
