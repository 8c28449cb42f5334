#include "tensor/reader.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/memory.h"
#include "base/strbuf.h"
#include "tensor/readers.h"

const struct reader *const reader_table[] = {
	&reader_npy,
	&reader_npz,
	&reader_safetensors,
	&reader_safetensors_index,
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
	{ "\x80\x02", 2, "a Python pickle, which is never read: save with numpy.save or safetensors" },
	{ "\x80\x03", 2, "a Python pickle, which is never read: save with numpy.save or safetensors" },
	{ "\x80\x04", 2, "a Python pickle, which is never read: save with numpy.save or safetensors" },
	{ "\x80\x05", 2, "a Python pickle, which is never read: save with numpy.save or safetensors" },
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

static const struct reader *reader_by_suffix(const char *file)
{
	size_t length = strlen(file);
	for (const struct reader *const *row = reader_table; *row; row++) {
		size_t suffix = strlen((*row)->suffix);
		if (length > suffix && strcmp(file + length - suffix, (*row)->suffix) == 0)
			return *row;
	}
	return NULL;
}

static enum err refuse_stranger(const struct bytes *bytes, struct err_info *info)
{
	if (bytes->size == 0)
		return err_set(info, ERR_FORMAT, "the file is empty");
	for (size_t i = 0; i < sizeof stranger_table / sizeof stranger_table[0]; i++)
		if (bytes->size >= stranger_table[i].size &&
		    memcmp(bytes->data, stranger_table[i].magic, stranger_table[i].size) == 0)
			return err_set(info, ERR_UNSUPPORTED, "this is %s", stranger_table[i].text);
	return err_set(info, ERR_FORMAT, "neither .npy, .npz nor .safetensors");
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

static struct tensor *find_tensor(const struct archive *archive, const char *name)
{
	if (!name)
		return archive->count == 1 ? archive->tensor : NULL;
	for (size_t i = 0; i < archive->count; i++)
		if (strcmp(archive->tensor[i].name, name) == 0)
			return &archive->tensor[i];
	return NULL;
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
