/* SPDX-License-Identifier: MIT */
/*
 * State files of llama.cpp: llama-cli --prompt-cache, llama_state_save_file ("ggsn", version 9) and llama_state_seq_save_file ("ggsq", version 2).
 *
 *   magic, version, count and ids of the tokens; of a whole state the architecture's name and, in older builds, the outputs: a count and places, logits, embeddings;
 *   then the cache: in newer builds the number of streams; for each stream the cells (position, sequences), whether values are transposed, the layers, and for each layer
 *   the type and the row size of its keys and the rows, then the same of the values. A model with sliding windows has two caches.
 *
 * Neither version says which of the forms it is, so each is tried, and the file is read where exactly one fits it to its last byte. Source: src/llama-context.cpp and
 * src/llama-kv-cache.cpp of llama.cpp, state_write_data.
 *
 * Tensors: tokens; layers.N.k and layers.N.v of (cells, heads * dim), the keys rotated as the model computes with them. Of two caches cache.0. and cache.1. stand
 * in front, and N counts the layers of each.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/ggml_types.h"
#include "tensor/readers.h"
#include "tensor/scan.h"

enum { VERSION_STATE = 9, VERSION_SEQUENCE = 2, LAYERS_MAX = 1 << 16, CACHES_MAX = 2, STREAMS_MAX = 256 };

struct form {
	bool outputs, streams;
};

struct state {
	struct scan scan;
	struct archive *archive; /* NULL: only tried */
	size_t capacity;
	enum err err;
	const char *odd;         /* a type that is not read */
	int cache, caches;
	struct err_info *info;
};

static bool probe(const unsigned char *head, size_t size)
{
	return size >= 8 && (memcmp(head, "nsgg", 4) == 0 || memcmp(head, "qsgg", 4) == 0);
}

static bool is_whole(const struct bytes *bytes)
{
	return bytes->data[0] == 'n';
}

static void fail(struct state *state)
{
	state->scan.beyond = true;
}

/* A matrix (rows, columns) of `type`, transposed in the file where `stride` is that of its columns. */
static void add_matrix(struct state *state, uint64_t layer, char role, enum dtype dtype, uint64_t rows, uint64_t columns, bool transposed,
		       const unsigned char *data)
{
	char name[64];
	if (!state->archive || state->err || state->scan.beyond)
		return;
	int length = state->caches > 1 ? snprintf(name, sizeof name, "cache.%d.layers.%" PRIu64 ".%c", state->cache, layer, role)
				       : snprintf(name, sizeof name, "layers.%" PRIu64 ".%c", layer, role);
	struct tensor *tensor = archive_add(state->archive, &state->capacity, name, (size_t)length);
	if (!tensor) {
		state->err = err_nomem(state->info, "the tensor list");
		return;
	}
	tensor->dtype = dtype;
	tensor->rank = 2;
	tensor->shape[0] = (int64_t)rows;
	tensor->shape[1] = (int64_t)columns;
	tensor->stride[0] = transposed ? 1 : (int64_t)columns;
	tensor->stride[1] = transposed ? (int64_t)rows : 1;
	tensor->data = data;
	tensor->offset = (uint64_t)(data - state->scan.data);
	tensor->byte_swapped = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && dtype_size(dtype) > 1;
}

/* The rows of a layer: type, bytes in a row, rows. */
static void scan_rows(struct state *state, uint64_t layer, char role, uint64_t cells)
{
	uint64_t type = scan_number(&state->scan, 4), row = scan_number(&state->scan, 8);
	const unsigned char *data = scan_array(&state->scan, cells, row);
	enum dtype dtype;
	const char *name;
	if (ggml_type(type, &dtype, &name) && row % dtype_size(dtype) == 0 && row)
		add_matrix(state, layer, role, dtype, cells, row / dtype_size(dtype), false, data);
	else if (row == 0 || type > 64)
		fail(state);
	else
		state->odd = name;
}

/* Values may lie one dimension after another: type, bytes in an element, dimensions. */
static void scan_columns(struct state *state, uint64_t layer, uint64_t cells)
{
	uint64_t type = scan_number(&state->scan, 4), element = scan_number(&state->scan, 4), columns = scan_number(&state->scan, 4);
	uint64_t bytes = 0;
	enum dtype dtype;
	const char *name;
	if (!ggml_type(type, &dtype, &name) || element != dtype_size(dtype) || __builtin_mul_overflow(cells * element, columns, &bytes)) {
		fail(state);
		return;
	}
	add_matrix(state, layer, 'v', dtype, cells, columns, true, scan_bytes(&state->scan, bytes));
}

static void scan_cells(struct state *state, uint64_t cells)
{
	for (uint64_t i = 0; i < cells && !state->scan.beyond; i++) {
		scan_number(&state->scan, 4);
		uint64_t sequences = scan_number(&state->scan, 4);
		scan_array(&state->scan, sequences, 4);
	}
}

