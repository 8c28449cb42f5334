/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "commands/roles_parts.h"

static bool is_standard_input(const char *file)
{
	return strcmp(file, "-") == 0;
}

/* What is read once, from its beginning to its end. */
static bool is_stream(const char *file)
{
	struct stat status;
	return is_standard_input(file) || (stat(file, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode));
}

bool roles_is_nameless(const struct archive *archive)
{
	return archive->unnamed && archive->count == 1;
}

enum err roles_open_archive(struct roles *roles, const char *file, struct archive **archive, struct err_info *info)
{
	for (size_t i = 0; i < roles->archive_count; i++) {
		if (strcmp(roles->archive[i]->file, file) == 0 || (is_standard_input(file) && strcmp(roles->archive[i]->file, "standard input") == 0)) {
			*archive = roles->archive[i];
			return ERR_OK;
		}
	}
	void *grown = roles->archive;
	bool room = mem_grow(&grown, &roles->archive_capacity, roles->archive_count + 1, sizeof *roles->archive);
	roles->archive = grown;
	struct archive *opened = room ? calloc(1, sizeof *opened) : NULL;
	if (!opened)
		return err_nomem(info, "the list of files");
	enum err err = archive_open(opened, file, info);
	if (err) {
		free(opened);
		return err;
	}
	roles->archive[roles->archive_count++] = opened;
	*archive = opened;
	return ERR_OK;
}

static const struct stream_mention *find_mention(const struct roles *roles, const char *spec)
{
	for (size_t i = 0; i < roles->mention_count; i++)
		if (roles->mention[i].spec == spec)
			return &roles->mention[i];
	return NULL;
}

/* One more mention of the stream, which reads the array after those of the mentions before. */
static enum err add_mention(struct roles *roles, const char *spec, struct err_info *info)
{
	void *grown = roles->mention;
	bool room = mem_grow(&grown, &roles->mention_capacity, roles->mention_count + 1, sizeof *roles->mention);
	size_t before = 0;
	roles->mention = grown;
	if (!room)
		return err_nomem(info, "the list of inputs");
	for (size_t i = 0; i < roles->mention_count; i++)
		before += strcmp(roles->mention[i].spec, spec) == 0;
	roles->mention[roles->mention_count++] = (struct stream_mention){ spec, before };
	return ERR_OK;
}

/* The array that a mention reads. One that was not gathered (of a mask, say) must come after the others on the command line, as its array does in the stream. */
static enum err take(struct roles *roles, struct archive *archive, const char *spec, size_t *index, struct err_info *info)
{
	const struct stream_mention *mention = find_mention(roles, spec);
	for (size_t i = 0; i < roles->mention_count && !mention; i++)
		if ((uintptr_t)roles->mention[i].spec > (uintptr_t)spec && strcmp(roles->mention[i].spec, spec) == 0)
			return err_set(info, ERR_USAGE, "%s: queries, keys, values and weights are read from a stream first: name it for them before the others, or say which "
				       "array each is, as -:0", spec);
	enum err err = mention ? ERR_OK : add_mention(roles, spec, info);
	if (err)
		return err;
	mention = mention ? mention : &roles->mention[roles->mention_count - 1];
	*index = mention->index;
	return archive_take(archive, *index, info);
}

static int64_t find_member(const struct archive *archive, const char *name)
{
	const struct tensor *tensor = archive_named(archive, name);
	return tensor ? tensor - archive->tensor : -1;
}

enum err roles_open_spec(struct roles *roles, const char *spec, struct archive **archive, int64_t *member, struct err_info *info)
{
	char *file = NULL, *name = NULL;
	const struct tensor *tensor;
	enum err err = archive_split_spec(spec, &file, &name, info);
	*member = -1;
	if (!err)
		err = roles_open_archive(roles, file, archive, info);
	bool stream = !err && !name && (*archive)->sequence && is_stream(file);
	size_t taken = 0;
	if (stream)
		err = take(roles, *archive, spec, &taken, info);
	if (err)
		goto out;
	*member = stream ? (int64_t)taken : name ? find_member(*archive, name) : (*archive)->count == 1 ? 0 : -1;
	if (*member < 0 && name)
		err = archive_get(*archive, name, &tensor, info);
out:
	free(file);
	free(name);
	return err;
}

