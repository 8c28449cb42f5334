/* SPDX-License-Identifier: MIT */
/* Weights times the norms of the values: what a key contributes rather than what it is looked at. */
#include <math.h>
#include <stdlib.h>

#include "analysis/family.h"
#include "base/memory.h"

struct partial {
	struct row_values values;
	/* Of the row group at work: sum of p ||v|| in the first row (the kernel fills a whole panel of columns), and its first
	 * term: that of the first key that the row sees. */
	bool begun;
	_Alignas(64) double sum[KEY_PANEL * MAX_LANES];
	double first[MAX_LANES];
	int64_t first_key[MAX_LANES];
};

struct value_norms {
	struct family family;
	float *norm; /* [keys], of the map at work */
};

static const enum metric_id metrics[] = { METRIC_OUTPUT_NORM, METRIC_VALUE_NORM, METRIC_VALUE_SINK1, METRIC_COUNT };

/* The norms of a map's values; its head may share them with others (grouped queries). */
static enum err map_prepare(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	enum { PIECE = 64 };
	struct value_norms *values = (struct value_norms *)sink;
	const struct heads *heads = source->values;
	int64_t layer, batch, head, dim = heads->size[AXIS_DIM];
	float *piece = mem_array((size_t)dim, PIECE * sizeof *piece);
	enum err err = piece ? ERR_OK : err_nomem(info, "the values");
	(void)index;
	source_map_id(source, map, &layer, &batch, &head);
	head /= source->heads / heads->size[AXIS_HEAD];
	for (int64_t key = 0; key < source->keys && !err; key += PIECE) {
		int64_t count = key + PIECE < source->keys ? PIECE : source->keys - key;
		err = heads_decode_f32(heads, layer, batch, head, key, count, false, piece, dim, info);
		for (int64_t k = 0; k < count && !err; k++) {
			double square = 0;
			for (int64_t d = 0; d < dim; d++)
				square += (double)piece[k * dim + d] * (double)piece[k * dim + d];
			values->norm[key + k] = (float)sqrt(square);
		}
	}
	free(piece);
	return err;
}

static void add_first(const struct value_norms *values, const struct tile *tile, struct partial *partial)
{
	const struct row_group *rows = tile->rows;
	if (family_slot(&values->family, METRIC_VALUE_SINK1) < 0)
		return;
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t end;
		if (!partial->begun && !source_span(tile->source, rows->map, rows->row[lane], &partial->first_key[lane], &end))
			partial->first_key[lane] = -1;
		int64_t key = partial->first_key[lane];
		if (key >= tile->key && key < tile->key + tile->count)
			partial->first[lane] = (double)tile->p[(key - tile->key) * tile->lanes + lane] * (double)values->norm[key];
	}
	partial->begun = true;
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct value_norms *values = (const struct value_norms *)sink;
	struct partial *partial = data;
	_Alignas(64) float packed[KEY_BLOCK * KEY_PANEL];
	(void)item, (void)lane0;
	kernels_pack_values(values->norm + tile->key, 1, tile->count, 1, packed);
	tile->kernels->accumulate_values(tile->p, tile->count, packed, tile->count, 1, NULL, partial->sum);
	add_first(values, tile, partial);
}

static double norm_of(const float *vector, int64_t count)
{
	double square = 0;
	for (int64_t i = 0; i < count; i++)
		square += (double)vector[i] * (double)vector[i];
	return sqrt(square);
}

static double row_value(enum metric_id id, double sum, double first, const float *output, int64_t width)
{
	switch (id) {
	case METRIC_VALUE_NORM: return sum;
	case METRIC_VALUE_SINK1: return sum > 0 ? first / sum : NAN;
	default: return norm_of(output, width);
	}
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	for (int lane = 0; lane < group->count; lane++) {
		double sum = partial->sum[lane], first = partial->first[lane];
		const float *vector = output ? output + lane * output_width : NULL;
		if (!row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]))
			continue;
		for (int m = 0; m < family->count; m++)
			partial->values.value[m][lane0 + lane] = row_value(family->metric[m], sum, first, vector, output_width);
	}
	family_start(sink, item, partial);
}

#define VALUE_OPS(NEEDS, SCAN, PREPARE)                                                                               \
	{                                                                                                             \
		.name = "value norms", .needs = (NEEDS), .partial_size = family_partial_size, .map_prepare = (PREPARE), .start = family_start, .scan = (SCAN), \
		.rows = rows, .merge = family_merge,                                                                         \
	}

/* The output comes with the first pass; norms of values need the weights. */
static const struct sink_ops output_ops = VALUE_OPS(SINK_OUTPUT, NULL, NULL), norm_ops = VALUE_OPS(SINK_TILES, scan, map_prepare),
			     both_ops = VALUE_OPS(SINK_OUTPUT | SINK_TILES, scan, map_prepare);

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct value_norms *values = (struct value_norms *)family;
	bool output = family_slot(family, METRIC_OUTPUT_NORM) >= 0;
	family->sink.ops = !output ? &norm_ops : family->count == 1 ? &output_ops : &both_ops;
	values->norm = mem_zero_array((size_t)source->keys, sizeof(float));
	return values->norm ? ERR_OK : err_nomem(info, "the norms of values");
}

static void release(struct family *family)
{
	free(((struct value_norms *)family)->norm);
}

const struct family_row family_values = {
	.metrics = metrics, .size = sizeof(struct value_norms), .partial = sizeof(struct partial), .ops = &norm_ops, .init = init, .release = release,
};
