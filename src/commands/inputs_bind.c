/* SPDX-License-Identifier: MIT */
#include "commands/inputs_bind.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "base/suggest.h"

static enum err unknown_mechanism(const char *name, struct err_info *info)
{
	struct suggestion suggestion = suggestion_for(name);
	for (const struct mechanism *const *row = mechanism_table; *row; row++)
		suggestion_offer(&suggestion, (*row)->name);
	return suggestion_refuse(&suggestion, "mechanism", "", "'attnviz help mechanisms' lists them", info);
}

static enum err missing_input(const struct input *input, struct err_info *info)
{
	const struct role *query = roles_kind(&input->roles, NAME_QUERY), *key = roles_kind(&input->roles, NAME_KEY);
	if (query)
		return err_set(info, ERR_USAGE, "queries without keys: give them with -k FILE[:NAME]");
	if (key)
		return err_set(info, ERR_USAGE, "keys without queries: give them with -q FILE[:NAME]");
	if (!input->roles.archive_count)
		return err_set(info, ERR_USAGE, "no input: give -q and -k, or -w, or a file that holds them");
	const char *file, *fused = roles_fused_name(&input->roles, &file);
	if (fused)
		return err_set(info, ERR_USAGE, "%s holds queries, keys and values in one: say --qkv %s%s%s, and --heads-in H", fused, file,
			       fused == file ? "" : ":", fused == file ? "" : fused);
	char buffer[300];
	const char *weights = roles_weights_option(&input->roles, buffer, sizeof buffer);
	err_set(info, ERR_USAGE, "no name in here tells a query and a key, or weights: say which with -q FILE:NAME -k FILE:NAME%s%s (attnviz info lists them)",
		*weights ? ", or, where these are ready weights, " : "", weights);
	return err_in_file(info, input->roles.archive[0]->file);
}

/* Are scores computed from queries and keys, where no mechanism was asked for? */
static bool computes(const struct roles *roles)
{
	const struct role *query = roles_kind(roles, NAME_QUERY), *weights = roles_kind(roles, NAME_WEIGHTS);
	bool pair = query && roles_kind(roles, NAME_KEY);
	return pair && (!weights || query->by_option || (given_wants_scores() && !weights->by_option));
}

static bool has_layer(const struct role *role, int64_t layer)
{
	for (size_t i = 0; i < role->count; i++)
		if (role->part[i].layer == layer)
			return true;
	return false;
}

/* Weights that lie beside queries and keys are taken, and so are no layers but theirs. */
static void note_left_out(struct roles *roles, const struct role *query, const struct role *weights)
{
	if (weights->by_option || !query || !query->numbered || !weights->numbered)
		return;
	for (size_t i = 0; i < query->count; i++)
		if (!has_layer(weights, query->part[i].layer)) {
			roles_note(roles, "layer %" PRId64 " has queries and keys but no ready weights, and is left out: --attention softmax computes the weights of all layers",
				   query->part[i].layer);
			return;
		}
}

enum err inputs_choose_mechanism(struct input *input, struct err_info *info)
{
	const struct given_inputs *given = given_inputs();
	const struct role *query = roles_kind(&input->roles, NAME_QUERY), *key = roles_kind(&input->roles, NAME_KEY),
			  *weights = roles_kind(&input->roles, NAME_WEIGHTS);
	if (given->attention) {
		input->mechanism = mechanism_find(given->attention);
		return input->mechanism ? ERR_OK : unknown_mechanism(given->attention, info);
	}
	if (!(query && key) && !weights)
		return missing_input(input, info);
	if (query && key && weights && query->by_option && weights->by_option)
		return err_set(info, ERR_USAGE, "-q and -k, or -w: not both");
	bool computed = computes(&input->roles);
	if (!computed && key)
		note_left_out(&input->roles, query, weights);
	input->mechanism = mechanism_find(computed ? "softmax" : "weights");
	return input->mechanism ? ERR_OK : ERR_UNSUPPORTED;
}

static bool takes(const struct mechanism *mechanism, const char *role)
{
	for (const struct mechanism_input *row = mechanism->input; row && row->role; row++)
		if (strcmp(row->role, role) == 0)
			return true;
	return false;
}

