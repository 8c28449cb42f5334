/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "commands/roles_parts.h"
#include "tensor/npy.h"

enum err role_letters(const struct string_list *layout, const char *word, const char **letters, struct err_info *info)
{
	const char *of_all = NULL, *of_role = NULL; /* what names the role goes before what does not */
	for (size_t i = 0; i < layout->count; i++) {
		const char *item = layout->item[i], *equals = strchr(item, '=');
		if (!equals) {
			bool is_map = strchr(item, 'M') != NULL;
			bool is_meant = is_map ? strcmp(word, "weights") == 0 : name_role_find(word, strlen(word)) != NAME_WEIGHTS && strcmp(word, "mask") != 0;
			if (is_meant && of_all)
				return err_set(info, ERR_USAGE, "--layout %s: the axes are given twice ('%s')", item, of_all);
			of_all = is_meant ? item : of_all;
			continue;
		}
		size_t length = (size_t)(equals - item);
		enum name_role kind = name_role_find(item, length);
		bool is_mask = length == 4 && strncmp(item, "mask", 4) == 0;
		if (!kind && !is_mask)
			return err_set(info, ERR_USAGE, "--layout %s: the role is one of query, key, value, weights, mask", item);
		if (strcmp(word, kind ? name_role_word(kind) : "mask") != 0)
			continue;
		if (of_role)
			return err_set(info, ERR_USAGE, "--layout %s: the axes of the %s are given twice", item, word);
		of_role = equals + 1;
	}
	*letters = of_role ? of_role : of_all;
	return ERR_OK;
}

enum { HEADS_MAX = 1 << 20 };

/* "H" or "H,HK"; 0 for what is not said. */
static enum err parse_heads_in(const char *text, int64_t *queries, int64_t *keys, struct err_info *info)
{
	*queries = *keys = 0;
	if (!text)
		return ERR_OK;
	char *end, *end_keys = NULL;
	errno = 0;
	*queries = strtoll(text, &end, 10);
	if (*end == ',')
		*keys = strtoll(end + 1, &end_keys, 10);
	if (errno || *queries < 1 || *queries > HEADS_MAX || *keys > HEADS_MAX || (*end == ',' ? *keys < 1 || *end_keys : *end))
		return err_set(info, ERR_USAGE, "--heads-in %s: expected the number of heads, or H,HK for fewer key heads", text);
	return ERR_OK;
}

/* The axis that heads share with dims or, as letters such as (BH)ND say, with batch items: its length in the tensor, and which the other is. */
static int64_t packed_axis(const struct tensor *tensor, const char *letters, enum axis *other)
{
	const char *open = letters ? strchr(letters, '(') : NULL;
	size_t length = open ? strcspn(open, ")") : 0;
	*other = open && memchr(open, 'B', length) ? AXIS_BATCH : AXIS_DIM;
	int at = *other == AXIS_BATCH ? (int)(open - letters) : tensor->rank - 1;
	return at >= 0 && at < tensor->rank ? tensor->shape[at] : 0;
}

/* Keys and values may pack fewer heads than queries (GQA). Where it is not said how many, a key head is as wide as a query head, or there are as many items of
 * both, and there are as many value heads as key heads. */
static int64_t packed_key_heads(const struct role *role, const struct role *before, const char *letters, int64_t queries)
{
	enum axis other;
	int64_t length = packed_axis(&role->tensor[0], letters, &other);
	if (before && before->kind == NAME_KEY)
		return before->heads.size[AXIS_HEAD];
	if (before && before->heads.size[other] && length > 0 && length % before->heads.size[other] == 0)
		return length / before->heads.size[other];
	return queries;
}

static enum err set_packing(const struct role *role, const struct roles_request *request, const struct role *before,
			    struct layout_request *layout, struct err_info *info)
{
	int64_t queries, keys;
	enum err err = parse_heads_in(request->heads_in, &queries, &keys, info);
	bool has_heads = layout->letters && strchr(layout->letters, 'H') && !strchr(layout->letters, '(');
	layout->heads_in = has_heads ? 0 : queries;
	if (role->fused) {
		layout->kv_heads_in = keys;
		layout->fusion = layout->letters && strchr(layout->letters, '3') ? LAYOUT_SEPARATE : request->order;
	} else if (layout->heads_in && (role->kind == NAME_KEY || role->kind == NAME_VALUE)) {
		layout->heads_in = keys ? keys : packed_key_heads(role, before, layout->letters, queries);
	}
	return err;
}

