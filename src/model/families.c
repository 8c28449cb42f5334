/* SPDX-License-Identifier: MIT */
/*
 * One row for each family. What a column does not say is the rule of Llama: RMS norm with plain weights in front, separate projections without a look at the config
 * for biases (a bias is there where the file has one), d = head_dim or hidden_size / heads, Hk = num_key_value_heads or H, scale 1 / sqrt d, causal.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/family.h"

static bool is_type(const struct draft *draft, const char *type)
{
	return draft->type && strcmp(draft->type, type) == 0;
}

static bool has_new_rope(const struct draft *draft)
{
	return json_object_size(config_find(draft->config, "rope_parameters")) > 0;
}

static void copy(char *to, const char *from)
{
	snprintf(to, MODEL_NAME, "%s", from);
}

/* This layer is something else. */
static void is_other(struct draft *draft, const char *mechanism)
{
	draft->set->is_softmax = false;
	draft->set->mechanism = mechanism;
}

static void needs_more(struct draft *draft, const char *why)
{
	draft->set->needs_more = true;
	draft->set->why = why;
}

static void no_norm(struct draft *draft)
{
	draft->set->norm.kind = MODEL_NORM_NONE;
}

/* ---- decoders ------------------------------------------------------------------------------------------------------------------------------------------- */

static void adapt_gemma2(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	set->scale = 1 / sqrt(config_real(draft->config, "query_pre_attn_scalar", 256));
	set->softcap = config_mentions(draft->config, "attn_logit_softcapping") ? config_real(draft->config, "attn_logit_softcapping", 0) : 50;
}

/* Embedding models of these families look both ways, and write half of their window. */
static void look_both_ways(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	const json_t *value = config_find(draft->config, "use_bidirectional_attention");
	if (!json_is_true(value) && !(json_is_string(value) && strcmp(json_string_value(value), "all") == 0))
		return;
	set->is_causal = false;
	set->right = set->left;
}

static void adapt_gemma3(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	set->scale = 1 / sqrt(config_real(draft->config, "query_pre_attn_scalar", 256));
	set->softcap = config_real(draft->config, "attn_logit_softcapping", 0);
	if (is_type(draft, "sliding_attention") && !has_new_rope(draft)) {
		draft->theta = config_real(draft->config, "rope_local_base_freq", 10000);
		draft->scaled = false;
	}
	look_both_ways(draft);
}

/* The last layers read the keys of the last earlier layer of their type. */
static void adapt_gemma4(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	bool full = is_type(draft, "full_attention");
	int64_t first = draft->layers - config_int(draft->config, "num_kv_shared_layers", 0);
	const json_t *types = config_array(draft->config, "layer_types");
	set->scale = 1;
	if (full && !draft->config->layer) {
		set->dim = set->value_dim = config_int(draft->config, "global_head_dim", set->dim);
		set->key_heads = config_int(draft->config, "num_global_key_value_heads", set->key_heads);
	}
	for (int64_t earlier = first - 1; types && draft->layer >= first && earlier >= 0; earlier--)
		if (strcmp(config_text_at(draft->config, "layer_types", types, earlier), draft->type) == 0) {
			set->keys_of = earlier;
			break;
		}
	if (draft->layer >= first && set->keys_of == draft->layer)
		config_fail(draft->config, ERR_VALUE, "the config's num_kv_shared_layers leaves layer %lld no keys to share", (long long)draft->layer);
	look_both_ways(draft);
}

static void adapt_gemma3n(struct draft *draft)
{
	draft->set->scale = 1;
	needs_more(draft, "AltUp makes its input of several streams");
}

static void adapt_gpt2(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	if (!config_bool(draft->config, "scale_attn_weights", true))
		set->scale = 1;
	if (config_bool(draft->config, "scale_attn_by_inverse_layer_idx", false))
		set->scale /= (double)(draft->layer + 1);
}

static void adapt_bigcode(struct draft *draft)
{
	bool multi_query = config_bool(draft->config, "multi_query", true);
	draft->set->key_heads = multi_query ? 1 : draft->set->heads;
	draft->set->layout = multi_query ? MODEL_BLOCKS : MODEL_PER_HEAD;
	if (!config_bool(draft->config, "scale_attn_weights", true))
		draft->set->scale = 1;
}

/* attention_layers is the list; attention_types [[["global", "local"], 12]] is how it was written. */
static const char *neo_layer(struct draft *draft)
{
	const json_t *list = config_array(draft->config, "attention_layers"), *types = config_array(draft->config, "attention_types"), *item;
	size_t index;
	int64_t before = 0;
	if (list)
		return config_text_at(draft->config, "attention_layers", list, draft->layer);
	json_array_foreach(types, index, item) {
		const json_t *words = json_array_get(item, 0);
		int64_t each = (int64_t)json_array_size(words), times = json_integer_value(json_array_get(item, 1));
		if (each && draft->layer < before + each * times)
			return config_text_at(draft->config, "attention_types", words, (draft->layer - before) % each);
		before += each * times;
	}
	return draft->layer % 2 ? "local" : "global";
}

static void adapt_neo(struct draft *draft)
{
	draft->set->scale = 1;
	if (strcmp(neo_layer(draft), "local") == 0)
		draft->set->left = config_int(draft->config, "window_size", 256) - 1;
}

static void adapt_gptj(struct draft *draft)
{
	draft->rope_dims = config_int(draft->config, "rotary_dim", config_mentions(draft->config, "rotary_dim") ? draft->set->dim : 64);
}

static void adapt_falcon(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	bool is_new = config_bool(draft->config, "new_decoder_architecture", false), multi_query = config_bool(draft->config, "multi_query", true);
	set->layout = is_new ? MODEL_GROUPED : multi_query ? MODEL_BLOCKS : MODEL_PER_HEAD;
	set->key_heads = is_new ? config_int(draft->config, "num_kv_heads|n_head_kv", set->heads) : multi_query ? 1 : set->heads;
	if (is_new && config_int(draft->config, "num_ln_in_parallel_attn", 2) == 2)
		copy(set->norm.name, "ln_attn");
	if (config_bool(draft->config, "alibi", false)) {
		set->bias = (struct bias_settings){ .kind = BIAS_ALIBI, .before_scale = true };
		draft->rotates = false;
	}
}

static void adapt_bloom(struct draft *draft)
{
	draft->set->bias = (struct bias_settings){ .kind = BIAS_ALIBI };
}

static void adapt_mpt(struct draft *draft)
{
	struct config_view attention = config_inside(draft->config, config_object(draft->config, "attn_config"));
	struct layer_settings *set = draft->set;
	set->scale = config_real(&attention, "softmax_scale", set->scale);
	set->clip = config_real(&attention, "clip_qkv", 0);
	set->bias = (struct bias_settings){ .kind = BIAS_ALIBI, .slope_max = config_real(&attention, "alibi_bias_max", 8) };
	if (config_bool(&attention, "qk_ln", false))
		config_fail(draft->config, ERR_UNSUPPORTED, "MPT with qk_ln is not known here: give -q and -k from after it");
	draft->config->err = draft->config->err ? draft->config->err : attention.err;
}

static void adapt_dbrx(struct draft *draft)
{
	struct config_view attention = config_inside(draft->config, config_object(draft->config, "attn_config"));
	draft->set->clip = config_real(&attention, "clip_qkv", 0);
	draft->set->key_heads = config_int(&attention, "kv_n_heads", 1);
	draft->theta = config_real(&attention, "rope_theta", 10000);
	draft->set->norm.eps = 1e-5;
	draft->config->err = draft->config->err ? draft->config->err : attention.err;
}

static void adapt_clip(struct draft *draft)
{
	draft->set->clip = config_real(draft->config, "clip_qkv", 0);
}

static void adapt_olmo(struct draft *draft)
{
	adapt_clip(draft);
	draft->set->norm.eps = 1e-5;
}

static void adapt_opt(struct draft *draft)
{
	draft->set->scaled_queries = true;
	draft->set->norm.eps = 1e-5;
	if (!config_bool(draft->config, "do_layer_norm_before", true))
		no_norm(draft);
}

static void adapt_granite(struct draft *draft)
{
	draft->set->scale = config_real(draft->config, "attention_multiplier", 1);
}

static void adapt_granite_hybrid(struct draft *draft)
{
	adapt_granite(draft);
	draft->rotates = strcmp(config_text(draft->config, "position_embedding_type", "rope"), "rope") == 0;
	if (is_type(draft, "mamba"))
		is_other(draft, "mamba2");
}

