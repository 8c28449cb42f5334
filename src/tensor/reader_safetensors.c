/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "tensor/readers.h"
#include "tensor/safetensors_scale.h"

/* The limit of the reference reader (huggingface/safetensors, tensor.rs). */
enum { LENGTH_SIZE = 8, HEADER_MAX = 100000000 };

static const struct dtype_row {
	const char *name;
	unsigned bits;
	bool readable;
	enum dtype dtype;
} dtype_table[] = {
	{ "F64", 64, true, DTYPE_F64 },   { "F32", 32, true, DTYPE_F32 },
	{ "F16", 16, true, DTYPE_F16 },   { "BF16", 16, true, DTYPE_BF16 },
	{ "F8_E4M3", 8, true, DTYPE_F8_E4M3 }, { "F8_E5M2", 8, true, DTYPE_F8_E5M2 },
	{ "I64", 64, true, DTYPE_I64 },   { "I32", 32, true, DTYPE_I32 },
	{ "I16", 16, true, DTYPE_I16 },   { "I8", 8, true, DTYPE_I8 },
	{ "U64", 64, true, DTYPE_U64 },   { "U32", 32, true, DTYPE_U32 },
	{ "U16", 16, true, DTYPE_U16 },   { "U8", 8, true, DTYPE_U8 },
	{ "BOOL", 8, true, DTYPE_BOOL },
	{ .name = "C64", .bits = 64 },    { .name = "F4", .bits = 4 },
	{ .name = "F6_E2M3", .bits = 6 }, { .name = "F6_E3M2", .bits = 6 },
	{ .name = "F8_E8M0", .bits = 8 }, { .name = "F8_E4M3FNUZ", .bits = 8 },
	{ .name = "F8_E5M2FNUZ", .bits = 8 },
};

/* One entry of the header. */
struct entry {
	const char *name;
	const json_t *shape;
	const struct dtype_row *dtype; /* NULL: unknown */
	uint64_t begin, end;           /* of the data, after the header */
};

struct safetensors {
	struct archive *archive;
	const unsigned char *data; /* after the header */
	uint64_t data_offset, data_size;
	struct entry *entry;
	size_t count;
	struct err_info *info;
};

static uint64_t read_length(const unsigned char *bytes)
{
	uint64_t length = 0;
	for (int i = LENGTH_SIZE - 1; i >= 0; i--)
		length = length << 8 | bytes[i];
	return length;
}

/* A plausible length, and a brace where JSON begins. The format may have spaces before it. */
static bool probe(const unsigned char *head, size_t size)
{
	if (size <= LENGTH_SIZE || read_length(head) > HEADER_MAX)
		return false;
	size_t at = LENGTH_SIZE;
	while (at < size && memchr(" \t\r\n", head[at], 4))
		at++;
	return at < size && head[at] == '{';
}

static enum err check_length(const struct bytes *bytes, uint64_t *length, struct err_info *info)
{
	if (bytes->size < LENGTH_SIZE)
		return err_set(info, ERR_FORMAT, "too short for a .safetensors file: %" PRIu64 " bytes", bytes->size);
	*length = read_length(bytes->data);
	if (*length > HEADER_MAX)
		return err_set(info, ERR_FORMAT, "not a .safetensors file: it says that its header is %" PRIu64 " bytes long", *length);
	if (*length > bytes->size - LENGTH_SIZE)
		return err_set(info, ERR_FORMAT, "truncated: the .safetensors header should be %" PRIu64 " bytes long but only %" PRIu64
			       " follow", *length, bytes->size - LENGTH_SIZE);
	return ERR_OK;
}

