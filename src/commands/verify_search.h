/* SPDX-License-Identifier: MIT */
/*
 * Which settings made these weights? The search behind info --verify-weights.
 *
 * What can be read off the weights is read off: the zeros show masks, the logarithms within a row the logits up to a constant, rows that sum to less than one the sink
 * logits. What cannot (rotations, norms, the order of the heads) is tried on a few hundred pairs, a trial each; what comes near on a few thousand. The settings that
 * come out are then compared with whole rows, their numbers rounded to what somebody may have typed, and what they can do without is taken back.
 */
#ifndef ATTNVIZ_COMMANDS_VERIFY_SEARCH_H
#define ATTNVIZ_COMMANDS_VERIFY_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/deviation.h"
#include "analysis/pair_sample.h"
#include "commands/inputs.h"
#include "commands/verify_settings.h"

/* Rows of the model's weights that settings are compared with. */
struct weights_sample {
	int64_t rows;
	int64_t *map, *row;
	double *model, *computed; /* [rows][keys], [keys] */
};

struct verify_search {
	const struct input *input;     /* its mechanism is softmax */
	const struct source *source;   /* as the options say */
	const struct source *model;    /* the model's weights */
	const int64_t *layer;          /* [layers] whose maps are looked at */
	int64_t layers;
	struct storage storage;
	double wanted;                 /* a deviation that explains the weights */
	/* What came out. */
	struct settings_given given;
	struct settings best;          /* its lists are those below */
	struct deviation deviation;    /* of the sample, with the best settings; infinite where nothing could be tried */
	bool by_distance;              /* a bias by distance explains them, for which there is no option; `best` has the rest */
	bool matters;                  /* the products have a say in the weights, so that the best settings mean something */
	bool short_rows, some_short_rows; /* most rows, or some, sum to less than one */
	int trials;
	/* Owned. */
	double *sinks, *slopes;
	struct tensor *sinks_tensor, *slopes_tensor; /* of these */
	struct weights_sample sample;
};

/* Maps of the layers, up to `most`, spread over layers, items and heads such that every item is there. */
enum err verify_choose_maps(const struct input *input, const int64_t *layer, int64_t layers, int64_t most, int64_t **map, int64_t *count, struct err_info *info);

/* Rows of the model's weights spread over these maps. */
enum err weights_sample_draw(struct weights_sample *sample, const struct source *model, const int64_t *map, int64_t maps, struct err_info *info);
void weights_sample_release(struct weights_sample *sample); /* works on a zeroed struct */

/* Once the sample is further off than `bound` the rest is left out. */
enum err weights_sample_compare(const struct weights_sample *sample, const struct source *source, double bound, struct deviation *deviation, struct err_info *info);

/* Attention with these settings: *opened keeps what the source points at, and both are released together. */
struct opened {
	struct source *source;
	struct mechanism_binding *binding;
	struct heads key;
};
enum err verify_open(const struct verify_search *search, const struct settings *settings, struct opened *opened, struct err_info *info);
void opened_release(struct opened *opened);

enum err verify_search_run(struct verify_search *search, struct err_info *info);
void verify_search_release(struct verify_search *search); /* works on a zeroed struct */

#endif
