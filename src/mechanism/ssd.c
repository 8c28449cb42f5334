/* SPDX-License-Identifier: MIT */
/*
 * State-space duality (Dao, Gu 2024, arXiv 2405.21060), one matrix a head:
 *
 *   M[t,s] = (C_t.B_s) exp(A (dt_(s+1) + .. + dt_t)) dt_s
 *
 * C plays the queries, B the keys, x the values. The decay alone is the 1-semiseparable mask that the product is multiplied with.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/decay.h"
#include "mechanism/lazy.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

enum part { PART_ALL, PART_PRODUCT, PART_DECAY };

struct view {
	struct heads view;
	const struct tensor *slot;
	const struct heads *heads;
};

struct ssd {
	struct decay decay;
	struct view dt, b, c, x;
	struct operand a, bias; /* (heads) */
	enum part part;
	bool is_log;            /* a holds ln(-A) */
	bool is_step;           /* dt is a step itself */
	bool without_step;      /* the last factor dt_s is left to the values */
	struct lazy *steps;     /* for each map, dt of every token, then their sums */
};

static const struct ssd *ssd_of(const struct decay *decay)
{
	return (const struct ssd *)decay;
}

/* Vector of a token of B or C, whose heads are groups that several heads share. */
static enum err group_vector(const struct ssd *ssd, const struct view *view, int64_t map, int64_t token, double *out, struct err_info *info)
{
	int64_t layer, batch, head, dim = ssd->decay.dim;
	source_map_id(&ssd->decay.source, map, &layer, &batch, &head);
	int64_t group = mechanism_shared_index(head, ssd->decay.source.heads, view->heads->size[AXIS_HEAD]);
	return heads_decode_f64(view->heads, layer, batch, group, token, 1, false, out, dim, info);
}

static enum err make_steps(const void *owner, int64_t map, double *out, int64_t count, struct err_info *info)
{
	const struct ssd *ssd = owner;
	int64_t layer, batch, head, tokens = count / 2;
	double sum = 0;
	enum err err = ERR_OK;
	source_map_id(&ssd->decay.source, map, &layer, &batch, &head);
	double bias = ssd->bias.at ? operand_block(&ssd->bias, layer, 0)[head] : 0;
	for (int64_t t = 0; !err && t < tokens; t++) {
		err = heads_decode_part_f64(ssd->dt.heads, layer, batch, 0, t, head, 1, false, &out[t], info);
		double x = out[t] + bias;
		out[t] = ssd->is_step ? out[t] : x > 20 ? x : log1p(exp(x));
		if (!err && out[t] < 0)
			err = err_set(info, ERR_VALUE, "dt of ssd attention is %g (token %lld, head %lld): a step is not negative; is it taken before the softplus (--param dt=raw)?",
				      out[t], (long long)t, (long long)head);
		out[tokens + t] = sum += out[t];
	}
	return err;
}

static enum err ssd_query(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct ssd *ssd = ssd_of(decay);
	if (ssd->part != PART_DECAY)
		return group_vector(ssd, &ssd->c, map, token, out, info);
	out[0] = 1;
	return ERR_OK;
}

static enum err ssd_key(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct ssd *ssd = ssd_of(decay);
	const double *steps = NULL;
	if (ssd->part == PART_DECAY) {
		out[0] = 1;
		return ERR_OK;
	}
	enum err err = group_vector(ssd, &ssd->b, map, token, out, info);
	bool has_step = ssd->part == PART_ALL && !ssd->without_step;
	if (!err && has_step)
		err = lazy_get(ssd->steps, ssd, map, &steps, info);
	for (int64_t n = 0; !err && has_step && n < decay->dim; n++)
		out[n] *= steps[token];
	return err;
}

static enum err ssd_prefix(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct ssd *ssd = ssd_of(decay);
	const double *steps;
	int64_t layer, batch, head;
	double sum = 0;
	source_map_id(&decay->source, map, &layer, &batch, &head);
	enum err err = ssd->part == PART_PRODUCT ? ERR_OK : lazy_get(ssd->steps, ssd, map, &steps, info);
	double a = operand_block(&ssd->a, layer, 0)[head];
	if (!err && ssd->part != PART_PRODUCT)
		sum = (ssd->is_log ? -exp(a) : a) * steps[decay->source.keys + token];
	for (int64_t n = 0; n < decay->dim; n++)
		out[n] = sum;
	return err;
}

