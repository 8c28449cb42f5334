/* SPDX-License-Identifier: MIT */
#include "commands/model_inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "commands/inputs_given.h"
#include "commands/model_info.h"
#include "commands/model_states.h"
#include "commands/position.h"
#include "mechanism/layered.h"
#include "model/project.h"
#include "model/recurrent.h"

static struct {
	const char *model, *tower;
	struct string_list hidden, memory;
	int dumped;
	bool aside;
} given;

static const struct word dumped_words[] = {
	{ "projection", DUMPED_PROJECTION }, { "norm", DUMPED_NORM }, { "rotation", DUMPED_ROTATION }, WORD_END,
};

const struct option_row model_rows[] = {
	OPTION_STRING(0, "model", "DIR", &given.model, "model directory of Hugging Face, or its config.json: settings of each layer come from it"),
	OPTION_LIST(0, "hidden", "FILE[:NAME]", &given.hidden, "hidden states that enter its layers: (L+1,N,D), (L+1,B,N,D), or one tensor per layer"),
	OPTION_LIST(0, "memory", "FILE[:NAME]", &given.memory, "the encoder's output, for --tower cross"),
	OPTION_CHOICE(0, "dumped-after", "STEP", &given.dumped, dumped_words, "step of the model after which -q and -k were saved; rotation: as attention receives them"),
	OPTION_STRING(0, "tower", "NAME", &given.tower, "part of the model to use: encoder, decoder, cross, text, vision"),
	OPTION_END
};

/* Queries and keys of layers that nobody looks at are dropped beyond this. */
static const size_t ROOM = (size_t)1 << 29;

bool model_given(void)
{
	return given.model && !given.aside;
}

bool model_has_hidden(void)
{
	return model_given() && given.hidden.count;
}

const char *model_vocabulary(void)
{
	static const char *const files[] = { "tokenizer.json", "vocab.json", "vocab.txt" };
	static char path[4096];
	struct stat status;
	if (!model_given() || stat(given.model, &status) != 0)
		return NULL;
	const char *slash = strrchr(given.model, '/');
	int length = S_ISDIR(status.st_mode) ? (int)strlen(given.model) : slash ? (int)(slash - given.model) : 0;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++)
		if ((size_t)snprintf(path, sizeof path, "%.*s%s%s", length, given.model, length ? "/" : "", files[i]) < sizeof path && access(path, F_OK) == 0)
			return path;
	return NULL;
}

void model_set_aside(bool aside)
{
	given.aside = aside;
}

const char *model_path(void)
{
	return given.model;
}

const char *model_tower(void)
{
	return given.tower;
}

enum err model_check_options(struct err_info *info)
{
	const char *without = given.hidden.count ? "--hidden" : given.memory.count ? "--memory" : given.tower ? "--tower" : given.dumped ? "--dumped-after" : NULL;
	if (!given.model && without)
		return err_set(info, ERR_USAGE, "%s needs --model DIR", without);
	if (given.memory.count && !given.hidden.count)
		return err_set(info, ERR_USAGE, "--memory goes with --hidden, the decoder's states");
	return ERR_OK;
}

/* What a source made of a model owns. */
struct opened {
	struct model model;
	struct model_states hidden, memory;
	struct heads by_layer;    /* of hidden: entry l is what enters layer l */
	const struct tensor **slot;
	struct places query_places, key_places;
	struct projecting projecting;
	struct made *values;      /* [kept], where wanted */
	const struct tensor **value_slot;
	struct heads value_view;
	const struct heads *query, *key; /* of a dump, all its layers; NULL: from hidden states */
	int64_t *place;           /* [kept] the layer of the dump */
	int64_t *number;          /* [kept] */
	int64_t kept;
	bool *wanted;             /* [kept] by --layer */
	struct layered_layer *layer; /* [kept] */
	struct recurrent recurrent;  /* of a model that is no softmax at all */
};

static void opened_free(void *owner)
{
	struct opened *opened = owner;
	for (int64_t i = 0; opened->layer && i < opened->kept; i++)
		choice_release(&opened->layer[i].choice);
	for (int64_t i = 0; opened->values && i < opened->kept; i++)
		made_release(&opened->values[i]);
	free(opened->values);
	free(opened->value_slot);
	free(opened->layer);
	free(opened->number);
	free(opened->place);
	free(opened->wanted);
	free(opened->slot);
	free(opened->query_places.at);
	free(opened->key_places.at);
	recurrent_release(&opened->recurrent);
	model_states_release(&opened->hidden);
	model_states_release(&opened->memory);
	model_release(&opened->model);
	free(opened);
}

