/* SPDX-License-Identifier: MIT */
/*
 * RWKV 5 and 6 (Peng et al. 2024, arXiv 2404.05892), one matrix a head:
 *
 *   A[t,s] = sum_c r_tc k_sc prod_(q = s+1 .. t-1) dec_qc   for s < t,   A[t,t] = sum_c r_tc u_c k_tc
 *
 * with dec = exp(-exp(w)), of the channel (5) or of channel and token (6). The state is read before the token's own decay, so that the product ends at t - 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/decay.h"
#include "mechanism/lazy.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"

struct rwkv {
	struct decay decay;
	const struct mechanism *mechanism;
	const struct heads *receptance, *key;
	const struct heads *time_decay;                 /* of version 6: (token, dim) of each head, or the heads side by side */
	struct heads time_decay_view;
	const struct tensor *time_decay_slot;
	struct operand constant, bonus;                 /* (heads, dim): time_decay of version 5, time_faaaa */
	bool is_log;                                    /* time_decay holds ln dec itself */
	double scale;                                   /* of r */
	struct lazy *prefix;                            /* version 6: for each map, (tokens, dim) */
};

static const struct rwkv *rwkv_of(const struct decay *decay)
{
	return (const struct rwkv *)decay;
}

static enum err head_vector(const struct rwkv *rwkv, const struct heads *view, int64_t map, int64_t token, double *out, struct err_info *info)
{
	int64_t layer, batch, head, dim = rwkv->decay.dim;
	source_map_id(&rwkv->decay.source, map, &layer, &batch, &head);
	if (view->size[AXIS_DIM] != dim)
		return heads_decode_part_f64(view, layer, batch, 0, token, head * dim, dim, false, out, info);
	return heads_decode_f64(view, layer, batch, head, token, 1, false, out, dim, info);
}

static double log_decay(const struct rwkv *rwkv, double w)
{
	return rwkv->is_log ? w : -exp(w);
}

static enum err rwkv_query(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct rwkv *rwkv = rwkv_of(decay);
	enum err err = head_vector(rwkv, rwkv->receptance, map, token, out, info);
	for (int64_t c = 0; !err && c < decay->dim; c++)
		out[c] *= rwkv->scale;
	return err;
}

static enum err rwkv_key(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	return head_vector(rwkv_of(decay), rwkv_of(decay)->key, map, token, out, info);
}

static enum err constant_prefix(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const struct rwkv *rwkv = rwkv_of(decay);
	int64_t layer, batch, head;
	(void)info;
	source_map_id(&decay->source, map, &layer, &batch, &head);
	const double *w = operand_block(&rwkv->constant, layer, 0) + head * decay->dim;
	for (int64_t c = 0; c < decay->dim; c++)
		out[c] = log_decay(rwkv, w[c]) * (double)(token + 1);
	return ERR_OK;
}

static enum err make_prefix(const void *owner, int64_t map, double *out, int64_t count, struct err_info *info)
{
	const struct rwkv *rwkv = owner;
	int64_t dim = rwkv->decay.dim;
	enum err err = ERR_OK;
	for (int64_t t = 0; !err && t < count / dim; t++) {
		double *row = out + t * dim;
		err = head_vector(rwkv, rwkv->time_decay, map, t, row, info);
		for (int64_t c = 0; !err && c < dim; c++) {
			double step = log_decay(rwkv, row[c]);
			if (step > 0)
				return err_set(info, ERR_VALUE, "time_decay of %s attention makes %g of a state grow (token %lld): a logarithm of a decay is not positive; is it taken before -exp (--param decay=raw)?",
					       rwkv->mechanism->name, exp(step), (long long)t);
			row[c] = step + (t > 0 ? row[c - dim] : 0);
		}
	}
	return err;
}

static enum err varying_prefix(const struct decay *decay, int64_t map, int64_t token, double *out, struct err_info *info)
{
	const double *prefix;
	enum err err = lazy_get(rwkv_of(decay)->prefix, decay, map, &prefix, info);
	for (int64_t c = 0; !err && c < decay->dim; c++)
		out[c] = prefix[token * decay->dim + c];
	return err;
}

static enum err rwkv_diagonal(const struct decay *decay, int64_t map, int64_t token, const double *query, const double *key, double *value,
			      struct err_info *info)
{
	int64_t layer, batch, head;
	(void)token;
	(void)info;
	source_map_id(&decay->source, map, &layer, &batch, &head);
	const double *bonus = operand_block(&rwkv_of(decay)->bonus, layer, 0) + head * decay->dim;
	for (int64_t c = 0; c < decay->dim; c++)
		*value += query[c] * bonus[c] * key[c];
	return ERR_OK;
}

