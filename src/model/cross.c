/* SPDX-License-Identifier: MIT */
/*
 * What enters the cross-attention of a decoder's layer: its own attention is run here, values and output projection included, and added to the state.
 *
 *   x' = x + W_O softmax(...) v;  the norm between;  q = W_q x'
 *
 * O(tokens^2) time and O(tokens) memory: a target text is short.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/dense.h"
#include "model/project_parts.h"

struct own {
	const struct projecting *projecting;
	const struct layer_settings *layer;
	struct made part[3];
	struct relative_terms terms;
	int64_t tokens, batches;
	double *output; /* [tokens][heads * value_dim] of one batch item */
};

static enum err project_own(struct own *own, struct err_info *info)
{
	static const char *const names[] = { "the decoder's queries", "the decoder's keys", "the decoder's values" };
	const struct layer_settings *layer = own->layer;
	enum err err = ERR_OK;
	for (int part = 0; part < 3 && !err; part++) {
		const int64_t size[AXIS_COUNT] = { 1, own->batches, part ? layer->key_heads : layer->heads, own->tokens, part == MODEL_VALUE ? layer->value_dim : layer->dim };
		err = made_init(&own->part[part], names[part], size, info);
		if (!err)
			err = project_states(own->projecting, layer, (enum project_part)part, own->projecting->hidden, layer->number, own->projecting->query_places, &own->part[part],
					     info);
	}
	return err ? err : project_terms_of(own->projecting, layer, own->tokens, own->tokens, &own->terms, info);
}

/* The weights of a row, over the keys up to it. */
static enum err weigh_row(const struct own *own, int64_t batch, int64_t head, int64_t row, double *weight, double *vectors, struct err_info *info)
{
	int64_t dim = own->layer->dim, key_head = head / (own->layer->heads / own->layer->key_heads);
	double largest = -INFINITY, sum = 0;
	enum err err = heads_decode_f64(&own->part[0].heads, 0, batch, head, row, 1, false, vectors, dim, info);
	for (int64_t key = 0; key <= row && !err; key++) {
		double score = 0;
		err = heads_decode_f64(&own->part[1].heads, 0, batch, key_head, key, 1, false, vectors + dim, dim, info);
		for (int64_t d = 0; d < dim; d++)
			score += vectors[d] * vectors[dim + d];
		weight[key] = score * own->layer->scale;
	}
	if (!err && !relative_terms_are_empty(&own->terms))
		err = relative_terms_add64(&own->terms, &own->part[0].heads, &own->part[1].heads, batch, head, key_head, row, row + 1, weight, info);
	for (int64_t key = 0; key <= row; key++)
		largest = fmax(largest, weight[key]);
	for (int64_t key = 0; key <= row; key++)
		sum += weight[key] = exp(weight[key] - largest);
	for (int64_t key = 0; key <= row; key++)
		weight[key] /= sum;
	return err;
}

static enum err attend(struct own *own, int64_t batch, struct err_info *info)
{
	const struct layer_settings *layer = own->layer;
	int64_t dv = layer->value_dim, wide = layer->heads * dv;
	double *weight = mem_array((size_t)own->tokens + (size_t)(2 * layer->dim) + (size_t)dv, sizeof *weight);
	enum err err = weight ? ERR_OK : err_nomem(info, "the decoder's own attention");
	memset(own->output, 0, (size_t)(own->tokens * wide) * sizeof *own->output);
	for (int64_t i = 0; i < layer->heads * own->tokens && !err; i++) {
		int64_t head = i / own->tokens, row = i % own->tokens, key_head = head / (layer->heads / layer->key_heads);
		double *vectors = weight + own->tokens, *value = vectors + 2 * layer->dim;
		err = weigh_row(own, batch, head, row, weight, vectors, info);
		for (int64_t key = 0; key <= row && !err; key++) {
			err = heads_decode_f64(&own->part[2].heads, 0, batch, key_head, key, 1, false, value, dv, info);
			for (int64_t d = 0; d < dv; d++)
				own->output[row * wide + head * dv + d] += weight[key] * value[d];
		}
	}
	free(weight);
	return err;
}

/* norm(x + W_O output) of one batch item, stored as a state. */
static enum err add_output(const struct own *own, const struct layer_settings *cross, const struct dense *out, int64_t batch, struct made *state, struct err_info *info)
{
	int64_t width = own->layer->width;
	struct weights norm = { 0 };
	enum model_norm kind = cross->between_is_post ? MODEL_NORM_LAYER : own->layer->norm.kind;
	double *x = mem_array((size_t)own->tokens, (size_t)(2 * width) * sizeof *x), *y = x + own->tokens * width;
	enum err err = x ? heads_decode_f64(own->projecting->hidden, own->layer->number, batch, 0, 0, own->tokens, false, x, width, info) : err_nomem(info, "the decoder's own attention");
	if (!err)
		err = dense_apply(out, own->output, own->tokens, y, info);
	if (!err)
		err = weights_open(&norm, own->projecting->model, cross, kind, cross->between, cross->norm.eps, 1, width, info);
	for (int64_t t = 0; t < own->tokens && !err; t++) {
		for (int64_t i = 0; i < width; i++)
			x[t * width + i] += y[t * width + i];
		weights_normalise(&norm, 0, x + t * width);
		made_store(state, 0, batch, 0, t, x + t * width);
	}
	weights_release(&norm);
	free(x);
	return err;
}

static enum err make_state(struct own *own, const struct layer_settings *cross, struct made *state, struct err_info *info)
{
	const struct layer_settings *layer = own->layer;
	const int64_t size[AXIS_COUNT] = { 1, own->batches, 1, own->tokens, layer->width };
	int64_t wide = layer->heads * layer->value_dim;
	const struct tensor *weight;
	struct dense out = { 0 };
	enum err err = project_own(own, info);
	if (!err && !(own->output = mem_array((size_t)own->tokens, (size_t)wide * sizeof *own->output)))
		err = err_nomem(info, "the decoder's own attention");
	if (!err)
		err = model_need(own->projecting->model, layer, layer->output, ".weight", false, &weight, info);
	if (!err)
		err = dense_open(&out, weight, false, model_tensor(own->projecting->model, layer, layer->output, ".bias", false), NULL, wide, layer->width, 0, NULL, info);
	if (!err)
		err = made_init(state, "what enters the cross-attention", size, info);
	for (int64_t batch = 0; batch < own->batches && !err; batch++) {
		err = attend(own, batch, info);
		if (!err)
			err = add_output(own, cross, &out, batch, state, info);
	}
	dense_release(&out);
	return err;
}

enum err project_cross_queries(const struct projecting *projecting, const struct layer_settings *layer, struct made *made, struct err_info *info)
{
	struct own own = {
		.projecting = projecting, .layer = layer->before, .tokens = projecting->hidden->size[AXIS_TOKEN], .batches = projecting->hidden->size[AXIS_BATCH],
	};
	struct made state = { 0 };
	if (projecting->hidden->size[AXIS_DIM] != layer->width)
		return err_set(info, ERR_SHAPE, "the hidden states are %lld wide, and the config says %lld", (long long)projecting->hidden->size[AXIS_DIM], (long long)layer->width);
	enum err err = make_state(&own, layer, &state, info);
	if (!err)
		err = project_states(projecting, layer, MODEL_QUERY, &state.heads, 0, projecting->query_places, made, info);
	for (int part = 0; part < 3; part++)
		made_release(&own.part[part]);
	relative_terms_release(&own.terms);
	made_release(&state);
	free(own.output);
	return err;
}
