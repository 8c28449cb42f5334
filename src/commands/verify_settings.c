/* SPDX-License-Identifier: MIT */
#include "commands/verify_settings.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Llama 2 and most others; Llama 3; Code Llama, Qwen 2.5 and Qwen 3; GLM-4, Phi-3.5-MoE; Gemma 3's global layers; gpt-oss; Llama 3.1 and 3.2; contexts that were
 * stretched by a half, two, four and eight. */
const struct rotation_choice rotation_choices[] = {
	{ 0, ROPE_SCALING_NONE, 0, 0 },
	{ 500000, ROPE_SCALING_NONE, 0, 0 },
	{ 1000000, ROPE_SCALING_NONE, 0, 0 },
	{ 5000000, ROPE_SCALING_NONE, 0, 0 },
	{ 150000, ROPE_SCALING_NONE, 0, 0 },
	{ 150000, ROPE_SCALING_YARN, 32, 4096 },
	{ 500000, ROPE_SCALING_LLAMA3, 8, 8192 },
	{ 500000, ROPE_SCALING_LLAMA3, 32, 8192 },
	{ 1000000, ROPE_SCALING_LINEAR, 8, 0 },
	{ 0, ROPE_SCALING_LINEAR, 2, 0 },
	{ 0, ROPE_SCALING_LINEAR, 4, 0 },
	{ 0, ROPE_SCALING_LINEAR, 8, 0 },
};

#define LENGTH(LIST) ((int)(sizeof(LIST) / sizeof *(LIST)))

int rotation_choice_count(void)
{
	return LENGTH(rotation_choices);
}

void settings_unrotate(struct settings *settings)
{
	struct position_args *position = &settings->args.position;
	position->rope = ROPE_NONE;
	position->rope_scaling = ROPE_SCALING_NONE;
	position->rope_dims = position->rope_original_length = 0;
	position->rope_base = position->rope_factor = position->rope_low = position->rope_high = position->rope_attention_factor = 0;
	position->inv_freq = position->rope_cos = position->rope_sin = NULL;
}

void settings_unnormalise(struct settings *settings)
{
	struct position_args *position = &settings->args.position;
	position->qk_norm = QK_NORM_NONE;
	position->qk_norm_epsilon = 0;
	position->query_norm = position->key_norm = NULL;
}

void settings_unbias(struct settings *settings)
{
	struct mechanism_args *args = &settings->args;
	args->position.alibi = args->position.bias_before_scale = false;
	args->position.alibi_slopes = args->position.t5_bias = NULL;
	args->position.t5_max_distance = 0;
	args->position.t5_buckets = T5_BY_MASK;
	args->bias = NULL;
	if (args->mask && dtype_is_float(args->mask->dtype)) {
		args->mask = NULL;
		args->has_mask_keys = false;
	}
}

bool settings_have_bias(const struct settings *settings)
{
	const struct mechanism_args *args = &settings->args;
	return args->position.alibi || args->position.alibi_slopes || args->position.t5_bias || args->bias || (args->mask && dtype_is_float(args->mask->dtype));
}

void settings_rotate(struct settings *settings, const struct settings_given *given, enum rope_pairing pairing, const struct rotation_choice *choice, int64_t part)
{
	struct position_args *position = &settings->args.position;
	settings_unrotate(settings);
	position->rope = pairing;
	position->rope_base = choice->base;
	position->rope_dims = part > 1 ? given->dim / part / 2 * 2 : 0;
	position->rope_scaling = choice->scaling;
	position->rope_factor = choice->factor;
	position->rope_original_length = choice->original_length;
}

static bool is_square(const struct settings_given *given)
{
	return given->queries == given->keys;
}

/* As many keys as queries: a limit after the query is the right side of a window. */
static void set_limit(struct mechanism_args *args, const struct settings_given *given, const struct support *support)
{
	int64_t usual = given->keys - given->queries;
	args->causal = CAUSAL_NONE;
	args->has_diagonal = false;
	args->window_right = -1;
	if (!support->is_limited)
		return;
	if (is_square(given) && support->diagonal > 0) {
		args->window_right = support->diagonal;
		return;
	}
	args->causal = support->by_length || (support->diagonal == usual && !is_square(given)) ? CAUSAL_BOTTOM_RIGHT : CAUSAL_TOP_LEFT;
	args->has_diagonal = !support->by_length && support->diagonal != usual && support->diagonal != 0;
	args->diagonal = args->has_diagonal ? support->diagonal : 0;
}

