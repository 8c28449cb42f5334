/* SPDX-License-Identifier: MIT */
/* model.safetensors.index.json: which shard, a .safetensors file beside it, holds which tensor. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "tensor/readers.h"
#include "tensor/safetensors_scale.h"

enum { INDEX_MAX = 100000000 };

struct shard {
	char *name; /* as the index gives it */
	struct archive archive;
	struct tensor **sorted; /* its tensors by name */
};

struct shards {
	struct shard *shard;
	size_t count, capacity;
};

static bool probe(const unsigned char *head, size_t size)
{
	size_t at = 0;
	while (at < size && memchr(" \t\r\n", head[at], 4))
		at++;
	return at < size && head[at] == '{' && memmem(head, size, "\"weight_map\"", 12);
}

/* An index that comes through a pipe has its shards in the folder where we are. */
static char *beside(const char *index, const char *name)
{
	size_t length = strlen(index), base = strlen(archive_base_name(index));
	bool has_folder = base < length && strcmp(index + length - base, archive_base_name(index)) == 0;
	struct strbuf path;
	strbuf_init(&path);
	strbuf_add(&path, index, has_folder ? length - base : 0);
	strbuf_addstr(&path, name);
	return strbuf_detach(&path);
}

static enum err open_shard(const struct archive *archive, struct shards *shards, const char *name, struct err_info *info)
{
	void *list = shards->shard;
	if (!mem_grow(&list, &shards->capacity, shards->count + 1, sizeof *shards->shard))
		return err_nomem(info, "the shards");
	shards->shard = list;
	struct shard *shard = &shards->shard[shards->count++]; /* released with the others from here on */
	memset(shard, 0, sizeof *shard);
	char *path = beside(archive->file, name);
	shard->name = strdup(name);
	/* A shard is never an index: it could name itself. */
	enum err err = path && shard->name ? archive_open_as(&shard->archive, path, &reader_safetensors, info)
					   : err_nomem(info, "the shards");
	free(path);
	if (err)
		return err;
	shard->sorted = archive_sort(&shard->archive);
	return shard->sorted ? ERR_OK : err_nomem(info, "the shards");
}

static enum err find_shard(const struct archive *archive, struct shards *shards, const char *name, const struct shard **shard,
			   struct err_info *info)
{
	for (size_t i = shards->count; i-- > 0;)
		if (strcmp(shards->shard[i].name, name) == 0) {
			*shard = &shards->shard[i];
			return ERR_OK;
		}
	if (strchr(name, '/') || name[0] == '.' || name[0] == '\0' || strcmp(name, "-") == 0)
		return err_set(info, ERR_FORMAT, "the shard \"%s\" is no file beside the index", name);
	enum err err = open_shard(archive, shards, name, info);
	if (!err)
		*shard = &shards->shard[shards->count - 1];
	return err;
}

static enum err add_tensor(struct archive *archive, size_t *capacity, const struct shard *shard, const char *name, struct err_info *info)
{
	const struct tensor *found = archive_find(shard->sorted, shard->archive.count, name);
	if (!found && shard->archive.skipped) {
		archive_skip(archive, name, "its type is not read");
		return ERR_OK;
	}
	if (!found)
		return err_set(info, ERR_FORMAT, "tensor %s is not in its shard %s", name, shard->name);
	struct tensor *tensor = archive_add(archive, capacity, name, strlen(name));
	if (!tensor)
		return err_nomem(info, "the tensor list");
	const char *kept = tensor->name;
	*tensor = *found;
	tensor->name = kept;
	return ERR_OK;
}

static enum err list_tensors(struct archive *archive, json_t *map, struct err_info *info)
{
	size_t capacity = 0;
	const char *name;
	json_t *value;
	json_object_foreach(map, name, value) {
		const struct shard *shard = NULL;
		if (!json_is_string(value))
			return err_set(info, ERR_FORMAT, "tensor %s: its shard is no file name", name);
		enum err err = find_shard(archive, archive->state, json_string_value(value), &shard, info);
		if (!err)
			err = add_tensor(archive, &capacity, shard, name, info);
		if (err)
			return err;
	}
	return safetensors_apply_scales(archive, info);
}

static enum err open_index(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	if (bytes->size > INDEX_MAX)
		return err_set(info, ERR_UNSUPPORTED, "too large for an index of shards");
	archive->state = calloc(1, sizeof(struct shards));
	if (!archive->state)
		return err_nomem(info, "the shards");
	json_error_t error;
	json_t *root = json_loadb((const char *)bytes->data, (size_t)bytes->size, JSON_REJECT_DUPLICATES, &error);
	if (!root) {
		err_set(info, ERR_FORMAT, "the index of shards is broken JSON: %s", error.text);
		return info ? err_at(info, (uint64_t)(error.position > 0 ? error.position : 0)) : ERR_FORMAT;
	}
	json_t *map = json_object_get(root, "weight_map");
	enum err err = json_is_object(map) ? list_tensors(archive, map, info)
					   : err_set(info, ERR_FORMAT, "the index of shards has no weight_map");
	json_decref(root);
	bytes_release(bytes);
	return err;
}

static void forget_index(const struct archive *archive)
{
	const struct shards *shards = archive->state;
	for (size_t i = 0; i < shards->count; i++)
		archive_forget(&shards->shard[i].archive);
}

static void close_index(struct archive *archive)
{
	struct shards *shards = archive->state;
	if (!shards)
		return;
	for (size_t i = 0; i < shards->count; i++) {
		archive_release(&shards->shard[i].archive);
		free(shards->shard[i].sorted);
		free(shards->shard[i].name);
	}
	free(shards->shard);
	free(shards);
}

const struct reader reader_safetensors_index = {
	.name = "safetensors",
	.suffixes = ".index.json",
	.probe = probe,
	.open = open_index,
	.load = safetensors_refuse_unscaled,
	.forget = forget_index,
	.close = close_index,
};
