/* SPDX-License-Identifier: MIT */
#include "mechanism/mamba_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

struct layer_weights {
	const struct mechanism_args *args;
	struct heads view;
	const struct tensor *slot;
	const struct heads *hidden;
	struct operand in, in_bias, filter, filter_bias, step, x;
	int64_t width, channels, states, rank, taps; /* of the hidden states, D, N, R, K */
	bool reversed;
};

void mamba_made_release(struct mamba_made *made)
{
	made_release(&made->delta);
	made_release(&made->b);
	made_release(&made->c);
	made_release(&made->gate);
	made_release(&made->u);
}

static void weights_release(struct layer_weights *weights)
{
	operand_release(&weights->in);
	operand_release(&weights->in_bias);
	operand_release(&weights->filter);
	operand_release(&weights->filter_bias);
	operand_release(&weights->step);
	operand_release(&weights->x);
}

static enum err read_operand(const struct layer_weights *weights, struct operand *operand, const char *role, bool required, int rank, const int64_t *size,
			     struct err_info *info)
{
	struct operand_shape shape = { .rank = rank, .layers = weights->hidden->size[AXIS_LAYER] };
	memcpy(shape.size, size, (size_t)rank * sizeof *size);
	return operand_read(operand, weights->args, &mechanism_mamba, role, required, &shape, info);
}

static enum err misshapen(const struct layer_weights *weights, const char *role, const char *expected, struct err_info *info)
{
	return operand_misshapen(&mechanism_mamba, role, mechanism_input_find(weights->args, role)->tensor, expected, info);
}

static enum err read_hidden(struct layer_weights *weights, struct err_info *info)
{
	enum err err = operand_view(weights->args, &mechanism_mamba, "hidden", true, "nd|bnd|lbnd", &weights->view, &weights->slot, &weights->hidden, info);
	for (int axis = 0; !err && axis < AXIS_COUNT; axis++)
		if (weights->hidden->size[axis] < 1)
			err = misshapen(weights, "hidden", "no axis of length 0", info);
	weights->width = err ? 0 : weights->hidden->size[AXIS_DIM];
	return err;
}

static enum err read_projection(struct layer_weights *weights, struct err_info *info)
{
	enum err err = read_operand(weights, &weights->in, "in_proj_weight", true, 2, (int64_t[]){ -1, weights->width }, info);
	if (!err && (weights->in.size[0] < 2 || weights->in.size[0] % 2))
		err = misshapen(weights, "in_proj_weight", "two rows a channel, for x and for z", info);
	weights->channels = weights->in.size[0] / 2;
	return err ? err : read_operand(weights, &weights->in_bias, "in_proj_bias", false, 1, &weights->in.size[0], info);
}

static enum err read_filter(struct layer_weights *weights, struct err_info *info)
{
	enum err err = read_operand(weights, &weights->filter, "conv1d_weight", true, 3, (int64_t[]){ weights->channels, 1, -1 }, info);
	weights->taps = weights->filter.size[2];
	return err ? err : read_operand(weights, &weights->filter_bias, "conv1d_bias", false, 1, &weights->channels, info);
}

static enum err read_scan(struct layer_weights *weights, struct err_info *info)
{
	enum err err = read_operand(weights, &weights->step, "dt_proj_weight", true, 2, (int64_t[]){ weights->channels, -1 }, info);
	if (!err)
		err = read_operand(weights, &weights->x, "x_proj_weight", true, 2, (int64_t[]){ -1, weights->channels }, info);
	if (err)
		return err;
	weights->rank = weights->step.size[1];
	weights->states = (weights->x.size[0] - weights->rank) / 2;
	if (weights->states < 1 || weights->x.size[0] != weights->rank + 2 * weights->states)
		return misshapen(weights, "x_proj_weight", "as many rows as dt_proj has columns, and two more a state", info);
	return ERR_OK;
}

static enum err make_room(const struct layer_weights *weights, struct mamba_made *made, struct err_info *info)
{
	const struct { struct made *made; const char *name; int64_t rows; } rooms[] = {
		{ &made->delta, "the projected delta", weights->channels }, { &made->b, "the projected B", weights->states },
		{ &made->c, "the projected C", weights->states },           { &made->gate, "the projected z", weights->channels },
		{ &made->u, "the filtered x", weights->channels },
	};
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < sizeof rooms / sizeof *rooms; i++) {
		const int64_t *hidden = weights->hidden->size;
		const int64_t size[AXIS_COUNT] = { hidden[AXIS_LAYER], hidden[AXIS_BATCH], 1, hidden[AXIS_TOKEN], rooms[i].rows };
		err = made_init(rooms[i].made, rooms[i].name, size, info);
	}
	return err;
}