/* One layer of a view. */
static struct heads one_layer(const struct heads *heads, int64_t layer)
{
	struct heads one = *heads;
	if (heads->tensor_count > 1) {
		one.tensors = heads->tensors + layer;
		one.tensor_count = 1;
	} else {
		one.first += heads->size[AXIS_LAYER] > 1 ? layer * heads->stride[AXIS_LAYER] : 0;
	}
	one.size[AXIS_LAYER] = 1;
	one.present[AXIS_LAYER] = false;
	return one;
}

static enum err make_dumped(void *owner, int64_t index, struct layered_made *made, struct err_info *info)
{
	const struct opened *opened = owner;
	int64_t layer = opened->number[index];
	struct heads query = one_layer(opened->query, opened->place[index]), key = one_layer(opened->key, opened->place[index]);
	enum err err = project_dumped(&opened->projecting, layer, MODEL_QUERY, (enum dumped)given.dumped, &query, &made->query, info);
	if (!err)
		err = project_dumped(&opened->projecting, layer, MODEL_KEY, (enum dumped)given.dumped, &key, &made->key, info);
	return err ? err : project_terms(&opened->projecting, layer, made->query.heads.size[AXIS_TOKEN], made->key.heads.size[AXIS_TOKEN], &made->terms, info);
}

static enum err make(void *owner, int64_t index, struct layered_made *made, struct err_info *info)
{
	const struct opened *opened = owner;
	int64_t layer = opened->number[index];
	enum err err = project_part(&opened->projecting, layer, MODEL_QUERY, &made->query, info);
	if (!err)
		err = project_part(&opened->projecting, layer, MODEL_KEY, &made->key, info);
	return err ? err : project_terms(&opened->projecting, layer, made->query.heads.size[AXIS_TOKEN], made->key.heads.size[AXIS_TOKEN], &made->terms, info);
}

/* A run of numbers: "0-2, 5". */
static void add_number(struct strbuf *text, int64_t *first, int64_t *last, int64_t number)
{
	if (*last >= 0 && number == *last + 1) {
		*last = number;
		return;
	}
	if (*last >= 0)
		strbuf_addf(text, *first == *last ? "%s%" PRId64 : "%s%" PRId64 "-%" PRId64, text->len ? ", " : "", *first, *last);
	*first = *last = number;
}

static const char *why_not(const struct opened *opened, int64_t layer)
{
	const struct layer_settings *set = &opened->model.layer[layer];
	if (!set->is_softmax)
		return set->mechanism;
	if (set->needs_more)
		return set->why;
	return opened->hidden.entry[set->keys_of] < 0 || opened->hidden.entry[layer] < 0 ? "" : NULL;
}

/* One line for each reason. */
static void note_left_out(const struct opened *opened)
{
	const struct model *model = &opened->model;
	for (int64_t layer = 0; layer < model->layers; layer++) {
		const char *why = why_not(opened, layer);
		bool said = !why || !*why;
		for (int64_t before = 0; before < layer && !said; before++)
			said = why_not(opened, before) && strcmp(why_not(opened, before), why) == 0;
		if (said)
			continue;
		struct strbuf list;
		int64_t first = -1, last = -1;
		strbuf_init(&list);
		for (int64_t other = layer; other < model->layers; other++)
			if (why_not(opened, other) && strcmp(why_not(opened, other), why) == 0)
				add_number(&list, &first, &last, other);
		add_number(&list, &first, &last, INT64_MAX);
		message_note("%s %s %s left out: %s%s", strpbrk(list.buf, ",-") ? "layers" : "layer", list.buf, strpbrk(list.buf, ",-") ? "are" : "is", why, model->layer[layer].is_softmax ? "" : ", no softmax attention");
		strbuf_release(&list);
	}
}

static enum err choose_layers(struct opened *opened, struct err_info *info)
{
	const struct model *model = &opened->model;
	opened->number = mem_array((size_t)model->layers, sizeof *opened->number);
	opened->layer = mem_zero_array((size_t)model->layers, sizeof *opened->layer);
	if (!opened->number || !opened->layer)
		return err_nomem(info, "the layers");
	for (int64_t layer = 0; layer < model->layers; layer++)
		if (!why_not(opened, layer))
			opened->number[opened->kept++] = layer;
	if (opened->kept) {
		opened->wanted = mem_zero_array((size_t)opened->kept, sizeof *opened->wanted);
		note_left_out(opened);
		return opened->wanted ? selection_wants(opened->number, opened->kept, opened->wanted, info) : err_nomem(info, "the layers");
	}
	err_set(info, ERR_UNSUPPORTED, "no layer can be shown from hidden states: %s (%s)", *why_not(opened, 0) ? why_not(opened, 0) : "there are none of its states", model->type);
	return err_in_file(info, model->config.file);
}