/* Layers with rotation: no_rope_layers lists 1 for them. */
static bool has_rope(struct draft *draft)
{
	const json_t *list = config_array(draft->config, "no_rope_layers");
	int64_t every = config_int(draft->config, "no_rope_layer_interval", 4);
	if (list && json_array_size(list))
		return config_int_at(draft->config, "no_rope_layers", list, draft->layer) != 0;
	return every < 1 || (draft->layer + 1) % every != 0;
}

static void adapt_smollm3(struct draft *draft)
{
	draft->rotates = has_rope(draft);
}

static void adapt_llama4(struct draft *draft)
{
	struct config_view *config = draft->config;
	struct layer_settings *set = draft->set;
	draft->rotates = has_rope(draft);
	if (!draft->type)
		set->chunk = draft->rotates ? config_int(config, "attention_chunk_size", 8192) : 0;
	if (!draft->rotates || !config_bool(config, "use_qk_norm", true))
		set->qk_norm = MODEL_NORM_NONE;
	if (draft->rotates || !config_bool(config, "attn_temperature_tuning", true))
		return;
	set->multiplier = MULTIPLIER_LLAMA4;
	set->multiplier_length = config_real(config, "floor_scale", 8192);
	set->multiplier_slope = config_real(config, "attn_scale", 0.1);
}

/* A window makes the full layers those without rotation. */
static void adapt_exaone4(struct draft *draft)
{
	if (config_mentions(draft->config, "sliding_window") && !config_has(draft->config, "sliding_window"))
		draft->set->left = -1;
	else
		draft->rotates = is_type(draft, "sliding_attention");
}

static void adapt_cohere2(struct draft *draft)
{
	draft->rotates = is_type(draft, "sliding_attention");
}

static void adapt_olmo3(struct draft *draft)
{
	draft->scaled = has_new_rope(draft) || !is_type(draft, "sliding_attention");
}

static void adapt_gpt_oss(struct draft *draft)
{
	copy(draft->set->sinks, "self_attn.sinks");
}

static void adapt_persimmon(struct draft *draft)
{
	if (!config_bool(draft->config, "qk_layernorm", true))
		draft->set->qk_norm = MODEL_NORM_NONE;
}

static void adapt_stablelm(struct draft *draft)
{
	draft->set->qk_by_head = true;
}

static void adapt_cohere(struct draft *draft)
{
	draft->set->qk_by_head = true;
}

/* Its dynamic scaling with alpha is a base that grows once and for all. */
static void adapt_hunyuan(struct draft *draft)
{
	struct config_view scaling = config_inside(draft->config, config_object(draft->config, has_new_rope(draft) ? "rope_parameters" : "rope_scaling"));
	double alpha = config_real(&scaling, "alpha", 0), r = (double)draft->set->dim;
	if (alpha > 0 && strcmp(config_text(&scaling, "rope_type|type", ""), "dynamic") == 0) {
		draft->theta *= pow(alpha, r / (r - 2));
		draft->scaled = false;
		if (has_new_rope(draft))
			config_fail(draft->config, ERR_UNSUPPORTED, "rope_parameters with alpha are not known here: give --inv-freq with -q and -k from before the rotation");
	}
}

static bool is_listed(struct draft *draft, const json_t *list, const char *names, int64_t number)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (config_int_at(draft->config, names, list, (int64_t)i) == number)
			return true;
	return false;
}

static void adapt_lfm2(struct draft *draft)
{
	const json_t *full = config_array(draft->config, "full_attn_idxs");
	if (!draft->type && full && !is_listed(draft, full, "full_attn_idxs", draft->layer))
		is_other(draft, "short convolution");
}

static void adapt_minimax(struct draft *draft)
{
	const json_t *list = config_array(draft->config, "attn_type_list");
	draft->rope_dims = config_int(draft->config, "rotary_dim", 0);
	if (!draft->type && list && config_int_at(draft->config, "attn_type_list", list, draft->layer) == 0)
		is_other(draft, "lightning attention");
}

static void adapt_jamba(struct draft *draft)
{
	int64_t period = config_int(draft->config, "attn_layer_period", 8);
	if (!draft->type && (period < 1 || draft->layer % period != config_int(draft->config, "attn_layer_offset", 4)))
		is_other(draft, "mamba");
}

static void adapt_bamba(struct draft *draft)
{
	const json_t *full = config_array(draft->config, "attn_layer_indices");
	if (is_type(draft, "mamba") || (!draft->type && !is_listed(draft, full, "attn_layer_indices", draft->layer)))
		is_other(draft, "mamba2");
}

/* "recurrent" and "attention" take turns as block_types says. */
static void adapt_recurrent_gemma(struct draft *draft)
{
	const json_t *types = config_array(draft->config, "block_types|_block_types");
	const char *type = types && json_array_size(types) ?
				   config_text_at(draft->config, "block_types", types, draft->layer % (int64_t)json_array_size(types)) :
				   draft->layer % 3 == 2 ? "attention" : "recurrent";
	if (strcmp(type, "attention") != 0)
		is_other(draft, "RG-LRU");
	else
		copy(draft->set->note, "no window: as without a cache");
}

static void adapt_diffllama(struct draft *draft)
{
	snprintf(draft->set->note, sizeof draft->set->note, "two softmaxes, in force A[h] - lambda A[h + %lld]", (long long)draft->set->heads / 2);
}

static void adapt_qwen3_next(struct draft *draft)
{
	int64_t every = config_int(draft->config, "full_attention_interval", 4);
	if (!draft->type && (every < 1 || (draft->layer + 1) % every))
		is_other(draft, "gated delta rule");
}

static void adapt_olmo_hybrid(struct draft *draft)
{
	if (config_mentions(draft->config, "rope_parameters") && !has_new_rope(draft))
		draft->rotates = false;
}

/* Sliding layers have other key heads, sinks and another base. */
static void adapt_mimo(struct draft *draft)
{
	struct config_view *config = draft->config;
	struct layer_settings *set = draft->set;
	const json_t *pattern = config_array(config, "hybrid_layer_pattern");
	bool slides = draft->type ? is_type(draft, "sliding_attention") : pattern && config_int_at(config, "hybrid_layer_pattern", pattern, draft->layer) == 1;
	set->value_dim = config_int(config, "v_head_dim", set->dim);
	if (!slides)
		return;
	int64_t window = config_int(config, "sliding_window|sliding_window_size", 128);
	set->left = window > 0 ? window - 1 : -1;
	if (!json_object_get(config->layer, "num_key_value_heads"))
		set->key_heads = config_int(config, "swa_num_key_value_heads", 2 * set->key_heads);
	draft->theta = config_real(config, "swa_rope_theta", draft->theta);
	copy(set->sinks, "self_attn.sinks|self_attn.attention_sink_bias");
}

static void adapt_ministral3(struct draft *draft)
{
	struct config_view rope = config_inside(draft->config, config_object(draft->config, "rope_parameters"));
	struct layer_settings *set = draft->set;
	double slope = config_real(&rope, "llama_4_scaling_beta", 0);
	if (slope == 0)
		return;
	set->multiplier = MULTIPLIER_MINISTRAL;
	set->multiplier_slope = slope;
	set->multiplier_length = config_real(&rope, "original_max_position_embeddings", 16384);
}

static void adapt_minimax_m2(struct draft *draft)
{
	if (!has_new_rope(draft))
		draft->rope_dims = config_int(draft->config, "rotary_dim", 0);
	if (!config_bool(draft->config, "use_qk_norm", true))
		draft->set->qk_norm = MODEL_NORM_NONE;
}

static void adapt_minimax_m3(struct draft *draft)
{
	struct config_view *config = draft->config;
	draft->rope_dims = config_int(config, "rotary_dim", 0);
	if (!is_type(draft, "minimax_m3_sparse"))
		return;
	draft->set->is_softmax = true;
	draft->set->mechanism = "softmax over chosen blocks";
	draft->set->choice = (struct choice_settings){
		.kind = CHOICE_BLOCKS, .heads = config_int(config, "index_n_heads", draft->set->key_heads), .dim = config_int(config, "index_head_dim", 128),
		.keys = config_int(config, "index_topk_blocks", 16), .block = config_int(config, "index_block_size", 128),
		.local = config_int(config, "index_local_blocks", 1),
	};
}

