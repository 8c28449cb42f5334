/* SPDX-License-Identifier: MIT */
/*
 * What the files of project.h share.
 */
#ifndef ATTNVIZ_MODEL_PROJECT_PARTS_H
#define ATTNVIZ_MODEL_PROJECT_PARTS_H

#include "model/project.h"

/* The weights of a norm: [heads][dim], heads 1 where they share one. */
struct weights {
	enum model_norm kind;
	double *weight, *bias, eps;
	int64_t heads, dim;
};

enum err weights_open(struct weights *weights, const struct model *model, const struct layer_settings *layer, enum model_norm kind, const char *name, double eps, int64_t heads,
		      int64_t dim, struct err_info *info);
void weights_release(struct weights *weights); /* works on a zeroed struct */

/* In place, one vector of dim numbers. */
void weights_normalise(const struct weights *weights, int64_t head, double *x);

/* Of any states, entry `at`, with the settings of a layer. */
enum err project_states(const struct projecting *projecting, const struct layer_settings *layer, enum project_part part, const struct heads *states, int64_t at,
			const struct places *places, struct made *made, struct err_info *info);

/* What enters the projections of a layer without a feed-forward step: all tokens of a batch item, (tokens, width). */
enum err project_input(const struct projecting *projecting, const struct layer_settings *layer, const struct heads *states, int64_t at, int64_t batch, double *x,
		       struct err_info *info);

/* A tensor of `count` numbers in double; the caller frees. */
enum err read_vector(const struct tensor *tensor, int64_t count, double **out, struct err_info *info);

/* project_terms with the settings of a layer. */
enum err project_terms_of(const struct projecting *projecting, const struct layer_settings *layer, int64_t queries, int64_t keys, struct relative_terms *terms,
			  struct err_info *info);

/* Cosines and sines [tokens][dims / 2] of a sequence: pairs turn by their positions. */
bool project_turn(const struct rotary_settings *rotary, const struct places *places, int64_t batch, int64_t token, double *cosine, double *sine);

/* Queries of a cross-attention: the decoder's own attention runs first. */
enum err project_cross_queries(const struct projecting *projecting, const struct layer_settings *layer, struct made *made, struct err_info *info);

#endif
