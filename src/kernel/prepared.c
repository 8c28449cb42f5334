/* SPDX-License-Identifier: MIT */
#include "kernel/prepared.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* More maps than this in one batch gain nothing, and slots are searched one by one. */
enum { SLOTS_MAX = 1024 };

/* Keys a preparing job, a multiple of KEY_BLOCK. */
enum { PREPARE_KEYS = 8 * KEY_BLOCK };

static int64_t values_width(const struct source *source)
{
	return source->values->size[AXIS_DIM];
}

static int64_t values_stride(const struct source *source)
{
	return (values_width(source) + KEY_PANEL - 1) / KEY_PANEL * KEY_PANEL;
}

static enum err values_size(const struct source *source, size_t *size, struct err_info *info)
{
	int64_t blocks = (source->keys + KEY_BLOCK - 1) / KEY_BLOCK, floats;
	if (!mem_mul_i64(blocks * KEY_BLOCK, values_stride(source), &floats) || floats > INT64_MAX / (int64_t)sizeof(float))
		return err_nomem(info, "the packed values");
	*size = (size_t)floats * sizeof(float);
	return ERR_OK;
}

enum err prepared_init(struct prepared *prepared, const struct source *source, const struct kernels *kernels, bool want_values, size_t limit,
		       struct err_info *info)
{
	*prepared = (struct prepared){ .source = source, .kernels = kernels, .limit = limit };
	if (source->ops->prepare && source->ops->prepared_size)
		prepared->size[PREPARED_SOURCE] = source->ops->prepared_size(source, kernels);
	return want_values ? values_size(source, &prepared->size[PREPARED_VALUES], info) : ERR_OK;
}

void prepared_release(struct prepared *prepared)
{
	for (size_t i = 0; i < prepared->slots; i++)
		mem_aligned_free(prepared->slot[i].memory);
	free(prepared->slot);
	*prepared = (struct prepared){ 0 };
}

/* Query heads that share a value head share its packed values. */
static int64_t values_head(const struct source *source, int64_t head)
{
	int64_t heads = source->values->size[AXIS_HEAD];
	return heads > 0 && source->heads % heads == 0 ? head / (source->heads / heads) : head;
}

int64_t prepared_shared_id(const struct source *source, enum prepared_kind kind, int64_t map)
{
	if (kind == PREPARED_SOURCE)
		return source->ops->prepared_id ? source->ops->prepared_id(source, map) : map;
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	return (layer * source->batches + batch) * source->heads + values_head(source, head);
}

static struct prepared_slot *slot_find(const struct prepared *prepared, enum prepared_kind kind, int64_t id)
{
	for (size_t i = 0; i < prepared->slots; i++)
		if (prepared->slot[i].kind == kind && prepared->slot[i].id == id && prepared->slot[i].memory)
			return &prepared->slot[i];
	return NULL;
}

static size_t prepared_bytes(const struct prepared *prepared)
{
	size_t bytes = 0;
	for (size_t i = 0; i < prepared->slots; i++)
		bytes += prepared->size[prepared->slot[i].kind];
	return bytes;
}

/* A slot for a new id: one that this batch does not need, else a new one where the limit (or the first map of the batch)
 * allows. */
static enum err slot_take(struct prepared *prepared, enum prepared_kind kind, int64_t id, bool must, struct prepared_slot **taken, struct err_info *info)
{
	*taken = NULL;
	for (size_t i = 0; i < prepared->slots && !*taken; i++)
		if (prepared->slot[i].kind == kind && !prepared->slot[i].needed)
			*taken = &prepared->slot[i];
	if (!*taken) {
		size_t size = prepared->size[kind], used = prepared_bytes(prepared);
		if (!must && (prepared->slots >= SLOTS_MAX || used > prepared->limit || size > prepared->limit - used))
			return ERR_OK;
		if (!mem_grow((void **)&prepared->slot, &prepared->capacity, prepared->slots + 1, sizeof(*prepared->slot)))
			return err_nomem(info, "the prepared keys");
		void *memory = mem_aligned(size);
		if (!memory)
			return err_nomem(info, "the prepared keys");
		*taken = &prepared->slot[prepared->slots++];
		**taken = (struct prepared_slot){ .kind = kind, .memory = memory };
	}
	(*taken)->id = id;
	(*taken)->ready = false;
	return ERR_OK;
}

/* Mark the slots of one map as needed. *fits is false where the limit leaves no room for it. */
static enum err map_take(struct prepared *prepared, int64_t map, bool must, bool *fits, struct err_info *info)
{
	*fits = true;
	for (int kind = 0; kind < PREPARED_KINDS && *fits; kind++) {
		if (!prepared->size[kind])
			continue;
		int64_t id = prepared_shared_id(prepared->source, kind, map);
		struct prepared_slot *slot = slot_find(prepared, kind, id);
		enum err err = slot ? ERR_OK : slot_take(prepared, kind, id, must, &slot, info);
		if (err)
			return err;
		*fits = slot != NULL;
		if (slot)
			slot->needed = true;
	}
	return ERR_OK;
}

