/* SPDX-License-Identifier: MIT */
#include "model/recurrent.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/dense.h"
#include "model/project_parts.h"

static const struct {
	const char *name, *mechanism;
} kinds[] = { { "mamba", "mamba" }, { "mamba2", "ssd" }, { "rwkv4", "rwkv4" } };

const struct mechanism *recurrent_mechanism(const struct model *model)
{
	for (int64_t layer = 0; layer < model->layers; layer++)
		if (model->layer[layer].is_softmax || strcmp(model->layer[layer].mechanism, model->layer[0].mechanism) != 0)
			return NULL;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, model->layer[0].mechanism) == 0)
			return mechanism_find(kinds[i].mechanism);
	return NULL;
}

void recurrent_release(struct recurrent *recurrent)
{
	for (size_t i = 0; i < recurrent->made_count; i++)
		made_release(&recurrent->made[i]);
	for (size_t i = 0; i < recurrent->list_count; i++)
		free(recurrent->list[i]);
	*recurrent = (struct recurrent){ 0 };
}

/* Room for an input (layers, batch, heads, tokens, dim). */
static enum err add_made(struct recurrent *recurrent, const char *role, const struct projecting *projecting, int64_t heads, int64_t dim, struct made **made, struct err_info *info)
{
	const int64_t *hidden = projecting->hidden->size, size[AXIS_COUNT] = { recurrent->layers, hidden[AXIS_BATCH], heads, hidden[AXIS_TOKEN], dim };
	*made = &recurrent->made[recurrent->made_count++];
	enum err err = made_init(*made, role, size, info);
	recurrent->binding[recurrent->count++] = (struct mechanism_binding){ .role = role, .tensor = &(*made)->tensor, .heads = &(*made)->heads };
	return err;
}

/* A weight of each layer. */
static enum err add_weights(struct recurrent *recurrent, const struct model *model, const char *role, const char *name, const char *ending, bool required, struct err_info *info)
{
	const struct tensor **list = mem_array((size_t)recurrent->layers, sizeof *list);
	enum err err = list ? ERR_OK : err_nomem(info, role);
	if (err)
		return err;
	recurrent->list[recurrent->list_count++] = list;
	for (int64_t i = 0; i < recurrent->layers && !err; i++) {
		const struct layer_settings *layer = &model->layer[recurrent->number[i]];
		list[i] = model_tensor(model, layer, name, ending, false);
		if (!list[i] && !required)
			return ERR_OK;
		if (!list[i])
			err = model_need(model, layer, name, ending, false, &list[i], info);
	}
	if (!err)
		recurrent->binding[recurrent->count++] = (struct mechanism_binding){ .role = role, .tensor = list[0], .tensors = list, .tensor_count = recurrent->layers };
	return err;
}

/* One sequence of one layer on its way. */
struct run {
	const struct projecting *projecting;
	const struct layer_settings *layer;
	int64_t place, batch, tokens, width; /* place: of the layer among those that are shown */
	double *x; /* [tokens][width], normed */
};

typedef enum err work_on(struct recurrent *recurrent, const struct run *run, struct err_info *info);

static enum err each_sequence(struct recurrent *recurrent, const struct projecting *projecting, work_on *work, struct err_info *info)
{
	const int64_t *hidden = projecting->hidden->size;
	struct run run = { .projecting = projecting, .tokens = hidden[AXIS_TOKEN], .width = hidden[AXIS_DIM] };
	run.x = mem_array((size_t)run.tokens, (size_t)run.width * sizeof *run.x);
	enum err err = run.x ? ERR_OK : err_nomem(info, "the hidden states");
	for (int64_t i = 0; i < recurrent->layers * hidden[AXIS_BATCH] && !err; i++) {
		run.place = i / hidden[AXIS_BATCH];
		run.layer = &projecting->model->layer[recurrent->number[run.place]];
		run.batch = i % hidden[AXIS_BATCH];
		err = project_input(projecting, run.layer, projecting->hidden, run.layer->number, run.batch, run.x, info);
		if (!err)
			err = work(recurrent, &run, info);
	}
	free(run.x);
	return err;
}

static enum err store_state(struct recurrent *recurrent, const struct run *run, struct err_info *info)
{
	(void)info;
	for (int64_t t = 0; t < run->tokens; t++)
		made_store(&recurrent->made[0], run->place, run->batch, 0, t, run->x + t * run->width);
	return ERR_OK;
}

static enum err open_mamba(struct recurrent *recurrent, const struct projecting *projecting, struct err_info *info)
{
	static const struct { const char *role, *name, *ending; bool required; } weights[] = {
		{ "A_log", "mixer.A_log", "", true },                  { "D", "mixer.D", "", false },
		{ "in_proj_weight", "mixer.in_proj", ".weight", true }, { "in_proj_bias", "mixer.in_proj", ".bias", false },
		{ "conv1d_weight", "mixer.conv1d", ".weight", true },   { "conv1d_bias", "mixer.conv1d", ".bias", false },
		{ "x_proj_weight", "mixer.x_proj", ".weight", true },   { "dt_proj_weight", "mixer.dt_proj", ".weight", true },
		{ "delta_bias", "mixer.dt_proj", ".bias", false },
	};
	struct made *states;
	enum err err = add_made(recurrent, "hidden", projecting, 1, projecting->hidden->size[AXIS_DIM], &states, info);
	for (size_t i = 0; i < sizeof weights / sizeof *weights && !err; i++)
		err = add_weights(recurrent, projecting->model, weights[i].role, weights[i].name, weights[i].ending, weights[i].required, info);
	return err ? err : each_sequence(recurrent, projecting, store_state, info);
}