/* ---- positions ---- */

static enum err read_places(struct places *places, const struct tensor *tensor, int64_t axes, int64_t batches, int64_t tokens, const char *option, struct err_info *info)
{
	const int64_t *shape = tensor->shape;
	int rank = tensor->rank;
	bool by_axis = axes > 1 && ((rank == 3 && shape[0] == axes) || (rank == 2 && shape[0] == axes));
	int64_t items = rank - by_axis == 2 ? shape[by_axis] : 1;
	if (rank < 1 || rank > 2 + by_axis || shape[rank - 1] != tokens || (items != 1 && items != batches)) {
		char text[128];
		err_set(info, ERR_SHAPE, "%s '%s' has shape %s, where (%" PRId64 "), (batch, %" PRId64 ")%s are expected", option, tensor->name,
			tensor_shape_text(tensor, text, sizeof text), tokens, tokens,
			axes == 3 ? " or (3, tokens), (3, batch, tokens)" : axes == 2 ? " or (2, patches): rows and columns" : "");
		return err_in_file(info, tensor->file);
	}
	*places = (struct places){ .axes = by_axis ? axes : 1, .batches = items, .tokens = tokens };
	places->at = mem_array((size_t)(places->axes * items), (size_t)tokens * sizeof *places->at);
	if (!places->at)
		return err_nomem(info, option);
	for (int64_t i = 0; i < places->axes * items * tokens; i++) {
		enum err err = tensor_integer_at(tensor, i, &places->at[i], info);
		if (!err && llabs(places->at[i]) > INT64_C(1) << 40)
			err = err_set(info, ERR_VALUE, "%s '%s': %" PRId64 " is not a position", option, tensor->name, places->at[i]);
		if (err)
			return err_in_file(info, tensor->file);
	}
	return ERR_OK;
}

/* Patches of a square image, which is said. */
static enum err square_places(struct places *places, int64_t patches, struct err_info *info)
{
	int64_t side = (int64_t)llround(sqrt((double)patches));
	if (side * side != patches)
		return err_set(info, ERR_USAGE, "%" PRId64 " patches are no square: give their rows and columns with --query-positions FILE, integers (2, %" PRId64 ")", patches, patches);
	*places = (struct places){ .axes = 2, .batches = 1, .tokens = patches, .at = mem_array((size_t)(2 * patches), sizeof *places->at) };
	if (!places->at)
		return err_nomem(info, "the patches");
	for (int64_t i = 0; i < patches; i++) {
		places->at[i] = i / side;
		places->at[patches + i] = i % side;
	}
	message_note("the patches are taken as a square of %" PRId64 " x %" PRId64 ": --query-positions FILE, (2, patches), says otherwise", side, side);
	return ERR_OK;
}

/* A grid's size is that of its largest places. */
static void measure_grid(struct opened *opened)
{
	for (int64_t layer = 0; layer < opened->model.layers; layer++) {
		struct rotary_settings *rotary = &opened->model.layer[layer].rotary;
		const struct places *places = &opened->query_places;
		for (int64_t axis = 0; rotary->grid == ROTARY_DINO && axis < 2; axis++)
			for (int64_t i = 0; i < places->tokens; i++) {
				int64_t at = places->at[axis * places->tokens + i] + 1;
				rotary->section[axis] = at > rotary->section[axis] ? at : rotary->section[axis];
			}
	}
}

static const struct rotary_settings *any_rotation(const struct opened *opened)
{
	const struct rotary_settings *rotary = NULL;
	for (int64_t i = 0; i < opened->kept && !rotary; i++)
		if (opened->model.layer[opened->number[i]].rotary.pairing)
			rotary = &opened->model.layer[opened->number[i]].rotary;
	return rotary;
}

