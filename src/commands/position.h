/* SPDX-License-Identifier: MIT */
/*
 * The position options: rotations, biases and sinks that are applied here because the dump was taken before the model did.
 */
#ifndef ATTNVIZ_COMMANDS_POSITION_H
#define ATTNVIZ_COMMANDS_POSITION_H

#include "base/error.h"
#include "base/options.h"
#include "commands/roles.h"
#include "mechanism/position_args.h"

extern const struct option_row position_rows[];

/* Tensors belong to `roles`. */
enum err position_open(struct position_args *args, struct roles *roles, struct err_info *info);

/* Was any of them given? (Then scores are to be computed even where the dump holds ready weights.) */
bool position_given(void);

/* The rotation that was asked for. */
enum rope_pairing position_rope(void);

#endif
