/* SPDX-License-Identifier: MIT */
/*
 * Attention rollout (Abnar & Zuidema 2020, arXiv 2005.00928): how much of each input token reaches each output token when attention and residual are
 * followed through the layers.
 *
 *     A~_l = rows of ((1 - residual) * fuse_heads(A_l) + residual * I), each divided by its sum        residual 0.5 is (A + I) / 2
 *     R    = A~_L ... A~_2 A~_1
 *
 * Rows of R sum to 1; a row of A_l without weight (padding, what was discarded) is that of I, whatever the residual. The row sums are those of the fused matrix itself, so that max and min fusion and discarding stay normalised (a widely copied
 * implementation divides columns instead). Layers are those of the source, in order; queries and keys must be the same tokens.
 */
#ifndef ATTNVIZ_ANALYSIS_ROLLOUT_H
#define ATTNVIZ_ANALYSIS_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/driver.h"
#include "kernel/source.h"

enum head_fusion { FUSION_MEAN, FUSION_MAX, FUSION_MIN };

struct rollout_request {
	int64_t batch;
	enum head_fusion fusion;
	double residual;        /* 0 .. 1 */
	double discard;         /* of the n entries of the fused matrix that a head's mask lets be seen, the floor(discard n) smallest are set to 0
	                         * before normalising, but for those that equal the smallest of the others; 0: none */
	int64_t keep_column;    /* a column whose entries are among the n, and never set to 0 (CLS: 0); -1: none */
	int64_t row_begin, row_end; /* rows outside attend to nothing, and only keep what is theirs; 0, 0: none is outside */
	bool value_norms;       /* weigh A_ij by ||v_j|| of the head's values before fusing (Kobayashi et al. 2020, without W_O) */
	const struct heads *gradient; /* dL/dA, of the shape of the maps; NULL: none. Then R <- R + mean_heads(max(0, dA * A)) R from R = I,
	                               * without residual or normalisation (Chefer et al. 2021, arXiv 2103.15679) */
	struct driver_options driver; /* threads, kernels, progress; maps and rows are set here */
};

/*
 * Rows `query[0 .. count)` of R into out[count][tokens], straight from the source: each is a chain of vector-matrix products from the top layer down, in memory of
 * O(count * tokens), with nothing of n x n. Mean fusion alone: what else a request asks for needs whole matrices (ERR_USAGE).
 */
enum err rollout_rows(const struct source *source, const struct rollout_request *request, const int64_t *query, int64_t count, double *out,
		      struct err_info *info);

/* Can rollout_rows do it? */
bool rollout_streams(const struct rollout_request *request);

/* All of R, tokens x tokens, whatever the request. Holds two more matrices of that size: for some thousands of tokens. */
enum err rollout_matrix(const struct source *source, const struct rollout_request *request, double *out, struct err_info *info);

/* One fused and normalised layer matrix A~_l, tokens x tokens: what attention flow takes as capacities. */
enum err rollout_layer(const struct source *source, const struct rollout_request *request, int64_t layer, double *matrix, struct err_info *info);

#endif
