/*
 * From a tensor's own axes to the canonical view.
 *
 * A layout is a string of letters, one an axis: L layer, B batch, H head, N token (query), M key, D dim, and 1 for an axis of length one that is dropped.
 * "NHD" is (tokens, heads, dim). A packed last axis "BN(HD)" or, with --heads-in, "BND", is split into H and D. Three-part fusions are named by
 * the caller through `first` and `stride` (fused QKV).
 */
#ifndef ATTNVIZ_TENSOR_LAYOUT_H
#define ATTNVIZ_TENSOR_LAYOUT_H

#include "base/error.h"
#include "tensor/tensor.h"

enum layout_role { LAYOUT_QUERY, LAYOUT_KEY, LAYOUT_VALUE, LAYOUT_WEIGHTS, LAYOUT_MASK };

struct layout_request {
	const char *letters;   /* --layout, or NULL: the default for the rank, (N,D) (H,N,D) (B,H,N,D) (L,B,H,N,D); for weights N,M in place of N,D */
	int64_t heads_in;      /* --heads-in: heads packed in the last axis; 0 for none */
	enum layout_role role;
	bool layers;           /* rank 4 without letters is (L,H,N,D) rather than (B,H,N,D): one tensor holds the layers */
};

/* Build the view of one tensor. With letters == NULL and rank 4 the first axis is the batch unless request->layers; sizes alone
 * never decide. `slot` receives the pointer that view->tensors points at and must live as long as the view. ERR_SHAPE and ERR_USAGE texts name the tensor, its shape, and the option that settles it. */
enum err layout_resolve(const struct tensor *tensor, const struct layout_request *request, const struct tensor **slot, struct heads *view,
			struct err_info *info);

/* The layout that a rank gets without letters, e.g. "BHND". NULL for a rank that has none. */
const char *layout_default(enum layout_role role, int rank, bool layers);

#endif