static const struct decay_vectors constant_vectors = { rwkv_query, rwkv_key, constant_prefix, rwkv_diagonal };
static const struct decay_vectors varying_vectors = { rwkv_query, rwkv_key, varying_prefix, rwkv_diagonal };

static void rwkv_free(struct source *source)
{
	struct rwkv *rwkv = (struct rwkv *)source;
	lazy_free(rwkv->prefix);
	operand_release(&rwkv->constant);
	operand_release(&rwkv->bonus);
	free(rwkv);
}

static const struct source_ops rwkv5_ops = { .name = "rwkv5", DECAY_OPS, .free = rwkv_free };
static const struct source_ops rwkv6_ops = { .name = "rwkv6", DECAY_OPS, .free = rwkv_free };

/* Do the decays of version 6 lie as (B,L,H*N) rather than (B,L,H,N)? With one head the last axis is as long in both. */
static bool is_flat(const struct tensor *tensor, const int64_t *size)
{
	const int64_t *end = tensor->shape + tensor->rank;
	bool headed = tensor->rank >= 3 && end[-1] == size[AXIS_DIM] && end[-2] == size[AXIS_HEAD] && end[-3] == size[AXIS_TOKEN];
	return !headed && tensor->rank > 0 && end[-1] == size[AXIS_HEAD] * size[AXIS_DIM];
}

static enum err open_time_decay(struct rwkv *rwkv, const struct mechanism_args *args, struct err_info *info)
{
	const int64_t *size = rwkv->receptance->size;
	const struct tensor *tensor = mechanism_tensor(args, rwkv->mechanism, "time_decay", info);
	if (!tensor)
		return ERR_USAGE;
	bool flat = is_flat(tensor, size);
	enum err err = operand_view(args, rwkv->mechanism, "time_decay", true, flat ? "nd|bnd|lbnd" : "nhd|bnhd|lbnhd", &rwkv->time_decay_view,
				    &rwkv->time_decay_slot, &rwkv->time_decay, info);
	if (err)
		return err;
	const int64_t *got = rwkv->time_decay->size;
	bool fits = got[AXIS_LAYER] == size[AXIS_LAYER] && got[AXIS_BATCH] == size[AXIS_BATCH] && got[AXIS_TOKEN] == size[AXIS_TOKEN];
	if (fits && (flat || (got[AXIS_HEAD] == size[AXIS_HEAD] && got[AXIS_DIM] == size[AXIS_DIM])))
		return ERR_OK;
	char text[128];
	snprintf(text, sizeof text, "%lld tokens, %lld heads of %lld", (long long)size[AXIS_TOKEN], (long long)size[AXIS_HEAD], (long long)size[AXIS_DIM]);
	return operand_misshapen(rwkv->mechanism, "time_decay", tensor, text, info);
}

static enum err open_decay(struct rwkv *rwkv, const struct mechanism_args *args, bool varies, struct err_info *info)
{
	static const struct word words[] = { { "raw", false }, { "log", true }, WORD_END };
	const int64_t *size = rwkv->receptance->size;
	struct operand_shape shape = { .rank = 2, .size = { size[AXIS_HEAD], size[AXIS_DIM] }, .layers = size[AXIS_LAYER] };
	int is_log;
	enum err err = mechanism_parameter_choice(args, rwkv->mechanism, "decay", words, &is_log, info);
	rwkv->is_log = is_log;
	if (!err)
		err = operand_read(&rwkv->bonus, args, rwkv->mechanism, "time_faaaa", true, &shape, info);
	if (!err)
		err = varies ? open_time_decay(rwkv, args, info) : operand_read(&rwkv->constant, args, rwkv->mechanism, "time_decay", true, &shape, info);
	for (int64_t i = 0; !err && rwkv->is_log && !varies && i < rwkv->constant.layers * rwkv->constant.count; i++)
		if (rwkv->constant.at[i] > 0)
			err = err_set(info, ERR_VALUE, "time_decay holds %g: a logarithm of a decay is not positive; is it taken before -exp (--param decay=raw)?",
				      rwkv->constant.at[i]);
	return err;
}

