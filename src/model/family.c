/* SPDX-License-Identifier: MIT */
#include "model/family.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char LAYERS[] = "num_hidden_layers|n_layer|n_layers|num_layers|encoder_layers|decoder_layers";
static const char HEADS[] = "num_attention_heads|n_head|num_heads|n_heads|attention_heads|encoder_attention_heads|decoder_attention_heads";
static const char WIDTH[] = "hidden_size|n_embd|d_model|dim";
static const char EPS[] = "rms_norm_eps|layer_norm_eps|layer_norm_epsilon|norm_eps|norm_epsilon";

enum { HEADS_MAX = 1 << 16, DIM_MAX = 1 << 20, LAYERS_MAX = 1 << 16 };

static bool is_among(const char *types, const char *type)
{
	size_t length = strlen(type);
	for (const char *at = types; *at; at += strcspn(at, "|") + (at[strcspn(at, "|")] == '|'))
		if (strcspn(at, "|") == length && strncmp(at, type, length) == 0)
			return true;
	return false;
}

const struct family *family_find(const char *type, const char *tower)
{
	for (size_t i = 0; i < model_family_count; i++) {
		const struct family *row = &model_family_table[i];
		if (is_among(row->types, type) && (!tower || !row->tower || strcmp(row->tower, tower) == 0))
			return row;
	}
	return NULL;
}

int family_towers(const char *type, const char **tower, int most)
{
	int count = 0;
	for (size_t i = 0; i < model_family_count && count < most; i++)
		if (model_family_table[i].tower && is_among(model_family_table[i].types, type))
			tower[count++] = model_family_table[i].tower;
	return count;
}

static void name(char *to, const char *given, const char *otherwise)
{
	snprintf(to, MODEL_NAME, "%s", given ? given : otherwise);
}

static const char *or_name(const char *given, const char *otherwise)
{
	return given ? given : otherwise;
}

int64_t family_layers(const struct family *family, struct config_view *config)
{
	int64_t layers = config_int(config, or_name(family->layers, LAYERS), 0);
	if (!config->err && (layers < 1 || layers > LAYERS_MAX))
		config_fail(config, ERR_VALUE, "the config has no usable number of layers (%lld)", (long long)layers);
	return layers;
}

static void set_sizes(const struct family *family, struct draft *draft)
{
	struct config_view *config = draft->config;
	struct layer_settings *set = draft->set;
	set->width = config_int(config, WIDTH, 0);
	set->heads = config_int(config, or_name(family->heads, HEADS), family->heads_default);
	if (config->err)
		return;
	if (set->heads < 1 || set->heads > HEADS_MAX || set->width < 1 || set->width > DIM_MAX) {
		config_fail(config, ERR_VALUE, "the config has no usable number of heads (%lld) and width (%lld)", (long long)set->heads, (long long)set->width);
		return;
	}
	set->key_heads = config_int(config, "num_key_value_heads|multi_query_group_num", family->key_heads_default ? family->key_heads_default : set->heads);
	set->dim = config_int(config, "head_dim|d_kv|attention_head_dim|kv_channels", family->dim_default ? family->dim_default : set->width / set->heads);
	set->value_dim = set->dim;
}

/* A number, or a word whose letters are the layers ("LLLG"). */
static int64_t window_period(const struct family *family, struct config_view *config)
{
	static const char names[] = "sliding_window_pattern|_sliding_window_pattern";
	const json_t *value = config_find(config, names);
	return json_is_string(value) ? (int64_t)strlen(json_string_value(value)) : config_int(config, names, family->window_period);
}

/* layer_types is a list, or is made from a pattern. */
static void set_type(const struct family *family, struct draft *draft)
{
	struct config_view *config = draft->config;
	const json_t *types = config_array(config, "layer_types|layers_block_type");
	int64_t period;
	draft->type = NULL;
	if (types) {
		draft->type = config_text_at(config, "layer_types|layers_block_type", types, draft->layer);
		return;
	}
	switch (family->window) {
	case WINDOW_PATTERN:
		period = window_period(family, config);
		draft->type = period > 0 && (draft->layer + 1) % period ? "sliding_attention" : "full_attention";
		break;
	case WINDOW_ALWAYS:
		draft->type = "sliding_attention";
		break;
	case WINDOW_UPPER:
		draft->type = config_bool(config, "use_sliding_window", false) && draft->layer >= config_int(config, "max_window_layers", 28) ? "sliding_attention" : NULL;
		break;
	case WINDOW_NEVER:
		break;
	}
}

static bool is_type(const struct draft *draft, const char *type)
{
	return draft->type && strcmp(draft->type, type) == 0;
}

