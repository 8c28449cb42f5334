/*
 * Which keys a query may see, and what is added to its logits: shared by every mechanism with a softmax.
 *
 * Order of operations on a logit (flash-attn, HF Gemma-2 and ONNX agree): scale, soft-cap, bias, mask, softmax. A row that sees nothing is zero, its
 * output is zero and its log-sum-exp is -inf, unless dead_rows says otherwise.
 */
#ifndef ATTNVIZ_MECHANISM_MASK_H
#define ATTNVIZ_MECHANISM_MASK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/source.h"
#include "tensor/tensor.h"

enum causal { CAUSAL_NONE, CAUSAL_TOP_LEFT, CAUSAL_BOTTOM_RIGHT };
enum dead_rows { DEAD_ROWS_ZERO, DEAD_ROWS_UNIFORM, DEAD_ROWS_NAN };

/* Limits are inclusive and in terms of the aligned position i' = i + diagonal, where diagonal is keys - queries for bottom-right, 0 for top-left, or what the caller says
 * (past length): key j is visible when i' - left <= j <= i' + right. */
struct mask {
	int64_t queries, keys;
	enum causal causal;       /* only for the note; causal means right = 0 */
	int64_t diagonal;
	int64_t left, right;      /* -1: no limit */
	const int64_t *key_length; /* [batches]: keys at and beyond are padding; NULL: none */
	int64_t batches;
	const struct heads *allow; /* boolean or integer, non-zero attends; (batch, head, query, key), axes of length 1 are broadcast; NULL: none. Fewer keys than
	                            * `keys`: the rest is not allowed (ONNX). */
	const struct heads *bias;  /* float, added to the logits; -inf hides. NULL: none. Fewer keys: the rest is hidden. */
	enum dead_rows dead_rows;
};

enum coverage mask_coverage(const struct mask *mask, int64_t batch, int64_t first, int64_t last, int64_t begin, int64_t end);
bool mask_visible(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, int64_t key);
int64_t mask_support(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row);

/* Apply to a tile (see source_ops.fill): bias is added times log2(e), what is hidden becomes -inf. */
enum err mask_apply(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, const struct row_group *rows, int lanes, int64_t key, int64_t count,
		    float *tile, struct err_info *info);

/* The same on one row of natural logits in double. */
enum err mask_apply64(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, double *score, struct err_info *info);

#endif
