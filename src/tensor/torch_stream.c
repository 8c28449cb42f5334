/* SPDX-License-Identifier: MIT */
#include "tensor/torch_stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* 0x1950a86a20f9469cfc6c as a pickled long. */
static const unsigned char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";
enum { MAGIC = sizeof magic - 1, LENGTH_SIZE = 8 };

bool torch_stream_probe(const unsigned char *head, size_t size)
{
	enum { FIRST = 32 };
	return size > MAGIC && head[0] == 0x80 && memmem(head, size < FIRST ? size : FIRST, magic, MAGIC);
}

static enum err skip_pickle(struct torch_stream *stream, const unsigned char *data, uint64_t size, struct err_info *info)
{
	struct pickle pickle;
	enum err err = pickle_parse(&pickle, data + stream->used, size - stream->used, false, info);
	stream->used += pickle.used;
	pickle_release(&pickle);
	return err;
}

static int compare_keys(const void *a, const void *b)
{
	const struct torch_storage *x = a, *y = b;
	uint64_t length = x->key_length < y->key_length ? x->key_length : y->key_length;
	int order = memcmp(x->key, y->key, (size_t)length);
	return order ? order : x->key_length < y->key_length ? -1 : x->key_length > y->key_length;
}

const struct torch_storage *torch_stream_find(const struct torch_stream *stream, const struct torch_storage *view)
{
	if (stream->count == 0)
		return NULL;
	return bsearch(view, stream->storage, stream->count, sizeof *stream->storage, compare_keys);
}

struct listing {
	struct torch_stream *stream;
	struct err_info *info;
};

static enum err add_storage(void *data, const struct pickle_value *id)
{
	struct listing *listing = data;
	struct torch_stream *stream = listing->stream;
	enum dtype dtype;
	void *list = stream->storage;
	if (!mem_grow(&list, &stream->capacity, stream->count + 1, sizeof *stream->storage))
		return err_nomem(listing->info, "the storages");
	stream->storage = list;
	struct torch_storage *storage = &stream->storage[stream->count];
	enum err err = torch_storage_read(storage, id, &dtype, listing->info);
	storage->first = 0;
	stream->count += !err;
	return err;
}

/* Each key once. The same storage has the same size wherever the pickle speaks of it. */
static enum err merge_storages(struct torch_stream *stream, struct err_info *info)
{
	size_t kept = 0;
	if (stream->count)
		qsort(stream->storage, stream->count, sizeof *stream->storage, compare_keys);
	for (size_t i = 0; i < stream->count; i++) {
		struct torch_storage *last = kept ? &stream->storage[kept - 1] : NULL;
		if (!last || compare_keys(last, &stream->storage[i]) != 0)
			stream->storage[kept++] = stream->storage[i];
		else if (last->size != stream->storage[i].size || last->element != stream->storage[i].element)
			return err_set(info, ERR_FORMAT, "the pickle gives one storage two sizes");
	}
	stream->count = kept;
	return ERR_OK;
}

static enum err place_storage(struct torch_stream *stream, const struct pickle_value *key, const unsigned char *data, uint64_t size, uint64_t *at,
			      struct err_info *info)
{
	struct torch_storage wanted = { .key = key->u.bytes, .key_length = key->length };
	if (key->kind != PICKLE_TEXT && key->kind != PICKLE_BYTES)
		return err_set(info, ERR_FORMAT, "a storage of the PyTorch file has a key that is no text");
	struct torch_storage *storage = (struct torch_storage *)torch_stream_find(stream, &wanted);
	if (!storage || storage->first)
		return err_set(info, ERR_FORMAT, "the PyTorch file holds a storage %s", storage ? "twice" : "that its pickle does not speak of");
	if (size - *at < LENGTH_SIZE || size - *at - LENGTH_SIZE < storage->size)
		return err_set(info, ERR_FORMAT, "truncated: a storage takes %" PRIu64 " bytes but %" PRIu64 " are left", storage->size, size - *at);
	uint64_t elements = 0;
	for (int i = LENGTH_SIZE - 1; i >= 0; i--)
		elements = elements << 8 | data[*at + (uint64_t)i];
	if (elements != storage->size / storage->element)
		return err_set(info, ERR_FORMAT, "a storage of the PyTorch file has another length than its pickle says");
	storage->first = *at + LENGTH_SIZE;
	*at = storage->first + storage->size;
	return ERR_OK;
}

static enum err place_storages(struct torch_stream *stream, const unsigned char *data, uint64_t size, struct err_info *info)
{
	struct pickle keys;
	enum err err = pickle_parse(&keys, data + stream->used, size - stream->used, false, info);
	stream->used += keys.used;
	uint64_t at = stream->used;
	bool list = !err && keys.root.kind == PICKLE_LIST;
	if (!err && !list)
		err = err_set(info, ERR_FORMAT, "the PyTorch file has no list of storages");
	for (uint32_t i = 0; !err && i < keys.root.u.object->count; i++)
		err = place_storage(stream, &keys.root.u.object->item[i], data, size, &at, info);
	pickle_release(&keys);
	return err;
}

enum err torch_stream_open(struct torch_stream *stream, const unsigned char *data, uint64_t size, struct err_info *info)
{
	enum { BEFORE = 3 };
	memset(stream, 0, sizeof *stream);
	enum err err = ERR_OK;
	for (int i = 0; i < BEFORE && !err; i++)
		err = skip_pickle(stream, data, size, info);
	if (err)
		return err;
	err = pickle_parse(&stream->object, data + stream->used, size - stream->used, true, info);
	stream->used += stream->object.used;
	struct listing listing = { stream, info };
	if (!err)
		err = pickle_each_stored(&stream->object, add_storage, &listing);
	if (!err)
		err = merge_storages(stream, info);
	return err ? err : place_storages(stream, data, size, info);
}

void torch_stream_release(struct torch_stream *stream)
{
	pickle_release(&stream->object);
	free(stream->storage);
	memset(stream, 0, sizeof *stream);
}
