/* SPDX-License-Identifier: MIT */
/*
 * Which mechanism it is, and which of the gathered tensors plays which of its inputs: two steps of input_open.
 */
#ifndef ATTNVIZ_COMMANDS_INPUTS_BIND_H
#define ATTNVIZ_COMMANDS_INPUTS_BIND_H

#include "base/error.h"
#include "commands/inputs.h"

/* The mechanism that --attention names; without it the softmax where there are queries and keys, or weights as they are. What is missing is ERR_USAGE. */
enum err inputs_choose_mechanism(struct input *input, struct err_info *info);

/* Match the layers of the roles that the commands would use together: queries with keys and values, or ready weights with values. ERR_USAGE names a layer and the role
 * that it lacks. */
enum err inputs_match(struct roles *roles, struct err_info *info);

/* Load the tensors of its inputs and bind them in input->args. An input that it does not take is ERR_USAGE where an option gave it. */
enum err inputs_load(struct input *input, struct err_info *info);

/* The role of a kind where the mechanism was given it, in the canonical view; else NULL. */
const struct role *inputs_bound(const struct input *input, enum name_role kind);

#endif
