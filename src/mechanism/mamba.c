/* SPDX-License-Identifier: MIT */
/*
 * Hidden attention of Mamba's selective scan (Gu, Dao 2023, arXiv 2312.00752; Ali, Zimerman, Wolf 2024, arXiv 2403.01590), one matrix a channel:
 *
 *   W[t,s] = sum_n C[n,t] exp(A[c,n] (dt_(s+1) + .. + dt_t)) dt_s B[n,s]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/decay.h"
#include "mechanism/lazy.h"
#include "mechanism/mamba.h"
#include "mechanism/mamba_weights.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

/* A tensor with an axis of channels or states, and one of time, in either order. */
struct series {
	struct heads view;
	const struct tensor *slot;
	const struct heads *heads;
	enum axis row, time; /* row: channels or states */
};

struct mamba {
	struct decay decay;
	struct series delta, b, c, gate, u;
	struct operand a, bias, skip; /* (channels, states), (channels), (channels) */
	bool is_log;                  /* a holds ln(-A) */
	bool is_step;                 /* delta is dt itself */
	int64_t channels, stride;     /* of the model; from one shown channel to the next */
	struct heads values_view;
	struct lazy *steps;           /* for each map, dt of every token, then their sums */
	struct mamba_made made;       /* from hidden states and weights */
	bool from_weights;
	bool is_turned;               /* given tensors of the scan over the turned tokens: z, which serves both scans, is not turned */
};

static const struct mamba *mamba_of(const struct decay *decay)
{
	return (const struct mamba *)decay;
}

static int64_t place(const struct mamba *mamba, int64_t map, int64_t *layer, int64_t *batch)
{
	int64_t head;
	source_map_id(&mamba->decay.source, map, layer, batch, &head);
	return head * mamba->stride;
}

/* Elements of a series that lie one after another along an axis. */
static enum err read_series(const struct series *series, const char *role, int64_t layer, int64_t batch, enum axis along, int64_t fixed, int64_t begin,
			    int64_t count, double *out, struct err_info *info)
{
	const int64_t *stride = series->heads->stride;
	int64_t first;
	const struct tensor *tensor = heads_locate(series->heads, layer, batch, 0, 0, &first);
	enum axis across = along == series->time ? series->row : series->time;
	tensor_decode_f64(tensor, first + fixed * stride[across] + begin * stride[along], stride[along], count, out);
	for (int64_t i = 0; i < count; i++)
		if (!isfinite(out[i]))
			return err_set(info, ERR_VALUE, "%s of mamba attention is not finite (%s %lld, %lld): export it again", role, tensor->name,
				       (long long)fixed, (long long)(begin + i));
	return ERR_OK;
}

static double softplus(double x)
{
	return x > 20 ? x : log1p(exp(x));
}

static double silu(double x)
{
	return x / (1 + exp(-x));
}

static enum err make_steps(const void *owner, int64_t map, double *out, int64_t count, struct err_info *info)
{
	const struct mamba *mamba = owner;
	int64_t layer, batch, channel = place(mamba, map, &layer, &batch), tokens = count / 2;
	double sum = 0, bias = mamba->bias.at ? operand_block(&mamba->bias, layer, 0)[channel] : 0;
	enum err err = read_series(&mamba->delta, "delta", layer, batch, mamba->delta.time, channel, 0, tokens, out, info);
	for (int64_t t = 0; !err && t < tokens; t++) {
		out[t] = mamba->is_step ? out[t] : softplus(out[t] + bias);
		if (out[t] < 0)
			err = err_set(info, ERR_VALUE, "delta of mamba attention is %g (channel %lld, token %lld): a step is not negative; is it taken before the softplus (--param delta=raw)?",
				      out[t], (long long)channel, (long long)t);
		out[tokens + t] = sum += out[t];
	}
	return err;
}

static enum err steps_of(const struct mamba *mamba, int64_t map, const double **steps, const double **sums, struct err_info *info)
{
	enum err err = lazy_get(mamba->steps, mamba, map, steps, info);
	*sums = err ? NULL : *steps + mamba->decay.source.keys;
	return err;
}

