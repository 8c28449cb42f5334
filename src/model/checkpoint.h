/* SPDX-License-Identifier: MIT */
/*
 * The tensors of a model directory: model.safetensors, or the shards of model.safetensors.index.json, mapped and read where they are wanted.
 *
 * The class that saved a file decides what stands before the names ("bert.", "model.language_model."), so a family knows the ends of names only, and what stands
 * before them is searched for.
 */
#ifndef ATTNVIZ_MODEL_CHECKPOINT_H
#define ATTNVIZ_MODEL_CHECKPOINT_H

#include <stdbool.h>

#include "base/error.h"
#include "tensor/reader.h"

struct checkpoint {
	struct archive archive;
	const struct tensor **sorted; /* by name; owned */
	bool is_open;
};

/* `folder` ends in a slash, or is empty. Without any checkpoint there, checkpoint->is_open stays false, which is no error. */
enum err checkpoint_open(struct checkpoint *checkpoint, const char *folder, struct err_info *info);
void checkpoint_release(struct checkpoint *checkpoint); /* works on a zeroed struct */

/* The tensor of this name, with its data; NULL where there is none. */
const struct tensor *checkpoint_find(const struct checkpoint *checkpoint, const char *name);

/* What stands before `ending` in names, where '#' is any number: the different ones, at most `most`; returns how many there are. Each is the caller's (free).
 * What belongs to the prediction of further tokens ("mtp.") is left out. */
int checkpoint_prefixes(const struct checkpoint *checkpoint, const char *ending, char **prefix, int most);

#endif
