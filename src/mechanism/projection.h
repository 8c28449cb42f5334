/* SPDX-License-Identifier: MIT */
/*
 * The projections of a layer: y = W x + b, from weights as checkpoints store them to one matrix for each of query, key and value.
 *
 * Storage      linear (out, in), torch.nn.Linear; conv1d (in, out), GPT-2
 * Fused rows   blocks    [q: H x d | k: Hk x d | v: Hk x d]       torch in_proj_weight, GPT-2 c_attn, Phi-3 qkv_proj
 *              per-head  H x [q: d | k: d | v: d]                 BLOOM, GPT-NeoX query_key_value
 *              grouped   Hk x [q: (H/Hk) x d | k: d | v: d]       Falcon
 */
#ifndef ATTNVIZ_MECHANISM_PROJECTION_H
#define ATTNVIZ_MECHANISM_PROJECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "mechanism/operand.h"

enum projection_part { PROJECT_QUERY, PROJECT_KEY, PROJECT_VALUE };
enum projection_order { ORDER_BLOCKS, ORDER_PER_HEAD, ORDER_GROUPED };

/* Where the rows of a part lie in a weight. */
struct projection_rows {
	bool fused;
	enum projection_order order;
	enum projection_part part;
	int64_t heads, kv_heads; /* of queries, of keys and values */
	int64_t dim;             /* of a head of this part */
};

/* Row of the weight that makes column `column` of head `head` of the part. */
int64_t projection_row(const struct projection_rows *rows, int64_t head, int64_t column);

/* Heads of the part. */
int64_t projection_heads(const struct projection_rows *rows);

/* W^T of a part, (in, heads x dim) row-major, into out, from a block of `weight` (out, in), or (in, out) with `conv1d`. */
void projection_matrix(const struct projection_rows *rows, const double *weight, int64_t out_count, int64_t in_count, bool conv1d, double *out);

/* The bias of the part, heads x dim, zeros where `bias` is NULL. */
void projection_bias(const struct projection_rows *rows, const double *bias, double *out);

/* y[t] = x[t] M + b for `count` rows x of `in` numbers, M (in, out). */
void projection_apply(const double *matrix, const double *bias, int64_t in, int64_t out, const double *x, int64_t count, double *y);

#endif
