/* SPDX-License-Identifier: MIT */
#include "tensor/pickle_arrays.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "tensor/pickle_numpy.h"
#include "tensor/readers.h"

enum { DEPTH_MAX = 200, PATH_MAX_LENGTH = 1024, STEPS_LEAST = 1 << 16 };

enum children { CHILDREN_ITEMS, CHILDREN_PAIRS, CHILDREN_PAIR_LISTS, CHILDREN_SAME_PATH };

/* Values that are gone through one by one, below the path as it was. */
struct frame {
	struct pickle_object *active; /* no longer so when the frame is done */
	const struct pickle_object *of;
	enum children children;
	uint32_t index;
	size_t path_length;
	struct tensor shape;          /* of an array of objects of more than one axis */
};

/* A graph may share objects, so that a small file has endless paths: `steps` bounds how many are walked. */
struct walk {
	struct pickle_arrays *arrays;
	struct err_info *info;
	struct strbuf path;
	int64_t steps;
	struct frame frame[DEPTH_MAX];
	size_t depth;
};

static enum err pay(struct walk *walk, int64_t steps)
{
	walk->steps -= steps;
	if (walk->steps >= 0)
		return ERR_OK;
	return err_set(walk->info, ERR_FORMAT, "the same objects of the pickle occur again and again: more of them than its size justifies");
}

static const char *path_text(const struct walk *walk)
{
	return walk->path.len ? walk->path.buf : archive_base_name(walk->arrays->archive->file);
}

/* --- what is found --- */

/* The path of a lone tensor is empty; those in lists and tuples alone have numbers for names. */
static bool is_place(const char *path)
{
	return path[strspn(path, "0123456789.")] == '\0';
}

static enum err add_tensor(struct walk *walk, const struct tensor *found, const struct torch_storage *storage)
{
	struct pickle_arrays *arrays = walk->arrays;
	void *storages = arrays->storage;
	const char *name = path_text(walk);
	if (!mem_grow(&storages, &arrays->storage_capacity, arrays->archive->count + 1, sizeof *storage))
		return err_nomem(walk->info, "the tensor list");
	arrays->storage = storages;
	arrays->storage[arrays->archive->count] = *storage;
	struct tensor *tensor = archive_add(arrays->archive, arrays->capacity, name, strlen(name));
	if (!tensor)
		return err_nomem(walk->info, "the tensor list");
	const char *kept = tensor->name, *file = tensor->file;
	*tensor = *found;
	tensor->name = kept;
	tensor->file = file;
	tensor->scale = 1;
	uintptr_t data = (uintptr_t)found->data, start = (uintptr_t)arrays->file;
	tensor->offset = arrays->file && data >= start && data - start <= arrays->file_size ? data - start : 0;
	arrays->archive->unnamed = is_place(walk->path.buf) && (tensor == arrays->archive->tensor || arrays->archive->unnamed);
	return pay(walk, (int64_t)walk->path.len);
}

static enum err in_path(struct walk *walk, const struct err_info *cause)
{
	err_set(walk->info, cause->code, "%s: %s", path_text(walk), cause->text);
	return cause->code;
}

static enum err found_torch(struct walk *walk, const struct pickle_value *call)
{
	struct tensor tensor = { 0 };
	struct torch_storage storage = { 0 };
	struct err_info cause = { 0 };
	const char *reason = NULL;
	enum err err = torch_tensor_read(&tensor, &storage, call, &reason, &walk->steps, &cause);
	if (err)
		return in_path(walk, &cause);
	if (reason) {
		archive_skip(walk->arrays->archive, path_text(walk), reason);
		return ERR_OK;
	}
	return add_tensor(walk, &tensor, &storage);
}

static enum err push_frame(struct walk *walk, struct pickle_object *active, const struct pickle_object *of, enum children children)
{
	if (walk->depth == DEPTH_MAX)
		return err_set(walk->info, ERR_UNSUPPORTED, "the pickle is nested deeper than %d levels", DEPTH_MAX);
	struct frame *frame = &walk->frame[walk->depth++];
	frame->active = active;
	frame->of = of;
	frame->children = children;
	frame->index = 0;
	frame->path_length = walk->path.len;
	frame->shape.rank = 0;
	return ERR_OK;
}