static enum err rwkv_bind(struct rwkv *rwkv, const struct mechanism *mechanism, const struct mechanism_args *args, bool varies, struct err_info *info)
{
	struct source *source = &rwkv->decay.source;
	const struct mechanism_binding *value = mechanism_input_find(args, "value");
	rwkv->mechanism = mechanism;
	rwkv->receptance = mechanism_heads(args, mechanism, "query", info);
	rwkv->key = rwkv->receptance ? mechanism_heads(args, mechanism, "key", info) : NULL;
	if (!rwkv->key)
		return ERR_USAGE;
	const int64_t *size = rwkv->receptance->size;
	if (memcmp(size, rwkv->key->size, sizeof rwkv->key->size) != 0)
		return operand_misshapen(mechanism, "key", rwkv->key->tensors[0], "the shape of query (--layout BNHD names the order of the axes)", info);
	enum err err = mechanism_attend(source, rwkv->receptance, rwkv->key, value ? value->heads : NULL, true, info);
	if (!err)
		err = open_decay(rwkv, args, varies, info);
	if (err)
		return err;
	rwkv->decay.dim = size[AXIS_DIM];
	rwkv->decay.lag = 1;
	rwkv->scale = isnan(args->scale) ? 1 : args->scale;
	decay_init(&rwkv->decay, varies ? &varying_vectors : &constant_vectors, size[AXIS_LAYER], size[AXIS_BATCH], size[AXIS_HEAD],
			 size[AXIS_TOKEN]);
	rwkv->prefix = lazy_new(source_maps(source), source->keys * rwkv->decay.dim, make_prefix);
	return rwkv->prefix ? ERR_OK : err_nomem(info, "decays");
}

static enum err rwkv5_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	return rwkv_bind((struct rwkv *)source, &mechanism_rwkv5, args, false, info);
}

static enum err rwkv5_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&rwkv5_ops, sizeof(struct rwkv), "RWKV", rwkv5_bind, args, source, info);
}

static enum err rwkv6_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	return rwkv_bind((struct rwkv *)source, &mechanism_rwkv6, args, true, info);
}

static enum err rwkv6_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&rwkv6_ops, sizeof(struct rwkv), "RWKV", rwkv6_bind, args, source, info);
}

#define RWKV_QUERY { "query", "(B,H,L,N)", true, "receptance r, after its projection (dumps lie as (B,L,H,N): --layout BNHD)" }
#define RWKV_KEY { "key", "(B,H,L,N)", true, "keys k" }
#define RWKV_VALUE { "value", "(B,H,L,N)", false, "values v" }
#define RWKV_BONUS { "time_faaaa", "(H,N)", true, "bonus u of the current token" }

static const struct mechanism_input inputs5[] = {
	RWKV_QUERY, RWKV_KEY, RWKV_VALUE, RWKV_BONUS,
	{ "time_decay", "(H,N)", true, "w, the decay being exp(-exp(w))" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_input inputs6[] = {
	RWKV_QUERY, RWKV_KEY, RWKV_VALUE, RWKV_BONUS,
	{ "time_decay", "(B,L,H,N)", true, "w of each token, with its low-rank part, the decay being exp(-exp(w)); (B,L,H*N) is taken too" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter parameters[] = {
	{ "decay", "raw", "raw: the decay is exp(-exp(w)); log: w is its logarithm already (flash-linear-attention)" },
	{ NULL, NULL, NULL },
};

#define RWKV_PROPERTIES "signed, causal, rows do not sum to 1: not a distribution; --normalise abs-row makes one; r is not scaled unless --scale-factor says so"

const struct mechanism mechanism_rwkv5 = {
	.name = "rwkv5",
	.summary = "RWKV 5: linear recurrence with a decay for each channel, one matrix a head",
	.equation = "A_ts = sum_c r_tc k_sc dec_c^(t-1-s)   for s < t,  dec = exp(-exp(w))\n"
		    "A_tt = sum_c r_tc u_c k_tc\n"
		    "y_t = sum_s A_ts v_s, before the normalisation of the group",
	.properties = RWKV_PROPERTIES,
	.reference = "Peng et al. 2024, arXiv 2404.05892; BlinkDL/RWKV-LM wkv5_cuda",
	.input = inputs5,
	.parameter = parameters,
	.settings = SETTING_SCALE,
	.settings_why = "is a recurrence over all tokens so far: no mask applies",
	.open = rwkv5_open,
};

const struct mechanism mechanism_rwkv6 = {
	.name = "rwkv6",
	.summary = "RWKV 6: linear recurrence whose decay depends on the token, one matrix a head",
	.equation = "A_ts = sum_c r_tc k_sc dec_(s+1)c .. dec_(t-1)c   for s < t,  dec_t = exp(-exp(w_t))\n"
		    "A_tt = sum_c r_tc u_c k_tc\n"
		    "y_t = sum_s A_ts v_s, before the normalisation of the group",
	.properties = RWKV_PROPERTIES,
	.reference = "Peng et al. 2024, arXiv 2404.05892; BlinkDL/RWKV-LM wkv6_cuda; flash-linear-attention rwkv6 (decay=log, scale N^-1/2)",
	.input = inputs6,
	.parameter = parameters,
	.settings = SETTING_SCALE,
	.settings_why = "is a recurrence over all tokens so far: no mask applies",
	.open = rwkv6_open,
};
