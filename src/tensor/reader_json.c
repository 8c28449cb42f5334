/* SPDX-License-Identifier: MIT */
/* .json: nested lists of numbers, alone or in objects and lists, as json.dump of array.tolist() writes them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "tensor/readers.h"
#include "tensor/text_matrix.h"

enum { DEPTH_MAX = 64, NAME_MAX_LENGTH = 1024 };

struct json {
	struct archive *archive;
	size_t capacity;
	const char *start, *at, *end;
	struct strbuf path;
	struct err_info *info;
};

static size_t spaces(const char *at, const char *end)
{
	size_t count = 0;
	while (at + count < end && memchr(" \t\r\n", at[count], 4))
		count++;
	return count;
}

static bool probe(const unsigned char *head, size_t size)
{
	const char *text = (const char *)head;
	size_t at = spaces(text, text + size);
	return at < size && (text[at] == '[' || text[at] == '{');
}

static enum err broken(struct json *json, const char *what)
{
	err_set(json->info, ERR_FORMAT, "broken JSON: %s", what);
	return json->info ? err_at(json->info, (uint64_t)(json->at - json->start)) : ERR_FORMAT;
}

/* The character after any space; 0 at the end. */
static char look(struct json *json)
{
	json->at += spaces(json->at, json->end);
	return json->at < json->end ? *json->at : '\0';
}

static bool take(struct json *json, char symbol)
{
	bool found = look(json) == symbol && json->at < json->end;
	json->at += found;
	return found;
}

/* A string's inside, with its escapes as they are. */
static enum err take_string(struct json *json, const char **text, size_t *length)
{
	if (!take(json, '"'))
		return broken(json, "a string is missing");
	*text = json->at;
	for (; json->at < json->end && *json->at != '"'; json->at++)
		json->at += *json->at == '\\' && json->at + 1 < json->end;
	if (json->at >= json->end)
		return broken(json, "truncated within a string");
	*length = (size_t)(json->at++ - *text);
	return ERR_OK;
}

/* A number, true, false, null: up to what may follow one. null is what JavaScript writes for NaN. */
static bool take_scalar(struct json *json, double *value, bool *whole, bool *number)
{
	const char *from = json->at;
	while (json->at < json->end && !memchr(" \t\r\n,]}:[{\"", *json->at, 11))
		json->at++;
	size_t length = (size_t)(json->at - from);
	*number = true;
	*whole = true;
	if (length == 4 && memcmp(from, "true", 4) == 0)
		*value = 1;
	else if (length == 5 && memcmp(from, "false", 5) == 0)
		*value = 0;
	else if (length == 4 && memcmp(from, "null", 4) == 0)
		text_number("nan", 3, value, whole);
	else
		return text_number(from, length, value, whole);
	*number = length == 4 && *from == 'n';
	return true;
}

/* --- lists of numbers --- */

struct level {
	int64_t length; /* of the first list at this depth; -1 while none has ended */
	int64_t count;
};

struct grid {
	struct level level[TENSOR_MAX_RANK];
	int depth, rank; /* rank: of the numbers; 0 while none was met */
	struct text_numbers numbers;
};

static bool end_list(struct grid *grid)
{
	struct level *level = &grid->level[--grid->depth];
	if (level->length < 0)
		level->length = level->count;
	bool same = level->length == level->count;
	level->count = 0;
	return same;
}

/* Read a list whose innermost elements are numbers, all of them as deep, in lists that are as long. *regular is false where it is not so, and nothing is read then. */
static enum err read_grid(struct json *json, struct grid *grid, bool *regular)
{
	const char *from = json->at;
	*regular = true;
	for (int i = 0; i < TENSOR_MAX_RANK; i++)
		grid->level[i] = (struct level){ -1, 0 };
	do {
		double value;
		bool whole, number;
		if (take(json, '[')) {
			*regular = grid->depth < TENSOR_MAX_RANK && (grid->rank == 0 || grid->depth < grid->rank);
			if (*regular && grid->depth)
				grid->level[grid->depth - 1].count++;
			grid->depth += *regular;
			if (!*regular || look(json) != ']')
				continue;
			*regular = false; /* an empty list has no depth of its own */
			continue;
		}
		char next = look(json);
		*regular = next != '{' && next != '"' && next != '\0' && take_scalar(json, &value, &whole, &number) && number;
		if (*regular) {
			*regular = grid->rank == 0 || grid->rank == grid->depth;
			grid->rank = grid->depth;
			grid->level[grid->depth - 1].count++;
			if (!text_numbers_add(&grid->numbers, value, whole))
				return err_nomem(json->info, "an array");
		}
		while (*regular && grid->depth && take(json, ']'))
			*regular = end_list(grid);
		if (*regular && grid->depth && !take(json, ','))
			*regular = false;
	} while (*regular && grid->depth);
	if (!*regular)
		json->at = from;
	return ERR_OK;
}

