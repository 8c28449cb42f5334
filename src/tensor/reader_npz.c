#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

#include "base/memory.h"
#include "tensor/npy.h"
#include "tensor/readers.h"
#include "tensor/zip_stored.h"

/* The most that deflate packs into a byte: 258 bytes of match for 2 bits. A little more for tiny members. */
enum { DEFLATE_RATIO = 1032, DEFLATE_SLACK = 1032, HEADER_MAX = 1 << 20 };

struct member {
	zip_uint64_t index;
	uint64_t size;
	uint32_t crc;
	const unsigned char *stored; /* in place, or NULL */
	unsigned char *inflated;     /* owned; NULL until loaded */
};

struct npz {
	struct bytes bytes;
	zip_t *zip;
	struct member *member; /* one for each tensor */
	size_t capacity;
};

static bool probe(const unsigned char *head, size_t size)
{
	return size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

static enum err in_member(struct err_info *info, enum err code, const char *name, const char *what)
{
	return err_set(info, code, "member %s: %s", name, what);
}

/* The parser speaks of its own bytes: prefix its sentence with the member, and drop offsets, which would not be those of the file. */
static enum err blame_member(struct err_info *info, const struct err_info *cause, const char *name)
{
	return in_member(info, cause->code, name, cause->text);
}

static enum err check_stat(const struct npz *npz, const zip_stat_t *stat, struct err_info *info)
{
	const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_CRC;
	if ((stat->valid & wanted) != wanted || stat->comp_size > npz->bytes.size)
		return in_member(info, ERR_FORMAT, stat->name, "its size is more than the file holds");
	if ((stat->valid & ZIP_STAT_ENCRYPTION_METHOD) && stat->encryption_method != ZIP_EM_NONE)
		return in_member(info, ERR_UNSUPPORTED, stat->name, "it is encrypted");
	if (stat->comp_method != ZIP_CM_STORE && stat->comp_method != ZIP_CM_DEFLATE)
		return in_member(info, ERR_UNSUPPORTED, stat->name, "it is neither stored nor deflated: save with numpy.savez_compressed");
	uint64_t most = stat->comp_method == ZIP_CM_STORE ? stat->comp_size : stat->comp_size * DEFLATE_RATIO + DEFLATE_SLACK;
	if (stat->size > most)
		return in_member(info, ERR_FORMAT, stat->name, "it claims to grow more than deflate can (a zip bomb, or damaged)");
	return ERR_OK;
}

/* Read exactly `count` bytes. */
static enum err read_exactly(zip_file_t *file, unsigned char *out, uint64_t count, const char *name, struct err_info *info)
{
	for (uint64_t done = 0; done < count;) {
		zip_int64_t got = zip_fread(file, out + done, count - done);
		if (got < 0)
			return in_member(info, ERR_FORMAT, name, zip_file_strerror(file));
		if (got == 0)
			return in_member(info, ERR_FORMAT, name, "it ends before its declared size");
		done += (uint64_t)got;
	}
	return ERR_OK;
}

/* The CRC is compared when the end is reached. */
static enum err expect_end(zip_file_t *file, const char *name, struct err_info *info)
{
	unsigned char more;
	zip_int64_t got = zip_fread(file, &more, 1);
	if (got < 0)
		return in_member(info, ERR_FORMAT, name, zip_file_strerror(file));
	return got == 0 ? ERR_OK : in_member(info, ERR_FORMAT, name, "it goes on after its declared size");
}

/* The .npy header of a member: the first bytes, inflated only so far. NULL in *header where it is no .npy. */
static enum err read_header(struct npz *npz, const zip_stat_t *stat, unsigned char **header, uint64_t *length, struct err_info *info)
{
	*header = NULL;
	unsigned char prefix[NPY_PREFIX];
	uint64_t first = stat->size < NPY_PREFIX ? stat->size : NPY_PREFIX;
	zip_file_t *file = zip_fopen_index(npz->zip, stat->index, 0);
	if (!file)
		return in_member(info, ERR_FORMAT, stat->name, zip_strerror(npz->zip));
	enum err err = read_exactly(file, prefix, first, stat->name, info);
	if (err)
		goto close_member;
	*length = npy_header_size(prefix, first);
	if (*length == 0 && (first < 6 || memcmp(prefix, "\x93NUMPY", 6) != 0))
		goto close_member;
	*length = *length < first ? first : *length;
	if (*length > stat->size || *length > HEADER_MAX) {
		err = in_member(info, ERR_FORMAT, stat->name, "its .npy header is longer than the member, or absurd");
		goto close_member;
	}
	*header = mem_array((size_t)*length, 1);
	if (!*header) {
		err = err_nomem(info, "a header");
		goto close_member;
	}
	memcpy(*header, prefix, first);
	err = read_exactly(file, *header + first, *length - first, stat->name, info);
	if (err) {
		free(*header);
		*header = NULL;
	}
close_member:
	zip_fclose(file);
	return err;
}

static size_t name_length(const char *name)
{
	size_t length = strlen(name);
	return length > 4 && strcmp(name + length - 4, ".npy") == 0 ? length - 4 : length;
}

static enum err add_member(struct archive *archive, size_t *capacity, const zip_stat_t *stat, const struct tensor *parsed,
			   const unsigned char *stored, struct err_info *info)
{
	struct npz *npz = archive->state;
	void *members = npz->member;
	if (!mem_grow(&members, &npz->capacity, archive->count + 1, sizeof *npz->member))
		return err_nomem(info, "the tensor list");
	npz->member = members;
	npz->member[archive->count] = (struct member){ .index = stat->index, .size = stat->size, .crc = stat->crc, .stored = stored };
	struct tensor *tensor = archive_add(archive, capacity, stat->name, name_length(stat->name));
	if (!tensor)
		return err_nomem(info, "the tensor list");
	struct tensor named = *parsed;
	named.name = tensor->name;
	named.file = tensor->file;
	*tensor = named;
	return ERR_OK;
}

/* List one member, unless it holds no numbers. */
static enum err list_member(struct archive *archive, size_t *capacity, const zip_stat_t *stat, const unsigned char *stored,
			    struct err_info *info)
{
	unsigned char *header;
	uint64_t length;
	enum err err = read_header(archive->state, stat, &header, &length, info);
	if (err)
		return err;
	if (!header) {
		archive_skip(archive, stat->name, "no .npy");
		return ERR_OK;
	}
	struct tensor parsed = { 0 };
	struct err_info cause = { 0 };
	err = npy_parse_front(header, length, stat->size, &parsed, &cause);
	free(header);
	if (err == ERR_UNSUPPORTED) {
		archive_skip(archive, stat->name, cause.text);
		return ERR_OK;
	}
	if (err)
		return blame_member(info, &cause, stat->name);
	uint64_t end = parsed.offset + (uint64_t)tensor_count(&parsed) * dtype_size(parsed.dtype);
	if (end < stat->size)
		return err_set(info, ERR_FORMAT, "member %s: %" PRIu64 " bytes follow the array: save one array in each member", stat->name, stat->size - end);
	return add_member(archive, capacity, stat, &parsed, stored, info);
}

static bool is_folder(const char *name)
{
	size_t length = strlen(name);
	return length && name[length - 1] == '/';
}

static bool is_pytorch(const char *name)
{
	const char *base = strrchr(name, '/');
	return base && strcmp(base, "/data.pkl") == 0;
}

static enum err list_members(struct archive *archive, uint64_t count, const uint64_t *data_offset, struct err_info *info)
{
	struct npz *npz = archive->state;
	uint64_t packed = 0;
	size_t capacity = 0;
	for (uint64_t i = 0; i < count; i++) {
		zip_stat_t stat;
		if (zip_stat_index(npz->zip, i, 0, &stat) != 0 || !stat.name)
			return err_set(info, ERR_FORMAT, "member %" PRIu64 " has no entry: %s", i, zip_strerror(npz->zip));
		if (is_pytorch(stat.name))
			return err_set(info, ERR_UNSUPPORTED,
				       "this is a PyTorch file, whose pickle is never read: save with numpy.savez or safetensors");
		if (is_folder(stat.name))
			continue;
		enum err err = check_stat(npz, &stat, info);
		if (err)
			return err;
		packed += stat.comp_size;
		if (packed > npz->bytes.size)
			return err_set(info, ERR_FORMAT, "the members overlap: together they are larger than the file (a zip bomb)");
		const unsigned char *stored = data_offset[i] && stat.comp_method == ZIP_CM_STORE && stat.size == stat.comp_size
			? npz->bytes.data + data_offset[i] : NULL;
		err = list_member(archive, &capacity, &stat, stored, info);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err refuse_duplicates(const struct archive *archive, struct err_info *info)
{
	struct tensor **sorted = archive_sort(archive);
	if (!sorted)
		return err_nomem(info, "the names");
	enum err err = ERR_OK;
	for (size_t i = 1; !err && i < archive->count; i++)
		if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
			err = err_set(info, ERR_FORMAT, "two members are called %s", sorted[i]->name);
	free(sorted);
	return err;
}

static enum err open_zip(struct npz *npz, const struct bytes *bytes, struct err_info *info)
{
	zip_error_t error;
	zip_error_init(&error);
	zip_source_t *source = zip_source_buffer_create(bytes->data, bytes->size, 0, &error);
	npz->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
	enum err err = ERR_OK;
	if (!npz->zip) {
		err = err_set(info, ERR_FORMAT, "not a whole .npz (zip) file: %s", zip_error_strerror(&error));
		zip_source_free(source);
	}
	zip_error_fini(&error);
	return err;
}

static enum err open_npz(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	struct npz *npz = calloc(1, sizeof *npz);
	if (!npz)
		return err_nomem(info, "the .npz");
	archive->state = npz;
	enum err err = open_zip(npz, bytes, info);
	if (err)
		return err;
	npz->bytes = *bytes; /* from here on released with the archive */
	memset(bytes, 0, sizeof *bytes);

	zip_int64_t count = zip_get_num_entries(npz->zip, 0);
	uint64_t *data_offset = mem_array((size_t)count, sizeof *data_offset);
	if (!data_offset)
		return err_nomem(info, "the .npz");
	zip_stored_offsets(npz->bytes.data, npz->bytes.size, data_offset, (uint64_t)count);
	err = list_members(archive, (uint64_t)count, data_offset, info);
	free(data_offset);
	return err ? err : refuse_duplicates(archive, info);
}

static uint32_t crc_of(const unsigned char *bytes, uint64_t size)
{
	enum { PART = 1 << 30 };
	uLong crc = crc32(0, NULL, 0);
	for (uint64_t done = 0; done < size; done += PART)
		crc = crc32(crc, bytes + done, (uInt)(size - done < PART ? size - done : PART));
	return (uint32_t)crc;
}

static enum err inflate_member(struct npz *npz, struct member *member, const char *name, struct err_info *info)
{
	zip_file_t *file = zip_fopen_index(npz->zip, member->index, 0);
	if (!file)
		return in_member(info, ERR_FORMAT, name, zip_strerror(npz->zip));
	unsigned char *block = mem_array((size_t)member->size, 1);
	enum err err = block ? read_exactly(file, block, member->size, name, info) : err_nomem(info, "an .npz member");
	if (!err)
		err = expect_end(file, name, info);
	zip_fclose(file);
	if (err)
		free(block);
	else
		member->inflated = block;
	return err;
}

static enum err load_npz(struct archive *archive, struct tensor *tensor, struct err_info *info)
{
	struct npz *npz = archive->state;
	struct member *member = &npz->member[tensor - archive->tensor];
	if (member->stored && crc_of(member->stored, member->size) == member->crc) {
		tensor->data = member->stored + tensor->offset;
		return ERR_OK;
	}
	enum err err = inflate_member(npz, member, tensor->name, info);
	if (!err)
		tensor->data = member->inflated + tensor->offset;
	return err;
}

static void forget_npz(const struct archive *archive)
{
	bytes_forget(&((const struct npz *)archive->state)->bytes);
}

static void close_npz(struct archive *archive)
{
	struct npz *npz = archive->state;
	if (!npz)
		return;
	for (size_t i = 0; i < archive->count; i++)
		free(npz->member[i].inflated);
	free(npz->member);
	if (npz->zip)
		zip_discard(npz->zip);
	bytes_release(&npz->bytes);
	free(npz);
}

const struct reader reader_npz = {
	.name = "npz",
	.suffix = ".npz",
	.probe = probe,
	.open = open_npz,
	.load = load_npz,
	.forget = forget_npz,
	.close = close_npz,
};
