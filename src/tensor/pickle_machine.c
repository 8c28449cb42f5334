/* SPDX-License-Identifier: MIT */
#include "tensor/pickle_machine.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum err machine_broken(struct pickle *pickle, const char *what)
{
	err_set(pickle->info, ERR_FORMAT, "the pickle is broken: %s", what);
	return pickle->info ? err_at(pickle->info, pickle->used ? pickle->used - 1 : 0) : ERR_FORMAT;
}

enum err machine_too_much(struct pickle *pickle, const char *what)
{
	return err_set(pickle->info, ERR_FORMAT, "the pickle holds more %s than its size justifies", what);
}

enum err machine_no_memory(struct pickle *pickle)
{
	return err_nomem(pickle->info, "the pickle");
}

enum err machine_take(struct pickle *pickle, uint64_t count, const unsigned char **bytes)
{
	*bytes = pickle->data + pickle->used;
	if (count > pickle->size - pickle->used)
		return machine_broken(pickle, "truncated");
	pickle->used += count;
	return ERR_OK;
}

uint64_t machine_read_le(const unsigned char *at, int bytes)
{
	uint64_t value = 0;
	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | at[i];
	return value;
}

/* --- values and objects --- */

struct pickle_value machine_integer(enum pickle_kind kind, int64_t integer)
{
	return (struct pickle_value){ .kind = kind, .u.integer = integer };
}

struct pickle_value machine_bytes(enum pickle_kind kind, const unsigned char *bytes, uint64_t length)
{
	return (struct pickle_value){ .kind = kind, .length = length, .u.bytes = bytes };
}


enum err machine_grow(struct pickle *pickle, void **array, size_t *capacity, size_t need, size_t size)
{
	return mem_grow(array, capacity, need, size) ? ERR_OK : machine_no_memory(pickle);
}

enum err machine_push(struct pickle *pickle, struct pickle_value value)
{
	if (pickle->stack_count >= SLACK + pickle->size / 2)
		return machine_too_much(pickle, "values");
	void *stack = pickle->stack;
	enum err err = machine_grow(pickle, &stack, &pickle->stack_capacity, pickle->stack_count + 1, sizeof value);
	pickle->stack = stack;
	if (!err)
		pickle->stack[pickle->stack_count++] = value;
	return err;
}

/* Values above the last mark. */
size_t machine_above_mark(const struct pickle *pickle)
{
	return pickle->stack_count - (pickle->mark_count ? pickle->mark[pickle->mark_count - 1] : 0);
}

enum err machine_pop(struct pickle *pickle, struct pickle_value *value)
{
	if (machine_above_mark(pickle) == 0)
		return machine_broken(pickle, "an opcode finds nothing on the stack");
	*value = pickle->stack[--pickle->stack_count];
	return ERR_OK;
}

/* The values above the last mark, which goes. They stay valid until the next push. */
enum err machine_pop_mark(struct pickle *pickle, const struct pickle_value **value, size_t *count)
{
	*count = 0;
	*value = pickle->stack;
	if (pickle->mark_count == 0)
		return machine_broken(pickle, "an opcode finds no mark");
	*count = machine_above_mark(pickle);
	pickle->mark_count--;
	pickle->stack_count -= *count;
	*value = pickle->stack + pickle->stack_count;
	return ERR_OK;
}

enum err machine_new_object(struct pickle *pickle, enum pickle_kind kind, struct pickle_value *value)
{
	if (pickle->objects >= SLACK + pickle->size / 4)
		return machine_too_much(pickle, "objects");
	if (!pickle->chunk || pickle->chunk->used == CHUNK) {
		struct pickle_chunk *chunk = mem_zero_array(1, sizeof *chunk);
		if (!chunk)
			return machine_no_memory(pickle);
		chunk->next = pickle->chunk;
		pickle->chunk = chunk;
	}
	pickle->objects++;
	*value = (struct pickle_value){ .kind = kind, .u.object = &pickle->chunk->object[pickle->chunk->used++] };
	value->u.object->kind = (uint8_t)kind;
	return ERR_OK;
}

enum err machine_add_items(struct pickle *pickle, struct pickle_object *object, const struct pickle_value *value, size_t count)
{
	size_t need = object->count + count, capacity = object->capacity;
	if (need > UINT32_MAX / 2)
		return machine_too_much(pickle, "items");
	void *item = object->item;
	if (need > capacity) {
		/* Most objects get all their items at once. */
		capacity = object->count ? need + need / 2 : need;
		item = realloc(item, capacity * sizeof *value);
		if (!item)
			return machine_no_memory(pickle);
		object->item = item;
		object->capacity = (uint32_t)capacity;
	}
	if (count)
		memcpy(object->item + object->count, value, count * sizeof *value);
	object->count = (uint32_t)need;
	return ERR_OK;
}

enum err machine_make(struct pickle *pickle, enum pickle_kind kind, const struct pickle_value *item, size_t count, struct pickle_value *made)
{
	enum err err = machine_new_object(pickle, kind, made);
	return err ? err : machine_add_items(pickle, made->u.object, item, count);
}

enum err machine_push_made(struct pickle *pickle, enum pickle_kind kind, const struct pickle_value *item, size_t count)
{
	struct pickle_value made;
	enum err err = machine_make(pickle, kind, item, count, &made);
	return err ? err : machine_push(pickle, made);
}

/* A block for a text of at most `size` bytes once it is decoded. */
enum err machine_new_text(struct pickle *pickle, uint64_t size, unsigned char **out)
{
	pickle->decoded += size;
	if (pickle->decoded > SLACK + 4 * pickle->size)
		return machine_too_much(pickle, "text");
	*out = pickle_add_block(&pickle->block, size);
	return *out ? ERR_OK : machine_no_memory(pickle);
}

/* The rest of a line of protocol 0, without its end. */
enum err machine_take_line(struct pickle *pickle, const unsigned char **line, uint64_t *length)
{
	const unsigned char *start = pickle->data + pickle->used, *end = memchr(start, '\n', (size_t)(pickle->size - pickle->used));
	*line = start;
	*length = 0;
	if (!end)
		return machine_broken(pickle, "truncated within a line");
	*length = (uint64_t)(end - start);
	pickle->used += *length + 1;
	return ERR_OK;
}
