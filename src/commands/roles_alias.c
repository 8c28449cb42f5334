/* SPDX-License-Identifier: MIT */
/*
 * The parameters of a layer, by the ends of their names in checkpoints. They come from one place: what is bound beside the weights that were chosen has the same name
 * before its end, or, for what lies outside the module (a norm, the output projection), a name above it with no other number between.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "commands/roles_parts.h"

/* The weights of a layer that were chosen. */
struct anchor {
	const char *name;
	int64_t prefix; /* bytes before the alias; -1: the name does not end in one */
	int64_t layer;  /* -1: none told */
};

struct anchors {
	struct anchor *at;
	size_t count, capacity;
};

/* Where the alias begins that the name ends in; -1 for none of them. The longest counts. */
static int64_t alias_begin(const char *name, const char *names)
{
	size_t length = strlen(name), longest = 0;
	bool found = false;
	for (const char *alias = names; *alias; alias += strcspn(alias, "|") + (alias[strcspn(alias, "|")] == '|')) {
		size_t end = strcspn(alias, "|");
		bool fits = end <= length && strncmp(name + length - end, alias, end) == 0 && (end == length || name[length - end - 1] == '.');
		longest = fits && end > longest ? end : longest;
		found = found || fits;
	}
	return found ? (int64_t)(length - longest) : -1;
}

static bool has_digit(const char *begin, const char *end)
{
	for (; begin < end && *begin; begin++)
		if (isdigit((unsigned char)*begin))
			return true;
	return false;
}

/* Is `name`, whose alias begins at `prefix`, of the place of the anchor? */
static bool is_beside(const char *name, int64_t prefix, const struct anchor *anchor, bool outside)
{
	int64_t within = anchor->prefix >= 0 ? anchor->prefix : (int64_t)strlen(anchor->name);
	if (prefix > within || strncmp(name, anchor->name, (size_t)prefix) != 0)
		return false;
	bool exact = anchor->prefix >= 0 && !outside;
	return exact ? prefix == within : !has_digit(anchor->name + prefix, anchor->name + within);
}

static enum err add_anchor(struct anchors *anchors, const char *name, const char *aliases, int64_t layer, struct err_info *info)
{
	void *grown = anchors->at;
	bool room = mem_grow(&grown, &anchors->capacity, anchors->count + 1, sizeof *anchors->at);
	anchors->at = grown;
	if (!room)
		return err_nomem(info, "the names");
	anchors->at[anchors->count++] = (struct anchor){ name, alias_begin(name, aliases), layer };
	return ERR_OK;
}

/* What options and exact names have bound already. */
static enum err find_anchors(const struct roles *roles, const struct mechanism *mechanism, struct anchors *anchors, struct err_info *info)
{
	enum err err = ERR_OK;
	for (const struct mechanism_alias *row = mechanism->alias; row->role && !err; row++) {
		const struct role *role = row->is_state ? NULL : roles_find(roles, row->role);
		if (role)
			err = add_anchor(anchors, role->part[0].name, row->names, role->part[0].layer, info);
	}
	for (size_t i = 1; i < anchors->count && !err; i++) {
		const struct anchor *one = &anchors->at[0], *two = &anchors->at[i];
		bool nested = one->prefix < 0 || two->prefix < 0 || is_beside(two->name, two->prefix, one, true) || is_beside(one->name, one->prefix, two, true);
		if (!nested || (one->layer >= 0 && two->layer >= 0 && one->layer != two->layer))
			err = err_set(info, ERR_USAGE, "%s and %s are of different layers: the weights of one attention come from one place", one->name, two->name);
	}
	return err;
}

/* What a row can be bound to. */
struct candidate {
	struct archive *archive;
	size_t index;
	const char *name; /* the archive's or a copy */
	int64_t prefix;
};

typedef bool take_candidate(void *data, const struct candidate *candidate);

