/* SPDX-License-Identifier: MIT */
/* Opcodes that make values, keep them and put them into containers. */
#include <stdlib.h>
#include <string.h>

#include "tensor/pickle_machine.h"
#include "tensor/pickle_text.h"

/* --- opcodes: constants --- */

enum err pickle_run_constant(struct pickle *pickle, const struct opcode *row)
{
	return machine_push(pickle, machine_integer(row->kind, row->size));
}

enum err pickle_run_integer(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *bytes;
	enum err err = machine_take(pickle, row->size, &bytes);
	if (err)
		return err;
	uint64_t value = machine_read_le(bytes, row->size);
	return machine_push(pickle, machine_integer(PICKLE_INT, row->size == 4 ? (int64_t)(int32_t)(uint32_t)value : (int64_t)value));
}

/* As many bytes as the number before them says. */
static enum err take_counted(struct pickle *pickle, const struct opcode *row, const unsigned char **bytes, uint64_t *length)
{
	enum err err = machine_take(pickle, row->size, bytes);
	if (err)
		return err;
	*length = machine_read_le(*bytes, row->size);
	return machine_take(pickle, *length, bytes);
}

/* Little-endian, in two's complement, of any length. */
enum err pickle_run_long(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *bytes;
	uint64_t length;
	enum err err = take_counted(pickle, row, &bytes, &length);
	if (err)
		return err;
	if (length > 8)
		return machine_push(pickle, machine_bytes(PICKLE_BIG, bytes, length));
	uint64_t value = machine_read_le(bytes, (int)length);
	if (length && length < 8 && bytes[length - 1] & 0x80)
		value |= ~(uint64_t)0 << (8 * length);
	return machine_push(pickle, machine_integer(PICKLE_INT, (int64_t)value));
}

enum err pickle_run_real(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *bytes;
	enum err err = machine_take(pickle, row->size, &bytes);
	if (err)
		return err;
	uint64_t bits = 0;
	for (int i = 0; i < 8; i++)
		bits = bits << 8 | bytes[i];
	struct pickle_value value = { .kind = PICKLE_FLOAT };
	memcpy(&value.u.real, &bits, sizeof bits);
	return machine_push(pickle, value);
}

enum err pickle_run_counted(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *bytes;
	uint64_t length;
	enum err err = take_counted(pickle, row, &bytes, &length);
	return err ? err : machine_push(pickle, machine_bytes(row->kind, bytes, length));
}

enum err pickle_run_number_line(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *line;
	uint64_t length;
	struct pickle_value value = { .kind = row->kind };
	enum err err = machine_take_line(pickle, &line, &length);
	if (err)
		return err;
	bool boolean = row->kind == PICKLE_INT && length == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1');
	if (boolean)
		return machine_push(pickle, machine_integer(PICKLE_BOOL, line[1] - '0'));
	if (row->kind == PICKLE_FLOAT && !pickle_text_real(line, length, &value.u.real))
		return machine_broken(pickle, "a number that is none");
	if (row->kind == PICKLE_INT && !pickle_text_integer(line, length, &value.u.integer)) {
		if (length < 18 || length > 4096)
			return machine_broken(pickle, "an integer that is none");
		value = machine_bytes(PICKLE_BIG, line, length);
	}
	return machine_push(pickle, value);
}

enum err pickle_run_text_line(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *line;
	unsigned char *text;
	uint64_t length;
	enum err err = machine_take_line(pickle, &line, &length);
	if (!err)
		err = machine_new_text(pickle, 2 * length, &text);
	if (err)
		return err;
	int64_t decoded = row->kind == PICKLE_TEXT ? pickle_text_unicode(line, length, text) : pickle_text_string(line, length, text);
	return decoded < 0 ? machine_broken(pickle, "a text whose escapes are wrong") : machine_push(pickle, machine_bytes(row->kind, text, (uint64_t)decoded));
}

/* --- opcodes: stack, memo --- */

enum err pickle_run_mark(struct pickle *pickle, const struct opcode *row)
{
	(void)row;
	if (pickle->mark_count >= SLACK + pickle->size / 8)
		return machine_too_much(pickle, "marks");
	void *mark = pickle->mark;
	enum err err = machine_grow(pickle, &mark, &pickle->mark_capacity, pickle->mark_count + 1, sizeof *pickle->mark);
	pickle->mark = mark;
	if (!err)
		pickle->mark[pickle->mark_count++] = pickle->stack_count;
	return err;
}

enum err pickle_run_pop(struct pickle *pickle, const struct opcode *row)
{
	struct pickle_value value;
	const struct pickle_value *values;
	size_t count;
	if (row->size || (pickle->mark_count && machine_above_mark(pickle) == 0))
		return machine_pop_mark(pickle, &values, &count);
	return machine_pop(pickle, &value);
}

enum err pickle_run_dup(struct pickle *pickle, const struct opcode *row)
{
	(void)row;
	struct pickle_value value;
	enum err err = machine_pop(pickle, &value);
	if (!err)
		err = machine_push(pickle, value);
	return err ? err : machine_push(pickle, value);
}

