/* SPDX-License-Identifier: MIT */
/* Opcodes that name things of Python and would call them. */
#include <string.h>

#include "tensor/pickle_machine.h"
#include "tensor/pickle_text.h"

static enum err refuse_name(struct pickle *pickle, const struct pickle_value *module, const struct pickle_value *name, const char *verb)
{
	int module_length = module->length < 80 ? (int)module->length : 80, name_length = name->length < 80 ? (int)name->length : 80;
	return err_set(pickle->info, ERR_UNSUPPORTED, "refused: its pickle %s %.*s.%.*s, which is no tensor, array or plain container "
		       "(nothing of it was run): save the tensors alone, in a dict or a list", verb, module_length,
		       (const char *)module->u.bytes, name_length, (const char *)name->u.bytes);
}

static enum err push_name(struct pickle *pickle, struct pickle_value module, struct pickle_value name)
{
	const struct pickle_value pair[] = { module, name };
	enum pickle_meaning meaning = pickle_meaning((const char *)module.u.bytes, module.length, (const char *)name.u.bytes, name.length);
	if (meaning == MEANING_REFUSED)
		return refuse_name(pickle, &module, &name, "refers to");
	struct pickle_value made;
	enum err err = machine_make(pickle, PICKLE_NAME, pair, 2, &made);
	if (err)
		return err;
	made.u.object->meaning = (uint8_t)meaning;
	return machine_push(pickle, made);
}

static enum err take_name_lines(struct pickle *pickle, struct pickle_value *module, struct pickle_value *name)
{
	const unsigned char *line;
	uint64_t length = 0;
	enum err err = machine_take_line(pickle, &line, &length);
	*module = err ? *module : machine_bytes(PICKLE_TEXT, line, length);
	if (!err)
		err = machine_take_line(pickle, &line, &length);
	*name = err ? *name : machine_bytes(PICKLE_TEXT, line, length);
	return err;
}

enum err pickle_run_global(struct pickle *pickle, const struct opcode *row)
{
	(void)row;
	struct pickle_value module = { 0 }, name = { 0 };
	enum err err = take_name_lines(pickle, &module, &name);
	return err ? err : push_name(pickle, module, name);
}

enum err pickle_run_stack_global(struct pickle *pickle, const struct opcode *row)
{
	(void)row;
	struct pickle_value module, name;
	enum err err = machine_pop(pickle, &name);
	if (!err)
		err = machine_pop(pickle, &module);
	if (!err && (module.kind != PICKLE_TEXT || name.kind != PICKLE_TEXT))
		return machine_broken(pickle, "a name that is no text");
	return err ? err : push_name(pickle, module, name);
}

/* bytes(), bytearray(b"..."), _codecs.encode("...", "latin1"): the bytes themselves. */
static enum err push_encoded(struct pickle *pickle, const struct pickle_value *arguments)
{
	struct pickle_value text = pickle_item(arguments, 0), codec = pickle_item(arguments, 1);
	unsigned char *out;
	if (arguments->u.object->count == 0)
		return machine_push(pickle, machine_bytes(PICKLE_BYTES, pickle->data, 0));
	if (text.kind == PICKLE_BYTES)
		return machine_push(pickle, text);
	bool latin = pickle_is_text(&codec, "latin1") || pickle_is_text(&codec, "latin-1");
	if (text.kind != PICKLE_TEXT || !latin)
		return machine_broken(pickle, "bytes of neither bytes nor latin1");
	enum err err = machine_new_text(pickle, text.length, &out);
	if (err)
		return err;
	int64_t length = pickle_text_latin1(text.u.bytes, text.length, out);
	return length < 0 ? machine_broken(pickle, "a text that is no latin1") : machine_push(pickle, machine_bytes(PICKLE_BYTES, out, (uint64_t)length));
}

