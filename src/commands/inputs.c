/* SPDX-License-Identifier: MIT */
#include "commands/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "commands/fit.h"
#include "commands/inputs_bind.h"
#include "commands/model_inputs.h"
#include "commands/position.h"
#include "commands/ranks.h"
#include "commands/ready_check.h"
#include "commands/surroundings.h"
#include "mechanism/normalised.h"

enum err input_gather(struct roles *roles, int file_count, char **file, struct err_info *info)
{
	struct roles_request *request = given_request();
	request->file = file;
	request->file_count = file_count;
	enum err err = model_check_options(info);
	return err ? err : roles_gather(roles, request, info);
}

const struct roles_request *input_request(void)
{
	return &given_inputs()->roles;
}

void input_prefer_scores(void)
{
	given_inputs()->prefer_scores = true;
}

void input_measures_distance(void)
{
	given_inputs()->measures_distance = true;
}

void input_writes_values(void)
{
	given_inputs()->writes_values = true;
}

void input_wants_values(void)
{
	given_inputs()->wants_values = true;
}

void input_in_pair(void)
{
	given_inputs()->in_pair = true;
}

static void note_left_out(uint32_t bits, const struct input *input, const char *which)
{
	for (uint32_t bit = 1; bit && bit <= bits; bit <<= 1)
		if (bit & bits)
			message_note("%s does not act on %s (%s attention)", settings_option(bit), which, input->mechanism->name);
}

enum err input_check_pair(const struct input *a, const struct input *b, struct err_info *info)
{
	uint32_t both = a->left_out & b->left_out;
	if (both)
		return err_set(info, ERR_USAGE, "%s acts neither on %s nor on %s attention: leave it out", settings_option(both), a->mechanism->name, b->mechanism->name);
	note_left_out(a->left_out, a, "A");
	note_left_out(b->left_out, b, "B");
	return ERR_OK;
}

/* One of a pair leaves out what it does not use, and what acts only together with that. */
static void leave_to_the_other(struct input *input)
{
	uint32_t idle = settings_idle(input->mechanism, &input->args);
	input->left_out = settings_given(&input->args) & ~settings_used(input->mechanism, &input->args);
	settings_leave(input->left_out, &input->args);
	uint32_t alone = settings_idle(input->mechanism, &input->args) & ~idle;
	settings_leave(alone, &input->args);
	input->left_out |= alone;
}

const char *input_attention(void)
{
	return given_inputs()->attention;
}

const struct string_list *input_parameters(void)
{
	return &given_inputs()->parameter;
}

/* The numbers that the names of a role give to its layers; NULL: none. */
static const int64_t *numbers_of(const struct input *input, const char *word)
{
	for (size_t i = 0; i < input->args.binding_count; i++)
		if (strcmp(input->binding[i].role, word) == 0)
			return input->binding[i].number;
	return NULL;
}

/* Queries and keys of a model: its config says the rest. */
static enum err open_with_model(struct input *input, struct err_info *info)
{
	const struct role *query = inputs_bound(input, NAME_QUERY), *key = inputs_bound(input, NAME_KEY), *value = inputs_bound(input, NAME_VALUE);
	if (!query || !key || strcmp(input->mechanism->name, "softmax") != 0)
		return err_set(info, ERR_USAGE, "--model is for hidden states (--hidden), or for queries and keys: %s attention takes none of its settings", input->mechanism->name);
	return model_open_dump(input, &query->heads, &key->heads, value ? &value->heads : NULL, query->heads.present[AXIS_LAYER] || query->count == 1 ? numbers_of(input, "query") : NULL, info);
}