static const struct decay_vectors ssd_vectors = { ssd_query, ssd_key, ssd_prefix, NULL };

static void ssd_free(struct source *source)
{
	struct ssd *ssd = (struct ssd *)source;
	lazy_free(ssd->steps);
	operand_release(&ssd->a);
	operand_release(&ssd->bias);
	free(ssd);
}

static const struct source_ops ssd_ops = { .name = "ssd", DECAY_OPS, .free = ssd_free };

static enum err open_view(struct view *view, const struct mechanism_args *args, const char *role, bool required, const char *forms, struct err_info *info)
{
	return operand_view(args, &mechanism_ssd, role, required, forms, &view->view, &view->slot, &view->heads, info);
}

static enum err check_groups(const struct ssd *ssd, const struct view *view, const char *role, int64_t states, struct err_info *info)
{
	const int64_t *size = view->heads->size, *model = ssd->dt.heads->size;
	char text[160];
	bool fits = size[AXIS_LAYER] == model[AXIS_LAYER] && size[AXIS_BATCH] == model[AXIS_BATCH] && size[AXIS_TOKEN] == model[AXIS_TOKEN];
	if (fits && size[AXIS_HEAD] > 0 && model[AXIS_DIM] % size[AXIS_HEAD] == 0 && (states < 0 || size[AXIS_DIM] == states))
		return ERR_OK;
	snprintf(text, sizeof text, "%lld tokens, groups that divide %lld heads%s", (long long)model[AXIS_TOKEN], (long long)model[AXIS_DIM],
		 states < 0 ? "" : ", and as many states as B");
	return operand_misshapen(&mechanism_ssd, role, view->heads->tensors[0], text, info);
}

static enum err open_weights(struct ssd *ssd, const struct mechanism_args *args, struct err_info *info)
{
	const int64_t *size = ssd->dt.heads->size;
	struct operand_shape shape = { .rank = 1, .size = { size[AXIS_DIM] }, .layers = size[AXIS_LAYER] };
	ssd->is_log = !mechanism_input_find(args, "A");
	enum err err = operand_read(&ssd->a, args, &mechanism_ssd, ssd->is_log ? "A_log" : "A", true, &shape, info);
	if (!err)
		err = operand_read(&ssd->bias, args, &mechanism_ssd, "dt_bias", false, &shape, info);
	for (int64_t i = 0; !err && !ssd->is_log && i < ssd->a.layers * ssd->a.count; i++)
		if (ssd->a.at[i] > 0)
			err = err_set(info, ERR_VALUE, "A holds %g, which grows without bound: A is -exp(A_log), never positive; give --input A_log=FILE[:NAME]",
				      ssd->a.at[i]);
	return err;
}

static enum err open_parameters(struct ssd *ssd, const struct mechanism_args *args, struct err_info *info)
{
	static const struct word parts[] = {
		{ "all", PART_ALL }, { "product", PART_PRODUCT }, { "decay", PART_DECAY }, WORD_END,
	};
	static const struct word forms[] = { { "raw", false }, { "step", true }, WORD_END };
	static const struct word places[] = { { "weights", false }, { "values", true }, WORD_END };
	int part, is_step, without_step;
	enum err err = mechanism_parameter_choice(args, &mechanism_ssd, "part", parts, &part, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_ssd, "dt", forms, &is_step, info);
	if (!err)
		err = mechanism_parameter_choice(args, &mechanism_ssd, "step_in", places, &without_step, info);
	if (err)
		return err;
	ssd->part = (enum part)part;
	ssd->is_step = is_step;
	ssd->without_step = without_step;
	if (part != PART_ALL)
		mechanism_note(ssd->decay.source.note, sizeof ssd->decay.source.note, "%s", part == PART_DECAY ? "decay alone" : "C B^T alone");
	if (part == PART_ALL && without_step)
		mechanism_note(ssd->decay.source.note, sizeof ssd->decay.source.note, "without dt_s");
	return ERR_OK;
}

