/* SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/roles_parts.h"

static void role_free(struct role *role)
{
	for (size_t i = 0; i < role->count; i++)
		free(role->part[i].name);
	free(role->part);
	free(role->tensor);
	free(role->slot);
	free(role->number);
	free(role->shard);
	free(role->shard_end);
	free(role->word);
	free(role);
}

void roles_release(struct roles *roles)
{
	for (size_t i = 0; i < roles->count; i++)
		role_free(roles->role[i]);
	free(roles->role);
	for (size_t i = 0; i < roles->archive_count; i++) {
		archive_release(roles->archive[i]);
		free(roles->archive[i]);
	}
	free(roles->archive);
	free(roles->mention);
	strbuf_release(&roles->notes);
	*roles = (struct roles){ 0 };
}

struct role *roles_find(const struct roles *roles, const char *word)
{
	for (size_t i = 0; i < roles->count; i++)
		if (strcmp(roles->role[i]->word, word) == 0)
			return roles->role[i];
	return NULL;
}

struct role *roles_kind(const struct roles *roles, enum name_role kind)
{
	return roles_find(roles, name_role_word(kind));
}

struct role *roles_add(struct roles *roles, const char *word, enum name_role kind, struct err_info *info)
{
	struct role *role = roles_find(roles, word);
	if (role)
		return role;
	void *grown = roles->role;
	bool room = mem_grow(&grown, &roles->capacity, roles->count + 1, sizeof *roles->role);
	roles->role = grown;
	role = calloc(1, sizeof *role);
	char *copy = strdup(word);
	if (!room || !role || !copy) {
		free(role);
		free(copy);
		err_nomem(info, "the inputs");
		return NULL;
	}
	role->word = copy;
	role->kind = kind;
	roles->role[roles->count++] = role;
	return role;
}

enum err role_add_part(struct role *role, struct archive *archive, size_t index, const char *name, struct err_info *info)
{
	void *grown = role->part;
	bool room = mem_grow(&grown, &role->capacity, role->count + 1, sizeof *role->part);
	role->part = grown;
	char *copy = room ? strdup(name) : NULL;
	if (!copy)
		return err_nomem(info, "the inputs");
	role->part[role->count++] = (struct role_part){ .archive = archive, .index = index, .name = copy, .layer = -1, .step = -1 };
	return ERR_OK;
}

const char *roles_tensor_name(const struct archive *archive, const struct tensor *tensor, char *buffer, size_t size)
{
	if (!archive->unnamed)
		return tensor->name;
	name_of_file(archive->file, buffer, size);
	size_t length = strlen(buffer);
	if (archive->count > 1)
		snprintf(buffer + length, size - length, ".%s", tensor->name);
	return buffer;
}

static enum err add_spec(struct roles *roles, const struct roles_request *request, const char *word, enum name_role kind, const char *spec, struct err_info *info)
{
	struct archive *archive;
	int64_t member;
	enum err err = roles_open_spec(roles, spec, &archive, &member, info);
	struct role *role = err ? NULL : roles_add(roles, word, kind, info);
	if (err || !role)
		return err ? err : ERR_NOMEM;
	role->by_option = true;
	if (member < 0)
		return roles_expand(role, archive, &request->names, info);
	/* The place of an array in a sequence is no name: the file's counts. */
	char buffer[256];
	bool placed = archive->sequence || roles_is_nameless(archive);
	return role_add_part(role, archive, (size_t)member, placed ? name_of_file(archive->file, buffer, sizeof buffer)
											 : roles_tensor_name(archive, &archive->tensor[member], buffer, sizeof buffer), info);
}

/* More ranks than a job has in a row without a piece. */
enum { RANKS_PROBED = 1024 };

/* The spec of one rank, and the file that it names, which the caller frees. */
static enum err spec_of_rank(const char *spec, int rank, struct strbuf *one, char **file, struct err_info *info)
{
	const char *mark = strstr(spec, "{rank}");
	char *name = NULL;
	*file = NULL;
	strbuf_init(one);
	strbuf_addf(one, "%.*s%d%s", (int)(mark - spec), spec, rank, mark + strlen("{rank}"));
	enum err err = strbuf_failed(one) ? err_nomem(info, "the inputs") : archive_split_spec(one->buf, file, &name, info);
	free(name);
	return err;
}

/* The ranks ended before this one: none that comes after it may be there, or its tokens would be missing from the middle. */
static enum err refuse_gap(const char *spec, int missing, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int rank = missing + 1; !err && rank < missing + RANKS_PROBED; rank++) {
		struct strbuf one;
		char *file;
		err = spec_of_rank(spec, rank, &one, &file, info);
		if (!err && access(file, F_OK) == 0)
			err = err_set(info, ERR_FORMAT, "%s: rank %d is there and rank %d is not: the pieces in between are missing", spec, rank, missing);
		free(file);
		strbuf_release(&one);
	}
	return err;
}

