/* SPDX-License-Identifier: MIT */
/*
 * From the hidden state that enters a layer to its queries, keys and values: norm, projections, clipping, normalisation, rotation, multiplier.
 */
#ifndef ATTNVIZ_MODEL_PROJECT_H
#define ATTNVIZ_MODEL_PROJECT_H

#include "kernel/kernels.h"
#include "mechanism/layered.h"
#include "model/model.h"

/* Where tokens stand: [axes][batches][tokens], axes 1 (a sequence), 2 (row and column of a patch) or 3 (time, height, width). */
struct places {
	int64_t axes, batches, tokens;
	int64_t *at;               /* owned; NULL: 0, 1, 2, ... from `offset` on */
	int64_t offset;
};

struct projecting {
	const struct model *model;
	const struct heads *hidden; /* (layers + 1 or layers, batch, 1, tokens, width): what enters the layers */
	const struct heads *memory; /* (1, batch, 1, tokens, width); NULL: the hidden states themselves */
	const struct places *query_places, *key_places;
	const struct kernels *kernels;
	int threads;               /* 0: all */
};

enum project_part { MODEL_QUERY, MODEL_KEY, MODEL_VALUE };

/* Fill a view (1, batch, heads, tokens, dim) with the queries, keys or values of a layer. */
enum err project_part(const struct projecting *projecting, int64_t layer, enum project_part part, struct made *made, struct err_info *info);

/* Where queries and keys were dumped, and what is still to be done to them: behind the projections all of it, behind the norms the rotation, behind the rotation (as
 * the attention receives them) nothing. */
enum dumped { DUMPED_ROTATION, DUMPED_NORM, DUMPED_PROJECTION };

/* The same from queries or keys of a dump, a view of the one layer. */
enum err project_dumped(const struct projecting *projecting, int64_t layer, enum project_part part, enum dumped dumped, const struct heads *from, struct made *made,
			struct err_info *info);

/* The relative terms of a layer, for queries and keys of these lengths. */
enum err project_terms(const struct projecting *projecting, int64_t layer, int64_t queries, int64_t keys, struct relative_terms *terms, struct err_info *info);

/* The keys that a layer chooses. */
enum err project_choice(const struct projecting *projecting, int64_t layer, struct choice *choice, struct err_info *info);

/* One vector, in place: what the parts are made with, shared with tests. */
void project_rotate(const struct rotary_settings *rotary, const double *cosine, const double *sine, double *vector, int64_t dim);

#endif
