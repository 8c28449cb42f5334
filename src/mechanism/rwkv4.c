/* SPDX-License-Identifier: MIT */
/*
 * RWKV 4 (Peng et al. 2023, arXiv 2305.13048), one matrix a channel, and that is a softmax:
 *
 *   e_ts = k_s + (t - 1 - s) w for s < t,  e_tt = k_t + u,  w = -exp(time_decay)
 *
 * The previous token has no decay. No query takes part: the receptance only gates the result.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/decay.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

struct rwkv4 {
	struct source source;
	const struct heads *key;     /* (layer, batch, 1, token, channel) */
	struct operand decay, first; /* (channels) */
	struct heads values_view;
	int64_t stride;              /* from one shown channel to the next */
};

static const double LOG2_E = 1.4426950408889634074;

static const struct rwkv4 *rwkv4_of(const struct source *source)
{
	return (const struct rwkv4 *)source;
}

struct place {
	int64_t layer, batch, channel;
	double w, u;
};

static struct place place_of(const struct rwkv4 *rwkv, int64_t map)
{
	struct place place;
	int64_t head;
	source_map_id(&rwkv->source, map, &place.layer, &place.batch, &head);
	place.channel = head * rwkv->stride;
	place.w = -exp(operand_block(&rwkv->decay, place.layer, 0)[place.channel]);
	place.u = operand_block(&rwkv->first, place.layer, 0)[place.channel];
	return place;
}

/* k_s of tokens [begin, begin + count) of the channel. */
static enum err read_keys(const struct rwkv4 *rwkv, const struct place *place, int64_t begin, int64_t count, double *out, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int64_t s = 0; !err && s < count; s++)
		err = heads_decode_part_f64(rwkv->key, place->layer, place->batch, 0, begin + s, place->channel, 1, false, &out[s], info);
	return err;
}

static double logit(const struct place *place, int64_t t, int64_t s, double key)
{
	return s == t ? key + place->u : key + (double)(t - 1 - s) * place->w;
}

static enum err rwkv4_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct rwkv4 *rwkv = rwkv4_of(source);
	struct place place = place_of(rwkv, map);
	enum err err = read_keys(rwkv, &place, 0, row + 1, score, info);
	for (int64_t s = 0; !err && s <= row; s++)
		score[s] = logit(&place, row, s, score[s]);
	for (int64_t s = row + 1; s < source->keys; s++)
		score[s] = -INFINITY;
	return err;
}

static size_t rwkv4_prepared_size(const struct source *source, const struct kernels *kernels)
{
	(void)kernels;
	return (size_t)source->keys * sizeof(double);
}

static enum err rwkv4_prepare(const struct source *source, const struct kernels *kernels, int64_t map, int64_t begin, int64_t end, void *prepared,
			      struct err_info *info)
{
	struct place place = place_of(rwkv4_of(source), map);
	(void)kernels;
	return read_keys(rwkv4_of(source), &place, begin, end - begin, (double *)prepared + begin, info);
}

/* In double up to the last step: far from the diagonal the logit is a large number, and the offset takes most of it away. */
static enum err rwkv4_fill(const struct source *source, const struct fill *fill, struct err_info *info)
{
	const struct row_group *rows = fill->rows;
	int64_t key = fill->key;
	int lanes = fill->kernels->lanes;
	struct place place = place_of(rwkv4_of(source), rows->map);
	const double *keys = fill->prepared;
	(void)info;
	for (int64_t k = 0; k < fill->count; k++) {
		float *to = fill->tile + k * lanes;
		for (int lane = 0; lane < lanes; lane++) {
			int64_t t = lane < rows->count ? rows->row[lane] : key + k;
			double e = logit(&place, t, key + k, keys[key + k]) * LOG2_E + (double)fill->offset[lane];
			to[lane] = key + k <= t ? (float)e : -INFINITY;
		}
	}
	return ERR_OK;
}

/* The token itself: with a strong decay it and its neighbours hold all the mass. */
static enum err rwkv4_anchor(const struct source *source, const struct row_group *rows, float *anchor, struct err_info *info)
{
	struct place place = place_of(rwkv4_of(source), rows->map);
	enum err err = ERR_OK;
	for (int lane = 0; !err && lane < rows->count; lane++) {
		double key;
		err = read_keys(rwkv4_of(source), &place, rows->row[lane], 1, &key, info);
		anchor[lane] = err ? 0 : (float)((key + place.u) * LOG2_E);
	}
	return err;
}

static void rwkv4_free(struct source *source)
{
	struct rwkv4 *rwkv = (struct rwkv4 *)source;
	operand_release(&rwkv->decay);
	operand_release(&rwkv->first);
	free(rwkv);
}