/* The number of a memo opcode: `size` bytes, or a line where it is 0. */
static enum err take_memo_index(struct pickle *pickle, const struct opcode *row, uint64_t *index)
{
	const unsigned char *bytes;
	uint64_t length = 0;
	int64_t number;
	enum err err = row->size ? machine_take(pickle, row->size, &bytes) : machine_take_line(pickle, &bytes, &length);
	if (err)
		return err;
	if (row->size)
		*index = machine_read_le(bytes, row->size);
	else if (pickle_text_integer(bytes, length, &number) && number >= 0)
		*index = (uint64_t)number;
	else
		return machine_broken(pickle, "a memo number that is none");
	return ERR_OK;
}

static enum err memoize(struct pickle *pickle, uint64_t index)
{
	struct pickle_value value;
	enum err err = machine_pop(pickle, &value);
	if (err)
		return err;
	pickle->stack_count++;
	/* Picklers count from 0 or 1, so that an index is never beyond what the bytes could have stored. */
	if (index >= SLACK + pickle->size / 2)
		return machine_too_much(pickle, "memo numbers");
	void *memo = pickle->memo;
	size_t before = pickle->memo_capacity;
	err = machine_grow(pickle, &memo, &pickle->memo_capacity, (size_t)index + 1, sizeof value);
	pickle->memo = memo;
	if (err)
		return err;
	if (pickle->memo_capacity > before)
		memset(pickle->memo + before, 0xff, (pickle->memo_capacity - before) * sizeof value);
	pickle->memo[index] = value;
	return ERR_OK;
}

enum err pickle_run_put(struct pickle *pickle, const struct opcode *row)
{
	uint64_t index = 0;
	enum err err = take_memo_index(pickle, row, &index);
	return err ? err : memoize(pickle, index);
}

enum err pickle_run_memoize(struct pickle *pickle, const struct opcode *row)
{
	(void)row;
	return memoize(pickle, pickle->memo_count++);
}

enum err pickle_run_get(struct pickle *pickle, const struct opcode *row)
{
	uint64_t index = 0;
	enum err err = take_memo_index(pickle, row, &index);
	if (err)
		return err;
	if (index >= pickle->memo_capacity || pickle->memo[index].kind == 0xff)
		return machine_broken(pickle, "it takes from the memo what was never put there");
	return machine_push(pickle, pickle->memo[index]);
}

/* --- opcodes: containers --- */

enum err pickle_run_empty(struct pickle *pickle, const struct opcode *row)
{
	return machine_push_made(pickle, row->kind, NULL, 0);
}

enum err pickle_run_marked(struct pickle *pickle, const struct opcode *row)
{
	const struct pickle_value *value;
	size_t count;
	enum err err = machine_pop_mark(pickle, &value, &count);
	if (!err && row->kind == PICKLE_DICT && count % 2)
		return machine_broken(pickle, "a key without a value");
	return err ? err : machine_push_made(pickle, row->kind, value, count);
}

enum err pickle_run_tuple(struct pickle *pickle, const struct opcode *row)
{
	if (machine_above_mark(pickle) < row->size)
		return machine_broken(pickle, "an opcode finds nothing on the stack");
	pickle->stack_count -= row->size;
	return machine_push_made(pickle, PICKLE_TUPLE, pickle->stack + pickle->stack_count, row->size);
}

/* Where items of `kind` go: the container itself, or the part of an object of a class that derives from one. */
static enum err find_target(struct pickle *pickle, enum pickle_kind kind, struct pickle_object **object)
{
	if (machine_above_mark(pickle) == 0)
		return machine_broken(pickle, "an opcode finds nothing on the stack");
	struct pickle_value target = pickle->stack[pickle->stack_count - 1];
	if (target.kind == (uint64_t)kind) {
		*object = target.u.object;
		return ERR_OK;
	}
	if (target.kind != PICKLE_CALL || kind == PICKLE_SET)
		return machine_broken(pickle, "items are put into something that holds none");
	uint32_t part = kind == PICKLE_LIST ? PICKLE_ITEMS : PICKLE_PAIRS;
	const struct pickle_value none = { .kind = PICKLE_NONE };
	enum err err = ERR_OK;
	while (!err && target.u.object->count <= part)
		err = machine_add_items(pickle, target.u.object, &none, 1);
	if (!err && target.u.object->item[part].kind == PICKLE_NONE)
		err = machine_new_object(pickle, kind, &target.u.object->item[part]);
	if (!err)
		*object = target.u.object->item[part].u.object;
	return err;
}

/* APPENDS, SETITEMS, ADDITEMS; and with a `size`, APPEND and SETITEM, which have no mark. */
enum err pickle_run_items(struct pickle *pickle, const struct opcode *row)
{
	const struct pickle_value *value = NULL;
	struct pickle_object *object = NULL;
	size_t count = row->size;
	enum err err = ERR_OK;
	if (count && machine_above_mark(pickle) < count)
		return machine_broken(pickle, "an opcode finds nothing on the stack");
	if (count)
		value = pickle->stack + (pickle->stack_count -= count);
	else
		err = machine_pop_mark(pickle, &value, &count);
	if (!err && row->kind == PICKLE_DICT && count % 2)
		return machine_broken(pickle, "a key without a value");
	if (!err)
		err = find_target(pickle, row->kind, &object);
	return err ? err : machine_add_items(pickle, object, value, count);
}
