/* SPDX-License-Identifier: MIT */
/*
 * What the mechanisms share whose scores come from queries and keys: sizes, grouped key heads, scale, soft-cap and mask.
 *
 * A mechanism embeds `struct masked` first, fills its tile with scale * (its own score), and lets masked_finish do the rest in the order that mask.h gives.
 * The masked_* source operations then fit as they are.
 */
#ifndef ATTNVIZ_MECHANISM_MASKED_H
#define ATTNVIZ_MECHANISM_MASKED_H

#include "base/error.h"
#include "kernel/source.h"
#include "mechanism/mask.h"
#include "mechanism/mechanism.h"

struct masked {
	struct source source;
	const struct mechanism *mechanism;
	const struct heads *query, *key;
	struct mask mask;     /* owned: its list of dead rows */
	enum stage stage;     /* of a softmax mechanism; the source's norm is NORM_NONE unless it is STAGE_WEIGHTS */
	bool is_softmax;      /* scores are logits */
	double scale;         /* that the scores are multiplied with, natural units */
	double softcap;       /* 0: none */
};

/*
 * Fit query, key and the value role to each other and take masks, scale and soft-cap from args. source.norm says before what the mechanism does with its scores.
 * The scale is args->scale, or `usual_scale` where that is NaN.
 */
enum err masked_init(struct masked *masked, const struct mechanism *mechanism, const struct mechanism_args *args, const struct heads *query,
		     const struct heads *key, bool same_dim, double usual_scale, struct err_info *info);
void masked_release(struct masked *masked);

/* What is folded into a tile's scores: the scale, times log2(e) where they are logits. */
double masked_factor(const struct masked *masked);

/* The offset that the mechanism adds to its scores in a tile: the driver's, or none where a soft-cap or a bias is to come first. */
const float *masked_offset(const struct masked *masked, const struct fill *fill);

/* From scaled scores (offset by masked_offset) to what fill returns. Hidden keys of row sums and of logits that are shown are 0. */
enum err masked_finish(const struct masked *masked, const struct fill *fill, struct err_info *info);

/* The same for one row of scaled scores in double, natural units: what score64 returns. */
enum err masked_finish64(const struct masked *masked, int64_t map, int64_t row, double *score, struct err_info *info);

/* For mechanisms that hide keys of their own in a tile or row after masked_finish: the value of a hidden key (-inf under a softmax, else 0), and whether keys are
 * hidden at all at the stage that is shown. */
float masked_hidden(const struct masked *masked);
bool masked_hides(const struct masked *masked);

/* The head of the keys that a map reads, and its layer and batch. Maps that agree in all three share what is prepared (masked_prepared_id). */
int64_t masked_key_head(const struct masked *masked, int64_t map, int64_t *layer, int64_t *batch);

enum coverage masked_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end);
int64_t masked_support(const struct source *source, int64_t map, int64_t row);
bool masked_visible(const struct source *source, int64_t map, int64_t row, int64_t key);
bool masked_span(const struct source *source, int64_t map, int64_t row, int64_t *begin, int64_t *end);
int64_t masked_prepared_id(const struct source *source, int64_t map);

/* In a struct source_ops: the mask alone says which keys a query sees. */
#define MASKED_SEEN .coverage = masked_coverage, .support = masked_support, .visible = masked_visible, .span = masked_span

#endif
