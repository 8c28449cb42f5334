/* SPDX-License-Identifier: MIT */
#include "mechanism/settings.h"

#include <math.h>

#include "mechanism/mechanism.h"

struct setting {
	const char *option;
	uint32_t bit;
	bool (*is_given)(const struct mechanism_args *args);
	/* Why it has no effect beside the other settings; NULL where it has. May be NULL. */
	const char *(*idle)(const struct mechanism_args *args, uint32_t used);
};

/* What those who do not use a setting say of it. */
struct reason {
	uint32_t bits;
	const char *of_weights, *of_others;
};

static const struct reason reasons[] = {
	{ SETTING_BIAS, "a bias is added to logits: --logits says that the file holds them, and a mask of booleans hides keys", "has no logits for a bias" },
	{ SETTING_SOFTCAP, "a soft-cap acts on logits: give queries and keys with -q and -k", "has no logits for a soft-cap" },
	{ SETTING_STAGE, "stages are steps of the computation: give queries and keys with -q and -k", "has no logits for a stage before the weights" },
	{ SETTING_SCALE, "the scale is a factor of queries and keys: give both with -q and -k", "has no scale" },
	{ SETTING_ROPE, "rotary positions act on queries and keys: give both with -q and -k", "does not apply rotary positions: export queries and keys after it" },
	{ SETTING_DISTANCE, "biases by distance are added to logits: give queries and keys with -q and -k",
	  "does not apply biases by distance: export queries and keys after it" },
	{ SETTING_QK_NORM, "the normalisation is one of queries and keys: give both with -q and -k",
	  "does not apply a normalisation of queries and keys: export both after it" },
	{ SETTING_SINKS, "sink logits join a softmax: give queries and keys with -q and -k", "does not apply sink logits" },
	{ SETTING_POSITIONS, "positions are applied to queries and keys: give both with -q and -k (--past and --query-offset count for distances)",
	  "takes no positions one by one" },
	{ SETTING_DEAD_UNIFORM, "a row that sees nothing is zero or NaN", "has no softmax that would leave a row uniform" },
	{ SETTING_READY | SETTING_SKIP_NAN, NULL, "computes its weights, and that says what ready weights (-w) hold" },
	{ SETTING_MASK | SETTING_MASK_KEYS | SETTING_WINDOW | SETTING_CHUNK | SETTING_KEEP_FIRST | SETTING_KEY_BEGIN | SETTING_KEY_LENGTHS | SETTING_QUERY_LENGTHS | SETTING_DEAD_NAN, "", "takes no such mask" },
	{ SETTING_CAUSAL | SETTING_PAST, "", "takes no such mask" },
	{ SETTING_OFFSETS, "", "takes no positions (--past says where the queries stand)" },
};

