/* SPDX-License-Identifier: MIT */
/*
 * Scales of quantised tensors.
 *
 * A float8 tensor NAME with a tensor "NAME_scale", "NAME.scale" or "NAME_scale_inv" of one element beside it is multiplied by
 * that number (tensor->scale; DeepSeek's scale_inv is a factor as well, in spite of its name). Where the scales are more than
 * one (a block or a row each) the tensor cannot be decoded here: its data become NULL, and loading it is ERR_UNSUPPORTED.
 */
#ifndef ATTNVIZ_TENSOR_SAFETENSORS_SCALE_H
#define ATTNVIZ_TENSOR_SAFETENSORS_SCALE_H

#include "tensor/reader.h"

/* Pair the tensors of the list. ERR_VALUE for a scale that is zero or not finite. */
enum err safetensors_apply_scales(struct archive *archive, struct err_info *info);

/* struct reader's load. */
enum err safetensors_refuse_unscaled(struct archive *archive, struct tensor *tensor, struct err_info *info);

#endif
