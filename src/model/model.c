/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"

enum { TOWERS = 8, PREFIXES = 16, NAME = 512 };

static const char *or_name(const char *given, const char *otherwise)
{
	return given ? given : otherwise;
}

/* The end of a name that every attention layer of the family has. */
static void anchor(const struct family *family, char *name, size_t size)
{
	const char *ending = family->layout == MODEL_TRANSPOSED ? "" : ".weight";
	snprintf(name, size, "%s%s%s", or_name(family->path, "layers.#."), or_name(family->query, "self_attn.q_proj"), ending);
}

/* A part of the model that could be meant. */
struct candidate {
	const char *tower;
	const json_t *object;
	char type[64];
	const struct family *family;
};

static bool is_seeing(const char *prefix)
{
	return strstr(prefix, "vision") || strstr(prefix, "visual") || strstr(prefix, "image");
}

/* The prefixes that fit a tower: names of vision towers say so. */
static int fitting_prefixes(const struct model *model, const struct candidate *candidate, char **fitting)
{
	char ending[NAME], *prefix[PREFIXES];
	int count, kept = 0;
	anchor(candidate->family, ending, sizeof ending);
	count = checkpoint_prefixes(&model->checkpoint, ending, prefix, PREFIXES);
	for (int i = 0; i < count; i++) {
		bool of_text = candidate->tower && strcmp(candidate->tower, "text") == 0, of_vision = candidate->tower && strcmp(candidate->tower, "vision") == 0;
		bool heard = strstr(prefix[i], "audio") != NULL;
		if (count > 1 && ((of_text && (is_seeing(prefix[i]) || heard)) || (of_vision && !is_seeing(prefix[i]))))
			free(prefix[i]);
		else
			fitting[kept++] = prefix[i];
	}
	return kept;
}

static void free_all(char **text, int count)
{
	for (int i = 0; i < count; i++)
		free(text[i]);
}

static void add_candidate(struct candidate *list, int *count, const char *tower, const json_t *object, const char *type, const char *otherwise, const char *root)
{
	struct candidate *candidate = &list[*count];
	*candidate = (struct candidate){ .tower = tower, .object = object };
	snprintf(candidate->type, sizeof candidate->type, "%s", type);
	candidate->family = family_find(type, NULL);
	if (!candidate->family && otherwise) {
		snprintf(candidate->type, sizeof candidate->type, "%s", otherwise);
		candidate->family = family_find(otherwise, NULL);
	}
	if (!candidate->family && root && (candidate->family = family_find(root, NULL)))
		snprintf(candidate->type, sizeof candidate->type, "%s", root);
	if (!candidate->family)
		snprintf(candidate->type, sizeof candidate->type, "%s", type);
	++*count;
}

/* text_config and vision_config, the towers of an encoder-decoder, or the one that there is. */
static int list_candidates(const struct model *model, const char *type, struct candidate *list)
{
	static const struct { const char *tower, *field, *ending; } nested[] = {
		{ "text", "text_config", "_text" }, { "vision", "vision_config", "_vision" }, { "audio", "audio_config", "_audio" },
	};
	const char *tower[TOWERS];
	int count = 0, towers = family_towers(type, tower, TOWERS);
	bool is_nested = false;
	for (size_t i = 0; i < sizeof nested / sizeof *nested; i++)
		is_nested = is_nested || json_is_object(json_object_get(model->config.root, nested[i].field));
	for (int i = 0; i < towers; i++) {
		add_candidate(list, &count, tower[i], model->config.root, type, NULL, NULL);
		list[count - 1].family = family_find(type, tower[i]);
	}
	for (size_t i = 0; i < sizeof nested / sizeof *nested && is_nested; i++) {
		const json_t *object = json_object_get(model->config.root, nested[i].field);
		const char *inner = json_string_value(json_object_get(object, "model_type"));
		char otherwise[80], longer[90];
		snprintf(otherwise, sizeof otherwise, "%.64s%s", type, nested[i].ending);
		snprintf(longer, sizeof longer, "%s_model", otherwise);
		if (json_is_object(object))
			add_candidate(list, &count, nested[i].tower, object, inner ? inner : otherwise, family_find(otherwise, NULL) ? otherwise : longer, i == 0 ? type : NULL);
		else if (i == 0 && family_find(type, NULL))
			add_candidate(list, &count, "text", model->config.root, type, NULL, NULL);
	}
	if (!count)
		add_candidate(list, &count, NULL, model->config.root, type, NULL, NULL);
	return count;
}