static enum err find_places(struct opened *opened, const struct position_args *position, int64_t batches, int64_t queries, int64_t keys, struct err_info *info)
{
	const struct rotary_settings *rotary = any_rotation(opened);
	bool sections = rotary && rotary->section[0] + rotary->section[1] + rotary->section[2] > 0, grid = rotary && rotary->grid;
	int64_t axes = grid ? 2 : sections ? 3 : 1, prefix = grid ? rotary->prefix : 0;
	const struct tensor *of_queries = position->query_positions ? position->query_positions : grid ? position->key_positions : NULL;
	const struct tensor *of_keys = position->key_positions ? position->key_positions : of_queries;
	enum err err = ERR_OK;
	opened->query_places.offset = position->has_query_offset ? position->query_offset : position->key_offset;
	opened->key_places.offset = position->key_offset;
	if (of_queries)
		err = read_places(&opened->query_places, of_queries, axes, batches, queries - prefix, "--query-positions", info);
	else if (grid)
		err = square_places(&opened->query_places, queries - prefix, info);
	else if (sections && !of_keys)
		message_note("M-RoPE positions are taken as those of text alone: with images, --query-positions FILE, (3, tokens)");
	if (!err && grid && opened->query_places.axes != 2)
		err = err_set(info, ERR_USAGE, "--query-positions: patches have rows and columns, integers (2, patches)");
	if (!err && of_keys)
		err = read_places(&opened->key_places, of_keys, axes, batches, keys - prefix, of_keys == of_queries ? "--query-positions" : "--key-positions", info);
	else if (!err && grid)
		err = square_places(&opened->key_places, keys - prefix, info);
	if (!err && grid)
		measure_grid(opened);
	return err;
}

/* ---- masks, scales ---- */

/* What the user says overrides the config, which is noted; what would be applied twice is refused. */
static enum err check_overrides(const struct input *input, struct err_info *info)
{
	const struct position_args *position = &input->args.position;
	const char *twice = position->rope || position->inv_freq || position->rope_cos ? "--rope" : position->qk_norm ? "--qk-norm" : position->alibi ? "--alibi" :
			    position->t5_bias ? "--t5-bias" : position->sinks ? "--sink-logits" : NULL;
	if (twice)
		return err_set(info, ERR_USAGE, "%s: the model says it itself (attnviz info --model DIR lists what)", twice);
	struct strbuf list;
	strbuf_init(&list);
	if (!isnan(input->args.scale))
		strbuf_addstr(&list, ", --scale-factor");
	if (input->args.softcap > 0)
		strbuf_addstr(&list, ", --softcap");
	if (input->args.causal)
		strbuf_addstr(&list, ", --causal");
	if (input->args.window_left >= 0 || input->args.window_right >= 0)
		strbuf_addstr(&list, ", --window");
	if (input->args.chunk)
		strbuf_addstr(&list, ", --chunk");
	if (list.len)
		message_note("%s: in place of what the model does", list.buf + 2);
	strbuf_release(&list);
	return ERR_OK;
}

static enum err set_layer(const struct opened *opened, const struct input *input, const struct layer_settings *set, struct layered_layer *layer, struct err_info *info)
{
	struct mechanism_args *args = &layer->args;
	*args = input->args;
	args->binding = NULL;
	args->binding_count = 0;
	args->parameter = NULL;
	args->parameter_count = 0;
	args->position = (struct position_args){ 0 };
	args->scale = isnan(args->scale) ? set->scale : args->scale;
	args->softcap = args->softcap > 0 ? args->softcap : set->softcap;
	args->causal = args->causal ? args->causal : set->is_causal ? CAUSAL_BOTTOM_RIGHT : CAUSAL_NONE;
	if (!masking_is_whole_context()) {
		args->window_left = args->window_left >= 0 ? args->window_left : set->left;
		args->window_right = args->window_right >= 0 ? args->window_right : set->right;
		args->chunk = args->chunk ? args->chunk : set->chunk;
	}
	if (set->bias.kind == BIAS_ALIBI && (set->bias.slope_max == 0 || set->bias.slope_max == 8)) {
		args->position.alibi = true;
		args->position.bias_before_scale = set->bias.before_scale;
	}
	layer->key_heads = set->key_heads;
	layer->dim = set->dim;
	if (!*set->sinks || args->stage != STAGE_WEIGHTS)
		return ERR_OK;
	return model_need(&opened->model, set, set->sinks, "", false, &args->position.sinks, info);
}

/* Causal layers may be among others that are not; a window of the one kind needs none of the other. */
static enum err set_layers(struct opened *opened, struct input *input, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int64_t i = 0; i < opened->kept && !err; i++) {
		const struct layer_settings *set = &opened->model.layer[opened->number[i]];
		err = set_layer(opened, input, set, &opened->layer[i], info);
		if (!err && set->choice.kind && opened->wanted[i])
			err = project_choice(&opened->projecting, opened->number[i], &opened->layer[i].choice, info);
	}
	return err;
}

/* Entry l of the view is what enters layer l, whatever order the file has. */
static enum err view_by_layer(struct opened *opened, struct err_info *info)
{
	struct heads *view = &opened->by_layer;
	*view = opened->hidden.heads;
	if (view->tensor_count == 1) {
		view->first -= opened->model.family->states_behind ? view->stride[AXIS_LAYER] : 0;
		return ERR_OK;
	}
	opened->slot = mem_array((size_t)opened->model.layers, sizeof *opened->slot);
	if (!opened->slot)
		return err_nomem(info, "the hidden states");
	for (int64_t layer = 0; layer < opened->model.layers; layer++)
		opened->slot[layer] = view->tensors[opened->hidden.entry[layer] < 0 ? 0 : opened->hidden.entry[layer]];
	view->tensors = opened->slot;
	view->tensor_count = view->size[AXIS_LAYER] = opened->model.layers;
	return ERR_OK;
}