static enum err gate_of(const struct mamba *mamba, int64_t layer, int64_t batch, int64_t channel, int64_t token, double *gate, struct err_info *info)
{
	double z = 0;
	*gate = 1;
	if (!mamba->gate.heads)
		return ERR_OK;
	int64_t at = mamba->is_turned ? mamba->decay.source.keys - 1 - token : token;
	enum err err = read_series(&mamba->gate, "z", layer, batch, mamba->gate.time, channel, at, 1, &z, info);
	*gate = silu(z);
	return err;
}

static enum err mamba_query(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct mamba *mamba = mamba_of(decay);
	int64_t layer, batch, channel = place(mamba, map, &layer, &batch);
	double gate;
	enum err err = read_series(&mamba->c, "C", layer, batch, mamba->c.row, token, 0, decay->dim, out, info);
	if (!err)
		err = gate_of(mamba, layer, batch, channel, token, &gate, info);
	for (int64_t n = 0; !err && n < decay->dim; n++)
		out[n] *= gate;
	return err;
}

static enum err mamba_key(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct mamba *mamba = mamba_of(decay);
	const double *steps, *sums;
	int64_t layer, batch;
	place(mamba, map, &layer, &batch);
	enum err err = steps_of(mamba, map, &steps, &sums, info);
	if (!err)
		err = read_series(&mamba->b, "B", layer, batch, mamba->b.row, token, 0, decay->dim, out, info);
	for (int64_t n = 0; !err && n < decay->dim; n++)
		out[n] *= steps[token];
	return err;
}

static enum err mamba_prefix(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct mamba *mamba = mamba_of(decay);
	const double *steps, *sums;
	int64_t layer, batch, channel = place(mamba, map, &layer, &batch);
	enum err err = steps_of(mamba, map, &steps, &sums, info);
	const double *a = operand_block(&mamba->a, layer, 0) + channel * decay->dim;
	for (int64_t n = 0; !err && n < decay->dim; n++)
		out[n] = (mamba->is_log ? -exp(a[n]) : a[n]) * sums[token];
	return err;
}

/* The skip connection D u: a constant on the diagonal. */
static enum err mamba_diagonal(const struct decay *decay, int64_t map, int64_t token, const double *query, const double *key, double *value,
			       struct err_info *info)
{
	const struct mamba *mamba = mamba_of(decay);
	int64_t layer, batch, channel = place(mamba, map, &layer, &batch);
	double gate;
	(void)query;
	(void)key;
	if (!mamba->skip.at)
		return ERR_OK;
	enum err err = gate_of(mamba, layer, batch, channel, token, &gate, info);
	*value = operand_block(&mamba->skip, layer, 0)[channel] * gate;
	return err;
}

static const struct decay_vectors mamba_vectors = { mamba_query, mamba_key, mamba_prefix, mamba_diagonal };

static void mamba_free(struct source *source)
{
	struct mamba *mamba = (struct mamba *)source;
	lazy_free(mamba->steps);
	mamba_made_release(&mamba->made);
	operand_release(&mamba->a);
	operand_release(&mamba->bias);
	operand_release(&mamba->skip);
	free(mamba);
}

static const struct source_ops mamba_ops = { .name = "mamba", DECAY_OPS, .free = mamba_free };

static enum err open_series(struct series *series, const struct mechanism_args *args, const char *role, bool required, bool time_first, struct err_info *info)
{
	series->time = time_first ? AXIS_TOKEN : AXIS_DIM;
	series->row = time_first ? AXIS_DIM : AXIS_TOKEN;
	return operand_view(args, &mechanism_mamba, role, required, "nd|bnd|lbnd", &series->view, &series->slot, &series->heads, info);
}

/* -1: any number of rows. */
static enum err check_series(const struct mamba *mamba, const struct series *series, const char *role, int64_t rows, struct err_info *info)
{
	const struct heads *model = mamba->delta.heads, *view = series->heads;
	char text[160];
	if (!view)
		return ERR_OK;
	int64_t tokens = model->size[mamba->delta.time];
	bool fits = view->size[AXIS_LAYER] == model->size[AXIS_LAYER] && view->size[AXIS_BATCH] == model->size[AXIS_BATCH] && view->size[AXIS_HEAD] == 1;
	if (fits && view->size[series->time] == tokens && (rows < 0 || view->size[series->row] == rows))
		return ERR_OK;
	snprintf(text, sizeof text, "%lld tokens and %lld rows (--param order and bc name the order of the axes)", (long long)tokens, (long long)rows);
	return operand_misshapen(&mechanism_mamba, role, view->tensors[0], text, info);
}

