/* SPDX-License-Identifier: MIT */
/*
 * The inverse frequencies of a layer, from the rope fields of config.json as they were (rope_theta, rope_scaling) and as they are (rope_parameters, perhaps one object
 * for each type of layer). The formulas are those of Hugging Face's modeling_rope_utils; m(s) = 0.1 c ln s + 1.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/family.h"

static const double PI = 3.14159265358979323846;

enum { DIMS_MAX = 1 << 16 };

struct recipe {
	struct config_view view;    /* of the scaling's fields */
	const char *type;
	double theta;
	int64_t dims, dim, length;
	double trained, stretched;  /* original_max_position_embeddings and max_position_embeddings */
	bool original_on_top;       /* the former stands beside the latter (Phi-3) */
	double *frequency, multiplier;
};

static void linear(struct recipe *recipe)
{
	double factor = config_real(&recipe->view, "factor", 1);
	for (int64_t i = 0; i < recipe->dims / 2; i++)
		recipe->frequency[i] /= factor;
}

static void dynamic(struct recipe *recipe)
{
	double factor = config_real(&recipe->view, "factor", 1), length = (double)recipe->length, r = (double)recipe->dims;
	if (!(length > recipe->stretched))
		return;
	double base = recipe->theta * pow(factor * length / recipe->stretched - (factor - 1), r / (r - 2));
	for (int64_t i = 0; i < recipe->dims / 2; i++)
		recipe->frequency[i] = pow(base, -2 * (double)i / r);
}

static void llama3(struct recipe *recipe)
{
	double factor = config_real(&recipe->view, "factor", 1), low = config_real(&recipe->view, "low_freq_factor", 1);
	double high = config_real(&recipe->view, "high_freq_factor", 4);
	if (high <= low)
		config_fail(&recipe->view, ERR_VALUE, "the config's high_freq_factor is not above its low_freq_factor");
	for (int64_t i = 0; i < recipe->dims / 2; i++) {
		double f = recipe->frequency[i], wave = 2 * PI / f, blend = (recipe->trained / wave - low) / (high - low);
		recipe->frequency[i] = wave < recipe->trained / high ? f : wave > recipe->trained / low ? f / factor : (1 - blend) * f / factor + blend * f;
	}
}

static double yarn_multiplier(double factor, double times)
{
	return factor <= 1 ? 1 : 0.1 * times * log(factor) + 1;
}

static double turning_dim(const struct recipe *recipe, double turns)
{
	return (double)recipe->dims * log(recipe->trained / (turns * 2 * PI)) / (2 * log(recipe->theta));
}

static void yarn(struct recipe *recipe)
{
	struct config_view *view = &recipe->view;
	double factor = config_real(view, "factor", recipe->stretched / recipe->trained);
	double fast = config_real(view, "beta_fast", 32), slow = config_real(view, "beta_slow", 1);
	double first = turning_dim(recipe, fast > 0 ? fast : 32), last = turning_dim(recipe, slow > 0 ? slow : 1);
	if (config_bool(view, "truncate", true)) {
		first = floor(first);
		last = ceil(last);
	}
	first = fmax(first, 0);
	last = fmin(last, (double)recipe->dims - 1);
	if (first == last)
		last += 0.001;
	for (int64_t i = 0; i < recipe->dims / 2; i++) {
		double ramp = fmin(fmax(((double)i - first) / (last - first), 0), 1);
		recipe->frequency[i] = recipe->frequency[i] / factor * ramp + recipe->frequency[i] * (1 - ramp);
	}
	double scale = config_real(view, "mscale", 0), all = config_real(view, "mscale_all_dim", 0);
	recipe->multiplier = scale && all ? yarn_multiplier(factor, scale) / yarn_multiplier(factor, all) : yarn_multiplier(factor, 1);
	recipe->multiplier = config_real(view, "attention_factor", recipe->multiplier);
}

static void longrope(struct recipe *recipe)
{
	struct config_view *view = &recipe->view;
	bool is_long = (double)recipe->length > recipe->trained;
	const char *names = is_long ? "long_factor" : "short_factor";
	const json_t *list = config_array(view, names);
	if (!list || (int64_t)json_array_size(list) != recipe->dims / 2) {
		config_fail(view, ERR_VALUE, "the config's %s has not one number for each pair of dims that rotates (%d)", names, (int)(recipe->dims / 2));
		return;
	}
	for (int64_t i = 0; i < recipe->dims / 2; i++)
		recipe->frequency[i] /= config_real_at(view, names, list, i);
	double factor = recipe->original_on_top ? recipe->stretched / recipe->trained : config_real(view, "factor", recipe->stretched / recipe->trained);
	recipe->multiplier = config_real(view, "attention_factor", factor <= 1 ? 1 : sqrt(1 + log(factor) / log(recipe->trained)));
}

/* Frequencies for a part of the pairs, and the rest stand still: the whole head pairs its halves. */
static void proportional(struct recipe *recipe)
{
	double partial = config_real(&recipe->view, "partial_rotary_factor", 1), factor = config_real(&recipe->view, "factor", 1);
	int64_t turning = (int64_t)(partial * (double)recipe->dim) / 2;
	for (int64_t i = 0; i < recipe->dims / 2; i++)
		recipe->frequency[i] = i < turning ? pow(recipe->theta, -2 * (double)i / (double)recipe->dim) / factor : 0;
}

static const struct {
	const char *name;
	void (*apply)(struct recipe *recipe);
} kinds[] = {
	{ "default", NULL }, { "mrope", NULL }, { "linear", linear }, { "dynamic", dynamic }, { "llama3", llama3 }, { "yarn", yarn },
	{ "longrope", longrope }, { "su", longrope }, { "proportional", proportional },
};