static enum err open_states(struct opened *opened, struct input *input, struct err_info *info)
{
	struct model *model = &opened->model;
	bool cross = model->layer[0].before != NULL;
	enum err err = model_states_open(&opened->hidden, &input->roles, &given.hidden, model->layers, model->family->states_behind, info);
	if (!err && opened->hidden.as_many_as_layers)
		message_note("as many hidden states as layers: the first is taken as what enters the first layer (hidden_states[0])");
	if (!err && cross && !given.memory.count)
		err = err_set(info, ERR_USAGE, "--tower cross needs the encoder's output: --memory FILE[:NAME]");
	if (!err && !cross && given.memory.count)
		err = err_set(info, ERR_USAGE, "--memory is for --tower cross alone");
	if (!err && cross) {
		model->view.err = ERR_OK;
		int64_t layers = config_int(&model->view, "encoder_layers|num_layers|encoder_num_hidden_layers|num_hidden_layers", 0);
		err = model_memory_open(&opened->memory, &input->roles, &given.memory, layers, opened->hidden.heads.size[AXIS_BATCH], info);
	}
	if (!err)
		err = view_by_layer(opened, info);
	return err ? err : model_settle(model, opened->hidden.heads.size[AXIS_TOKEN], info);
}

static const char *no_values(const struct opened *opened)
{
	const struct layer_settings *first = NULL;
	for (int64_t i = 0; i < opened->kept; i++) {
		const struct layer_settings *set = &opened->model.layer[opened->number[i]];
		if (!opened->wanted[i])
			continue;
		first = first ? first : set;
		if (set->key_heads != first->key_heads || set->value_dim != first->value_dim)
			return "its layers have values of different sizes: choose some with --layer";
		if (set->qk_norm && strncmp(opened->model.type, "gemma4", 6) == 0)
			return "values of Gemma 4 are not made here";
	}
	return NULL;
}

/* Values are small, and whoever wants them looks at all of them: they are made at once. */
static enum err make_values(struct opened *opened, int64_t batches, int64_t keys, struct err_info *info)
{
	enum err err = ERR_OK;
	opened->values = mem_zero_array((size_t)opened->kept, sizeof *opened->values);
	opened->value_slot = mem_array((size_t)opened->kept, sizeof *opened->value_slot);
	if (!opened->values || !opened->value_slot)
		return err_nomem(info, "the values");
	int64_t some = 0;
	for (int64_t i = 0; i < opened->kept && !err; i++) {
		const struct layer_settings *set = &opened->model.layer[opened->number[i]];
		const int64_t size[AXIS_COUNT] = { 1, batches, set->key_heads, keys, set->value_dim };
		if (!opened->wanted[i])
			continue;
		some = i;
		err = made_init(&opened->values[i], "the values", size, info);
		if (!err)
			err = project_part(&opened->projecting, opened->number[i], MODEL_VALUE, &opened->values[i], info);
	}
	for (int64_t i = 0; i < opened->kept; i++)
		opened->value_slot[i] = &opened->values[opened->wanted[i] ? i : some].tensor;
	opened->value_view = opened->values[some].heads;
	opened->value_view.tensors = opened->value_slot;
	opened->value_view.tensor_count = opened->value_view.size[AXIS_LAYER] = opened->kept;
	return err;
}

/* The whole of a source's note: the family, and what differs. */
static void describe(const struct opened *opened, const char *from, struct source *source)
{
	struct strbuf differences;
	char note[sizeof source->note + 256];
	strbuf_init(&differences);
	model_info_differences(&opened->model, opened->number, opened->kept, &differences);
	snprintf(note, sizeof note, "%s%s%s%s%s%s%s%s", opened->model.type, opened->model.tower ? " " : "", opened->model.tower ? opened->model.tower : "", from,
		 *source->note ? ", " : "", source->note, differences.len ? ", " : "", differences.buf);
	strbuf_release(&differences);
	note[sizeof source->note - 1] = '\0';
	memcpy(source->note, note, sizeof source->note);
}

