#include "commands/model_inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "commands/inputs_given.h"
#include "commands/model_states.h"
#include "commands/position.h"
#include "mechanism/layered.h"
#include "model/project.h"

static struct {
	const char *model, *tower;
	struct string_list hidden, memory;
} given;

const struct option_row model_rows[] = {
	OPTION_STRING(0, "model", "DIR", &given.model, "a Hugging Face model, or its config.json: what it says of the attention counts"),
	OPTION_LIST(0, "hidden", "FILE[:NAME]", &given.hidden, "the hidden states that enter its layers: (L+1,N,D), (L+1,B,N,D), or one tensor for each"),
	OPTION_LIST(0, "memory", "FILE[:NAME]", &given.memory, "the encoder's output, for --tower cross"),
	OPTION_STRING(0, "tower", "NAME", &given.tower, "which part of the model: encoder, decoder, cross, text, vision"),
	OPTION_END
};

/* Queries and keys of layers that nobody looks at are dropped beyond this. */
static const size_t ROOM = (size_t)1 << 29;

bool model_given(void)
{
	return given.model != NULL;
}

bool model_has_hidden(void)
{
	return given.model && given.hidden.count;
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
	const char *without = given.hidden.count ? "--hidden" : given.memory.count ? "--memory" : given.tower ? "--tower" : NULL;
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
	int64_t *number;          /* [kept] */
	int64_t kept;
	struct layered_layer *layer; /* [kept] */
};

static void opened_free(void *owner)
{
	struct opened *opened = owner;
	for (int64_t i = 0; opened->layer && i < opened->kept; i++)
		choice_release(&opened->layer[i].choice);
	free(opened->layer);
	free(opened->number);
	free(opened->slot);
	free(opened->query_places.at);
	free(opened->key_places.at);
	model_states_release(&opened->hidden);
	model_states_release(&opened->memory);
	model_release(&opened->model);
	free(opened);
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
		note_left_out(opened);
		return ERR_OK;
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
	args->window_left = args->window_left >= 0 ? args->window_left : set->left;
	args->window_right = args->window_right >= 0 ? args->window_right : set->right;
	args->chunk = args->chunk ? args->chunk : set->chunk;
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
		if (!err && set->choice.kind)
			err = project_choice(&opened->projecting, opened->number[i], &opened->layer[i].choice, info);
	}
	return err;
}

/* Entry l of the view is what enters layer l, whatever order the file has. */
static enum err view_by_layer(struct opened *opened, struct err_info *info)
{
	struct heads *view = &opened->by_layer;
	*view = opened->hidden.heads;
	if (view->tensor_count == 1)
		return ERR_OK;
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
	enum err err = model_states_open(&opened->hidden, &input->roles, &given.hidden, model->layers, info);
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

/* The whole of a source's note: the family, and what differs. */
static void describe(const struct opened *opened, struct source *source)
{
	char note[sizeof source->note + 128];
	snprintf(note, sizeof note, "%s%s%s, from hidden states%s%s", opened->model.type, opened->model.tower ? " " : "", opened->model.tower ? opened->model.tower : "",
		 *source->note ? ", " : "", *source->note ? source->note : ", settings by layer");
	note[sizeof source->note - 1] = '\0';
	memcpy(source->note, note, sizeof source->note);
}

static enum err open_layers(struct opened *opened, struct input *input, struct err_info *info)
{
	const struct heads *hidden = &opened->hidden.heads, *keys = given.memory.count ? &opened->memory.heads : hidden;
	struct layered_request request = {
		.batches = hidden->size[AXIS_BATCH], .heads = opened->model.layer[0].heads, .queries = hidden->size[AXIS_TOKEN], .keys = keys->size[AXIS_TOKEN], .make = make,
		.owner = opened, .release = opened_free, .room = ROOM, .is_square = !given.memory.count, .without_values = "values are not made of hidden states",
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
	if (err) {
		opened_free(opened);
		return err;
	}
	request.layers = opened->kept;
	request.layer = opened->layer;
	err = layered_open(&request, &input->source, info);
	if (!err) {
		masking_note(&input->masking);
		describe(opened, input->source);
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
	if (!err)
		err = choose_layers(opened, info);
	if (!err)
		err = number_layers(input, opened, info);
	if (err) {
		opened_free(opened);
		return err;
	}
	return open_layers(opened, input, info);
}