/* One stream of a cache; empty ones end after their count. */
static void scan_stream(struct state *state)
{
	uint64_t cells = scan_number(&state->scan, 4);
	if (cells == 0)
		return;
	scan_cells(state, cells);
	uint64_t transposed = scan_number(&state->scan, 4), layers = scan_number(&state->scan, 4);
	if (transposed > 1 || layers > LAYERS_MAX || layers == 0)
		fail(state);
	for (uint64_t layer = 0; layer < layers && !state->scan.beyond; layer++)
		scan_rows(state, layer, 'k', cells);
	for (uint64_t layer = 0; layer < layers && !state->scan.beyond; layer++)
		if (transposed)
			scan_columns(state, layer, cells);
		else
			scan_rows(state, layer, 'v', cells);
}

static void scan_cache(struct state *state, const struct form *form)
{
	uint64_t streams = form->streams ? scan_number(&state->scan, 4) : 1;
	if (streams == 0 || streams > STREAMS_MAX)
		fail(state);
	/* Several streams are several sequences, whose layers would have one name: the first that holds anything counts. */
	bool listed = false;
	struct archive *archive = state->archive;
	for (uint64_t i = 0; i < streams && !state->scan.beyond; i++) {
		uint64_t before = state->scan.at;
		state->archive = listed ? NULL : archive;
		scan_stream(state);
		listed = listed || state->scan.at > before + 4;
	}
	state->archive = archive;
}

static void add_tokens(struct state *state, uint64_t count, const unsigned char *data)
{
	struct tensor *tensor = state->archive && count && !state->scan.beyond ? archive_add(state->archive, &state->capacity, "tokens", 6) : NULL;
	if (!tensor)
		return;
	tensor->dtype = DTYPE_I32;
	tensor->rank = 1;
	tensor->shape[0] = (int64_t)count;
	tensor->stride[0] = 1;
	tensor->data = data;
	tensor->offset = (uint64_t)(data - state->scan.data);
	tensor->byte_swapped = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
}

/* Does the form fit, with this many caches, up to the last byte? */
static bool scan_state(struct state *state, const struct bytes *bytes, const struct form *form)
{
	state->scan = (struct scan){ .data = bytes->data, .size = bytes->size };
	state->odd = NULL;
	scan_bytes(&state->scan, 8);
	uint64_t tokens = scan_number(&state->scan, 4);
	add_tokens(state, tokens, scan_array(&state->scan, tokens, 4));
	if (is_whole(bytes)) {
		scan_bytes(&state->scan, scan_number(&state->scan, 4)); /* the architecture */
		if (form->outputs) {
			scan_array(&state->scan, scan_number(&state->scan, 4), 4);
			scan_array(&state->scan, scan_number(&state->scan, 8), 4);
			scan_array(&state->scan, scan_number(&state->scan, 8), 4);
		}
	}
	for (state->cache = 0; state->cache < state->caches && !state->scan.beyond; state->cache++)
		scan_cache(state, form);
	return !state->scan.beyond && state->scan.at == bytes->size;
}

/* The only form that fits; false where none or more than one does. */
static bool find_form(const struct bytes *bytes, struct form *found, int *caches)
{
	int fits = 0;
	for (int i = 0; i < 4 * CACHES_MAX; i++) {
		struct form form = { .outputs = i & 1, .streams = i & 2 };
		struct state state = { .caches = 1 + i / 4 };
		if ((form.outputs && !is_whole(bytes)) || !scan_state(&state, bytes, &form))
			continue;
		*found = form;
		*caches = state.caches;
		fits++;
	}
	return fits == 1;
}

static enum err open_llama(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct scan head = { .data = bytes->data, .size = bytes->size, .at = 4 };
	uint64_t version = scan_number(&head, 4), wanted = is_whole(bytes) ? VERSION_STATE : VERSION_SEQUENCE;
	struct form form = { false, false };
	struct state state = { .archive = archive, .info = info };
	if (version != wanted)
		return err_set(info, ERR_UNSUPPORTED, "a state file of llama.cpp of version %" PRIu64 ": version %" PRIu64 " is read", version, wanted);
	if (!find_form(bytes, &form, &state.caches))
		return err_set(info, ERR_FORMAT, "a state file of llama.cpp that is cut, or whose cache is written in no form that is known");
	scan_state(&state, bytes, &form);
	if (!state.err && state.odd)
		return err_set(info, ERR_UNSUPPORTED, "its cache is quantised (%s): run llama.cpp with --cache-type-k f16 --cache-type-v f16", state.odd);
	return state.err ? state.err : archive_keep_bytes(archive, bytes, info);
}

const struct reader reader_llama = {
	.name = "llama.cpp",
	.suffixes = ".session .state",
	.probe = probe,
	.open = open_llama,
	.forget = archive_forget_bytes,
	.close = archive_close_bytes,
};