enum err inputs_match(struct roles *roles, struct err_info *info)
{
	const struct mechanism *mechanism = given_inputs()->attention ? mechanism_find(given_inputs()->attention) : mechanism_find(computes(roles) ? "softmax" : "weights");
	struct role *role[NAME_ROLE_COUNT] = { NULL };
	size_t count = 0;
	for (int kind = NAME_QUERY; mechanism && kind < NAME_ROLE_COUNT; kind++)
		if (kind != NAME_VALUE && takes(mechanism, name_role_word((enum name_role)kind)) && roles_kind(roles, (enum name_role)kind))
			role[count++] = roles_kind(roles, (enum name_role)kind);
	if (mechanism && count && takes(mechanism, "value"))
		role[count++] = roles_kind(roles, NAME_VALUE);
	return count > 1 ? roles_match(roles, role, count, &given_request()->plan, info) : ERR_OK;
}

/* Whose inputs are bound by names: those of the mechanism's own words, then the ends of names in checkpoints. */
static enum err bind_names(struct input *input, struct err_info *info)
{
	const struct mechanism *mechanism = input->mechanism;
	enum err err = ERR_OK;
	for (const struct mechanism_input *row = mechanism->input; row && row->role && !err; row++) {
		struct role *role = roles_find(&input->roles, row->role);
		err = role ? ERR_OK : roles_bind_by_name(&input->roles, row->role, &role, info);
	}
	return err ? err : mechanism->alias ? roles_bind_aliases(&input->roles, mechanism, &given_inputs()->roles.names, info) : ERR_OK;
}

static void bind(struct input *input, const char *word, const struct role *role)
{
	input->binding[input->args.binding_count++] = (struct mechanism_binding){
		.role = word, .tensor = role->slot[0], .heads = role->kind ? &role->heads : NULL, .tensors = role->slot, .tensor_count = (int64_t)role->count,
		.number = role->number, .file_layers = role->file_layers,
	};
}

/* What was assumed of a tensor that does not say it itself: what its bits are, and how a fused one is laid out. */
static void note_assumed(struct roles *roles, const struct role *role, const struct given_inputs *given)
{
	const char *name = role->part[0].name;
	bool is_vectors = role->kind == NAME_QUERY || role->kind == NAME_KEY || role->kind == NAME_VALUE;
	if (is_vectors && role->tensor[0].dtype == DTYPE_U16 && !given->dtype)
		roles_note(roles, "%s is uint16, read as whole numbers: --dtype bfloat16 says that it holds the bits of bfloat16, --dtype stored that it does not", name);
	if (role->fused && role->kind == NAME_QUERY && !given->order && strstr(name, "query_key_value"))
		roles_note(roles, "%s was read as all queries, all keys, all values (--qkv-order blocks): BLOOM and GPT-NeoX have per-head, Falcon grouped", name);
}

enum err inputs_load(struct input *input, struct err_info *info)
{
	const struct given_inputs *given = given_inputs();
	const struct mechanism *mechanism = input->mechanism;
	size_t inputs = 0;
	for (size_t i = 0; i < input->roles.count; i++)
		if (input->roles.role[i]->by_option && !given->takes_less && !takes(mechanism, input->roles.role[i]->word))
			return err_set(info, ERR_USAGE, "attention '%s' takes no %s (attnviz explain %s lists its inputs)", mechanism->name,
				       input->roles.role[i]->word, mechanism->name);
	for (const struct mechanism_input *row = mechanism->input; row && row->role; row++)
		inputs++;
	input->binding = mem_zero_array(inputs, sizeof *input->binding);
	if (!input->binding)
		return err_nomem(info, "the inputs");
	enum err err = inputs_match(&input->roles, info);
	if (!err)
		err = bind_names(input, info);
	for (size_t i = 0; i < inputs && !err; i++) {
		const char *word = mechanism->input[i].role;
		struct role *role = roles_find(&input->roles, word);
		if (!role)
			continue;
		const struct role *before = roles_kind(&input->roles, role->kind == NAME_VALUE ? NAME_KEY : NAME_QUERY);
		err = role_load(role, &given->roles, before != role && before && before->loaded ? before : NULL, info);
		if (err)
			break;
		note_assumed(&input->roles, role, given);
		bind(input, word, role);
	}
	input->args.binding = input->binding;
	return err;
}

const struct role *inputs_bound(const struct input *input, enum name_role kind)
{
	const struct role *role = roles_kind(&input->roles, kind);
	return role && role->loaded && role->heads.tensors ? role : NULL;
}