static enum err found_numpy(struct walk *walk, const struct pickle_value *call)
{
	struct tensor tensor;
	struct err_info cause = { 0 };
	struct pickle_value objects;
	enum err err = numpy_array_read(&tensor, &objects, call, &cause);
	if (err == ERR_UNSUPPORTED) {
		archive_skip(walk->arrays->archive, path_text(walk), cause.text);
		return ERR_OK;
	}
	if (err)
		return in_path(walk, &cause);
	if (objects.kind == PICKLE_NONE)
		return add_tensor(walk, &tensor, &(struct torch_storage){ 0 });
	if (objects.u.object->active)
		return ERR_OK;
	objects.u.object->active = true;
	err = push_frame(walk, objects.u.object, objects.u.object, tensor.rank ? CHILDREN_ITEMS : CHILDREN_SAME_PATH);
	if (!err)
		walk->frame[walk->depth - 1].shape = tensor;
	return err;
}

/* --- plain lists of numbers --- */

static bool is_sequence(const struct pickle_value *value)
{
	return value->kind == PICKLE_LIST || value->kind == PICKLE_TUPLE;
}

static bool is_number(const struct pickle_value *value)
{
	return value->kind == PICKLE_INT || value->kind == PICKLE_FLOAT || value->kind == PICKLE_BOOL;
}

/* The lengths as the first elements tell them; false where they do not end at a number. */
static bool guess_shape(const struct pickle_value *list, struct tensor *tensor)
{
	struct pickle_value value = *list;
	tensor->rank = 0;
	while (is_sequence(&value) && value.u.object->count && tensor->rank < TENSOR_MAX_RANK) {
		tensor->shape[tensor->rank++] = value.u.object->count;
		value = value.u.object->item[0];
	}
	return tensor->rank && is_number(&value);
}

/* Count the numbers below `value`, all of whose levels have the lengths of the shape from `axis` on. Ends where `steps` does. No deeper than the rank. */
static bool is_regular(const struct pickle_value *value, const struct tensor *tensor, int axis, int64_t *steps, bool *real)
{
	if (axis == tensor->rank) {
		*real = *real || value->kind == PICKLE_FLOAT;
		return is_number(value);
	}
	if (!is_sequence(value) || (int64_t)value->u.object->count != tensor->shape[axis])
		return false;
	*steps -= tensor->shape[axis];
	bool regular = *steps >= 0;
	for (uint32_t i = 0; regular && i < value->u.object->count; i++)
		regular = is_regular(&value->u.object->item[i], tensor, axis + 1, steps, real);
	return regular;
}

static void copy_numbers(const struct pickle_value *value, bool real, unsigned char **out)
{
	if (is_sequence(value)) {
		for (uint32_t i = 0; i < value->u.object->count; i++)
			copy_numbers(&value->u.object->item[i], real, out);
		return;
	}
	double number = value->kind == PICKLE_FLOAT ? value->u.real : (double)value->u.integer;
	memcpy(*out, real ? (const void *)&number : (const void *)&value->u.integer, sizeof number);
	*out += sizeof number;
}

/* *found where the list is an array. A tuple of plain numbers is a shape or a range rather than data. */
static enum err found_list(struct walk *walk, const struct pickle_value *list, bool *found)
{
	struct tensor tensor = { 0 };
	bool real = false;
	uint64_t bytes;
	*found = guess_shape(list, &tensor) && (list->kind == PICKLE_LIST || tensor.rank > 1) && is_regular(list, &tensor, 0, &walk->steps, &real);
	enum err err = pay(walk, 0);
	if (err || !*found)
		return err;
	tensor.dtype = real ? DTYPE_F64 : DTYPE_I64;
	if (!tensor_set_strides(&tensor, false, &bytes))
		return ERR_OK;
	unsigned char *out = pickle_add_block(walk->arrays->block, bytes);
	if (!out)
		return err_nomem(walk->info, "an array");
	tensor.data = out;
	copy_numbers(list, real, &out);
	return add_tensor(walk, &tensor, &(struct torch_storage){ 0 });
}

