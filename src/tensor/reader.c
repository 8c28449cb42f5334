/* SPDX-License-Identifier: MIT */
#include "tensor/reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "tensor/readers.h"

const struct reader *const reader_table[] = {
	&reader_npy,
	&reader_torch, /* before .npz, which is a zip file too */
	&reader_npz,
	&reader_safetensors,
	&reader_safetensors_index,
	&reader_torch_stream, /* before other pickles */
	&reader_pickle,
	NULL,
};

/* What people hand in that is no tensor file, and what to do about it. */
static const struct {
	const char *magic;
	size_t size;
	const char *text;
} stranger_table[] = {
	{ "GGUF", 4, "a GGUF model file: dump the tensors of one run as .npy (attnviz reads no models)" },
	{ "\x89HDF\r\n\x1a\n", 8, "an HDF5 file: export the arrays with numpy.savez" },
	{ "\x1f\x8b", 2, "compressed with gzip: pipe it through zcat and give - as the file" },
	{ "\x28\xb5\x2f\xfd", 4, "compressed with zstd: pipe it through zstdcat and give - as the file" },
	{ "\xfd" "7zXZ", 5, "compressed with xz: pipe it through xzcat and give - as the file" },
	{ "\x89PNG", 4, "a PNG picture, not a tensor" },
	{ "%PDF", 4, "a PDF document, not a tensor" },
};

const char *archive_base_name(const char *path)
{
	if (descriptor_named(path) >= 0)
		return "pipe";
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

struct tensor *archive_add(struct archive *archive, size_t *capacity, const char *name, size_t length)
{
	void *list = archive->tensor;
	if (!mem_grow(&list, capacity, archive->count + 1, sizeof *archive->tensor))
		return NULL;
	archive->tensor = list;
	char *copy = strndup(name, length);
	if (!copy)
		return NULL;
	struct tensor *tensor = &archive->tensor[archive->count++];
	memset(tensor, 0, sizeof *tensor);
	tensor->name = copy;
	tensor->file = archive->file;
	tensor->scale = 1;
	return tensor;
}

void archive_skip(struct archive *archive, const char *name, const char *reason)
{
	if (archive->skipped++)
		return;
	struct strbuf text;
	strbuf_init(&text);
	strbuf_addf(&text, "%s (%s)", name, reason);
	archive->skipped_name = strbuf_detach(&text);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct tensor *const *)a)->name, (*(const struct tensor *const *)b)->name);
}

struct tensor **archive_sort(const struct archive *archive)
{
	struct tensor **sorted = mem_array(archive->count, sizeof(struct tensor *));
	for (size_t i = 0; sorted && i < archive->count; i++)
		sorted[i] = &archive->tensor[i];
	if (sorted)
		qsort(sorted, archive->count, sizeof(struct tensor *), compare_names);
	return sorted;
}

struct tensor *archive_find(struct tensor *const *sorted, size_t count, const char *name)
{
	const struct tensor wanted = { .name = name }, *key = &wanted;
	struct tensor *const *found = bsearch(&key, sorted, count, sizeof *sorted, compare_names);
	return found ? *found : NULL;
}

