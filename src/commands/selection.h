/* SPDX-License-Identifier: MIT */
/*
 * The selection options: which layers, batch items and heads.
 */
#ifndef ATTNVIZ_COMMANDS_SELECTION_H
#define ATTNVIZ_COMMANDS_SELECTION_H

#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "kernel/source.h"

extern const struct option_row selection_rows[];

/* Ascending lists of indices, and their product as the source numbers its maps: layer-major, then batch, then head. */
struct selection {
	int64_t *layer, *batch, *head;
	size_t layers, batches, heads;
	int64_t *map;
	int64_t maps;
};

/* `layer_number` [source->layers] are the numbers that the names give (ascending): --layer takes those. */
enum err selection_open(struct selection *selection, const struct source *source, const int64_t *layer_number, struct err_info *info);

/* wanted[i] = true for each of these layers that --layer picks; the others stay as they are. For those who make layers before there is a source. */
enum err selection_wants(const int64_t *layer_number, int64_t layers, bool *wanted, struct err_info *info);
void selection_release(struct selection *selection); /* works on a zeroed struct */

/* "A:B" of an axis of `count` positions, either end may be missing or negative (from the end): begin < end within the axis. NULL is all of it. */
enum err selection_span(const char *text, const char *option, int64_t count, int64_t *begin, int64_t *end, struct err_info *info);

#endif