/* Every tensor that the row's aliases fit, until the taker says false. */
static void each_candidate(const struct roles *roles, const struct string_list *filter, const char *aliases, take_candidate *take, void *data)
{
	for (size_t a = 0; a < roles->archive_count; a++)
		for (size_t i = 0; i < roles->archive[a]->count; i++) {
			char buffer[256];
			struct archive *archive = roles->archive[a];
			const char *name = roles_tensor_name(archive, &archive->tensor[i], buffer, sizeof buffer);
			int64_t prefix = alias_begin(name, aliases);
			const struct candidate candidate = { archive, i, name, prefix };
			if (prefix >= 0 && roles_name_counts(filter, name) && !take(data, &candidate))
				return;
		}
}

struct gathering {
	struct role *role;
	struct err_info *info;
	enum err err;
};

static bool take_all(void *data, const struct candidate *candidate)
{
	struct gathering *gathering = data;
	gathering->err = role_add_part(gathering->role, candidate->archive, candidate->index, candidate->name, gathering->info);
	return !gathering->err;
}

struct search {
	const struct anchors *anchors;
	size_t only; /* anchors->count: all of them must fit; else this one */
	bool outside;
	struct candidate best, second; /* second: as near as the best; archive NULL for none */
	char name[2][256];
};

static bool take_nearest(void *data, const struct candidate *candidate)
{
	struct search *search = data;
	bool one = search->only < search->anchors->count;
	for (size_t i = one ? search->only : 0; i < (one ? search->only + 1 : search->anchors->count); i++)
		if (!is_beside(candidate->name, candidate->prefix, &search->anchors->at[i], search->outside))
			return true;
	if (search->best.archive && candidate->prefix < search->best.prefix)
		return true;
	struct candidate *slot = search->best.archive && candidate->prefix == search->best.prefix ? &search->second : &search->best;
	if (slot == &search->best)
		search->second.archive = NULL;
	*slot = *candidate;
	char *copy = search->name[slot == &search->second];
	snprintf(copy, sizeof search->name[0], "%s", candidate->name);
	slot->name = copy;
	return true;
}

static enum err add_nearest(struct roles *roles, const struct mechanism_alias *row, struct search *search, struct err_info *info)
{
	if (search->second.archive)
		return err_set(info, ERR_USAGE, "several tensors could be the %s (%s, %s): choose with --names PATTERN or --input %s=FILE:NAME", row->role, search->best.name,
			       search->second.name, row->role);
	struct role *role = search->best.archive ? roles_add(roles, row->role, NAME_NONE, info) : NULL;
	if (!role)
		return search->best.archive ? ERR_NOMEM : ERR_OK;
	return role_add_part(role, search->best.archive, search->best.index, search->best.name, info);
}

/* A row from the place of what was chosen. */
static enum err bind_beside(struct roles *roles, const struct string_list *filter, const struct mechanism_alias *row, const struct anchors *anchors, bool layers,
			    struct err_info *info)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < (layers ? anchors->count : 1) && !err; i++) {
		struct search search = { .anchors = anchors, .only = layers ? i : anchors->count, .outside = row->is_outside };
		each_candidate(roles, filter, row->names, take_nearest, &search);
		err = add_nearest(roles, row, &search, info);
		const struct role *role = roles_find(roles, row->role);
		size_t there = role ? role->count : 0;
		if (!err && there != 0 && there != i + 1)
			err = err_set(info, ERR_USAGE, "some layers have a %s and some do not (%s): choose layers with --names PATTERN", row->role,
				      anchors->at[there == i ? i : 0].name);
	}
	struct role *role = roles_find(roles, row->role);
	if (role && !err) {
		role->layers = (int64_t)role->count;
		role->steps = 1;
		role->numbered = anchors->at[0].layer >= 0;
		for (size_t i = 0; i < role->count; i++)
			role->part[i].layer = anchors->at[i].layer;
	}
	return err;
}

