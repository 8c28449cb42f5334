/* SPDX-License-Identifier: MIT */
/*
 * The output of a layer: the sum of what its heads add, and its bias.
 */
#ifndef ATTNVIZ_COMMANDS_LAYER_OUTPUT_H
#define ATTNVIZ_COMMANDS_LAYER_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "commands/inputs.h"

/* A row of `width` numbers at a time: for each layer and batch item chosen, each query from begin to end - 1. */
typedef enum err layer_output_emit(void *data, double *row, int64_t width, struct err_info *info);

/* Sum the outputs of the chosen heads, and add the bias of the layer where all of its heads are. ERR_USAGE where outputs of heads do not sum to anything
 * (without the output projection). `exact`: by the definition. */
enum err layer_output(const struct input *input, const struct driver_options *options, bool exact, int64_t begin, int64_t end, layer_output_emit *emit, void *data,
		      struct err_info *info);

#endif
