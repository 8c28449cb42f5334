/* SPDX-License-Identifier: MIT */
#include "mechanism/mean_absolute.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/mechanism.h"

struct mean_absolute {
	struct source source;
	struct source_ops ops; /* those that the inner source has */
	struct source *inner;  /* owned */
};

static const struct source *inner_of(const struct source *source)
{
	return ((const struct mean_absolute *)source)->inner;
}

/* The first of the maps that a map is the mean of. */
static int64_t first_map(const struct source *source, int64_t map)
{
	return map * inner_of(source)->heads;
}

static enum coverage mean_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	return inner_of(source)->ops->coverage(inner_of(source), first_map(source, map), first, last, begin, end);
}

static int64_t mean_support(const struct source *source, int64_t map, int64_t row)
{
	return inner_of(source)->ops->support(inner_of(source), first_map(source, map), row);
}

static bool mean_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	return inner_of(source)->ops->visible(inner_of(source), first_map(source, map), row, key);
}

static bool mean_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	return source_span(inner_of(source), first_map(source, map), row, begin, end);
}

static int64_t mean_prepared_id(const struct source *source, int64_t map)
{
	(void)source;
	return map;
}

/* Parts of a head begin at multiples of this. */
static size_t part_size(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

static size_t prepared_part(const struct source *source, const struct kernels *kernels)
{
	return part_size(inner_of(source)->ops->prepared_size(inner_of(source), kernels));
}

static size_t rows_part(const struct source *source, const struct kernels *kernels)
{
	return part_size(inner_of(source)->ops->rows_size(inner_of(source), kernels));
}

static size_t mean_prepared_size(const struct source *source, const struct kernels *kernels)
{
	return (size_t)inner_of(source)->heads * prepared_part(source, kernels);
}

static enum err mean_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
			     struct err_info *info)
{
	const struct source *inner = inner_of(source);
	size_t part = prepared_part(source, kernels);
	enum err err = ERR_OK;
	for (int64_t head = 0; !err && head < inner->heads; head++)
		err = inner->ops->prepare(inner, kernels, first_map(source, map) + head, begin, end, (unsigned char *)prepared + (size_t)head * part, info);
	return err;
}

static size_t mean_rows_size(const struct source *source, const struct kernels *kernels)
{
	return (size_t)inner_of(source)->heads * rows_part(source, kernels);
}

static enum err mean_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	const struct source *inner = inner_of(source);
	size_t part = rows_part(source, kernels);
	struct row_group of_head = *rows;
	enum err err = ERR_OK;
	for (int64_t head = 0; !err && head < inner->heads; head++) {
		of_head.map = first_map(source, rows->map) + head;
		err = inner->ops->load_rows(inner, kernels, &of_head, (unsigned char *)loaded + (size_t)head * part, info);
	}
	return err;
}

static enum err mean_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	_Alignas(64) float one[KEY_BLOCK * MAX_LANES];
	const struct source *inner = inner_of(source);
	size_t keys = prepared_part(source, fill->kernels), queries = rows_part(source, fill->kernels);
	struct row_group rows = *fill->rows;
	struct fill of_head = *fill;
	int64_t count = fill->count * fill->kernels->lanes;
	enum err err = ERR_OK;
	of_head.rows = &rows;
	of_head.tile = one;
	memset(fill->tile, 0, (size_t)count * sizeof *fill->tile);
	for (int64_t head = 0; !err && head < inner->heads; head++) {
		rows.map = first_map(source, fill->rows->map) + head;
		of_head.prepared = (const unsigned char *)fill->prepared + (size_t)head * keys;
		of_head.loaded = (const unsigned char *)fill->loaded + (size_t)head * queries;
		err = inner->ops->fill(inner, &of_head, info);
		for (int64_t i = 0; !err && i < count; i++)
			fill->tile[i] += fabsf(one[i]) / (float)inner->heads;
	}
	return err;
}

static enum err mean_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct source *inner = inner_of(source);
	double *one = mem_array((size_t)source->keys, sizeof *one);
	enum err err = one ? ERR_OK : err_nomem(info, "a row of weights");
	memset(score, 0, (size_t)source->keys * sizeof *score);
	for (int64_t head = 0; !err && head < inner->heads; head++) {
		err = inner->ops->score64(inner, first_map(source, map) + head, row, one, info);
		for (int64_t key = 0; !err && key < source->keys; key++)
			score[key] += fabs(one[key]) / (double)inner->heads;
	}
	free(one);
	return err;
}

static void mean_free(struct source *source)
{
	source_free(((struct mean_absolute *)source)->inner);
	free(source);
}

static struct source_ops choose_ops(const struct source_ops *of)
{
	struct source_ops ops = {
		.name = of->name,
		.coverage = of->coverage ? mean_coverage : NULL,
		.support = of->support ? mean_support : NULL,
		.visible = of->visible ? mean_visible : NULL,
		.span = mean_span,
		.score64 = mean_score64,
		.free = mean_free,
	};
	if (!of->fill || !of->prepare || !of->load_rows)
		return ops;
	ops.prepared_id = mean_prepared_id;
	ops.prepared_size = mean_prepared_size;
	ops.prepare = mean_prepare;
	ops.rows_size = mean_rows_size;
	ops.load_rows = mean_load_rows;
	ops.fill = mean_fill;
	return ops;
}

enum err mean_absolute_source_new(struct source *inner, struct source **source, struct err_info *info)
{
	struct mean_absolute *mean = mem_zero_array(1, sizeof *mean);
	if (!mean)
		return err_nomem(info, "the mean of the heads");
	mean->inner = inner;
	mean->source = *inner;
	mean->ops = choose_ops(inner->ops);
	mean->source.ops = &mean->ops;
	mean->source.heads = 1;
	mean->source.key_heads = 0;
	mean->source.is_signed = false;
	mean->source.values = NULL;
	mean->source.without_values = inner->values ? "a mean over channels has no output" : inner->without_values;
	mechanism_note(mean->source.note, sizeof mean->source.note, "mean of absolute weights over %lld channels", (long long)inner->heads);
	*source = &mean->source;
	return ERR_OK;
}
