/* SPDX-License-Identifier: MIT */
/*
 * How a heatmap is laid out in lines and columns.
 */
#ifndef ATTNVIZ_RENDER_TERMINAL_PLAN_H
#define ATTNVIZ_RENDER_TERMINAL_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "render/scene.h"
#include "render/terminal.h"

enum { TERMINAL_GAP = 3 }; /* columns between panels */

struct terminal_plan {
	const struct heatmap_scene *scene;
	const struct terminal *terminal;
	int64_t cells_high, cells_wide;
	bool half;             /* two cells a line, one column each */
	int cell_columns;
	int across;            /* panels side by side */
	int label_columns;     /* left of the cells, with the space after them */
	int cell_area;         /* columns that the cells take */
	int panel_columns;     /* labels, cells, and what a title needs more */
	int64_t body_lines;
	int key_lines;
	bool query_tokens, key_tokens;
	bool numbers;          /* printed in the cells, */
	int decimals;          /* with so many decimals */
};

/* `high` and `wide` are the cells that there are, or the positions when cells may still be chosen. */
void terminal_plan_cells(struct terminal_plan *plan, const struct heatmap_scene *scene, const struct terminal *terminal,
			 int64_t high, int64_t wide);

/* The plan for the cells that the scene has. */
void terminal_plan_init(struct terminal_plan *plan, const struct heatmap_scene *scene, const struct terminal *terminal);

/* Columns of the largest position number of an axis. */
int terminal_plan_digits(const struct axis_scale *scale);

#endif
