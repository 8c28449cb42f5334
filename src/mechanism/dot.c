/* SPDX-License-Identifier: MIT */
#include "mechanism/dot.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "tensor/tensor.h"

static const struct dot *dot_of(const struct source *source)
{
	return (const struct dot *)source;
}

static enum err plain_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	int64_t layer, batch, head;
	source_map_id(&dot->masked.source, map, &layer, &batch, &head);
	return heads_decode_f64(dot->masked.query, layer, batch, head, row, 1, false, out, dot->dim, info);
}

static enum err plain_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	int64_t layer, batch, head = masked_key_head(&dot->masked, map, &layer, &batch);
	return heads_decode_f64(dot->masked.key, layer, batch, head, begin, count, false, out, dot->dim, info);
}

const struct dot_vectors dot_plain = { plain_query, plain_key };

enum err dot_init(struct dot *dot, const struct mechanism *mechanism, const struct mechanism_args *args, const struct dot_vectors *vectors,
		  double usual_scale, struct err_info *info)
{
	const struct heads *query = mechanism_heads(args, mechanism, "query", info);
	const struct heads *key = query ? mechanism_heads(args, mechanism, "key", info) : NULL;
	if (!key)
		return ERR_USAGE;
	dot->vectors = vectors;
	dot->dim = query->size[AXIS_DIM];
	return masked_init(&dot->masked, mechanism, args, query, key, true, usual_scale, info);
}

double dot_usual_scale(const struct mechanism_args *args)
{
	const struct mechanism_binding *query = mechanism_input_find(args, "query");
	return query && query->heads ? 1 / sqrt((double)query->heads->size[AXIS_DIM]) : 1;
}

static size_t aligned(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

size_t dot_packed_size(int64_t count, int64_t dim)
{
	int64_t panels = (count + KEY_PANEL - 1) / KEY_PANEL;
	return aligned((size_t)panels * KEY_PANEL * (size_t)dim * sizeof(float));
}

size_t dot_packed_rows_size(const struct kernels *kernels, int64_t dim)
{
	return aligned((size_t)dim * (size_t)kernels->lanes * sizeof(float));
}

/* From double to what the kernels multiply. */
static enum err narrow(const double *wide, int64_t count, double factor, float *out, struct err_info *info)
{
	for (int64_t i = 0; i < count; i++)
		out[i] = (float)(wide[i] * factor);
	int64_t place = vector_find_too_large(out, count);
	return place < 0 ? ERR_OK : err_set(info, ERR_VALUE, "a query or key holds %g, which is too large for products in float32", wide[place]);
}

enum err dot_pack_keys(const struct dot *dot, const struct dot_vectors *vectors, int64_t map, int64_t begin, int64_t end, float *packed,
		       struct err_info *info)
{
	int64_t dim = dot->dim;
	double *wide = mem_array(KEY_BLOCK * (size_t)dim, sizeof *wide);
	float *rows = mem_array(KEY_BLOCK * (size_t)dim, sizeof *rows);
	enum err err = wide && rows ? ERR_OK : err_nomem(info, "packed keys");
	for (int64_t key = begin; !err && key < end; key += KEY_BLOCK) {
		int64_t count = end - key < KEY_BLOCK ? end - key : KEY_BLOCK;
		err = vectors->key(dot, map, key, count, wide, info);
		if (err)
			break;
		err = narrow(wide, count * dim, 1, rows, info);
		kernels_pack_keys(rows, dim, count, dim, packed + key * dim);
	}
	free(wide);
	free(rows);
	return err;
}

enum err dot_pack_queries(const struct dot *dot, const struct dot_vectors *vectors, const struct kernels *kernels, const struct row_group *rows, float *packed,
			  struct err_info *info)
{
	int64_t dim = dot->dim;
	double factor = masked_factor(&dot->masked);
	double *wide = mem_array((size_t)dim, sizeof *wide);
	float *narrowed = mem_array((size_t)rows->count * (size_t)dim, sizeof *narrowed);
	enum err err = wide && narrowed ? ERR_OK : err_nomem(info, "packed queries");
	for (int lane = 0; !err && lane < rows->count; lane++) {
		err = vectors->query(dot, rows->map, rows->row[lane], wide, info);
		if (!err)
			err = narrow(wide, dim, factor, narrowed + lane * dim, info);
	}
	if (!err)
		kernels_pack_queries(narrowed, dim, rows->count, dim, kernels->lanes, 1, packed);
	free(wide);
	free(narrowed);
	return err;
}

static double inner(const double *a, const double *b, int64_t count)
{
	double sum = 0;
	for (int64_t i = 0; i < count; i++)
		sum += a[i] * b[i];
	return sum;
}

enum err dot_raw64(const struct dot *dot, const struct dot_vectors *vectors, int64_t map, int64_t row, double *score, struct err_info *info)
{
	int64_t dim = dot->dim, keys = dot->masked.source.keys;
	double *query = mem_array((size_t)dim, sizeof *query);
	double *key = mem_array(KEY_BLOCK * (size_t)dim, sizeof *key);
	enum err err = query && key ? vectors->query(dot, map, row, query, info) : err_nomem(info, "a row of scores");
	for (int64_t j = 0; !err && j < keys; j += KEY_BLOCK) {
		int64_t count = keys - j < KEY_BLOCK ? keys - j : KEY_BLOCK;
		err = vectors->key(dot, map, j, count, key, info);
		for (int64_t k = 0; !err && k < count; k++)
			score[j + k] = dot->masked.scale * inner(query, key + k * dim, dim);
	}
	free(query);
	free(key);
	return err;
}

size_t dot_prepared_size(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return dot_packed_size(source->keys, dot_of(source)->dim);
}

size_t dot_key_bytes(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return (size_t)dot_of(source)->dim * sizeof(float);
}

enum err dot_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
		     struct err_info *info)
{
	(void)kernels;
	return dot_pack_keys(dot_of(source), dot_of(source)->vectors, map, begin, end, prepared, info);
}

size_t dot_rows_size(const struct source *source, const struct kernels *kernels)
{
	return dot_packed_rows_size(kernels, dot_of(source)->dim);
}

enum err dot_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *loaded, struct err_info *info)
{
	return dot_pack_queries(dot_of(source), dot_of(source)->vectors, kernels, rows, loaded, info);
}

enum err dot_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct dot *dot = dot_of(source);
	const float *keys = (const float *)fill->prepared + fill->key * dot->dim;
	fill->kernels->dot_tile(fill->loaded, keys, dot->dim, fill->count, masked_offset(&dot->masked, fill), fill->tile, fill->weave);
	fill_changed(fill);
	return masked_finish(&dot->masked, fill, info);
}

enum err dot_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct dot *dot = dot_of(source);
	enum err err = dot_raw64(dot, dot->vectors, map, row, score, info);
	return err ? err : masked_finish64(&dot->masked, map, row, score, info);
}
