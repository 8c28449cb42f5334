/* SPDX-License-Identifier: MIT */
/*
 * What one layer of a model does, from its hidden state to its logits: the facts that config.json and its family's row amount to.
 *
 *   h = norm(x);  q = h Wq^T + bq, k = h Wk^T + bk;  clipped;  normalised over the full width or per head;  rotated;  perhaps normalised then;  q times a number
 *   s = scale q.k;  c tanh(s / c);  plus biases;  masked;  softmax (plus a sink)
 *
 * Names of tensors stand behind the prefix of the layer, without ".weight"; "" is none.
 */
#ifndef ATTNVIZ_MODEL_SETTINGS_H
#define ATTNVIZ_MODEL_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "mechanism/position_args.h"

/* In front of the projections, and of queries and keys. PLUS_ONE: the weight is 1 + w (Gemma, Qwen3-Next, Nemotron). UNIT: without weights. */
enum model_norm { MODEL_NORM_NONE, MODEL_NORM_RMS, MODEL_NORM_RMS_PLUS_ONE, MODEL_NORM_RMS_UNIT, MODEL_NORM_LAYER, MODEL_NORM_LAYER_PLUS_ONE, MODEL_NORM_LAYER_UNIT };

/* How rows of the weights belong to heads. */
enum model_layout {
	MODEL_SEPARATE,  /* a weight each */
	MODEL_BLOCKS,    /* one: [q: H d | k: Hk d | v: Hk d] */
	MODEL_CONV1D,    /* the same, stored (in, out) */
	MODEL_PER_HEAD,  /* one: H x [q | k | v] */
	MODEL_GROUPED,   /* one: Hk x [q: (H/Hk) d | k | v] */
	MODEL_CODEGEN,   /* one: 4 x [q: (H/4) d | v | k] */
	MODEL_GATED,     /* a weight each, queries with a gate: H x [q | gate] */
	MODEL_TRANSPOSED,/* a weight each, stored (in, heads, dim) */
	MODEL_LATENT,    /* multi-head latent attention */
};

enum model_stage { MODEL_STAGE_HEADS, MODEL_STAGE_WIDTH, MODEL_STAGE_ROTATED }; /* per head, over the full width before the split, per head after the rotation */

enum { MODEL_NAME = 72 };

struct norm_settings {
	enum model_norm kind;
	char name[MODEL_NAME];
	double eps;
};

struct rotary_settings {
	enum rope_pairing pairing;   /* ROPE_NONE: not rotated */
	bool last;                   /* the last dims turn, not the first */
	bool input;                  /* what enters the projections turns, head by head (wav2vec2-conformer) */
	int64_t dims;
	double *frequency;           /* [dims / 2], owned */
	double multiplier;           /* of cosine and sine */
	int64_t section[3];          /* M-RoPE: frequencies of time, height and width; all 0: one position */
	bool interleaved_sections;
	int64_t prefix;              /* 2-D: tokens before the patches, which do not turn */
	enum { ROTARY_SEQUENCE, ROTARY_PIXTRAL, ROTARY_DINO } grid;
	/* What it came from, for people. */
	double base;
	char scaling[24];            /* "yarn", ...; "" for none */
	double factor, trained, low, high; /* low and high: llama3's factors, yarn's slow and fast turns */
	bool is_truncated;           /* yarn's ramp begins and ends at whole pairs */
};

/* What the queries of a position are multiplied with. */
enum multiplier_kind { MULTIPLIER_NONE, MULTIPLIER_LLAMA4, MULTIPLIER_MINISTRAL };