/* --- containers and objects --- */

static enum err enter(struct walk *walk, const struct pickle_value *value, enum children children)
{
	if (value->u.object->active)
		return ERR_OK;
	value->u.object->active = true;
	return push_frame(walk, value->u.object, value->u.object, children);
}

/* A part of an object below the object's own path: attributes, entries, elements. */
static enum err enter_part(struct walk *walk, const struct pickle_value *value)
{
	if (value->kind == PICKLE_DICT)
		return enter(walk, value, CHILDREN_PAIRS);
	return is_sequence(value) ? enter(walk, value, CHILDREN_ITEMS) : ERR_OK;
}

/* Attributes, and those in __slots__: a dict or None, and a dict. */
static enum err enter_state(struct walk *walk, const struct pickle_value *state)
{
	struct pickle_value attributes = pickle_item(state, 0), slots = pickle_item(state, 1);
	bool both = state->kind == PICKLE_TUPLE && state->u.object->count == 2 && slots.kind == PICKLE_DICT &&
		    (attributes.kind == PICKLE_NONE || attributes.kind == PICKLE_DICT);
	if (!both)
		return enter_part(walk, state);
	enum err err = enter_part(walk, &slots);
	return err ? err : enter_part(walk, &attributes);
}

static bool is_empty(const struct pickle_value *value)
{
	return value->kind < PICKLE_LIST || value->kind > PICKLE_DICT || value->u.object->count == 0;
}

/* What an object is made of is in its entries, its elements, its attributes or, where it has none of these (named tuples), its arguments. A model output of
 * transformers has its entries as attributes once more. */
static enum err enter_object(struct walk *walk, const struct pickle_value *call)
{
	struct pickle_value arguments = pickle_part(call, PICKLE_ARGUMENTS), state = pickle_part(call, PICKLE_STATE),
		items = pickle_part(call, PICKLE_ITEMS), pairs = pickle_part(call, PICKLE_PAIRS), base = { .kind = PICKLE_NONE };
	if (pickle_called(call) == MEANING_RECONSTRUCTOR)
		base = pickle_item(&arguments, 2);
	bool bare = is_empty(&items) && is_empty(&pairs) && state.kind == PICKLE_NONE && base.kind == PICKLE_NONE;
	call->u.object->active = true;
	enum err err = push_frame(walk, call->u.object, NULL, CHILDREN_ITEMS);
	if (!err && is_empty(&pairs))
		err = enter_state(walk, &state);
	if (!err)
		err = enter_part(walk, &base);
	if (!err)
		err = enter_part(walk, &items);
	if (!err)
		err = enter_part(walk, &pairs);
	return err || !bare ? err : enter_part(walk, &arguments);
}

/* OrderedDict([[key, value], ...]) of Python 2, list((...)), torch.Size((...)), and what was put into them afterwards. */
static enum err enter_container(struct walk *walk, const struct pickle_value *call)
{
	struct pickle_value arguments = pickle_part(call, PICKLE_ARGUMENTS), first = pickle_item(&arguments, 0), items = pickle_part(call, PICKLE_ITEMS),
		pairs = pickle_part(call, PICKLE_PAIRS);
	bool dict = pickle_called(call) == MEANING_DICT;
	call->u.object->active = true;
	enum err err = push_frame(walk, call->u.object, NULL, CHILDREN_ITEMS);
	if (!err)
		err = enter_part(walk, &items);
	if (!err)
		err = enter_part(walk, &pairs);
	if (!err && is_sequence(&first))
		err = enter(walk, &first, dict ? CHILDREN_PAIR_LISTS : CHILDREN_ITEMS);
	return err || first.kind != PICKLE_DICT ? err : enter_part(walk, &first);
}