enum err archive_refuse_duplicates(const struct archive *archive, const char *what, struct err_info *info)
{
	struct tensor **sorted = archive_sort(archive);
	if (!sorted)
		return err_nomem(info, "the names");
	enum err err = ERR_OK;
	for (size_t i = 1; !err && i < archive->count; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			err = err_set(info, ERR_FORMAT, "two %s are called %s", what, sorted[i]->name);
	free(sorted);
	return err;
}

static const struct reader *reader_by_content(const unsigned char *head, size_t size)
{
	for (const struct reader *const *row = reader_table; *row; row++)
		if ((*row)->probe(head, size))
			return *row;
	return NULL;
}

bool archive_is_tensor_file(const unsigned char *head, size_t size)
{
	return reader_by_content(head, size) != NULL;
}

/* The length of `name` without the longest of the reader's endings that it has; its whole length where it has none. */
static size_t stem_length(const struct reader *reader, const char *name)
{
	size_t length = strlen(name), stem = length;
	for (const char *at = reader->suffixes; *at;) {
		size_t suffix = strcspn(at, " ");
		if (length > suffix && strncasecmp(name + length - suffix, at, suffix) == 0 && length - suffix < stem)
			stem = length - suffix;
		at += suffix + strspn(at + suffix, " ");
	}
	return stem;
}

size_t reader_stem_length(const char *name)
{
	size_t stem = strlen(name);
	for (const struct reader *const *row = reader_table; *row; row++) {
		size_t length = stem_length(*row, name);
		stem = length < stem ? length : stem;
	}
	return stem;
}

static const struct reader *reader_by_suffix(const char *file)
{
	for (const struct reader *const *row = reader_table; *row; row++)
		if (stem_length(*row, file) < strlen(file))
			return *row;
	return NULL;
}

/* Rows of the same name are forms of one format. */
static bool is_listed_before(const struct reader *const *row)
{
	for (const struct reader *const *before = reader_table; before < row; before++)
		if (strcmp((*before)->name, (*row)->name) == 0)
			return true;
	return false;
}

static void list_suffixes(struct strbuf *out, const char *suffixes, bool all)
{
	size_t first = strcspn(suffixes, " ");
	strbuf_add(out, suffixes, first);
	for (const char *at = suffixes + first; all && *at;) {
		size_t length = strcspn(++at, " ");
		strbuf_addstr(out, at == suffixes + first + 1 ? " (" : ", ");
		strbuf_add(out, at, length);
		at += length;
		if (!*at)
			strbuf_addch(out, ')');
	}
}

void reader_list_formats(struct strbuf *out, const char *last, bool all)
{
	size_t left = 0;
	for (const struct reader *const *row = reader_table; *row; row++)
		left += !is_listed_before(row);
	for (const struct reader *const *row = reader_table; *row; row++) {
		if (is_listed_before(row))
			continue;
		list_suffixes(out, (*row)->suffixes, all);
		left--;
		if (left > 1)
			strbuf_addstr(out, ", ");
		else if (left == 1)
			strbuf_addf(out, " %s ", last);
	}
}

static enum err refuse_stranger(const struct bytes *bytes, struct err_info *info)
{
	if (bytes->size == 0)
		return err_set(info, ERR_FORMAT, "the file is empty");
	for (size_t i = 0; i < sizeof stranger_table / sizeof stranger_table[0]; i++)
		if (bytes->size >= stranger_table[i].size &&
		    memcmp(bytes->data, stranger_table[i].magic, stranger_table[i].size) == 0)
			return err_set(info, ERR_UNSUPPORTED, "this is %s", stranger_table[i].text);
	struct strbuf formats;
	strbuf_init(&formats);
	reader_list_formats(&formats, "nor", false);
	err_set(info, ERR_FORMAT, "neither %s", formats.buf);
	strbuf_release(&formats);
	return ERR_FORMAT;
}

static enum err open_bytes(struct archive *archive, struct bytes *bytes, const struct reader *reader, struct err_info *info)
{
	archive->reader = reader;
	if (!reader)
		archive->reader = reader_by_content(bytes->data, (size_t)bytes->size);
	if (!archive->reader && bytes->size)
		archive->reader = reader_by_suffix(archive->file);
	if (!archive->reader)
		return refuse_stranger(bytes, info);
	archive->format = archive->reader->name;
	return archive->reader->open(archive, bytes, info);
}

enum err archive_open_bytes(struct archive *archive, const char *file, struct bytes *bytes, const struct reader *reader,
			    struct err_info *info)
{
	struct err_info scratch = { 0 };
	if (!info)
		info = &scratch;
	memset(archive, 0, sizeof *archive);
	archive->file = strdup(strcmp(file, "-") == 0 ? "standard input" : file);
	enum err err = archive->file ? open_bytes(archive, bytes, reader, info) : err_nomem(info, "the file name");
	bytes_release(bytes);
	if (err) {
		err_in_file(info, archive->file ? archive->file : file);
		archive_release(archive);
	}
	return err;
}

enum err archive_open_as(struct archive *archive, const char *file, const struct reader *reader, struct err_info *info)
{
	struct err_info scratch = { 0 };
	if (!info)
		info = &scratch;
	memset(archive, 0, sizeof *archive);
	struct bytes bytes;
	enum err err = bytes_open_if(&bytes, file, archive_is_tensor_file, info);
	if (!err)
		return archive_open_bytes(archive, file, &bytes, reader, info);
	err_in_file(info, strcmp(file, "-") == 0 ? "standard input" : file);
	return err;
}

enum err archive_open(struct archive *archive, const char *file, struct err_info *info)
{
	return archive_open_as(archive, file, NULL, info);
}

void archive_release(struct archive *archive)
{
	if (archive->reader)
		archive->reader->close(archive);
	for (size_t i = 0; i < archive->count; i++)
		free((char *)archive->tensor[i].name);
	free(archive->tensor);
	free(archive->skipped_name);
	free(archive->file);
	memset(archive, 0, sizeof *archive);
}

void archive_forget(const struct archive *archive)
{
	if (archive->reader && archive->reader->forget)
		archive->reader->forget(archive);
}

enum err archive_load(struct archive *archive, struct tensor *tensor, struct err_info *info)
{
	if (tensor->data || !archive->reader->load)
		return ERR_OK;
	enum err err = archive->reader->load(archive, tensor, info);
	if (err && info)
		err_in_file(info, archive->file);
	return err;
}

/* "q, k, v", with an ellipsis where there are many. */
static void append_names(struct strbuf *out, const struct archive *archive)
{
	enum { LENGTH_MAX = 300 };
	for (size_t i = 0; i < archive->count; i++) {
		if (out->len > LENGTH_MAX) {
			strbuf_addf(out, ", ... (%zu in all)", archive->count);
			return;
		}
		strbuf_addf(out, "%s%s", i ? ", " : "", archive->tensor[i].name);
	}
}

static enum err refuse_name(const struct archive *archive, const char *name, struct err_info *info)
{
	struct strbuf names;
	strbuf_init(&names);
	append_names(&names, archive);
	if (archive->count == 0 && archive->skipped)
		err_set(info, ERR_UNSUPPORTED, "holds no numeric array, only %s",
			archive->skipped_name ? archive->skipped_name : "others");
	else if (archive->count == 0)
		err_set(info, ERR_FORMAT, "holds no array");
	else if (name)
		err_set(info, ERR_USAGE, "no tensor is called \"%s\"; there are: %s", name, names.buf);
	else
		err_set(info, ERR_USAGE, "several tensors: name one as FILE:NAME, of %s", names.buf);
	strbuf_release(&names);
	if (!info)
		return ERR_USAGE;
	err_in_file(info, archive->file);
	return info->code;
}

/* A tensor that is called by its place goes by the file's name too: attentions.0 for 0 in attentions.pt. */
static const char *short_name(const struct archive *archive, const char *name)
{
	const char *base = archive_base_name(archive->file);
	size_t stem = reader_stem_length(base);
	bool whole = archive->unnamed && strncmp(name, base, stem) == 0 && name[stem] == '.';
	return whole ? name + stem + 1 : name;
}

struct tensor *archive_named(const struct archive *archive, const char *name)
{
	for (size_t i = 0; i < archive->count; i++)
		if (strcmp(archive->tensor[i].name, name) == 0)
			return &archive->tensor[i];
	const char *shorter = short_name(archive, name);
	return shorter == name ? NULL : archive_named(archive, shorter);
}

static struct tensor *find_tensor(const struct archive *archive, const char *name)
{
	return name ? archive_named(archive, name) : archive->count == 1 ? archive->tensor : NULL;
}

enum err archive_get(struct archive *archive, const char *name, const struct tensor **tensor, struct err_info *info)
{
	struct tensor *found = find_tensor(archive, name);
	if (!found)
		return refuse_name(archive, name, info);
	*tensor = found;
	return archive_load(archive, found, info);
}

enum err archive_take(struct archive *archive, size_t index, struct err_info *info)
{
	archive->taken = index + 1 > archive->taken ? index + 1 : archive->taken;
	if (index < archive->count)
		return ERR_OK;
	err_set(info, ERR_USAGE, "holds %zu array%s, and is named once more than that: each mention of a stream reads its next array", archive->count,
		archive->count == 1 ? "" : "s");
	return info ? err_in_file(info, archive->file) : ERR_USAGE;
}

static bool exists(const char *file)
{
	return strcmp(file, "-") == 0 || access(file, F_OK) == 0;
}

/* The colon of "FILE:NAME": the last one whose left side is a file, else the last one before a name without slashes. NULL for none. */
static const char *find_colon(const char *spec, char *scratch)
{
	if (exists(spec))
		return NULL;
	for (size_t i = strlen(scratch); i-- > 1;) {
		if (spec[i] != ':')
			continue;
		scratch[i] = '\0';
		bool found = exists(scratch);
		scratch[i] = ':';
		if (found)
			return spec + i;
	}
	const char *last = strrchr(spec, ':');
	return last && last > spec && last[1] && !strchr(last, '/') ? last : NULL;
}

enum err archive_split_spec(const char *spec, char **file, char **name, struct err_info *info)
{
	*file = strdup(spec);
	*name = NULL;
	if (!*file)
		return err_nomem(info, "the file name");
	const char *colon = find_colon(spec, *file);
	if (!colon)
		return ERR_OK;
	(*file)[colon - spec] = '\0';
	*name = strdup(colon + 1);
	if (*name)
		return ERR_OK;
	free(*file);
	*file = NULL;
	return err_nomem(info, "the tensor name");
}
