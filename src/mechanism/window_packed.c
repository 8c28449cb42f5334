/* SPDX-License-Identifier: MIT */
#include "mechanism/window.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/operand.h"
#include "mechanism/table.h"
#include "mechanism/token_kinds.h"

struct packed {
	struct source source;
	struct token_kinds kinds;
	struct heads local_view, global_view;
	const struct tensor *local_slot, *global_slot;
	const struct heads *local, *global; /* global may be NULL: rows of global tokens are then unknown, and there must be none */
	int64_t globals, reach;             /* x and w */
};

static const struct packed *packed_of(const struct source *source)
{
	return (const struct packed *)source;
}

/* Row g of the global tokens is a column of the file. */
static enum err unpack_global(const struct packed *packed, int64_t layer, int64_t batch, int64_t head, int64_t number, double *weight,
			      struct err_info *info)
{
	int64_t first;
	const struct tensor *tensor = heads_locate(packed->global, layer, batch, head, 0, &first);
	tensor_decode_f64(tensor, first + number * packed->global->stride[AXIS_DIM], packed->global->stride[AXIS_TOKEN], packed->source.keys, weight);
	for (int64_t j = 0; j < packed->source.keys; j++)
		if (!isfinite(weight[j]))
			return err_set(info, ERR_VALUE, "global_attentions is not finite (head %lld, key %lld, global token %lld): export it again",
				       (long long)head, (long long)j, (long long)number);
	return ERR_OK;
}

static enum err unpack_local(const struct packed *packed, int64_t layer, int64_t batch, int64_t head, int64_t row, double *weight, struct err_info *info)
{
	int64_t keys = packed->source.keys, columns = packed->local->size[AXIS_DIM], number = 0;
	double *line = mem_array((size_t)columns, sizeof *line);
	if (!line)
		return err_nomem(info, "a row of attentions");
	enum err err = heads_decode_f64(packed->local, layer, batch, head, row, 1, false, line, columns, info);
	for (int64_t j = 0; !err && j < keys; j++) {
		int64_t offset = j - row + packed->reach;
		bool inside = offset >= 0 && offset <= 2 * packed->reach;
		bool global = token_kinds_at(&packed->kinds, batch, j) == TOKEN_GLOBAL;
		weight[j] = global ? line[number] : inside ? line[packed->globals + offset] : 0;
		number += global;
	}
	free(line);
	return err;
}

static enum err packed_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct packed *packed = packed_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	enum token_kind from = token_kinds_at(&packed->kinds, batch, row);
	enum err err = from == TOKEN_GLOBAL ? unpack_global(packed, layer, batch, head, token_kinds_globals(&packed->kinds, batch, 0, row), score, info)
					    : unpack_local(packed, layer, batch, head, row, score, info);
	for (int64_t key = 0; key < source->keys && !err; key++)
		if (from == TOKEN_PADDING || token_kinds_at(&packed->kinds, batch, key) == TOKEN_PADDING)
			score[key] = 0;
	return err;
}

static bool packed_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct packed *packed = packed_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	enum token_kind from = token_kinds_at(&packed->kinds, batch, row), to = token_kinds_at(&packed->kinds, batch, key);
	if (from == TOKEN_PADDING || to == TOKEN_PADDING)
		return false;
	return from == TOKEN_GLOBAL || to == TOKEN_GLOBAL || llabs((long long)(key - row)) <= packed->reach;
}

static int64_t packed_support(const struct source *source, int64_t map, int64_t row)
{
	int64_t count = 0;
	for (int64_t key = 0; key < source->keys; key++)
		count += packed_visible(source, map, row, key);
	return count;
}

static enum coverage packed_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct packed *packed = packed_of(source);
	int64_t layer, batch, head;
	source_map_id(source, map, &layer, &batch, &head);
	bool global = token_kinds_globals(&packed->kinds, batch, first, last + 1) > 0 || token_kinds_globals(&packed->kinds, batch, begin, end) > 0;
	bool in_band = begin <= last + packed->reach && end > first - packed->reach;
	return global || in_band ? TILE_PARTIAL : TILE_EMPTY;
}

static void packed_free(struct source *source)
{
	struct packed *packed = (struct packed *)source;
	token_kinds_release(&packed->kinds);
	free(packed);
}

static const struct source_ops packed_ops = {
	.name = "window",
	.coverage = packed_coverage,
	.support = packed_support,
	.visible = packed_visible,
	.score64 = packed_score64,
	.free = packed_free,
};

static enum err check_global(const struct packed *packed, struct err_info *info)
{
	const struct source *source = &packed->source;
	const struct heads *global = packed->global;
	if (!global)
		return packed->globals == 0 ? ERR_OK : ERR_USAGE;
	char text[128];
	bool fits = global->size[AXIS_LAYER] == source->layers && global->size[AXIS_BATCH] == source->batches && global->size[AXIS_HEAD] == source->heads;
	if (fits && global->size[AXIS_TOKEN] >= source->keys && global->size[AXIS_DIM] == packed->globals)
		return ERR_OK;
	snprintf(text, sizeof text, "%lld heads, at least %lld tokens and %lld columns", (long long)source->heads, (long long)source->keys,
		 (long long)packed->globals);
	return operand_misshapen(&mechanism_window, "global_attentions", global->tensors[0], text, info);
}

static enum err packed_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_window;
	struct packed *packed = (struct packed *)source;
	enum err err = operand_view(args, mechanism, "attentions", true, operand_heads, &packed->local_view, &packed->local_slot, &packed->local, info);
	if (err)
		return err;
	const struct heads *local = packed->local;
	source->norm = NORM_NONE;
	source->layers = local->size[AXIS_LAYER];
	source->batches = local->size[AXIS_BATCH];
	source->heads = local->size[AXIS_HEAD];
	source->queries = source->keys = local->size[AXIS_TOKEN];
	source->is_square = source->is_stochastic = true;
	err = token_kinds_init(&packed->kinds, args, mechanism, source->batches, source->keys, info);
	if (err)
		return err;
	packed->globals = packed->kinds.most_globals;
	int64_t band = local->size[AXIS_DIM] - packed->globals;
	if (band < 1 || band % 2 == 0) {
		char text[128];
		snprintf(text, sizeof text, "%lld columns of global tokens and an odd number of the window; name the global tokens with --param globals=LIST",
			 (long long)packed->globals);
		return operand_misshapen(mechanism, "attentions", local->tensors[0], text, info);
	}
	packed->reach = band / 2;
	err = operand_view(args, mechanism, "global_attentions", packed->globals > 0, operand_heads, &packed->global_view, &packed->global_slot, &packed->global, info);
	if (!err)
		err = check_global(packed, info);
	mechanism_note(source->note, sizeof source->note, "ready weights, window %lld on each side, %lld global tokens", (long long)packed->reach,
		       (long long)packed->globals);
	return err;
}

enum err window_packed_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&packed_ops, sizeof(struct packed), "windowed attention", packed_bind, args, source, info);
}
