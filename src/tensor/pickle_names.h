/* SPDX-License-Identifier: MIT */
/*
 * The names that a pickle may refer to, and what they mean to the readers. Nothing is ever imported: a name is a word in a table.
 */
#ifndef ATTNVIZ_TENSOR_PICKLE_NAMES_H
#define ATTNVIZ_TENSOR_PICKLE_NAMES_H

#include <stddef.h>

enum pickle_meaning {
	MEANING_REFUSED,  /* something of Python itself that does more than hold data */
	MEANING_FUNCTION, /* unknown, and no class by its spelling: may stand in the data (torch.float32), may not be called */
	MEANING_CLASS,    /* an unknown class: an object with its state, in which tensors are found */
	MEANING_DICT,
	MEANING_LIST,     /* list, tuple, deque, torch.Size */
	MEANING_BYTES,    /* bytes, bytearray, _codecs.encode */
	MEANING_RECONSTRUCTOR, /* copyreg's, for protocols 0 and 1: class, base, state of the base */
	MEANING_STORAGE,  /* a type of torch.*Storage */
	MEANING_TENSOR,   /* _rebuild_tensor, _rebuild_tensor_v2 */
	MEANING_TENSOR_TYPED, /* _rebuild_tensor_v3: a dtype follows */
	MEANING_SAME_TENSOR,  /* a parameter or a copy from a device: the first argument */
	MEANING_TENSOR_OF_TYPE, /* _rebuild_from_type_v2: function, type, arguments */
	MEANING_ODD_TENSOR,   /* sparse, quantised, nested, without data: not read */
	MEANING_STORAGE_BYTES, /* torch.storage._load_from_bytes */
	MEANING_ARRAY,        /* numpy's _reconstruct: the state is the array */
	MEANING_ARRAY_BUFFER, /* numpy's _frombuffer */
	MEANING_INERT,        /* holds no arrays: sets, ranges, scalars of numpy */
	MEANING_DTYPE,        /* numpy.dtype */
};

enum pickle_meaning pickle_meaning(const char *module, size_t module_length, const char *name, size_t name_length);

#endif
