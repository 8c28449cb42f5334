/* SPDX-License-Identifier: MIT */
/*
 * Dense layers of a checkpoint: y = W x + b, or any selection of rows of W, in any floating-point type.
 *
 * Small ones are multiplied in float64. Large ones go through the packed product of the kernels: float32 products whose sums are flushed to float64 after DENSE_DEPTH
 * terms, so that an output is as exact as its float32 operands.
 */
#ifndef ATTNVIZ_MECHANISM_DENSE_H
#define ATTNVIZ_MECHANISM_DENSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/kernels.h"
#include "tensor/tensor.h"

enum { DENSE_DEPTH = 256 };

struct dense {
	int64_t in, out;
	double *weight;   /* [in][out], or: */
	float *packed;    /* [chunk of DENSE_DEPTH][panel][dim][KEY_PANEL] */
	double *bias;     /* [out]; NULL: none */
	const struct kernels *kernels;
};

/* `row` [out] picks the rows (NULL: all, in their order); `transposed` weights are stored (in, out), and axes behind the first are one. `work` is how many products are
 * to come, which decides how they are done; kernels NULL: in float64. ERR_SHAPE unless the weight has `in` columns and the rows asked for, ERR_VALUE for a number that
 * is not finite. bias may be NULL. */
enum err dense_open(struct dense *dense, const struct tensor *weight, bool transposed, const struct tensor *bias, const int64_t *row, int64_t in, int64_t out,
		    int64_t work, const struct kernels *kernels, struct err_info *info);
void dense_release(struct dense *dense); /* works on a zeroed struct */

/* y[t] = W x[t] + b for `count` rows. Any thread may call it. */
enum err dense_apply(const struct dense *dense, const double *x, int64_t count, double *y, struct err_info *info);

#endif
