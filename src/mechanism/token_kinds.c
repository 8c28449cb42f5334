/* SPDX-License-Identifier: MIT */
#include "mechanism/token_kinds.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/operand.h"

/* The number that a mask holds for a token; masks without a batch axis hold for all. */
typedef enum err mark(unsigned char *kind, double value);

static enum err mark_global(unsigned char *kind, double value)
{
	if (value != 0)
		*kind = TOKEN_GLOBAL;
	return ERR_OK;
}

static enum err mark_kind(unsigned char *kind, double value)
{
	if (value != 0 && value != 1 && value != 2)
		return ERR_VALUE;
	*kind = (unsigned char)value;
	return ERR_OK;
}

static enum err read_mask(struct token_kinds *kinds, const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, mark *apply,
			  struct err_info *info)
{
	struct operand mask;
	struct operand_shape shape = { .rank = 1, .size = { kinds->count }, .layers = kinds->batches };
	enum err err = operand_read(&mask, args, mechanism, role, false, &shape, info);
	for (int64_t i = 0; !err && mask.at && i < kinds->batches * kinds->count; i++) {
		double value = operand_block(&mask, i / kinds->count, 0)[i % kinds->count];
		if (apply(&kinds->kind[i], value))
			err = err_set(info, ERR_VALUE, "%s holds %g (token %lld): 0 is padding, 1 a local and 2 a global token", role, value,
				      (long long)(i % kinds->count));
	}
	operand_release(&mask);
	return err;
}

static enum err read_list(struct token_kinds *kinds, const struct mechanism_args *args, const struct mechanism *mechanism, struct err_info *info)
{
	int64_t *list, count;
	const char *text = mechanism_parameter_text(args, mechanism, "globals");
	enum err err = operand_list(mechanism, "globals", text, &list, &count, info);
	for (int64_t i = 0; !err && i < count; i++) {
		if (list[i] >= kinds->count)
			err = err_set(info, ERR_USAGE, "--param globals=%s: there are only %lld tokens, numbered from 0", text, (long long)kinds->count);
		for (int64_t batch = 0; !err && batch < kinds->batches; batch++)
			kinds->kind[batch * kinds->count + list[i]] = TOKEN_GLOBAL;
	}
	free(list);
	return err;
}

static void pad(struct token_kinds *kinds, const struct mechanism_args *args)
{
	for (int64_t batch = 0; batch < kinds->batches; batch++) {
		int64_t length = mechanism_key_length(args, batch);
		for (int64_t i = length < 0 ? 0 : length; i < kinds->count; i++)
			kinds->kind[batch * kinds->count + i] = TOKEN_PADDING;
	}
}

static void sum_up(struct token_kinds *kinds)
{
	for (int64_t batch = 0; batch < kinds->batches; batch++) {
		const unsigned char *kind = kinds->kind + batch * kinds->count;
		int64_t *globals = kinds->globals + batch * (kinds->count + 1), *paddings = kinds->paddings + batch * (kinds->count + 1);
		globals[0] = paddings[0] = 0;
		for (int64_t i = 0; i < kinds->count; i++) {
			globals[i + 1] = globals[i] + (kind[i] == TOKEN_GLOBAL);
			paddings[i + 1] = paddings[i] + (kind[i] == TOKEN_PADDING);
		}
		if (globals[kinds->count] > kinds->most_globals)
			kinds->most_globals = globals[kinds->count];
	}
}

enum err token_kinds_init(struct token_kinds *kinds, const struct mechanism_args *args, const struct mechanism *mechanism, int64_t batches, int64_t count,
			  struct err_info *info)
{
	*kinds = (struct token_kinds){ .batches = batches, .count = count };
	kinds->kind = mem_array((size_t)(batches * count), 1);
	kinds->globals = mem_array((size_t)(batches * (count + 1)), sizeof *kinds->globals);
	kinds->paddings = mem_array((size_t)(batches * (count + 1)), sizeof *kinds->paddings);
	if (!kinds->kind || !kinds->globals || !kinds->paddings)
		return err_nomem(info, "global tokens");
	memset(kinds->kind, TOKEN_LOCAL, (size_t)(batches * count));
	enum err err = read_mask(kinds, args, mechanism, "attention_mask", mark_kind, info);
	if (!err)
		err = read_mask(kinds, args, mechanism, "global_mask", mark_global, info);
	if (!err)
		err = read_list(kinds, args, mechanism, info);
	if (err)
		return err;
	pad(kinds, args);
	sum_up(kinds);
	return ERR_OK;
}

void token_kinds_release(struct token_kinds *kinds)
{
	free(kinds->kind);
	free(kinds->globals);
	free(kinds->paddings);
	*kinds = (struct token_kinds){ 0 };
}

enum token_kind token_kinds_at(const struct token_kinds *kinds, int64_t batch, int64_t token)
{
	return (enum token_kind)kinds->kind[batch * kinds->count + token];
}

static int64_t between(const struct token_kinds *kinds, const int64_t *before, int64_t batch, int64_t begin, int64_t end)
{
	begin = begin < 0 ? 0 : begin;
	end = end > kinds->count ? kinds->count : end;
	const int64_t *at = before + batch * (kinds->count + 1);
	return begin < end ? at[end] - at[begin] : 0;
}

int64_t token_kinds_globals(const struct token_kinds *kinds, int64_t batch, int64_t begin, int64_t end)
{
	return between(kinds, kinds->globals, batch, begin, end);
}

int64_t token_kinds_paddings(const struct token_kinds *kinds, int64_t batch, int64_t begin, int64_t end)
{
	return between(kinds, kinds->paddings, batch, begin, end);
}
