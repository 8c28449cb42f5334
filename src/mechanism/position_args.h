/* SPDX-License-Identifier: MIT */
/*
 * Positions that are applied here, because the dump was taken before the model did: what the user said about them. The formulas are in position.h.
 */
#ifndef ATTNVIZ_MECHANISM_POSITION_ARGS_H
#define ATTNVIZ_MECHANISM_POSITION_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

/* Pairs that rotate together: (x_k, x_k+r/2) as in GPT-NeoX and Hugging Face Llama, or (x_2k, x_2k+1) as in RoFormer and Meta's Llama. */
enum rope_pairing { ROPE_NONE, ROPE_HALF, ROPE_INTERLEAVED };

/* How a model was stretched beyond its trained context; the formulas are in rope.h. */
enum rope_scaling {
	ROPE_SCALING_NONE,
	ROPE_SCALING_LINEAR,
	ROPE_SCALING_NTK,     /* the base grows, by a factor that is fixed */
	ROPE_SCALING_DYNAMIC, /* as NTK, but the factor follows from the length (Hugging Face "dynamic") */
	ROPE_SCALING_LLAMA3,
	ROPE_SCALING_YARN,
};

/* Buckets of T5's relative bias: an encoder's tell keys before the query from keys after it, a decoder's do not. */
enum t5_buckets { T5_BY_MASK, T5_BIDIRECTIONAL, T5_CAUSAL };

enum qk_norm { QK_NORM_NONE, QK_NORM_RMS, QK_NORM_L2, QK_NORM_LAYER };

/* A zeroed struct applies nothing, and means the defaults named here. Tensors are borrowed. */
struct position_args {
	enum rope_pairing rope;
	int64_t rope_dims;                /* r: the first r of the dims rotate; 0: all */
	double rope_base;                 /* 0: 10000 */
	enum rope_scaling rope_scaling;
	double rope_factor;               /* of the scaling; 0: 1 */
	int64_t rope_original_length;     /* trained context, for DYNAMIC, LLAMA3 and YARN, which need it */
	double rope_low, rope_high;       /* 0: LLAMA3 low_freq_factor 1, high_freq_factor 4; YARN beta_slow 1, beta_fast 32 */
	double rope_attention_factor;     /* multiplies cos and sin; 0: 1, for YARN 0.1 ln(factor) + 1 */
	const struct tensor *inv_freq;    /* (r/2): overrides base and scaling; NULL: none */
	const struct tensor *rope_cos, *rope_sin; /* (positions, r/2 or r) or (batch, tokens, r/2 or r): override all of it; both or none */
	const struct tensor *query_positions, *key_positions; /* (tokens) or (batch, tokens): override the offsets; NULL: none */
	bool has_query_offset;            /* `query_offset` was given; else key_offset + the diagonal of the causal mask, or keys - queries without one */
	int64_t query_offset, key_offset; /* position of the first query and of the first key */

	bool alibi;                       /* with the slopes of the ALiBi paper, or: */
	const struct tensor *alibi_slopes; /* (heads) */

	const struct tensor *t5_bias;     /* (buckets, heads); NULL: none */
	int64_t t5_max_distance;          /* 0: 128 */
	enum t5_buckets t5_buckets;       /* BY_MASK: a decoder's where the mask is causal */

	bool bias_before_scale;           /* ALiBi and T5 are multiplied by the scale as well (Falcon) */

	enum qk_norm qk_norm;             /* before the rotation */
	double qk_norm_epsilon;           /* 0: 1e-6 */
	const struct tensor *query_norm, *key_norm; /* (dim) or (heads, dim): weights of the normalisation; NULL: ones */

	const struct tensor *sinks;       /* (heads), (layers, heads) or as many in one row: a logit without a key that joins each row's denominator (gpt-oss) */
};

#endif
