/* SPDX-License-Identifier: MIT */
/*
 * The tensors in the graph of a pickle, listed by their paths: attentions.3, layers.0.q, past_key_values.key_cache.1. Dicts give keys, lists and
 * tuples places, objects of unknown classes the names of their attributes; _modules, _parameters and _buffers of torch.nn.Module are left out of the paths.
 *
 *   torch   tensors and parameters of any strides on storages that the pickle refers to (torch_storage.h)
 *   numpy   arrays whose bytes the pickle holds; arrays of objects are lists
 *   plain   lists of numbers, nested and rectangular, as float64 or int64
 *
 * What is no numeric array (text, None, a number) is passed by; tensors of other kinds (sparse, quantised, complex) are counted as skipped.
 */
#ifndef ATTNVIZ_TENSOR_PICKLE_ARRAYS_H
#define ATTNVIZ_TENSOR_PICKLE_ARRAYS_H

#include "tensor/pickle.h"
#include "tensor/reader.h"
#include "tensor/torch_storage.h"

struct pickle_arrays {
	struct archive *archive;
	size_t *capacity;              /* of the archive's list */
	const char *prefix;            /* the path of the root; NULL: a lone tensor is called as the file */
	const unsigned char *file;     /* what offsets count from; NULL: the bytes are not those of a file */
	uint64_t file_size;
	struct pickle_block **block;   /* receives the numbers of plain lists */
	struct torch_storage *storage; /* of each tensor of the archive's list: where its bytes are. key NULL: tensor->data has them */
	size_t storage_capacity;
};

/* Append the tensors of the graph. Those on storages have no data yet. ERR_FORMAT for arrays and views whose parts contradict each other. */
enum err pickle_list(struct pickle_arrays *arrays, const struct pickle *pickle, struct err_info *info);

/* The pickle of an array of objects (an .npy file or member without its header) in `bytes`, as pickle_list with the path `prefix`. No storages. */
enum err pickle_list_objects(struct archive *archive, size_t *capacity, const char *prefix, const unsigned char *bytes, uint64_t size,
			     struct pickle_block **block, struct err_info *info);

#endif