static void apply_scaling(struct recipe *recipe)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, recipe->type) == 0) {
			if (kinds[i].apply)
				kinds[i].apply(recipe);
			return;
		}
	config_fail(&recipe->view, ERR_UNSUPPORTED, "RoPE scaling '%.40s' is not known here: give --inv-freq with -q and -k from before the rotation", recipe->type);
}

/* The object that holds the rope fields of this layer: rope_parameters (of its type), else rope_scaling; NULL for none. */
static const json_t *fields_of(struct draft *draft, bool *is_new)
{
	const json_t *parameters = config_object(draft->config, "rope_parameters");
	const json_t *of_type = parameters && draft->type ? json_object_get(parameters, draft->type) : NULL;
	*is_new = json_object_size(parameters) > 0;
	if (*is_new)
		return json_is_object(of_type) ? of_type : parameters;
	return config_object(draft->config, "rope_scaling");
}

static void read_sections(struct draft *draft, struct config_view *view)
{
	struct rotary_settings *rotary = &draft->set->rotary;
	const json_t *section = config_array(view, "mrope_section");
	int64_t sum = 0;
	for (int axis = 0; section && axis < 3; axis++)
		sum += rotary->section[axis] = config_int_at(view, "mrope_section", section, axis);
	rotary->interleaved_sections = section && config_bool(view, "mrope_interleaved", false);
	if (section && sum > rotary->dims / 2)
		config_fail(view, ERR_VALUE, "the config's mrope_section adds up to %lld frequencies, and there are %lld", (long long)sum, (long long)rotary->dims / 2);
}

static int64_t rotating_dims(const struct draft *draft, double partial, bool proportionally)
{
	int64_t dim = draft->set->dim;
	if (draft->rope_dims)
		return draft->rope_dims;
	if (proportionally)
		return dim;
	int64_t dims = (int64_t)((double)dim * partial);
	return dims - dims % 2;
}

static void make_frequencies(struct draft *draft, struct recipe *recipe)
{
	struct rotary_settings *rotary = &draft->set->rotary;
	rotary->frequency = recipe->frequency = mem_zero_array((size_t)recipe->dims / 2, sizeof *rotary->frequency);
	if (!rotary->frequency) {
		config_fail(draft->config, ERR_NOMEM, "out of memory: RoPE frequencies");
		return;
	}
	for (int64_t i = 0; i < recipe->dims / 2; i++)
		recipe->frequency[i] = pow(recipe->theta, -2 * (double)i / (double)recipe->dims);
	if (draft->scaled)
		apply_scaling(recipe);
	rotary->multiplier = recipe->multiplier;
	for (int64_t i = 0; i < recipe->dims / 2; i++)
		if (!isfinite(recipe->frequency[i]))
			config_fail(draft->config, ERR_VALUE, "the config's rope fields give no finite frequencies (layer %lld)", (long long)draft->layer);
}

void rotary_resolve(struct draft *draft)
{
	struct rotary_settings *rotary = &draft->set->rotary;
	bool is_new;
	if (!draft->rotates || draft->config->err) {
		rotary->pairing = ROPE_NONE;
		return;
	}
	const json_t *fields = fields_of(draft, &is_new);
	struct recipe recipe = { .view = config_inside(draft->config, fields), .length = draft->length, .dim = draft->set->dim, .multiplier = 1 };
	struct config_view *view = &recipe.view;
	recipe.type = draft->scaled ? config_text(view, "rope_type|type", "default") : "default";
	recipe.theta = is_new ? config_real(view, "rope_theta", draft->theta) : draft->theta;
	double partial = is_new ? config_real(view, "partial_rotary_factor", draft->partial) : draft->partial;
	recipe.dims = rotary->dims = rotating_dims(draft, partial, strcmp(recipe.type, "proportional") == 0);
	recipe.stretched = (double)config_int(draft->config, "max_position_embeddings|n_positions|n_ctx", 2048);
	double top = config_real(draft->config, "original_max_position_embeddings", 0);
	recipe.original_on_top = top > 0;
	recipe.trained = strcmp(recipe.type, "longrope") == 0 && top > 0 ? top : config_real(view, "original_max_position_embeddings", top > 0 ? top : recipe.stretched);
	if (rotary->dims < 2 || rotary->dims > draft->set->dim || rotary->dims % 2 || rotary->dims > DIMS_MAX)
		config_fail(draft->config, ERR_VALUE, "the config rotates %lld of %lld dims", (long long)rotary->dims, (long long)draft->set->dim);
	if (!(recipe.theta > 1) || recipe.trained < 1 || recipe.stretched < 1)
		config_fail(draft->config, ERR_VALUE, "the config's RoPE base %g, or its lengths, cannot be", recipe.theta);
	if (draft->config->err)
		return;
	read_sections(draft, view);
	make_frequencies(draft, &recipe);
	rotary->base = recipe.theta;
	rotary->factor = config_real(view, "factor", 0);
	rotary->trained = strcmp(recipe.type, "dynamic") == 0 ? recipe.stretched : recipe.trained;
	rotary->low = config_real(view, "low_freq_factor|beta_slow", 1);
	rotary->high = config_real(view, "high_freq_factor|beta_fast", strcmp(recipe.type, "yarn") == 0 ? 32 : 4);
	rotary->is_truncated = config_bool(view, "truncate", true);
	snprintf(rotary->scaling, sizeof rotary->scaling, "%s", strcmp(recipe.type, "default") == 0 || strcmp(recipe.type, "mrope") == 0 ? "" : recipe.type);
	if (view->err && !draft->config->err)
		draft->config->err = view->err;
}
