/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "commands/roles_parts.h"

void roles_note(struct roles *roles, const char *format, ...)
{
	char line[1100];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (!roles->notes.buf)
		strbuf_init(&roles->notes);
	if (!strstr(roles->notes.buf, line))
		strbuf_addf(&roles->notes, "%s%s", roles->notes.len ? "\n" : "", line);
}

/* Files that are all called the same are told apart by their folders: layer0/q.npy, layer1/q.npy. */
static bool names_are_equal(const struct role *role)
{
	for (size_t i = 1; i < role->count; i++)
		if (strcmp(role->part[i].name, role->part[0].name) != 0)
			return false;
	return role->count > 1 && roles_is_nameless(role->part[0].archive);
}

/* What a part is called: a file that is called no more than its role stands for the layer of its folder, as layer_07/q.npy. */
static const char *part_name(const struct role_part *part, bool lone)
{
	struct name_number number;
	const char *file = part->archive->file, *slash = strrchr(file, '/'), *folder = slash;
	if (!lone || !slash || !roles_is_nameless(part->archive) || name_number_kind(part->name, 0, &number))
		return part->name;
	while (folder > file && folder[-1] != '/')
		folder--;
	for (int index = 0; name_number_kind(folder, index, &number) && number.word < slash; index++)
		if (number.kind == NAME_NUMBER_LAYER)
			return folder;
	return part->name;
}

/* Parts in the order of the plan; those of other steps are dropped. */
static enum err reorder(struct role *role, const struct plan_role *plan, struct err_info *info)
{
	struct role_part *part = mem_array(role->count, sizeof *part);
	bool *kept = mem_zero_array(role->count, sizeof *kept);
	if (!part || !kept) {
		free(part);
		free(kept);
		return err_nomem(info, "the inputs");
	}
	memcpy(part, role->part, role->count * sizeof *part);
	for (size_t i = 0; i < plan->count; i++) {
		role->part[i] = part[plan->name[i].index];
		role->part[i].layer = plan->name[i].layer;
		role->part[i].step = plan->name[i].step;
		kept[plan->name[i].index] = true;
	}
	for (size_t i = 0; i < role->count; i++)
		if (!kept[i])
			free(part[i].name);
	role->count = plan->count;
	free(part);
	free(kept);
	return ERR_OK;
}

/* One tensor in several places of a list. */
static void note_twice(struct roles *roles, const struct role *role)
{
	enum { LIST_MAX = 4096 };
	for (size_t i = 1; i < role->count && role->count < LIST_MAX; i++)
		for (size_t before = 0; before < i; before++)
			if (role->part[i].archive == role->part[before].archive && role->part[i].index == role->part[before].index)
				roles_note(roles, "%s is given twice as %s", role->part[i].name, role->word);
}

/* Pieces of one tensor: their numbers are those of ranks, unless a word says that one is the layer. */
static void number_pieces(struct role *role)
{
	struct name_number number;
	role->layers = 1;
	role->steps = (int64_t)role->count;
	role->numbered = false;
	for (int index = 0; name_number_kind(role->part[0].name, index, &number) && !role->numbered; index++)
		if (number.kind == NAME_NUMBER_LAYER) {
			role->numbered = true;
			role->part[0].layer = number.value;
		}
}

enum err roles_number_one(struct roles *roles, struct role *role, const struct plan_request *request, struct err_info *info)
{
	struct plan_name *name = mem_array(role->count, sizeof *name);
	if (!name)
		return err_nomem(info, "the names");
	bool equal = names_are_equal(role);
	for (size_t i = 0; i < role->count; i++)
		name[i] = (struct plan_name){ .name = equal ? role->part[i].archive->file : part_name(&role->part[i], role->count == 1), .index = i };
	struct plan_role plan = { .word = role->word, .name = name, .count = role->count, .listed = role->by_option && !role->expanded, .layers_said = role->expanded };
	enum err err = plan_number(&plan, request, info);
	if (err)
		err_in_file(info, role->part[0].archive->file);
	else
		err = reorder(role, &plan, info);
	role->layers = plan.layers;
	role->steps = plan.steps;
	role->numbered = plan.numbered;
	role->counts_calls = plan.counts_calls;
	role->tells_step = plan.tells_step;
	if (!err && *plan.note)
		roles_note(roles, "%s", plan.note);
	free(name);
	return err;
}

