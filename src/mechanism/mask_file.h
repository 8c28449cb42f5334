/* SPDX-License-Identifier: MIT */
/*
 * Rows of mask and bias files, a block of keys at a time. Files may have axes of length 1, which are broadcast, and fewer keys than there are.
 */
#ifndef ATTNVIZ_MECHANISM_MASK_FILE_H
#define ATTNVIZ_MECHANISM_MASK_FILE_H

#include <stdint.h>

#include "base/error.h"
#include "mechanism/mask.h"

struct map_place {
	int64_t layer, batch, head;
};

/* Keys [key, key + count) of a query in float, of mask->allow or mask->bias; those without a column of their own are as mask->mask_keys says. Anything non-finite
 * passes. */
enum err mask_file_run(const struct mask *mask, const struct heads *file, const struct map_place *at, int64_t row, int64_t key, int64_t count, float *run,
		       struct err_info *info);

/* What both files of a mask add to keys [key, key + count) of a query, count <= KEY_BLOCK: -inf where they hide. NaN or +inf in the bias is ERR_VALUE with its place. */
enum err mask_file_bias64(const struct mask *mask, const struct map_place *at, int64_t row, int64_t key, int64_t count, double *bias, struct err_info *info);

#endif