/* A spec with {rank} stands for the files of ranks 0, 1, ... as far as there are any: pieces of one tensor along its tokens. */
static enum err add_shards(struct roles *roles, const struct roles_request *request, const char *word, enum name_role kind, const char *spec, struct err_info *info)
{
	struct role *role = roles_find(roles, word);
	enum err err = ERR_OK;
	bool last = false;
	if (role)
		return err_set(info, ERR_USAGE, "%s: pieces of the %s go together with nothing else", spec, word);
	for (int rank = 0; !err && !last; rank++) {
		struct strbuf one;
		char *file;
		err = spec_of_rank(spec, rank, &one, &file, info);
		last = !err && rank > 0 && access(file, F_OK) != 0;
		if (last)
			err = refuse_gap(spec, rank, info);
		else if (!err)
			err = add_spec(roles, request, word, kind, one.buf, info);
		free(file);
		strbuf_release(&one);
	}
	if (!err)
		roles_find(roles, word)->sharded = true;
	return err;
}

static enum err add_input(struct roles *roles, const struct roles_request *request, enum name_role kind, const char *spec, struct err_info *info)
{
	const char *word = name_role_word(kind);
	return strstr(spec, "{rank}") ? add_shards(roles, request, word, kind, spec, info) : add_spec(roles, request, word, kind, spec, info);
}

static enum err gather_options(struct roles *roles, const struct roles_request *request, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int kind = NAME_QUERY; kind < NAME_ROLE_COUNT; kind++)
		for (size_t i = 0; !err && i < request->spec[kind].count; i++)
			err = add_input(roles, request, (enum name_role)kind, request->spec[kind].item[i], info);
	for (int kind = NAME_QUERY; kind <= NAME_VALUE; kind++) {
		for (size_t i = 0; !err && i < request->fused.count; i++)
			err = add_spec(roles, request, name_role_word((enum name_role)kind), (enum name_role)kind, request->fused.item[i], info);
		if (!err && request->fused.count)
			roles_kind(roles, (enum name_role)kind)->fused = true;
	}
	for (size_t i = 0; !err && i < request->input.count; i++) {
		const char *item = request->input.item[i], *equals = strchr(item, '=');
		if (!equals || equals == item)
			return err_set(info, ERR_USAGE, "--input %s: expected ROLE=FILE[:NAME]", item);
		enum name_role kind = name_role_find(item, (size_t)(equals - item));
		char *word = kind ? strdup(name_role_word(kind)) : strndup(item, (size_t)(equals - item));
		err = word ? add_spec(roles, request, word, kind, equals + 1, info) : err_nomem(info, "the inputs");
		free(word);
	}
	return err;
}

/* What --names says of a name: ROLE=PATTERN gives the role; a bare PATTERN says which names count. */
static bool named_role(const struct string_list *names, const char *name, enum name_role *kind)
{
	bool filtered = false, counts = false;
	for (size_t i = 0; i < names->count; i++) {
		const char *item = names->item[i], *equals = strchr(item, '=');
		enum name_role role = equals ? name_role_find(item, (size_t)(equals - item)) : NAME_NONE;
		if (role) {
			*kind = role;
			if (fnmatch(equals + 1, name, 0) == 0)
				return true;
		} else {
			filtered = true;
			counts = counts || fnmatch(item, name, 0) == 0;
		}
	}
	*kind = name_role(name);
	return (!filtered || counts) && *kind;
}

/* A role that --names assigns outright takes nothing by the usual rules. */
static bool role_is_assigned(const struct string_list *names, enum name_role kind, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *item = names->item[i], *equals = strchr(item, '=');
		if (equals && name_role_find(item, (size_t)(equals - item)) == kind && fnmatch(equals + 1, name, 0) != 0)
			return true;
	}
	return false;
}

/* A role of the mechanism's own, whatever the rules make of its name ("pos_bias_v" is no value). */
static bool is_own_role(const struct roles_request *request, const char *name)
{
	for (const struct mechanism_input *row = request->own; row && row->role; row++)
		if (strcmp(row->role, name) == 0)
			return !name_role_find(name, strlen(name));
	return false;
}

/* An .npy of several arrays whose name tells a role: which of them plays it? */
static enum err refuse_several(const struct roles_request *request, const struct archive *archive, struct err_info *info)
{
	char buffer[256];
	enum name_role kind;
	const char *name = name_of_file(archive->file, buffer, sizeof buffer);
	if (!archive->sequence || archive->count < 2 || !named_role(&request->names, name, &kind))
		return ERR_OK;
	err_set(info, ERR_USAGE, "holds %zu arrays, one after another: name one as %s:0 to %s:%zu", archive->count, archive->file, archive->file, archive->count - 1);
	return err_in_file(info, archive->file);
}

static enum err gather_names(struct roles *roles, const struct roles_request *request, struct archive *archive, struct err_info *info)
{
	enum err err = refuse_several(request, archive, info);
	for (size_t i = 0; !err && i < archive->count; i++) {
		char buffer[256];
		enum name_role kind;
		const char *name = roles_tensor_name(archive, &archive->tensor[i], buffer, sizeof buffer);
		if (is_own_role(request, name) || !named_role(&request->names, name, &kind) || request->spec[kind].count || role_is_assigned(&request->names, kind, name))
			continue;
		struct role *role = roles_add(roles, name_role_word(kind), kind, info);
		if (!role)
			return ERR_NOMEM;
		if (!role->by_option)
			err = role_add_part(role, archive, i, name, info);
	}
	return err;
}