/* x (B,L,H,P): what each head sums. */
static enum err open_values(struct ssd *ssd, const struct mechanism_args *args, struct err_info *info)
{
	struct source *source = &ssd->decay.source;
	struct view *x = &ssd->x;
	enum err err = open_view(x, args, "x", false, "nhd|bnhd|lbnhd", info);
	if (err || !x->heads)
		return err;
	const int64_t *size = x->heads->size;
	if (size[AXIS_LAYER] != source->layers || size[AXIS_BATCH] != source->batches || size[AXIS_HEAD] != source->heads || size[AXIS_TOKEN] != source->keys) {
		char text[128];
		snprintf(text, sizeof text, "%lld tokens and %lld heads", (long long)source->keys, (long long)source->heads);
		return operand_misshapen(&mechanism_ssd, "x", x->heads->tensors[0], text, info);
	}
	source->values = x->heads;
	return ERR_OK;
}

static enum err ssd_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct ssd *ssd = (struct ssd *)source;
	enum err err = open_parameters(ssd, args, info);
	if (!err)
		err = open_view(&ssd->dt, args, "dt", true, "nd|bnd|lbnd", info);
	if (!err)
		err = open_view(&ssd->b, args, "B", true, "nd|nhd|bnhd|lbnhd", info);
	if (!err)
		err = open_view(&ssd->c, args, "C", true, "nd|nhd|bnhd|lbnhd", info);
	if (!err)
		err = check_groups(ssd, &ssd->b, "B", -1, info);
	if (!err)
		err = check_groups(ssd, &ssd->c, "C", ssd->b.heads->size[AXIS_DIM], info);
	if (!err)
		err = open_weights(ssd, args, info);
	if (err)
		return err;
	const int64_t *size = ssd->dt.heads->size;
	ssd->decay.dim = ssd->part == PART_DECAY ? 1 : ssd->b.heads->size[AXIS_DIM];
	decay_init(&ssd->decay, &ssd_vectors, size[AXIS_LAYER], size[AXIS_BATCH], size[AXIS_DIM], size[AXIS_TOKEN]);
	err = open_values(ssd, args, info);
	if (err)
		return err;
	ssd->steps = lazy_new(source_maps(&ssd->decay.source), 2 * ssd->decay.source.keys, make_steps);
	return ssd->steps ? ERR_OK : err_nomem(info, "steps of the scan");
}

static enum err ssd_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&ssd_ops, sizeof(struct ssd), "state-space duality", ssd_bind, args, source, info);
}

static const struct mechanism_input inputs[] = {
	{ "dt", "(B,L,H)", true, "step sizes before bias and softplus; with --param dt=step after them" },
	{ "B", "(B,L,G,N)", true, "the keys, for each group of heads" },
	{ "C", "(B,L,G,N)", true, "the queries" },
	{ "A_log", "(H)", true, "A = -exp(A_log), or A itself as the role A" },
	{ "A", "(H)", false, "in place of A_log" },
	{ "dt_bias", "(H)", false, "bias of the steps" },
	{ "x", "(B,L,H,P)", false, "the values, for what needs the output" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "part", "all", "all, product (C B^T, without steps and decay) or decay (the mask alone)" },
	{ "dt", "raw", "raw: softplus(dt + dt_bias) is the step; step: dt is" },
	{ "step_in", "weights", "weights, or values: leave out dt_s, as ssd_minimal does, which multiplies x by it" },
	{ NULL, NULL, NULL },
};

const struct mechanism mechanism_ssd = {
	.name = "ssd",
	.summary = "state-space duality, one matrix a head (Mamba-2)",
	.equation = "dt = softplus(dt_raw + bias),  A = -exp(A_log)\n"
		    "M_ts = (C_t.B_s) exp(A (dt_(s+1) + .. + dt_t)) dt_s   for s <= t;  head h reads group h / (H/G)\n"
		    "y_t = sum_s M_ts x_s",
	.properties = "signed, causal, rows do not sum to 1: not a distribution; --normalise abs-row makes one",
	.reference = "Dao, Gu 2024, arXiv 2405.21060; mamba-ssm ssd_minimal (which has dt in x), mamba2_simple",
	.input = inputs,
	.parameter = parameters,
	.settings = SETTINGS_NONE,
	.settings_why = "is a recurrence over all tokens so far: no mask applies",
	.open = ssd_open,
};
