/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/npy.h"
#include "tensor/pickle_arrays.h"
#include "tensor/readers.h"
#include "tensor/zip_members.h"

enum { HEADER_MAX = 1 << 20 };

struct npz {
	struct zip_members members;
	struct zip_member **of; /* of each tensor */
	size_t capacity;
	struct pickle_block *block;
};

static enum err in_member(struct err_info *info, enum err code, const char *name, const char *what)
{
	return err_set(info, code, "member %s: %s", name, what);
}

/* The parser speaks of its own bytes: prefix its sentence with the member, and drop offsets, which would not be those of the file. */
static enum err blame_member(struct err_info *info, const struct err_info *cause, const char *name)
{
	return in_member(info, cause->code, name, cause->text);
}

/* The .npy header of a member: the first bytes, unpacked only so far. NULL in *header where it is no .npy. */
static enum err read_header(struct npz *npz, const struct zip_member *member, unsigned char **header, uint64_t *length, struct err_info *info)
{
	*header = NULL;
	unsigned char prefix[NPY_PREFIX];
	uint64_t first;
	enum err err = zip_members_read(&npz->members, member, prefix, NPY_PREFIX, &first, info);
	if (err)
		return err;
	*length = npy_header_size(prefix, first);
	if (*length == 0 && (first < 6 || memcmp(prefix, "\x93NUMPY", 6) != 0))
		return ERR_OK;
	*length = *length < first ? first : *length;
	if (*length > member->size || *length > HEADER_MAX)
		return in_member(info, ERR_FORMAT, member->name, "its .npy header is longer than the member, or absurd");
	*header = mem_array((size_t)*length, 1);
	if (!*header)
		return err_nomem(info, "a header");
	err = zip_members_read(&npz->members, member, *header, *length, length, info);
	if (err) {
		free(*header);
		*header = NULL;
	}
	return err;
}

static size_t name_length(const char *name)
{
	size_t length = strlen(name);
	return length > 4 && strcmp(name + length - 4, ".npy") == 0 ? length - 4 : length;
}

static enum err note_member(struct archive *archive, struct zip_member *member, struct err_info *info)
{
	struct npz *npz = archive->state;
	void *of = npz->of;
	if (!mem_grow(&of, &npz->capacity, archive->count + 1, sizeof *npz->of))
		return err_nomem(info, "the tensor list");
	npz->of = of;
	npz->of[archive->count] = member;
	return ERR_OK;
}

static enum err add_member(struct archive *archive, size_t *capacity, struct zip_member *member, const struct tensor *parsed, struct err_info *info)
{
	enum err err = note_member(archive, member, info);
	if (err)
		return err;
	struct tensor *tensor = archive_add(archive, capacity, member->name, name_length(member->name));
	if (!tensor)
		return err_nomem(info, "the tensor list");
	struct tensor named = *parsed;
	named.name = tensor->name;
	named.file = tensor->file;
	*tensor = named;
	return ERR_OK;
}

/* An array of objects: a pickle behind its header, with the arrays that it holds. */
static enum err add_objects(struct archive *archive, size_t *capacity, struct zip_member *member, uint64_t header, struct err_info *info)
{
	struct npz *npz = archive->state;
	struct err_info cause = { 0 };
	struct strbuf name;
	size_t before = archive->count;
	enum err err = zip_members_load(&npz->members, member, member->name, info);
	if (err)
		return err;
	strbuf_init(&name);
	strbuf_add(&name, member->name, name_length(member->name));
	err = pickle_list_objects(archive, capacity, name.buf, member->data + header, member->size - header, &npz->block, &cause);
	for (size_t count = archive->count; !err && before < count; before++) {
		archive->count = before;
		err = note_member(archive, member, info);
		archive->count = count;
	}
	strbuf_release(&name);
	return err && cause.code ? blame_member(info, &cause, member->name) : err;
}

/* List one member, unless it holds no numbers. */
static enum err list_member(struct archive *archive, size_t *capacity, struct zip_member *member, struct err_info *info)
{
	unsigned char *header;
	uint64_t length;
	enum err err = read_header(archive->state, member, &header, &length, info);
	if (err)
		return err;
	if (!header) {
		archive_skip(archive, member->name, "no .npy");
		return ERR_OK;
	}
	struct tensor parsed = { 0 };
	struct err_info cause = { 0 };
	err = npy_parse_front(header, length, member->size, &parsed, &cause);
	bool objects = err == ERR_UNSUPPORTED && npy_holds_objects(header, length);
	free(header);
	if (objects)
		return add_objects(archive, capacity, member, length, info);
	if (err == ERR_UNSUPPORTED) {
		archive_skip(archive, member->name, cause.text);
		return ERR_OK;
	}
	if (err)
		return blame_member(info, &cause, member->name);
	uint64_t end = parsed.offset + (uint64_t)tensor_count(&parsed) * dtype_size(parsed.dtype);
	if (end < member->size)
		return err_set(info, ERR_FORMAT, "member %s: %" PRIu64 " bytes follow the array: save one array in each member", member->name, member->size - end);
	return add_member(archive, capacity, member, &parsed, info);
}

static enum err list_members(struct archive *archive, struct err_info *info)
{
	struct npz *npz = archive->state;
	size_t capacity = 0;
	enum err err = ERR_OK;
	for (size_t i = 0; !err && i < npz->members.count; i++)
		err = list_member(archive, &capacity, &npz->members.member[i], info);
	return err;
}

static enum err open_npz(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct npz *npz = calloc(1, sizeof *npz);
	if (!npz)
		return err_nomem(info, "the .npz");
	archive->state = npz;
	enum err err = zip_members_open(&npz->members, bytes, ".npz", info);
	if (!err)
		err = list_members(archive, info);
	return err ? err : archive_refuse_duplicates(archive, "members", info);
}

static enum err load_npz(struct archive *archive, struct tensor *tensor, struct err_info *info)
{
	struct npz *npz = archive->state;
	struct zip_member *member = npz->of[tensor - archive->tensor];
	enum err err = zip_members_load(&npz->members, member, tensor->name, info);
	if (!err)
		tensor->data = member->data + tensor->offset;
	return err;
}

static void forget_npz(const struct archive *archive)
{
	bytes_forget(&((const struct npz *)archive->state)->members.bytes);
}

static void close_npz(struct archive *archive)
{
	struct npz *npz = archive->state;
	if (!npz)
		return;
	free(npz->of);
	zip_members_close(&npz->members);
	pickle_free_blocks(npz->block);
	free(npz);
}

const struct reader reader_npz = {
	.name = "npz",
	.suffixes = ".npz",
	.probe = zip_probe,
	.open = open_npz,
	.load = load_npz,
	.forget = forget_npz,
	.close = close_npz,
};