static enum err parse_header(const struct bytes *bytes, uint64_t length, json_t **header, struct err_info *info)
{
	const char *text = (const char *)bytes->data + LENGTH_SIZE;
	if (!utf8_valid(text, (size_t)length))
		return err_set(info, ERR_FORMAT, "the .safetensors header is not valid UTF-8");
	json_error_t error;
	*header = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
	if (*header && json_is_object(*header))
		return ERR_OK;
	if (*header)
		return err_set(info, ERR_FORMAT, "the .safetensors header is no JSON object");
	bool overflow = json_error_code(&error) == json_error_numeric_overflow;
	err_set(info, ERR_FORMAT, overflow ? "the .safetensors header holds an impossible size, which overflows: %s"
					   : "the .safetensors header is broken JSON: %s", error.text);
	if (info)
		err_at(info, LENGTH_SIZE + (uint64_t)(error.position > 0 ? error.position : 0));
	return ERR_FORMAT;
}

static enum err bad_entry(const struct safetensors *file, const char *name, const char *what)
{
	return err_set(file->info, ERR_FORMAT, "tensor %s: %s", name, what);
}

static bool read_offset(const json_t *pair, size_t index, uint64_t *offset)
{
	const json_t *value = json_array_get(pair, index);
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*offset = (uint64_t)json_integer_value(value);
	return true;
}

static const struct dtype_row *find_dtype(const char *name)
{
	for (size_t i = 0; i < sizeof dtype_table / sizeof dtype_table[0]; i++)
		if (strcmp(dtype_table[i].name, name) == 0)
			return &dtype_table[i];
	return NULL;
}

/* Bytes of the data by shape and dtype; false where they overflow or are no whole number. */
static bool expected_size(const struct entry *entry, uint64_t *size)
{
	int64_t count = 1, bits;
	bool overflow = false, empty = false;
	size_t i;
	json_t *length;
	json_array_foreach(entry->shape, i, length) {
		empty = empty || json_integer_value(length) == 0;
		overflow = overflow || (json_integer_value(length) && !mem_mul_i64(count, json_integer_value(length), &count));
	}
	if (overflow || !mem_mul_i64(count, entry->dtype->bits, &bits) || bits % 8 != 0)
		return false;
	*size = empty ? 0 : (uint64_t)bits / 8;
	return true;
}

static bool is_shape(const json_t *shape)
{
	size_t i;
	json_t *length;
	json_array_foreach(shape, i, length)
		if (!json_is_integer(length) || json_integer_value(length) < 0)
			return false;
	return json_is_array(shape);
}

static enum err read_entry(struct safetensors *file, const char *name, const json_t *value)
{
	const json_t *dtype = json_object_get(value, "dtype"), *offsets = json_object_get(value, "data_offsets");
	struct entry entry = { .name = name, .shape = json_object_get(value, "shape") };
	if (!json_is_string(dtype) || !is_shape(entry.shape) || !json_is_array(offsets) || json_array_size(offsets) != 2)
		return bad_entry(file, name, "expected dtype, shape and a pair of data_offsets");
	if (!read_offset(offsets, 0, &entry.begin) || !read_offset(offsets, 1, &entry.end) || entry.end < entry.begin)
		return bad_entry(file, name, "its data_offsets are no ascending pair");
	entry.dtype = find_dtype(json_string_value(dtype));
	uint64_t size;
	if (entry.dtype && !expected_size(&entry, &size))
		return bad_entry(file, name, "its shape is impossible: the size overflows");
	if (entry.dtype && size != entry.end - entry.begin)
		return err_set(file->info, ERR_FORMAT, "tensor %s: its shape takes %" PRIu64 " bytes but its data_offsets span %" PRIu64,
			       name, size, entry.end - entry.begin);
	if (entry.end > file->data_size)
		return err_set(file->info, ERR_FORMAT, "tensor %s: truncated: its data end at byte %" PRIu64 " but only %" PRIu64
			       " follow the header", name, entry.end, file->data_size);
	file->entry[file->count++] = entry;
	return ERR_OK;
}