/* (N,H*D) or (N,H,D) without a batch, as serving engines hand tokens over: what they call is not only layers. */
static bool is_flat(const struct roles_request *request)
{
	const char *letters = NULL;
	struct err_info ignored = { 0 };
	return !role_letters(&request->layout, name_role_word(NAME_QUERY), &letters, &ignored) && letters && letters[0] == 'N' && !strchr(letters, 'B');
}

static void note_calls(struct roles *roles, const struct roles_request *request)
{
	const struct role *query = roles_kind(roles, NAME_QUERY);
	if (query && query->layers > 1 && query->steps == 1 && query->numbered && query->counts_calls && !request->plan.model_layers && is_flat(request))
		roles_note(roles, "the names number %" PRId64 " calls, which need not be as many layers: where prefill came in chunks, or more than one step was saved, say "
			   "--model-layers N", query->layers);
}

/* A step was asked for: some names must say that they are of it. */
static enum err check_steps_told(const struct roles *roles, int64_t step, struct err_info *info)
{
	for (size_t i = 0; i < roles->count; i++)
		if (roles->role[i]->tells_step)
			return ERR_OK;
	return roles->count ? err_set(info, ERR_USAGE, "--dump-step %" PRId64 ": no name says a step (%s)", step, roles->role[0]->part[0].name) : ERR_OK;
}

enum err roles_number(struct roles *roles, const struct roles_request *request, struct err_info *info)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < roles->count && !err; i++) {
		struct role *role = roles->role[i];
		note_twice(roles, role);
		if (role->sharded)
			number_pieces(role);
		else if (!err && role->kind)
			err = roles_number_one(roles, role, &request->plan, info);
		else if (!err && role->count > 1)
			err = err_set(info, ERR_USAGE, "--input %s takes one tensor, and is given %zu", role->word, role->count);
		else if (!err)
			err = roles_number_one(roles, role, &request->plan, info);
	}
	if (!err && request->plan.step >= 0)
		err = check_steps_told(roles, request->plan.step, info);
	if (!err)
		note_calls(roles, request);
	return err;
}

/* An array of a stream that two roles play, because one of them named its place. */
static void note_shared(struct roles *roles, const struct role *one, const struct role *two)
{
	if (one->part[0].archive->taken && one->part[0].archive == two->part[0].archive && one->part[0].index == two->part[0].index && !one->fused)
		roles_note(roles, "%s is both the %s and the %s", one->part[0].name, one->word, two->word);
}

/* The names of a role as plan_match takes them. */
static bool describe(const struct role *role, struct plan_role *plan)
{
	*plan = (struct plan_role){ .word = role->word, .count = role->count, .layers = role->layers, .steps = role->steps, .numbered = role->numbered,
				    .listed = role->by_option && !role->expanded };
	plan->name = mem_array(role->count, sizeof *plan->name);
	for (size_t i = 0; plan->name && i < role->count; i++)
		plan->name[i] = (struct plan_name){ role->part[i].name, i, role->part[i].layer, role->part[i].step };
	return plan->name != NULL;
}

enum err roles_match(struct roles *roles, struct role *const *role, size_t count, const struct plan_request *request, struct err_info *info)
{
	struct plan_role plan[NAME_ROLE_COUNT] = { 0 }, *list[NAME_ROLE_COUNT];
	size_t there = 0;
	enum err err = ERR_OK;
	for (size_t i = 0; i < count && !err; i++) {
		if (!role[i] || role[i]->sharded)
			continue;
		list[there] = &plan[there];
		err = describe(role[i], &plan[there++]) ? ERR_OK : err_nomem(info, "the names");
		if (i)
			note_shared(roles, role[0], role[i]);
	}
	if (!err && there)
		err = plan_match(list, there, request, info);
	for (size_t i = 0, at = 0; i < count; i++)
		if (role[i] && !role[i]->sharded && at < there)
			role[i]->numbered = plan[at++].numbered;
	for (size_t i = 0; i < there; i++) {
		if (!err && *plan[i].note)
			roles_note(roles, "%s", plan[i].note);
		free(plan[i].name);
	}
	return err;
}

int64_t role_layer(const struct role *role, int64_t layer)
{
	return role->numbered ? role->part[layer].layer : layer;
}
