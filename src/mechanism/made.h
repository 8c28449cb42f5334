/* SPDX-License-Identifier: MIT */
/*
 * Queries, keys and values that no file holds: projected from hidden states, or gathered from the blocks of a cache.
 *
 * They are kept as a canonical view like any other, (layer, batch, head, token, dim), in float64, or in float32 where there are more than MADE_DOUBLE_MAX of them:
 * memory is that of a dump of the same tensors.
 */
#ifndef ATTNVIZ_MECHANISM_MADE_H
#define ATTNVIZ_MECHANISM_MADE_H

#include <stdint.h>

#include "base/error.h"
#include "tensor/tensor.h"

enum { MADE_DOUBLE_MAX = 1 << 26 };

/* The view points into itself: do not move it. A zeroed struct is empty. */
struct made {
	struct tensor tensor;
	const struct tensor *slot;
	struct heads heads;
	void *data; /* owned */
};

/* All zeros. `size` is in the order of enum axis; `name` is what messages call it. */
enum err made_init(struct made *made, const char *name, const int64_t size[AXIS_COUNT], struct err_info *info);
void made_release(struct made *made);

/* In two steps: the view alone, whose data is not there yet, and the data (zeros), which made_drop takes away again. */
enum err made_shape(struct made *made, const char *name, const int64_t size[AXIS_COUNT], struct err_info *info);
enum err made_allocate(struct made *made, struct err_info *info);
void made_drop(struct made *made);

/* Store the `dim` numbers of a token. */
void made_store(struct made *made, int64_t layer, int64_t batch, int64_t head, int64_t token, const double *row);

#endif
