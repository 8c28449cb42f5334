/* SPDX-License-Identifier: MIT */
/*
 * Alignment plots: a target x source map with the links drawn on it, and for speech the waveform and the words above it.
 *
 * Rows are target tokens (queries), columns source tokens or frames (keys). Links, path and spans are given in positions, not in
 * cells, so they stay where they belong when the map is pooled.
 */
#ifndef ATTNVIZ_RENDER_ALIGNMENT_H
#define ATTNVIZ_RENDER_ALIGNMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "render/scene.h"
#include "render/terminal.h"

enum link_mark {
	LINK_FOUND,    /* a disc */
	LINK_SURE,     /* gold: a square */
	LINK_POSSIBLE, /* gold: a thin square */
	LINK_MARKS
};

struct alignment_link {
	int64_t target, source;
	enum link_mark mark;
};

/* A word over the source: from the start of position `begin` to the start of position `end`, fractions allowed. */
struct source_span {
	double begin, end;
	const char *text;
};

struct alignment_scene {
	struct panel map;
	struct axis_scale targets, sources; /* sources.step: seconds a frame, for a time axis */
	const struct alignment_link *link;
	int64_t link_count;
	const int64_t *path_target, *path_source; /* a monotone path, e.g. of DTW; NULL: none */
	int64_t path_count;
	const float *waveform;              /* samples that cover the sources shown; NULL: none */
	int64_t sample_count;
	const struct source_span *span;
	int64_t span_count;
	bool source_on_top; /* Bahdanau et al. 2015, figure 3; they also use COLOUR_GRAY, white being the largest weight */
	struct colouring colouring;
	const char *title, *caption;
	enum theme theme;
};

enum err alignment_write(const struct alignment_scene *scene, const struct picture_request *request, struct err_info *info);

/* The map as in terminal_write_heatmap, then one line per target: its token, an arrow, the source tokens it is linked to, or
 * where there is a path its first and last source, and the gold links. Scenes have either found links or a path. */
enum err terminal_write_alignment(const struct alignment_scene *scene, const struct terminal *terminal, struct output *out,
				  struct err_info *info);

/* Cells to ask pooling for. */
void alignment_cells(const struct alignment_scene *scene, const struct picture_request *request, int64_t *height, int64_t *width);

#endif
