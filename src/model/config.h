/* SPDX-License-Identifier: MIT */
/*
 * config.json of a Hugging Face model, read for the fields that decide attention.
 *
 * A field may have several names, of which the first that is there counts ("num_attention_heads|n_head"); null counts as absent. Getters take the default for what is
 * absent. What has the wrong type, or a number out of range, is remembered: the first error of a view stands in view.err, with its text in view.info, so that a family
 * asks for all that it wants and looks once at the end.
 */
#ifndef ATTNVIZ_MODEL_CONFIG_H
#define ATTNVIZ_MODEL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct config {
	json_t *root;
	char *file;
};

/* A folder's config.json, or the file itself. Limits: 16 MiB, and the depth that jansson allows. */
enum err config_open(struct config *config, const char *path, struct err_info *info);
void config_release(struct config *config); /* works on a zeroed struct */

/* Where fields are looked up: in `layer` (per_layer_config) first, then in `object` (the whole, or text_config). */
struct config_view {
	const json_t *object, *layer;
	enum err err;
	struct err_info *info;
};

/* The value of the first of these names that is there and not null; NULL for none. */
const json_t *config_find(const struct config_view *view, const char *names);
bool config_has(const struct config_view *view, const char *names);

/* Is the field there at all, be it null? Defaults of missing fields differ from what null means ("no window"). */
bool config_mentions(const struct config_view *view, const char *name);

int64_t config_int(struct config_view *view, const char *names, int64_t otherwise);     /* 0 .. 2^40; whole reals pass */
double config_real(struct config_view *view, const char *names, double otherwise);      /* finite, |x| < 1e30 */
bool config_bool(struct config_view *view, const char *names, bool otherwise);          /* 0 and 1 pass */
const char *config_text(struct config_view *view, const char *names, const char *otherwise);
const json_t *config_object(struct config_view *view, const char *names);               /* NULL where absent */
const json_t *config_array(struct config_view *view, const char *names);                /* NULL where absent */

/* Element `index` of an array as a number, a truth value or a text. One that is too short is an error. */
int64_t config_int_at(struct config_view *view, const char *names, const json_t *array, int64_t index);
double config_real_at(struct config_view *view, const char *names, const json_t *array, int64_t index);
const char *config_text_at(struct config_view *view, const char *names, const json_t *array, int64_t index);

/* A view of an object inside; errors of it are to be looked at there. */
struct config_view config_inside(const struct config_view *view, const json_t *object);

/* Remember an error, unless there is one. */
void config_fail(struct config_view *view, enum err err, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
