/* SPDX-License-Identifier: MIT */
#include "mechanism/decay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/masked.h"

static const double LOG2_E = 1.4426950408889634074;

static const struct decay *decay_of(const struct source *source)
{
	return (const struct decay *)source;
}

void decay_init(struct decay *decay, const struct decay_vectors *vectors, int64_t layers, int64_t batches, int64_t heads, int64_t tokens)
{
	struct source *source = &decay->source;
	decay->vectors = vectors;
	source->norm = NORM_NONE;
	source->layers = layers;
	source->batches = batches;
	source->heads = heads;
	source->queries = source->keys = tokens;
	source->is_square = source->is_causal = true;
	source->is_signed = true;
}

enum coverage decay_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	(void)source;
	(void)map;
	return begin > last ? TILE_EMPTY : end - 1 <= first ? TILE_FULL : TILE_PARTIAL;
}

int64_t decay_support(const struct source *source, int64_t map, int64_t row)
{
	(void)source;
	(void)map;
	return row + 1;
}

bool decay_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	(void)source;
	(void)map;
	return key <= row;
}

int64_t decay_prepared_id(const struct source *source, int64_t map)
{
	(void)source;
	return map;
}

static enum err diagonal_of(const struct decay *decay, int64_t map, int64_t token, const double *query, const double *key, double *value,
			    struct err_info *info)
{
	*value = 0;
	return decay->vectors->diagonal ? decay->vectors->diagonal(decay, map, token, query, key, value, info) : ERR_OK;
}

enum err decay_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct decay *decay = decay_of(source);
	int64_t dim = decay->dim, seen = row - decay->lag;
	double *query = mem_array(4 * (size_t)dim, sizeof *query);
	if (!query)
		return err_nomem(info, "a row of weights");
	double *read = query + dim, *key = read + dim, *prefix = key + dim, value = 0;
	memset(score, 0, (size_t)source->keys * sizeof *score);
	enum err err = decay->vectors->query(decay, map, row, query, info);
	if (!err && seen >= 0)
		err = decay->vectors->prefix(decay, map, seen, read, info);
	for (int64_t s = 0; !err && s <= seen; s++) {
		err = decay->vectors->key(decay, map, s, key, info);
		if (!err)
			err = decay->vectors->prefix(decay, map, s, prefix, info);
		for (int64_t n = 0; !err && n < dim; n++)
			score[s] += query[n] * key[n] * exp(read[n] - prefix[n]);
	}
	if (!err)
		err = decay->vectors->key(decay, map, row, key, info);
	if (!err)
		err = diagonal_of(decay, map, row, query, key, &value, info);
	score[row] += value;
	free(query);
	return err;
}

static size_t aligned(size_t bytes)
{
	return (bytes + 63) / 64 * 64;
}

/* What is prepared of a map. */
struct keys {
	float *packed; /* k_s exp(P_e - P_s), e the last token of its block, for the kernels */
	double *plain; /* [keys][dim] k_s */
	double *step;  /* [keys][dim] exp(P_(s+1) - P_s) within a block */
	double *end;   /* [blocks][dim] P_e */
};

static size_t packed_bytes(const struct decay *decay)
{
	int64_t panels = (decay->source.keys + KEY_PANEL - 1) / KEY_PANEL;
	return aligned((size_t)(panels * KEY_PANEL * decay->dim) * sizeof(float));
}

static size_t keys_layout(const struct decay *decay, void *prepared, struct keys *keys)
{
	size_t elements = (size_t)(decay->source.keys * decay->dim), blocks = (size_t)((decay->source.keys + KEY_BLOCK - 1) / KEY_BLOCK);
	size_t plain = packed_bytes(decay), step = plain + aligned(elements * sizeof(double)), end = step + aligned(elements * sizeof(double));
	unsigned char *base = prepared;
	if (keys)
		*keys = (struct keys){ (float *)base, (double *)(base + plain), (double *)(base + step), (double *)(base + end) };
	return end + aligned(blocks * (size_t)decay->dim * sizeof(double));
}

size_t decay_prepared_size(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return keys_layout(decay_of(source), NULL, NULL);
}