/* The first row that any tensor fits: its layers are those of the attention. */
static enum err bind_first(struct roles *roles, const struct mechanism *mechanism, const struct string_list *filter, const struct mechanism_alias *row,
			   struct anchors *anchors, struct err_info *info)
{
	struct gathering gathering = { .role = roles_add(roles, row->role, NAME_NONE, info), .info = info };
	const struct plan_request plain = PLAN_REQUEST_INIT;
	struct role *role = gathering.role;
	if (!role)
		return ERR_NOMEM;
	each_candidate(roles, filter, row->names, take_all, &gathering);
	if (gathering.err)
		return gathering.err;
	if (role->count > 1 && !mechanism->takes_layers)
		return err_set(info, ERR_USAGE, "several tensors could be the %s (%s, %s): choose with --names PATTERN or --input %s=FILE:NAME", row->role,
			       role->part[0].name, role->part[1].name, row->role);
	enum err err = role->count ? roles_number_one(roles, role, &plain, info) : ERR_OK;
	for (size_t i = 0; i < role->count && !err; i++)
		err = add_anchor(anchors, role->part[i].name, row->names, role->part[i].layer, info);
	return err;
}

struct count {
	const char *name; /* of the same template */
	int64_t layers, last;
};

static bool take_count(void *data, const struct candidate *candidate)
{
	struct count *count = data;
	struct plan_name name = { .name = candidate->name };
	struct plan_role plan = { .word = "", .name = &name, .count = 1 };
	const struct plan_request plain = PLAN_REQUEST_INIT;
	if (!name_same_template(candidate->name, count->name) || plan_number(&plan, &plain, NULL))
		return true;
	count->layers++;
	count->last = name.layer > count->last ? name.layer : count->last;
	return true;
}

/* How many layers the files have of what the role is, chosen or not; 0 where they are not layers 0, 1, ... without a gap. */
static void count_layers(const struct roles *roles, const struct mechanism *mechanism)
{
	const struct string_list all = { 0 };
	for (const struct mechanism_alias *row = mechanism->alias; row->role; row++) {
		struct role *role = row->is_state ? NULL : roles_find(roles, row->role);
		struct count count = { role ? role->part[0].name : "", 0, -1 };
		if (role)
			each_candidate(roles, &all, row->names, take_count, &count);
		if (role)
			role->file_layers = count.last + 1 == count.layers ? count.layers : 0;
	}
}

static bool take_any(void *data, const struct candidate *candidate)
{
	(void)candidate;
	*(bool *)data = true;
	return false;
}

static enum err bind_state(struct roles *roles, const struct string_list *filter, const struct mechanism_alias *row, struct err_info *info)
{
	struct gathering gathering = { .info = info };
	bool any = false;
	each_candidate(roles, filter, row->names, take_any, &any);
	if (!any)
		return ERR_OK;
	gathering.role = roles_add(roles, row->role, NAME_NONE, info);
	if (!gathering.role)
		return ERR_NOMEM;
	each_candidate(roles, filter, row->names, take_all, &gathering);
	const struct role *role = gathering.role;
	if (!gathering.err && role->count > 1)
		return err_set(info, ERR_USAGE, "several tensors could be the %s (%s, %s): choose with --names PATTERN or --input %s=FILE:NAME", row->role,
			       role->part[0].name, role->part[1].name, row->role);
	return gathering.err;
}

enum err roles_bind_aliases(struct roles *roles, const struct mechanism *mechanism, const struct string_list *filter, struct err_info *info)
{
	struct anchors anchors = { 0 };
	enum err err = find_anchors(roles, mechanism, &anchors, info);
	bool chosen = anchors.count > 0;
	for (const struct mechanism_alias *row = mechanism->alias; row->role && !err; row++) {
		bool any = false;
		if (roles_find(roles, row->role))
			continue;
		each_candidate(roles, filter, row->names, take_any, &any);
		if (any && row->is_state)
			err = bind_state(roles, filter, row, info);
		else if (any && anchors.count)
			err = bind_beside(roles, filter, row, &anchors, !chosen, info);
		else if (any)
			err = bind_first(roles, mechanism, filter, row, &anchors, info);
	}
	if (!err)
		count_layers(roles, mechanism);
	free(anchors.at);
	return err;
}
