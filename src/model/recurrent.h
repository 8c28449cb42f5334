/* SPDX-License-Identifier: MIT */
/*
 * Models without any softmax attention whose mechanism has a source: Mamba, Mamba-2 and RWKV-4. The mechanism's inputs are made of the hidden states and the weights of
 * each layer.
 */
#ifndef ATTNVIZ_MODEL_RECURRENT_H
#define ATTNVIZ_MODEL_RECURRENT_H

#include "mechanism/mechanism.h"
#include "model/project.h"

enum { RECURRENT_INPUTS = 12, RECURRENT_MADE = 4 };

/* Do not move it: the bindings point into it. A zeroed struct is empty. */
struct recurrent {
	struct mechanism_binding binding[RECURRENT_INPUTS];
	size_t count;
	const char *parameter;     /* that goes with them, "dt=step"; NULL */
	struct made made[RECURRENT_MADE];
	size_t made_count;
	const struct tensor **list[RECURRENT_INPUTS]; /* [layers] weights, owned */
	size_t list_count;
	const int64_t *number;     /* [layers] borrowed: the layers that are shown */
	int64_t layers;
};

/* The mechanism of a model all of whose layers are the same and no softmax; NULL where there is none for it. */
const struct mechanism *recurrent_mechanism(const struct model *model);

enum err recurrent_open(struct recurrent *recurrent, const struct projecting *projecting, const int64_t *number, int64_t layers, struct err_info *info);
void recurrent_release(struct recurrent *recurrent);

#endif
