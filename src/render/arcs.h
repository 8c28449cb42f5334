/* SPDX-License-Identifier: MIT */
/*
 * Two columns of tokens joined by lines whose strength is the weight: BertViz's head view (Vig 2019) as a figure.
 *
 * Queries stand at the left, keys at the right, each head has a colour of its own. A line is as opaque and as wide as its weight,
 * relative to the largest weight shown; lines are drawn from the weakest to the strongest.
 */
#ifndef ATTNVIZ_RENDER_ARCS_H
#define ATTNVIZ_RENDER_ARCS_H

#include <stdint.h>

#include "base/error.h"
#include "render/scene.h"
#include "render/terminal.h"

/* More lines than this would only be ink: the strongest are drawn. */
enum { ARCS_LINES_MAX = 20000 };

/* So many heads over each other have colours that one tells apart: a picture of more is ERR_USAGE. */
enum { ARCS_HEADS_MAX = 6 };

struct arcs_scene {
	const float *weight;          /* [heads][queries.count][keys.count]; NaN, zero and less: no line */
	int64_t heads;
	const char *const *head_name; /* [heads], for the legend; NULL: none */
	struct axis_scale queries, keys;
	double least;                 /* weaker lines are left out, e.g. 0.02 */
	int64_t focus;                /* index of the only query whose lines are drawn; -1: all */
	const char *title, *caption;
	enum theme theme;
};

enum err arcs_write(const struct arcs_scene *scene, const struct picture_request *request, struct err_info *info);

/* A line a query with its strongest keys and their weights, head by head. */
enum err terminal_write_arcs(const struct arcs_scene *scene, const struct terminal *terminal, struct output *out,
			     struct err_info *info);

#endif