static enum err unknown_type(const struct model *model, const char *type, struct err_info *info)
{
	err_set(info, ERR_UNSUPPORTED, "model_type '%.60s' is not known here (man attnviz-models lists those that are): give -q and -k as the attention gets them, "
		"with --causal, --scale-factor and what else it does", type);
	return err_in_file(info, model->config.file);
}

static bool is_present(const struct model *model, const struct candidate *candidate)
{
	char *prefix[PREFIXES];
	int count = candidate->family && model->checkpoint.is_open ? fitting_prefixes(model, candidate, prefix) : 0;
	free_all(prefix, count);
	return count > 0;
}

static enum err several(const struct model *model, const struct candidate *list, int count, const char *asked, struct err_info *info)
{
	struct strbuf names;
	strbuf_init(&names);
	for (int i = 0; i < count; i++)
		strbuf_addf(&names, "%s%s", i ? ", " : "", list[i].tower ? list[i].tower : "only one");
	if (asked && count == 1 && !list[0].tower)
		err_set(info, ERR_USAGE, "--tower %s: %s has no towers", asked, list[0].type);
	else if (asked)
		err_set(info, ERR_USAGE, "--tower %s: the towers here are %s", asked, names.buf);
	else
		err_set(info, ERR_USAGE, "the model has several towers: choose with --tower (%s)", names.buf);
	strbuf_release(&names);
	return err_in_file(info, model->config.file);
}

static enum err choose(struct model *model, const struct candidate *list, int count, const char *tower, struct candidate *chosen, struct err_info *info)
{
	int found = 0;
	for (int i = 0; i < count; i++)
		if (tower ? list[i].tower && strcmp(list[i].tower, tower) == 0 : count == 1 || is_present(model, &list[i])) {
			*chosen = list[i];
			found++;
		}
	if (found == 1)
		return ERR_OK;
	if (!tower && !found && count > 1)
		for (int i = 0; i < count; i++)
			if (!list[i].family)
				return several(model, list, count, tower, info);
	return several(model, list, count, tower, info);
}

static enum err find_prefix(struct model *model, const struct candidate *chosen, struct err_info *info)
{
	char *prefix[PREFIXES], ending[NAME];
	if (!model->checkpoint.is_open)
		return ERR_OK;
	int count = fitting_prefixes(model, chosen, prefix);
	if (count == 1) {
		model->prefix = prefix[0];
		return ERR_OK;
	}
	anchor(model->family, ending, sizeof ending);
	if (!count)
		err_set(info, ERR_VALUE, "no tensor is called ...%s, as those of %s are: is this its checkpoint, and is it not quantised?", ending, model->type);
	else
		err_set(info, ERR_USAGE, "two or more parts have layers (%.60s..., %.60s...): choose with --tower", prefix[0], prefix[1]);
	free_all(prefix, count);
	return err_in_file(info, model->checkpoint.archive.file);
}

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');
	return strndup(file, slash ? (size_t)(slash - file) + 1 : 0);
}

static enum err open_tower(struct model *model, const char *tower, struct err_info *info)
{
	struct candidate list[TOWERS], chosen = { 0 };
	const char *type = json_string_value(json_object_get(model->config.root, "model_type"));
	if (!type) {
		err_set(info, ERR_VALUE, "the config has no model_type: give -q and -k as the attention gets them");
		return err_in_file(info, model->config.file);
	}
	int count = list_candidates(model, type, list);
	if (count == 1 && !list[0].family)
		return unknown_type(model, list[0].type, info);
	enum err err = choose(model, list, count, tower, &chosen, info);
	if (err)
		return err;
	if (!chosen.family)
		return unknown_type(model, chosen.type, info);
	model->family = chosen.family;
	model->tower = chosen.tower;
	snprintf(model->type, sizeof model->type, "%s", chosen.type);
	model->view = (struct config_view){ .object = chosen.object };
	return find_prefix(model, &chosen, info);
}

enum err model_open(struct model *model, const char *path, const char *tower, struct err_info *info)
{
	*model = (struct model){ 0 };
	enum err err = config_open(&model->config, path, info);
	if (!err && !(model->folder = folder_of(model->config.file)))
		err = err_nomem(info, "the model");
	if (!err)
		err = checkpoint_open(&model->checkpoint, model->folder, info);
	if (!err)
		err = open_tower(model, tower, info);
	if (!err)
		err = model_settle(model, 0, info);
	if (err)
		model_release(model);
	return err;
}