/* y = bias + W x */
static void apply(const struct operand *weight, const struct operand *bias, int64_t layer, const double *x, double *y)
{
	if (bias && bias->at)
		memcpy(y, operand_block(bias, layer, 0), (size_t)weight->size[0] * sizeof *y);
	else
		memset(y, 0, (size_t)weight->size[0] * sizeof *y);
	operand_multiply(operand_block(weight, layer, 0), weight->size[0], weight->size[1], x, y);
}

/* The scratch of one token. */
struct token {
	double *hidden, *both, *u, *low, *delta;
};

/* The last `taps` rows of x live in a ring, row t at t % taps. */
static void filter(const struct layer_weights *weights, int64_t layer, int64_t t, const double *ring, double *u)
{
	const double *tap = operand_block(&weights->filter, layer, 0);
	const double *bias = weights->filter_bias.at ? operand_block(&weights->filter_bias, layer, 0) : NULL;
	for (int64_t d = 0; d < weights->channels; d++) {
		double sum = bias ? bias[d] : 0;
		for (int64_t back = 0; back < weights->taps && back <= t; back++)
			sum += tap[(d + 1) * weights->taps - 1 - back] * ring[(t - back) % weights->taps * weights->channels + d];
		u[d] = sum / (1 + exp(-sum));
	}
}

static enum err project_token(const struct layer_weights *weights, int64_t layer, int64_t batch, int64_t t, const struct token *token, double *ring,
			      struct mamba_made *made, struct err_info *info)
{
	int64_t at = weights->reversed ? weights->hidden->size[AXIS_TOKEN] - 1 - t : t;
	enum err err = heads_decode_f64(weights->hidden, layer, batch, 0, at, 1, false, token->hidden, weights->width, info);
	if (err)
		return err;
	apply(&weights->in, &weights->in_bias, layer, token->hidden, token->both);
	memcpy(ring + t % weights->taps * weights->channels, token->both, (size_t)weights->channels * sizeof *ring);
	filter(weights, layer, t, ring, token->u);
	apply(&weights->x, NULL, layer, token->u, token->low);
	apply(&weights->step, NULL, layer, token->low, token->delta);
	made_store(&made->gate, layer, batch, 0, t, token->both + weights->channels);
	made_store(&made->u, layer, batch, 0, t, token->u);
	made_store(&made->delta, layer, batch, 0, t, token->delta);
	made_store(&made->b, layer, batch, 0, t, token->low + weights->rank);
	made_store(&made->c, layer, batch, 0, t, token->low + weights->rank + weights->states);
	return ERR_OK;
}

static enum err project_all(const struct layer_weights *weights, struct mamba_made *made, struct err_info *info)
{
	const int64_t *size = weights->hidden->size;
	int64_t channels = weights->channels, rows = weights->x.size[0];
	double *ring = mem_array((size_t)weights->taps, (size_t)channels * sizeof *ring);
	double *scratch = mem_array((size_t)(weights->width + 4 * channels + rows), sizeof *scratch);
	enum err err = ring && scratch ? ERR_OK : err_nomem(info, "the projection of a token");
	struct token token = { .hidden = scratch };
	if (!err) {
		token.both = token.hidden + weights->width;
		token.u = token.both + 2 * channels;
		token.delta = token.u + channels;
		token.low = token.delta + channels;
	}
	for (int64_t i = 0; i < size[AXIS_LAYER] * size[AXIS_BATCH] && !err; i++)
		for (int64_t t = 0; t < size[AXIS_TOKEN] && !err; t++)
			err = project_token(weights, i / size[AXIS_BATCH], i % size[AXIS_BATCH], t, &token, ring, made, info);
	free(ring);
	free(scratch);
	return err;
}

enum err mamba_project(const struct mechanism_args *args, bool reversed, struct mamba_made *made, struct err_info *info)
{
	struct layer_weights weights = { .args = args, .reversed = reversed };
	enum err err = read_hidden(&weights, info);
	if (!err)
		err = read_projection(&weights, info);
	if (!err)
		err = read_filter(&weights, info);
	if (!err)
		err = read_scan(&weights, info);
	if (!err)
		err = make_room(&weights, made, info);
	if (!err)
		err = project_all(&weights, made, info);
	weights_release(&weights);
	return err;
}