static enum err open_layers(struct opened *opened, struct input *input, struct err_info *info)
{
	const struct heads *hidden = &opened->hidden.heads, *keys = given.memory.count ? &opened->memory.heads : hidden;
	struct layered_request request = {
		.batches = hidden->size[AXIS_BATCH], .heads = opened->model.layer[0].heads, .queries = hidden->size[AXIS_TOKEN], .keys = keys->size[AXIS_TOKEN], .make = make,
		.owner = opened, .release = opened_free, .room = ROOM, .is_square = !given.memory.count,
	};
	opened->projecting = (struct projecting){
		.model = &opened->model, .hidden = &opened->by_layer, .memory = given.memory.count ? keys : NULL, .query_places = &opened->query_places,
		.key_places = &opened->key_places, .kernels = input->kernels, .threads = input->threads,
	};
	enum err err = masking_open(&input->masking, &input->roles, &given_inputs()->roles.layout, request.queries, request.keys, &input->args, info);
	if (!err)
		err = position_open(&input->args.position, &input->roles, info);
	if (!err)
		err = check_overrides(input, info);
	if (!err)
		err = find_places(opened, &input->args.position, request.batches, request.queries, request.keys, info);
	if (!err)
		err = set_layers(opened, input, info);
	request.without_values = err ? NULL : no_values(opened);
	if (!err && given_inputs()->wants_values && !request.without_values) {
		err = make_values(opened, request.batches, request.keys, info);
		request.values = &opened->value_view;
	}
	if (err) {
		opened_free(opened);
		return err;
	}
	request.layers = opened->kept;
	request.layer = opened->layer;
	err = layered_open(&request, &input->source, info);
	if (!err) {
		masking_note(&input->masking);
		describe(opened, ", from hidden states", input->source);
	}
	return err;
}

static enum err number_layers(struct input *input, const struct opened *opened, struct err_info *info)
{
	input->layer_number = mem_array((size_t)opened->kept, sizeof *input->layer_number);
	if (!input->layer_number)
		return err_nomem(info, "the layers");
	memcpy(input->layer_number, opened->number, (size_t)opened->kept * sizeof *opened->number);
	input->has_layers = input->has_heads = true;
	input->has_batches = opened->hidden.has_batch;
	return ERR_OK;
}

/* All layers of a model without softmax go through the source of their mechanism. */
static enum err open_recurrent(struct opened *opened, struct input *input, const struct mechanism *mechanism, struct err_info *info)
{
	const struct given_inputs *inputs = given_inputs();
	struct recurrent *recurrent = &opened->recurrent;
	const char *parameter[2] = { recurrent->parameter };
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	input->behind = opened;
	input->free_behind = opened_free;
	opened->projecting = (struct projecting){ .model = &opened->model, .hidden = &opened->by_layer, .query_places = &opened->query_places,
						  .key_places = &opened->key_places, .kernels = input->kernels, .threads = input->threads };
	enum err err = recurrent_open(recurrent, &opened->projecting, opened->number, opened->kept, info);
	parameter[0] = recurrent->parameter;
	size_t own = recurrent->parameter ? 1 : 0;
	const char **all = mem_array(inputs->parameter.count + own, sizeof *all);
	if (!err && !all)
		err = err_nomem(info, "the parameters");
	for (size_t i = 0; !err && i < inputs->parameter.count; i++)
		all[own + i] = inputs->parameter.item[i];
	if (!err && own)
		all[0] = parameter[0];
	args.binding = recurrent->binding;
	args.binding_count = recurrent->count;
	args.parameter = all;
	args.parameter_count = inputs->parameter.count + own;
	args.only_weights = !inputs->measures_distance;
	input->mechanism = mechanism;
	if (!err)
		err = mechanism_check_parameters(&args, mechanism, info);
	if (!err)
		err = mechanism->open(&args, &input->source, info);
	free(all);
	return err;
}

/* The layers whose states there are. */
static enum err number_all(struct opened *opened, struct err_info *info)
{
	opened->number = mem_array((size_t)opened->model.layers, sizeof *opened->number);
	if (!opened->number)
		return err_nomem(info, "the layers");
	for (int64_t layer = 0; layer < opened->model.layers; layer++)
		if (opened->hidden.entry[layer] >= 0)
			opened->number[opened->kept++] = layer;
	if (opened->model.family->states_behind && opened->kept)
		message_note("hidden_states[l] of %s is what comes out of layer l: layer 0, which the embedding enters, is left out", opened->model.type);
	return opened->kept ? ERR_OK : err_set(info, ERR_SHAPE, "%s: there is no state that enters a layer", opened->model.type);
}