void settings_mask(struct settings *settings, const struct settings_given *given, const struct supports *supports, const struct support *support)
{
	struct mechanism_args *args = &settings->args;
	set_limit(args, given, support);
	args->window_left = support->left < 0 ? -1 : support->left - (args->window_right > 0 ? args->window_right : 0);
	args->chunk = support->chunk;
	args->keep_first = support->keep_first;
	args->key_length = NULL;
	args->key_length_count = 0;
	args->key_begin = 0;
	args->key_begins = NULL;
	args->key_begin_count = 0;
	args->dead_rows = support->uniform_rows ? DEAD_ROWS_UNIFORM : DEAD_ROWS_ZERO;
	if (supports->pads_right) {
		memcpy(given->key_length, supports->end, (size_t)given->batches * sizeof *given->key_length);
		args->key_length = given->key_length;
		args->key_length_count = given->batches;
	}
	if (supports->pads_left) {
		memcpy(given->key_begin, supports->begin, (size_t)given->batches * sizeof *given->key_begin);
		args->key_begins = given->key_begin;
		args->key_begin_count = given->batches;
	}
}

/*
 * Parts: what is compared, taken back and said.
 */

enum part { PART_SCALE, PART_CAUSAL, PART_WINDOW, PART_CHUNK, PART_KEEP_FIRST, PART_KEY_BEGIN, PART_KEY_LENGTHS, PART_DEAD_ROWS, PART_MASK_FILE, PART_NORM, PART_ROPE, PART_BIAS,
	    PART_CAP, PART_SINKS, PART_TILED, PARTS };

