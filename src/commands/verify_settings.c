#include "commands/verify_settings.h"

#include <math.h>

enum scale_choice { SCALE_GIVEN, SCALE_FITTED, SCALE_ONE, SCALE_INVERSE, SCALE_DEFAULT, SCALE_CHOICES };

static const struct causal_choice {
	const char *option;
	enum causal causal;
} causals[] = {
	{ NULL, CAUSAL_NONE },
	{ "--causal=bottom-right", CAUSAL_BOTTOM_RIGHT },
	{ "--causal=top-left", CAUSAL_TOP_LEFT },
	{ "without --causal", CAUSAL_NONE },
};

/* Llama 2 and most others, Llama 3 and Qwen 2, Code Llama and Qwen 2.5; and the parts of a head that GPT-NeoX, GLM and Pythia
 * rotate. */
static const struct rope_choice {
	const char *option;
	enum rope_pairing rope;
	double base;  /* 0: as given */
	int64_t part; /* of the dims that rotate: 1/part; 0: as given */
} ropes[] = {
	{ NULL, ROPE_NONE, 0, 0 },
	{ "--rope half", ROPE_HALF, 0, 0 },
	{ "--rope interleaved", ROPE_INTERLEAVED, 0, 0 },
	{ "without --rope", ROPE_NONE, 0, 0 },
	{ "--rope half", ROPE_HALF, 500000, 0 },
	{ "--rope half", ROPE_HALF, 1000000, 0 },
	{ "--rope interleaved", ROPE_INTERLEAVED, 500000, 0 },
	{ "--rope interleaved", ROPE_INTERLEAVED, 1000000, 0 },
	{ "--rope half", ROPE_HALF, 0, 2 },
	{ "--rope half", ROPE_HALF, 0, 4 },
	{ "--rope interleaved", ROPE_INTERLEAVED, 0, 2 },
};

/* Grok and Gemma 2. */
static const struct cap_choice {
	const char *option;
	double cap;
} caps[] = { { NULL, 0 }, { "--softcap 30", 30 }, { "--softcap 50", 50 }, { "without --softcap", 0 } };

#define LENGTH(LIST) ((int)(sizeof(LIST) / sizeof *(LIST)))

enum { COMBINATIONS = SCALE_CHOICES * LENGTH(causals) * LENGTH(ropes) * LENGTH(caps), FACTORS = 4 };

int settings_count(void)
{
	return COMBINATIONS;
}

static struct setting decode(int code)
{
	return (struct setting){
		.scale = code % SCALE_CHOICES,
		.causal = code / SCALE_CHOICES % LENGTH(causals),
		.rope = code / (SCALE_CHOICES * LENGTH(causals)) % LENGTH(ropes),
		.cap = code / (SCALE_CHOICES * LENGTH(causals) * LENGTH(ropes)),
	};
}

static int changes(const struct setting *setting)
{
	return (setting->scale > 0) + (setting->causal > 0) + (setting->rope > 0) + (setting->cap > 0);
}

struct setting settings_get(int number)
{
	for (int wanted = 0; wanted <= FACTORS; wanted++)
		for (int code = 0; code < COMBINATIONS; code++) {
			struct setting setting = decode(code);
			if (changes(&setting) == wanted && number-- == 0)
				return setting;
		}
	return (struct setting){ 0 };
}

static bool apply_causal(const struct settings_given *given, const struct causal_choice *choice, struct mechanism_args *args)
{
	args->causal = choice->causal;
	if (choice->causal == CAUSAL_NONE)
		args->has_diagonal = false;
	return args->causal != given->args.causal &&
	       !(given->is_square && args->causal && (given->args.causal || args->causal == CAUSAL_TOP_LEFT));
}

static bool apply_rope(const struct settings_given *given, const struct rope_choice *choice, struct mechanism_args *args)
{
	struct position_args *position = &args->position;
	const struct position_args *before = &given->args.position;
	bool tables = position->inv_freq || position->rope_cos;
	position->rope = choice->rope;
	if (choice->base > 0)
		position->rope_base = choice->base;
	if (choice->part)
		position->rope_dims = given->dim / choice->part / 2 * 2;
	if (choice->rope == ROPE_NONE)
		position->inv_freq = position->rope_cos = position->rope_sin = NULL;
	bool changed = position->rope != before->rope || position->rope_base != before->rope_base ||
		       position->rope_dims != before->rope_dims;
	return changed && !(tables && (choice->base > 0 || choice->part)) && !(choice->part && position->rope_dims < 2);
}

/* A factor can be fitted where nothing lies between it and the softmax. */
static bool apply_scale(const struct settings_given *given, enum scale_choice choice, struct mechanism_args *args,
			bool *fits_scale)
{
	bool capped = args->softcap > 0;
	*fits_scale = choice == SCALE_FITTED;
	if (choice == SCALE_FITTED || choice == SCALE_ONE)
		args->scale = 1;
	else if (choice == SCALE_INVERSE)
		args->scale = 1 / (double)given->dim;
	else if (choice == SCALE_DEFAULT)
		args->scale = NAN;
	return choice == SCALE_FITTED ? !capped : capped && !(choice == SCALE_DEFAULT && isnan(given->args.scale));
}

bool settings_apply(const struct settings_given *given, const struct setting *setting, struct mechanism_args *args,
		    bool *fits_scale)
{
	*args = given->args;
	*fits_scale = false;
	if (setting->cap) {
		args->softcap = caps[setting->cap].cap;
		if (args->softcap == given->args.softcap)
			return false;
	}
	if (setting->causal && !apply_causal(given, &causals[setting->causal], args))
		return false;
	if (setting->rope && !apply_rope(given, &ropes[setting->rope], args))
		return false;
	return !setting->scale || apply_scale(given, (enum scale_choice)setting->scale, args, fits_scale);
}

double settings_round_scale(double factor, int64_t dim)
{
	const double meant[] = { 1, 1 / (double)dim, 1 / sqrt((double)dim), pow((double)dim, -0.25) };
	for (int i = 0; i < LENGTH(meant); i++)
		if (fabs(factor - meant[i]) < 2e-3 * meant[i])
			return meant[i];
	double unit = factor ? pow(10, floor(log10(fabs(factor))) - 5) : 1;
	return round(factor / unit) * unit;
}

static void describe_scale(const struct settings_given *given, enum scale_choice choice, double fitted, struct strbuf *text)
{
	double factor = choice == SCALE_FITTED ? fitted : choice == SCALE_ONE ? 1 : 1 / (double)given->dim;
	if (choice == SCALE_DEFAULT || factor == 1 / sqrt((double)given->dim))
		strbuf_addstr(text, "without --scale-factor");
	else
		strbuf_addf(text, "--scale-factor %.9g", factor);
}

void settings_describe(const struct settings_given *given, const struct setting *setting, double scale, struct strbuf *text)
{
	const char *option[] = { setting->causal && given->is_square && causals[setting->causal].causal
					 ? "--causal"
					 : causals[setting->causal].option,
				 ropes[setting->rope].option, caps[setting->cap].option };
	const struct rope_choice *rope = &ropes[setting->rope];
	size_t before = text->len;
	if (setting->scale)
		describe_scale(given, (enum scale_choice)setting->scale, scale, text);
	for (int i = 0; i < LENGTH(option); i++)
		if (option[i])
			strbuf_addf(text, "%s%s", text->len > before ? " " : "", option[i]);
	if (rope->base > 0)
		strbuf_addf(text, " --rope-base %.0f", rope->base);
	if (rope->part)
		strbuf_addf(text, " --rope-dims %d", (int)(given->dim / rope->part / 2 * 2));
}
