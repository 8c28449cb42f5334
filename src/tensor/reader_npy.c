/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/npy.h"
#include "tensor/pickle_arrays.h"
#include "tensor/readers.h"

static bool probe(const unsigned char *head, size_t size)
{
	return size >= 6 && memcmp(head, "\x93NUMPY", 6) == 0;
}

static uint64_t end_of(const struct tensor *tensor)
{
	return tensor->offset + (uint64_t)tensor_count(tensor) * dtype_size(tensor->dtype);
}

/* What comes after an array and is none. `at` is where it begins. */
static enum err refuse_rest(const struct bytes *bytes, uint64_t at, size_t arrays, const struct err_info *cause, struct err_info *info)
{
	uint64_t rest = bytes->size - at;
	if (probe(bytes->data + at, (size_t)rest))
		err_set(info, cause->code, "%" PRIu64 " bytes follow %s, a further array that cannot be read: %s", rest,
			arrays == 1 ? "the array" : "the arrays", cause->text);
	else
		err_set(info, ERR_FORMAT, "%" PRIu64 " bytes follow %s and are no further array: cut them off, or save the array again", rest,
			arrays == 1 ? "the array" : "the arrays");
	return info ? err_at(info, at) : ERR_FORMAT;
}

static enum err add_array(struct archive *archive, size_t *capacity, const char *name, const struct tensor *parsed, struct err_info *info)
{
	struct tensor *tensor = archive_add(archive, capacity, name, strlen(name));
	if (!tensor)
		return err_nomem(info, "the tensor list");
	const char *kept = tensor->name;
	*tensor = *parsed;
	tensor->name = kept;
	tensor->file = archive->file;
	return ERR_OK;
}

/* Of several arrays each is called by its place: 0, 1, ... */
static enum err list_further(struct archive *archive, size_t *capacity, const struct bytes *bytes, struct err_info *info)
{
	char name[24] = "0";
	uint64_t at = end_of(archive->tensor);
	enum err err = ERR_OK;
	char *first = at < bytes->size ? strdup(name) : NULL;
	if (at == bytes->size)
		return ERR_OK;
	if (!first)
		return err_nomem(info, "the tensor list");
	free((char *)archive->tensor->name);
	archive->tensor->name = first;
	while (!err && at < bytes->size) {
		struct tensor parsed = { 0 };
		struct err_info cause = { 0 };
		if (npy_parse(bytes->data + at, bytes->size - at, &parsed, &cause))
			return refuse_rest(bytes, at, archive->count, &cause, info);
		parsed.offset += at;
		snprintf(name, sizeof name, "%zu", archive->count);
		err = add_array(archive, capacity, name, &parsed, info);
		at = end_of(&parsed);
	}
	return err;
}

struct npy {
	struct bytes bytes;
	struct pickle_block *block;
};

/* An array of objects: a pickle behind its header, with the arrays that it holds. */
static enum err list_objects(struct archive *archive, struct npy *npy, struct err_info *info)
{
	size_t capacity = 0;
	uint64_t header = npy_header_size(npy->bytes.data, npy->bytes.size);
	enum err err = pickle_list_objects(archive, &capacity, NULL, npy->bytes.data + header, npy->bytes.size - header, &npy->block, info);
	return err ? err : archive_refuse_duplicates(archive, "tensors", info);
}

static enum err open_npy(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct tensor parsed = { 0 };
	size_t capacity = 0;
	struct err_info cause = { 0 };
	enum err err = npy_parse(bytes->data, bytes->size, &parsed, &cause);
	bool objects = err == ERR_UNSUPPORTED && npy_holds_objects(bytes->data, bytes->size);
	if (err && !objects) {
		*info = cause;
		return err;
	}
	struct npy *npy = archive->state = calloc(1, sizeof *npy);
	if (!npy)
		return err_nomem(info, "the tensor list");
	npy->bytes = *bytes;
	memset(bytes, 0, sizeof *bytes);
	if (objects)
		return list_objects(archive, npy, info);
	archive->unnamed = archive->sequence = true;
	err = add_array(archive, &capacity, archive_base_name(archive->file), &parsed, info);
	return err ? err : list_further(archive, &capacity, &npy->bytes, info);
}

static void forget_npy(const struct archive *archive)
{
	bytes_forget(&((const struct npy *)archive->state)->bytes);
}

static void close_npy(struct archive *archive)
{
	struct npy *npy = archive->state;
	if (!npy)
		return;
	bytes_release(&npy->bytes);
	pickle_free_blocks(npy->block);
	free(npy);
}

const struct reader reader_npy = {
	.name = "npy",
	.suffixes = ".npy",
	.probe = probe,
	.open = open_npy,
	.forget = forget_npy,
	.close = close_npy,
};
