/* SPDX-License-Identifier: MIT */
/*
 * The element types of ggml, by the numbers in its files (ggml.h, enum ggml_type).
 */
#ifndef ATTNVIZ_TENSOR_GGML_TYPES_H
#define ATTNVIZ_TENSOR_GGML_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* The type, or its name where attnviz does not read it ("Q4_K", quantised); false then. */
bool ggml_type(uint64_t number, enum dtype *dtype, const char **name);

#endif
