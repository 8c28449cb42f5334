/* SPDX-License-Identifier: MIT */
/*
 * How torch.save writes a tensor: a view (offset, shape, strides) of a storage, which has a type, a key and a number of elements, and whose bytes lie
 * outside of the pickle. torch/_utils.py (_rebuild_tensor_v2), torch/serialization.py (persistent_id).
 */
#ifndef ATTNVIZ_TENSOR_TORCH_STORAGE_H
#define ATTNVIZ_TENSOR_TORCH_STORAGE_H

#include "tensor/pickle.h"
#include "tensor/tensor.h"

struct torch_storage {
	const unsigned char *key; /* a text in the pickle; NULL: the bytes are at hand */
	uint64_t key_length;
	uint64_t first;           /* bytes before the view's element (0, ..., 0) */
	uint64_t reach;           /* bytes that the view needs from the storage's beginning on */
	uint64_t size;            /* bytes of the storage, as the pickle says */
	unsigned element;         /* bytes of an element of the storage */
};

/* A persistent id ("storage", type, key, location, elements[, view]): key, size, element, and `first` of a view (1 for types whose elements have no type). *dtype is
 * DTYPE_COUNT for types that attnviz does not read and for untyped ones. ERR_FORMAT where it is no such id. */
enum err torch_storage_read(struct torch_storage *storage, const struct pickle_value *id, enum dtype *dtype, struct err_info *info);

/* The call that builds a tensor: everything but name, file and data. *reason is set where the tensor is of a kind that is not read, and the result is ERR_OK
 * all the same. Where the storage is in the pickle itself (torch.storage._load_from_bytes), tensor->data is set. `steps` is lowered by the
 * bytes that were looked at for that. */
enum err torch_tensor_read(struct tensor *tensor, struct torch_storage *storage, const struct pickle_value *call, const char **reason, int64_t *steps,
			   struct err_info *info);

#endif
