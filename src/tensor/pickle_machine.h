/* SPDX-License-Identifier: MIT */
/*
 * The machine behind pickle_parse: its stack and memo, what opcodes take from the input, and what they make. Only the files of the interpreter include it.
 *
 * Every function that returns enum err has said in pickle->info what is wrong.
 */
#ifndef ATTNVIZ_TENSOR_PICKLE_MACHINE_H
#define ATTNVIZ_TENSOR_PICKLE_MACHINE_H

#include "tensor/pickle.h"

/* Small pickles may hold this much whatever their size; larger ones are bounded by it. */
enum { SLACK = 1 << 16, CHUNK = 64 };

struct pickle_chunk {
	struct pickle_chunk *next;
	size_t used;
	struct pickle_object object[CHUNK];
};

struct pickle_block {
	struct pickle_block *next;
	unsigned char byte[];
};

/* One row: what an opcode does, with what kind of value, told by how many bytes. */
struct opcode {
	enum err (*run)(struct pickle *pickle, const struct opcode *row);
	uint8_t kind, size;
	const char *name; /* of those that are refused */
};

/* --- errors --- */
enum err machine_broken(struct pickle *pickle, const char *what);   /* at the byte that was read last */
enum err machine_too_much(struct pickle *pickle, const char *what); /* more than the size justifies */
enum err machine_no_memory(struct pickle *pickle);

/* --- the input --- */
enum err machine_take(struct pickle *pickle, uint64_t count, const unsigned char **bytes);
enum err machine_take_line(struct pickle *pickle, const unsigned char **line, uint64_t *length); /* without its end */
uint64_t machine_read_le(const unsigned char *at, int bytes);

/* --- values and objects --- */
struct pickle_value machine_integer(enum pickle_kind kind, int64_t integer);
struct pickle_value machine_bytes(enum pickle_kind kind, const unsigned char *bytes, uint64_t length);
enum err machine_new_object(struct pickle *pickle, enum pickle_kind kind, struct pickle_value *value);
enum err machine_add_items(struct pickle *pickle, struct pickle_object *object, const struct pickle_value *value, size_t count);
enum err machine_make(struct pickle *pickle, enum pickle_kind kind, const struct pickle_value *item, size_t count, struct pickle_value *made);
enum err machine_new_text(struct pickle *pickle, uint64_t size, unsigned char **out); /* room for a text of so many bytes once it is decoded */
enum err machine_grow(struct pickle *pickle, void **array, size_t *capacity, size_t need, size_t size);

/* --- the stack --- */
enum err machine_push(struct pickle *pickle, struct pickle_value value);
enum err machine_push_made(struct pickle *pickle, enum pickle_kind kind, const struct pickle_value *item, size_t count);
size_t machine_above_mark(const struct pickle *pickle);
enum err machine_pop(struct pickle *pickle, struct pickle_value *value);

/* The values above the last mark, which goes. They stay valid until the next push. */
enum err machine_pop_mark(struct pickle *pickle, const struct pickle_value **value, size_t *count);

/* --- opcodes --- */
typedef enum err run_opcode(struct pickle *pickle, const struct opcode *row);
run_opcode pickle_run_constant, pickle_run_integer, pickle_run_long, pickle_run_real, pickle_run_counted,
	pickle_run_number_line, pickle_run_text_line, pickle_run_mark, pickle_run_pop, pickle_run_dup, pickle_run_put,
	pickle_run_memoize, pickle_run_get, pickle_run_empty, pickle_run_marked, pickle_run_tuple, pickle_run_items;
run_opcode pickle_run_global, pickle_run_stack_global, pickle_run_call, pickle_run_instance, pickle_run_build,
	pickle_run_stored, pickle_run_protocol, pickle_run_frame, pickle_run_refused;

#endif
