#include "commands/inputs_bind.h"

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
	err_set(info, ERR_USAGE, "no name in here tells a query and a key, or weights: say which with -q FILE:NAME -k FILE:NAME (attnviz info lists them)");
	return err_in_file(info, input->roles.archive[0]->file);
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
	bool pair = query && key;
	if (!pair && !weights)
		return missing_input(input, info);
	if (pair && weights && query->by_option && weights->by_option)
		return err_set(info, ERR_USAGE, "-q and -k, or -w: not both");
	bool compute = pair && (!weights || query->by_option || (given_wants_scores() && !weights->by_option));
	input->mechanism = mechanism_find(compute ? "softmax" : "weights");
	return input->mechanism ? ERR_OK : ERR_UNSUPPORTED;
}

static bool takes(const struct mechanism *mechanism, const char *role)
{
	for (const struct mechanism_input *row = mechanism->input; row && row->role; row++)
		if (strcmp(row->role, role) == 0)
			return true;
	return false;
}

/* The role of an input of the mechanism: from options and names that everyone knows, by its own name, or by one of its aliases. NULL where nobody plays it. */
static enum err find_role(struct input *input, const char *word, struct role **role, struct err_info *info)
{
	*role = roles_find(&input->roles, word);
	enum err err = *role ? ERR_OK : roles_bind_by_name(&input->roles, word, role, info);
	if (err)
		return err;
	for (const struct mechanism_alias *alias = input->mechanism->alias; !*role && alias && alias->role; alias++)
		if (strcmp(alias->role, word) == 0)
			return roles_bind_by_alias(&input->roles, &given_inputs()->roles.names, word, alias->names, role, info);
	return ERR_OK;
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
	for (size_t i = 0; i < inputs; i++) {
		const char *word = mechanism->input[i].role;
		struct role *role;
		enum err err = find_role(input, word, &role, info);
		if (err)
			return err;
		if (!role)
			continue;
		const struct role *before = roles_kind(&input->roles, role->kind == NAME_VALUE ? NAME_KEY : NAME_QUERY);
		err = role_load(role, &given->roles, before != role && before && before->loaded ? before : NULL, info);
		if (err)
			return err;
		input->binding[input->args.binding_count++] =
			(struct mechanism_binding){ .role = word, .tensor = role->slot[0], .heads = role->kind ? &role->heads : NULL };
	}
	input->args.binding = input->binding;
	return ERR_OK;
}

const struct role *inputs_bound(const struct input *input, enum name_role kind)
{
	const struct role *role = roles_kind(&input->roles, kind);
	return role && role->loaded && role->heads.tensors ? role : NULL;
}
