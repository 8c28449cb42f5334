/* SPDX-License-Identifier: MIT */
/*
 * What the command line says of the inputs and of the attention on them, as it stands there: the option rows, and what they fill. Which tensors that means,
 * inputs.h finds out.
 */
#ifndef ATTNVIZ_COMMANDS_INPUTS_GIVEN_H
#define ATTNVIZ_COMMANDS_INPUTS_GIVEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/options.h"
#include "commands/roles.h"

/* Inputs, tokens, attention, mask, position, selection and threads: the groups with their titles. */
extern const struct option_row input_rows[];

/* Those of the inputs alone, for commands that only list them. */
extern const struct option_row input_file_rows[];

struct given_inputs {
	struct roles_request roles;
	int dtype, order, layers_by; /* 0: not said; order: enum layout_fusion */
	const char *attention;    /* NULL: not given */
	struct string_list parameter;
	double scale, softcap;    /* NaN and 0: not given */
	int stage, normalise;     /* enum stage, enum normalise */
	bool is_signed, is_logits, is_log, skip_nan;
	int64_t threads;          /* 0: all */
	bool takes_less;          /* inputs that the mechanism does not take are left alone */
	bool prefer_scores;       /* see input_prefer_scores */
	bool measures_distance;   /* see input_measures_distance */
	bool in_pair;             /* see input_in_pair */
	bool writes_values;       /* see input_writes_values */
	bool wants_values;        /* see input_wants_values */
	bool unchecked;           /* see input_open_unchecked */
};

/* The one that the rows fill. */
struct given_inputs *given_inputs(void);

/* given_inputs()->roles, with all in it that the other options tell; the files are left to the caller. */
struct roles_request *given_request(void);

/* Options were given that only make sense where scores are computed. */
bool given_wants_scores(void);

#endif