/* The tensor at `index` is a layer of `layers`, as those before it in the view. */
static enum err join_layer(const struct role *role, size_t index, size_t first, const struct heads *layers, const struct heads *view, struct err_info *info)
{
	const struct tensor *tensor = &role->tensor[index], *before = &role->tensor[first];
	char shape[128], shape_before[128];
	if (view->present[AXIS_LAYER])
		return err_set(info, ERR_SHAPE, "%s has a layer axis, and is one of %" PRId64 " layers: give one or the other", tensor->name, role->layers);
	if (memcmp(view->size, layers->size, sizeof view->size) != 0)
		return err_set(info, ERR_SHAPE, "layers of different shapes (%s %s, %s %s): show one kind at a time, with --names PATTERN%s", before->name,
			       tensor_shape_text(before, shape_before, sizeof shape_before), tensor->name, tensor_shape_text(tensor, shape, sizeof shape),
			       role->counts_calls ? ", or, where the numbers count calls of fewer layers, say --model-layers N" : "");
	if (memcmp(view->stride, layers->stride, sizeof view->stride) != 0 || view->first != layers->first)
		return err_set(info, ERR_UNSUPPORTED, "layers whose elements lie in different orders (%s, %s): save them all in C order", before->name, tensor->name);
	return ERR_OK;
}

const char *roles_fused_name(const struct roles *roles, const char **file)
{
	for (size_t a = 0; a < roles->archive_count; a++)
		for (size_t i = 0; i < roles->archive[a]->count; i++) {
			const struct archive *archive = roles->archive[a];
			const char *name = roles_is_nameless(archive) ? archive->file : archive->tensor[i].name;
			char buffer[256];
			*file = archive->file;
			if (name_is_fused(roles_tensor_name(archive, &archive->tensor[i], buffer, sizeof buffer)))
				return name;
		}
	return NULL;
}

enum err roles_bind_sequences(struct roles *roles, const struct roles_request *request, struct err_info *info)
{
	enum err err = ERR_OK;
	bool seen[NAME_ROLE_COUNT] = { false };
	for (size_t i = 0; i < request->cu_seqlens.count && !err; i++) {
		const char *item = request->cu_seqlens.item[i], *equals = strchr(item, '=');
		enum name_role only = equals ? name_role_find(item, (size_t)(equals - item)) : NAME_NONE;
		const struct tensor *tensor;
		if (only == NAME_WEIGHTS)
			return err_set(info, ERR_USAGE, "--cu-seqlens %s: the role is one of query, key, value", item);
		if (seen[only])
			return err_set(info, ERR_USAGE, "--cu-seqlens %s: the sequences are given twice%s%s", item, only ? " for the " : "",
				       only ? name_role_word(only) : "");
		seen[only] = true;
		err = roles_tensor(roles, only ? equals + 1 : item, &tensor, info);
		for (int kind = NAME_QUERY; kind <= NAME_VALUE && !err; kind++) {
			struct role *role = roles_kind(roles, (enum name_role)kind);
			if (role && (!only || only == role->kind || (only == NAME_KEY && role->kind == NAME_VALUE)))
				role->cu_seqlens = tensor;
		}
	}
	if (!err && request->sequence >= 0 && !request->cu_seqlens.count)
		return err_set(info, ERR_USAGE, "--sequence needs --cu-seqlens, which says where the sequences end");
	return err;
}

/* Of sequences that lie one after another, the one that was asked for; a single one needs no asking. */
static enum err cut_sequence(struct role *role, const struct roles_request *request, struct err_info *info)
{
	int64_t first, count, sequences = role->cu_seqlens->rank ? role->cu_seqlens->shape[0] - 1 : 0;
	if (role->shard)
		return err_set(info, ERR_USAGE, "--cu-seqlens cuts whole tensors, not pieces ({rank}) or steps");
	if (request->sequence < 0 && sequences > 1)
		return err_set(info, ERR_USAGE,
			       "%" PRId64 " sequences lie one after another: choose one with --sequence 0 ... %" PRId64,
			       sequences, sequences - 1);
	enum err err = layout_packed_sequence(role->cu_seqlens, role->heads.size[AXIS_TOKEN],
					      request->sequence < 0 ? 0 : request->sequence, &first, &count, info);
	if (!err)
		layout_slice_tokens(&role->heads, first, count);
	return err ? err_in_file(info, role->cu_seqlens->file) : ERR_OK;
}

/* Keys of a step are those of its tokens, or, with a cache, of all tokens so far: the numbers of tokens tell. */
static enum err hold_whole_cache(const struct role *role, const struct role *query, bool *whole, struct err_info *info)
{
	bool grows = true, apart = true;
	for (int64_t step = 0; step < role->steps; step++) {
		int64_t keys = role->shard[step].size[AXIS_TOKEN], queries = query->shard[step].size[AXIS_TOKEN];
		grows = grows && (step == 0 || keys == role->shard[step - 1].size[AXIS_TOKEN] + queries);
		apart = apart && keys == queries;
	}
	*whole = grows && !apart;
	if (grows || apart)
		return ERR_OK;
	return err_set(info, ERR_SHAPE, "the steps of %s and %s cannot be joined: the %s of a step are neither those of its tokens nor of all tokens so far",
		       query->part[0].name, role->part[0].name, role->word);
}

