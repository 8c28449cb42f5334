/* SPDX-License-Identifier: MIT */
/*
 * --hidden and --memory: the states that enter the layers of a model, and those of the encoder.
 */
#ifndef ATTNVIZ_COMMANDS_MODEL_STATES_H
#define ATTNVIZ_COMMANDS_MODEL_STATES_H

#include "base/error.h"
#include "base/options.h"
#include "commands/roles.h"
#include "tensor/tensor.h"

struct model_states {
	struct heads heads;           /* (entries, batch, 1, tokens, width) */
	const struct tensor **slot;   /* owned */
	struct tensor *tensor;        /* owned */
	int64_t *entry;               /* [layers] the entry that enters each layer, -1 for none; owned */
	bool has_batch;
	bool as_many_as_layers;       /* not one more: perhaps those behind the layers were meant */
};

/* Hidden states of a model of so many layers: (L+1,N,D) or (L+1,B,N,D), also L of them, or one tensor for each layer. `behind`: entry l is what comes out of layer l.
 * Tensors belong to `roles`. */
enum err model_states_open(struct model_states *states, struct roles *roles, const struct string_list *spec, int64_t layers, bool behind, struct err_info *info);

/* The encoder's output (M,D) or (B,M,D), or its states one behind the other, of which the last counts. `layers` of the encoder and `batches` tell which. */
enum err model_memory_open(struct model_states *states, struct roles *roles, const struct string_list *spec, int64_t layers, int64_t batches, struct err_info *info);

void model_states_release(struct model_states *states); /* works on a zeroed struct */

#endif
