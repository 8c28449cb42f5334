/* SPDX-License-Identifier: MIT */
#include "commands/token_ids.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct entry {
	const char *text;
	int64_t position;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *one = a, *two = b;
	int order = strcmp(one->text, two->text);
	return order ? order : one->position < two->position ? -1 : one->position > two->position;
}

/* The number of a text is its first position. */
enum err token_ids(const char *const *text, int64_t count, int64_t **ids, struct err_info *info)
{
	struct entry *entry = mem_array((size_t)count, sizeof *entry);
	*ids = mem_array((size_t)count, sizeof **ids);
	if (!entry || !*ids) {
		free(entry);
		return err_nomem(info, "the tokens");
	}
	for (int64_t i = 0; i < count; i++)
		entry[i] = (struct entry){ text[i], i };
	qsort(entry, (size_t)count, sizeof *entry, compare_entries);
	for (int64_t i = 0, first = 0; i < count; i++) {
		if (strcmp(entry[i].text, entry[first].text) != 0)
			first = i;
		(*ids)[entry[i].position] = entry[first].position;
	}
	free(entry);
	return ERR_OK;
}

static enum err mark_list(const char *list, int64_t keys, bool *named, struct err_info *info)
{
	int64_t *position = NULL;
	size_t count = 0;
	enum err err = options_range(list, "named key", keys, &position, &count, info);
	for (size_t i = 0; !err && i < count; i++)
		named[position[i]] = true;
	free(position);
	return err;
}

static enum err mark_token(const char *token, const struct labels *labels, int64_t keys, bool *named, struct err_info *info)
{
	bool found = false;
	for (int64_t key = 0; key < keys; key++) {
		if (strcmp(labels->key[key], token) != 0 && strcmp(labels->raw_key[key], token) != 0)
			continue;
		named[key] = found = true;
	}
	return found ? ERR_OK : err_set(info, ERR_USAGE, "--named-token %s: there is no such token", token);
}

enum err token_positions(const char *list, const struct string_list *tokens, const struct labels *labels, int64_t keys, int64_t **positions, int64_t *count,
			 struct err_info *info)
{
	bool *named = mem_zero_array((size_t)keys, sizeof *named);
	*positions = mem_array((size_t)keys, sizeof **positions);
	*count = 0;
	enum err err = named && *positions ? ERR_OK : err_nomem(info, "the named keys");
	if (!err && list)
		err = mark_list(list, keys, named, info);
	for (size_t i = 0; !err && i < tokens->count; i++)
		err = mark_token(tokens->item[i], labels, keys, named, info);
	for (int64_t key = 0; !err && key < keys; key++)
		if (named[key])
			(*positions)[(*count)++] = key;
	free(named);
	return err;
}
