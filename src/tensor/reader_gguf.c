/* SPDX-License-Identifier: MIT */
/* .gguf: tensors of ggml (llama.cpp), versions 2 and 3. Lengths stand innermost first. Format: ggml/docs/gguf.md. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/ggml_types.h"
#include "tensor/readers.h"
#include "tensor/scan.h"

enum { NAME_MAX_LENGTH = 1024, ALIGNMENT = 32, TYPE_STRING = 8, TYPE_ARRAY = 9, TYPE_COUNT = 13, DIMENSIONS_MAX = 8 };

static const uint8_t scalar_size[TYPE_COUNT] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };

static bool probe(const unsigned char *head, size_t size)
{
	return size >= 4 && memcmp(head, "GGUF", 4) == 0;
}

static struct scan take_string(struct scan *scan)
{
	uint64_t length = scan_number(scan, 8);
	const unsigned char *text = scan_bytes(scan, length);
	return (struct scan){ .data = text, .size = scan->beyond ? 0 : length };
}

/* Values are passed over: each takes a byte at least, or is refused. */
static void skip_value(struct scan *scan, uint64_t type)
{
	uint64_t count = 1;
	if (type == TYPE_ARRAY) {
		type = scan_number(scan, 4);
		count = scan_number(scan, 8);
	}
	if (type == TYPE_STRING)
		for (uint64_t i = 0; i < count && !scan->beyond; i++)
			take_string(scan);
	else if (type < TYPE_COUNT && scalar_size[type])
		scan_array(scan, count, scalar_size[type]);
	else
		scan->beyond = true; /* arrays of arrays, and what is newer than the format */
}

/* *alignment is what the file says, and 32 where it does not. */
static void skip_metadata(struct scan *scan, uint64_t count, uint64_t *alignment)
{
	static const char key_name[] = "general.alignment";
	*alignment = ALIGNMENT;
	for (uint64_t i = 0; i < count && !scan->beyond; i++) {
		struct scan key = take_string(scan);
		uint64_t type = scan_number(scan, 4);
		bool aligns = key.size == sizeof key_name - 1 && memcmp(key.data, key_name, key.size) == 0 && type == 4;
		struct scan value = *scan;
		*alignment = aligns ? scan_number(&value, 4) : *alignment;
		skip_value(scan, type);
	}
}

static enum err truncated(const struct scan *scan, struct err_info *info)
{
	err_set(info, ERR_FORMAT, "truncated or damaged: the list of tensors does not end");
	return info ? err_at(info, scan->at) : ERR_FORMAT;
}

/* One entry of the list; the offset counts from the beginning of the data, which is known once all are read. */
static enum err read_entry(struct archive *archive, size_t *capacity, struct scan *scan, struct err_info *info)
{
	struct scan name = take_string(scan);
	uint64_t rank = scan_number(scan, 4), length[DIMENSIONS_MAX] = { 0 };
	for (uint64_t i = 0; i < rank && i < DIMENSIONS_MAX; i++)
		length[i] = scan_number(scan, 8);
	uint64_t type = scan_number(scan, 4), offset = scan_number(scan, 8);
	if (scan->beyond || name.size > NAME_MAX_LENGTH || rank > DIMENSIONS_MAX)
		return truncated(scan, info);
	char text[NAME_MAX_LENGTH + 1];
	memcpy(text, name.data, (size_t)name.size);
	text[name.size] = '\0';
	enum dtype dtype;
	const char *type_name;
	if (!ggml_type(type, &dtype, &type_name)) {
		archive_skip(archive, text, type_name);
		return ERR_OK;
	}
	struct tensor *tensor = archive_add(archive, capacity, text, strlen(text));
	uint64_t bytes;
	if (!tensor)
		return err_nomem(info, "the tensor list");
	tensor->dtype = dtype;
	tensor->rank = (int)rank;
	for (uint64_t i = 0; i < rank; i++)
		tensor->shape[rank - 1 - i] = length[i] <= INT64_MAX ? (int64_t)length[i] : -1;
	for (uint64_t i = 0; i < rank; i++)
		if (tensor->shape[i] < 0)
			return err_set(info, ERR_FORMAT, "tensor %s: its shape is impossible", text);
	if (!tensor_set_strides(tensor, false, &bytes))
		return err_set(info, ERR_FORMAT, "tensor %s: its shape is impossible", text);
	tensor->offset = offset;
	return ERR_OK;
}

static enum err place_tensors(struct archive *archive, const struct bytes *bytes, uint64_t start, struct err_info *info)
{
	for (size_t i = 0; i < archive->count; i++) {
		struct tensor *tensor = &archive->tensor[i];
		uint64_t needed, there = start < bytes->size ? bytes->size - start : 0;
		tensor_set_strides(tensor, false, &needed);
		if (tensor->offset > there || needed > there - tensor->offset)
			return err_set(info, ERR_FORMAT, "tensor %s: truncated: its data end beyond the file", tensor->name);
		tensor->offset += start;
		tensor->data = bytes->data + tensor->offset;
		tensor->byte_swapped = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ && dtype_size(tensor->dtype) > 1;
	}
	return archive_refuse_duplicates(archive, "tensors", info);
}

static enum err list_tensors(struct archive *archive, const struct bytes *bytes, struct err_info *info)
{
	struct scan scan = { .data = bytes->data, .size = bytes->size };
	size_t capacity = 0;
	scan_bytes(&scan, 4);
	uint64_t version = scan_number(&scan, 4), tensors = scan_number(&scan, 8), values = scan_number(&scan, 8), alignment;
	if (!scan.beyond && version != 2 && version != 3)
		return err_set(info, ERR_UNSUPPORTED, version >> 16 ? "a big-endian GGUF file" : "GGUF version %" PRIu64 " is not read: 2 and 3 are", version);
	skip_metadata(&scan, values, &alignment);
	if (scan.beyond || alignment == 0 || alignment > UINT32_MAX)
		return truncated(&scan, info);
	for (uint64_t i = 0; i < tensors; i++) {
		enum err err = read_entry(archive, &capacity, &scan, info);
		if (err)
			return err;
	}
	return place_tensors(archive, bytes, (scan.at + alignment - 1) / alignment * alignment, info);
}

static enum err open_gguf(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	enum err err = list_tensors(archive, bytes, info);
	return err ? err : archive_keep_bytes(archive, bytes, info);
}

const struct reader reader_gguf = {
	.name = "gguf",
	.suffixes = ".gguf",
	.probe = probe,
	.open = open_gguf,
	.forget = archive_forget_bytes,
	.close = archive_close_bytes,
};
