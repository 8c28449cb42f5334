/* SPDX-License-Identifier: MIT */
#include "commands/model_states.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* A tensor among several, with the last number in its name. */
struct found {
	const struct tensor *tensor;
	int64_t number;
};

struct list {
	struct found *found;
	size_t count, capacity;
};

void model_states_release(struct model_states *states)
{
	free(states->slot);
	free(states->tensor);
	free(states->entry);
	*states = (struct model_states){ 0 };
}

/* -1: no number. */
static int64_t last_number(const char *name)
{
	const char *end = name + strlen(name);
	while (end > name && !isdigit((unsigned char)end[-1]))
		end--;
	const char *begin = end;
	while (begin > name && isdigit((unsigned char)begin[-1]))
		begin--;
	return begin < end && end - begin < 10 ? strtoll(begin, NULL, 10) : -1;
}

static bool add(struct list *list, const struct tensor *tensor, const char *name)
{
	void *grown = list->found;
	bool room = mem_grow(&grown, &list->capacity, list->count + 1, sizeof *list->found);
	list->found = grown;
	if (room)
		list->found[list->count++] = (struct found){ tensor, last_number(name) };
	return room;
}

/* Of a container, those that are called hidden states; where none is, all. */
static enum err add_archive(struct list *list, struct archive *archive, struct err_info *info)
{
	bool named = false;
	for (size_t i = 0; i < archive->count; i++)
		named = named || strstr(archive->tensor[i].name, "hidden");
	for (size_t i = 0; i < archive->count; i++) {
		char buffer[256];
		struct tensor *tensor = &archive->tensor[i];
		if (named && !strstr(tensor->name, "hidden"))
			continue;
		enum err err = archive_load(archive, tensor, info);
		if (err)
			return err;
		if (!add(list, tensor, roles_tensor_name(archive, tensor, buffer, sizeof buffer)))
			return err_nomem(info, "the hidden states");
	}
	return ERR_OK;
}

static enum err collect(struct list *list, struct roles *roles, const struct string_list *spec, struct err_info *info)
{
	for (size_t i = 0; i < spec->count; i++) {
		struct archive *archive;
		const struct tensor *tensor = NULL;
		char buffer[256];
		enum err err = roles_archive(roles, spec->item[i], &archive, &tensor, info);
		if (!err && !tensor)
			err = add_archive(list, archive, info);
		else if (!err && !add(list, tensor, roles_tensor_name(archive, tensor, buffer, sizeof buffer)))
			err = err_nomem(info, "the hidden states");
		if (err)
			return err;
	}
	return list->count ? ERR_OK : err_set(info, ERR_USAGE, "--hidden: no tensor in there");
}

static int by_number(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	return x->number < y->number ? -1 : x->number > y->number;
}

static enum err refuse_shape(const struct tensor *tensor, const char *expected, struct err_info *info)
{
	char shape[128];
	err_set(info, ERR_SHAPE, "'%s' has shape %s: %s", tensor->name, tensor_shape_text(tensor, shape, sizeof shape), expected);
	return err_in_file(info, tensor->file);
}

/* Axes of one tensor whose first `lead` are: entries, batch; the last two are tokens and width. */
static void view(struct model_states *states, const struct tensor *tensor, bool entries)
{
	struct heads *heads = &states->heads;
	int rank = tensor->rank, at = 0;
	*heads = (struct heads){ .tensors = states->slot, .tensor_count = 1, .size = { 1, 1, 1, tensor->shape[rank - 2], tensor->shape[rank - 1] },
				 .stride = { 0, 0, 0, tensor->stride[rank - 2], tensor->stride[rank - 1] }, .present = { true, false, false, true, true } };
	if (entries) {
		heads->size[AXIS_LAYER] = tensor->shape[at];
		heads->stride[AXIS_LAYER] = tensor->stride[at++];
	}
	states->has_batch = at < rank - 2;
	heads->present[AXIS_BATCH] = states->has_batch;
	if (states->has_batch) {
		heads->size[AXIS_BATCH] = tensor->shape[at];
		heads->stride[AXIS_BATCH] = tensor->stride[at];
	}
}

static enum err take_slots(struct model_states *states, const struct list *list, struct err_info *info)
{
	states->slot = mem_array(list->count, sizeof *states->slot);
	states->tensor = mem_array(list->count, sizeof *states->tensor);
	if (!states->slot || !states->tensor)
		return err_nomem(info, "the hidden states");
	for (size_t i = 0; i < list->count; i++) {
		states->tensor[i] = *list->found[i].tensor;
		states->slot[i] = &states->tensor[i];
		if (!dtype_is_float(states->tensor[i].dtype))
			return refuse_shape(&states->tensor[i], "hidden states are floating-point numbers", info);
	}
	return ERR_OK;
}

static enum err check_sizes(const struct model_states *states, struct err_info *info)
{
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		if (states->heads.size[axis] < 1)
			return refuse_shape(&states->tensor[0], "nothing to see", info);
	return ERR_OK;
}

