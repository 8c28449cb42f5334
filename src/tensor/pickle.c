/* SPDX-License-Identifier: MIT */
#include "tensor/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/pickle_machine.h"

void *pickle_add_block(struct pickle_block **block, uint64_t size)
{
	struct pickle_block *added = size < SIZE_MAX / 2 ? malloc(sizeof *added + (size_t)size + 1) : NULL;
	if (!added)
		return NULL;
	added->next = *block;
	*block = added;
	return added->byte;
}

struct pickle_value pickle_part(const struct pickle_value *call, enum pickle_part part)
{
	bool there = call->kind == PICKLE_CALL && (uint32_t)part < call->u.object->count;
	return there ? call->u.object->item[part] : (struct pickle_value){ .kind = PICKLE_NONE };
}

struct pickle_value pickle_item(const struct pickle_value *sequence, uint32_t index)
{
	bool there = (sequence->kind == PICKLE_LIST || sequence->kind == PICKLE_TUPLE) && index < sequence->u.object->count;
	return there ? sequence->u.object->item[index] : (struct pickle_value){ .kind = PICKLE_NONE };
}

enum pickle_meaning pickle_called(const struct pickle_value *value)
{
	struct pickle_value callee = pickle_part(value, PICKLE_CALLEE);
	return callee.kind == PICKLE_NAME ? (enum pickle_meaning)callee.u.object->meaning : MEANING_REFUSED;
}

enum err pickle_each_stored(const struct pickle *pickle, enum err (*visit)(void *data, const struct pickle_value *id), void *data)
{
	for (const struct pickle_chunk *chunk = pickle->chunk; chunk; chunk = chunk->next)
		for (size_t i = 0; i < chunk->used; i++) {
			const struct pickle_object *object = &chunk->object[i];
			enum err err = object->kind == PICKLE_STORED && object->count ? visit(data, &object->item[0]) : ERR_OK;
			if (err)
				return err;
		}
	return ERR_OK;
}

bool pickle_is_text(const struct pickle_value *value, const char *text)
{
	size_t length = strlen(text);
	return (value->kind == PICKLE_TEXT || value->kind == PICKLE_BYTES) && value->length == length &&
	       memcmp(value->u.bytes, text, length) == 0;
}