/* `sliding_window: null` means none; a file from before the field has the family's default. */
static void set_window(const struct family *family, struct draft *draft)
{
	struct config_view *config = draft->config;
	struct layer_settings *set = draft->set;
	set->is_causal = !family->is_encoder;
	set->left = set->right = -1;
	if (is_type(draft, "sliding_attention")) {
		int64_t window = config_mentions(config, "sliding_window") ? config_int(config, "sliding_window", 0) : family->window_default;
		set->left = window > 0 ? window - 1 : -1;
	} else if (is_type(draft, "chunked_attention")) {
		set->chunk = config_int(config, "attention_chunk_size", 8192);
	}
}

static void set_names(const struct family *family, struct layer_settings *set)
{
	bool fused = family->layout >= MODEL_BLOCKS && family->layout <= MODEL_CODEGEN;
	set->layout = family->layout;
	name(set->query, family->query, "self_attn.q_proj");
	name(set->key, fused ? family->query : family->key, "self_attn.k_proj");
	name(set->value, fused ? family->query : family->value, "self_attn.v_proj");
	name(set->output, family->output, "self_attn.o_proj");
}

static void set_norms(const struct family *family, struct draft *draft)
{
	struct layer_settings *set = draft->set;
	double eps = config_real(draft->config, or_name(family->eps, EPS), family->eps_default ? family->eps_default : 1e-6);
	bool none = family->norm_name && !*family->norm_name && family->norm == MODEL_NORM_NONE;
	set->norm = (struct norm_settings){ .kind = none ? MODEL_NORM_NONE : family->norm ? family->norm : MODEL_NORM_RMS, .eps = eps };
	name(set->norm.name, family->norm_name, "input_layernorm");
	set->qk_norm = !family->qk_norm_if || config_bool(draft->config, family->qk_norm_if, false) ? family->qk_norm : MODEL_NORM_NONE;
	set->qk_stage = family->qk_stage;
	set->qk_eps = eps;
	name(set->query_norm, family->query_norm, "self_attn.q_norm");
	name(set->key_norm, family->key_norm, "self_attn.k_norm");
}

static void start_rotation(const struct family *family, struct draft *draft)
{
	draft->rotates = family->rope != ROPE_NONE;
	draft->scaled = true;
	draft->set->rotary = (struct rotary_settings){ .pairing = family->rope, .multiplier = 1 };
	draft->theta = config_real(draft->config, or_name(family->theta, "rope_theta"), family->theta_default ? family->theta_default : 10000);
	draft->partial = config_real(draft->config, "partial_rotary_factor|rotary_pct|rope_pct", family->partial ? family->partial : 1);
}

/* Layers of hybrids that are no softmax attention. */
static void set_mechanism(const struct family *family, struct draft *draft)
{
	struct layer_settings *set = draft->set;
	static const char *const ours[] = { "full_attention", "sliding_attention", "chunked_attention", "attention", "hybrid" };
	set->is_softmax = !draft->type;
	for (size_t i = 0; i < sizeof ours / sizeof *ours && !set->is_softmax; i++)
		set->is_softmax = is_type(draft, ours[i]);
	set->mechanism = set->is_softmax ? "softmax" : is_type(draft, "conv") ? "short convolution" : is_type(draft, "mamba") ? "mamba" :
			 family->others ? family->others : draft->type;
}

static void check_sizes(struct draft *draft)
{
	struct layer_settings *set = draft->set;
	if (set->dim < 1 || set->dim > DIM_MAX || set->key_heads < 1 || set->key_heads > set->heads || set->heads % set->key_heads || set->value_dim < 1)
		config_fail(draft->config, ERR_VALUE, "the config's %lld heads, %lld key heads and head dim %lld do not go together (layer %lld)",
			    (long long)set->heads, (long long)set->key_heads, (long long)set->dim, (long long)draft->layer);
	if (!isfinite(set->scale))
		config_fail(draft->config, ERR_VALUE, "the config gives layer %lld no finite scale", (long long)draft->layer);
}

void family_layer(const struct family *family, struct config_view *config, int64_t layer, int64_t layers, int64_t length, struct layer_settings *set)
{
	struct draft draft = { .config = config, .length = length, .layer = layer, .layers = layers, .set = set };
	char number[24];
	snprintf(number, sizeof number, "%lld", (long long)layer);
	*set = (struct layer_settings){ .number = layer, .tensors_of = layer, .keys_of = layer };
	config->layer = json_object_get(config_object(config, "per_layer_config"), number);
	set_sizes(family, &draft);
	if (config->err)
		return;
	set_type(family, &draft);
	set_mechanism(family, &draft);
	set_window(family, &draft);
	set_names(family, set);
	set_norms(family, &draft);
	start_rotation(family, &draft);
	set->scale = 1 / sqrt((double)set->dim);
	if (family->adapt)
		family->adapt(&draft);
	check_sizes(&draft);
	if (set->is_softmax)
		rotary_resolve(&draft);
	config->layer = NULL;
}

void layer_settings_release(struct layer_settings *settings)
{
	free(settings->rotary.frequency);
	if (settings->before) {
		layer_settings_release(settings->before);
		free(settings->before);
	}
	*settings = (struct layer_settings){ 0 };
}