static const char *path_text(const struct json *json)
{
	return json->path.len ? json->path.buf : archive_base_name(json->archive->file);
}

static enum err read_list_of_numbers(struct json *json, bool *found)
{
	struct grid grid = { .depth = 0 };
	struct tensor shape = { 0 };
	enum err err = read_grid(json, &grid, found);
	if (!err && *found) {
		shape.rank = grid.rank;
		for (int axis = 0; axis < grid.rank; axis++)
			shape.shape[axis] = grid.level[axis].length;
		err = text_add_tensor(json->archive, &json->capacity, path_text(json), &shape, &grid.numbers, json->info);
		json->archive->unnamed = json->path.buf[strspn(json->path.buf, "0123456789.")] == '\0';
	}
	free(grid.numbers.value);
	return err;
}

/* --- what holds them --- */

static enum err read_value(struct json *json, int depth);

static enum err read_member(struct json *json, const char *key, size_t length, int depth)
{
	size_t before = json->path.len;
	if (before + length > NAME_MAX_LENGTH)
		return err_set(json->info, ERR_UNSUPPORTED, "the JSON has names longer than %d bytes", NAME_MAX_LENGTH);
	if (before)
		strbuf_addch(&json->path, '.');
	strbuf_add(&json->path, key, length);
	enum err err = strbuf_failed(&json->path) ? err_nomem(json->info, "a name") : read_value(json, depth);
	if (!err) {
		json->path.len = before;
		json->path.buf[before] = '\0';
	}
	return err;
}

static enum err read_object(struct json *json, int depth)
{
	const char *key;
	size_t length;
	enum err err = ERR_OK;
	json->at++;
	if (take(json, '}'))
		return ERR_OK;
	do {
		err = take_string(json, &key, &length);
		if (!err && !take(json, ':'))
			err = broken(json, "a colon is missing");
		if (!err)
			err = read_member(json, key, length, depth + 1);
	} while (!err && take(json, ','));
	return err || take(json, '}') ? err : broken(json, "a comma or a closing brace is missing");
}

static enum err read_list(struct json *json, int depth)
{
	bool found = false;
	char place[24];
	enum err err = read_list_of_numbers(json, &found);
	if (err || found)
		return err;
	json->at++;
	if (take(json, ']'))
		return ERR_OK;
	uint64_t index = 0;
	do {
		int length = snprintf(place, sizeof place, "%" PRIu64, index++);
		err = read_member(json, place, (size_t)length, depth + 1);
	} while (!err && take(json, ','));
	return err || take(json, ']') ? err : broken(json, "a comma or a closing bracket is missing");
}

static enum err read_value(struct json *json, int depth)
{
	const char *text;
	size_t length;
	double value;
	bool whole, number;
	if (depth > DEPTH_MAX)
		return err_set(json->info, ERR_UNSUPPORTED, "the JSON is nested deeper than %d levels", DEPTH_MAX);
	switch (look(json)) {
	case '{': return read_object(json, depth);
	case '[': return read_list(json, depth);
	case '"': return take_string(json, &text, &length);
	default: return take_scalar(json, &value, &whole, &number) ? ERR_OK : broken(json, "neither a value nor a number");
	}
}

static enum err open_json(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	const char *text = (const char *)bytes->data;
	struct json json = { .archive = archive, .start = text, .at = text, .end = text + bytes->size, .info = info };
	strbuf_init(&json.path);
	enum err err = read_value(&json, 0);
	if (!err && look(&json))
		err = broken(&json, "something follows its end");
	strbuf_release(&json.path);
	bytes_release(bytes);
	return err ? err : archive_refuse_duplicates(archive, "arrays", info);
}

const struct reader reader_json = {
	.name = "json",
	.suffixes = ".json",
	.text = true,
	.probe = probe,
	.open = open_json,
	.close = text_close,
};
