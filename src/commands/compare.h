/* SPDX-License-Identifier: MIT */
/*
 * Shared by the parts of attnviz compare: A, the attention of the inputs, and B, the one that it is compared with.
 */
#ifndef ATTNVIZ_COMMANDS_COMPARE_H
#define ATTNVIZ_COMMANDS_COMPARE_H

#include "base/error.h"
#include "base/output.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "commands/inputs.h"
#include "commands/progress.h"

struct comparing {
	struct input a, b;
	int64_t *row, row_count;   /* which queries */
	bool outputs;              /* both have values of one width */
	bool per_row;
	enum record_format format;
	struct output out;
	struct progress progress;
};

/* Layer, batch item and head of a map into columns 0 to 2. */
void compare_place(const struct comparing *comparing, struct record *record, int64_t map);

/* What is compared with what, for titles and captions: "A model.npy, B other.npy: layer 2, head 1", or where the files are the same "model.npy: A linear,
 * B softmax: ..."; and how each was made: "A: causal, B: causal, window 4". */
void compare_describe(const struct comparing *comparing, struct strbuf *title, struct strbuf *notes);

/* Few enough weights to be computed from the definition in double. */
bool compare_exactly(const struct comparing *comparing);

/* --against-full: what a shorter context costs, from log-sum-exps and outputs alone. */
enum err compare_context(struct comparing *comparing, struct err_info *info);

/* --features LIST: the error of random features against their number, over seeds. `plot` may be NULL. */
enum err compare_features(struct comparing *comparing, const char *features, int64_t seeds, int file_count, char **file, const char *plot, struct err_info *info);

#endif
