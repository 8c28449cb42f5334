/* SPDX-License-Identifier: MIT */
/*
 * Where the uncompressed members of a .zip lie, so that they can be used in place. libzip reads members but does not tell
 * their offsets.
 *
 * This is a second look at a file that libzip has opened: an offset is given only where the end record, the central directory
 * entry and the local header agree with what libzip said about the member, and the caller still checks the CRC. For every
 * doubt the answer is 0 and the member is read through libzip. Format: PKWARE APPNOTE 6.3, sections 4.3 and 4.5.3.
 */
#ifndef ATTNVIZ_TENSOR_ZIP_STORED_H
#define ATTNVIZ_TENSOR_ZIP_STORED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fill data_offset[0 .. count) for the members in the order of the central directory: the offset of the data of a stored
 * member within the file, or 0. */
void zip_stored_offsets(const unsigned char *file, uint64_t size, uint64_t *data_offset, uint64_t count);

/* Does a zip file have a member whose name ends so? Of a file that is there in part only, the first member is asked. */
bool zip_stored_has(const unsigned char *file, uint64_t size, const char *ending);

#endif
