/* SPDX-License-Identifier: MIT */
/*
 * Pictures in a terminal: what it can show is decided by the caller, who looks at the environment.
 */
#ifndef ATTNVIZ_RENDER_TERMINAL_H
#define ATTNVIZ_RENDER_TERMINAL_H

#include <stdbool.h>

#include "base/error.h"
#include "base/output.h"
#include "render/scene.h"

enum terminal_colour { TERMINAL_ASCII, TERMINAL_256, TERMINAL_24BIT };

struct terminal {
	enum terminal_colour colour; /* TERMINAL_ASCII: a ramp of characters, no escape sequences */
	bool unicode;                /* half blocks; else two spaces a cell */
	int columns, rows;           /* rows 0: as many as needed */
};

/* Panels with title, labels, a legend of the colours and the caption. Panels stand side by side where they fit. Cells are square:
 * two columns of a line each, or half a line with half blocks where that does not fit. Labels are the tokens where every cell is
 * one position, else position numbers; a cell without value is left empty. */
enum err terminal_write_heatmap(const struct heatmap_scene *scene, const struct terminal *terminal, struct output *out,
				struct err_info *info);

/* Cells that a panel of this scene can have on that terminal: what to ask pooling for. */
void terminal_cells(const struct heatmap_scene *scene, const struct terminal *terminal, int64_t *height, int64_t *width);

#endif