static enum err visit_call(struct walk *walk, struct pickle_value call)
{
	enum { WRAPPED_MAX = 8 };
	struct pickle_value arguments = pickle_part(&call, PICKLE_ARGUMENTS), function = pickle_item(&arguments, 0);
	struct pickle_object of_type = { 0 };
	struct pickle_value part[2];
	for (int i = 0; i < WRAPPED_MAX && pickle_called(&call) == MEANING_SAME_TENSOR; i++) {
		call = pickle_item(&arguments, 0);
		arguments = pickle_part(&call, PICKLE_ARGUMENTS);
	}
	if (pickle_called(&call) == MEANING_TENSOR_OF_TYPE && function.kind == PICKLE_NAME) {
		part[PICKLE_CALLEE] = function;
		part[PICKLE_ARGUMENTS] = pickle_item(&arguments, 2);
		of_type = (struct pickle_object){ .item = part, .count = 2 };
		call.u.object = &of_type;
	}
	if (call.kind != PICKLE_CALL || call.u.object->active)
		return ERR_OK;
	switch (pickle_called(&call)) {
	case MEANING_TENSOR:
	case MEANING_TENSOR_TYPED: return found_torch(walk, &call);
	case MEANING_ARRAY:
	case MEANING_ARRAY_BUFFER: return found_numpy(walk, &call);
	case MEANING_DICT:
	case MEANING_LIST: return call.u.object == &of_type ? ERR_OK : enter_container(walk, &call);
	case MEANING_CLASS:
	case MEANING_RECONSTRUCTOR: return call.u.object == &of_type ? ERR_OK : enter_object(walk, &call);
	case MEANING_ODD_TENSOR:
	case MEANING_SAME_TENSOR:
	case MEANING_TENSOR_OF_TYPE:
		archive_skip(walk->arrays->archive, path_text(walk), "a sparse, quantised, nested or distributed tensor");
		return ERR_OK;
	default: return ERR_OK;
	}
}

static enum err visit(struct walk *walk, const struct pickle_value *value)
{
	bool found = false;
	enum err err = pay(walk, 1);
	if (err || value->kind < PICKLE_LIST)
		return err;
	if (value->kind == PICKLE_CALL)
		return visit_call(walk, *value);
	if (is_sequence(value) && !value->u.object->active)
		err = found_list(walk, value, &found);
	return err || found ? err : enter_part(walk, value);
}

/* --- paths --- */

static void append_key(struct strbuf *path, const struct pickle_value *key)
{
	switch (key->kind) {
	case PICKLE_TEXT:
	case PICKLE_BYTES: strbuf_add(path, key->u.bytes, key->length < PATH_MAX_LENGTH ? (size_t)key->length : PATH_MAX_LENGTH); break;
	case PICKLE_INT: strbuf_addf(path, "%" PRId64, key->u.integer); break;
	case PICKLE_BOOL: strbuf_addstr(path, key->u.integer ? "True" : "False"); break;
	case PICKLE_FLOAT: strbuf_addf(path, "%.17g", key->u.real); break;
	case PICKLE_NONE: strbuf_addstr(path, "None"); break;
	default: strbuf_addstr(path, "key"); break;
	}
}

/* The key of a dict; a tuple of them is (0, "q") -> 0_q. */
static void append_label(struct strbuf *path, const struct pickle_value *key)
{
	enum { PARTS_MAX = 8 };
	if (key->kind != PICKLE_TUPLE) {
		append_key(path, key);
		return;
	}
	for (uint32_t i = 0; i < key->u.object->count && i < PARTS_MAX; i++) {
		if (i)
			strbuf_addch(path, '_');
		append_key(path, &key->u.object->item[i]);
	}
}