static const struct source_ops rwkv4_ops = {
	.name = "rwkv4",
	.coverage = decay_coverage,
	.support = decay_support,
	.visible = decay_visible,
	.prepared_id = decay_prepared_id,
	.prepared_size = rwkv4_prepared_size,
	.prepare = rwkv4_prepare,
	.anchor = rwkv4_anchor,
	.fill = rwkv4_fill,
	.score64 = rwkv4_score64,
	.free = rwkv4_free,
};

static enum err choose_channels(struct rwkv4 *rwkv, const struct mechanism_args *args, struct err_info *info)
{
	int64_t channels = rwkv->key->size[AXIS_DIM], shown = channels;
	rwkv->stride = 1;
	if (strcmp(mechanism_parameter_text(args, &mechanism_rwkv4, "channels"), "all") != 0) {
		enum err err = mechanism_parameter_int(args, &mechanism_rwkv4, "channels", &shown, info);
		if (err)
			return err;
		if (shown < 1)
			return err_set(info, ERR_USAGE, "--param channels=%lld: a number of channels, or all", (long long)shown);
	}
	shown = shown < channels ? shown : channels;
	rwkv->stride = channels / shown;
	rwkv->source.heads = shown;
	if (rwkv->stride > 1)
		mechanism_note(rwkv->source.note, sizeof rwkv->source.note, "%lld of %lld channels: every %lldth", (long long)shown, (long long)channels,
			       (long long)rwkv->stride);
	return ERR_OK;
}

/* v (B,L,C): one number a token, channels as heads. */
static enum err open_values(struct rwkv4 *rwkv, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism_binding *value = mechanism_input_find(args, "value");
	if (!value || !value->heads)
		return ERR_OK;
	struct heads *view = &rwkv->values_view;
	*view = *value->heads;
	if (memcmp(view->size, rwkv->key->size, sizeof view->size) != 0)
		return operand_misshapen(&mechanism_rwkv4, "value", view->tensors[0], "the shape of key", info);
	view->size[AXIS_HEAD] = rwkv->source.heads;
	view->stride[AXIS_HEAD] = view->stride[AXIS_DIM] * rwkv->stride;
	view->size[AXIS_DIM] = view->stride[AXIS_DIM] = 1;
	rwkv->source.values = view;
	return ERR_OK;
}

static enum err rwkv4_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_rwkv4;
	struct rwkv4 *rwkv = (struct rwkv4 *)source;
	rwkv->key = mechanism_heads(args, mechanism, "key", info);
	if (!rwkv->key)
		return ERR_USAGE;
	const int64_t *size = rwkv->key->size;
	if (size[AXIS_HEAD] != 1)
		return operand_misshapen(mechanism, "key", rwkv->key->tensors[0], "no axis of heads (--layout BND says that the first is the batch)", info);
	struct operand_shape shape = { .rank = 1, .size = { size[AXIS_DIM] }, .layers = size[AXIS_LAYER] };
	enum err err = operand_read(&rwkv->decay, args, mechanism, "time_decay", true, &shape, info);
	if (!err)
		err = operand_read(&rwkv->first, args, mechanism, "time_first", true, &shape, info);
	if (!err)
		err = choose_channels(rwkv, args, info);
	if (err)
		return err;
	source->layers = size[AXIS_LAYER];
	source->batches = size[AXIS_BATCH];
	source->queries = source->keys = size[AXIS_TOKEN];
	source->is_square = source->is_causal = source->is_stochastic = true;
	return open_values(rwkv, args, info);
}

static enum err rwkv4_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&rwkv4_ops, sizeof(struct rwkv4), "RWKV", rwkv4_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "key", "(B,L,C)", true, "keys k of the time mixing (--layout BND)" },
	{ "value", "(B,L,C)", false, "values v" },
	{ "time_decay", "(C)", true, "as stored: w = -exp(time_decay)" },
	{ "time_first", "(C)", true, "u, for the current token in place of a decay" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "channels", "16", "how many channels to show, evenly spaced, or all; --head chooses among them" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_rwkv4 = {
	.name = "rwkv4",
	.summary = "RWKV 4: a softmax over decayed keys, one matrix a channel",
	.equation = "e_ts = k_s + (t - 1 - s) w   for s < t,  e_tt = k_t + u,  w = -exp(time_decay)\n"
		    "A_ts = e^e_ts / sum_s' e^e_ts'",
	.properties = "weights >= 0, rows sum to 1, causal, independent of the query: the receptance gates the result",
	.reference = "Peng et al. 2023, arXiv 2305.13048; BlinkDL/RWKV-LM wkv_cuda, Hugging Face modeling_rwkv",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_NONE,
	.settings_why = "is a recurrence over all tokens so far: no mask applies",
	.open = rwkv4_open,
};
