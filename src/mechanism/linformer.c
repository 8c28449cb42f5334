/* SPDX-License-Identifier: MIT */
/*
 * Linformer (Wang et al. 2020, arXiv 2006.04768): keys and values are projected along the sequence to k' slots.
 *
 * Two matrices can be shown: P, queries by slots, a softmax; and the one by which the tokens' values are summed, P F^T, queries by tokens, which is signed and whose rows do
 * not sum to 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/dot.h"
#include "mechanism/lazy.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

struct linformer {
	struct dot dot;
	int64_t width, slots, tokens; /* head size, k', keys of the file */
	double scale;                 /* of the slots' logits */
	bool transposed;              /* the projections lie as (k', n) */
	struct operand key_projection, value_projection; /* the latter may be absent: shared */
	struct lazy *slot_keys;       /* for each key head, (k', width): E^T K */
};

static const struct linformer *linformer_of(const struct dot *dot)
{
	return (const struct linformer *)dot;
}

/* Element (token, slot) of a projection. */
static double projection_at(const struct linformer *linformer, const struct operand *projection, const double *block, int64_t token, int64_t slot)
{
	return linformer->transposed ? block[slot * projection->size[1] + token] : block[token * projection->size[1] + slot];
}

static enum err make_slot_keys(const void *owner, int64_t number, double *out, int64_t count, struct err_info *info)
{
	const struct linformer *linformer = owner;
	const struct heads *key = linformer->dot.masked.key;
	int64_t heads = key->size[AXIS_HEAD], batches = linformer->dot.masked.source.batches, width = linformer->width;
	int64_t layer = number / heads / batches, batch = number / heads % batches, head = number % heads;
	const double *block = operand_block(&linformer->key_projection, layer, head);
	double *row = mem_array((size_t)width, sizeof *row);
	enum err err = row ? ERR_OK : err_nomem(info, "projected keys");
	(void)count;
	for (int64_t token = 0; !err && token < linformer->tokens; token++) {
		err = heads_decode_f64(key, layer, batch, head, token, 1, false, row, width, info);
		for (int64_t slot = 0; !err && slot < linformer->slots; slot++) {
			double weight = projection_at(linformer, &linformer->key_projection, block, token, slot);
			for (int64_t d = 0; d < width; d++)
				out[slot * width + d] += weight * row[d];
		}
	}
	free(row);
	return err;
}

static enum err slot_keys(const struct dot *dot, int64_t map, const double **keys, struct err_info *info)
{
	return lazy_get(linformer_of(dot)->slot_keys, dot, masked_prepared_id(&dot->masked.source, map), keys, info);
}

static enum err slot_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	const double *keys;
	enum err err = slot_keys(dot, map, &keys, info);
	for (int64_t i = 0; !err && i < count * dot->dim; i++)
		out[i] = keys[begin * dot->dim + i];
	return err;
}

static void softmax(double *x, int64_t count)
{
	double largest = -INFINITY, sum = 0;
	for (int64_t i = 0; i < count; i++)
		largest = fmax(largest, x[i]);
	for (int64_t i = 0; i < count; i++)
		sum += x[i] = exp(x[i] - largest);
	for (int64_t i = 0; i < count; i++)
		x[i] /= sum;
}

/* A row of P. */
static enum err effective_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	const struct linformer *linformer = linformer_of(dot);
	const double *keys;
	int64_t layer, batch, head, width = linformer->width;
	source_map_id(&dot->masked.source, map, &layer, &batch, &head);
	double *query = mem_array((size_t)width, sizeof *query);
	if (!query)
		return err_nomem(info, "a query");
	enum err err = heads_decode_f64(dot->masked.query, layer, batch, head, row, 1, false, query, width, info);
	if (!err)
		err = slot_keys(dot, map, &keys, info);
	for (int64_t slot = 0; !err && slot < linformer->slots; slot++) {
		double sum = 0;
		for (int64_t d = 0; d < width; d++)
			sum += query[d] * keys[slot * width + d];
		out[slot] = linformer->scale * sum;
	}
	if (!err)
		softmax(out, linformer->slots);
	free(query);
	return err;
}

/* Rows of F. */
static enum err effective_key(const struct dot *dot, int64_t map, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	const struct linformer *linformer = linformer_of(dot);
	const struct operand *projection = linformer->value_projection.at ? &linformer->value_projection : &linformer->key_projection;
	int64_t layer, batch, head = masked_key_head(&dot->masked, map, &layer, &batch);
	const double *block = operand_block(projection, layer, head);
	(void)info;
	for (int64_t k = 0; k < count; k++)
		for (int64_t slot = 0; slot < linformer->slots; slot++)
			out[k * dot->dim + slot] = projection_at(linformer, projection, block, begin + k, slot);
	return ERR_OK;
}

static enum err slot_query(const struct dot *dot, int64_t map, int64_t row, double *out, struct err_info *info)
{
	return dot_plain.query(dot, map, row, out, info);
}

static const struct dot_vectors slot_vectors = { slot_query, slot_key };
static const struct dot_vectors effective_vectors = { effective_query, effective_key };

static void linformer_free(struct source *source)
{
	struct linformer *linformer = (struct linformer *)source;
	lazy_free(linformer->slot_keys);
	operand_release(&linformer->key_projection);
	operand_release(&linformer->value_projection);
	masked_release(&linformer->dot.masked);
	free(linformer);
}

static const struct source_ops linformer_ops = {
	.name = "linformer",
	.prepared_id = masked_prepared_id,
	DOT_OPS,
	.pool = dot_pool,
	.free = linformer_free,
};

