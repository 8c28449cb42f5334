/* SPDX-License-Identifier: MIT */
/*
 * A model on disk: its config, the row of its family, what each layer does, and its tensors.
 */
#ifndef ATTNVIZ_MODEL_MODEL_H
#define ATTNVIZ_MODEL_MODEL_H

#include "model/checkpoint.h"
#include "model/config.h"
#include "model/family.h"
#include "model/settings.h"

struct model {
	char *folder;                 /* ends in a slash, or is empty */
	struct config config;
	struct config_view view;      /* of the tower */
	char type[64];                /* the tower's model type */
	const char *tower;            /* of the family's row, or the one asked for; NULL where there is but one */
	const struct family *family;
	struct checkpoint checkpoint;
	char *prefix;                 /* before the path of the layers; NULL without a checkpoint */
	int64_t layers;
	struct layer_settings *layer; /* [layers], made by model_settle */
};

/* A folder, or a config.json alone. `tower` may be NULL; where there are several, ERR_USAGE names them. Do not move it afterwards. */
enum err model_open(struct model *model, const char *path, const char *tower, struct err_info *info);
void model_release(struct model *model); /* works on a zeroed struct */

/* Work out the layers for a call of `length` tokens, which some rotations depend on (0: none). May be called again. */
enum err model_settle(struct model *model, int64_t length, struct err_info *info);

/* The tensor that a layer calls `name` (several names with '|' between: the first there is), with this ending (".weight", ".bias", ""), or that stands behind the prefix
 * of the model alone (`shared`). NULL where there is none. */
const struct tensor *model_tensor(const struct model *model, const struct layer_settings *layer, const char *name, const char *ending, bool shared);

/* The same, where it must be there: ERR_VALUE says what it would be called. */
enum err model_need(const struct model *model, const struct layer_settings *layer, const char *name, const char *ending, bool shared, const struct tensor **tensor,
		    struct err_info *info);

#endif