static bool has_scale(const struct mechanism_args *args) { return !isnan(args->scale); }
static bool has_softcap(const struct mechanism_args *args) { return args->softcap != 0; }
static bool has_stage(const struct mechanism_args *args) { return args->stage != STAGE_WEIGHTS; }
static bool has_bias(const struct mechanism_args *args) { return args->bias || (args->mask && dtype_is_float(args->mask->dtype)); }
static bool has_mask(const struct mechanism_args *args) { return args->allow || (args->mask && !dtype_is_float(args->mask->dtype)); }
static bool has_mask_keys(const struct mechanism_args *args) { return args->has_mask_keys; }
static bool has_causal(const struct mechanism_args *args) { return args->causal != CAUSAL_NONE; }
static bool has_past(const struct mechanism_args *args) { return args->has_diagonal; }
static bool has_window(const struct mechanism_args *args) { return args->window_left >= 0 || args->window_right >= 0; }
static bool has_chunk(const struct mechanism_args *args) { return args->chunk > 0; }
static bool has_kept(const struct mechanism_args *args) { return args->keep_first > 0; }
static bool has_begin(const struct mechanism_args *args) { return args->key_begin > 0 || args->key_begins; }
static bool has_lengths(const struct mechanism_args *args) { return args->key_length; }
static bool has_query_lengths(const struct mechanism_args *args) { return args->query_length; }
static bool has_dead_nan(const struct mechanism_args *args) { return args->dead_rows == DEAD_ROWS_NAN; }
static bool has_dead_uniform(const struct mechanism_args *args) { return args->dead_rows == DEAD_ROWS_UNIFORM; }
static bool is_logits(const struct mechanism_args *args) { return args->ready == READY_LOGITS; }
static bool is_log(const struct mechanism_args *args) { return args->ready == READY_LOG_WEIGHTS; }
static bool is_signed(const struct mechanism_args *args) { return args->ready == READY_SIGNED; }
static bool has_skip_nan(const struct mechanism_args *args) { return args->skip_nan; }
static bool has_rope(const struct mechanism_args *args) { return args->position.rope != ROPE_NONE; }
static bool has_rope_dims(const struct mechanism_args *args) { return args->position.rope_dims > 0; }
static bool has_rope_base(const struct mechanism_args *args) { return args->position.rope_base > 0; }
static bool has_scaling(const struct mechanism_args *args) { return args->position.rope_scaling != ROPE_SCALING_NONE; }
static bool has_rope_factor(const struct mechanism_args *args) { return args->position.rope_factor > 0; }
static bool has_original(const struct mechanism_args *args) { return args->position.rope_original_length > 0; }
static bool has_low(const struct mechanism_args *args) { return args->position.rope_low > 0; }
static bool has_high(const struct mechanism_args *args) { return args->position.rope_high > 0; }
static bool has_attention_factor(const struct mechanism_args *args) { return args->position.rope_attention_factor > 0; }
static bool has_inv_freq(const struct mechanism_args *args) { return args->position.inv_freq; }
static bool has_cos(const struct mechanism_args *args) { return args->position.rope_cos; }
static bool has_sin(const struct mechanism_args *args) { return args->position.rope_sin; }
static bool has_query_positions(const struct mechanism_args *args) { return args->position.query_positions; }
static bool has_key_positions(const struct mechanism_args *args) { return args->position.key_positions; }
static bool has_query_offset(const struct mechanism_args *args) { return args->position.has_query_offset; }
static bool has_key_offset(const struct mechanism_args *args) { return args->position.key_offset != 0; }
static bool has_alibi(const struct mechanism_args *args) { return args->position.alibi && !args->position.alibi_slopes; }
static bool has_slopes(const struct mechanism_args *args) { return args->position.alibi_slopes; }
static bool has_t5(const struct mechanism_args *args) { return args->position.t5_bias; }
static bool has_t5_distance(const struct mechanism_args *args) { return args->position.t5_max_distance > 0; }
static bool has_t5_buckets(const struct mechanism_args *args) { return args->position.t5_buckets != T5_BY_MASK; }
static bool has_early_bias(const struct mechanism_args *args) { return args->position.bias_before_scale; }
static bool has_norm(const struct mechanism_args *args) { return args->position.qk_norm != QK_NORM_NONE; }
static bool has_epsilon(const struct mechanism_args *args) { return args->position.qk_norm_epsilon > 0; }
static bool has_query_norm(const struct mechanism_args *args) { return args->position.query_norm; }
static bool has_key_norm(const struct mechanism_args *args) { return args->position.key_norm; }
static bool has_sinks(const struct mechanism_args *args) { return args->position.sinks; }

static bool has_distance(const struct mechanism_args *args)
{
	return has_alibi(args) || has_slopes(args) || has_t5(args);
}

static bool measures_nothing(const struct mechanism_args *args)
{
	return args->only_weights && !has_rope(args) && !has_distance(args);
}

/* Where relative positions are the mechanism's own, the past always counts. */
static const char *idle_past(const struct mechanism_args *args, uint32_t used)
{
	bool limits = has_causal(args) || has_window(args) || has_chunk(args) || !(used & SETTING_OFFSETS);
	return limits || !measures_nothing(args) ? NULL : "nothing here is made of positions, or measures a distance";
}

static const char *idle_query_offset(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return measures_nothing(args) ? "nothing here is made of positions, or measures a distance" : NULL;
}

