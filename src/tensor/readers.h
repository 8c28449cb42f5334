/* SPDX-License-Identifier: MIT */
/*
 * The rows of the reader table, one file each; only reader.c lists them.
 */
#ifndef ATTNVIZ_TENSOR_READERS_H
#define ATTNVIZ_TENSOR_READERS_H

#include "tensor/reader.h"

extern const struct reader reader_npy, reader_npz, reader_safetensors, reader_safetensors_index, reader_torch, reader_torch_stream, reader_pickle;

/* A zeroed tensor at the end of the archive's list, with a copy of the name; NULL when out of memory. *capacity is the list's
 * and starts at 0. Pointers into the list move when it grows. */
struct tensor *archive_add(struct archive *archive, size_t *capacity, const char *name, size_t length);

/* ERR_FORMAT where two tensors have one name. `what` is what they are called: "tensors". */
enum err archive_refuse_duplicates(const struct archive *archive, const char *what, struct err_info *info);

/* Count a member that is no numeric array; the first is remembered with the reason. */
void archive_skip(struct archive *archive, const char *name, const char *reason);

/* archive_open of bytes that are in memory already: taken over on success, released and zeroed in every case. With a reader,
 * for its format only. */
enum err archive_open_bytes(struct archive *archive, const char *file, struct bytes *bytes, const struct reader *reader,
			    struct err_info *info);

/* archive_open for one format only. */
enum err archive_open_as(struct archive *archive, const char *file, const struct reader *reader, struct err_info *info);

/* Do the first bytes belong to one of the formats? */
bool archive_is_tensor_file(const unsigned char *head, size_t size);

/* The tensors by name: an array to free() (NULL when out of memory), and the search in it (NULL where there is none). */
struct tensor **archive_sort(const struct archive *archive);
struct tensor *archive_find(struct tensor *const *sorted, size_t count, const char *name);

#endif
