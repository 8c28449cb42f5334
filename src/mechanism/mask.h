/* SPDX-License-Identifier: MIT */
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

/* Rows that see nothing: zero (flash-attn, ONNX), uniform over all keys (what adding finfo.min does), NaN (softmax of nothing but -inf). NaN is how a row is written,
 * not how it is computed: the mask treats it as zero, and the source says dead_rows_nan to whoever writes weights. */
enum dead_rows { DEAD_ROWS_ZERO, DEAD_ROWS_UNIFORM, DEAD_ROWS_NAN };

/* Which keys a file with fewer columns than there are keys speaks of: the first, and all others are hidden (ONNX); the last, and what comes before them is
 * seen (the tree of a draft behind its context); or it must have a column for each. */
enum mask_keys { MASK_KEYS_FIRST, MASK_KEYS_LAST, MASK_KEYS_ALL };

/* A bias at or below this hides the key: it swallows every float32 logit, so that finfo.min means what its users mean by it. */
#define MASK_HIDES (-1e30)

/* Limits are inclusive and in terms of the aligned position i' = i + diagonal, where diagonal is keys - queries for bottom-right, 0 for top-left, or what the caller says
 * (past length): key j is visible when i' - left <= j <= i' + right. A zeroed struct with sizes, left = right = -1, hides nothing. */
struct mask {
	int64_t batches, queries, keys;
	enum causal causal;        /* causal means right = 0, and that no later key is kept */
	int64_t diagonal;
	int64_t place;             /* position of query 0 among the keys, which relative and rotary positions go by: the diagonal, or keys - queries where
	                            * nothing says where the queries stand */
	bool place_at_length;      /* key_length[batch] - queries in place of `place` */
	int64_t left, right;       /* -1: no limit */
	int64_t chunk;             /* also floor(j / chunk) = floor(i' / chunk) (Llama 4's attention_chunk); 0: none */
	int64_t keep_first;        /* this many keys from the first that is neither before key_begin nor hidden from the query by the files on stay visible whatever
	                            * left, right and chunk say (StreamingLLM), but for later ones where the mask is causal */
	int64_t key_begin;         /* keys before it are hidden: a truncated context, padding on the left */
	const int64_t *key_begins; /* [batches]: the same for each item, in place of key_begin; NULL: none */
	const int64_t *key_length; /* [batches]: keys at and beyond are padding; NULL: none */
	const int64_t *query_length; /* [batches]: queries at and beyond are padding, and see nothing; NULL: none */
	bool align_to_length;      /* diagonal = key_length[batch] - queries in place of `diagonal`: caches longer than they are full */
	const struct heads *allow; /* boolean or integer, non-zero attends; (layer, batch, head, query, key), axes of length 1 are broadcast; NULL: none. Fewer
	                            * keys than `keys`: mask_keys. */
	const struct heads *bias;  /* float, added to the logits; at or below MASK_HIDES hides. NULL: none. Fewer keys: mask_keys. */
	enum mask_keys mask_keys;
	struct heads file;         /* what allow or bias point at where mechanism_mask read the axes of the file; do not move the mask then */
	const struct tensor *file_slot;
	enum dead_rows dead_rows;
	int64_t *diagonals;        /* [batches], owned: with align_to_length the diagonal of each; else NULL */
	int64_t *kept;             /* owned, made by mask_find_first: the first key that the files let each query see; NULL: key_begin */
	int64_t kept_size[4], kept_most; /* layers, batches, heads and queries of `kept`, and the largest in it */
	int64_t layers, heads;     /* of `dead` */
	unsigned char *dead;       /* [layers][batches][heads][queries] made by mask_find_dead; NULL: the limits alone tell */
};

/* Dead rows of masks with files can only be told from the whole row. Where they are to be uniform this reads the files once
 * (queries x keys for each map) and keeps one byte a row; else it does nothing. mask_release frees it. */
enum err mask_find_dead(struct mask *mask, int64_t layers, int64_t heads, struct err_info *info);
void mask_release(struct mask *mask);

/* The position of a query among the keys of its batch. */
int64_t mask_place(const struct mask *mask, int64_t batch, int64_t row);

/* Where keep_first counts from depends on the files: reads of each row what comes before its first key, and keeps one number a row; else it does nothing. To be
 * called before mask_find_dead. */
enum err mask_find_first(struct mask *mask, struct err_info *info);

/* All five agree with each other. A dead row that is uniform counts as seeing every key. O(1) without files; with files, coverage says
 * PARTIAL where the limits do not say EMPTY, and support reads the row. */
enum coverage mask_coverage(const struct mask *mask, int64_t batch, int64_t first, int64_t last, int64_t begin, int64_t end);
bool mask_visible(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, int64_t key);
bool mask_span(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, int64_t *begin, int64_t *end); /* as source_ops.span */
int64_t mask_support(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row);

/* From here on a bias is added as float32 models do: their sum of a logit and -1e9 has lost the logit, so that a row which is masked by -1e9 everywhere is
 * uniform. Smaller ones are added in full precision. */
#define MASK_SWALLOWS 1024.0

/* The offset that a source adds to the tiles that it gives to mask_apply: the driver's, or none where a bias is to come first. */
const float *mask_offset(const struct mask *mask, const struct fill *fill);

/* Apply to a tile that was filled with mask_offset: bias is added times log2(e), and the offset where it was left out; what is hidden becomes -inf, the scores
 * of a uniform row 0. A NaN or +inf in the bias is ERR_VALUE with its place. */
enum err mask_apply(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, const struct fill *fill, struct err_info *info);

/* The same on one row of natural logits in double. */
enum err mask_apply64(const struct mask *mask, int64_t layer, int64_t batch, int64_t head, int64_t row, double *score, struct err_info *info);

/* Keys that the limits leave to the row which sees most; files may hide more. O(queries), for each item where lengths or begins differ. */
int64_t mask_most_keys(const struct mask *mask);

/* Append "causal (bottom-right), window 128,0, key lengths" to a note; nothing where nothing is masked. */
void mask_describe(const struct mask *mask, char *note, size_t size);

#endif