static const char *idle_mask_keys(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return has_mask(args) || has_bias(args) ? NULL : "it needs a --mask";
}

static const char *idle_window(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return args->causal && args->window_left < 0 ? "--causal hides the keys to the right already" : NULL;
}

static const char *idle_kept(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return has_window(args) || has_chunk(args) ? NULL : "it needs a --window or a --chunk that would hide them";
}

static const char *idle_rope(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return has_rope(args) ? NULL : "a rotation needs its pairs: --rope half or --rope interleaved";
}

static const char *idle_frequency(const struct mechanism_args *args, uint32_t used)
{
	if (!has_rope(args))
		return idle_rope(args, used);
	return has_cos(args) ? "--rope-cos and --rope-sin tell the rotation" : NULL;
}

static const char *idle_base(const struct mechanism_args *args, uint32_t used)
{
	const char *why = idle_frequency(args, used);
	return why ? why : has_inv_freq(args) ? "--inv-freq tells the frequencies" : NULL;
}

static const char *idle_scaling(const struct mechanism_args *args, uint32_t used)
{
	const char *why = idle_base(args, used);
	return why ? why : has_scaling(args) ? NULL : "it needs --rope-scaling";
}

static const char *idle_ramp(const struct mechanism_args *args, uint32_t used)
{
	const char *why = idle_scaling(args, used);
	bool ramp = args->position.rope_scaling == ROPE_SCALING_LLAMA3 || args->position.rope_scaling == ROPE_SCALING_YARN;
	return why ? why : ramp ? NULL : "only the scalings llama3 and yarn use it";
}

static const char *idle_positions(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return has_rope(args) || has_distance(args) ? NULL : "nothing is made of positions: they need --rope, --alibi or --t5-bias";
}

static const char *idle_key_offset(const struct mechanism_args *args, uint32_t used)
{
	const char *why = idle_query_offset(args, used);
	bool counts = has_rope(args) || has_query_offset(args) || has_query_positions(args);
	return why ? why : counts ? NULL : "queries move along with the keys: it needs --rope or --query-offset";
}

static const char *idle_t5(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return has_t5(args) ? NULL : "it needs --t5-bias";
}

static const char *idle_early_bias(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return has_distance(args) ? NULL : "it needs --alibi or --t5-bias";
}

static const char *idle_norm(const struct mechanism_args *args, uint32_t used)
{
	(void)used;
	return has_norm(args) ? NULL : "it needs its kind: --qk-norm rms, l2 or layer";
}