static enum err read_entries(struct safetensors *file, json_t *header)
{
	const char *name;
	json_t *value;
	file->entry = mem_array(json_object_size(header), sizeof *file->entry);
	if (!file->entry)
		return err_nomem(file->info, "the tensor list");
	json_object_foreach(header, name, value) {
		enum err err = strcmp(name, "__metadata__") == 0 ? ERR_OK : read_entry(file, name, value);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err add_tensor(struct safetensors *file, size_t *capacity, const struct entry *entry)
{
	size_t rank = json_array_size(entry->shape);
	const char *reason = !entry->dtype ? "unknown dtype" : !entry->dtype->readable ? entry->dtype->name
		: rank > TENSOR_MAX_RANK ? "more than 8 axes" : NULL;
	if (reason) {
		archive_skip(file->archive, entry->name, reason);
		return ERR_OK;
	}
	struct tensor *tensor = archive_add(file->archive, capacity, entry->name, strlen(entry->name));
	if (!tensor)
		return err_nomem(file->info, "the tensor list");
	tensor->dtype = entry->dtype->dtype;
	tensor->byte_swapped = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && dtype_size(tensor->dtype) > 1;
	tensor->rank = (int)rank;
	for (size_t i = 0; i < rank; i++)
		tensor->shape[i] = json_integer_value(json_array_get(entry->shape, i));
	uint64_t size;
	tensor_set_strides(tensor, false, &size);
	tensor->data = file->data + entry->begin;
	tensor->offset = file->data_offset + entry->begin;
	return ERR_OK;
}

static int compare_offsets(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors fill the data from end to end: no overlap, no hole, nothing after the last. Sorts the entries. */
static enum err check_cover(struct safetensors *file)
{
	qsort(file->entry, file->count, sizeof *file->entry, compare_offsets);
	uint64_t end = 0;
	for (size_t i = 0; i < file->count; i++) {
		const struct entry *entry = &file->entry[i];
		if (entry->begin < end)
			return bad_entry(file, entry->name, "its data overlap those of another tensor");
		if (entry->begin > end)
			return bad_entry(file, entry->name, "there is a hole in the data before it");
		end = entry->end;
	}
	if (end == file->data_size)
		return ERR_OK;
	return err_set(file->info, ERR_FORMAT, "%" PRIu64 " bytes follow the last tensor: the file is not what its header says",
		       file->data_size - end);
}

static enum err list_tensors(struct safetensors *file, json_t *header)
{
	enum err err = read_entries(file, header);
	size_t capacity = 0;
	for (size_t i = 0; !err && i < file->count; i++)
		err = add_tensor(file, &capacity, &file->entry[i]);
	if (!err)
		err = check_cover(file);
	if (!err)
		err = safetensors_apply_scales(file->archive, file->info);
	free(file->entry);
	return err;
}

static enum err open_safetensors(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	uint64_t length = 0;
	json_t *header = NULL;
	enum err err = check_length(bytes, &length, info);
	if (!err)
		err = parse_header(bytes, length, &header, info);
	if (err) {
		json_decref(header);
		return err;
	}
	struct safetensors file = {
		.archive = archive,
		.data = bytes->data + LENGTH_SIZE + length,
		.data_offset = LENGTH_SIZE + length,
		.data_size = bytes->size - LENGTH_SIZE - length,
		.info = info,
	};
	err = list_tensors(&file, header);
	json_decref(header);
	struct bytes *kept = err ? NULL : malloc(sizeof *kept);
	if (!kept)
		return err ? err : err_nomem(info, "the .safetensors file");
	*kept = *bytes;
	archive->state = kept;
	memset(bytes, 0, sizeof *bytes);
	return ERR_OK;
}

static void forget_safetensors(const struct archive *archive)
{
	bytes_forget(archive->state);
}

static void close_safetensors(struct archive *archive)
{
	if (archive->state)
		bytes_release(archive->state);
	free(archive->state);
}

const struct reader reader_safetensors = {
	.name = "safetensors",
	.suffixes = ".safetensors",
	.probe = probe,
	.open = open_safetensors,
	.load = safetensors_refuse_unscaled,
	.forget = forget_safetensors,
	.close = close_safetensors,
};
