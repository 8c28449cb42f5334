/* SPDX-License-Identifier: MIT */
#include "tensor/raw.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/readers.h"

static const struct {
	const char *word;
	enum dtype dtype;
} type_table[] = {
	{ "f64", DTYPE_F64 }, { "f32", DTYPE_F32 }, { "f16", DTYPE_F16 }, { "bf16", DTYPE_BF16 }, { "f8e4m3", DTYPE_F8_E4M3 },
	{ "f8e5m2", DTYPE_F8_E5M2 }, { "i64", DTYPE_I64 }, { "i32", DTYPE_I32 }, { "i16", DTYPE_I16 }, { "i8", DTYPE_I8 },
	{ "u64", DTYPE_U64 }, { "u32", DTYPE_U32 }, { "u16", DTYPE_U16 }, { "u8", DTYPE_U8 }, { "bool", DTYPE_BOOL },
	{ "double", DTYPE_F64 }, { "float", DTYPE_F32 }, { "half", DTYPE_F16 },
};

static bool find_type(const char *word, size_t length, enum dtype *dtype)
{
	for (size_t i = 0; i < sizeof type_table / sizeof type_table[0]; i++)
		if (strlen(type_table[i].word) == length && memcmp(type_table[i].word, word, length) == 0) {
			*dtype = type_table[i].dtype;
			return true;
		}
	for (int i = 0; i < DTYPE_COUNT; i++)
		if (strlen(dtype_name((enum dtype)i)) == length && memcmp(dtype_name((enum dtype)i), word, length) == 0) {
			*dtype = (enum dtype)i;
			return true;
		}
	return false;
}

static bool read_number(const char **at, int64_t *number)
{
	char *end;
	errno = 0;
	long long value = **at >= '0' && **at <= '9' ? strtoll(*at, &end, 10) : -1;
	if (value < 0 || errno)
		return false;
	*number = value;
	*at = end;
	return true;
}

/* "8x1024x64[@128]" */
static bool read_shape(struct raw_layout *layout, const char *at)
{
	do {
		if (layout->rank == TENSOR_MAX_RANK || !read_number(&at, &layout->shape[layout->rank++]))
			return false;
	} while (*at == 'x' && at++);
	int64_t offset = 0;
	layout->partial = *at == '@';
	if (layout->partial && (at++, !read_number(&at, &offset)))
		return false;
	layout->offset = (uint64_t)offset;
	return *at == '\0';
}

enum err raw_parse(struct raw_layout *layout, const char *text, struct err_info *info)
{
	const char *colon = strchr(text, ':');
	memset(layout, 0, sizeof *layout);
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool big = length > 2 && memcmp(text + length - 2, "be", 2) == 0;
	bool little = length > 2 && memcmp(text + length - 2, "le", 2) == 0;
	length -= big || little ? 2 : 0;
	if (!colon || !find_type(text, length, &layout->dtype) || !read_shape(layout, colon + 1))
		return err_set(info, ERR_USAGE, "--raw %s: wants TYPE:LENGTHxLENGTH..., as f32:8x1024x64 (f64, f32, f16, bf16, i32, ..., with be behind it for "
			       "big-endian; @BYTES behind it for an offset)", text);
	bool here = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
	layout->byte_swapped = big != here && dtype_size(layout->dtype) > 1;
	return ERR_OK;
}

static enum err refuse_size(const struct tensor *tensor, const struct raw_layout *layout, uint64_t needed, uint64_t size, struct err_info *info)
{
	char shape[128];
	return err_set(info, ERR_SHAPE, "--raw says %s of shape %s, %" PRIu64 " bytes%s, but the file has %" PRIu64, dtype_name(tensor->dtype),
		       tensor_shape_text(tensor, shape, sizeof shape), needed, layout->partial ? " behind its offset" : "", size);
}

static enum err add_array(struct archive *archive, struct bytes *bytes, const struct raw_layout *layout, struct err_info *info)
{
	size_t capacity = 0;
	uint64_t needed;
	const char *name = archive_base_name(archive->file);
	struct tensor *tensor = archive_add(archive, &capacity, name, strlen(name));
	if (!tensor)
		return err_nomem(info, "the tensor list");
	tensor->dtype = layout->dtype;
	tensor->byte_swapped = layout->byte_swapped;
	tensor->rank = layout->rank;
	memcpy(tensor->shape, layout->shape, sizeof tensor->shape);
	if (!tensor_set_strides(tensor, false, &needed))
		return err_set(info, ERR_USAGE, "--raw: impossible lengths");
	uint64_t there = layout->offset < bytes->size ? bytes->size - layout->offset : 0;
	if (needed > there || (needed < there && !layout->partial))
		return refuse_size(tensor, layout, needed, bytes->size, info);
	tensor->offset = layout->offset;
	tensor->data = bytes->data + layout->offset;
	archive->unnamed = true;
	return archive_keep_bytes(archive, bytes, info);
}

/* No row of the table: it knows no file by its content. */
static const struct reader reader_raw = {
	.name = "raw",
	.suffixes = "",
	.forget = archive_forget_bytes,
	.close = archive_close_bytes,
};

enum err archive_open_raw(struct archive *archive, const char *file, const struct raw_layout *layout, struct err_info *info)
{
	struct err_info scratch = { 0 };
	struct bytes bytes;
	const char *shown = strcmp(file, "-") == 0 ? "standard input" : file;
	info = info ? info : &scratch;
	memset(archive, 0, sizeof *archive);
	enum err err = bytes_open(&bytes, file, info);
	if (!err && archive_is_known(bytes.data, (size_t)bytes.size))
		return archive_open_bytes(archive, file, &bytes, NULL, info);
	if (!err) {
		archive->reader = &reader_raw;
		archive->format = reader_raw.name;
		archive->file = strdup(shown);
		err = archive->file ? add_array(archive, &bytes, layout, info) : err_nomem(info, "the file name");
		bytes_release(&bytes);
	}
	if (err) {
		err_in_file(info, shown);
		archive_release(archive);
	}
	return err;
}