enum err model_open_hidden(struct input *input, struct err_info *info)
{
	const struct given_inputs *inputs = given_inputs();
	struct opened *opened = mem_zero_array(1, sizeof *opened);
	if (!opened)
		return err_nomem(info, "the model");
	input->args.scale = inputs->scale;
	input->args.softcap = inputs->softcap;
	input->args.stage = (enum stage)inputs->stage;
	enum err err = model_open(&opened->model, given.model, given.tower, info);
	if (!err)
		err = open_states(opened, input, info);
	const struct mechanism *mechanism = err ? NULL : recurrent_mechanism(&opened->model);
	if (!err)
		err = mechanism ? number_all(opened, info) : choose_layers(opened, info);
	if (!err)
		err = number_layers(input, opened, info);
	if (err) {
		opened_free(opened);
		return err;
	}
	return mechanism ? open_recurrent(opened, input, mechanism, info) : open_layers(opened, input, info);
}

/* ---- queries and keys that are there ---- */

/* Why a layer cannot be had from queries and keys. */
static const char *needs_states(const struct layer_settings *set)
{
	if (!set->is_softmax)
		return set->mechanism;
	if (set->choice.kind)
		return "the keys that it chooses follow from hidden states";
	if (set->bias.kind == BIAS_WAVLM || set->bias.kind == BIAS_XLNET || set->bias.kind == BIAS_CONFORMER)
		return "its bias follows from hidden states";
	return NULL;
}

static bool alike(const struct layer_settings *a, const struct layer_settings *b)
{
	const struct rotary_settings *x = &a->rotary, *y = &b->rotary;
	return a->is_softmax == b->is_softmax && a->heads == b->heads && a->key_heads == b->key_heads && a->dim == b->dim && a->scale == b->scale && a->softcap == b->softcap &&
	       a->is_causal == b->is_causal && a->left == b->left && a->right == b->right && a->chunk == b->chunk && !*a->sinks && !*b->sinks && a->multiplier == b->multiplier &&
	       a->bias.kind == b->bias.kind && (a->bias.kind <= BIAS_ALIBI || a->bias.shared) && a->choice.kind == b->choice.kind && (given.dumped == DUMPED_ROTATION || (x->pairing == y->pairing && x->base == y->base && !a->qk_norm));
}

static int64_t nth_softmax(const struct model *model, int64_t n)
{
	for (int64_t layer = 0; layer < model->layers; layer++)
		if (model->layer[layer].is_softmax && n-- == 0)
			return layer;
	return model->layers;
}

/* Which layers of the model those of the dump are. Of a hybrid there may be those alone that have queries. */
static enum err match_layers(struct opened *opened, const int64_t *number, struct err_info *info)
{
	const struct model *model = &opened->model;
	int64_t count = opened->query->size[AXIS_LAYER];
	bool uniform = true;
	int64_t softmaxes = 0;
	for (int64_t layer = 0; layer < model->layers; layer++)
		softmaxes += model->layer[layer].is_softmax;
	for (int64_t layer = 1; layer < model->layers; layer++)
		uniform = uniform && alike(&model->layer[0], &model->layer[layer]);
	if (!number && count != model->layers && count != softmaxes && !uniform)
		return err_set(info, ERR_USAGE, "%" PRId64 " layer%s of queries, and %s has %" PRId64 " that differ: number them by their names (L3_q, L3_k), or --layout LHND where "
			       "they are an axis", count, count == 1 ? "" : "s", model->type, model->layers);
	opened->number = mem_array((size_t)count, sizeof *opened->number);
	opened->place = mem_array((size_t)count, sizeof *opened->place);
	opened->layer = mem_zero_array((size_t)count, sizeof *opened->layer);
	opened->wanted = mem_zero_array((size_t)count, sizeof *opened->wanted);
	if (!opened->number || !opened->place || !opened->layer || !opened->wanted)
		return err_nomem(info, "the layers");
	for (int64_t i = 0; i < count; i++) {
		int64_t layer = number ? number[i] : count == model->layers || uniform ? i : nth_softmax(model, i);
		if (layer >= model->layers && !(uniform && !number))
			return err_set(info, ERR_SHAPE, "queries of layer %" PRId64 ", and %s has %" PRId64 " layers", layer, model->type, model->layers);
		layer = layer < model->layers ? layer : 0;
		const char *why = needs_states(&model->layer[layer]);
		if (why) {
			message_note("layer %" PRId64 " is left out: %s", layer, why);
			continue;
		}
		opened->place[opened->kept] = i;
		opened->number[opened->kept++] = layer;
	}
	return opened->kept ? ERR_OK : err_set(info, ERR_UNSUPPORTED, "no layer of %s can be shown from queries and keys alone", model->type);
}

