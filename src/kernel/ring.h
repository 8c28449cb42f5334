/* SPDX-License-Identifier: MIT */
/*
 * Ring Attention's schedule: which rank holds which token, and what each rank computes in each step.
 *
 * The shards of keys and values travel round a ring of ranks (Liu et al. 2023, arXiv 2310.01889) while each rank keeps its queries. In one turn of
 * the ring every rank meets every shard once, one a step. Two orders of the shards:
 *
 *   RING_ROTATING   in step s rank r works on the shard of rank (r - s) mod P: its own first, then those that its left neighbour passes on. Nothing waits
 *                   for the pipeline to fill, and with RING_ZIGZAG all ranks have the same causal work in every step. Sums over keys begin
 *                   with another key on each rank, so that their last bits depend on the number of ranks.
 *   RING_ASCENDING  in step s every rank works on shard s: each shard is passed on from its owner all the way round. Every row meets its keys in
 *                   ascending order, as it does without a ring: the results are the same bits for any number of ranks. Here the queries are
 *                   spread by the layout and the keys are always contiguous; RING_STRIPED gives all ranks the same causal work in every step.
 *
 * Layouts (n tokens, P ranks; lengths need not divide):
 *
 *   RING_CONTIGUOUS  rank r holds tokens [r n / P, (r + 1) n / P)
 *   RING_STRIPED     rank r holds r, r + P, r + 2 P, ... (Brandon et al. 2023, Striped Attention, arXiv 2311.09431)
 *   RING_ZIGZAG      of 2 P chunks rank r holds chunks r and 2 P - 1 - r (Llama 3, arXiv 2407.21783, section 3.3.2)
 */
#ifndef ATTNVIZ_KERNEL_RING_H
#define ATTNVIZ_KERNEL_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum ring_layout { RING_CONTIGUOUS, RING_STRIPED, RING_ZIGZAG };
enum ring_order { RING_ROTATING, RING_ASCENDING };

/* Who holds a token, and how many tokens a rank holds. */
int ring_owner(enum ring_layout layout, int64_t ranks, int64_t tokens, int64_t token);
int64_t ring_share(enum ring_layout layout, int64_t ranks, int64_t tokens, int64_t rank);

/* The rank's tokens in ascending order, number `index` of them. */
int64_t ring_token(enum ring_layout layout, int64_t ranks, int64_t tokens, int64_t rank, int64_t index);

/* Whose shard a rank works on in a step. */
int64_t ring_shard(enum ring_order order, int64_t ranks, int64_t rank, int64_t step);

struct ring_plan {
	int64_t ranks, tokens;
	enum ring_layout layout;
	enum ring_order order;
	bool causal;              /* query i sees keys 0 .. i; else all */
	int64_t token_bytes;      /* of the keys and values of one token, as they travel; may be 0 */
};

/* What a turn of the ring costs. Work is counted in unmasked pairs of a query and a key. */
struct ring_model {
	struct ring_plan plan;
	int64_t *pairs;           /* [rank][step] */
	int64_t *rank_pairs;      /* [rank]: sum over the steps */
	int64_t critical;         /* sum over the steps of the busiest rank's pairs: what the turn takes where all wait for the slowest */
	double mean;              /* pairs a rank */
	double imbalance;         /* busiest rank's total over the mean */
	double efficiency;        /* mean over critical */
	int64_t *sent_bytes;      /* [rank]: what it passes to its right neighbour in one turn, the shards of P - 1 ranks */
};

/* What one rank measured in its turns, by the shard it worked on. */
struct ring_step {
	double compute, wait;     /* seconds: with the tiles of the shard, and for its arrival */
	int64_t scores;           /* entries of the tiles that were computed: unmasked pairs, and the rest of the tiles that hold one */
};

struct ring_trace {
	struct ring_step *step;   /* [2 passes][ranks], zeroed */
	int64_t messages, bytes;  /* sent to the right neighbour */
};

/* At least one rank and one token; more ranks than tokens are fine. ERR_SHAPE where numbers exceed what an int64_t holds. */
enum err ring_model_init(struct ring_model *model, const struct ring_plan *plan, struct err_info *info);
void ring_model_release(struct ring_model *model);

#endif