/* ---- Mamba-2 ---- */

static double silu(double x)
{
	return x / (1 + exp(-x));
}

static double softplus(double x)
{
	return x > 20 ? x : log1p(exp(x));
}

/* silu(conv1d) over the tokens, in place: each channel has `taps` weights, the last for the token itself. */
static enum err filter(const struct model *model, const struct layer_settings *layer, const char *name, double *x, int64_t tokens, int64_t channels, struct err_info *info)
{
	const struct tensor *weight, *bias = NULL;
	double *w = NULL, *b = NULL;
	enum err err = model_need(model, layer, name, ".weight", false, &weight, info);
	int64_t taps = err || weight->rank != 3 ? 1 : weight->shape[2];
	if (!err)
		err = read_vector(weight, channels * taps, &w, info);
	if (!err && (bias = model_tensor(model, layer, name, ".bias", false)))
		err = read_vector(bias, channels, &b, info);
	for (int64_t t = tokens - 1; t >= 0 && !err; t--)
		for (int64_t c = 0; c < channels; c++) {
			double sum = b ? b[c] : 0;
			for (int64_t k = 0; k < taps && k <= t; k++)
				sum += x[(t - k) * channels + c] * w[c * taps + taps - 1 - k];
			x[t * channels + c] = silu(sum);
		}
	free(w);
	free(b);
	return err;
}

struct sizes {
	int64_t heads, dim, groups, states;
	double least, most; /* of a step */
};

static enum err read_sizes(const struct projecting *projecting, struct sizes *sizes, struct err_info *info)
{
	struct config_view view = projecting->model->view;
	const json_t *limit = config_array(&view, "time_step_limit");
	view.info = info;
	view.err = ERR_OK;
	*sizes = (struct sizes){ config_int(&view, "num_heads", 128), config_int(&view, "head_dim", 64), config_int(&view, "n_groups", 8), config_int(&view, "state_size", 128), 0, INFINITY };
	if (json_array_size(limit) == 2) {
		sizes->least = json_number_value(json_array_get(limit, 0));
		sizes->most = json_number_value(json_array_get(limit, 1));
	}
	int64_t most = INT64_C(1) << 20;
	if (!view.err && (sizes->heads < 1 || sizes->dim < 1 || sizes->groups < 1 || sizes->states < 1 || sizes->heads % sizes->groups || sizes->heads > most ||
			  sizes->dim > most || sizes->states > most))
		config_fail(&view, ERR_VALUE, "the config's heads, groups and states do not go together");
	return view.err ? err_in_file(info, projecting->model->config.file) : ERR_OK;
}

/* [z | x | B | C | dt] of each token; x, B and C are filtered. */
static enum err split_mamba2(struct recurrent *recurrent, const struct run *run, struct err_info *info)
{
	const struct model *model = run->projecting->model;
	const struct tensor *weight, *bias;
	struct sizes s;
	struct dense dense = { 0 };
	double *dt_bias = NULL, *y = NULL, *mixed = NULL;
	enum err err = read_sizes(run->projecting, &s, info);
	int64_t inner = s.heads * s.dim, both = s.groups * s.states, channels = inner + 2 * both, wide = inner + channels + s.heads;
	if (!err)
		err = model_need(model, run->layer, "mixer.in_proj", ".weight", false, &weight, info);
	if (!err)
		err = dense_open(&dense, weight, false, model_tensor(model, run->layer, "mixer.in_proj", ".bias", false), NULL, run->width, wide, run->tokens * run->width * wide,
				 run->projecting->kernels, info);
	if (!err)
		err = model_need(model, run->layer, "mixer.dt_bias", "", false, &bias, info);
	if (!err)
		err = read_vector(bias, s.heads, &dt_bias, info);
	if (!err && (!(y = mem_array((size_t)run->tokens, (size_t)wide * sizeof *y)) || !(mixed = mem_array((size_t)run->tokens, (size_t)channels * sizeof *mixed))))
		err = err_nomem(info, "the scan's inputs");
	if (!err)
		err = dense_apply(&dense, run->x, run->tokens, y, info);
	for (int64_t t = 0; t < run->tokens && !err; t++)
		memcpy(mixed + t * channels, y + t * wide + inner, (size_t)channels * sizeof *mixed);
	if (!err)
		err = filter(model, run->layer, "mixer.conv1d", mixed, run->tokens, channels, info);
	for (int64_t t = 0; t < run->tokens && !err; t++) {
		double *x = mixed + t * channels, *dt = y + t * wide + inner + channels;
		for (int64_t h = 0; h < s.heads; h++) {
			dt[h] = fmin(fmax(softplus(dt[h] + dt_bias[h]), s.least), s.most);
			made_store(&recurrent->made[3], run->place, run->batch, h, t, x + h * s.dim);
		}
		made_store(&recurrent->made[0], run->place, run->batch, 0, t, dt);
		for (int64_t g = 0; g < s.groups; g++) {
			made_store(&recurrent->made[1], run->place, run->batch, g, t, x + inner + g * s.states);
			made_store(&recurrent->made[2], run->place, run->batch, g, t, x + inner + both + g * s.states);
		}
	}
	dense_release(&dense);
	free(dt_bias);
	free(y);
	free(mixed);
	return err;
}

