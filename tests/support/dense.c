/* SPDX-License-Identifier: MIT */
#include "support/dense.h"

#include <check.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/kernels.h"
#include "kernel/reference.h"
#include "support/vectors.h"

static void allocate(const struct source *source, struct dense *dense)
{
	dense->rows = source_maps(source) * source->queries;
	dense->keys = source->keys;
	dense->width = source->values && source->norm != NORM_NONE ? source->values->size[AXIS_DIM] : 0;
	dense->weight = calloc((size_t)(dense->rows * dense->keys) + 1, sizeof *dense->weight);
	dense->output = calloc((size_t)(dense->rows * dense->width) + 1, sizeof *dense->output);
	dense->stats = calloc((size_t)dense->rows + 1, sizeof *dense->stats);
	ck_assert(dense->weight && dense->output && dense->stats);
}

void dense_free_rows(struct dense *dense)
{
	free(dense->weight);
	free(dense->output);
	free(dense->stats);
	*dense = (struct dense){ 0 };
}

enum err dense_reference(const struct source *source, struct dense *dense, struct err_info *info)
{
	enum err err = ERR_OK;
	allocate(source, dense);
	for (int64_t i = 0; i < dense->rows && !err; i++) {
		double *output = dense->width ? dense->output + i * dense->width : NULL;
		err = reference_row(source, i / source->queries, i % source->queries, dense->weight + i * dense->keys, dense->stats + i, output, info);
	}
	if (err)
		dense_free_rows(dense);
	return err;
}

/* Items have rows of their own, so their tiles are written where they belong at once. */
struct recorder {
	struct sink sink;
	struct dense *dense;
};

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source, (void)kernels;
	return 1;
}

static void start(const struct sink *sink, const struct item *item, void *partial)
{
	(void)sink, (void)item, (void)partial;
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	(void)lane0, (void)partial;
	const struct dense *dense = ((const struct recorder *)sink)->dense;
	for (int lane = 0; lane < tile->rows->count; lane++) {
		double *row = dense->weight + (item->map * item->source->queries + tile->rows->row[lane]) * dense->keys + tile->key;
		for (int64_t k = 0; k < tile->count; k++)
			row[k] = tile->p[k * tile->lanes + lane];
	}
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group, const struct row_stats *stats, const float *output,
		 int64_t width, void *partial)
{
	(void)lane0, (void)partial;
	const struct dense *dense = ((const struct recorder *)sink)->dense;
	for (int lane = 0; lane < group->count; lane++) {
		int64_t at = item->map * item->source->queries + group->row[lane];
		dense->stats[at] = stats[lane];
		for (int64_t column = 0; output && column < width; column++)
			dense->output[at * width + column] = output[lane * width + column];
	}
}

static void merge(struct sink *sink, const struct item *item, const void *partial)
{
	(void)sink, (void)item, (void)partial;
}

enum err dense_driver(const struct source *source, const struct driver_options *options, struct dense *dense, struct err_info *info)
{
	allocate(source, dense);
	struct sink_ops ops = { .name = "dense", .needs = SINK_TILES | (dense->width ? SINK_OUTPUT : 0U), .partial_size = partial_size, .start = start,
				.scan = scan, .rows = rows, .merge = merge };
	struct recorder recorder = { .sink = { .ops = &ops }, .dense = dense };
	struct sink *sinks[] = { &recorder.sink };
	enum err err = driver_run(source, sinks, 1, options, info);
	if (err)
		dense_free_rows(dense);
	return err;
}

static double stats_distance(const struct dense *dense, const double *expected, size_t offset)
{
	double largest = 0;
	for (int64_t i = 0; expected && i < dense->rows; i++) {
		double value;
		memcpy(&value, (const char *)&dense->stats[i] + offset, sizeof value);
		largest = fmax(largest, vectors_distance(&value, &expected[i], 1));
	}
	return largest;
}

static double compare(const struct dense *dense, const struct dense_expected *expected, double tolerance, double loose, const char *name, const char *path)
{
	double weight = expected->weight ? vectors_distance(dense->weight, expected->weight, dense->rows * dense->keys) : 0;
	double output = expected->output ? vectors_distance(dense->output, expected->output, dense->rows * dense->width) : 0;
	double lse = stats_distance(dense, expected->lse, offsetof(struct row_stats, lse));
	double entropy = stats_distance(dense, expected->entropy, offsetof(struct row_stats, entropy));
	ck_assert_msg(weight <= tolerance, "%s (%s): a weight is off by %g", name, path, weight);
	ck_assert_msg(output <= loose, "%s (%s): an output is off by %g", name, path, output);
	ck_assert_msg(lse <= loose, "%s (%s): a log-sum-exp is off by %g", name, path, lse);
	ck_assert_msg(entropy <= loose, "%s (%s): an entropy is off by %g", name, path, entropy);
	return weight;
}

double dense_check(const struct source *source, const struct dense_expected *expected, double exact, double fast, const char *name)
{
	struct dense dense;
	struct err_info info = { 0 };
	enum err err = dense_reference(source, &dense, &info);
	ck_assert_msg(!err, "%s: %s", name, info.text);
	compare(&dense, expected, exact, exact, name, "double");
	dense_free_rows(&dense);
	double largest = 0;
	const struct kernels *table[KERNELS_MAX];
	for (int i = 0, count = kernels_available(table); i < count; i++) {
		struct driver_options options = { .threads = 1, .kernels = table[i] };
		err = dense_driver(source, &options, &dense, &info);
		ck_assert_msg(!err, "%s (%s): %s", name, table[i]->name, info.text);
		largest = fmax(largest, compare(&dense, expected, fast, 5 * fast, name, table[i]->name));
		dense_free_rows(&dense);
	}
	return largest;
}