/* One tensor for each layer; its number says which it enters. */
static enum err open_several(struct model_states *states, const struct list *list, int64_t layers, struct err_info *info)
{
	const struct tensor *first = &states->tensor[0];
	bool numbered = true;
	for (size_t i = 0; i < list->count; i++)
		numbered = numbered && list->found[i].number >= 0 && (i == 0 || list->found[i].number > list->found[i - 1].number);
	if (!numbered && (int64_t)list->count != layers && (int64_t)list->count != layers + 1)
		return refuse_shape(first, "one of several whose names do not number the layers", info);
	for (size_t i = 0; i < list->count; i++) {
		const struct tensor *tensor = &states->tensor[i];
		int64_t number = numbered ? list->found[i].number : (int64_t)i;
		if (tensor->rank != first->rank || tensor->rank < 2 || tensor->rank > 3 || memcmp(tensor->shape, first->shape, sizeof tensor->shape[0] * (size_t)tensor->rank) != 0 ||
		    memcmp(tensor->stride, first->stride, sizeof tensor->stride[0] * (size_t)tensor->rank) != 0)
			return refuse_shape(tensor, "(N,D) or (B,N,D) is expected, and the same for all layers", info);
		if (number < layers)
			states->entry[number] = (int64_t)i;
	}
	view(states, first, false);
	states->heads.size[AXIS_LAYER] = states->heads.tensor_count = (int64_t)list->count;
	states->as_many_as_layers = (int64_t)list->count == layers && (!numbered || list->found[0].number == 0);
	return check_sizes(states, info);
}

static enum err open_one(struct model_states *states, int64_t layers, struct err_info *info)
{
	const struct tensor *tensor = &states->tensor[0];
	int64_t entries = tensor->rank > 2 ? tensor->shape[0] : 1;
	if (tensor->rank < 2 || tensor->rank > 4)
		return refuse_shape(tensor, "(L+1,N,D) or (L+1,B,N,D) is expected", info);
	if ((tensor->rank == 2 && layers != 1) || (tensor->rank > 2 && entries != layers && entries != layers + 1)) {
		char expected[160];
		snprintf(expected, sizeof expected, "the model has %" PRId64 " layers, so (%" PRId64 ",N,D) or (%" PRId64 ",B,N,D) is expected, outputs.hidden_states stacked", layers,
			 layers + 1, layers + 1);
		return refuse_shape(tensor, expected, info);
	}
	for (int64_t layer = 0; layer < layers; layer++)
		states->entry[layer] = layer;
	view(states, tensor, tensor->rank > 2);
	states->as_many_as_layers = entries == layers;
	return check_sizes(states, info);
}

/* Layer l is entered by what came out of the layer before. */
static void move_behind(struct model_states *states, int64_t layers)
{
	for (int64_t layer = layers - 1; layer > 0; layer--)
		states->entry[layer] = states->entry[layer - 1];
	states->entry[0] = -1;
	states->as_many_as_layers = false;
}

enum err model_states_open(struct model_states *states, struct roles *roles, const struct string_list *spec, int64_t layers, bool behind, struct err_info *info)
{
	struct list list = { 0 };
	*states = (struct model_states){ 0 };
	enum err err = collect(&list, roles, spec, info);
	if (!err)
		qsort(list.found, list.count, sizeof *list.found, by_number);
	states->entry = mem_array((size_t)layers, sizeof *states->entry);
	if (!err && !states->entry)
		err = err_nomem(info, "the hidden states");
	for (int64_t layer = 0; layer < layers && !err; layer++)
		states->entry[layer] = -1;
	if (!err)
		err = take_slots(states, &list, info);
	if (!err)
		err = list.count > 1 ? open_several(states, &list, layers, info) : open_one(states, layers, info);
	if (!err && behind)
		move_behind(states, layers);
	free(list.found);
	return err;
}

enum err model_memory_open(struct model_states *states, struct roles *roles, const struct string_list *spec, int64_t layers, int64_t batches, struct err_info *info)
{
	struct list list = { 0 };
	*states = (struct model_states){ 0 };
	enum err err = collect(&list, roles, spec, info);
	if (!err)
		qsort(list.found, list.count, sizeof *list.found, by_number);
	if (!err && list.count > 1) /* one tensor each: the last */
		list.found[0] = list.found[list.count - 1];
	list.count = list.count > 1 ? 1 : list.count;
	if (!err)
		err = take_slots(states, &list, info);
	free(list.found);
	if (err)
		return err;
	const struct tensor *tensor = &states->tensor[0];
	if (tensor->rank < 2 || tensor->rank > 4)
		return refuse_shape(tensor, "(M,D) or (B,M,D) is expected, or the encoder's states one behind the other", info);
	bool stacked = tensor->rank == 4 || (tensor->rank == 3 && tensor->shape[0] == layers + 1);
	if (tensor->rank == 3 && stacked && tensor->shape[0] == batches && batches > 1)
		return refuse_shape(tensor, "the first axis could be layers or batch: give the last state alone, (B,M,D)", info);
	if (tensor->rank == 3 && !stacked && tensor->shape[0] != batches && tensor->shape[0] != 1)
		return refuse_shape(tensor, "its first axis is neither the batch nor the encoder's layers and one", info);
	view(states, tensor, stacked);
	struct heads *heads = &states->heads;
	heads->first = (heads->size[AXIS_LAYER] - 1) * heads->stride[AXIS_LAYER];
	heads->size[AXIS_LAYER] = 1;
	return check_sizes(states, info);
}
