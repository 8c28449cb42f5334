/* SPDX-License-Identifier: MIT */
#include "tensor/zip_stored.h"

#include <stdbool.h>
#include <string.h>

enum {
	END_SIZE = 22,
	COMMENT_MAX = 65535,
	END64_LOCATOR_SIZE = 20,
	END64_SIZE = 56,
	ENTRY_SIZE = 46,
	LOCAL_SIZE = 30,
	EXTRA_ZIP64 = 1,
};

static const uint32_t all_ones_32 = 0xffffffff;

static uint64_t read_le(const unsigned char *at, int bytes)
{
	uint64_t value = 0;
	for (int i = bytes - 1; i >= 0; i--)
		value = value << 8 | at[i];
	return value;
}

/* A record of `length` bytes with the signature "PK" and `kind` at `offset`, or NULL. */
static const unsigned char *record_at(const unsigned char *file, uint64_t size, uint64_t offset, uint64_t length, const char *kind)
{
	if (offset > size || size - offset < length)
		return NULL;
	const unsigned char *record = file + offset;
	return memcmp(record, "PK", 2) == 0 && memcmp(record + 2, kind, 2) == 0 ? record : NULL;
}

static const unsigned char *find_end(const unsigned char *file, uint64_t size, uint64_t *offset)
{
	for (uint64_t back = END_SIZE; back <= size && back <= END_SIZE + COMMENT_MAX; back++) {
		const unsigned char *end = record_at(file, size, size - back, END_SIZE, "\5\6");
		if (end && read_le(end + 20, 2) == back - END_SIZE) {
			*offset = size - back;
			return end;
		}
	}
	return NULL;
}

struct directory {
	uint64_t offset, entries;
};

static bool find_directory(const unsigned char *file, uint64_t size, struct directory *directory)
{
	uint64_t at;
	const unsigned char *end = find_end(file, size, &at);
	if (!end)
		return false;
	directory->entries = read_le(end + 10, 2);
	directory->offset = read_le(end + 16, 4);
	const unsigned char *locator = at < END64_LOCATOR_SIZE ? NULL
		: record_at(file, size, at - END64_LOCATOR_SIZE, END64_LOCATOR_SIZE, "\6\7");
	const unsigned char *end64 = locator ? record_at(file, size, read_le(locator + 8, 8), END64_SIZE, "\6\6") : NULL;
	if (end64) {
		directory->entries = read_le(end64 + 32, 8);
		directory->offset = read_le(end64 + 48, 8);
	}
	return true;
}

struct entry {
	uint64_t size, packed_size, local_offset;
	unsigned method, name_length;
	const unsigned char *name;
	uint64_t length; /* of the whole entry */
};

/* Fields that did not fit stand in the zip64 extra field, in this order, each only where its 32-bit place is all ones. */
static bool widen(struct entry *entry, const unsigned char *extra, uint64_t length)
{
	uint64_t *const field[] = { &entry->size, &entry->packed_size, &entry->local_offset };
	while (length >= 4) {
		uint64_t part = read_le(extra + 2, 2), used = 4;
		if (part + 4 > length)
			return false;
		bool zip64 = read_le(extra, 2) == EXTRA_ZIP64;
		for (int i = 0; zip64 && i < 3; i++) {
			if (*field[i] != all_ones_32)
				continue;
			if (used + 8 > part + 4)
				return false;
			*field[i] = read_le(extra + used, 8);
			used += 8;
		}
		if (zip64)
			return true;
		extra += part + 4;
		length -= part + 4;
	}
	return true;
}

static bool read_entry(const unsigned char *file, uint64_t size, uint64_t offset, struct entry *entry)
{
	const unsigned char *at = record_at(file, size, offset, ENTRY_SIZE, "\1\2");
	if (!at)
		return false;
	uint64_t extra_length = read_le(at + 30, 2);
	*entry = (struct entry){
		.method = (unsigned)read_le(at + 10, 2),
		.packed_size = read_le(at + 20, 4),
		.size = read_le(at + 24, 4),
		.name_length = (unsigned)read_le(at + 28, 2),
		.local_offset = read_le(at + 42, 4),
		.name = at + ENTRY_SIZE,
	};
	entry->length = ENTRY_SIZE + entry->name_length + extra_length + read_le(at + 32, 2);
	return record_at(file, size, offset, entry->length, "\1\2") && widen(entry, entry->name + entry->name_length, extra_length);
}

static uint64_t stored_data(const unsigned char *file, uint64_t size, const struct entry *entry)
{
	const unsigned char *local = record_at(file, size, entry->local_offset, LOCAL_SIZE, "\3\4");
	if (entry->method != 0 || entry->size != entry->packed_size || !local || read_le(local + 8, 2) != 0)
		return 0;
	uint64_t name_length = read_le(local + 26, 2);
	uint64_t offset = entry->local_offset + LOCAL_SIZE + name_length + read_le(local + 28, 2);
	bool same_name = name_length == entry->name_length && offset <= size &&
			 memcmp(local + LOCAL_SIZE, entry->name, name_length) == 0;
	return same_name && size - offset >= entry->size ? offset : 0;
}

void zip_stored_offsets(const unsigned char *file, uint64_t size, uint64_t *data_offset, uint64_t count)
{
	struct directory directory;
	memset(data_offset, 0, count * sizeof *data_offset);
	if (!find_directory(file, size, &directory) || directory.entries != count)
		return;
	uint64_t at = directory.offset;
	for (uint64_t i = 0; i < count; i++) {
		struct entry entry;
		if (!read_entry(file, size, at, &entry))
			return;
		data_offset[i] = stored_data(file, size, &entry);
		at += entry.length;
	}
}

static bool name_ends(const unsigned char *name, uint64_t length, const char *ending)
{
	size_t wanted = strlen(ending);
	return length >= wanted && memcmp(name + length - wanted, ending, wanted) == 0;
}

bool zip_stored_has(const unsigned char *file, uint64_t size, const char *ending)
{
	const unsigned char *local = record_at(file, size, 0, LOCAL_SIZE, "\3\4");
	uint64_t name_length = local ? read_le(local + 26, 2) : 0;
	if (local && name_length <= size - LOCAL_SIZE && name_ends(local + LOCAL_SIZE, name_length, ending))
		return true;
	struct directory directory;
	if (!find_directory(file, size, &directory))
		return false;
	uint64_t at = directory.offset;
	struct entry entry;
	for (uint64_t i = 0; i < directory.entries && read_entry(file, size, at, &entry); i++, at += entry.length)
		if (name_ends(entry.name, entry.name_length, ending))
			return true;
	return false;
}