/* Pieces of the token axis, in the order of their ranks or steps. */
static enum err join_pieces(struct role *role, int64_t count, const struct role *before, struct err_info *info)
{
	struct heads *heads = &role->heads;
	int64_t tokens = 0;
	for (int64_t i = 0; i < count; i++) {
		const struct tensor *tensor = &role->tensor[i * role->layers];
		for (int axis = 0; axis < AXIS_COUNT; axis++)
			if (axis != AXIS_TOKEN && role->shard[i].size[axis] != role->shard[0].size[axis])
				return err_set(info, ERR_SHAPE, "%s and %s are no pieces of one tensor: only their tokens may differ in number",
					       role->tensor[0].name, tensor->name);
		if (tensor->dtype != role->tensor[0].dtype)
			return err_set(info, ERR_SHAPE, "%s and %s are no pieces of one tensor: their types differ", role->tensor[0].name, tensor->name);
		role->shard_end[i] = tokens += role->shard[i].size[AXIS_TOKEN];
	}
	*heads = role->shard[0];
	if (before && before->steps == count && before->shard && !role->sharded) {
		enum err err = before->kind == NAME_QUERY ? hold_whole_cache(role, before, &role->holds_cache, info) : ERR_OK;
		role->holds_cache = before->kind == NAME_QUERY ? role->holds_cache : before->holds_cache;
		if (err)
			return err;
	}
	if (role->holds_cache) {
		*heads = role->shard[count - 1];
		return ERR_OK;
	}
	heads->size[AXIS_TOKEN] = tokens;
	heads->present[AXIS_TOKEN] = true;
	heads->shard = role->shard;
	heads->shard_end = role->shard_end;
	heads->shard_count = count;
	return ERR_OK;
}

/* The layers of one piece, from the tensor at `first` on. */
static enum err resolve_piece(struct role *role, size_t first, const struct layout_request *layout, struct heads *piece, struct err_info *info)
{
	for (size_t i = first; i < first + (size_t)role->layers; i++) {
		struct heads view;
		enum err err = layout_resolve(&role->tensor[i], layout, &role->slot[i], &view, info);
		if (!err && i > first)
			err = join_layer(role, i, first, piece, &view, info);
		if (err)
			return err_in_file(info, role->part[i].archive->file);
		if (i == first)
			*piece = view;
	}
	piece->tensors = &role->slot[first];
	if (role->layers > 1) {
		piece->present[AXIS_LAYER] = true;
		piece->size[AXIS_LAYER] = piece->tensor_count = role->layers;
	}
	return ERR_OK;
}

static enum err resolve_views(struct role *role, const struct roles_request *request, const struct role *before,
			      struct err_info *info)
{
	static const enum layout_role layout_roles[NAME_ROLE_COUNT] = { LAYOUT_QUERY, LAYOUT_QUERY, LAYOUT_KEY, LAYOUT_VALUE,
									LAYOUT_WEIGHTS };
	struct layout_request layout = { .role = layout_roles[role->kind] };
	enum err err = role_letters(&request->layout, role->word, &layout.letters, info);
	if (!err)
		err = set_packing(role, request, before, &layout, info);
	bool pieces = role->sharded || role->steps > 1;
	if (!err && pieces && role->kind == NAME_WEIGHTS && !role->sharded)
		err = err_set(info, ERR_USAGE, "the weights of several steps make no map: choose one with --dump-step N");
	if (!err && pieces) {
		role->shard = mem_zero_array((size_t)role->steps, sizeof *role->shard);
		role->shard_end = mem_array((size_t)role->steps, sizeof *role->shard_end);
		err = role->shard && role->shard_end ? ERR_OK : err_nomem(info, "the inputs");
	}
	for (int64_t step = 0; step < role->steps && !err; step++)
		err = resolve_piece(role, (size_t)(step * role->layers), &layout, pieces ? &role->shard[step] : &role->heads, info);
	if (!err && pieces)
		err = join_pieces(role, role->steps, before, info);
	return !err && role->cu_seqlens ? cut_sequence(role, request, info) : err;
}

enum err role_load(struct role *role, const struct roles_request *request, const struct role *before, struct err_info *info)
{
	if (role->loaded)
		return ERR_OK;
	role->tensor = mem_zero_array(role->count, sizeof *role->tensor);
	role->slot = mem_zero_array(role->count, sizeof *role->slot);
	if (!role->tensor || !role->slot)
		return err_nomem(info, "the inputs");
	for (size_t i = 0; i < role->count; i++) {
		struct tensor *tensor = &role->part[i].archive->tensor[role->part[i].index];
		enum err err = archive_load(role->part[i].archive, tensor, info);
		if (err)
			return err;
		role->tensor[i] = *tensor;
		role->slot[i] = &role->tensor[i];
		if (request->dtype && tensor->dtype == DTYPE_U16 && (err = tensor_as_bfloat16(&role->tensor[i], info)))
			return err;
	}
	if (role->numbered && !(role->number = mem_array((size_t)role->layers, sizeof *role->number)))
		return err_nomem(info, "the layers");
	for (int64_t layer = 0; role->numbered && layer < role->layers; layer++)
		role->number[layer] = role->part[layer].layer;
	role->loaded = true;
	return role->kind ? resolve_views(role, request, before, info) : ERR_OK;
}