static void release_layers(struct model *model)
{
	for (int64_t i = 0; model->layer && i < model->layers; i++)
		layer_settings_release(&model->layer[i]);
	free(model->layer);
	model->layer = NULL;
}

void model_release(struct model *model)
{
	release_layers(model);
	checkpoint_release(&model->checkpoint);
	config_release(&model->config);
	free(model->prefix);
	free(model->folder);
	*model = (struct model){ 0 };
}

enum err model_settle(struct model *model, int64_t length, struct err_info *info)
{
	struct config_view *view = &model->view;
	release_layers(model);
	view->err = ERR_OK;
	view->info = info;
	model->layers = family_layers(model->family, view);
	if (!view->err && !(model->layer = mem_zero_array((size_t)model->layers, sizeof *model->layer)))
		config_fail(view, ERR_NOMEM, "out of memory: the layers");
	for (int64_t i = 0; i < model->layers && !view->err; i++)
		family_layer(model->family, view, i, model->layers, length, &model->layer[i]);
	view->info = NULL;
	return view->err ? err_in_file(info, model->config.file) : ERR_OK;
}

/* PREFIX path NAME ending, with the number in the path. */
static void full_name(const struct model *model, const struct layer_settings *layer, const char *name, int length, const char *ending, bool shared, char *out)
{
	const char *path = or_name(model->family->path, "layers.#."), *mark = strchr(path, '#');
	if (shared)
		snprintf(out, NAME, "%s%.*s%s", model->prefix, length, name, ending);
	else
		snprintf(out, NAME, "%s%.*s%" PRId64 "%s%.*s%s", model->prefix, (int)(mark - path), path, layer->tensors_of, mark + 1, length, name, ending);
}

const struct tensor *model_tensor(const struct model *model, const struct layer_settings *layer, const char *name, const char *ending, bool shared)
{
	char full[NAME];
	if (!model->prefix || !*name)
		return NULL;
	for (const char *at = name; *at;) {
		size_t length = strcspn(at, "|");
		full_name(model, layer, at, (int)length, ending, shared, full);
		const struct tensor *tensor = checkpoint_find(&model->checkpoint, full);
		if (tensor)
			return tensor;
		at += length + (at[length] == '|');
	}
	/* As TensorFlow called them once. */
	if (strcmp(ending, ".weight") == 0)
		return model_tensor(model, layer, name, ".gamma", shared);
	return strcmp(ending, ".bias") == 0 ? model_tensor(model, layer, name, ".beta", shared) : NULL;
}

enum err model_need(const struct model *model, const struct layer_settings *layer, const char *name, const char *ending, bool shared, const struct tensor **tensor,
		    struct err_info *info)
{
	static const char *const quantised[] = { ".qweight", ".weight_packed", ".weight_quantized", ".scales" };
	char full[NAME];
	*tensor = model_tensor(model, layer, name, ending, shared);
	full_name(model, layer, name, (int)strcspn(name, "|"), ending, shared, full);
	for (size_t i = 0; !*tensor && i < sizeof quantised / sizeof *quantised; i++)
		if (model_tensor(model, layer, name, quantised[i], shared)) {
			err_set(info, ERR_UNSUPPORTED, "'%s' is quantised, which is not read: give -q and -k as the attention gets them", full);
			return err_in_file(info, model->checkpoint.archive.file);
		}
	bool in_blocks = *tensor && (model_tensor(model, layer, name, ".weight_scale_inv", shared) || model_tensor(model, layer, name, ".weight_scale", shared) ||
				     model_tensor(model, layer, name, ".weight.absmax", shared) || model_tensor(model, layer, name, ".weight.SCB", shared));
	if (in_blocks && (*tensor)->scale == 1)
		err_set(info, ERR_UNSUPPORTED, "'%s' is quantised in blocks, which is not read: give -q and -k as the attention gets them", full);
	else if (*tensor)
		return ERR_OK;
	else if (!model->prefix)
		err_set(info, ERR_VALUE, "no model.safetensors is beside it, and hidden states need the weights");
	else
		err_set(info, ERR_VALUE, "there is no tensor '%s': is the checkpoint whole? -q and -k as the attention gets them need none", full);
	return err_in_file(info, model->prefix ? model->checkpoint.archive.file : model->config.file);
}
