/* SPDX-License-Identifier: MIT */
/*
 * The random projection of Performer's features.
 */
#ifndef ATTNVIZ_MECHANISM_PERFORMER_H
#define ATTNVIZ_MECHANISM_PERFORMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/source.h"

struct performer_draw {
	uint64_t seed;
	int64_t rows, dim;
	bool orthogonal; /* blocks of dim rows are orthogonal (Gram-Schmidt of Gaussian rows, uniform over rotations); else independent Gaussian rows */
	bool fixed_norm; /* orthogonal rows have the norm sqrt(dim); else that of an independent Gaussian row each */
};

/* The same numbers on every machine, up to the last bit of log, cos and sqrt. `out` holds rows * dim, row-major. */
enum err performer_draw(const struct performer_draw *draw, double *out, struct err_info *info);

/* The projection that a performer source uses for a layer and (query) head: rows x dim, owned by the source. NULL for another source. */
const double *performer_projection(const struct source *source, int64_t layer, int64_t head, int64_t *rows, int64_t *dim);

#endif