static const struct opcode opcode_table[256] = {
	['N'] = { pickle_run_constant, PICKLE_NONE, 0, NULL },
	[0x88] = { pickle_run_constant, PICKLE_BOOL, 1, NULL },
	[0x89] = { pickle_run_constant, PICKLE_BOOL, 0, NULL },
	['K'] = { pickle_run_integer, PICKLE_INT, 1, NULL },
	['M'] = { pickle_run_integer, PICKLE_INT, 2, NULL },
	['J'] = { pickle_run_integer, PICKLE_INT, 4, NULL },
	[0x8a] = { pickle_run_long, PICKLE_INT, 1, NULL },
	[0x8b] = { pickle_run_long, PICKLE_INT, 4, NULL },
	['G'] = { pickle_run_real, PICKLE_FLOAT, 8, NULL },
	['I'] = { pickle_run_number_line, PICKLE_INT, 0, NULL },
	['L'] = { pickle_run_number_line, PICKLE_INT, 0, NULL },
	['F'] = { pickle_run_number_line, PICKLE_FLOAT, 0, NULL },
	['S'] = { pickle_run_text_line, PICKLE_BYTES, 0, NULL },
	['V'] = { pickle_run_text_line, PICKLE_TEXT, 0, NULL },
	['U'] = { pickle_run_counted, PICKLE_BYTES, 1, NULL },
	['T'] = { pickle_run_counted, PICKLE_BYTES, 4, NULL },
	['C'] = { pickle_run_counted, PICKLE_BYTES, 1, NULL },
	['B'] = { pickle_run_counted, PICKLE_BYTES, 4, NULL },
	[0x8e] = { pickle_run_counted, PICKLE_BYTES, 8, NULL },
	[0x96] = { pickle_run_counted, PICKLE_BYTES, 8, NULL },
	[0x8c] = { pickle_run_counted, PICKLE_TEXT, 1, NULL },
	['X'] = { pickle_run_counted, PICKLE_TEXT, 4, NULL },
	[0x8d] = { pickle_run_counted, PICKLE_TEXT, 8, NULL },
	['('] = { pickle_run_mark, 0, 0, NULL },
	['0'] = { pickle_run_pop, 0, 0, NULL },
	['1'] = { pickle_run_pop, 0, 1, NULL },
	['2'] = { pickle_run_dup, 0, 0, NULL },
	['p'] = { pickle_run_put, 0, 0, NULL },
	['q'] = { pickle_run_put, 0, 1, NULL },
	['r'] = { pickle_run_put, 0, 4, NULL },
	['g'] = { pickle_run_get, 0, 0, NULL },
	['h'] = { pickle_run_get, 0, 1, NULL },
	['j'] = { pickle_run_get, 0, 4, NULL },
	[0x94] = { pickle_run_memoize, 0, 0, NULL },
	[']'] = { pickle_run_empty, PICKLE_LIST, 0, NULL },
	['}'] = { pickle_run_empty, PICKLE_DICT, 0, NULL },
	[')'] = { pickle_run_empty, PICKLE_TUPLE, 0, NULL },
	[0x8f] = { pickle_run_empty, PICKLE_SET, 0, NULL },
	['l'] = { pickle_run_marked, PICKLE_LIST, 0, NULL },
	['d'] = { pickle_run_marked, PICKLE_DICT, 0, NULL },
	['t'] = { pickle_run_marked, PICKLE_TUPLE, 0, NULL },
	[0x91] = { pickle_run_marked, PICKLE_SET, 0, NULL },
	[0x85] = { pickle_run_tuple, PICKLE_TUPLE, 1, NULL },
	[0x86] = { pickle_run_tuple, PICKLE_TUPLE, 2, NULL },
	[0x87] = { pickle_run_tuple, PICKLE_TUPLE, 3, NULL },
	['a'] = { pickle_run_items, PICKLE_LIST, 1, NULL },
	['e'] = { pickle_run_items, PICKLE_LIST, 0, NULL },
	['s'] = { pickle_run_items, PICKLE_DICT, 2, NULL },
	['u'] = { pickle_run_items, PICKLE_DICT, 0, NULL },
	[0x90] = { pickle_run_items, PICKLE_SET, 0, NULL },
	['c'] = { pickle_run_global, 0, 0, NULL },
	[0x93] = { pickle_run_stack_global, 0, 0, NULL },
	['R'] = { pickle_run_call, 0, 0, NULL },
	[0x81] = { pickle_run_call, 0, 0, NULL },
	[0x92] = { pickle_run_call, 0, 1, NULL },
	['i'] = { pickle_run_instance, 0, 0, NULL },
	['o'] = { pickle_run_instance, 0, 1, NULL },
	['b'] = { pickle_run_build, 0, 0, NULL },
	['P'] = { pickle_run_stored, 0, 1, NULL },
	['Q'] = { pickle_run_stored, 0, 0, NULL },
	[0x80] = { pickle_run_protocol, 0, 1, NULL },
	[0x95] = { pickle_run_frame, 0, 8, NULL },
	[0x82] = { pickle_run_refused, 0, 0, "the extension registry of copyreg" },
	[0x83] = { pickle_run_refused, 0, 0, "the extension registry of copyreg" },
	[0x84] = { pickle_run_refused, 0, 0, "the extension registry of copyreg" },
	[0x97] = { pickle_run_refused, 0, 0, "out-of-band buffers" },
	[0x98] = { pickle_run_refused, 0, 0, "out-of-band buffers" },
};

static enum err run(struct pickle *pickle)
{
	enum { STOP = '.' };
	while (pickle->used < pickle->size) {
		unsigned char code = pickle->data[pickle->used++];
		if (code == STOP)
			return machine_pop(pickle, &pickle->root);
		const struct opcode *row = &opcode_table[code];
		enum err err = row->run ? row->run(pickle, row) : machine_broken(pickle, "an unknown opcode");
		if (err)
			return err;
	}
	return machine_broken(pickle, "truncated: it has no end");
}

enum err pickle_parse(struct pickle *pickle, const unsigned char *data, uint64_t size, bool stored, struct err_info *info)
{
	*pickle = (struct pickle){ .data = data, .size = size, .stored = stored, .info = info };
	enum err err = run(pickle);
	free(pickle->stack);
	free(pickle->memo);
	free(pickle->mark);
	pickle->stack = pickle->memo = NULL;
	pickle->mark = NULL;
	return err;
}

void pickle_keep_blocks(struct pickle *pickle, struct pickle_block **block)
{
	while (pickle->block) {
		struct pickle_block *moved = pickle->block;
		pickle->block = moved->next;
		moved->next = *block;
		*block = moved;
	}
}

void pickle_free_blocks(struct pickle_block *block)
{
	while (block) {
		struct pickle_block *next = block->next;
		free(block);
		block = next;
	}
}

void pickle_release(struct pickle *pickle)
{
	while (pickle->chunk) {
		struct pickle_chunk *chunk = pickle->chunk;
		for (size_t i = 0; i < chunk->used; i++)
			free(chunk->object[i].item);
		pickle->chunk = chunk->next;
		free(chunk);
	}
	pickle_free_blocks(pickle->block);
	pickle->block = NULL;
}