/* The place of an element: i, or i.j in an array of two axes. */
static void append_place(struct strbuf *path, uint32_t index, const struct tensor *shape)
{
	int64_t rest = index, place[TENSOR_MAX_RANK];
	if (shape->rank < 2) {
		strbuf_addf(path, "%" PRIu32, index);
		return;
	}
	for (int axis = shape->rank - 1; axis >= 0; axis--) {
		place[axis] = rest % shape->shape[axis];
		rest /= shape->shape[axis];
	}
	for (int axis = 0; axis < shape->rank; axis++)
		strbuf_addf(path, axis ? ".%" PRId64 : "%" PRId64, place[axis]);
}

/* Where torch.nn.Module keeps what a state_dict names without it. */
static bool is_silent(const struct pickle_value *key)
{
	return pickle_is_text(key, "_modules") || pickle_is_text(key, "_parameters") || pickle_is_text(key, "_buffers");
}

/* The next child of a frame, with its path; false where there is none. */
static bool next_child(struct walk *walk, struct frame *frame, struct pickle_value *child)
{
	struct strbuf *path = &walk->path;
	if (!frame->of || frame->index >= frame->of->count)
		return false;
	struct pickle_value key = { .kind = PICKLE_INT, .u.integer = frame->index };
	*child = frame->of->item[frame->index++];
	if (frame->children == CHILDREN_PAIRS) {
		key = *child;
		*child = frame->of->item[frame->index++];
	} else if (frame->children == CHILDREN_PAIR_LISTS) {
		struct pickle_value pair = *child;
		key = pickle_item(&pair, 0);
		*child = pickle_item(&pair, 1);
	}
	if (frame->children == CHILDREN_SAME_PATH || (frame->children == CHILDREN_PAIRS && is_silent(&key)))
		return true;
	if (path->len)
		strbuf_addch(path, '.');
	if (frame->children == CHILDREN_ITEMS)
		append_place(path, frame->index - 1, &frame->shape);
	else
		append_label(path, &key);
	return true;
}

static void shorten(struct strbuf *path, size_t length)
{
	if (length < path->len) {
		path->len = length;
		path->buf[length] = '\0';
	}
}

static enum err walk_graph(struct walk *walk, const struct pickle_value *root)
{
	enum err err = visit(walk, root);
	while (!err && walk->depth) {
		struct frame *frame = &walk->frame[walk->depth - 1];
		struct pickle_value child;
		shorten(&walk->path, frame->path_length);
		if (!next_child(walk, frame, &child)) {
			if (frame->active)
				frame->active->active = false;
			walk->depth--;
		} else if (walk->path.len > PATH_MAX_LENGTH) {
			err = err_set(walk->info, ERR_UNSUPPORTED, "the pickle has names longer than %d bytes", PATH_MAX_LENGTH);
		} else {
			err = visit(walk, &child);
		}
	}
	return err || !strbuf_failed(&walk->path) ? err : err_nomem(walk->info, "the names");
}

enum err pickle_list(struct pickle_arrays *arrays, const struct pickle *pickle, struct err_info *info)
{
	struct walk *walk = mem_array(1, sizeof *walk);
	if (!walk)
		return err_nomem(info, "the tensor list");
	walk->arrays = arrays;
	walk->info = info;
	walk->depth = 0;
	walk->steps = STEPS_LEAST + (int64_t)(pickle->size < INT64_MAX / 8 ? 4 * pickle->size : INT64_MAX / 2);
	strbuf_init(&walk->path);
	if (arrays->prefix)
		strbuf_addstr(&walk->path, arrays->prefix);
	enum err err = walk_graph(walk, &pickle->root);
	strbuf_release(&walk->path);
	free(walk);
	return err;
}

enum err pickle_list_objects(struct archive *archive, size_t *capacity, const char *prefix, const unsigned char *bytes, uint64_t size,
			     struct pickle_block **block, struct err_info *info)
{
	struct pickle_arrays arrays = { .archive = archive, .capacity = capacity, .prefix = prefix, .block = block };
	struct pickle pickle;
	enum err err = pickle_parse(&pickle, bytes, size, false, info);
	if (!err)
		err = pickle_list(&arrays, &pickle, info);
	pickle_keep_blocks(&pickle, block);
	pickle_release(&pickle);
	free(arrays.storage);
	return err;
}
