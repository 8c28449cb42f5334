/*
 * Whole maps in memory, for the pictures that need every weight: arcs, overlays.
 */
#ifndef ATTNVIZ_COMMANDS_GATHER_H
#define ATTNVIZ_COMMANDS_GATHER_H

#include <stdint.h>

#include "base/error.h"
#include "commands/inputs.h"

/* Weights that are gathered at most: 256 MiB. */
enum { GATHER_MAX = 1 << 26 };

/* The chosen maps, queries [row_begin, row_end) and keys [key_begin, key_end), as [maps][rows][keys]; the caller frees. `what` names the work in the
 * progress bar and, where it is too much (ERR_USAGE), in the message. */
enum err gather_maps(const struct input *input, const char *what, int64_t row_begin, int64_t row_end, int64_t key_begin, int64_t key_end,
		     float **weight, struct err_info *info);

/* One map out of `count` of `cells` weights each: their mean or largest, into the first. */
enum gather_reduce { REDUCE_NONE, REDUCE_MEAN, REDUCE_MAX };
extern const struct word gather_reduce_words[];
void gather_reduce(float *weight, int64_t count, int64_t cells, enum gather_reduce how);

#endif
