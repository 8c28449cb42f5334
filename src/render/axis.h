/* SPDX-License-Identifier: MIT */
/*
 * Labels along one side of a panel: as many as fit, never one over another.
 *
 * Token texts are laid flat where the widest fits its cell, else slanted, else upright; set smaller, down to 9 px at 96 dpi;
 * shortened with an ellipsis; and thinned to every k-th. Where fewer than one in AXIS_THIN_MAX would be left, or there are no
 * texts, the axis shows position numbers at round steps.
 */
#ifndef ATTNVIZ_RENDER_AXIS_H
#define ATTNVIZ_RENDER_AXIS_H

#include <stdbool.h>

#include "render/canvas.h"
#include "render/scene.h"
#include "render/ticks.h"

enum axis_side { SIDE_BOTTOM, SIDE_TOP, SIDE_LEFT, SIDE_RIGHT };
enum axis_kind { LABELS_NONE, LABELS_TOKENS, LABELS_NUMBERS, LABELS_MEASURED };

enum { AXIS_THIN_MAX = 4 };

struct axis_layout {
	const struct axis_scale *scale;
	enum axis_side side;
	enum axis_kind kind;
	double length;    /* of the side, in pixels */
	int64_t step;     /* tokens: every step-th from the first; numbers: multiples of step */
	struct ticks measured; /* numbers of positions that are worth something (axis_scale.step) */
	double size, angle;
	double widest;    /* labels are shortened to this */
	double tick;      /* length of a tick mark, 0: none */
	double gap;       /* between the tick's end and the label */
	double depth;     /* room that ticks and labels take beside the panel */
	double overhang;  /* room that slanted labels take before the start of the side */
};

/* `unit` is dpi / 96. `thin` is the largest step allowed for tokens (AXIS_THIN_MAX, or 1: all or none). */
void axis_plan(struct axis_layout *axis, struct typesetter *type, const struct axis_scale *scale, enum axis_side side,
	       double length, double unit, int64_t thin);

/* Do all texts fit on a side of this length, at their smallest? False where there are none. */
bool axis_has_room(const struct axis_scale *scale, double length, double unit);

/* (x, y) is the corner of the panel where the side begins: its upper left, lower left or upper right corner. */
void axis_draw(const struct axis_layout *axis, struct canvas *canvas, double x, double y, const struct theme_colours *colours);

#endif
