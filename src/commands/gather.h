/* SPDX-License-Identifier: MIT */
/*
 * Whole maps in memory, for the pictures that need every weight: arcs, overlays.
 */
#ifndef ATTNVIZ_COMMANDS_GATHER_H
#define ATTNVIZ_COMMANDS_GATHER_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "commands/inputs.h"

/* Weights that are gathered at most: 256 MiB. */
enum { GATHER_MAX = 1 << 26 };

/* The chosen maps, queries [row_begin, row_end) and keys [key_begin, key_end), as [maps][rows][keys]; the caller frees. `what` names the work in the
 * progress bar and, where it is too much (ERR_USAGE), in the message. */
enum err gather_maps(const struct input *input, const char *what, int64_t row_begin, int64_t row_end, int64_t key_begin, int64_t key_end,
		     float **weight, struct err_info *info);

/* --reduce, the same in every command: the heads of each layer and batch item become one map, their mean or largest. Layers and batch items stay apart. */
enum gather_reduce { REDUCE_NONE, REDUCE_MEAN, REDUCE_MAX };
extern const struct word gather_reduce_words[];

/* Maps that are left of those chosen. */
int64_t gather_reduced_maps(const struct input *input, enum gather_reduce how);

/* Reduce the maps of gather_maps, `cells` weights each, in place: the first gather_reduced_maps of them are left. NaN (a query that sees nothing in a
 * head) counts as nothing, and stays only where it is so in every head. */
void gather_reduce(const struct input *input, float *weight, int64_t cells, enum gather_reduce how);

/* Append the name of a map that is left, as far as those chosen differ: "layer 3 head 5", "layer 3"; "" where there is only one. */
void gather_name(const struct input *input, int64_t map, enum gather_reduce how, struct strbuf *out);

#endif