struct prepare_work {
	struct prepared *prepared;
	struct prepared_slot **slot;
	const int64_t *map; /* a map for each slot */
	int64_t ranges;
	struct err_info *infos; /* one a job */
};

enum err prepared_pack_values(const struct source *source, int64_t map, int64_t begin, int64_t end, float *packed, struct err_info *info)
{
	int64_t width = values_width(source), layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	float *rows = mem_array((size_t)(KEY_BLOCK * width), sizeof(*rows));
	if (!rows)
		return err_nomem(info, "the packed values");
	enum err err = ERR_OK;
	for (int64_t key = begin; key < end && !err; key += KEY_BLOCK) {
		int64_t count = end - key < KEY_BLOCK ? end - key : KEY_BLOCK;
		err = heads_decode_f32(source->values, layer, batch, values_head(source, head), key, count, false, rows, width, info);
		if (!err)
			kernels_pack_values(rows, width, count, width, packed + key * values_stride(source));
	}
	free(rows);
	return err;
}

static enum err prepare_job(void *data, int64_t job, int worker)
{
	(void)worker;
	struct prepare_work *work = data;
	const struct source *source = work->prepared->source;
	struct prepared_slot *slot = work->slot[job / work->ranges];
	int64_t map = work->map[job / work->ranges];
	int64_t begin = job % work->ranges * PREPARE_KEYS;
	int64_t end = begin + PREPARE_KEYS < source->keys ? begin + PREPARE_KEYS : source->keys;
	struct err_info info = { 0 };
	enum err err = slot->kind == PREPARED_SOURCE
			       ? source->ops->prepare(source, work->prepared->kernels, map, begin, end, slot->memory, &info)
			       : prepared_pack_values(source, map, begin, end, slot->memory, &info);
	if (err && work->infos)
		work->infos[job] = info;
	return err;
}

/* The first failed job in order tells what went wrong, whatever the timing. */
static void first_error(const struct err_info *infos, int64_t jobs, struct err_info *info)
{
	for (int64_t job = 0; job < jobs && info && !info->code; job++)
		if (infos[job].code)
			*info = infos[job];
}

static enum err prepare_slots(struct prepared *prepared, struct pool *pool, const int64_t *maps, int64_t count, struct err_info *info)
{
	struct prepare_work work = { .prepared = prepared, .ranges = (prepared->source->keys + PREPARE_KEYS - 1) / PREPARE_KEYS };
	struct prepared_slot **slot = mem_array((size_t)count * PREPARED_KINDS, sizeof(struct prepared_slot *));
	int64_t *map = mem_array((size_t)count * PREPARED_KINDS, sizeof(*map)), slots = 0;
	enum err err = slot && map ? ERR_OK : err_nomem(info, "the prepared keys");
	for (int64_t i = 0; i < count && !err; i++) {
		for (int kind = 0; kind < PREPARED_KINDS; kind++) {
			struct prepared_slot *found = prepared->size[kind] ? slot_find(prepared, kind, prepared_shared_id(prepared->source, kind, maps[i])) : NULL;
			if (!found || found->ready)
				continue;
			found->ready = true;
			slot[slots] = found;
			map[slots++] = maps[i];
		}
	}
	work.slot = slot;
	work.map = map;
	work.infos = err || !slots ? NULL : mem_zero_array((size_t)(slots * work.ranges), sizeof(*work.infos));
	if (!err && slots) {
		err = work.infos ? pool_run(pool, slots * work.ranges, prepare_job, &work) : err_nomem(info, "the prepared keys");
		if (err && work.infos)
			first_error(work.infos, slots * work.ranges, info);
	}
	for (int64_t i = 0; i < slots && err; i++)
		slot[i]->ready = false;
	free(work.infos);
	free(map);
	free(slot);
	return err;
}

enum err prepared_load(struct prepared *prepared, struct pool *pool, const int64_t *maps, int64_t count, int64_t *taken, struct err_info *info)
{
	for (size_t i = 0; i < prepared->slots; i++)
		prepared->slot[i].needed = false;
	bool fits = true;
	for (*taken = 0; *taken < count && *taken < SLOTS_MAX; ++*taken) {
		enum err err = map_take(prepared, maps[*taken], *taken == 0, &fits, info);
		if (err)
			return err;
		if (!fits)
			break;
	}
	return prepare_slots(prepared, pool, maps, *taken, info);
}

const void *prepared_find(const struct prepared *prepared, enum prepared_kind kind, int64_t map)
{
	struct prepared_slot *slot = prepared->size[kind] ? slot_find(prepared, kind, prepared_shared_id(prepared->source, kind, map)) : NULL;
	return slot ? slot->memory : NULL;
}

size_t prepared_value_bytes(const struct source *source)
{
	return (size_t)values_stride(source) * sizeof(float);
}

const float *prepared_values_block(const struct source *source, const void *values, int64_t key)
{
	return (const float *)values + key * values_stride(source);
}
