/* SPDX-License-Identifier: MIT */
/*
 * The members of a zip file that is in memory: listed, checked, used in place where they are stored, inflated where they are not.
 *
 * Limits: members are no larger together than the file while packed, and each no larger than deflate can make it (1032 : 1).
 */
#ifndef ATTNVIZ_TENSOR_ZIP_MEMBERS_H
#define ATTNVIZ_TENSOR_ZIP_MEMBERS_H

#include "tensor/reader.h"

struct zip_member {
	const char *name;
	uint64_t index;               /* for libzip */
	uint64_t size;                /* once unpacked */
	uint32_t crc;
	const unsigned char *stored;  /* in place, or NULL */
	const unsigned char *data;    /* NULL until loaded */
	unsigned char *inflated;      /* owned */
};

struct zip_members {
	struct bytes bytes;
	struct zip *zip;
	struct zip_member *member;    /* in the order of the directory, without folders */
	size_t count;
	struct zip_member **sorted;   /* by name; made by zip_members_sort */
};

/* List them. Takes over `bytes` (and zeroes it) as soon as the file is a zip file, whatever comes then. To be closed in every case. `kind` is what messages call it:
 * ".npz". ERR_FORMAT, ERR_UNSUPPORTED with the name of the member. */
enum err zip_members_open(struct zip_members *members, struct bytes *bytes, const char *kind, struct err_info *info);
void zip_members_close(struct zip_members *members); /* works on a zeroed struct */

/* For zip_members_find. ERR_NOMEM. */
enum err zip_members_sort(struct zip_members *members, struct err_info *info);
struct zip_member *zip_members_find(const struct zip_members *members, const char *name, size_t length);

/* Make member->data valid; messages call it `name`. Where the file keeps a CRC (PyTorch may be told not to), it must be that of the bytes. */
enum err zip_members_load(struct zip_members *members, struct zip_member *member, const char *name, struct err_info *info);

/* Unpack the first bytes: `first` of them, or all where there are fewer; *got says how many. */
enum err zip_members_read(struct zip_members *members, const struct zip_member *member, unsigned char *out, uint64_t first, uint64_t *got,
			  struct err_info *info);

/* Is it the beginning of a zip file? */
bool zip_probe(const unsigned char *head, size_t size);

#endif