static enum err open_source(struct input *input, struct err_info *info)
{
	const struct given_inputs *given = given_inputs();
	const struct role *query = inputs_bound(input, NAME_QUERY), *key = inputs_bound(input, NAME_KEY), *weights = inputs_bound(input, NAME_WEIGHTS);
	const struct role *rows = query ? query : weights;
	int64_t queries = rows ? rows->heads.size[AXIS_TOKEN] : 0;
	int64_t keys = key ? key->heads.size[AXIS_TOKEN] : weights ? weights->heads.size[AXIS_DIM] : queries;
	input->args.scale = given->scale;
	input->args.softcap = given->softcap;
	input->args.stage = (enum stage)given->stage;
	input->args.ready = given->is_logits ? READY_LOGITS : given->is_log ? READY_LOG_WEIGHTS : given->is_signed ? READY_SIGNED : READY_WEIGHTS;
	input->args.skip_nan = given->skip_nan;
	input->args.parameter = given->parameter.item;
	input->args.parameter_count = given->parameter.count;
	if (given->is_logits + given->is_log + given->is_signed > 1)
		return err_set(info, ERR_USAGE, "--logits, --log-weights or --signed: one of them says what the weights given are");
	enum err err = mechanism_check_parameters(&input->args, input->mechanism, info);
	if (!err && input->mechanism->lengths)
		input->mechanism->lengths(&input->args, &queries, &keys);
	if (!err && strcmp(input->mechanism->name, "softmax") == 0)
		err = fit_heads(query, key, inputs_bound(input, NAME_VALUE), info);
	if (!err)
		err = masking_open(&input->masking, &input->roles, &given->roles.layout, queries, keys, &input->args, info);
	if (!err)
		err = position_open(&input->args.position, &input->roles, info);
	input->args.only_weights = !given->measures_distance;
	if (!err && given->in_pair)
		leave_to_the_other(input);
	if (!err && model_given())
		err = open_with_model(input, info);
	else if (!err)
		err = input->mechanism->open(&input->args, &input->source, info);
	if (!err)
		masking_note(&input->masking);
	if (!err && input->mechanism->remark && *input->mechanism->remark(input->source))
		roles_note(&input->roles, "%s", input->mechanism->remark(input->source));
	return err ? err : roles_check_streams(&input->roles, info);
}

static enum err check_source(const struct source *source, struct err_info *info)
{
	if (source->queries > 0 && source->keys > 0 && source_maps(source) > 0)
		return ERR_OK;
	return err_set(info, ERR_SHAPE, "nothing to see: %" PRId64 " maps of %" PRId64 " queries x %" PRId64 " keys", source_maps(source), source->queries,
		       source->keys);
}

/* The numbers that names give to the layers of the source, or NULL: those of the queries or weights, else of any input with as many. A tensor with an axis of layers
 * is numbered by that. */
static const int64_t *named_layers(const struct input *input)
{
	for (size_t i = 0; i < input->args.binding_count; i++) {
		const struct mechanism_binding *binding = &input->binding[i];
		bool apart = !binding->heads || binding->tensor_count == binding->heads->tensor_count || !binding->heads->present[AXIS_LAYER];
		const struct role *role = roles_find(&input->roles, binding->role);
		if (binding->number && role->layers == input->source->layers && apart && (role->layers > 1 || !binding->heads || !binding->heads->present[AXIS_LAYER]))
			return binding->number;
	}
	return NULL;
}

static enum err number_layers(struct input *input, struct err_info *info)
{
	const struct role *query = inputs_bound(input, NAME_QUERY), *weights = inputs_bound(input, NAME_WEIGHTS), *rows = query ? query : weights;
	const int64_t *named = named_layers(input);
	input->layer_number = mem_array((size_t)input->source->layers, sizeof *input->layer_number);
	if (!input->layer_number)
		return err_nomem(info, "the layers");
	for (int64_t layer = 0; layer < input->source->layers; layer++)
		input->layer_number[layer] = named ? named[layer] : layer;
	input->layers_named = named != NULL;
	input->has_layers = (rows && rows->heads.present[AXIS_LAYER]) || input->source->layers > 1;
	input->has_heads = (rows && rows->heads.present[AXIS_HEAD]) || input->source->heads > 1;
	input->has_batches = (rows && rows->heads.present[AXIS_BATCH]) || input->source->batches > 1;
	return ERR_OK;
}

static enum err normalise(struct input *input, struct err_info *info)
{
	const struct driver_options options = input_driver(input);
	if (given_inputs()->normalise == NORMALISE_SIGNED)
		return ERR_OK;
	return normalised_source_new(input->source, (enum normalise)given_inputs()->normalise, &options, &input->source, info);
}

static enum err open_of_files(struct input *input, struct err_info *info)
{
	enum err err = inputs_choose_mechanism(input, info);
	if (!err)
		err = inputs_load(input, info);
	if (!err)
		err = open_source(input, info);
	if (!err)
		err = check_source(input->source, info);
	return err || input->layer_number ? err : number_layers(input, info);
}

