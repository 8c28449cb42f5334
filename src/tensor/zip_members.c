/* SPDX-License-Identifier: MIT */
#include "tensor/zip_members.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include <zlib.h>

#include "base/memory.h"
#include "tensor/zip_stored.h"

/* The most that deflate packs into a byte: 258 bytes of match for 2 bits. A little more for tiny members. */
enum { DEFLATE_RATIO = 1032, DEFLATE_SLACK = 1032 };

bool zip_probe(const unsigned char *head, size_t size)
{
	return size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0);
}

static enum err in_member(struct err_info *info, enum err code, const char *name, const char *what)
{
	return err_set(info, code, "member %s: %s", name, what);
}

static enum err check_stat(const struct zip_members *members, const zip_stat_t *stat, struct err_info *info)
{
	const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_CRC;
	if ((stat->valid & wanted) != wanted || stat->comp_size > members->bytes.size)
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

static bool is_folder(const char *name)
{
	size_t length = strlen(name);
	return length && name[length - 1] == '/';
}

static enum err list_members(struct zip_members *members, uint64_t count, const uint64_t *data_offset, struct err_info *info)
{
	uint64_t packed = 0;
	for (uint64_t i = 0; i < count; i++) {
		zip_stat_t stat;
		if (zip_stat_index(members->zip, i, 0, &stat) != 0 || !stat.name)
			return err_set(info, ERR_FORMAT, "member %" PRIu64 " has no entry: %s", i, zip_strerror(members->zip));
		if (is_folder(stat.name))
			continue;
		enum err err = check_stat(members, &stat, info);
		if (err)
			return err;
		packed += stat.comp_size;
		if (packed > members->bytes.size)
			return err_set(info, ERR_FORMAT, "the members overlap: together they are larger than the file (a zip bomb)");
		bool in_place = data_offset[i] && stat.comp_method == ZIP_CM_STORE && stat.size == stat.comp_size;
		members->member[members->count++] = (struct zip_member){
			.name = stat.name, .index = stat.index, .size = stat.size, .crc = stat.crc,
			.stored = in_place ? members->bytes.data + data_offset[i] : NULL,
		};
	}
	return ERR_OK;
}

static enum err open_zip(struct zip_members *members, const struct bytes *bytes, const char *kind, struct err_info *info)
{
	zip_error_t error;
	zip_error_init(&error);
	zip_source_t *source = zip_source_buffer_create(bytes->data, bytes->size, 0, &error);
	members->zip = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
	enum err err = ERR_OK;
	if (!members->zip) {
		err = err_set(info, ERR_FORMAT, "not a whole %s (zip) file: %s", kind, zip_error_strerror(&error));
		zip_source_free(source);
	}
	zip_error_fini(&error);
	return err;
}

enum err zip_members_open(struct zip_members *members, struct bytes *bytes, const char *kind, struct err_info *info)
{
	memset(members, 0, sizeof *members);
	enum err err = open_zip(members, bytes, kind, info);
	if (err)
		return err;
	members->bytes = *bytes;
	memset(bytes, 0, sizeof *bytes);
	zip_int64_t count = zip_get_num_entries(members->zip, 0);
	uint64_t *data_offset = mem_array((size_t)count, sizeof *data_offset);
	members->member = mem_array((size_t)count, sizeof *members->member);
	if (!data_offset || !members->member) {
		free(data_offset);
		return err_nomem(info, "the members");
	}
	zip_stored_offsets(members->bytes.data, members->bytes.size, data_offset, (uint64_t)count);
	err = list_members(members, (uint64_t)count, data_offset, info);
	free(data_offset);
	return err;
}

void zip_members_close(struct zip_members *members)
{
	for (size_t i = 0; i < members->count; i++)
		free(members->member[i].inflated);
	free(members->member);
	free(members->sorted);
	if (members->zip)
		zip_discard(members->zip);
	bytes_release(&members->bytes);
	memset(members, 0, sizeof *members);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp((*(const struct zip_member *const *)a)->name, (*(const struct zip_member *const *)b)->name);
}

enum err zip_members_sort(struct zip_members *members, struct err_info *info)
{
	members->sorted = mem_array(members->count, sizeof(struct zip_member *));
	if (!members->sorted)
		return err_nomem(info, "the members");
	for (size_t i = 0; i < members->count; i++)
		members->sorted[i] = &members->member[i];
	qsort(members->sorted, members->count, sizeof(struct zip_member *), compare_names);
	return ERR_OK;
}

struct zip_member *zip_members_find(const struct zip_members *members, const char *name, size_t length)
{
	size_t low = 0, high = members->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *there = members->sorted[middle]->name;
		int order = strncmp(there, name, length);
		if (order == 0 && !there[length])
			return members->sorted[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static uint32_t crc_of(const unsigned char *bytes, uint64_t size)
{
	enum { PART = 1 << 30 };
	uLong crc = crc32(0, NULL, 0);
	for (uint64_t done = 0; done < size; done += PART)
		crc = crc32(crc, bytes + done, (uInt)(size - done < PART ? size - done : PART));
	return (uint32_t)crc;
}

static enum err inflate_member(struct zip_members *members, struct zip_member *member, const char *name, struct err_info *info)
{
	zip_file_t *file = zip_fopen_index(members->zip, member->index, 0);
	if (!file)
		return in_member(info, ERR_FORMAT, name, zip_strerror(members->zip));
	unsigned char *block = mem_array((size_t)member->size, 1);
	enum err err = block ? read_exactly(file, block, member->size, name, info) : err_nomem(info, "a member");
	if (!err)
		err = expect_end(file, name, info);
	zip_fclose(file);
	if (err)
		free(block);
	else
		member->inflated = block;
	return err;
}

enum err zip_members_load(struct zip_members *members, struct zip_member *member, const char *name, struct err_info *info)
{
	if (member->data)
		return ERR_OK;
	if (member->stored && (member->crc == 0 || crc_of(member->stored, member->size) == member->crc)) {
		member->data = member->stored;
		return ERR_OK;
	}
	enum err err = inflate_member(members, member, name, info);
	if (!err)
		member->data = member->inflated;
	return err;
}

enum err zip_members_read(struct zip_members *members, const struct zip_member *member, unsigned char *out, uint64_t first, uint64_t *got,
			  struct err_info *info)
{
	*got = first < member->size ? first : member->size;
	zip_file_t *file = zip_fopen_index(members->zip, member->index, 0);
	if (!file)
		return in_member(info, ERR_FORMAT, member->name, zip_strerror(members->zip));
	enum err err = read_exactly(file, out, *got, member->name, info);
	zip_fclose(file);
	return err;
}
