/* SPDX-License-Identifier: MIT */
/*
 * What mechanisms take beside queries, keys and values: weights, biases, tables and lists of positions. They are small, so they are decoded whole.
 */
#ifndef ATTNVIZ_MECHANISM_OPERAND_H
#define ATTNVIZ_MECHANISM_OPERAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "mechanism/mechanism.h"

enum { OPERAND_MAX_RANK = 3 };

/* A small tensor in double and C order, one block of `count` elements for each layer and head, or one that they share. */
struct operand {
	double *at;                     /* owned; NULL: not given */
	int64_t layers, heads;          /* 1: shared */
	int64_t size[OPERAND_MAX_RANK]; /* of a block */
	int64_t count;
};

/* What is expected of a role's shape. */
struct operand_shape {
	int rank;                       /* of a block: 1 .. OPERAND_MAX_RANK */
	int64_t size[OPERAND_MAX_RANK]; /* -1: any */
	int64_t layers;                 /* an additional first axis of this length is one block a layer */
	int64_t heads;                  /* the same for heads; 0: none, the block holds them itself. One more axis than `rank` is the layers' where there are
	                                 * several, unless it is as long as the heads and not as the layers; two are (layer, head). */
};

/* Decode the tensor of a role. A tensor that was not given leaves operand->at NULL, which is ERR_USAGE where `required`. A tensor of rank + 1 or more whose leading
 * axes are 1 long is taken too. ERR_SHAPE and ERR_VALUE name the tensor, its shape, the one expected and the option. */
enum err operand_read(struct operand *operand, const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, bool required,
		      const struct operand_shape *shape, struct err_info *info);
void operand_release(struct operand *operand); /* works on a zeroed struct */

/* The block of a layer and head. */
const double *operand_block(const struct operand *operand, int64_t layer, int64_t head);

/* y = M x + y for a block M of rows x columns. */
void operand_multiply(const double *matrix, int64_t rows, int64_t columns, const double *x, double *y);

/*
 * The view of a role whose axes are those of the mechanism's own row, not of --layout: the one that the caller bound, else by rank into *view, which *slot belongs to.
 * `forms` names the axes in lower case for each rank that is possible, as in "nd|hnd|bhnd": l layer, b batch, h head, n token, d dim. Axes that are 1 long may be left out of
 * the front. *found is NULL where the role was not given, which is ERR_USAGE where `required`.
 */
enum err operand_view(const struct mechanism_args *args, const struct mechanism *mechanism, const char *role, bool required, const char *forms,
		      struct heads *view, const struct tensor **slot, const struct heads **found, struct err_info *info);

/* (N,D), (H,N,D), (B,H,N,D), (L,B,H,N,D). */
extern const char operand_heads[];

/* "0,5,17" -> 0 5 17: non-negative, in the order given; an empty text is an empty list. *list is the caller's (free). ERR_USAGE names the parameter. */
enum err operand_list(const struct mechanism *mechanism, const char *parameter, const char *text, int64_t **list, int64_t *count, struct err_info *info);

/* ERR_SHAPE: the tensor and its shape, what is expected in letters (from the mechanism's row) and here, and the option. */
enum err operand_misshapen(const struct mechanism *mechanism, const char *role, const struct tensor *tensor, const char *expected, struct err_info *info);

#endif
