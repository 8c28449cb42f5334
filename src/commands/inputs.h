/* SPDX-License-Identifier: MIT */
/*
 * From the command line to an open source: what every command that looks at attention does first.
 *
 * A command joins input_rows (and more of the groups below) to its options with OPTION_GROUP, and calls input_open with its positional arguments. The struct then
 * owns all that was opened, and gives it back in one go.
 */
#ifndef ATTNVIZ_COMMANDS_INPUTS_H
#define ATTNVIZ_COMMANDS_INPUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/options.h"
#include "commands/grouping.h"
#include "commands/inputs_given.h"
#include "commands/grouping.h"
#include "commands/labels.h"
#include "commands/masking.h"
#include "commands/roles.h"
#include "commands/selection.h"
#include "kernel/driver.h"
#include "kernel/source.h"
#include "mechanism/mechanism.h"

struct input {
	struct roles roles;
	struct masking masking;
	struct mechanism_args args;
	struct mechanism_binding *binding;
	const struct mechanism *mechanism;
	struct source *source;
	void *behind;          /* what the source is made of where it does not own that itself, and how to free it after the source */
	void (*free_behind)(void *behind);
	struct labels labels;
	struct axis_spans spans; /* of --spans and its like; empty without */
	struct selection selection;
	int64_t *layer_number; /* [source->layers] as the names number them */
	bool layers_named;     /* names number them, also where there is one only */
	bool has_layers, has_batches, has_heads; /* the files had these axes */
	uint32_t left_out;     /* settings that the mechanism does not use; not 0 after input_in_pair only */
	const struct kernels *kernels;
	int threads;           /* 0: all */
};

/* Open everything that the options and the positional arguments name. On failure *input is safe to release. Do not move it afterwards. */
enum err input_open(struct input *input, int file_count, char **file, struct err_info *info);

/* The same but for what is changed: the second of two attentions that are compared. */
struct input_change {
	const char *attention;               /* in place of --attention; NULL: as given */
	const struct string_list *parameter; /* in place of --param; NULL: as given */
	bool whole_context;                  /* without --window, --chunk, --keep-first and --key-begin */
	bool other_files;                    /* the files are all that there is: -q, -k, -v, -w, --qkv, --input and --shard do not count */
};
enum err input_open_changed(struct input *input, const struct input_change *change, int file_count, char **file, struct err_info *info);

/* What --attention names, or NULL; and the list of --param. */
const char *input_attention(void);
const struct string_list *input_parameters(void);

void input_release(struct input *input); /* works on a zeroed struct */

/* The gathering alone: which tensor plays which role, nothing loaded. */
enum err input_gather(struct roles *roles, int file_count, char **file, struct err_info *info);
const struct roles_request *input_request(void);

/* Open what has been gathered, and perhaps loaded, already; *roles moves into *input, whatever the outcome. */
enum err input_open_gathered(struct input *input, struct roles *roles, struct err_info *info);

/* The same for a look at what was opened alone: nothing is said of ready weights, and nothing refused that is only wrong in them. */
enum err input_open_unchecked(struct input *input, struct roles *roles, struct err_info *info);

/* Compute from queries and keys even where there are ready weights: call it before input_open. */
void input_prefer_scores(void);

/* Statistics of distances are wanted: --past and --query-offset count for them even where nothing else is made of positions. Call it before input_open. */
void input_measures_distance(void);

/* What was given ready is written as it is, not measured or drawn: values that are no weights are a note, not an error. Call it before input_open. */
void input_writes_values(void);

/* The values are wanted: those of a model's hidden states are then made. Call it before input_open. */
void input_wants_values(void);

/* Two attentions are opened with the same options, of which each takes what it can use. Call it before both, and check_pair after: a setting that neither uses is
 * ERR_USAGE, one that only one of them uses a note. */
void input_in_pair(void);
enum err input_check_pair(const struct input *a, const struct input *b, struct err_info *info);

/* Driver options for the selected maps, with the threads and the kernels asked for. */
struct driver_options input_driver(const struct input *input);

#endif
