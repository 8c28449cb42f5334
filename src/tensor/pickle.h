/* SPDX-License-Identifier: MIT */
/*
 * Python pickles of protocols 0 to 5, read as data: nothing that a pickle names is ever imported, called or built. What comes out is a graph
 * of plain values; a call ("build a tensor of these") stays a node that says what would have been called with what.
 *
 * Formats: Python's Lib/pickletools.py. Which names may occur at all is the table in pickle_names.c; every other one is refused by name.
 *
 * Limits: each opcode takes constant time but for the text it decodes, and what is allocated is at most about twenty times the size of the pickle. The
 * graph may share objects and hold circles: whoever walks it bounds his way.
 */
#ifndef ATTNVIZ_TENSOR_PICKLE_H
#define ATTNVIZ_TENSOR_PICKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "tensor/pickle_names.h"

enum pickle_kind {
	PICKLE_NONE,
	PICKLE_BOOL, PICKLE_INT, PICKLE_FLOAT,
	PICKLE_BIG,    /* an integer of more than 64 bits: its little-endian bytes */
	PICKLE_TEXT,   /* UTF-8 */
	PICKLE_BYTES,  /* also a str of Python 2 */
	PICKLE_LIST, PICKLE_TUPLE, PICKLE_SET,
	PICKLE_DICT,   /* items are key, value, key, value */
	PICKLE_NAME,   /* module.name: items are two texts */
	PICKLE_CALL,   /* items are enum pickle_part, as far as they are there */
	PICKLE_STORED, /* a persistent id: one item, which says where the pickle's owner keeps the object */
};

enum pickle_part { PICKLE_CALLEE, PICKLE_ARGUMENTS, PICKLE_STATE, PICKLE_ITEMS, PICKLE_PAIRS };

struct pickle_object;

/* Texts and bytes are in the input, or in a block of the pickle's. They are not terminated. */
struct pickle_value {
	uint64_t kind : 8;
	uint64_t length : 56; /* of texts and bytes */
	union {
		int64_t integer; /* BOOL, INT */
		double real;
		const unsigned char *bytes;
		struct pickle_object *object;
	} u;
};

struct pickle_object {
	struct pickle_value *item;
	uint32_t count, capacity;
	uint8_t kind;    /* enum pickle_kind */
	uint8_t meaning; /* enum pickle_meaning of a NAME */
	bool active;     /* free for whoever walks the graph; false at first */
};

struct pickle {
	struct pickle_value root;
	uint64_t used; /* bytes up to and with the final STOP: another pickle may follow */

	/* Of the interpreter. */
	const unsigned char *data;
	uint64_t size;
	bool stored; /* persistent ids are allowed */
	struct pickle_value *stack, *memo;
	size_t stack_count, stack_capacity, memo_count, memo_capacity;
	size_t *mark;
	size_t mark_count, mark_capacity;
	struct pickle_chunk *chunk;
	size_t objects;
	struct pickle_block *block; /* decoded texts */
	uint64_t decoded;
	struct err_info *info;
};

/* The first pickle of data[0 .. size). `stored`: it may hold persistent ids. ERR_FORMAT with the offset in `data` where it is broken, ERR_UNSUPPORTED with
 * the name where it refers to something that is not data. To be released in every case. */
enum err pickle_parse(struct pickle *pickle, const unsigned char *data, uint64_t size, bool stored, struct err_info *info);
void pickle_release(struct pickle *pickle); /* works on a zeroed struct */

/* Keep the decoded texts: they go to *block (a list, freed by pickle_free_blocks) and outlive the pickle. */
void pickle_keep_blocks(struct pickle *pickle, struct pickle_block **block);
void pickle_free_blocks(struct pickle_block *block);

/* `size` bytes that live as long as the list; NULL when out of memory. */
void *pickle_add_block(struct pickle_block **block, uint64_t size);

/* The part of a call; a NONE where it has none. The item of a list or tuple; a NONE beyond its end or where the value is neither. */
struct pickle_value pickle_part(const struct pickle_value *call, enum pickle_part part);
struct pickle_value pickle_item(const struct pickle_value *sequence, uint32_t index);

/* What is called; MEANING_REFUSED where the value is no call. */
enum pickle_meaning pickle_called(const struct pickle_value *value);

/* Every persistent id of the pickle, in no order: `visit` gets the value of each. Ends at the first error. */
enum err pickle_each_stored(const struct pickle *pickle, enum err (*visit)(void *data, const struct pickle_value *id), void *data);

bool pickle_is_text(const struct pickle_value *value, const char *text); /* TEXT or BYTES, exactly so */

#endif