/* One block of keys, from its last token back, so that each step has both of its ends at hand. */
static enum err prepare_block(const struct decay *decay, int64_t map, int64_t begin, int64_t count, const struct keys *keys, double *scratch, float *rows,
			      struct err_info *info)
{
	int64_t dim = decay->dim;
	double *key = scratch, *prefix = key + dim, *after = prefix + dim, *end = keys->end + begin / KEY_BLOCK * dim;
	enum err err = decay->vectors->prefix(decay, map, begin + count - 1, end, info);
	memcpy(after, end, (size_t)dim * sizeof *after);
	for (int64_t k = count - 1; !err && k >= 0; k--) {
		err = decay->vectors->key(decay, map, begin + k, key, info);
		if (!err)
			err = decay->vectors->prefix(decay, map, begin + k, prefix, info);
		for (int64_t n = 0; !err && n < dim; n++) {
			rows[k * dim + n] = (float)(key[n] * exp(end[n] - prefix[n]));
			keys->plain[(begin + k) * dim + n] = key[n];
			keys->step[(begin + k) * dim + n] = exp(after[n] - prefix[n]);
			after[n] = prefix[n];
		}
	}
	if (!err)
		kernels_pack_keys(rows, dim, count, dim, keys->packed + begin * dim);
	return err;
}

enum err decay_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
		       struct err_info *info)
{
	const struct decay *decay = decay_of(source);
	struct keys keys;
	double *scratch = mem_array(3 * (size_t)decay->dim, sizeof *scratch);
	float *rows = mem_array(KEY_BLOCK * (size_t)decay->dim, sizeof *rows);
	enum err err = scratch && rows ? ERR_OK : err_nomem(info, "prepared keys");
	(void)kernels;
	keys_layout(decay, prepared, &keys);
	for (int64_t key = begin; !err && key < end; key += KEY_BLOCK)
		err = prepare_block(decay, map, key, end - key < KEY_BLOCK ? end - key : KEY_BLOCK, &keys, scratch, rows, info);
	free(scratch);
	free(rows);
	return err;
}

/* What is loaded of a group of rows. */
struct loaded {
	float *packed;    /* [dim][lanes] q_t */
	double *query;    /* [lanes][dim] */
	double *read;     /* [lanes][dim] P_(t - lag) */
	double *diagonal; /* [lanes] */
};

static size_t rows_layout(const struct decay *decay, const struct kernels *kernels, void *block, struct loaded *rows)
{
	size_t elements = (size_t)(decay->dim * kernels->lanes);
	size_t query = aligned(elements * sizeof(float)), read = query + aligned(elements * sizeof(double)), diagonal = read + aligned(elements * sizeof(double));
	unsigned char *base = block;
	if (rows)
		*rows = (struct loaded){ (float *)base, (double *)(base + query), (double *)(base + read), (double *)(base + diagonal) };
	return diagonal + aligned((size_t)kernels->lanes * sizeof(double));
}

size_t decay_rows_size(const struct source *source, const struct kernels *kernels)
{
	return rows_layout(decay_of(source), kernels, NULL, NULL);
}

enum err decay_load_rows(const struct source *source, const struct kernels *kernels, const struct row_group *rows, void *block, struct err_info *info)
{
	const struct decay *decay = decay_of(source);
	int64_t dim = decay->dim, lanes = kernels->lanes;
	struct loaded to;
	double *key = mem_array((size_t)dim, sizeof *key);
	enum err err = key ? ERR_OK : err_nomem(info, "loaded rows");
	memset(block, 0, rows_layout(decay, kernels, block, &to));
	for (int lane = 0; !err && lane < rows->count; lane++) {
		int64_t t = rows->row[lane];
		double *query = to.query + lane * dim;
		err = decay->vectors->query(decay, rows->map, t, query, info);
		if (!err && t >= decay->lag)
			err = decay->vectors->prefix(decay, rows->map, t - decay->lag, to.read + lane * dim, info);
		if (!err)
			err = decay->vectors->key(decay, rows->map, t, key, info);
		if (!err)
			err = diagonal_of(decay, rows->map, t, query, key, &to.diagonal[lane], info);
		for (int64_t n = 0; !err && n < dim; n++)
			to.packed[n * lanes + lane] = (float)query[n];
	}
	free(key);
	return err;
}