static enum err push_call(struct pickle *pickle, struct pickle_value callee, struct pickle_value arguments)
{
	if (callee.kind != PICKLE_NAME)
		return err_set(pickle->info, ERR_UNSUPPORTED, "refused: its pickle calls something that has no name");
	if (arguments.kind != PICKLE_TUPLE)
		return machine_broken(pickle, "a call without a tuple of arguments");
	const struct pickle_value part[] = { callee, arguments };
	if (callee.u.object->meaning == MEANING_FUNCTION)
		return refuse_name(pickle, &callee.u.object->item[0], &callee.u.object->item[1], "calls");
	if (callee.u.object->meaning == MEANING_BYTES)
		return push_encoded(pickle, &arguments);
	return machine_push_made(pickle, PICKLE_CALL, part, 2);
}

/* REDUCE, NEWOBJ, and NEWOBJ_EX with a dict of named arguments, which is the state of no class that we know. */
enum err pickle_run_call(struct pickle *pickle, const struct opcode *row)
{
	struct pickle_value callee, arguments, named;
	enum err err = row->size ? machine_pop(pickle, &named) : ERR_OK;
	if (!err)
		err = machine_pop(pickle, &arguments);
	if (!err)
		err = machine_pop(pickle, &callee);
	return err ? err : push_call(pickle, callee, arguments);
}

/* INST with two lines for the class, OBJ with the class before its arguments. */
enum err pickle_run_instance(struct pickle *pickle, const struct opcode *row)
{
	struct pickle_value module = { 0 }, name = { 0 }, callee = { 0 }, arguments;
	const struct pickle_value *value;
	size_t count, first = row->size;
	enum err err = first ? ERR_OK : take_name_lines(pickle, &module, &name);
	if (!err)
		err = machine_pop_mark(pickle, &value, &count);
	if (!err && count < first)
		return machine_broken(pickle, "an object without a class");
	if (!err && first)
		callee = value[0];
	if (!err)
		err = machine_make(pickle, PICKLE_TUPLE, value + first, count - first, &arguments);
	if (!err && !first)
		err = push_name(pickle, module, name);
	if (!err && !first)
		err = machine_pop(pickle, &callee);
	return err ? err : push_call(pickle, callee, arguments);
}

enum err pickle_run_build(struct pickle *pickle, const struct opcode *row)
{
	(void)row;
	struct pickle_value state, *object;
	enum err err = machine_pop(pickle, &state);
	if (!err && machine_above_mark(pickle) == 0)
		err = machine_broken(pickle, "an opcode finds nothing on the stack");
	if (err)
		return err;
	object = &pickle->stack[pickle->stack_count - 1];
	if (object->kind != PICKLE_CALL)
		return ERR_OK; /* the __dict__ of something that has none here */
	if (object->u.object->count <= PICKLE_STATE)
		return machine_add_items(pickle, object->u.object, &state, 1);
	object->u.object->item[PICKLE_STATE] = state;
	return ERR_OK;
}

enum err pickle_run_stored(struct pickle *pickle, const struct opcode *row)
{
	struct pickle_value id = { 0 };
	if (!pickle->stored)
		return err_set(pickle->info, ERR_UNSUPPORTED, "its pickle refers to objects that are kept outside of it (persistent ids)");
	if (row->size)
		return machine_broken(pickle, "a persistent id that is a line of text");
	enum err err = machine_pop(pickle, &id);
	return err ? err : machine_push_made(pickle, PICKLE_STORED, &id, 1);
}

enum err pickle_run_protocol(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *bytes;
	enum err err = machine_take(pickle, row->size, &bytes);
	if (!err && bytes[0] > 5)
		return err_set(pickle->info, ERR_UNSUPPORTED, "pickle protocol %d is unknown: 0 to 5 are read", bytes[0]);
	return err;
}

enum err pickle_run_frame(struct pickle *pickle, const struct opcode *row)
{
	const unsigned char *bytes;
	enum err err = machine_take(pickle, row->size, &bytes);
	if (!err && machine_read_le(bytes, 8) > pickle->size - pickle->used)
		return machine_broken(pickle, "truncated within a frame");
	return err;
}

enum err pickle_run_refused(struct pickle *pickle, const struct opcode *row)
{
	return err_set(pickle->info, ERR_UNSUPPORTED, "its pickle uses %s, which is not read: pickle without it", row->name);
}
