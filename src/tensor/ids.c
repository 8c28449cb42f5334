/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/readers.h"
#include "tensor/vocab.h"

enum { JSON_SIZE_MAX = 256 << 20 };

static enum err take_row(const struct tensor *tensor, int64_t row, int64_t **id, size_t *count, struct err_info *info)
{
	char shape[128];
	tensor_shape_text(tensor, shape, sizeof shape);
	if (dtype_is_float(tensor->dtype) || tensor->dtype == DTYPE_BOOL)
		return err_set(info, ERR_UNSUPPORTED, "%s is %s: token ids are integers", tensor->name, dtype_name(tensor->dtype));
	if (tensor->rank != 1 && tensor->rank != 2)
		return err_set(info, ERR_SHAPE, "%s has the shape %s: token ids are (N,) or (B,N)", tensor->name, shape);
	int64_t rows = tensor->rank == 2 ? tensor->shape[0] : 1, columns = tensor->shape[tensor->rank - 1];
	if (row < 0 || row >= rows)
		return err_set(info, ERR_USAGE, "%s has the shape %s: there is no batch %lld", tensor->name, shape, (long long)row);
	if (columns > TOKENS_MAX)
		return err_set(info, ERR_UNSUPPORTED, "more than %d ids", TOKENS_MAX);
	*id = mem_array((size_t)columns, sizeof **id);
	if (!*id)
		return err_nomem(info, "ids");
	*count = (size_t)columns;
	enum err err = ERR_OK;
	for (int64_t i = 0; i < columns && !err; i++)
		err = tensor_integer_at(tensor, row * columns + i, &(*id)[i], info);
	return err;
}

static const json_t *find_list(const json_t *root, int64_t row)
{
	static const char *const members[] = { "input_ids", "ids", "tokens" };
	const json_t *list = json_is_array(root) ? root : NULL;
	for (size_t i = 0; !list && i < sizeof members / sizeof members[0]; i++)
		list = json_object_get(root, members[i]);
	return json_is_array(json_array_get(list, 0)) && row >= 0 ? json_array_get(list, (size_t)row) : list;
}

static enum err take_json(const json_t *root, int64_t row, int64_t **id, size_t *count, struct err_info *info)
{
	const json_t *list = find_list(root, row);
	size_t i;
	json_t *value;
	if (!json_is_array(list) || json_array_size(list) > TOKENS_MAX)
		return err_set(info, ERR_FORMAT, "no list of token ids: an array of integers is wanted");
	*id = mem_array(json_array_size(list), sizeof **id);
	if (!*id)
		return err_nomem(info, "ids");
	json_array_foreach(list, i, value) {
		if (!json_is_integer(value))
			return err_set(info, ERR_FORMAT, "item %zu is no integer: token ids are wanted", i);
		(*id)[(*count)++] = json_integer_value(value);
	}
	return ERR_OK;
}

static enum err parse_json(const struct bytes *bytes, int64_t row, int64_t **id, size_t *count, struct err_info *info)
{
	if (bytes->size > JSON_SIZE_MAX)
		return err_set(info, ERR_UNSUPPORTED, "too much JSON for a list of ids");
	json_error_t error;
	json_t *root = json_loadb((const char *)bytes->data, (size_t)bytes->size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (!root) {
		err_set(info, ERR_FORMAT, "broken JSON: %s", error.text);
		return info ? err_at(info, (uint64_t)(error.position > 0 ? error.position : 0)) : ERR_FORMAT;
	}
	enum err err = take_json(root, row, id, count, info);
	json_decref(root);
	return err;
}

static bool take_number(const struct bytes *bytes, uint64_t *at, int64_t *value)
{
	bool negative = bytes->data[*at] == '-';
	uint64_t start = *at += negative;
	for (*value = 0; *at < bytes->size && bytes->data[*at] >= '0' && bytes->data[*at] <= '9'; ++*at)
		if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, bytes->data[*at] - '0', value))
			return false;
	*value = negative ? -*value : *value;
	return *at > start;
}

static enum err parse_text(const struct bytes *bytes, int64_t **id, size_t *count, struct err_info *info)
{
	size_t capacity = 0;
	for (uint64_t at = 0; at < bytes->size;) {
		if (memchr(" \t\r\n,", bytes->data[at], 5)) {
			at++;
			continue;
		}
		int64_t value;
		uint64_t start = at;
		if (!take_number(bytes, &at, &value)) {
			err_set(info, ERR_FORMAT, "no list of token ids: neither a tensor, JSON nor numbers");
			return info ? err_at(info, start) : ERR_FORMAT;
		}
		void *list = *id;
		if (*count == TOKENS_MAX)
			return err_set(info, ERR_UNSUPPORTED, "more than %d ids", TOKENS_MAX);
		if (!mem_grow(&list, &capacity, *count + 1, sizeof **id))
			return err_nomem(info, "ids");
		*id = list;
		(*id)[(*count)++] = value;
	}
	return ERR_OK;
}

static enum err read_tensor(struct bytes *bytes, const char *file, const char *name, int64_t row, int64_t **id, size_t *count,
			    struct err_info *info)
{
	struct archive archive;
	const struct tensor *tensor;
	enum err err = archive_open_bytes(&archive, file, bytes, NULL, info);
	if (!err)
		err = archive_get(&archive, name, &tensor, info);
	if (!err)
		err = take_row(tensor, row, id, count, info);
	archive_release(&archive);
	return err;
}

static bool begins_json(const struct bytes *bytes)
{
	uint64_t at = 0;
	while (at < bytes->size && memchr(" \t\r\n", bytes->data[at], 4))
		at++;
	return at < bytes->size && (bytes->data[at] == '[' || bytes->data[at] == '{');
}

static enum err read_ids(const char *file, const char *name, int64_t row, int64_t **id, size_t *count, struct err_info *info)
{
	struct bytes bytes;
	enum err err = bytes_open(&bytes, file, info);
	if (err)
		return err;
	if (archive_is_tensor_file(bytes.data, (size_t)bytes.size) || name)
		err = read_tensor(&bytes, file, name, row, id, count, info);
	else if (begins_json(&bytes))
		err = parse_json(&bytes, row, id, count, info);
	else
		err = parse_text(&bytes, id, count, info);
	bytes_release(&bytes);
	return err;
}

enum err vocab_read_ids(const char *spec, int64_t row, int64_t **id, size_t *count, struct err_info *info)
{
	struct err_info scratch = { 0 };
	char *file, *name;
	if (!info)
		info = &scratch;
	*id = NULL;
	*count = 0;
	enum err err = archive_split_spec(spec, &file, &name, info);
	if (err)
		return err;
	err = read_ids(file, name, row, id, count, info);
	if (err) {
		err_in_file(info, strcmp(file, "-") == 0 ? "standard input" : file);
		free(*id);
		*id = NULL;
		*count = 0;
	}
	free(file);
	free(name);
	return err;
}