static const struct setting settings[] = {
	{ "--logits", SETTING_READY, is_logits, NULL },
	{ "--log-weights", SETTING_READY, is_log, NULL },
	{ "--signed", SETTING_READY, is_signed, NULL },
	{ "--skip-nan", SETTING_SKIP_NAN, has_skip_nan, NULL },
	{ "--scale-factor", SETTING_SCALE, has_scale, NULL },
	{ "--softcap", SETTING_SOFTCAP, has_softcap, NULL },
	{ "--stage", SETTING_STAGE, has_stage, NULL },
	{ "--causal", SETTING_CAUSAL, has_causal, NULL },
	{ "--past", SETTING_PAST, has_past, idle_past },
	{ "--window", SETTING_WINDOW, has_window, idle_window },
	{ "--chunk", SETTING_CHUNK, has_chunk, NULL },
	{ "--keep-first", SETTING_KEEP_FIRST, has_kept, idle_kept },
	{ "--key-begin", SETTING_KEY_BEGIN, has_begin, NULL },
	{ "--key-lengths", SETTING_KEY_LENGTHS, has_lengths, NULL },
	{ "--query-lengths", SETTING_QUERY_LENGTHS, has_query_lengths, NULL },
	{ "--mask", SETTING_MASK, has_mask, NULL },
	{ "--mask", SETTING_BIAS, has_bias, NULL },
	{ "--mask-keys", SETTING_MASK_KEYS, has_mask_keys, idle_mask_keys },
	{ "--dead-rows nan", SETTING_DEAD_NAN, has_dead_nan, NULL },
	{ "--dead-rows uniform", SETTING_DEAD_UNIFORM, has_dead_uniform, NULL },
	{ "--rope", SETTING_ROPE, has_rope, NULL },
	{ "--rope-dims", SETTING_ROPE, has_rope_dims, idle_rope },
	{ "--rope-base", SETTING_ROPE, has_rope_base, idle_base },
	{ "--rope-scaling", SETTING_ROPE, has_scaling, idle_base },
	{ "--rope-factor", SETTING_ROPE, has_rope_factor, idle_scaling },
	{ "--rope-original-length", SETTING_ROPE, has_original, idle_scaling },
	{ "--rope-low", SETTING_ROPE, has_low, idle_ramp },
	{ "--rope-high", SETTING_ROPE, has_high, idle_ramp },
	{ "--rope-attention-factor", SETTING_ROPE, has_attention_factor, idle_frequency },
	{ "--inv-freq", SETTING_ROPE, has_inv_freq, idle_frequency },
	{ "--rope-cos", SETTING_ROPE, has_cos, idle_rope },
	{ "--rope-sin", SETTING_ROPE, has_sin, idle_rope },
	{ "--query-positions", SETTING_POSITIONS, has_query_positions, idle_positions },
	{ "--key-positions", SETTING_POSITIONS, has_key_positions, idle_positions },
	{ "--query-offset", SETTING_OFFSETS, has_query_offset, idle_query_offset },
	{ "--key-offset", SETTING_OFFSETS, has_key_offset, idle_key_offset },
	{ "--alibi", SETTING_DISTANCE, has_alibi, NULL },
	{ "--alibi-slopes", SETTING_DISTANCE, has_slopes, NULL },
	{ "--t5-bias", SETTING_DISTANCE, has_t5, NULL },
	{ "--t5-max-distance", SETTING_DISTANCE, has_t5_distance, idle_t5 },
	{ "--t5-buckets", SETTING_DISTANCE, has_t5_buckets, idle_t5 },
	{ "--bias-before-scale", SETTING_DISTANCE, has_early_bias, idle_early_bias },
	{ "--qk-norm", SETTING_QK_NORM, has_norm, NULL },
	{ "--qk-norm-epsilon", SETTING_QK_NORM, has_epsilon, idle_norm },
	{ "--query-norm", SETTING_QK_NORM, has_query_norm, idle_norm },
	{ "--key-norm", SETTING_QK_NORM, has_key_norm, idle_norm },
	{ "--sinks", SETTING_SINKS, has_sinks, NULL },
};

enum { SETTING_COUNT = sizeof settings / sizeof *settings };

uint32_t settings_used(const struct mechanism *mechanism, const struct mechanism_args *args)
{
	return mechanism->settings_of ? mechanism->settings_of(args) : mechanism->settings;
}

static enum err refuse(const struct mechanism *mechanism, const struct setting *setting, struct err_info *info)
{
	const struct reason *reason = reasons;
	while (!(reason->bits & setting->bit))
		reason++;
	if (mechanism->settings_why && (setting->bit & SETTINGS_LIMITS))
		return err_set(info, ERR_USAGE, "%s: %s attention %s: leave it out", setting->option, mechanism->name, mechanism->settings_why);
	if (mechanism == mechanism_find("weights"))
		return err_set(info, ERR_USAGE, "%s: these are ready weights: %s", setting->option, reason->of_weights);
	return err_set(info, ERR_USAGE, "%s: %s attention %s: leave it out", setting->option, mechanism->name, reason->of_others);
}

enum err settings_check(const struct mechanism *mechanism, const struct mechanism_args *args, struct err_info *info)
{
	uint32_t used = mechanism ? settings_used(mechanism, args) : 0;
	for (int i = 0; mechanism && i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings[i];
		const char *why;
		if (!setting->is_given(args))
			continue;
		if (!(setting->bit & used))
			return refuse(mechanism, setting, info);
		if (setting->idle && (why = setting->idle(args, used)))
			return err_set(info, ERR_USAGE, "%s cannot change anything: %s", setting->option, why);
	}
	return ERR_OK;
}

