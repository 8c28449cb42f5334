/* SPDX-License-Identifier: MIT */
/*
 * What a model does, for people: a row for each layer, or the options that say the same.
 */
#ifndef ATTNVIZ_COMMANDS_MODEL_INFO_H
#define ATTNVIZ_COMMANDS_MODEL_INFO_H

#include "base/output.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "model/model.h"

/* A row for each layer. */
enum err model_info_layers(const struct model *model, enum record_format format, struct output *out);

/* The options for queries and keys as the attention receives them, and for those from before, a line for each kind of layer. */
void model_info_options(const struct model *model, struct strbuf *text);

/* The family of a row of the table, and in `text` its model types and what is done with them; NULL behind the last row. */
const char *model_info_family(size_t index, struct strbuf *text);

/* What differs between these layers, in a few words for captions: "windows of 4096 keys on 0, 2, 4". "" for nothing. */
void model_info_differences(const struct model *model, const int64_t *number, int64_t count, struct strbuf *text);

#endif
