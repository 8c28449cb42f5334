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
	enum terminal_colour colour;
	bool unicode;   /* half blocks and box drawing; else plain ASCII ramps */
	int columns, rows;
};

enum err terminal_write_heatmap(const struct heatmap_scene *scene, const struct terminal *terminal, struct output *out, struct err_info *info);
void terminal_cells(const struct heatmap_scene *scene, const struct terminal *terminal, int64_t *height, int64_t *width);

#endif
