/* SPDX-License-Identifier: MIT */
/*
 * What torch.save wrote before version 1.6 and writes without _use_new_zipfile_serialization: five pickles one after another (a magic number, a version, facts of
 * the machine, the object, the keys of the storages), then each storage: its number of elements as int64, and the elements, little-endian.
 */
#ifndef ATTNVIZ_TENSOR_TORCH_STREAM_H
#define ATTNVIZ_TENSOR_TORCH_STREAM_H

#include "tensor/torch_storage.h"

struct torch_stream {
	struct pickle object; /* the fourth pickle */
	struct torch_storage *storage; /* sorted by key; `first` is where the bytes begin in the stream */
	size_t count, capacity;
	uint64_t used; /* bytes of pickles */
};

bool torch_stream_probe(const unsigned char *head, size_t size);

/* Lists the storages of data[0 .. size). To be released in every case. */
enum err torch_stream_open(struct torch_stream *stream, const unsigned char *data, uint64_t size, struct err_info *info);
void torch_stream_release(struct torch_stream *stream); /* works on a zeroed struct */

/* The storage that `view` names; NULL where there is none. */
const struct torch_storage *torch_stream_find(const struct torch_stream *stream, const struct torch_storage *view);

#endif
