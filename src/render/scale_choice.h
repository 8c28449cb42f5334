/* SPDX-License-Identifier: MIT */
/*
 * Which scale shows a map, where none was asked for.
 *
 * Looked at are the visible cells: those with a value other than exactly 0, which no scale lifts. The scale is
 *
 *   linear   unless more than SCALE_CROWD of them lie in the lowest SCALE_FLOOR of the range, and always where the range was given
 *            (vmin or vmax): whoever fixes it compares pictures
 *   sqrt     else, unless more than SCALE_CROWD of them lie in the lowest SCALE_FLOOR of its colours too; always where the range does not begin at 0
 *   log      else, over SCALE_DECADES decades, the one that the largest value lies in included
 *
 * Panels with ranges of their own are judged by these and counted together. The answer depends on the values alone.
 */
#ifndef ATTNVIZ_RENDER_SCALE_CHOICE_H
#define ATTNVIZ_RENDER_SCALE_CHOICE_H

#include <stdint.h>

#include "base/error.h"
#include "render/scene.h"

#define SCALE_CROWD 0.8
#define SCALE_FLOOR 0.02
enum { SCALE_DECADES = 4 };

/* Replace SCALE_AUTO; other scales stay. Of a log scale vmin is set, unless panels have ranges of their own. *crowded becomes the share of the visible cells
 * in the lowest SCALE_FLOOR of the range where that decided for another scale than the linear one, else NaN. */
enum err scale_choose(struct colouring *colouring, const struct panel *panels, int64_t count, double *crowded, struct err_info *info);

#endif
