/* SPDX-License-Identifier: MIT */
/*
 * Positions applied to queries and keys that were dumped before the model applied them: QK normalisation, rotation, and biases by distance.
 *
 *   q' = rotate(normalise(q), position)      RMS: x / sqrt(mean x^2 + eps) * weight; L2: x / max(|x|, eps) * weight;
 *                                            layer: (x - mean x) / sqrt(var x + eps) * weight
 *   s_ij = scale q'_i . k'_j + bias(position_j - position_i)
 */
#ifndef ATTNVIZ_MECHANISM_POSITION_H
#define ATTNVIZ_MECHANISM_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/source.h"
#include "mechanism/mask.h"
#include "mechanism/position_args.h"
#include "mechanism/relative.h"
#include "mechanism/rope.h"

enum position_side { POSITION_QUERY, POSITION_KEY };

struct position {
	struct rope rope;
	struct relative relative;
	enum qk_norm qk_norm;
	double epsilon;
	int64_t dim;
	double *weight[2];       /* of the normalisation, [weight_heads][dim]; NULL: ones */
	int64_t weight_heads[2];
	int64_t batches, tokens[2];
	int64_t *place[2];       /* [batches][tokens], where positions came as a tensor or differ by batch; NULL: offset + token */
	int64_t offset[2];
};

/* The source's sizes and the mask must be set. `key_heads` and `dim` are those of the keys; `scale` multiplies the biases with args->bias_before_scale. Adds to
 * the source's note. */
enum err position_init(struct position *position, const struct position_args *args, struct source *source, const struct mask *mask, int64_t key_heads,
		       int64_t dim, double scale, struct err_info *info);
void position_release(struct position *position); /* works on a zeroed struct */

/* Does position_transform change anything? */
bool position_transforms(const struct position *position);

int64_t position_of(const struct position *position, enum position_side side, int64_t batch, int64_t token);

/* Normalise and rotate one vector in place. `head` is of the queries, or of the keys. */
void position_transform(const struct position *position, enum position_side side, int64_t batch, int64_t head, int64_t token, double *vector);

/* The same for `count` float vectors of consecutive tokens, `dim` apart; `scratch` holds dim doubles. */
void position_transform_block(const struct position *position, enum position_side side, int64_t batch, int64_t head, int64_t token, int64_t count, float *vectors,
			      double *scratch);

/* Are there biases to add? */
bool position_has_bias(const struct position *position);

/* Add the biases of a tile of base-2 logits, or of a row of natural ones. */
void position_add_bias(const struct position *position, int64_t batch, int64_t head, const struct fill *fill);
void position_add_bias64(const struct position *position, int64_t batch, int64_t head, int64_t row, int64_t keys, double *score);

#endif
