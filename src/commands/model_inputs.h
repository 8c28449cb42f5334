/* SPDX-License-Identifier: MIT */
/*
 * --model: attention from the hidden states of a model, or from its queries and keys, with all that config.json says.
 */
#ifndef ATTNVIZ_COMMANDS_MODEL_INPUTS_H
#define ATTNVIZ_COMMANDS_MODEL_INPUTS_H

#include "base/error.h"
#include "base/options.h"
#include "commands/inputs.h"

extern const struct option_row model_rows[];

/* Was --model given, and with it --hidden? */
bool model_given(void);
bool model_has_hidden(void);
const char *model_path(void);
const char *model_tower(void);

/* The vocabulary that lies beside its config: tokenizer.json, vocab.json or vocab.txt; NULL where there is none, or no --model. Borrowed, valid until the next call. */
const char *model_vocabulary(void);

/* --model counts for nothing while other files are opened by themselves. */
void model_set_aside(bool aside);

/* ERR_USAGE for options that go together with others that are missing. */
enum err model_check_options(struct err_info *info);

/* The same for queries and keys that are bound already: one layer each, numbered as `number` says (NULL: not told). */
enum err model_open_dump(struct input *input, const struct heads *query, const struct heads *key, const struct heads *value, const int64_t *number, struct err_info *info);

/* Open the source of the hidden states: fills input->source and input->layer_number. The mask's and positions' files are read here. */
enum err model_open_hidden(struct input *input, struct err_info *info);

#endif