static enum err open_mamba2(struct recurrent *recurrent, const struct projecting *projecting, struct err_info *info)
{
	struct made *made;
	struct sizes s;
	enum err err = read_sizes(projecting, &s, info);
	if (!err)
		err = add_made(recurrent, "dt", projecting, 1, s.heads, &made, info);
	if (!err)
		err = add_made(recurrent, "B", projecting, s.groups, s.states, &made, info);
	if (!err)
		err = add_made(recurrent, "C", projecting, s.groups, s.states, &made, info);
	if (!err)
		err = add_made(recurrent, "x", projecting, s.heads, s.dim, &made, info);
	if (!err)
		err = add_weights(recurrent, projecting->model, "A_log", "mixer.A_log", "", true, info);
	recurrent->parameter = "dt=step";
	return err ? err : each_sequence(recurrent, projecting, split_mamba2, info);
}

/* ---- RWKV-4 ---- */

/* W (x mix + x_before (1 - mix)). */
static enum err shifted(struct recurrent *recurrent, size_t to, const struct run *run, const char *mix_name, const char *name, struct err_info *info)
{
	const struct model *model = run->projecting->model;
	const struct tensor *weight, *mixing;
	struct dense dense = { 0 };
	double *mix = NULL, *row = mem_array((size_t)run->width * 2, sizeof *row);
	int64_t out = recurrent->made[to].heads.size[AXIS_DIM];
	double *y = mem_array((size_t)out, sizeof *y);
	enum err err = row && y ? model_need(model, run->layer, mix_name, "", false, &mixing, info) : err_nomem(info, name);
	if (!err)
		err = read_vector(mixing, run->width, &mix, info);
	if (!err)
		err = model_need(model, run->layer, name, ".weight", false, &weight, info);
	if (!err)
		err = dense_open(&dense, weight, false, NULL, NULL, run->width, out, 0, NULL, info);
	for (int64_t t = 0; t < run->tokens && !err; t++) {
		for (int64_t i = 0; i < run->width; i++)
			row[i] = run->x[t * run->width + i] * mix[i] + (t ? run->x[(t - 1) * run->width + i] : 0) * (1 - mix[i]);
		err = dense_apply(&dense, row, 1, y, info);
		made_store(&recurrent->made[to], run->place, run->batch, 0, t, y);
	}
	dense_release(&dense);
	free(mix);
	free(row);
	free(y);
	return err;
}

static enum err mix_rwkv(struct recurrent *recurrent, const struct run *run, struct err_info *info)
{
	enum err err = shifted(recurrent, 0, run, "attention.time_mix_key", "attention.key", info);
	return err ? err : shifted(recurrent, 1, run, "attention.time_mix_value", "attention.value", info);
}

static enum err open_rwkv4(struct recurrent *recurrent, const struct projecting *projecting, struct err_info *info)
{
	const struct tensor *decay;
	struct made *made;
	enum err err = model_need(projecting->model, &projecting->model->layer[0], "attention.time_decay", "", false, &decay, info);
	int64_t channels = err ? 0 : tensor_count(decay);
	if (!err)
		err = add_made(recurrent, "key", projecting, 1, channels, &made, info);
	if (!err)
		err = add_made(recurrent, "value", projecting, 1, channels, &made, info);
	if (!err)
		err = add_weights(recurrent, projecting->model, "time_decay", "attention.time_decay", "", true, info);
	if (!err)
		err = add_weights(recurrent, projecting->model, "time_first", "attention.time_first", "", true, info);
	return err ? err : each_sequence(recurrent, projecting, mix_rwkv, info);
}

enum err recurrent_open(struct recurrent *recurrent, const struct projecting *projecting, const int64_t *number, int64_t layers, struct err_info *info)
{
	const char *kind = projecting->model->layer[0].mechanism;
	*recurrent = (struct recurrent){ .number = number, .layers = layers };
	if (projecting->hidden->size[AXIS_DIM] != projecting->model->layer[0].width)
		return err_set(info, ERR_SHAPE, "the hidden states are %" PRId64 " wide, and the config says %" PRId64, projecting->hidden->size[AXIS_DIM],
			       projecting->model->layer[0].width);
	if (strcmp(kind, "mamba") == 0)
		return open_mamba(recurrent, projecting, info);
	return strcmp(kind, "mamba2") == 0 ? open_mamba2(recurrent, projecting, info) : open_rwkv4(recurrent, projecting, info);
}