uint32_t settings_idle(const struct mechanism *mechanism, const struct mechanism_args *args)
{
	uint32_t used = settings_used(mechanism, args), idle = 0, acting = 0;
	for (int i = 0; i < SETTING_COUNT; i++) {
		const struct setting *setting = &settings[i];
		if (!setting->is_given(args) || !(setting->bit & used))
			continue;
		if (setting->idle && setting->idle(args, used))
			idle |= setting->bit;
		else
			acting |= setting->bit;
	}
	return idle & ~acting;
}

/* The defaults of MECHANISM_ARGS_INIT, one setting at a time. */
static void leave(uint32_t bit, struct mechanism_args *args)
{
	const struct mechanism_args plain = MECHANISM_ARGS_INIT;
	struct position_args *position = &args->position;
	switch (bit) {
	case SETTING_SCALE: args->scale = plain.scale; break;
	case SETTING_SOFTCAP: args->softcap = 0; break;
	case SETTING_STAGE: args->stage = STAGE_WEIGHTS; break;
	case SETTING_BIAS: args->bias = NULL; args->mask = NULL; break;
	case SETTING_MASK: args->allow = NULL; args->mask = NULL; break;
	case SETTING_MASK_KEYS: args->has_mask_keys = false; break;
	case SETTING_CAUSAL: args->causal = CAUSAL_NONE; break;
	case SETTING_PAST: args->has_diagonal = false; break;
	case SETTING_WINDOW: args->window_left = args->window_right = -1; break;
	case SETTING_CHUNK: args->chunk = 0; break;
	case SETTING_KEEP_FIRST: args->keep_first = 0; break;
	case SETTING_KEY_BEGIN: args->key_begin = 0; args->key_begins = NULL; break;
	case SETTING_KEY_LENGTHS: args->key_length = NULL; break;
	case SETTING_QUERY_LENGTHS: args->query_length = NULL; break;
	case SETTING_DEAD_NAN:
	case SETTING_DEAD_UNIFORM: args->dead_rows = DEAD_ROWS_ZERO; break;
	case SETTING_READY: args->ready = READY_WEIGHTS; break;
	case SETTING_SKIP_NAN: args->skip_nan = false; break;
	case SETTING_ROPE:
		position->rope = ROPE_NONE;
		position->rope_scaling = ROPE_SCALING_NONE;
		position->rope_dims = position->rope_original_length = 0;
		position->rope_base = position->rope_factor = position->rope_low = position->rope_high = position->rope_attention_factor = 0;
		position->inv_freq = position->rope_cos = position->rope_sin = NULL;
		break;
	case SETTING_DISTANCE:
		position->alibi = position->bias_before_scale = false;
		position->alibi_slopes = position->t5_bias = NULL;
		position->t5_max_distance = 0;
		position->t5_buckets = T5_BY_MASK;
		break;
	case SETTING_QK_NORM:
		position->qk_norm = QK_NORM_NONE;
		position->qk_norm_epsilon = 0;
		position->query_norm = position->key_norm = NULL;
		break;
	case SETTING_SINKS: position->sinks = NULL; break;
	case SETTING_OFFSETS:
		position->has_query_offset = false;
		position->key_offset = 0;
		break;
	case SETTING_POSITIONS: position->query_positions = position->key_positions = NULL; break;
	default: break;
	}
}

uint32_t settings_given(const struct mechanism_args *args)
{
	uint32_t bits = 0;
	for (int i = 0; i < SETTING_COUNT; i++)
		bits |= settings[i].is_given(args) ? settings[i].bit : 0;
	return bits;
}

void settings_leave(uint32_t bits, struct mechanism_args *args)
{
	for (uint32_t bit = 1; bit <= bits && bit; bit <<= 1)
		if (bit & bits)
			leave(bit, args);
}

const char *settings_option(uint32_t bits)
{
	int i = 0;
	while (i < SETTING_COUNT && !(settings[i].bit & bits))
		i++;
	return i < SETTING_COUNT ? settings[i].option : NULL;
}