static enum err open_of_model(struct input *input, struct err_info *info)
{
	input->mechanism = mechanism_find("softmax");
	if (given_inputs()->attention || input->roles.count)
		return err_set(info, ERR_USAGE, "--hidden is all that --model needs: leave out %s", given_inputs()->attention ? "--attention" : "the other inputs");
	return model_open_hidden(input, info);
}

/* Everything after the gathering. */
static enum err open_gathered(struct input *input, struct err_info *info)
{
	enum err err = model_has_hidden() ? open_of_model(input, info) : open_of_files(input, info);
	if (!err)
		err = selection_open(&input->selection, input->source, input->layer_number, info);
	if (!err && !given_inputs()->unchecked)
		err = ready_check(input, info);
	if (!err)
		err = normalise(input, info);
	const struct role *weights = inputs_bound(input, NAME_WEIGHTS), *query = inputs_bound(input, NAME_QUERY), *key = inputs_bound(input, NAME_KEY);
	if (!err) {
		int64_t batch = input->selection.batch[0];
		const struct labels_of of = { input->source->queries, input->source->keys, source_place(input->source, batch), batch, query ? query : weights,
					      key ? key : weights };
		err = labels_open(&input->labels, &of, info);
	}
	return err ? err : grouping_apply(&input->source, &input->selection, &input->labels, &input->spans, info);
}

static void say_notes(const struct roles *roles)
{
	const char *line = roles->notes.buf;
	while (line && roles->notes.len && *line) {
		int length = (int)strcspn(line, "\n");
		char *note = strndup(line, (size_t)length);
		if (note)
			message_note("%s", note);
		free(note);
		line += length + (line[length] == '\n');
	}
}

enum err input_open(struct input *input, int file_count, char **file, struct err_info *info)
{
	*input = (struct input){ .args = MECHANISM_ARGS_INIT, .threads = (int)given_inputs()->threads };
	enum err err = surroundings_kernels(&input->kernels, info);
	if (!err)
		err = input_gather(&input->roles, file_count, file, info);
	if (!err)
		err = open_gathered(input, info);
	if (!err)
		say_notes(&input->roles);
	return err;
}

enum err input_open_gathered(struct input *input, struct roles *roles, struct err_info *info)
{
	*input = (struct input){ .args = MECHANISM_ARGS_INIT, .threads = (int)given_inputs()->threads, .roles = *roles };
	*roles = (struct roles){ 0 };
	enum err err = surroundings_kernels(&input->kernels, info);
	return err ? err : open_gathered(input, info);
}

enum err input_open_unchecked(struct input *input, struct roles *roles, struct err_info *info)
{
	given_inputs()->unchecked = true;
	enum err err = input_open_gathered(input, roles, info);
	given_inputs()->unchecked = false;
	return err;
}

/* What was given stands aside while the other is opened; nothing that is opened points into it. */
enum err input_open_changed(struct input *input, const struct input_change *change, int file_count, char **file, struct err_info *info)
{
	struct given_inputs *given = given_inputs();
	const struct given_inputs whole = *given;
	given->takes_less = true;
	if (change->attention)
		given->attention = change->attention;
	if (change->parameter)
		given->parameter = *change->parameter;
	for (int kind = 0; kind < NAME_ROLE_COUNT && change->other_files; kind++)
		given->roles.spec[kind] = (struct string_list){ 0 };
	if (change->other_files)
		given->roles.fused = given->roles.input = given->roles.shard = (struct string_list){ 0 };
	masking_whole_context(change->whole_context);
	model_set_aside(change->other_files);
	enum err err = input_open(input, file_count, file, info);
	model_set_aside(false);
	masking_whole_context(false);
	*given = whole;
	return err;
}

void input_release(struct input *input)
{
	selection_release(&input->selection);
	axis_spans_release(&input->spans);
	labels_release(&input->labels);
	source_free(input->source);
	if (input->free_behind)
		input->free_behind(input->behind);
	masking_release(&input->masking);
	free(input->binding);
	free(input->layer_number);
	roles_release(&input->roles);
	*input = (struct input){ 0 };
}

struct driver_options input_driver(const struct input *input)
{
	return (struct driver_options){
		.threads = input->threads,
		.kernels = input->kernels,
		.maps = input->selection.map,
		.map_count = input->selection.maps,
		.peers = ranks_peers(),
	};
}
