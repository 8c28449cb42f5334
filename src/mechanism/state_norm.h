/* SPDX-License-Identifier: MIT */
/*
 * The norm in front of the projections of a layer, as checkpoints have it beside them.
 *
 *   rms     y = x / sqrt(mean(x^2) + eps) * w          Llama, Qwen, Mistral
 *   rms1p   y = x / sqrt(mean(x^2) + eps) * (1 + w)    Gemma
 *   layer   y = (x - mean(x)) / sqrt(var(x) + eps) * w + b
 *
 * auto: layer where there is a bias or the name is one of those of LayerNorm (ln_1, layernorm_before, ...), else rms; not applied where the name says nothing of where
 * it stands (norm1 and self_attn_layer_norm follow the attention in some models).
 */
#ifndef ATTNVIZ_MECHANISM_STATE_NORM_H
#define ATTNVIZ_MECHANISM_STATE_NORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "mechanism/operand.h"

enum state_norm_kind { STATE_NORM_AUTO, STATE_NORM_RMS, STATE_NORM_RMS1P, STATE_NORM_LAYER, STATE_NORM_NONE };

struct state_norm {
	enum state_norm_kind kind;   /* settled: never AUTO */
	double eps;
	struct operand weight, bias; /* of `width` numbers; at: NULL for none */
	bool left_out;               /* there is one, and it was not applied because its place is not told */
	const char *name;            /* of the weight, NULL where there is none */
};

/* From the roles norm_weight and norm_bias and the parameters norm and norm-eps. */
enum err state_norm_open(struct state_norm *norm, const struct mechanism_args *args, const struct mechanism *mechanism, int64_t width, int64_t layers,
			 struct err_info *info);
void state_norm_release(struct state_norm *norm); /* works on a zeroed struct */

/* In place, `count` rows of `width` numbers. */
void state_norm_apply(const struct state_norm *norm, int64_t layer, double *x, int64_t count, int64_t width);

/* What was done, for people: the name of the norm, its kind, its eps and the parameters that say otherwise; "" where there is none. */
void state_norm_describe(const struct state_norm *norm, char *text, size_t size);

#endif