/* A tile that ends before its rows begin: both factors are relative to its last token. */
static enum err fill_far(const struct decay *decay, const struct fill *fill, const struct keys *keys, const struct loaded *from, struct err_info *info)
{
	static const _Alignas(64) float none[MAX_LANES];
	const struct kernels *kernels = fill->kernels;
	const struct row_group *rows = fill->rows;
	int64_t dim = decay->dim, lanes = kernels->lanes;
	const double *end = keys->end + fill->key / KEY_BLOCK * dim;
	float *scaled = mem_aligned((size_t)(dim * lanes) * sizeof *scaled);
	if (!scaled)
		return err_nomem(info, "a tile");
	memset(scaled, 0, (size_t)(dim * lanes) * sizeof *scaled);
	for (int lane = 0; lane < rows->count; lane++)
		for (int64_t n = 0; n < dim; n++)
			scaled[n * lanes + lane] = (float)((from->read[lane * dim + n] - end[n]) * LOG2_E);
	for (int64_t n = 0; n < dim; n += KEY_BLOCK)
		kernels->exp2_block(scaled + n * lanes, dim - n < KEY_BLOCK ? dim - n : KEY_BLOCK, none);
	for (int64_t i = 0; i < dim * lanes; i++)
		scaled[i] *= from->packed[i];
	kernels->dot_tile(scaled, keys->packed + fill->key * dim, dim, fill->count, none, fill->tile, NULL);
	mem_aligned_free(scaled);
	return ERR_OK;
}

/* The last token of a key's block: what is prepared is relative to it, however few of the block's keys a tile holds. */
static int64_t block_end(const struct decay *decay, int64_t key)
{
	int64_t end = (key / KEY_BLOCK + 1) * KEY_BLOCK;
	return (end < decay->source.keys ? end : decay->source.keys) - 1;
}

/* One row's keys in the tile, from the last of the block that it sees back to the first. `faded` holds q_t exp(P_(t-lag) - P_s). */
static void fill_row(const struct decay *decay, const struct fill *fill, int lane, const struct keys *keys, const struct loaded *from, double *faded)
{
	int64_t dim = decay->dim, lanes = fill->kernels->lanes, key = fill->key, count = fill->count;
	int64_t last = fill->rows->row[lane] - decay->lag, block = block_end(decay, key);
	bool beyond = last >= block;
	const double *end = keys->end + key / KEY_BLOCK * dim, *query = from->query + lane * dim, *read = from->read + lane * dim;
	for (int64_t n = 0; n < dim; n++)
		faded[n] = query[n] * (beyond ? exp(read[n] - end[n]) : 1);
	for (int64_t s = beyond ? block : last; s >= key; s--) {
		double sum = 0;
		for (int64_t n = 0; n < dim && s < key + count; n++)
			sum += faded[n] * keys->plain[s * dim + n];
		if (s < key + count)
			fill->tile[(s - key) * lanes + lane] = (float)sum;
		for (int64_t n = 0; n < dim && s > key; n++)
			faded[n] *= keys->step[(s - 1) * dim + n];
	}
}

static enum err fill_near(const struct decay *decay, const struct fill *fill, const struct keys *keys, const struct loaded *from, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	int64_t lanes = fill->kernels->lanes, key = fill->key, count = fill->count;
	double *faded = mem_array((size_t)decay->dim, sizeof *faded);
	if (!faded)
		return err_nomem(info, "a tile");
	memset(fill->tile, 0, (size_t)(count * lanes) * sizeof *fill->tile);
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t t = rows->row[lane];
		fill_row(decay, fill, lane, keys, from, faded);
		if (t >= key && t < key + count)
			fill->tile[(t - key) * lanes + lane] += (float)from->diagonal[lane];
	}
	free(faded);
	return ERR_OK;
}

enum err decay_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct decay *decay = decay_of(source);
	struct keys keys;
	struct loaded from;
	keys_layout(decay, (void *)fill->prepared, &keys);
	rows_layout(decay, fill->kernels, (void *)fill->loaded, &from);
	bool far = block_end(decay, fill->key) < fill->rows->row[0];
	return (far ? fill_far : fill_near)(decay, fill, &keys, &from, info);
}
