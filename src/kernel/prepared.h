/* SPDX-License-Identifier: MIT */
/*
 * State that is prepared once per map and shared by all of its rows: the source's own state (packed keys) and the packed values.
 * Maps with the same id (query heads of one key head) share a slot; slots are kept below a limit and reused from batch
 * to batch.
 */
#ifndef ATTNVIZ_KERNEL_PREPARED_H
#define ATTNVIZ_KERNEL_PREPARED_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/pool.h"
#include "kernel/kernels.h"
#include "kernel/source.h"

enum prepared_kind { PREPARED_SOURCE, PREPARED_VALUES, PREPARED_KINDS };

struct prepared_slot {
	enum prepared_kind kind;
	int64_t id;
	bool needed, ready;
	void *memory;
};

struct prepared {
	const struct source *source;
	const struct kernels *kernels;
	size_t size[PREPARED_KINDS]; /* bytes a slot; 0: nothing of this kind */
	size_t limit;
	struct prepared_slot *slot;
	size_t slots, capacity;
};

/* `want_values`: source->values is packed too. */
enum err prepared_init(struct prepared *prepared, const struct source *source, const struct kernels *kernels, bool want_values, size_t limit,
		       struct err_info *info);
void prepared_release(struct prepared *prepared);

/* Take as many of the maps as fit (at least one; *taken) and prepare them on the pool. */
enum err prepared_load(struct prepared *prepared, struct pool *pool, const int64_t *maps, int64_t count, int64_t *taken, struct err_info *info);

/* The state of a map that was loaded; NULL where there is none of this kind. */
const void *prepared_find(const struct prepared *prepared, enum prepared_kind kind, int64_t map);

/* Bytes of the packed values of one key, and the packing of keys [begin, end), begin a multiple of KEY_BLOCK, at their
 * place in a block for all keys. */
size_t prepared_value_bytes(const struct source *source);
enum err prepared_pack_values(const struct source *source, int64_t map, int64_t begin, int64_t end, float *packed, struct err_info *info);

/* Which maps share their state: those with the same number. */
int64_t prepared_shared_id(const struct source *source, enum prepared_kind kind, int64_t map);

/* Packed values of the key block that begins at `key`, in the state of kind PREPARED_VALUES. */
const float *prepared_values_block(const struct source *source, const void *values, int64_t key);

#endif
