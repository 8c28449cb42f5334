/* SPDX-License-Identifier: MIT */
/*
 * Where a KV cache keeps key and value of a token: one row a layout of an engine. Shapes alone never tell them apart.
 *
 *   word     key                         value             who
 *   legacy   (nb, Hk, d/x, bs, x)        (nb, Hk, d, bs)   vLLM's first CUDA kernels, ROCm; x elements are 16 bytes
 *   nhd      (nb, bs, Hk, d)             the same          flash-attn caches; FlashInfer's NHD, apart
 *   hnd      (nb, Hk, bs, d)             the same          Hugging Face caches (nb: batch); FlashInfer's HND, apart
 *   2nbhd    (2, nb, bs, Hk, d) for both                   vLLM V1 with FlashAttention
 *   2nhbd    (2, nb, Hk, bs, d) for both                   the same in HND order
 *   n2bhd    (nb, 2, bs, Hk, d) for both                   FlashInfer
 *   packed   (nb, Hk, bs, 2d) for both                     vLLM since mid 2026: the key, then the value
 *   llama    (tokens, Hk d)              the same          llama.cpp with flash attention
 *   llama-vt (tokens, Hk d)              (Hk d, tokens)    llama.cpp without
 *
 * nb: blocks; bs: slots of a block. A cache that has no blocks is one block a sequence.
 */
#ifndef ATTNVIZ_MECHANISM_KV_LAYOUT_H
#define ATTNVIZ_MECHANISM_KV_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/word.h"
#include "tensor/tensor.h"

enum kv_layout { KV_LEGACY, KV_NHD, KV_HND, KV_2NBHD, KV_2NHBD, KV_N2BHD, KV_PACKED, KV_LLAMA, KV_LLAMA_VT };

extern const struct word kv_layout_words[];

/* Both in one tensor? */
bool kv_layout_is_fused(int layout);

/* Keys, or values, of a cache. */
struct kv_view {
	struct tensor tensor;       /* the file's, perhaps read as another type */
	int64_t blocks, slots, heads, dim;
	int64_t first;              /* element of block 0, slot 0, head 0, dim 0 */
	int64_t block_step, slot_step, head_step;
	int64_t dim_step, run, run_step; /* dim = run * (its runs): elements of a run lie dim_step apart, runs run_step */
};

/* `dim` is that of the queries, which llama's axes need; others are checked against it. ERR_SHAPE names the tensor, its shape and the layout. */
enum err kv_view_init(struct kv_view *view, const struct tensor *tensor, int layout, bool value, int64_t dim, struct err_info *info);

/* Element of a token's dim 0, and all its dims. Nothing else of the cache is read. */
int64_t kv_view_element(const struct kv_view *view, int64_t block, int64_t slot, int64_t head, int64_t dim);
void kv_view_read(const struct kv_view *view, int64_t block, int64_t slot, int64_t head, double *row);

#endif