static enum err read_projection(struct linformer *linformer, struct operand *projection, const char *role, bool required, const struct mechanism_args *args,
				struct err_info *info)
{
	const struct source *source = &linformer->dot.masked.source;
	int token_axis = linformer->transposed ? 1 : 0;
	struct operand_shape shape = { .rank = 2, .size = { -1, -1 }, .layers = source->layers, .heads = linformer->dot.masked.key->size[AXIS_HEAD] };
	if (linformer->slots)
		shape.size[1 - token_axis] = linformer->slots;
	enum err err = operand_read(projection, args, &mechanism_linformer, role, required, &shape, info);
	if (err || !projection->at)
		return err;
	linformer->slots = projection->size[1 - token_axis];
	if (projection->size[token_axis] >= linformer->tokens)
		return ERR_OK;
	char text[160];
	snprintf(text, sizeof text, "at least %lld rows, one per key, along axis %d (--param order=%s takes the other order)", (long long)linformer->tokens,
		 token_axis, linformer->transposed ? "nk" : "kn");
	return operand_misshapen(&mechanism_linformer, role, mechanism_input_find(args, role)->tensor, text, info);
}

static void show_slots(struct linformer *linformer)
{
	struct masked *masked = &linformer->dot.masked;
	linformer->dot.vectors = &slot_vectors;
	masked->source.keys = masked->mask.keys = linformer->slots;
	masked->source.is_square = false;
	masked->source.without_values = masked->source.values ? "slots are not keys, and have no values: --param map=effective has" : NULL;
	masked->source.values = NULL;
	mechanism_note(masked->source.note, sizeof masked->source.note, "%lld slots", (long long)linformer->slots);
}

static void show_effective(struct linformer *linformer)
{
	struct masked *masked = &linformer->dot.masked;
	linformer->dot.vectors = &effective_vectors;
	linformer->dot.dim = linformer->slots;
	masked->scale = 1;
	masked->source.is_signed = true;
	mechanism_note(masked->source.note, sizeof masked->source.note, "effective weights through %lld slots", (long long)linformer->slots);
}

static enum err linformer_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct linformer *linformer = (struct linformer *)source;
	static const struct word map_words[] = { { "effective", false }, { "slots", true }, WORD_END };
	static const struct word order_words[] = { { "nk", false }, { "kn", true }, WORD_END };
	struct masked *masked = &linformer->dot.masked;
	int slots, transposed;
	enum err err = mechanism_parameter_choice(args, &mechanism_linformer, "map", map_words, &slots, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_linformer, "order", order_words, &transposed, info);
	if (err)
		return err;
	masked->source.norm = slots ? NORM_SOFTMAX : NORM_NONE;
	linformer->transposed = transposed;
	err = dot_init(&linformer->dot, &mechanism_linformer, args, &slot_vectors, dot_usual_scale(args), info);
	if (err)
		return err;
	linformer->width = linformer->dot.dim;
	linformer->tokens = masked->source.keys;
	linformer->scale = masked->scale;
	err = read_projection(linformer, &linformer->key_projection, "proj_k", true, args, info);
	if (!err)
		err = read_projection(linformer, &linformer->value_projection, "proj_v", false, args, info);
	if (err)
		return err;
	if (slots)
		show_slots(linformer);
	else
		show_effective(linformer);
	int64_t key_heads = masked->source.layers * masked->source.batches * masked->key->size[AXIS_HEAD];
	linformer->slot_keys = lazy_new(key_heads, linformer->slots * linformer->width, make_slot_keys);
	return linformer->slot_keys ? ERR_OK : err_nomem(info, "projected keys");
}

/* A slot mixes all tokens, so that a mask of tokens has nothing to hide; logits are there where the slots are shown. */
static uint32_t linformer_settings(const struct mechanism_args *args)
{
	bool slots = strcmp(mechanism_parameter_text(args, &mechanism_linformer, "map"), "slots") == 0;
	return SETTING_SCALE | (slots ? SETTING_SOFTCAP | SETTING_STAGE : 0);
}

static enum err linformer_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&linformer_ops, sizeof(struct linformer), "Linformer attention", linformer_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "query", "(L,B,H,N,D)", true, "queries" },
	{ "key", "(L,B,Hk,M,D)", true, "keys before the projection" },
	{ "value", "(L,B,Hk,M,Dv)", false, "values before the projection" },
	{ "proj_k", "(M,k')", true, "E, the projection of the keys along the sequence; rows beyond the keys are left out" },
	{ "proj_v", "(M,k')", false, "F, the same for the values; without it E (share_kv)" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "map", "effective", "effective: queries by tokens, signed; slots: queries by slots, a softmax" },
	{ "order", "nk", "axes of the projections: nk (tokens, slots), or kn as a Linear layer stores them" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_linformer = {
	.name = "linformer",
	.summary = "keys and values projected along the sequence to a few slots (Linformer)",
	.equation = "P = softmax(q (E^T K)^T / sqrt d)   queries by slots\n"
		    "A = P F^T, so that O = P (F^T V) = A V   queries by tokens",
	.properties = "P: weights >= 0, rows sum to 1; A: signed, rows do not sum to 1, rank at most k'; never causal",
	.reference = "Wang et al. 2020, arXiv 2006.04768; lucidrains/linformer",
	.input = inputs,
	.parameter = parameters,
	.settings_of = linformer_settings,
	.settings_why = "mixes all tokens before the softmax, and no mask or causal form of it exists",
	.open = linformer_open,
};
