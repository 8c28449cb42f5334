/* SPDX-License-Identifier: MIT */
#include "mechanism/state_norm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct word kind_words[] = {
	{ "auto", STATE_NORM_AUTO }, { "rms", STATE_NORM_RMS }, { "rms1p", STATE_NORM_RMS1P }, { "layer", STATE_NORM_LAYER }, { "none", STATE_NORM_NONE }, WORD_END,
};

/* Is `word` one of the words between dots of the name? */
static bool has_word(const char *name, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = strstr(name, word); at; at = strstr(at + 1, word))
		if ((at == name || at[-1] == '.') && (at[length] == '\0' || at[length] == '.'))
			return true;
	return false;
}

static bool has_any(const char *name, const char *const *words)
{
	for (; *words; words++)
		if (has_word(name, *words))
			return true;
	return false;
}

static enum state_norm_kind settle(const struct state_norm *norm)
{
	static const char *const unclear[] = { "norm1", "self_attn_layer_norm", NULL };
	static const char *const layer[] = { "ln_1", "ln1", "layernorm_before", "layer_norm1", "norm_1", NULL };
	if (!norm->name || has_any(norm->name, unclear))
		return STATE_NORM_NONE;
	return norm->bias.at || has_any(norm->name, layer) ? STATE_NORM_LAYER : STATE_NORM_RMS;
}

enum err state_norm_open(struct state_norm *norm, const struct mechanism_args *args, const struct mechanism *mechanism, int64_t width, int64_t layers,
			 struct err_info *info)
{
	const struct mechanism_binding *binding = mechanism_input_find(args, "norm_weight");
	const struct operand_shape row = { .rank = 1, .size = { width }, .layers = layers };
	int kind;
	*norm = (struct state_norm){ .name = binding ? binding->tensor->name : NULL };
	enum err err = mechanism_parameter_choice(args, mechanism, "norm", kind_words, &kind, info);
	if (!err)
		err = mechanism_parameter_real(args, mechanism, "norm-eps", &norm->eps, info);
	if (!err && !(norm->eps >= 0))
		err = err_set(info, ERR_USAGE, "--param norm-eps=%g: expected a number that is not negative", norm->eps);
	if (!err && kind != STATE_NORM_AUTO && kind != STATE_NORM_NONE && !norm->name)
		err = err_set(info, ERR_USAGE, "--param norm=%s: there is no norm beside the projections: give its weight with --input norm_weight=FILE[:NAME]", word_text(kind_words, kind));
	if (!err && kind != STATE_NORM_NONE)
		err = operand_read(&norm->weight, args, mechanism, "norm_weight", false, &row, info);
	if (!err && kind != STATE_NORM_NONE)
		err = operand_read(&norm->bias, args, mechanism, "norm_bias", false, &row, info);
	if (err)
		return err;
	norm->kind = kind == STATE_NORM_AUTO ? settle(norm) : (enum state_norm_kind)kind;
	norm->left_out = norm->name && kind == STATE_NORM_AUTO && norm->kind == STATE_NORM_NONE;
	return ERR_OK;
}

void state_norm_release(struct state_norm *norm)
{
	operand_release(&norm->weight);
	operand_release(&norm->bias);
}

void state_norm_apply(const struct state_norm *norm, int64_t layer, double *x, int64_t count, int64_t width)
{
	if (norm->kind == STATE_NORM_NONE)
		return;
	const double *weight = operand_block(&norm->weight, layer, 0), *bias = norm->bias.at ? operand_block(&norm->bias, layer, 0) : NULL;
	double add = norm->kind == STATE_NORM_RMS1P ? 1 : 0;
	for (int64_t row = 0; row < count; row++, x += width) {
		double mean = 0, square = 0;
		for (int64_t i = 0; i < width && norm->kind == STATE_NORM_LAYER; i++)
			mean += x[i] / (double)width;
		for (int64_t i = 0; i < width; i++)
			square += (x[i] - mean) * (x[i] - mean);
		double scale = 1 / sqrt(square / (double)width + norm->eps);
		for (int64_t i = 0; i < width; i++)
			x[i] = (x[i] - mean) * scale * (weight[i] + add) + (bias ? bias[i] : 0);
	}
}

void state_norm_describe(const struct state_norm *norm, char *text, size_t size)
{
	static const char *const names[] = { "", "RMS norm", "RMS norm of 1 + weight", "LayerNorm", "" };
	*text = '\0';
	if (norm->left_out)
		snprintf(text, size, "%s was not applied to the hidden states: its name does not tell whether it stands before the attention; "
			 "--param norm=layer or norm=rms applies it, norm=none says that it does not belong there", norm->name);
	else if (norm->kind != STATE_NORM_NONE)
		snprintf(text, size, "%s is applied to the hidden states (%s, eps %g): --param norm-eps=X and norm=rms, rms1p, layer say otherwise, norm=none "
			 "that they are normed already", norm->name, names[norm->kind], norm->eps);
}
