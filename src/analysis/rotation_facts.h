/* SPDX-License-Identifier: MIT */
/*
 * Were these keys rotated already? RoPE turns pair k of the key at position p by p theta_k. Before the rotation the pairs of a
 * head have a mean (the bias of the projection, and what all keys of a head have in common); after it the mean is smeared out,
 * and comes back once the rotation is undone:
 *
 *   concentration(theta) = sum_k |mean_p z_pk e^(-i p theta_k)|^2 / sum_k mean_p |z_pk|^2,   z the pairs as complex numbers
 *
 * is largest for the rotation that was applied, and for theta = 0 where none was. It needs keys with a mean: a large share of the
 * models, not all, and not all layers.
 */
#ifndef ATTNVIZ_ANALYSIS_ROTATION_FACTS_H
#define ATTNVIZ_ANALYSIS_ROTATION_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tensor/tensor.h"

/* Pairs (x_k, x_k+d/2), or (x_2k, x_2k+1). */
struct rotation {
	bool interleaved;
	double base; /* 0: no rotation */
};

/* The rotations that are tried; the first is none. */
enum { ROTATIONS = 7 };
extern const struct rotation rotation_list[ROTATIONS];

struct rotation_facts {
	double mean_square[ROTATIONS], square; /* the two sums, over heads, layers and items */
	int64_t tokens;
};

/* Add the keys of one head: at most 512 of them, from the first on, at the positions 0, 1, ... Odd dims are left out. Begin with
 * a zeroed struct. */
enum err rotation_facts_add(const struct heads *keys, int64_t layer, int64_t batch, int64_t head, struct rotation_facts *facts,
			    struct err_info *info);

/*
 * The rotation that was applied, 0 for none; -1 where the keys do not tell: fewer than 32, no concentration above 0.3, or none
 * that stands out from the others by a tenth.
 */
int rotation_facts_find(const struct rotation_facts *facts);

#endif