static void use_latent(struct draft *draft)
{
	struct config_view *config = draft->config;
	struct layer_settings *set = draft->set;
	struct latent_settings *latent = &set->latent;
	bool says_none = config_mentions(config, "q_lora_rank") && !config_has(config, "q_lora_rank");
	*latent = (struct latent_settings){
		.query_rank = says_none ? 0 : config_int(config, "q_lora_rank", 1536), .key_rank = config_int(config, "kv_lora_rank", 512),
		.nope = config_int(config, "qk_nope_head_dim", 128), .rope = config_int(config, "qk_rope_head_dim", 64), .eps = 1e-6, .query_factor = 1, .key_factor = 1,
	};
	set->layout = MODEL_LATENT;
	set->dim = latent->nope + latent->rope;
	set->value_dim = config_int(config, "v_head_dim", 128);
	set->key_heads = set->heads;
	set->scale = 1 / sqrt((double)set->dim);
	set->rotary.last = true;
	draft->rope_dims = latent->rope;
	if (latent->key_rank < 1 || latent->rope < 2 || latent->nope < 1)
		config_fail(config, ERR_VALUE, "the config's latent attention has no sizes (kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim)");
}

static void stretch_latent(struct draft *draft)
{
	struct config_view scaling = config_inside(draft->config, config_object(draft->config, has_new_rope(draft) ? "rope_parameters" : "rope_scaling"));
	double factor = config_real(&scaling, "factor", 1), all = config_real(&scaling, "mscale_all_dim", 0);
	if (all == 0 || factor <= 1)
		return;
	double m = 0.1 * all * log(factor) + 1;
	draft->set->scale *= m * m;
}

static void adapt_deepseek_v3(struct draft *draft)
{
	use_latent(draft);
	stretch_latent(draft);
	if (!config_bool(draft->config, "rope_interleave", true))
		draft->set->rotary.pairing = ROPE_HALF;
}

static void adapt_longcat(struct draft *draft)
{
	struct latent_settings *latent = &draft->set->latent;
	adapt_deepseek_v3(draft);
	latent->query_factor = latent->query_rank ? sqrt((double)draft->set->width / (double)latent->query_rank) : 1;
	latent->key_factor = latent->key_rank ? sqrt((double)draft->set->width / (double)latent->key_rank) : 1;
	copy(draft->set->note, "the first of two attentions of the layer");
}

static void adapt_mistral4(struct draft *draft)
{
	adapt_deepseek_v3(draft);
	adapt_ministral3(draft);
}

static void choose_keys(struct draft *draft, bool half)
{
	struct config_view *config = draft->config;
	adapt_deepseek_v3(draft);
	draft->set->is_softmax = true;
	draft->set->mechanism = "softmax over chosen keys";
	draft->set->choice = (struct choice_settings){
		.kind = CHOICE_TOP_KEYS, .heads = config_int(config, "index_n_heads", 64), .dim = config_int(config, "index_head_dim", 128),
		.keys = config_int(config, "index_topk", 2048), .half = half,
	};
}

static void adapt_deepseek_v32(struct draft *draft)
{
	choose_keys(draft, true);
}

static void adapt_glm_dsa(struct draft *draft)
{
	const json_t *types = config_array(draft->config, "indexer_types");
	choose_keys(draft, false);
	if (types && strcmp(config_text_at(draft->config, "indexer_types", types, draft->layer), "shared") == 0)
		needs_more(draft, "it shares the choice of an earlier layer");
}

static void adapt_deepseek_v4(struct draft *draft)
{
	draft->set->is_softmax = true;
	draft->set->mechanism = "softmax";
	needs_more(draft, "its input is mixed of several streams, and its keys are compressed");
}

static void adapt_kimi(struct draft *draft)
{
	struct config_view *config = draft->config, linear = config_inside(config, config_object(config, "linear_attn_config"));
	const json_t *full = config_array(&linear, "full_attn_layers");
	use_latent(draft);
	draft->set->latent.is_unrotated = true;
	draft->rotates = false;
	if (full && !is_listed(draft, full, "full_attn_layers", draft->layer + 1))
		is_other(draft, "Kimi delta attention");
}

/* ---- encoders ------------------------------------------------------------------------------------------------------------------------------------------- */

static void adapt_bert(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	const char *type = config_text(draft->config, "position_embedding_type", "absolute");
	set->is_causal = config_bool(draft->config, "is_decoder", false);
	if (strcmp(type, "absolute") == 0)
		return;
	if (strcmp(type, "relative_key") != 0 && strcmp(type, "relative_key_query") != 0) {
		config_fail(draft->config, ERR_UNSUPPORTED, "position_embedding_type '%.40s' is not known here: give -q and -k", type);
		return;
	}
	set->bias = (struct bias_settings){ .kind = strcmp(type, "relative_key") == 0 ? BIAS_KEY : BIAS_KEY_QUERY, .reach = config_int(draft->config, "max_position_embeddings", 512) };
	copy(set->bias.table, "attention.self.distance_embedding");
}

static void adapt_albert(struct draft *draft)
{
	int64_t groups = config_int(draft->config, "num_hidden_groups", 1);
	draft->set->keys_of = draft->layer;
	if (groups < 1 || config_int(draft->config, "inner_group_num", 1) != 1)
		config_fail(draft->config, ERR_UNSUPPORTED, "ALBERT with several inner layers is not known here: give -q and -k");
	else
		draft->set->tensors_of = draft->layer * groups / draft->layers;
}

static void adapt_mpnet(struct draft *draft)
{
	draft->set->bias = (struct bias_settings){ .kind = BIAS_T5, .shared = true, .reach = 128, .two_sided = true };
	copy(draft->set->bias.table, "encoder.relative_attention_bias");
}

static bool has_word(struct config_view *config, const char *names, const char *word)
{
	const json_t *value = config_find(config, names);
	if (json_is_string(value))
		return strstr(json_string_value(value), word) != NULL;
	for (size_t i = 0; i < json_array_size(value); i++)
		if (json_is_string(json_array_get(value, i)) && strcmp(json_string_value(json_array_get(value, i)), word) == 0)
			return true;
	return false;
}

/* Both kinds of DeBERTa: the scale counts the kinds of pairs. */
static void adapt_deberta(struct draft *draft)
{
	struct config_view *config = draft->config;
	struct layer_settings *set = draft->set;
	struct bias_settings *bias = &set->bias;
	bool second = strncmp(config_text(config, "model_type", ""), "deberta-v2", 10) == 0;
	if (!config_bool(config, "relative_attention", false))
		return;
	*bias = (struct bias_settings){
		.kind = second ? BIAS_DEBERTA_V2 : BIAS_DEBERTA, .shared = true, .content_to_position = has_word(config, "pos_att_type", "c2p"),
		.position_to_content = has_word(config, "pos_att_type", "p2c"), .share_keys = config_bool(config, "share_att_key", false),
		.norm_table = has_word(config, "norm_rel_ebd", "layer_norm"), .eps = set->norm.eps,
	};
	int64_t most = json_is_integer(config_find(config, "max_relative_positions")) ? (int64_t)json_integer_value(config_find(config, "max_relative_positions")) : -1;
	bias->reach = most > 0 ? most : config_int(config, "max_position_embeddings", 512);
	bias->buckets = second && json_is_integer(config_find(config, "position_buckets")) ? (int64_t)json_integer_value(config_find(config, "position_buckets")) : -1;
	set->scale = 1 / sqrt((double)set->dim * (1 + bias->content_to_position + bias->position_to_content));
	copy(bias->table, "encoder.rel_embeddings");
	copy(bias->second, second ? (bias->share_keys ? set->key : "attention.self.pos_key_proj") : "attention.self.pos_proj");
	copy(bias->third, second ? (bias->share_keys ? set->query : "attention.self.pos_query_proj") : "attention.self.pos_q_proj");
	copy(bias->fourth, "encoder.LayerNorm");
	if (!second)
		copy(set->query_bias, "attention.self.q_bias");
	if (!second)
		copy(set->value_bias, "attention.self.v_bias");
}

/* The first layer has no norm of its own: that of the embeddings stands before it. */
static void adapt_modernbert(struct draft *draft)
{
	struct config_view *config = draft->config;
	struct layer_settings *set = draft->set;
	int64_t every = config_int(config, "global_attn_every_n_layers", 3);
	bool global = draft->type ? is_type(draft, "full_attention") : every > 0 && draft->layer % every == 0;
	if (draft->layer == 0)
		no_norm(draft);
	draft->type = global ? "full_attention" : "sliding_attention";
	set->left = set->right = global ? -1 : config_int(config, "local_attention", 128) / 2;
	draft->theta = config_real(config, "global_rope_theta", 160000);
	if (!global)
		draft->theta = config_real(config, "local_rope_theta", config_mentions(config, "local_rope_theta") ? draft->theta : 10000);
}