static enum err check_dump(const struct opened *opened, const struct layer_settings *set, struct err_info *info)
{
	const int64_t *q = opened->query->size, *k = opened->key->size;
	bool repeated = k[AXIS_HEAD] == set->heads && given.dumped == DUMPED_ROTATION;
	if (q[AXIS_HEAD] == set->heads && (k[AXIS_HEAD] == set->key_heads || repeated) && q[AXIS_DIM] == set->dim && k[AXIS_DIM] == set->dim)
		return ERR_OK;
	return err_set(info, ERR_SHAPE, "layer %" PRId64 " of %s has %" PRId64 " heads, %" PRId64 " key heads and head dim %" PRId64 "; the queries have %" PRId64 " and %" PRId64
		       ", the keys %" PRId64 " and %" PRId64, set->number, opened->model.type, set->heads, set->key_heads, set->dim, q[AXIS_HEAD], q[AXIS_DIM], k[AXIS_HEAD], k[AXIS_DIM]);
}

static bool is_ready(const struct opened *opened, const struct layer_settings *set)
{
	(void)opened;
	return given.dumped == DUMPED_ROTATION && (set->bias.kind == BIAS_NONE || (set->bias.kind == BIAS_ALIBI && (set->bias.slope_max == 0 || set->bias.slope_max == 8)));
}

static enum err set_dumped_layers(struct opened *opened, struct input *input, struct heads *views, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int64_t i = 0; i < opened->kept && !err; i++) {
		const struct layer_settings *set = &opened->model.layer[opened->number[i]];
		struct layered_layer *layer = &opened->layer[i];
		err = check_dump(opened, set, info);
		if (!err)
			err = set_layer(opened, input, set, layer, info);
		if (set->scaled_queries && given.dumped == DUMPED_ROTATION && isnan(input->args.scale)) {
			layer->args.scale = 1;
			if (i == 0)
				message_note("the queries that the attention of %s receives hold the scale already: --dumped-after projection for those that do not", opened->model.type);
		}
		layer->key_heads = opened->key->size[AXIS_HEAD];
		if (err || !is_ready(opened, set))
			continue;
		views[2 * i] = one_layer(opened->query, opened->place[i]);
		views[2 * i + 1] = one_layer(opened->key, opened->place[i]);
		layer->query = &views[2 * i];
		layer->key = &views[2 * i + 1];
	}
	return err;
}

static enum err open_dumped(struct opened *opened, struct input *input, const struct heads *value, struct err_info *info)
{
	const int64_t *q = opened->query->size, *k = opened->key->size;
	struct layered_request request = {
		.layers = opened->kept, .batches = q[AXIS_BATCH], .heads = q[AXIS_HEAD], .queries = q[AXIS_TOKEN], .keys = k[AXIS_TOKEN], .layer = opened->layer,
		.make = make_dumped, .owner = opened, .release = opened_free, .room = ROOM, .is_square = q[AXIS_TOKEN] == k[AXIS_TOKEN],
		.values = opened->kept == q[AXIS_LAYER] ? value : NULL,
	};
	struct heads *views = mem_zero_array((size_t)opened->kept, 2 * sizeof *views);
	enum err err = views ? find_places(opened, &input->args.position, q[AXIS_BATCH], q[AXIS_TOKEN], k[AXIS_TOKEN], info) : err_nomem(info, "the layers");
	if (!input->args.position.has_query_offset)
		opened->query_places.offset += k[AXIS_TOKEN] - q[AXIS_TOKEN];
	opened->projecting = (struct projecting){ .model = &opened->model, .query_places = &opened->query_places, .key_places = &opened->key_places,
						  .kernels = input->kernels, .threads = input->threads };
	if (!err)
		err = set_dumped_layers(opened, input, views, info);
	if (err)
		opened_free(opened);
	else
		err = layered_open(&request, &input->source, info);
	free(views);
	return err;
}

enum err model_open_dump(struct input *input, const struct heads *query, const struct heads *key, const struct heads *value, const int64_t *number, struct err_info *info)
{
	struct opened *opened = mem_zero_array(1, sizeof *opened);
	if (!opened)
		return err_nomem(info, "the model");
	opened->query = query;
	opened->key = key;
	enum err err = model_open(&opened->model, given.model, given.tower, info);
	if (!err)
		err = model_settle(&opened->model, key->size[AXIS_TOKEN], info);
	if (!err)
		err = check_overrides(input, info);
	if (!err)
		err = match_layers(opened, number, info);
	if (!err)
		err = number_layers(input, opened, info);
	if (err) {
		opened_free(opened);
		return err;
	}
	input->has_batches = query->present[AXIS_BATCH];
	input->has_layers = query->present[AXIS_LAYER] || number;
	err = open_dumped(opened, input, value, info);
	if (!err)
		describe(opened, "", input->source);
	return err;
}