static enum err open_tensors(struct mamba *mamba, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word orders[] = { { "dl", false }, { "ld", true }, WORD_END };
	static const struct word states[] = { { "nl", false }, { "ln", true }, WORD_END };
	int time_first, time_first_of_states;
	enum err err = mechanism_parameter_choice(args, &mechanism_mamba, "order", orders, &time_first, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_mamba, "bc", states, &time_first_of_states, info);
	if (!err)
		err = open_series(&mamba->delta, args, "delta", true, time_first, info);
	if (!err)
		err = open_series(&mamba->b, args, "B", true, time_first_of_states, info);
	if (!err)
		err = open_series(&mamba->c, args, "C", true, time_first_of_states, info);
	if (!err)
		err = open_series(&mamba->gate, args, "z", false, time_first, info);
	return err ? err : open_series(&mamba->u, args, "u", false, time_first, info);
}

static struct series series_of(const struct made *made)
{
	return (struct series){ .heads = &made->heads, .row = AXIS_DIM, .time = AXIS_TOKEN };
}

static enum err project_tensors(struct mamba *mamba, const struct mechanism_args *args, bool reversed, struct err_info *info)
{
	enum err err = mamba_project(args, reversed, &mamba->made, info);
	mamba->delta = series_of(&mamba->made.delta);
	mamba->b = series_of(&mamba->made.b);
	mamba->c = series_of(&mamba->made.c);
	mamba->gate = series_of(&mamba->made.gate);
	mamba->u = series_of(&mamba->made.u);
	return err;
}

/* Skip connection and gate are parts of the map where their tensors were handed over, and of a checkpoint's layer, which always has both, only when asked for. */
static enum err wants(const struct mamba *mamba, const struct mechanism_args *args, const char *part, bool *wanted, bool *required, struct err_info *info)
{
	enum { AUTO, YES, NO };
	static const struct word words[] = { { "auto", AUTO }, { "yes", YES }, { "no", NO }, WORD_END };
	int word = AUTO;
	enum err err = mechanism_parameter_choice(args, &mechanism_mamba, part, words, &word, info);
	*required = word == YES;
	*wanted = word == YES || (word == AUTO && !mamba->from_weights);
	return err;
}

static enum err settle_gate(struct mamba *mamba, const struct mechanism_args *args, struct err_info *info)
{
	bool wanted, required;
	enum err err = wants(mamba, args, "gate", &wanted, &required, info);
	if (!err && required && !mamba->gate.heads)
		return err_set(info, ERR_USAGE, "--param gate=yes needs z: name it with --input z=FILE[:NAME]");
	if (!wanted)
		mamba->gate.heads = NULL;
	return err;
}

static enum err check_tensors(struct mamba *mamba, struct err_info *info)
{
	mamba->channels = mamba->delta.heads->size[mamba->delta.row];
	mamba->decay.dim = mamba->b.heads->size[mamba->b.row];
	enum err err = check_series(mamba, &mamba->b, "B", -1, info);
	if (!err)
		err = check_series(mamba, &mamba->c, "C", mamba->decay.dim, info);
	if (!err)
		err = check_series(mamba, &mamba->gate, "z", mamba->channels, info);
	return err ? err : check_series(mamba, &mamba->u, "u", mamba->channels, info);
}

static enum err open_weights(struct mamba *mamba, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word forms[] = { { "raw", false }, { "step", true }, WORD_END };
	int64_t layers = mamba->delta.heads->size[AXIS_LAYER];
	struct operand_shape matrix = { .rank = 2, .size = { mamba->channels, mamba->decay.dim }, .layers = layers };
	struct operand_shape vector = { .rank = 1, .size = { mamba->channels }, .layers = layers };
	int is_step;
	bool skip, required;
	mamba->is_log = !mechanism_input_find(args, "A");
	enum err err = mechanism_parameter_choice(args, &mechanism_mamba, "delta", forms, &is_step, info);
	mamba->is_step = is_step;
	if (!err)
		err = wants(mamba, args, "skip", &skip, &required, info);
	if (!err)
		err = operand_read(&mamba->a, args, &mechanism_mamba, mamba->is_log ? "A_log" : "A", true, &matrix, info);
	if (!err)
		err = operand_read(&mamba->bias, args, &mechanism_mamba, "delta_bias", false, &vector, info);
	if (!err && skip)
		err = operand_read(&mamba->skip, args, &mechanism_mamba, "D", required, &vector, info);
	for (int64_t i = 0; !err && !mamba->is_log && i < mamba->a.layers * mamba->a.count; i++)
		if (mamba->a.at[i] > 0)
			err = err_set(info, ERR_VALUE, "A holds %g, which grows without bound: A is -exp(A_log), never positive; give --input A_log=FILE[:NAME]",
				      mamba->a.at[i]);
	return err;
}

