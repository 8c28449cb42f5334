/* SPDX-License-Identifier: MIT */
#include "base/options_files.h"

#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/strbuf.h"

/* A file by what it is, and a file that is not there yet by its folder and its name in it. */
struct identity {
	const char *word;   /* as it was given */
	dev_t device;
	ino_t inode;
	bool exists;
	char *name;         /* in the folder with device and inode; NULL where the file exists */
};

struct files {
	struct identity *output;
	size_t count, capacity;
	struct err_info *info;
	enum err err;
};

static bool same(const struct identity *a, const struct identity *b)
{
	if (a->exists != b->exists || a->device != b->device || a->inode != b->inode)
		return false;
	return a->exists || strcmp(a->name, b->name) == 0;
}

/* "-" is a standard stream. Files that cannot be told apart by their number (pipes, terminals, devices) are no files here. */
static bool look_up(const char *path, int standard, struct identity *found)
{
	struct stat status;
	bool is_there = strcmp(path, "-") == 0 ? fstat(standard, &status) == 0 : stat(path, &status) == 0;
	if (!is_there || !S_ISREG(status.st_mode))
		return false;
	*found = (struct identity){ .word = path, .device = status.st_dev, .inode = status.st_ino, .exists = true };
	return true;
}

static bool look_up_folder(const char *path, struct identity *found)
{
	struct stat status;
	char *folder = strdup(path), *name = strdup(path);
	bool good = folder && name && stat(path, &status) != 0 && stat(dirname(folder), &status) == 0;
	if (good)
		*found = (struct identity){ path, status.st_dev, status.st_ino, false, strdup(basename(name)) };
	free(folder);
	free(name);
	return good && found->name;
}

static void refuse(struct files *files, const struct identity *output, const char *other, bool is_input)
{
	if (is_input)
		files->err = err_set(files->info, ERR_USAGE,
		                     "is read as well ('%s'): an output must not replace an input, choose another name", other);
	else
		files->err = err_set(files->info, ERR_USAGE, "would be written twice ('%s'): give each output a name of its own",
		                     other);
	err_in_file(files->info, strcmp(output->word, "-") == 0 ? "standard output" : output->word);
}

static void add_output(struct files *files, const char *word)
{
	struct identity found;
	if (files->err || !word || !(look_up(word, STDOUT_FILENO, &found) || look_up_folder(word, &found)))
		return;
	for (size_t i = 0; i < files->count; i++)
		if (same(&files->output[i], &found) && strcmp(word, "-") != 0)
			refuse(files, &found, files->output[i].word, false);
	void *grown = files->output;
	bool room = mem_grow(&grown, &files->capacity, files->count + 1, sizeof found);
	files->output = grown;
	if (room) {
		files->output[files->count++] = found;
		return;
	}
	free(found.name);
	files->err = files->err ? files->err : err_nomem(files->info, "the names of the files");
}

static void collect_outputs(const struct option_row *row, void *data)
{
	if (row->kind == OPTION_KIND_OUTPUT)
		add_output(data, *(const char **)row->value);
}

static void hold_against_outputs(struct files *files, const char *path)
{
	struct identity found;
	if (files->err || !look_up(path, STDIN_FILENO, &found))
		return;
	for (size_t i = 0; i < files->count && !files->err; i++)
		if (same(&files->output[i], &found))
			refuse(files, &files->output[i], path, true);
}

/* A pattern stands for all files that it matches; {rank} for every number. */
static void check_pattern(struct files *files, const char *path)
{
	const char *rank = strstr(path, "{rank}");
	struct strbuf pattern;
	glob_t found = { 0 };
	strbuf_init(&pattern);
	strbuf_add(&pattern, path, rank ? (size_t)(rank - path) : strlen(path));
	if (rank)
		strbuf_addf(&pattern, "*%s", rank + strlen("{rank}"));
	if (strpbrk(pattern.buf, "*?[") && glob(pattern.buf, GLOB_NOSORT, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			hold_against_outputs(files, found.gl_pathv[i]);
	globfree(&found);
	strbuf_release(&pattern);
}

static void check_path(struct files *files, const char *path)
{
	hold_against_outputs(files, path);
	if (!files->err)
		check_pattern(files, path);
}

/* FILE may itself hold a colon, so every cut before one counts. */
static void check_input(struct files *files, const char *word)
{
	check_path(files, word);
	for (const char *colon = strchr(word, ':'); colon && !files->err; colon = strchr(colon + 1, ':')) {
		char *path = strndup(word, (size_t)(colon - word));
		if (path)
			check_path(files, path);
		else
			files->err = err_nomem(files->info, "the names of the files");
		free(path);
	}
}

static void check_role_input(struct files *files, const char *word)
{
	const char *equals = strchr(word, '=');
	check_input(files, word);
	if (equals)
		check_input(files, equals + 1);
}

static void check_inputs(const struct option_row *row, void *data)
{
	if (!row->argument || !strstr(row->argument, "FILE") || row->kind == OPTION_KIND_OUTPUT)
		return;
	if (row->kind == OPTION_KIND_LIST) {
		const struct string_list *list = row->value;
		for (size_t i = 0; i < list->count; i++)
			check_role_input(data, list->item[i]);
	} else if (row->kind == OPTION_KIND_STRING && *(const char **)row->value) {
		check_role_input(data, *(const char **)row->value);
	}
}

enum err options_check_files(const struct option_row *rows, int count, char *const *positional, struct err_info *info)
{
	struct files files = { .info = info };
	options_each(rows, collect_outputs, &files);
	add_output(&files, "-");
	if (files.count)
		options_each(rows, check_inputs, &files);
	for (int i = 0; i < count && files.count; i++)
		check_input(&files, positional[i]);
	for (size_t i = 0; i < files.count; i++)
		free(files.output[i].name);
	free(files.output);
	return files.err;
}
