/* SPDX-License-Identifier: MIT */
/*
 * The words around a heat map: titles of the picture and its panels, and the caption that says how the numbers were made.
 */
#ifndef ATTNVIZ_COMMANDS_HEATMAP_TEXT_H
#define ATTNVIZ_COMMANDS_HEATMAP_TEXT_H

#include "analysis/key_share.h"
#include "base/error.h"
#include "commands/inputs.h"
#include "render/scene.h"

/* Owns every string that the scene points at. */
struct heatmap_text {
	char *title, *caption, *source;
	char **panel_title, **row_title, **column_title;
	size_t panels, rows, columns;
};

/* Fill the titles of the scene and of its panels. `reduced` names how heads became one ("mean"), or is NULL; `title` is what the user asked for, NULL for the
 * default, "" for none. */
enum err heatmap_text_titles(struct heatmap_text *text, const struct input *input, const char *reduced, const char *title, struct heatmap_scene *scene,
			     struct panel *panel, struct err_info *info);

/* Fill scene->caption and text->source once the size of the cells is known (from the first panel), and settle the scale of the colours. `note` says how the
 * weights were made: source->note. `top` are the keys that take most of each map's weight; NULL: not known. */
enum err heatmap_text_caption(struct heatmap_text *text, const struct input *input, const char *note, const char *pooling, int64_t skip_first,
			      const struct key_share *top, struct heatmap_scene *scene, struct err_info *info);

void heatmap_text_release(struct heatmap_text *text); /* works on a zeroed struct */

#endif