static bool same_scale(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* Lists of a number for each item, or one for all of them. */
static bool same_list(const int64_t *a, int64_t a_count, const int64_t *b, int64_t b_count)
{
	for (int64_t i = 0; i < a_count || i < b_count; i++)
		if (a[a_count == 1 ? 0 : i] != b[b_count == 1 ? 0 : i])
			return false;
	return true;
}

static bool same_lengths(const struct mechanism_args *a, const struct mechanism_args *b)
{
	if (!a->key_length || !b->key_length)
		return !a->key_length && !b->key_length;
	return same_list(a->key_length, a->key_length_count, b->key_length, b->key_length_count);
}

static bool same_begins(const struct mechanism_args *a, const struct mechanism_args *b)
{
	return same_list(a->key_begins ? a->key_begins : &a->key_begin, a->key_begins ? a->key_begin_count : 1, b->key_begins ? b->key_begins : &b->key_begin,
			 b->key_begins ? b->key_begin_count : 1);
}

static bool same_diagonal(const struct mechanism_args *a, const struct mechanism_args *b, const struct settings_given *given)
{
	bool same_side = a->causal == b->causal || (is_square(given) && a->causal && b->causal);
	return same_side && a->has_diagonal == b->has_diagonal && (!a->has_diagonal || a->diagonal == b->diagonal);
}

static bool same_rope(const struct position_args *a, const struct position_args *b)
{
	if (!a->rope && !b->rope)
		return true;
	return a->rope == b->rope && a->rope_base == b->rope_base && a->rope_dims == b->rope_dims && a->rope_scaling == b->rope_scaling && a->rope_factor == b->rope_factor &&
	       a->rope_original_length == b->rope_original_length && a->inv_freq == b->inv_freq && a->rope_cos == b->rope_cos;
}

static bool same_bias(const struct position_args *a, const struct position_args *b)
{
	return a->alibi == b->alibi && a->alibi_slopes == b->alibi_slopes && a->t5_bias == b->t5_bias &&
	       (a->bias_before_scale == b->bias_before_scale || (!a->alibi && !a->t5_bias));
}

static bool same_part(const struct settings *one, const struct settings *two, const struct settings_given *given, enum part part)
{
	const struct mechanism_args *a = &one->args, *b = &two->args;
	switch (part) {
	case PART_SCALE: return same_scale(a->scale, b->scale);
	case PART_CAUSAL: return same_diagonal(a, b, given);
	case PART_WINDOW: return a->window_left == b->window_left && a->window_right == b->window_right;
	case PART_CHUNK: return a->chunk == b->chunk;
	case PART_KEEP_FIRST: return a->keep_first == b->keep_first;
	case PART_KEY_BEGIN: return same_begins(a, b);
	case PART_KEY_LENGTHS: return same_lengths(a, b);
	case PART_DEAD_ROWS: return a->dead_rows == b->dead_rows;
	case PART_MASK_FILE: return a->allow == b->allow && a->bias == b->bias && a->mask == b->mask;
	case PART_NORM: return a->position.qk_norm == b->position.qk_norm && a->position.qk_norm_epsilon == b->position.qk_norm_epsilon;
	case PART_ROPE: return same_rope(&a->position, &b->position);
	case PART_BIAS: return same_bias(&a->position, &b->position);
	case PART_CAP: return a->softcap == b->softcap;
	case PART_SINKS: return a->position.sinks == b->position.sinks;
	default: return one->tiled == two->tiled;
	}
}

static void copy_rope(struct position_args *to, const struct position_args *from)
{
	to->rope = from->rope;
	to->rope_base = from->rope_base;
	to->rope_dims = from->rope_dims;
	to->rope_scaling = from->rope_scaling;
	to->rope_factor = from->rope_factor;
	to->rope_original_length = from->rope_original_length;
	to->rope_low = from->rope_low;
	to->rope_high = from->rope_high;
	to->rope_attention_factor = from->rope_attention_factor;
	to->inv_freq = from->inv_freq;
	to->rope_cos = from->rope_cos;
	to->rope_sin = from->rope_sin;
}

static void copy_part(struct settings *settings, const struct settings *from, enum part part)
{
	struct mechanism_args *to = &settings->args;
	const struct mechanism_args *args = &from->args;
	switch (part) {
	case PART_SCALE: to->scale = args->scale; break;
	case PART_CAUSAL:
		to->causal = args->causal;
		to->has_diagonal = args->has_diagonal;
		to->diagonal = args->diagonal;
		break;
	case PART_WINDOW:
		to->window_left = args->window_left;
		to->window_right = args->window_right;
		break;
	case PART_CHUNK: to->chunk = args->chunk; break;
	case PART_KEEP_FIRST: to->keep_first = args->keep_first; break;
	case PART_KEY_BEGIN:
		to->key_begin = args->key_begin;
		to->key_begins = args->key_begins;
		to->key_begin_count = args->key_begin_count;
		break;
	case PART_KEY_LENGTHS:
		to->key_length = args->key_length;
		to->key_length_count = args->key_length_count;
		break;
	case PART_DEAD_ROWS: to->dead_rows = args->dead_rows; break;
	case PART_MASK_FILE:
		to->allow = args->allow;
		to->bias = args->bias;
		to->mask = args->mask;
		to->has_mask_keys = args->has_mask_keys;
		break;
	case PART_NORM:
		to->position.qk_norm = args->position.qk_norm;
		to->position.qk_norm_epsilon = args->position.qk_norm_epsilon;
		to->position.query_norm = args->position.query_norm;
		to->position.key_norm = args->position.key_norm;
		break;
	case PART_ROPE: copy_rope(&to->position, &args->position); break;
	case PART_BIAS:
		to->position.alibi = args->position.alibi;
		to->position.alibi_slopes = args->position.alibi_slopes;
		to->position.t5_bias = args->position.t5_bias;
		to->position.bias_before_scale = args->position.bias_before_scale;
		break;
	case PART_CAP: to->softcap = args->softcap; break;
	case PART_SINKS: to->position.sinks = args->position.sinks; break;
	default: settings->tiled = from->tiled;
	}
}

_Static_assert((int)PARTS == (int)SETTINGS_PARTS, "the parts that the header promises");

bool settings_revert(struct settings *settings, const struct settings_given *given, int part)
{
	if (same_part(settings, &given->settings, given, (enum part)part))
		return false;
	copy_part(settings, &given->settings, (enum part)part);
	return true;
}

int settings_meant(double value, int64_t dim, double meant[MEANT])
{
	const double usual[] = { 1 / sqrt((double)dim), 1, 1 / (double)dim, pow((double)dim, -0.25) };
	int count = 0;
	for (int i = 0; i < LENGTH(usual); i++)
		if (fabs(value - usual[i]) < 5e-3 * usual[i])
			meant[count++] = usual[i];
	double unit = value ? pow(10, floor(log10(fabs(value)))) : 1;
	for (int digits = 1; digits <= 6; digits++, unit /= 10)
		meant[count++] = unit >= 1 ? round(value / unit) * unit : round(value / unit) / round(1 / unit);
	meant[count++] = value;
	return count;
}

/*
 * Saying.
 */

static void say(struct strbuf *text, const char *option)
{
	if (text->len && text->buf[text->len - 1] != ' ')
		strbuf_addch(text, ' ');
	strbuf_addstr(text, option);
}

static void say_number(struct strbuf *text, const char *option, double number)
{
	say(text, option);
	strbuf_addf(text, " %.9g", number);
}

static void say_int(struct strbuf *text, const char *option, int64_t number)
{
	say(text, option);
	strbuf_addf(text, " %" PRId64, number);
}

static void say_scale(const struct settings *settings, const struct settings_given *given, struct strbuf *text)
{
	double scale = settings->args.scale;
	if (isnan(scale) || scale == 1 / sqrt((double)given->dim))
		say(text, "without --scale-factor");
	else
		say_number(text, "--scale-factor", scale);
}

static void say_causal(const struct settings *settings, const struct settings_given *given, struct strbuf *text)
{
	const struct mechanism_args *args = &settings->args, *before = &given->settings.args;
	bool same_side = args->causal == before->causal || (is_square(given) && args->causal && before->causal);
	if (!args->causal && before->causal)
		say(text, "without --causal");
	else if (args->causal && (is_square(given) || args->has_diagonal) && !same_side)
		say(text, "--causal");
	else if (!same_side)
		say(text, args->causal == CAUSAL_TOP_LEFT ? "--causal=top-left" : "--causal=bottom-right");
	if (args->has_diagonal)
		say_int(text, "--past", args->diagonal);
	else if (before->has_diagonal)
		say(text, "without --past");
}

static void say_window(const struct mechanism_args *args, struct strbuf *text)
{
	if (args->window_left < 0 && args->window_right < 0) {
		say(text, "without --window");
		return;
	}
	say_int(text, "--window", args->window_left);
	if (args->window_right >= 0)
		strbuf_addf(text, ",%" PRId64, args->window_right);
}

static void say_lengths(const char *option, const int64_t *list, int64_t count, struct strbuf *text)
{
	bool all_same = true;
	for (int64_t i = 1; i < count; i++)
		all_same = all_same && list[i] == list[0];
	if (!list)
		say(text, "without ");
	say(text, option);
	for (int64_t i = 0; list && i < (all_same && strcmp(option, "--key-begin") == 0 ? 1 : count); i++)
		strbuf_addf(text, "%c%" PRId64, i ? ',' : ' ', list[i]);
}

static void say_count(const char *option, int64_t number, struct strbuf *text)
{
	if (!number)
		say(text, "without ");
	if (number)
		say_int(text, option, number);
	else
		say(text, option);
}

static void say_norm(const struct settings *settings, const struct settings_given *given, struct strbuf *text)
{
	static const char *const words[] = { "without --qk-norm", "--qk-norm rms", "--qk-norm l2", "--qk-norm layer" };
	const struct position_args *position = &settings->args.position, *before = &given->settings.args.position;
	if (position->qk_norm != before->qk_norm)
		say(text, words[position->qk_norm]);
	if (position->qk_norm && position->qk_norm_epsilon != before->qk_norm_epsilon)
		say_number(text, "--qk-norm-epsilon", position->qk_norm_epsilon);
}

static void say_rope(const struct settings *settings, const struct settings_given *given, struct strbuf *text)
{
	static const char *const words[] = { "without --rope", "--rope half", "--rope interleaved" };
	static const char *const scaling[] = { "without --rope-scaling", "--rope-scaling linear", "--rope-scaling ntk", "--rope-scaling dynamic", "--rope-scaling llama3",
					       "--rope-scaling yarn" };
	const struct position_args *position = &settings->args.position, *before = &given->settings.args.position;
	if (position->rope != before->rope)
		say(text, words[position->rope]);
	if (!position->rope)
		return;
	if (position->rope_base != before->rope_base && position->rope_base > 0)
		say_number(text, "--rope-base", position->rope_base);
	else if (position->rope_base != before->rope_base)
		say(text, "without --rope-base");
	if (position->rope_dims != before->rope_dims)
		say_count("--rope-dims", position->rope_dims, text);
	if (position->rope_scaling != before->rope_scaling)
		say(text, scaling[position->rope_scaling]);
	if (position->rope_scaling && position->rope_factor != before->rope_factor)
		say_number(text, "--rope-factor", position->rope_factor);
	if (position->rope_scaling && position->rope_original_length != before->rope_original_length)
		say_int(text, "--rope-original-length", position->rope_original_length);
	if (!position->inv_freq && before->inv_freq)
		say(text, "without --inv-freq");
	if (!position->rope_cos && before->rope_cos)
		say(text, "without --rope-cos and --rope-sin");
}

static void say_list(const char *option, const struct tensor *numbers, struct strbuf *text)
{
	say(text, option);
	for (int64_t i = 0; i < tensor_count(numbers); i++)
		strbuf_addf(text, "%s%.9g", i ? "," : " ", tensor_at(numbers, i));
}

static void say_bias(const struct settings *settings, const struct settings_given *given, struct strbuf *text)
{
	const struct position_args *position = &settings->args.position, *before = &given->settings.args.position;
	if (position->alibi_slopes && position->alibi_slopes != before->alibi_slopes)
		say_list("--alibi-slopes", position->alibi_slopes, text);
	else if (position->alibi && !position->alibi_slopes && (!before->alibi || before->alibi_slopes))
		say(text, "--alibi");
	else if (before->alibi && !position->alibi)
		say(text, before->alibi_slopes ? "without --alibi-slopes" : "without --alibi");
	if (before->t5_bias && !position->t5_bias)
		say(text, "without --t5-bias");
	if (position->bias_before_scale && !before->bias_before_scale)
		say(text, "--bias-before-scale");
	else if (before->bias_before_scale && !position->bias_before_scale && position->alibi)
		say(text, "without --bias-before-scale");
}

static void say_part(const struct settings *settings, const struct settings_given *given, enum part part, struct strbuf *text)
{
	const struct mechanism_args *args = &settings->args;
	switch (part) {
	case PART_SCALE: say_scale(settings, given, text); break;
	case PART_CAUSAL: say_causal(settings, given, text); break;
	case PART_WINDOW: say_window(args, text); break;
	case PART_CHUNK: say_count("--chunk", args->chunk, text); break;
	case PART_KEEP_FIRST: say_count("--keep-first", args->keep_first, text); break;
	case PART_KEY_BEGIN:
		if (args->key_begins)
			say_lengths("--key-begin", args->key_begins, args->key_begin_count, text);
		else
			say_count("--key-begin", args->key_begin, text);
		break;
	case PART_KEY_LENGTHS: say_lengths("--key-lengths", args->key_length, args->key_length_count, text); break;
	case PART_DEAD_ROWS: say(text, args->dead_rows == DEAD_ROWS_UNIFORM ? "--dead-rows uniform" : "--dead-rows zero"); break;
	case PART_MASK_FILE: say(text, "without --mask"); break;
	case PART_NORM: say_norm(settings, given, text); break;
	case PART_ROPE: say_rope(settings, given, text); break;
	case PART_BIAS: say_bias(settings, given, text); break;
	case PART_CAP:
		if (args->softcap > 0)
			say_number(text, "--softcap", args->softcap);
		else
			say(text, "without --softcap");
		break;
	case PART_SINKS:
		if (args->position.sinks)
			say_list("--sink-logits", args->position.sinks, text);
		else
			say(text, "without --sink-logits");
		break;
	default: break;
	}
}

void settings_describe(const struct settings *settings, const struct settings_given *given, struct strbuf *text)
{
	for (int part = 0; part < PARTS; part++)
		if (!same_part(settings, &given->settings, given, (enum part)part))
			say_part(settings, given, (enum part)part, text);
}