enum err roles_archive(struct roles *roles, const char *spec, struct archive **archive, const struct tensor **tensor, struct err_info *info)
{
	int64_t member;
	enum err err = roles_open_spec(roles, spec, archive, &member, info);
	*tensor = NULL;
	if (err || member < 0)
		return err;
	*tensor = &(*archive)->tensor[member];
	return archive_load(*archive, &(*archive)->tensor[member], info);
}

enum err roles_tensor(struct roles *roles, const char *spec, const struct tensor **tensor, struct err_info *info)
{
	struct archive *archive;
	int64_t member;
	enum err err = roles_open_spec(roles, spec, &archive, &member, info);
	if (!err && member < 0)
		return archive_get(archive, NULL, tensor, info);
	if (!err)
		err = archive_load(archive, &archive->tensor[member], info);
	if (!err)
		*tensor = &archive->tensor[member];
	return err;
}

/* The specs of an option's list; those of --input and --cu-seqlens begin after ROLE=. */
struct mentions {
	const char **spec;
	size_t count, capacity;
	bool failed;
};

static void mention(struct mentions *mentions, const char *spec)
{
	void *grown = mentions->spec;
	if (!is_stream(spec))
		return;
	mentions->failed = mentions->failed || !mem_grow(&grown, &mentions->capacity, mentions->count + 1, sizeof *mentions->spec);
	mentions->spec = grown;
	if (!mentions->failed)
		mentions->spec[mentions->count++] = spec;
}

static void mention_list(struct mentions *mentions, const struct string_list *list, bool roles_before)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *equals = roles_before ? strchr(list->item[i], '=') : NULL;
		mention(mentions, equals ? equals + 1 : list->item[i]);
	}
}

/* argv lies in memory in the order of the command line. */
static int compare_mentions(const void *a, const void *b)
{
	uintptr_t one = (uintptr_t)*(const char *const *)a, two = (uintptr_t)*(const char *const *)b;
	return one < two ? -1 : one > two;
}

enum err roles_list_streams(struct roles *roles, const struct roles_request *request, struct err_info *info)
{
	struct mentions mentions = { 0 };
	enum err err = ERR_OK;
	for (int kind = NAME_QUERY; kind < NAME_ROLE_COUNT; kind++)
		mention_list(&mentions, &request->spec[kind], false);
	mention_list(&mentions, &request->fused, false);
	mention_list(&mentions, &request->input, true);
	mention_list(&mentions, &request->cu_seqlens, true);
	for (int i = 0; i < request->file_count; i++)
		mention(&mentions, request->file[i]);
	if (mentions.failed)
		err = err_nomem(info, "the list of inputs");
	if (mentions.count)
		qsort(mentions.spec, mentions.count, sizeof *mentions.spec, compare_mentions);
	for (size_t i = 0; i < mentions.count && !err; i++)
		err = add_mention(roles, mentions.spec[i], info);
	free(mentions.spec);
	return err;
}

enum err roles_check_streams(const struct roles *roles, struct err_info *info)
{
	for (size_t i = 0; i < roles->archive_count; i++) {
		const struct archive *archive = roles->archive[i];
		if (!archive->taken || archive->taken >= archive->count)
			continue;
		err_set(info, ERR_USAGE, "holds %zu arrays, of which %zu %s read: name it again for each of the others, or say which array is meant, as -:0", archive->count,
			archive->taken, archive->taken == 1 ? "is" : "are");
		return err_in_file(info, archive->file);
	}
	return ERR_OK;
}