/* Every stride-th channel is shown: at most as many as were asked for, from the first to the last. */
static enum err choose_channels(struct mamba *mamba, const struct mechanism_args *args, int64_t *shown, struct err_info *info)
{
	*shown = mamba->channels;
	mamba->stride = 1;
	if (strcmp(mechanism_parameter_text(args, &mechanism_mamba, "channels"), "all") == 0)
		return ERR_OK;
	enum err err = mechanism_parameter_int(args, &mechanism_mamba, "channels", shown, info);
	if (err)
		return err;
	if (*shown < 1)
		return err_set(info, ERR_USAGE, "--param channels=%lld: a number of channels, or all", (long long)*shown);
	if (*shown > mamba->channels)
		*shown = mamba->channels;
	mamba->stride = (mamba->channels + *shown - 1) / *shown;
	*shown = (mamba->channels + mamba->stride - 1) / mamba->stride;
	return ERR_OK;
}

/* u (B,D,L) as values: one number a token, channels as heads. */
static void open_values(struct mamba *mamba)
{
	const struct series *u = &mamba->u;
	if (!u->heads)
		return;
	mamba->values_view = *u->heads;
	int64_t *size = mamba->values_view.size, *stride = mamba->values_view.stride;
	int64_t across = stride[u->row], along = stride[u->time];
	size[AXIS_HEAD] = mamba->decay.source.heads;
	stride[AXIS_HEAD] = across * mamba->stride;
	size[AXIS_TOKEN] = mamba->decay.source.keys;
	stride[AXIS_TOKEN] = along;
	size[AXIS_DIM] = stride[AXIS_DIM] = 1;
	mamba->decay.source.values = &mamba->values_view;
}

static enum err mamba_bind(struct mamba *mamba, const struct mechanism_args *args, bool reversed, struct err_info *info)
{
	struct source *source = &mamba->decay.source;
	int64_t shown;
	mamba->from_weights = mechanism_input_find(args, "hidden") && !mechanism_input_find(args, "delta");
	mamba->is_turned = reversed && !mamba->from_weights;
	enum err err = mamba->from_weights ? project_tensors(mamba, args, reversed, info) : open_tensors(mamba, args, info);
	if (!err)
		err = check_tensors(mamba, info);
	if (!err)
		err = settle_gate(mamba, args, info);
	if (!err)
		err = open_weights(mamba, args, info);
	if (!err)
		err = choose_channels(mamba, args, &shown, info);
	if (err)
		return err;
	const int64_t *size = mamba->delta.heads->size;
	decay_init(&mamba->decay, &mamba_vectors, size[AXIS_LAYER], size[AXIS_BATCH], shown, size[mamba->delta.time]);
	open_values(mamba);
	if (mamba->from_weights)
		mechanism_note(source->note, sizeof source->note, "projected here");
	if (mamba->stride > 1)
		mechanism_note(source->note, sizeof source->note, "%lld of %lld channels: every %lldth", (long long)shown, (long long)mamba->channels,
			       (long long)mamba->stride);
	if (mamba->gate.heads)
		mechanism_note(source->note, sizeof source->note, "gated");
	if (mamba->skip.at)
		mechanism_note(source->note, sizeof source->note, "with D on the diagonal");
	mamba->steps = lazy_new(source_maps(source), 2 * source->keys, make_steps);
	return mamba->steps ? ERR_OK : err_nomem(info, "steps of the scan");
}

static enum err bind_forward(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	return mamba_bind((struct mamba *)source, args, false, info);
}

static enum err bind_backward(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	return mamba_bind((struct mamba *)source, args, true, info);
}

enum err mamba_scan_open(const struct mechanism_args *args, bool reversed, struct source **source, struct err_info *info)
{
	return mechanism_make(&mamba_ops, sizeof(struct mamba), "Mamba", reversed ? bind_backward : bind_forward, args, source, info);
}
