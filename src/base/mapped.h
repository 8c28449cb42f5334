/* SPDX-License-Identifier: MIT */
/*
 * The files that are mapped into memory, and what happens where one changes while it is read.
 *
 * A page beyond the new end of a file that was cut raises SIGBUS; what is left of the last page reads as zeros, and a file that is
 * written anew gives old bytes and new ones: numbers that nobody computed. So the handler of SIGBUS asks here whose page it was,
 * and every output asks before it is complete whether all files are as they were when they were mapped.
 */
#ifndef ATTNVIZ_BASE_MAPPED_H
#define ATTNVIZ_BASE_MAPPED_H

#include <stddef.h>

#include "base/error.h"

/* Map all `size` bytes of the file behind `fd`, for reading. `file` is what messages call it; "-" is standard input. */
enum err mapped_open(int fd, size_t size, const char *file, const void **data, struct err_info *info);
void mapped_close(const void *data);

/* ERR_IO, with the name of the first, where a file was cut or written since it was mapped. A file that was replaced by another of
 * its name is as it was. */
enum err mapped_unchanged(struct err_info *info);

/* The line to print, "attnviz: FILE: ...\n", where `address` lies in a mapped file; NULL elsewhere. For handlers of signals. */
const char *mapped_line(const void *address);

#endif
