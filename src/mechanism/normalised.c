/* SPDX-License-Identifier: MIT */
#include "mechanism/normalised.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/reference.h"
#include "mechanism/mechanism.h"

struct normalised {
	struct source source;
	struct source_ops ops; /* those that the inner source has */
	struct source *inner;  /* owned */
	double *low, *factor;  /* [maps] of abs-minmax; NULL: 0 and 1 */
};

static const struct normalised *normalised_of(const struct source *source)
{
	return (const struct normalised *)source;
}

static const struct source *inner_of(const struct source *source)
{
	return normalised_of(source)->inner;
}

static enum coverage forward_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	return inner_of(source)->ops->coverage(inner_of(source), map, first, last, begin, end);
}

static int64_t forward_support(const struct source *source, int64_t map, int64_t row)
{
	return inner_of(source)->ops->support(inner_of(source), map, row);
}

static bool forward_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	return inner_of(source)->ops->visible(inner_of(source), map, row, key);
}

static bool forward_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	return source_span(inner_of(source), map, row, begin, end);
}

static int64_t forward_prepared_id(const struct source *source, int64_t map)
{
	return inner_of(source)->ops->prepared_id(inner_of(source), map);
}

static size_t forward_prepared_size(const struct source *source, const struct kernels *kernels)
{
	return inner_of(source)->ops->prepared_size(inner_of(source), kernels);
}

static enum err forward_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
				struct err_info *info)
{
	return inner_of(source)->ops->prepare(inner_of(source), kernels, map, begin, end, prepared, info);
}

static size_t forward_rows_size(const struct source *source, const struct kernels *kernels)
{
	return inner_of(source)->ops->rows_size(inner_of(source), kernels);
}

static enum err forward_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	return inner_of(source)->ops->load_rows(inner_of(source), kernels, rows, loaded, info);
}

static double low_of(const struct normalised *normalised, int64_t map)
{
	return normalised->low ? normalised->low[map] : 0;
}

static double factor_of(const struct normalised *normalised, int64_t map)
{
	return normalised->factor ? normalised->factor[map] : 1;
}

static enum err normalised_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct normalised *normalised = normalised_of(source);
	const struct source *inner = normalised->inner;
	float low = (float)low_of(normalised, fill->rows->map), factor = (float)factor_of(normalised, fill->rows->map);
	enum err err = inner->ops->fill(inner, fill, info);
	for (int64_t i = 0; !err && i < fill->count * fill->kernels->lanes; i++)
		fill->tile[i] = (fabsf(fill->tile[i]) - low) * factor;
	return err;
}

static enum err normalised_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct normalised *normalised = normalised_of(source);
	double low = low_of(normalised, map), factor = factor_of(normalised, map);
	enum err err = reference_row(normalised->inner, map, row, score, NULL, NULL, info);
	for (int64_t key = 0; !err && key < source->keys; key++)
		score[key] = (fabs(score[key]) - low) * factor;
	return err;
}

static void normalised_free(struct source *source)
{
	struct normalised *normalised = (struct normalised *)source;
	source_free(normalised->inner);
	free(normalised->low);
	free(normalised->factor);
	free(normalised);
}

/* Where the rows of the inner source are yet to be divided by their sums, tiles do not hold weights: only abs-row, for which the sums do not matter, can use them. */
static struct source_ops choose_ops(const struct source *inner, enum normalise normalise)
{
	const struct source_ops *of = inner->ops;
	struct source_ops ops = {
		.name = of->name,
		.coverage = of->coverage ? forward_coverage : NULL,
		.support = of->support ? forward_support : NULL,
		.visible = of->visible ? forward_visible : NULL,
		.span = forward_span,
		.score64 = normalised_score64,
		.free = normalised_free,
	};
	if (!of->fill || (inner->norm != NORM_NONE && normalise != NORMALISE_ABS_ROW))
		return ops;
	ops.prepared_id = of->prepared_id ? forward_prepared_id : NULL;
	ops.prepared_size = of->prepared_size ? forward_prepared_size : NULL;
	ops.prepare = of->prepare ? forward_prepare : NULL;
	ops.rows_size = of->rows_size ? forward_rows_size : NULL;
	ops.load_rows = of->load_rows ? forward_load_rows : NULL;
	ops.fill = normalised_fill;
	return ops;
}

/* Smallest and largest |w| of a map, and rows that hold them. */
struct extent {
	float low, high;
	int64_t low_row, high_row;
	int64_t seen; /* weights */
};

struct extents {
	struct sink sink;
	double *low, *factor; /* [maps] */
	struct extent whole;
};

static void extent_join(struct extent *extent, const struct extent *other)
{
	if (other->low < extent->low) {
		extent->low = other->low;
		extent->low_row = other->low_row;
	}
	if (other->high > extent->high) {
		extent->high = other->high;
		extent->high_row = other->high_row;
	}
	extent->seen += other->seen;
}

static size_t extent_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source, (void)kernels;
	return sizeof(struct extent);
}

static void extent_start(const struct sink *sink, const struct item *item, void *data)
{
	(void)sink, (void)item;
	*(struct extent *)data = (struct extent){ .low = INFINITY, .high = -INFINITY };
}

