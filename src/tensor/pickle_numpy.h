/* SPDX-License-Identifier: MIT */
/*
 * How numpy pickles an array: numpy/core/src/multiarray/methods.c (array_reduce, array_setstate), numeric.py (_frombuffer).
 */
#ifndef ATTNVIZ_TENSOR_PICKLE_NUMPY_H
#define ATTNVIZ_TENSOR_PICKLE_NUMPY_H

#include "tensor/pickle.h"
#include "tensor/tensor.h"

/* The array that a call builds: everything but name and file. An array of objects has the list of them in *objects, its shape in the tensor, and
 * no data. ERR_UNSUPPORTED for types that are no numbers. */
enum err numpy_array_read(struct tensor *tensor, struct pickle_value *objects, const struct pickle_value *call, struct err_info *info);

#endif