/* --shard k.{rank}.npy: the name of the first piece tells the role. */
static enum err gather_shards(struct roles *roles, const struct roles_request *request, struct err_info *info)
{
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < request->shard.count; i++) {
		const char *spec = request->shard.item[i], *mark = strstr(spec, "{rank}"), *colon = strrchr(spec, ':');
		enum name_role kind = NAME_NONE;
		char buffer[256];
		struct strbuf one;
		if (!mark)
			return err_set(info, ERR_USAGE, "--shard %s: expected {rank} in the name: k.{rank}.npy", spec);
		strbuf_init(&one);
		strbuf_addf(&one, "%.*s0%s", (int)(mark - spec), spec, mark + strlen("{rank}"));
		const char *name = strbuf_failed(&one) ? NULL : colon ? colon + 1 : name_of_file(one.buf, buffer, sizeof buffer);
		if (!name)
			err = err_nomem(info, "the inputs");
		else if (!named_role(&request->names, name, &kind) || !kind)
			err = err_set(info, ERR_USAGE, "--shard %s: the name does not tell the role: use -q, -k or -v", spec);
		else
			err = add_shards(roles, request, name_role_word(kind), kind, spec, info);
		strbuf_release(&one);
	}
	return err;
}

/* One .npy file that nothing else is said about holds ready weights, unless its name says that it is something else. */
static enum err gather_lone_file(struct roles *roles, struct err_info *info)
{
	struct archive *archive = roles->archive[0];
	char name[256];
	roles_tensor_name(archive, &archive->tensor[0], name, sizeof name);
	enum name_role kind = name_role(name);
	if (name_is_fused(name)) {
		err_set(info, ERR_USAGE, "the name says that queries, keys and values are in one: give it with --qkv, and --heads-in, or say -w if these are ready weights");
		return err_in_file(info, archive->file);
	}
	if (kind == NAME_QUERY || kind == NAME_KEY) {
		err_set(info, ERR_USAGE, "the name says that this is a %s: give both with -q and -k, or say -w if these are ready weights", name_role_word(kind));
		return err_in_file(info, archive->file);
	}
	struct role *role = roles_add(roles, name_role_word(NAME_WEIGHTS), NAME_WEIGHTS, info);
	return role ? role_add_part(role, archive, 0, name, info) : ERR_NOMEM;
}

/* A positional file, or one tensor of it: FILE:NAME, whose role the name tells; a lone one that tells none holds ready weights. */
static enum err gather_file(struct roles *roles, const struct roles_request *request, const char *spec, bool lone, struct err_info *info)
{
	char *file = NULL, *name = NULL;
	struct archive *archive;
	int64_t member;
	enum name_role kind = NAME_NONE;
	enum err err = archive_split_spec(spec, &file, &name, info);
	if (!err && name) {
		bool told = named_role(&request->names, name, &kind) && kind;
		if (told || lone)
			err = add_spec(roles, request, name_role_word(told ? kind : NAME_WEIGHTS), told ? kind : NAME_WEIGHTS, spec, info);
		else
			err = err_set(info, ERR_USAGE, "%s: the name does not tell the role: use -q, -k, -v or -w", spec);
	} else if (!err) {
		err = roles_open_spec(roles, spec, &archive, &member, info);
		if (!err)
			err = lone && member == 0 && archive->unnamed ? gather_lone_file(roles, info)
											   : gather_names(roles, request, archive, info);
	}
	free(file);
	free(name);
	return err;
}

enum err roles_gather(struct roles *roles, const struct roles_request *request, struct err_info *info)
{
	*roles = (struct roles){ 0 };
	enum err err = roles_list_streams(roles, request, info);
	if (!err)
		err = gather_options(roles, request, info);
	if (!err)
		err = gather_shards(roles, request, info);
	bool lone = !roles->count && request->file_count == 1 && !request->names.count;
	for (int i = 0; !err && i < request->file_count; i++)
		err = gather_file(roles, request, request->file[i], lone, info);
	if (!err)
		err = roles_number(roles, request, info);
	return err ? err : roles_bind_sequences(roles, request, info);
}

enum err roles_bind_by_name(struct roles *roles, const char *word, struct role **role, struct err_info *info)
{
	*role = NULL;
	for (size_t a = 0; a < roles->archive_count; a++) {
		struct archive *archive = roles->archive[a];
		for (size_t i = 0; i < archive->count; i++) {
			char buffer[256];
			const char *name = roles_tensor_name(archive, &archive->tensor[i], buffer, sizeof buffer);
			if (strcmp(name, word) != 0)
				continue;
			*role = roles_add(roles, word, NAME_NONE, info);
			return *role ? role_add_part(*role, archive, i, name, info) : ERR_NOMEM;
		}
	}
	return ERR_OK;
}