static void adapt_esm(struct draft *draft)
{
	draft->set->scaled_queries = true;
	draft->rotates = strcmp(config_text(draft->config, "position_embedding_type", "absolute"), "rotary") == 0;
	draft->set->norm.eps = config_real(draft->config, "layer_norm_eps", 1e-12);
}

static void adapt_xlnet(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	const char *type = config_text(draft->config, "attn_type", "bi");
	set->is_causal = strcmp(type, "uni") == 0;
	if (json_integer_value(config_find(draft->config, "clamp_len")) > 0)
		config_fail(draft->config, ERR_UNSUPPORTED, "XLNet with clamp_len is not known here: give -q and -k");
	set->bias = (struct bias_settings){ .kind = BIAS_XLNET };
	copy(set->bias.table, "rel_attn.r");
	copy(set->bias.second, "rel_attn.r_w_bias");
	copy(set->query_bias, set->bias.second);
	copy(set->bias.third, "rel_attn.r_r_bias");
}

static void bias_t5(struct draft *draft, const char *table, bool shared, bool two_sided)
{
	draft->set->scale = 1;
	draft->set->bias = (struct bias_settings){
		.kind = BIAS_T5, .shared = shared, .two_sided = two_sided, .reach = config_int(draft->config, "relative_attention_max_distance", 128),
	};
	copy(draft->set->bias.table, table);
}

static bool is_umt5(struct draft *draft)
{
	return strcmp(config_text(draft->config, "model_type", ""), "umt5") == 0;
}

static void adapt_t5_encoder(struct draft *draft)
{
	const char *own = "layer.0.SelfAttention.relative_attention_bias";
	bias_t5(draft, is_umt5(draft) ? own : "encoder.block.0.layer.0.SelfAttention.relative_attention_bias", !is_umt5(draft), true);
}

static void adapt_t5_decoder(struct draft *draft)
{
	const char *own = "layer.0.SelfAttention.relative_attention_bias";
	bias_t5(draft, is_umt5(draft) ? own : "decoder.block.0.layer.0.SelfAttention.relative_attention_bias", !is_umt5(draft), false);
}

/* What stands before the cross-attention is the decoder's own attention, as its row says. */
static void start_cross(struct draft *draft, const char *between, bool post)
{
	const struct family *decoder = family_find(config_text(draft->config, "model_type", ""), "decoder");
	struct layer_settings *before = calloc(1, sizeof *before);
	if (!before || !decoder) {
		free(before);
		config_fail(draft->config, ERR_NOMEM, "out of memory: the decoder's own attention");
		return;
	}
	draft->set->before = before;
	family_layer(decoder, draft->config, draft->layer, draft->layers, draft->length, before);
	copy(draft->set->between, between);
	draft->set->between_is_post = post;
	draft->set->is_causal = false;
	no_norm(draft);
	draft->set->norm.eps = before->norm.eps;
}

static void adapt_t5_cross(struct draft *draft)
{
	start_cross(draft, "layer.1.layer_norm", false);
	draft->set->scale = 1;
}

static void adapt_xglm(struct draft *draft)
{
	draft->set->scaled_queries = true;
	draft->set->norm.eps = 1e-5;
}

static void adapt_bart(struct draft *draft)
{
	draft->set->scaled_queries = strcmp(config_text(draft->config, "model_type", ""), "whisper") == 0;
	draft->set->norm.eps = 1e-5;
}

static void adapt_bart_cross(struct draft *draft)
{
	start_cross(draft, "self_attn_layer_norm", true);
}

static void adapt_mbart_cross(struct draft *draft)
{
	draft->set->scaled_queries = strcmp(config_text(draft->config, "model_type", ""), "whisper") == 0;
	start_cross(draft, "encoder_attn_layer_norm", false);
}

static void adapt_moonshine(struct draft *draft)
{
	draft->set->norm.eps = 1e-5;
	draft->partial = config_real(draft->config, "partial_rotary_factor", 0.9);
}

static void adapt_moonshine_cross(struct draft *draft)
{
	start_cross(draft, "post_attention_layernorm", false);
}

static void adapt_beit(struct draft *draft)
{
	struct config_view *config = draft->config;
	bool shared = config_bool(config, "use_shared_relative_position_bias", false);
	if (!shared && !config_bool(config, "use_relative_position_bias", false))
		return;
	draft->set->bias = (struct bias_settings){ .kind = BIAS_GRID, .shared = shared };
	copy(draft->set->bias.table, shared ? "encoder.relative_position_bias.relative_position_bias_table"
					    : "attention.attention.relative_position_bias.relative_position_bias_table");
}

static void adapt_videomae(struct draft *draft)
{
	copy(draft->set->query_bias, "attention.attention.q_bias");
	copy(draft->set->value_bias, "attention.attention.v_bias");
}

static void adapt_dinov3(struct draft *draft)
{
	draft->set->rotary.grid = ROTARY_DINO;
	draft->set->rotary.prefix = 1 + config_int(draft->config, "num_register_tokens", 0);
	draft->set->norm.eps = config_real(draft->config, "layer_norm_eps", 1e-5);
}

static void adapt_pixtral(struct draft *draft)
{
	draft->set->rotary.grid = ROTARY_PIXTRAL;
	draft->set->norm.eps = 1e-5;
}

static void adapt_clip_eps(struct draft *draft)
{
	draft->set->norm.eps = config_real(draft->config, "layer_norm_eps", 1e-5);
}

static void adapt_wav2vec2(struct draft *draft)
{
	if (!config_bool(draft->config, "do_stable_layer_norm", false))
		no_norm(draft);
}

static void adapt_wavlm(struct draft *draft)
{
	adapt_wav2vec2(draft);
	draft->set->bias = (struct bias_settings){ .kind = BIAS_WAVLM, .shared = true, .reach = config_int(draft->config, "max_bucket_distance", 800), .two_sided = true };
	copy(draft->set->bias.table, "encoder.layers.0.attention.rel_attn_embed");
	copy(draft->set->bias.second, "attention.gru_rel_pos_linear");
	copy(draft->set->bias.third, "attention.gru_rel_pos_const");
}

static void feed_first(struct draft *draft, const char *norm, const char *first, const char *second)
{
	copy(draft->set->feed.norm, norm);
	copy(draft->set->feed.first, first);
	copy(draft->set->feed.second, second);
	snprintf(draft->set->feed.activation, sizeof draft->set->feed.activation, "%s", config_text(draft->config, "hidden_act", "silu"));
	draft->set->norm.eps = 1e-5;
}

static void adapt_conformer(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	const char *type = config_text(draft->config, "position_embeddings_type", "relative");
	feed_first(draft, "ffn1_layer_norm", "ffn1.intermediate_dense", "ffn1.output_dense");
	if (strcmp(type, "rotary") == 0) {
		draft->rotates = true;
		set->rotary.pairing = ROPE_HALF;
		set->rotary.input = true;
	} else if (strcmp(type, "relative") == 0) {
		set->bias.kind = BIAS_CONFORMER;
		copy(set->bias.table, "self_attn.linear_pos");
		copy(set->bias.second, "self_attn.pos_bias_u");
		copy(set->bias.third, "self_attn.pos_bias_v");
		copy(set->query_bias, set->bias.second);
	} else if (strcmp(type, "relative_key") == 0) {
		set->bias = (struct bias_settings){ .kind = BIAS_KEY_CLIPPED, .left = config_int(draft->config, "left_max_position_embeddings", 64),
						    .right = config_int(draft->config, "right_max_position_embeddings", 8) };
		copy(set->bias.table, "self_attn.distance_embedding");
	}
}

static void adapt_parakeet(struct draft *draft)
{
	struct bias_settings *bias = &draft->set->bias;
	feed_first(draft, "norm_feed_forward1", "feed_forward1.linear1", "feed_forward1.linear2");
	bias->kind = BIAS_CONFORMER;
	copy(bias->table, "self_attn.relative_k_proj");
	copy(bias->second, "self_attn.bias_u");
	copy(bias->third, "self_attn.bias_v");
	copy(draft->set->query_bias, bias->second);
}

/* Sizes of heads belong to the scan, not to an attention. */
static void adapt_mamba(struct draft *draft)
{
	is_other(draft, "mamba");
	draft->set->heads = draft->set->key_heads = draft->set->dim = draft->set->value_dim = 1;
}

static void adapt_mamba2(struct draft *draft)
{
	is_other(draft, "mamba2");
	draft->set->heads = draft->set->key_heads = draft->set->dim = draft->set->value_dim = 1;
}

