/* SPDX-License-Identifier: MIT */
/*
 * Biases of relative positions that depend on queries and keys, in one form for all of them:
 *
 *   b_ij = q_i . A[c] + k_j . B[c] + g_i T[c]      c = the class of i - j, or of two places of a grid
 *
 * BERT's relative_key(_query), DeBERTa (A: c2p, B: p2c), Transformer-XL, XLNet and conformers (A: the projected sinusoids), T5 (T alone), WavLM (with the gate g), and the
 * tables of BEiT are of this form. A is (heads, classes, dim), and so is B. Nothing of n x n is stored.
 */
#ifndef ATTNVIZ_MECHANISM_RELATIVE_TERMS_H
#define ATTNVIZ_MECHANISM_RELATIVE_TERMS_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/source.h"

/* A zeroed struct is no bias. All arrays are owned. */
struct relative_terms {
	int64_t heads, classes, dim;
	double *query_vector, *key_vector; /* A, B: [heads][classes][dim]; NULL: none */
	double *table;                     /* T: [heads][classes]; NULL: none */
	double *gate;                      /* g: [batches][heads][tokens]; NULL: 1 */
	int64_t tokens;                    /* of the gate */
	int32_t *class_of;                 /* [2 reach + 1], of i - j from -reach to reach, beyond which it stays; or: */
	int64_t reach;
	int64_t side;                      /* a grid of side x side places behind one token (BEiT), or without it; 0: a sequence */
	int64_t prefix;                    /* 0 or 1 */
};

void relative_terms_release(struct relative_terms *terms);
bool relative_terms_are_empty(const struct relative_terms *terms);

/* Add them to a tile of base-2 logits, or to a row of natural ones. `query` and `key` are the vectors of the map's head, as the dot product takes them. */
enum err relative_terms_add(const struct relative_terms *terms, const struct heads *query, const struct heads *key, int64_t batch, int64_t head, int64_t key_head,
			    const struct fill *fill, struct err_info *info);
enum err relative_terms_add64(const struct relative_terms *terms, const struct heads *query, const struct heads *key, int64_t batch, int64_t head, int64_t key_head,
			      int64_t row, int64_t keys, double *score, struct err_info *info);

#endif
