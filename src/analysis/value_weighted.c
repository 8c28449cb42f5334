/* SPDX-License-Identifier: MIT */
#include "analysis/value_weighted.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* Keys decoded at once. */
enum { BLOCK = 64 };

struct value_weighted {
	struct sink sink;
	struct sink_ops ops;
	struct sink *inner;
	double *norm; /* owned */
};

static enum err head_norms(const struct heads *values, int64_t layer, int64_t batch, int64_t head, double *row, double *norm, struct err_info *info)
{
	int64_t keys = values->size[AXIS_TOKEN], dim = values->size[AXIS_DIM];
	for (int64_t key = 0; key < keys; key += BLOCK) {
		int64_t count = keys - key < BLOCK ? keys - key : BLOCK;
		enum err err = heads_decode_f64(values, layer, batch, head, key, count, false, row, dim, info);
		if (err)
			return err;
		for (int64_t i = 0; i < count; i++) {
			double square = 0;
			for (int64_t d = 0; d < dim; d++)
				square += row[i * dim + d] * row[i * dim + d];
			norm[key + i] = sqrt(square);
		}
	}
	return ERR_OK;
}

enum err value_norms(const struct source *source, double **norm, struct err_info *info)
{
	const struct heads *values = source->values;
	*norm = NULL;
	if (!values)
		return err_set(info, ERR_USAGE, "norms of values need the values: name them with -v FILE[:NAME]");
	const int64_t *size = values->size;
	int64_t sets = size[AXIS_LAYER] * size[AXIS_BATCH] * size[AXIS_HEAD];
	double *out = mem_array((size_t)sets, (size_t)size[AXIS_TOKEN] * sizeof *out), *row = mem_array(BLOCK * (size_t)size[AXIS_DIM], sizeof *row);
	enum err err = out && row ? ERR_OK : err_nomem(info, "norms of values");
	for (int64_t i = 0; i < sets && !err; i++)
		err = head_norms(values, i / size[AXIS_HEAD] / size[AXIS_BATCH], i / size[AXIS_HEAD] % size[AXIS_BATCH], i % size[AXIS_HEAD], row,
				 out + i * size[AXIS_TOKEN], info);
	free(row);
	if (err)
		free(out);
	else
		*norm = out;
	return err;
}

const double *value_norms_of(const struct source *source, const double *norm, int64_t map)
{
	const int64_t *size = source->values->size;
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	layer = size[AXIS_LAYER] == 1 ? 0 : layer;
	batch = size[AXIS_BATCH] == 1 ? 0 : batch;
	head /= source->heads / size[AXIS_HEAD];
	return norm + ((layer * size[AXIS_BATCH] + batch) * size[AXIS_HEAD] + head) * size[AXIS_TOKEN];
}

static const struct value_weighted *weighted_of(const struct sink *sink)
{
	return (const struct value_weighted *)sink;
}

/* A tile of the inner sink's own, then its partial. */
static size_t tile_bytes(void)
{
	return (size_t)KEY_BLOCK * MAX_LANES * sizeof(float);
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	const struct sink *inner = weighted_of(sink)->inner;
	return tile_bytes() + (inner->ops->partial_size ? inner->ops->partial_size(inner, source, kernels) : 0);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	const struct sink *inner = weighted_of(sink)->inner;
	return tile_bytes() + inner->ops->merged_size(inner, item);
}

static enum err map_prepare(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct sink *inner = weighted_of(sink)->inner;
	return inner->ops->map_prepare(inner, source, map, index, info);
}

static void start(const struct sink *sink, const struct item *item, void *partial)
{
	const struct sink *inner = weighted_of(sink)->inner;
	inner->ops->start(inner, item, (char *)partial + tile_bytes());
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	const struct value_weighted *weighted = weighted_of(sink);
	const double *norm = value_norms_of(tile->source, weighted->norm, item->map) + tile->key;
	struct tile scaled = *tile;
	float *p = partial;
	for (int64_t k = 0; k < tile->count; k++)
		for (int lane = 0; lane < tile->lanes; lane++)
			p[k * tile->lanes + lane] = tile->p[k * tile->lanes + lane] * (float)norm[k];
	scaled.p = p;
	weighted->inner->ops->scan(weighted->inner, item, lane0, &scaled, (char *)partial + tile_bytes());
}

static void rows_done(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t output_width, void *partial)
{
	const struct sink *inner = weighted_of(sink)->inner;
	inner->ops->rows(inner, item, lane0, rows, stats, output, output_width, (char *)partial + tile_bytes());
}

static void merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct sink *inner = weighted_of(sink)->inner;
	inner->ops->merge(inner, item, (const char *)partial + tile_bytes());
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct sink *inner = weighted_of(sink)->inner;
	return inner->ops->map_end(inner, source, map, index, info);
}

enum err value_weighted_new(const struct source *source, struct sink *inner, struct sink **sink, struct err_info *info)
{
	struct value_weighted *made = mem_zero_array(1, sizeof *made);
	*sink = NULL;
	if (!made)
		return err_nomem(info, "norms of values");
	enum err err = value_norms(source, &made->norm, info);
	if (err) {
		free(made);
		return err;
	}
	const struct sink_ops *ops = inner->ops;
	made->ops = (struct sink_ops){
		.name = ops->name, .needs = ops->needs, .partial_size = partial_size, .merged_size = ops->merged_size ? merged_size : NULL,
		.map_prepare = ops->map_prepare ? map_prepare : NULL,
		.start = ops->start ? start : NULL, .scan = ops->scan ? scan : NULL, .rows = ops->rows ? rows_done : NULL, .merge = ops->merge ? merge : NULL,
		.map_end = ops->map_end ? map_end : NULL,
	};
	made->sink.ops = &made->ops;
	made->inner = inner;
	*sink = &made->sink;
	return ERR_OK;
}

void value_weighted_free(struct sink *sink)
{
	if (sink)
		free(((struct value_weighted *)sink)->norm);
	free(sink);
}