static void adapt_rwkv(struct draft *draft)
{
	is_other(draft, "rwkv4");
	draft->set->heads = draft->set->key_heads = draft->set->dim = draft->set->value_dim = 1;
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------------------------------ */

#define BERT_NAMES .query = "attention.self.query", .key = "attention.self.key", .value = "attention.self.value", .output = "attention.output.dense"
#define VIT_NAMES .query = "attention.attention.query", .key = "attention.attention.key", .value = "attention.attention.value", .output = "attention.output.dense"
#define AUDIO_NAMES .query = "attention.q_proj", .key = "attention.k_proj", .value = "attention.v_proj", .output = "attention.out_proj"
#define ENCODER_SIZES .heads = "encoder_attention_heads|num_attention_heads", .layers = "encoder_layers|num_hidden_layers"
#define DECODER_SIZES .heads = "decoder_attention_heads|num_attention_heads", .layers = "decoder_layers|num_hidden_layers"
#define OUT_PROJ .output = "self_attn.out_proj"
#define CROSS_NAMES .query = "encoder_attn.q_proj", .key = "encoder_attn.k_proj", .value = "encoder_attn.v_proj", .output = "encoder_attn.out_proj"

const struct family model_family_table[] = {
	/* Decoders like Llama. */
	{ .types = "llama|arcee|seed_oss|mixtral|cwm", .title = "Llama, Mixtral, Arcee, Seed-OSS", .rope = ROPE_HALF },
	{ .types = "mistral|ministral", .title = "Mistral", .rope = ROPE_HALF, .window = WINDOW_ALWAYS, .window_default = 4096, .key_heads_default = 8 },
	{ .types = "ministral3|mistral3_text", .title = "Ministral 3", .rope = ROPE_HALF, .adapt = adapt_ministral3, .remark = "queries grow with the position" },
	{ .types = "qwen2|qwen2_moe", .title = "Qwen2, Qwen2.5", .rope = ROPE_HALF, .window = WINDOW_UPPER, .window_default = 4096 },
	{ .types = "qwen2_vl|qwen2_vl_text|qwen2_5_vl|qwen2_5_vl_text", .title = "Qwen2-VL, Qwen2.5-VL (text)", .rope = ROPE_HALF, .window = WINDOW_UPPER,
	  .window_default = 4096, .theta_default = 1000000, .remark = "M-RoPE" },
	{ .types = "qwen3|qwen3_moe|dots1", .title = "Qwen3", .rope = ROPE_HALF, .qk_norm = MODEL_NORM_RMS, .window = WINDOW_UPPER, .window_default = 4096 },
	{ .types = "qwen3_vl_text|qwen3_vl_moe_text", .title = "Qwen3-VL (text)", .rope = ROPE_HALF, .qk_norm = MODEL_NORM_RMS, .dim_default = 128,
	  .theta_default = 5000000, .remark = "interleaved M-RoPE" },
	{ .types = "qwen3_next", .title = "Qwen3-Next", .norm = MODEL_NORM_RMS_PLUS_ONE, .layout = MODEL_GATED, .qk_norm = MODEL_NORM_RMS_PLUS_ONE,
	  .rope = ROPE_HALF, .partial = 0.25, .dim_default = 256, .others = "gated delta rule", .adapt = adapt_qwen3_next },
	{ .types = "qwen3_5_text|qwen3_5_moe_text", .title = "Qwen3.5 (text)", .norm = MODEL_NORM_RMS_PLUS_ONE, .layout = MODEL_GATED,
	  .qk_norm = MODEL_NORM_RMS_PLUS_ONE, .rope = ROPE_HALF, .partial = 0.25, .dim_default = 256, .others = "gated delta rule", .adapt = adapt_qwen3_next,
	  .remark = "interleaved M-RoPE" },
	{ .types = "gemma", .title = "Gemma", .norm = MODEL_NORM_RMS_PLUS_ONE, .rope = ROPE_HALF, .dim_default = 256 },
	{ .types = "gemma2|vaultgemma", .title = "Gemma 2, VaultGemma", .norm = MODEL_NORM_RMS_PLUS_ONE, .rope = ROPE_HALF, .dim_default = 256, .window = WINDOW_PATTERN,
	  .window_period = 2, .window_default = 4096, .adapt = adapt_gemma2 },
	{ .types = "gemma3|gemma3_text", .title = "Gemma 3", .norm = MODEL_NORM_RMS_PLUS_ONE, .rope = ROPE_HALF, .theta_default = 1000000, .dim_default = 256,
	  .qk_norm = MODEL_NORM_RMS_PLUS_ONE, .window = WINDOW_PATTERN, .window_period = 6, .window_default = 4096, .heads_default = 8, .key_heads_default = 4,
	  .adapt = adapt_gemma3 },
	{ .types = "gemma3n_text", .title = "Gemma 3n", .rope = ROPE_HALF, .dim_default = 256, .qk_norm = MODEL_NORM_RMS, .window = WINDOW_PATTERN, .window_period = 5,
	  .window_default = 512, .adapt = adapt_gemma3n },
	{ .types = "gemma4_text", .title = "Gemma 4", .rope = ROPE_HALF, .dim_default = 256, .qk_norm = MODEL_NORM_RMS, .window = WINDOW_PATTERN, .window_period = 6,
	  .window_default = 512, .adapt = adapt_gemma4, .remark = "last layers share keys" },
	{ .types = "phi", .title = "Phi-1, Phi-2", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .output = "self_attn.dense", .qk_norm = MODEL_NORM_LAYER,
	  .qk_norm_if = "qk_layernorm", .query_norm = "self_attn.q_layernorm", .key_norm = "self_attn.k_layernorm", .rope = ROPE_HALF, .partial = 0.5 },
	{ .types = "phi3", .title = "Phi-3, Phi-4", .layout = MODEL_BLOCKS, .query = "self_attn.qkv_proj", .rope = ROPE_HALF, .eps_default = 1e-5, .window = WINDOW_ALWAYS },
	{ .types = "gpt_oss", .title = "gpt-oss", .rope = ROPE_HALF, .theta_default = 150000, .dim_default = 64, .eps_default = 1e-5, .window = WINDOW_PATTERN,
	  .window_period = 2, .window_default = 128, .adapt = adapt_gpt_oss, .remark = "sink logits" },
	{ .types = "cohere", .title = "Cohere Command R", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .qk_norm = MODEL_NORM_LAYER, .qk_norm_if = "use_qk_norm",
	  .rope = ROPE_INTERLEAVED, .adapt = adapt_cohere },
	{ .types = "cohere2|cohere2_text", .title = "Cohere Command R7B", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .rope = ROPE_INTERLEAVED, .window = WINDOW_PATTERN,
	  .window_period = 4, .window_default = 4096, .adapt = adapt_cohere2 },
	{ .types = "olmo", .title = "OLMo", .norm = MODEL_NORM_LAYER_UNIT, .rope = ROPE_HALF, .adapt = adapt_olmo },
	{ .types = "olmo2", .title = "OLMo 2", .norm_name = "", .eps_default = 1e-5, .qk_norm = MODEL_NORM_RMS, .qk_stage = MODEL_STAGE_WIDTH, .rope = ROPE_HALF },
	{ .types = "olmo3", .title = "OLMo 3", .norm_name = "", .eps_default = 1e-5, .qk_norm = MODEL_NORM_RMS, .qk_stage = MODEL_STAGE_WIDTH, .rope = ROPE_HALF,
	  .window = WINDOW_PATTERN, .window_period = 4, .window_default = 4096, .adapt = adapt_olmo3 },
	{ .types = "olmoe|flex_olmo", .title = "OLMoE", .eps_default = 1e-5, .qk_norm = MODEL_NORM_RMS, .qk_stage = MODEL_STAGE_WIDTH, .rope = ROPE_HALF, .adapt = adapt_clip },
	{ .types = "olmo_hybrid", .title = "OLMo hybrid", .norm_name = "", .qk_norm = MODEL_NORM_RMS, .qk_stage = MODEL_STAGE_WIDTH, .rope = ROPE_HALF,
	  .others = "gated delta rule", .adapt = adapt_olmo_hybrid },
	{ .types = "stablelm", .title = "StableLM", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .qk_norm = MODEL_NORM_LAYER, .qk_norm_if = "qk_layernorm",
	  .query_norm = "self_attn.q_layernorm.norms.%", .key_norm = "self_attn.k_layernorm.norms.%", .rope = ROPE_HALF, .partial = 0.25, .adapt = adapt_stablelm },
	{ .types = "persimmon", .title = "Persimmon", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .layout = MODEL_PER_HEAD, .query = "self_attn.query_key_value",
	  .output = "self_attn.dense", .qk_norm = MODEL_NORM_LAYER, .query_norm = "self_attn.q_layernorm", .key_norm = "self_attn.k_layernorm", .rope = ROPE_HALF,
	  .theta_default = 25000, .partial = 0.5, .adapt = adapt_persimmon },
	{ .types = "starcoder2", .title = "StarCoder2", .norm = MODEL_NORM_LAYER, .eps = "norm_epsilon", .eps_default = 1e-5, .rope = ROPE_HALF, .window = WINDOW_ALWAYS,
	  .key_heads_default = 2 },
	{ .types = "glm|glm4", .title = "GLM-4", .eps_default = 1.5625e-07, .rope = ROPE_INTERLEAVED, .partial = 0.5, .key_heads_default = 2, .dim_default = 128 },
	{ .types = "glm4_moe", .title = "GLM-4.5", .eps_default = 1e-5, .rope = ROPE_HALF, .partial = 0.5, .qk_norm = MODEL_NORM_RMS, .qk_norm_if = "use_qk_norm", .key_heads_default = 8 },
	{ .types = "granite|granitemoe|granitemoeshared", .title = "Granite", .rope = ROPE_HALF, .adapt = adapt_granite },
	{ .types = "granitemoehybrid", .title = "Granite 4", .rope = ROPE_HALF, .adapt = adapt_granite_hybrid },
	{ .types = "nemotron", .title = "Nemotron", .norm = MODEL_NORM_LAYER_PLUS_ONE, .eps = "norm_eps", .eps_default = 1e-5, .rope = ROPE_HALF, .partial = 0.5 },
	{ .types = "smollm3", .title = "SmolLM3", .rope = ROPE_HALF, .theta_default = 2000000, .window = WINDOW_UPPER, .key_heads_default = 4, .adapt = adapt_smollm3, .remark = "layers without rotation" },
	{ .types = "llama4_text", .title = "Llama 4", .eps_default = 1e-5, .rope = ROPE_INTERLEAVED, .theta_default = 500000, .dim_default = 128, .key_heads_default = 8,
	  .qk_norm = MODEL_NORM_RMS_UNIT, .qk_stage = MODEL_STAGE_ROTATED, .adapt = adapt_llama4, .remark = "chunks; layers without rotation, with temperature" },
	{ .types = "exaone4", .title = "EXAONE 4", .norm_name = "", .eps_default = 1e-5, .qk_norm = MODEL_NORM_RMS, .rope = ROPE_HALF, .window = WINDOW_PATTERN, .window_period = 4,
	  .window_default = 4096, .adapt = adapt_exaone4 },
	{ .types = "apertus", .title = "Apertus", .norm_name = "attention_layernorm", .eps_default = 1e-5, .qk_norm = MODEL_NORM_RMS, .rope = ROPE_HALF, .theta_default = 12000000 },
	{ .types = "hunyuan_v1_dense|hunyuan_v1_moe", .title = "HunYuan", .eps_default = 1e-5, .qk_norm = MODEL_NORM_RMS, .qk_stage = MODEL_STAGE_ROTATED,
	  .query_norm = "self_attn.query_layernorm", .key_norm = "self_attn.key_layernorm", .rope = ROPE_HALF, .adapt = adapt_hunyuan },
	{ .types = "helium", .title = "Helium", .eps_default = 1e-8, .rope = ROPE_INTERLEAVED, .theta_default = 100000, .dim_default = 128 },
	{ .types = "ernie4_5|ernie4_5_moe", .title = "ERNIE 4.5", .eps_default = 1e-5, .rope = ROPE_INTERLEAVED, .theta_default = 500000 },
	{ .types = "lfm2|lfm2_moe", .title = "LFM2", .norm_name = "operator_norm", .eps = "norm_eps", .eps_default = 1e-5, OUT_PROJ, .qk_norm = MODEL_NORM_RMS,
	  .query_norm = "self_attn.q_layernorm", .key_norm = "self_attn.k_layernorm", .rope = ROPE_HALF, .theta_default = 1000000, .key_heads_default = 8,
	  .others = "short convolution", .adapt = adapt_lfm2 },
	{ .types = "diffllama", .title = "DiffLlama", .eps_default = 1e-5, .rope = ROPE_HALF, .adapt = adapt_diffllama },
	{ .types = "minimax", .title = "MiniMax-Text-01", .eps_default = 1e-5, .rope = ROPE_HALF, .theta_default = 1000000, .others = "lightning attention", .adapt = adapt_minimax },
	{ .types = "minimax_m2", .title = "MiniMax-M2", .qk_norm = MODEL_NORM_RMS, .qk_stage = MODEL_STAGE_WIDTH, .rope = ROPE_HALF, .adapt = adapt_minimax_m2 },
	{ .types = "minimax_m3_vl_text|minimax_m3_text", .title = "MiniMax-M3", .norm = MODEL_NORM_RMS_PLUS_ONE, .qk_norm = MODEL_NORM_RMS_PLUS_ONE, .rope = ROPE_HALF,
	  .adapt = adapt_minimax_m3, .remark = "chosen blocks" },
	{ .types = "mimo_v2_flash", .title = "MiMo-V2-Flash", .rope = ROPE_HALF, .partial = 0.334, .adapt = adapt_mimo, .remark = "sinks on sliding layers" },
	{ .types = "jamba", .title = "Jamba", .adapt = adapt_jamba },
	{ .types = "bamba", .title = "Bamba", .eps_default = 1e-5, .rope = ROPE_HALF, .partial = 0.5, .adapt = adapt_bamba },
	{ .types = "recurrent_gemma", .title = "RecurrentGemma", .norm = MODEL_NORM_RMS_PLUS_ONE, .norm_name = "temporal_pre_norm", .query = "temporal_block.q_proj",
	  .key = "temporal_block.k_proj", .value = "temporal_block.v_proj", .output = "temporal_block.o_proj", .rope = ROPE_HALF, .partial = 0.5, .adapt = adapt_recurrent_gemma },

	/* Multi-head latent attention. */
	{ .types = "deepseek_v2", .title = "DeepSeek-V2", .query = "self_attn.kv_a_proj_with_mqa", .rope = ROPE_INTERLEAVED, .adapt = use_latent },
	{ .types = "deepseek_v3|kimi_k2|glm4_moe_lite", .title = "DeepSeek-V3, Kimi K2", .query = "self_attn.kv_a_proj_with_mqa", .rope = ROPE_INTERLEAVED, .adapt = adapt_deepseek_v3 },
	{ .types = "mistral4", .title = "Mistral 4", .query = "self_attn.kv_a_proj_with_mqa", .rope = ROPE_INTERLEAVED, .adapt = adapt_mistral4 },
	{ .types = "deepseek_v32", .title = "DeepSeek-V3.2", .query = "self_attn.kv_a_proj_with_mqa", .rope = ROPE_INTERLEAVED, .adapt = adapt_deepseek_v32, .remark = "chosen keys" },
	{ .types = "glm_moe_dsa", .title = "GLM-5", .query = "self_attn.kv_a_proj_with_mqa", .rope = ROPE_INTERLEAVED, .adapt = adapt_glm_dsa, .remark = "chosen keys" },
	{ .types = "longcat_flash", .title = "LongCat-Flash", .norm_name = "input_layernorm.0", .eps_default = 1e-5, .query = "self_attn.0.kv_a_proj_with_mqa",
	  .rope = ROPE_INTERLEAVED, .theta_default = 10000000, .layers = "num_layers|num_hidden_layers", .adapt = adapt_longcat, .remark = "the first attention of each layer" },
	{ .types = "deepseek_v4", .title = "DeepSeek-V4", .query = "self_attn.q_a_proj", .rope = ROPE_INTERLEAVED, .adapt = adapt_deepseek_v4 },
	{ .types = "kimi_linear", .title = "Kimi Linear", .query = "self_attn.kv_a_proj_with_mqa", .adapt = adapt_kimi, .others = "Kimi delta attention" },

	/* Decoders with names of their own. */
	{ .types = "gpt2", .title = "GPT-2", .path = "h.#.", .norm = MODEL_NORM_LAYER, .norm_name = "ln_1", .eps_default = 1e-5, .layout = MODEL_CONV1D, .query = "attn.c_attn",
	  .output = "attn.c_proj", .adapt = adapt_gpt2 },
	{ .types = "openai-gpt", .title = "GPT", .path = "h.#.", .norm_name = "", .layout = MODEL_CONV1D, .query = "attn.c_attn", .output = "attn.c_proj" },
	{ .types = "gpt_bigcode", .title = "StarCoder, SantaCoder", .path = "h.#.", .norm = MODEL_NORM_LAYER, .norm_name = "ln_1", .eps_default = 1e-5, .layout = MODEL_BLOCKS,
	  .query = "attn.c_attn", .output = "attn.c_proj", .adapt = adapt_bigcode },
	{ .types = "gpt_neo", .title = "GPT-Neo", .path = "h.#.", .norm = MODEL_NORM_LAYER, .norm_name = "ln_1", .eps_default = 1e-5, .query = "attn.attention.q_proj",
	  .key = "attn.attention.k_proj", .value = "attn.attention.v_proj", .output = "attn.attention.out_proj", .adapt = adapt_neo },
	{ .types = "gptj", .title = "GPT-J", .path = "h.#.", .norm = MODEL_NORM_LAYER, .norm_name = "ln_1", .eps_default = 1e-5, .query = "attn.q_proj", .key = "attn.k_proj",
	  .value = "attn.v_proj", .output = "attn.out_proj", .rope = ROPE_INTERLEAVED, .adapt = adapt_gptj },
	{ .types = "codegen", .title = "CodeGen", .path = "h.#.", .norm = MODEL_NORM_LAYER, .norm_name = "ln_1", .eps_default = 1e-5, .layout = MODEL_CODEGEN,
	  .query = "attn.qkv_proj", .output = "attn.out_proj", .rope = ROPE_INTERLEAVED, .adapt = adapt_gptj },
	{ .types = "gpt_neox", .title = "GPT-NeoX, Pythia", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .layout = MODEL_PER_HEAD, .query = "attention.query_key_value",
	  .output = "attention.dense", .rope = ROPE_HALF, .theta = "rotary_emb_base|rope_theta", .partial = 0.25 },
	{ .types = "falcon|RefinedWeb|RefinedWebModel", .title = "Falcon", .path = "h.#.", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .query = "self_attention.query_key_value",
	  .layout = MODEL_PER_HEAD, .output = "self_attention.dense", .rope = ROPE_HALF, .adapt = adapt_falcon, .remark = "ALiBi where the config says so" },
	{ .types = "bloom", .title = "BLOOM", .path = "h.#.", .norm = MODEL_NORM_LAYER, .eps_default = 1e-5, .layout = MODEL_PER_HEAD, .query = "self_attention.query_key_value",
	  .output = "self_attention.dense", .adapt = adapt_bloom, .remark = "ALiBi" },
	{ .types = "mpt", .title = "MPT", .path = "blocks.#.", .norm = MODEL_NORM_LAYER, .norm_name = "norm_1", .eps_default = 1e-5, .layout = MODEL_BLOCKS, .query = "attn.Wqkv",
	  .output = "attn.out_proj", .adapt = adapt_mpt, .remark = "ALiBi" },
	{ .types = "dbrx", .title = "DBRX", .path = "blocks.#.", .norm = MODEL_NORM_LAYER, .norm_name = "norm_attn_norm.norm_1", .layout = MODEL_BLOCKS,
	  .query = "norm_attn_norm.attn.Wqkv", .output = "norm_attn_norm.attn.out_proj", .rope = ROPE_HALF, .adapt = adapt_dbrx },
	{ .types = "opt", .title = "OPT", .path = "decoder.layers.#.", .norm = MODEL_NORM_LAYER, .norm_name = "self_attn_layer_norm", OUT_PROJ, .adapt = adapt_opt },
	{ .types = "xglm", .title = "XGLM", .norm = MODEL_NORM_LAYER, .norm_name = "self_attn_layer_norm", OUT_PROJ, .adapt = adapt_xglm },
	{ .types = "biogpt", .title = "BioGPT", .norm = MODEL_NORM_LAYER, .norm_name = "self_attn_layer_norm", .eps_default = 1e-5, OUT_PROJ, .adapt = adapt_bart },

	/* Encoders of text. */
	{ .types = "bert|roberta|xlm-roberta|electra|camembert|data2vec-text|ernie|layoutlm|bert-generation",
	  .title = "BERT, RoBERTa, XLM-R, ELECTRA, CamemBERT", .path = "encoder.layer.#.", .norm_name = "", BERT_NAMES, .is_encoder = true, .adapt = adapt_bert },
	{ .types = "distilbert", .title = "DistilBERT", .path = "transformer.layer.#.", .norm_name = "", .query = "attention.q_lin", .key = "attention.k_lin",
	  .value = "attention.v_lin", .output = "attention.out_lin", .is_encoder = true },
	{ .types = "albert", .title = "ALBERT", .path = "albert_layer_groups.#.albert_layers.0.", .norm_name = "", .query = "attention.query", .key = "attention.key",
	  .value = "attention.value", .output = "attention.dense", .is_encoder = true, .adapt = adapt_albert, .remark = "layers share weights" },
	{ .types = "mpnet", .title = "MPNet", .path = "encoder.layer.#.", .norm_name = "", .query = "attention.attn.q", .key = "attention.attn.k", .value = "attention.attn.v",
	  .output = "attention.attn.o", .is_encoder = true, .adapt = adapt_mpnet },
	{ .types = "deberta", .title = "DeBERTa", .path = "encoder.layer.#.", .norm_name = "", .eps_default = 1e-7, .layout = MODEL_PER_HEAD,
	  .query = "attention.self.in_proj", .output = "attention.output.dense", .is_encoder = true, .adapt = adapt_deberta },
	{ .types = "deberta-v2", .title = "DeBERTa-v2, v3", .path = "encoder.layer.#.", .norm_name = "", .eps_default = 1e-7, .query = "attention.self.query_proj",
	  .key = "attention.self.key_proj", .value = "attention.self.value_proj", .output = "attention.output.dense", .is_encoder = true, .adapt = adapt_deberta },
	{ .types = "modernbert", .title = "ModernBERT", .norm = MODEL_NORM_LAYER, .norm_name = "attn_norm", .eps = "norm_eps", .eps_default = 1e-5,
	  .layout = MODEL_BLOCKS, .query = "attn.Wqkv", .output = "attn.Wo", .rope = ROPE_HALF, .is_encoder = true, .adapt = adapt_modernbert },
	{ .types = "roformer", .title = "RoFormer", .path = "encoder.layer.#.", .norm_name = "", BERT_NAMES, .rope = ROPE_INTERLEAVED, .is_encoder = true },
	{ .types = "esm", .title = "ESM-2", .path = "encoder.layer.#.", .norm = MODEL_NORM_LAYER, .norm_name = "attention.LayerNorm", BERT_NAMES, .rope = ROPE_HALF,
	  .is_encoder = true, .adapt = adapt_esm },
	{ .types = "xlnet", .title = "XLNet", .path = "layer.#.", .norm_name = "", .layout = MODEL_TRANSPOSED, .query = "rel_attn.q", .key = "rel_attn.k", .value = "rel_attn.v",
	  .output = "rel_attn.o", .is_encoder = true, .adapt = adapt_xlnet },

	/* Encoder-decoders. */
	{ .types = "t5|mt5|umt5", .tower = "encoder", .title = "T5, mT5, UMT5", .path = "encoder.block.#.", .norm_name = "layer.0.layer_norm", .query = "layer.0.SelfAttention.q",
	  .key = "layer.0.SelfAttention.k", .value = "layer.0.SelfAttention.v", .output = "layer.0.SelfAttention.o", .is_encoder = true, .dim_default = 64,
	  .heads = "num_heads", .layers = "num_layers", .adapt = adapt_t5_encoder },
	{ .types = "t5|mt5|umt5", .tower = "decoder", .title = "T5, mT5, UMT5", .path = "decoder.block.#.", .norm_name = "layer.0.layer_norm", .query = "layer.0.SelfAttention.q",
	  .key = "layer.0.SelfAttention.k", .value = "layer.0.SelfAttention.v", .output = "layer.0.SelfAttention.o", .dim_default = 64,
	  .heads = "num_heads", .layers = "num_decoder_layers|num_layers", .adapt = adapt_t5_decoder },
	{ .types = "t5|mt5|umt5", .tower = "cross", .title = "T5, mT5, UMT5", .path = "decoder.block.#.", .query = "layer.1.EncDecAttention.q", .key = "layer.1.EncDecAttention.k",
	  .value = "layer.1.EncDecAttention.v", .output = "layer.1.EncDecAttention.o", .dim_default = 64, .heads = "num_heads", .layers = "num_decoder_layers|num_layers",
	  .adapt = adapt_t5_cross },
	{ .types = "bart|marian|plbart|blenderbot-small", .tower = "encoder", .title = "BART, Marian", .path = "encoder.layers.#.", .norm_name = "", OUT_PROJ, ENCODER_SIZES, .is_encoder = true,
	  .adapt = adapt_bart },
	{ .types = "bart|marian|plbart|blenderbot-small", .tower = "decoder", .title = "BART, Marian", .path = "decoder.layers.#.", .norm_name = "", OUT_PROJ, DECODER_SIZES, .adapt = adapt_bart },
	{ .types = "bart|marian|plbart|blenderbot-small", .tower = "cross", .title = "BART, Marian", .path = "decoder.layers.#.", CROSS_NAMES, DECODER_SIZES, .adapt = adapt_bart_cross },
	{ .types = "m2m_100|mbart|pegasus|whisper|nllb-moe|blenderbot|speech_to_text", .tower = "encoder", .title = "M2M-100, NLLB, mBART, Pegasus, Whisper", .path = "encoder.layers.#.",
	  .norm = MODEL_NORM_LAYER, .norm_name = "self_attn_layer_norm", OUT_PROJ, ENCODER_SIZES, .is_encoder = true, .adapt = adapt_bart },
	{ .types = "m2m_100|mbart|pegasus|whisper|nllb-moe|blenderbot|speech_to_text", .tower = "decoder", .title = "M2M-100, NLLB, mBART, Pegasus, Whisper", .path = "decoder.layers.#.",
	  .norm = MODEL_NORM_LAYER, .norm_name = "self_attn_layer_norm", OUT_PROJ, DECODER_SIZES, .adapt = adapt_bart },
	{ .types = "m2m_100|mbart|pegasus|whisper|nllb-moe|blenderbot|speech_to_text", .tower = "cross", .title = "M2M-100, NLLB, mBART, Pegasus, Whisper", .path = "decoder.layers.#.",
	  .norm = MODEL_NORM_LAYER, CROSS_NAMES, DECODER_SIZES, .adapt = adapt_mbart_cross },
	{ .types = "moonshine", .tower = "encoder", .title = "Moonshine", .path = "encoder.layers.#.", .norm = MODEL_NORM_LAYER, .heads = "encoder_num_attention_heads",
	  .layers = "encoder_num_hidden_layers", .rope = ROPE_INTERLEAVED, .is_encoder = true, .adapt = adapt_moonshine },
	{ .types = "moonshine", .tower = "decoder", .title = "Moonshine", .path = "decoder.layers.#.", .norm = MODEL_NORM_LAYER, .heads = "decoder_num_attention_heads",
	  .layers = "decoder_num_hidden_layers", .rope = ROPE_INTERLEAVED, .adapt = adapt_moonshine },
	{ .types = "moonshine", .tower = "cross", .title = "Moonshine", .path = "decoder.layers.#.", .norm = MODEL_NORM_LAYER, .heads = "decoder_num_attention_heads",
	  .layers = "decoder_num_hidden_layers", .query = "encoder_attn.q_proj", .key = "encoder_attn.k_proj", .value = "encoder_attn.v_proj", .output = "encoder_attn.o_proj",
	  .adapt = adapt_moonshine_cross },

	/* Vision. */
	{ .types = "vit|deit|vit_mae|vit_msn|ijepa", .title = "ViT, DeiT", .path = "encoder.layer.#.", .norm = MODEL_NORM_LAYER, .norm_name = "layernorm_before", .eps_default = 1e-12,
	  VIT_NAMES, .is_encoder = true },
	{ .types = "videomae", .title = "VideoMAE", .path = "encoder.layer.#.", .norm = MODEL_NORM_LAYER, .norm_name = "layernorm_before", .eps_default = 1e-12, VIT_NAMES,
	  .is_encoder = true, .adapt = adapt_videomae },
	{ .types = "beit|data2vec-vision", .title = "BEiT", .path = "encoder.layer.#.", .norm = MODEL_NORM_LAYER, .norm_name = "layernorm_before", .eps_default = 1e-12, VIT_NAMES,
	  .is_encoder = true, .adapt = adapt_beit },
	{ .types = "dinov2|dinov2_with_registers", .title = "DINOv2", .path = "encoder.layer.#.", .norm = MODEL_NORM_LAYER, .norm_name = "norm1", .eps_default = 1e-6, VIT_NAMES, .is_encoder = true },
	{ .types = "dinov3_vit", .title = "DINOv3", .path = "layer.#.", .norm = MODEL_NORM_LAYER, .norm_name = "norm1", .query = "attention.q_proj", .key = "attention.k_proj",
	  .value = "attention.v_proj", .output = "attention.o_proj", .rope = ROPE_HALF, .theta_default = 100, .is_encoder = true, .adapt = adapt_dinov3, .remark = "2-D RoPE" },
	{ .types = "clip_vision_model|siglip_vision_model|siglip2_vision_model", .title = "CLIP, SigLIP (vision)", .path = "vision_model.encoder.layers.#.",
	  .norm = MODEL_NORM_LAYER, .norm_name = "layer_norm1", OUT_PROJ, .is_encoder = true, .adapt = adapt_clip_eps },
	{ .types = "clip_text_model", .title = "CLIP (text)", .path = "text_model.encoder.layers.#.", .norm = MODEL_NORM_LAYER, .norm_name = "layer_norm1", OUT_PROJ, .adapt = adapt_clip_eps },
	{ .types = "siglip_text_model|siglip2_text_model", .title = "SigLIP (text)", .path = "text_model.encoder.layers.#.", .norm = MODEL_NORM_LAYER, .norm_name = "layer_norm1",
	  OUT_PROJ, .is_encoder = true, .adapt = adapt_clip_eps },
	{ .types = "pixtral", .title = "Pixtral (vision)", .path = "transformer.layers.#.", .norm_name = "attention_norm", .query = "attention.q_proj", .key = "attention.k_proj",
	  .value = "attention.v_proj", .output = "attention.o_proj", .rope = ROPE_HALF, .is_encoder = true, .adapt = adapt_pixtral, .remark = "2-D RoPE" },

	/* Sound. */
	{ .types = "wav2vec2|hubert|data2vec-audio|unispeech|unispeech-sat|sew", .title = "wav2vec 2.0, HuBERT", .path = "encoder.layers.#.", .norm = MODEL_NORM_LAYER,
	  .norm_name = "layer_norm", .eps_default = 1e-5, AUDIO_NAMES, .is_encoder = true, .adapt = adapt_wav2vec2 },
	{ .types = "wavlm", .title = "WavLM", .path = "encoder.layers.#.", .norm = MODEL_NORM_LAYER, .norm_name = "layer_norm", .eps_default = 1e-5, AUDIO_NAMES, .is_encoder = true,
	  .adapt = adapt_wavlm },
	{ .types = "wav2vec2-conformer|wav2vec2-bert", .title = "Wav2Vec2-Conformer, W2v-BERT", .path = "encoder.layers.#.", .norm = MODEL_NORM_LAYER,
	  .norm_name = "self_attn_layer_norm", .query = "self_attn.linear_q", .key = "self_attn.linear_k", .value = "self_attn.linear_v", .output = "self_attn.linear_out",
	  .theta = "rotary_embedding_base", .is_encoder = true, .adapt = adapt_conformer },
	{ .types = "parakeet_encoder", .title = "Parakeet", .norm = MODEL_NORM_LAYER, .norm_name = "norm_self_att", .is_encoder = true, .adapt = adapt_parakeet },

	/* No softmax at all. */
	{ .types = "mamba", .title = "Mamba", .norm_name = "norm", .eps_default = 1e-5, .query = "mixer.in_proj", .heads_default = 1, .states_behind = true, .adapt = adapt_mamba, .remark = "mamba" },
	{ .types = "mamba2", .title = "Mamba-2", .norm_name = "norm", .eps_default = 1e-5, .query = "mixer.in_proj", .heads_default = 1, .states_behind = true, .adapt = adapt_mamba2, .remark = "ssd" },
	{ .types = "rwkv", .title = "RWKV-4", .path = "blocks.#.", .norm = MODEL_NORM_LAYER, .norm_name = "ln1", .eps_default = 1e-5, .query = "attention.key", .heads_default = 1,
	  .states_behind = true, .adapt = adapt_rwkv, .remark = "rwkv4" },
};

const size_t model_family_count = sizeof model_family_table / sizeof *model_family_table;
