/* SPDX-License-Identifier: MIT */
/*
 * From a tensor's own axes to the canonical view.
 *
 * A layout is a string of letters, one an axis, outermost first:
 *
 *   L layer   B batch   H head   N token   D dim       queries, keys, values (M may stand for N of keys and values)
 *   L layer   B batch   H head   N query   M key       ready weights, masks
 *   1         an axis of length one, dropped
 *   3         an axis of length three that holds query, key, value: the role picks its part      (B,N,3,H,D) of flash-attn: BN3HD
 *   2         an axis of length two that holds key, value                                        (B,N,2,H,D): BN2HD
 *   (HD)      several axes packed into one, outer first; --heads-in says how many heads          (B,N,H*D): BN(HD), and (B*H,N,M): (BH)NM
 *
 * With heads_in and without the letter H, the D axis is read as (HD), so that BND means BN(HD).
 *
 * Fused projections, one last axis with query, key and value of all heads (`fusion`; d = dim of a head, G = heads /
 * kv_heads):
 *
 *   blocks     [q: heads x d | k: kv_heads x d | v: kv_heads x d]             torch MHA, GPT-2, Phi-3
 *   per-head   heads x [q: d | k: d | v: d]                                   BLOOM, GPT-NeoX
 *   grouped    kv_heads x [q: G x d | k: d | v: d]                            Falcon-40B
 */
#ifndef ATTNVIZ_TENSOR_LAYOUT_H
#define ATTNVIZ_TENSOR_LAYOUT_H

#include "base/error.h"
#include "tensor/tensor.h"

enum layout_role { LAYOUT_QUERY, LAYOUT_KEY, LAYOUT_VALUE, LAYOUT_WEIGHTS, LAYOUT_MASK };

enum layout_fusion { LAYOUT_SEPARATE, LAYOUT_FUSED_BLOCKS, LAYOUT_FUSED_PER_HEAD, LAYOUT_FUSED_GROUPED };

struct layout_request {
	const char *letters;   /* --layout, or NULL: the default for the rank */
	int64_t heads_in;      /* --heads-in: heads packed in an axis (of the queries, where fused); 0 for none */
	int64_t kv_heads_in;   /* key and value heads of a fused axis; 0: as many as heads_in */
	enum layout_fusion fusion;
	enum layout_role role;
	bool layers;           /* rank 4 without letters is (L,H,N,D) rather than (B,H,N,D): one tensor holds the layers */
};

/* Build the view of one tensor. Sizes alone never decide. `slot` receives the pointer that view->tensors points at and must
 * live as long as the view. ERR_SHAPE (the sizes do not fit the layout) and ERR_USAGE (the layout is no layout) texts name
 * the tensor, its shape, and the option that settles it. */
enum err layout_resolve(const struct tensor *tensor, const struct layout_request *request, const struct tensor **slot, struct heads *view,
			struct err_info *info);

/*
 * The layout that a rank gets without letters. NULL for a rank that has none.
 *
 *   rank            1    2     3      4                5
 *   query, key           ND    HND    BHND or LHND     LBHND
 *   weights              NM    HNM    BHNM or LHNM     LBHNM
 *   mask            M    NM    HNM    BHNM or LHNM     LBHNM
 */
const char *layout_default(enum layout_role role, int rank, bool layers);

/* The letters that layout_resolve reads the tensor by. NULL where the rank has no default. */
const char *layout_letters(const struct layout_request *request, int rank);

/* "BNHD, LHND or BHND": the orders in which real frameworks write a tensor of this rank other than `used` (may be NULL), for
 * messages. "" where none is known. */
const char *layout_alternatives(enum layout_role role, int rank, const char *used, char *buffer, size_t size);

/* "128 heads, 4 tokens, 64 dims": how a view was read, its present axes in canonical order, for messages. */
const char *layout_describe(const struct heads *view, char *buffer, size_t size);

/* Keep the tokens [first, first + count) of a view. */
void layout_slice_tokens(struct heads *view, int64_t first, int64_t count);

/* Sequences packed one after another along the token axis (flash-attn varlen): `ends` is cu_seqlens, an integer tensor
 * (sequences + 1) that begins with 0, does not decrease and ends with `total`. Gives the token range of one sequence. */
enum err layout_packed_sequence(const struct tensor *ends, int64_t total, int64_t sequence, int64_t *first, int64_t *count,
				struct err_info *info);

#endif