/* Biases of relative positions, and how their tables are made. */
enum bias_kind {
	BIAS_NONE,
	BIAS_ALIBI,           /* -slope distance */
	BIAS_T5,              /* a table (buckets, heads) */
	BIAS_WAVLM,           /* the same, times a gate of each query */
	BIAS_KEY,             /* scale q_i . e(i - j) */
	BIAS_KEY_QUERY,       /* scale (q_i . e(i - j) + k_j . e(i - j)) */
	BIAS_KEY_CLIPPED,     /* scale q_i . e(clip(j - i)) */
	BIAS_DEBERTA,
	BIAS_DEBERTA_V2,
	BIAS_XLNET,
	BIAS_CONFORMER,
	BIAS_GRID,            /* a table ((2 w - 1)^2 [+ 3], heads) over a square grid of patches */
};

struct bias_settings {
	enum bias_kind kind;
	char table[MODEL_NAME];  /* the name of the table */
	bool shared;             /* stands behind the prefix of the model, not of the layer */
	char second[MODEL_NAME], third[MODEL_NAME], fourth[MODEL_NAME];
	int64_t buckets, reach, left, right;
	bool two_sided, content_to_position, position_to_content, share_keys, norm_table, before_scale;
	double eps, slope_max;
};

/* Multi-head latent attention: queries through a latent (or not), keys and values from one latent, and one rotated key for all heads. */
struct latent_settings {
	int64_t query_rank, key_rank, nope, rope; /* query_rank 0: one q_proj */
	double eps, query_factor, key_factor;     /* times the normalised latents' outputs (LongCat) */
	bool is_unrotated;                        /* Kimi Linear */
};

/* A choice of keys that the model makes itself. */
enum choice_kind { CHOICE_NONE, CHOICE_TOP_KEYS, CHOICE_BLOCKS };

struct choice_settings {
	enum choice_kind kind;
	int64_t heads, dim, keys, block, local;
	bool half;               /* the indexer's rotation pairs halves */
};

/* Half a feed-forward step before the attention (conformers). */
struct feed_settings {
	char norm[MODEL_NAME], first[MODEL_NAME], second[MODEL_NAME], activation[16];
};

struct layer_settings {
	int64_t number;
	const char *mechanism;       /* "softmax", or what it is instead */
	bool is_softmax;
	bool needs_more;             /* its input is no hidden state: `why` says what would be needed */
	const char *why;
	int64_t width, heads, key_heads, dim, value_dim;
	struct norm_settings norm;
	enum model_layout layout;
	char query[MODEL_NAME], key[MODEL_NAME], value[MODEL_NAME], output[MODEL_NAME];
	char query_bias[MODEL_NAME]; /* where it is not query + ".bias" */
	char value_bias[MODEL_NAME];
	double clip;                 /* 0: none */
	enum model_norm qk_norm;
	enum model_stage qk_stage;
	bool qk_by_head;             /* a weight for each head: (heads, dim), or one tensor each ("%" in the name) */
	char query_norm[MODEL_NAME], key_norm[MODEL_NAME];
	double qk_eps;
	struct rotary_settings rotary;
	enum multiplier_kind multiplier;
	double multiplier_slope, multiplier_length;
	double scale, softcap;       /* softcap 0: none */
	bool scaled_queries;         /* queries are multiplied with the scale before the attention receives them, which then takes 1 */
	bool is_causal;
	int64_t left, right;         /* window, inclusive distances; -1: no limit */
	int64_t chunk;
	char sinks[MODEL_NAME];
	int64_t tensors_of;          /* the number in the names of its tensors; its own as a rule */
	int64_t keys_of;             /* the layer whose keys these queries read; its own number as a rule */
	struct bias_settings bias;
	struct latent_settings latent;
	struct choice_settings choice;
	struct feed_settings feed;
	const char *add;             /* a sinusoid or embedding added to what queries and keys are made of (DETR); NULL */
	char note[96];               /* particular to the family: "queries times ..." */
	/* The decoder's own attention, which stands before the cross-attention. */
	struct layer_settings *before; /* owned; NULL: none */
	char between[MODEL_NAME];    /* the norm after it: of the sum in post-norm models, in front of the projections in the others */
	bool between_is_post;
};

/* Releases what it owns; works on a zeroed struct. */
void layer_settings_release(struct layer_settings *settings);

#endif