static void extent_scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct extent *extent = data;
	(void)sink, (void)item, (void)lane0;
	for (int64_t k = 0; k < tile->count; k++)
		for (int lane = 0; lane < tile->rows->count; lane++) {
			float size = fabsf(tile->p[k * tile->lanes + lane]);
			int64_t row = tile->rows->row[lane];
			extent_join(extent, &(struct extent){ size, size, row, row, 1 });
		}
}

static void extent_merge(struct sink *sink, const struct item *item, const void *data)
{
	struct extent *whole = &((struct extents *)sink)->whole;
	if (item->number == 0)
		*whole = (struct extent){ .low = INFINITY, .high = -INFINITY };
	extent_join(whole, data);
}

/* The tiles tell the rows, the definition what they hold. */
static enum err row_extent(const struct source *source, int64_t map, int64_t row, double *low, double *high, struct err_info *info)
{
	double *weight = mem_array((size_t)source->keys, sizeof *weight);
	enum err err = weight ? reference_row(source, map, row, weight, NULL, NULL, info) : err_nomem(info, "a row of weights");
	*low = INFINITY;
	*high = 0;
	for (int64_t key = 0; !err && key < source->keys; key++) {
		*low = fmin(*low, fabs(weight[key]));
		*high = fmax(*high, fabs(weight[key]));
	}
	free(weight);
	return err;
}

/* Tiles that were left out hold zeros. */
static enum err extent_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct extents *extents = (struct extents *)sink;
	const struct extent *whole = &extents->whole;
	double low = 0, high = 0, other;
	enum err err = ERR_OK;
	(void)index;
	if (whole->seen > 0)
		err = row_extent(source, map, whole->high_row, &other, &high, info);
	if (!err && whole->seen == source->queries * source->keys)
		err = row_extent(source, map, whole->low_row, &low, &other, info);
	extents->low[map] = low;
	extents->factor[map] = high > low ? 1 / (high - low) : 1;
	return err;
}

static const struct sink_ops extents_ops = {
	.name = "extents",
	.needs = SINK_TILES,
	.partial_size = extent_size,
	.start = extent_start,
	.scan = extent_scan,
	.merge = extent_merge,
	.map_end = extent_end,
};

/* Every process of a distributed run needs all of it, so each goes over the maps by itself. */
static enum err measure(struct normalised *normalised, const struct driver_options *options, struct err_info *info)
{
	size_t maps = (size_t)source_maps(normalised->inner);
	struct driver_options alone = *options;
	alone.peers = NULL;
	normalised->low = mem_zero_array(maps, sizeof *normalised->low);
	normalised->factor = mem_zero_array(maps, sizeof *normalised->factor);
	if (!normalised->low || !normalised->factor)
		return err_nomem(info, "the extents of the maps");
	struct extents extents = { .sink.ops = &extents_ops, .low = normalised->low, .factor = normalised->factor };
	return driver_run(normalised->inner, (struct sink *[]){ &extents.sink }, 1, &alone, info);
}

static enum err refuse(const struct source *inner, struct err_info *info)
{
	if (inner->hidden_infinite)
		return err_set(info, ERR_USAGE, "logits are no weights: --normalise goes without --stage");
	if (inner->norm == NORM_SOFTMAX)
		return err_set(info, ERR_USAGE, "weights of a softmax are not negative and are normalised already: leave --normalise out");
	return ERR_OK;
}

enum err normalised_source_new(struct source *inner, enum normalise normalise, const struct driver_options *options, struct source **source,
			       struct err_info *info)
{
	static const char *const what[] = {
		[NORMALISE_SIGNED] = "as they are",
		[NORMALISE_ABS_ROW] = "absolute weights, rows divided by their sums",
		[NORMALISE_ABS_MINMAX] = "absolute weights, from the least to the largest of a map",
		[NORMALISE_ABS] = "absolute weights",
	};
	enum err err = refuse(inner, info);
	struct normalised *normalised = err ? NULL : mem_zero_array(1, sizeof *normalised);
	if (!normalised)
		return err ? err : err_nomem(info, "the normalised weights");
	normalised->inner = inner;
	if (normalise == NORMALISE_ABS_MINMAX)
		err = measure(normalised, options, info);
	if (err) {
		normalised->inner = NULL;
		normalised_free(&normalised->source);
		return err;
	}
	normalised->ops = choose_ops(inner, normalise);
	normalised->source = *inner;
	normalised->source.ops = &normalised->ops;
	normalised->source.norm = normalise == NORMALISE_ABS_ROW ? NORM_ROW_SUM : NORM_NONE;
	normalised->source.row_epsilon = 0;
	normalised->source.is_signed = false;
	normalised->source.is_stochastic = normalise == NORMALISE_ABS_ROW;
	normalised->source.values = NULL;
	normalised->source.without_values = inner->values ? "normalised weights are for looking at, and have no output" : inner->without_values;
	mechanism_note(normalised->source.note, sizeof normalised->source.note, "%s", what[normalise]);
	*source = &normalised->source;
	return ERR_OK;
}
