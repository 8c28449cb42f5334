/* SPDX-License-Identifier: MIT */
/*
 * Where the parts of a heatmap scene lie on its page.
 *
 *      title
 *             what the columns are, column titles               (layers x heads)
 *      row    panel title
 *      title  query labels | panel | gap | panel ...            colour bar, unit
 *             key labels, "key"
 *      caption
 *
 * Panels, gaps and cells lie on whole pixels. A page without a size of its own is as large as a comfortable panel asks: one
 * panel is up to some 800 px a side, a grid about 1200 px wide, and layers x heads of more than 16 a side fit a screen, without names of the
 * panels' axes. On a page of given size the panels take what is left.
 */
#ifndef ATTNVIZ_RENDER_HEATMAP_LAYOUT_H
#define ATTNVIZ_RENDER_HEATMAP_LAYOUT_H

#include "render/axis.h"
#include "render/colour_bar.h"
#include "render/figure.h"
#include "render/scene.h"

struct heatmap_layout {
	struct figure figure;             /* page, title, caption */
	int64_t columns, rows;            /* of the grid */
	int64_t cells_high, cells_wide;   /* of a panel */
	int64_t panel_height, panel_width;
	double gap_x, gap_y;              /* between panels; gap_y includes the panel title */
	double need_width, need_height;   /* what the present plan asks of it */
	double left, top;                 /* of the first panel */
	double content_end;               /* where the caption may begin */
	double extra_y;                   /* where the room below begins */
	double axis_title_x, axis_title_y;
	double row_title_x, column_title_y, panel_title_dy; /* the last: above the panel */
	double row_axis_x, column_axis_y;
	double bar_x, bar_y, bar_height;
	struct axis_layout queries, keys;
};

/* What another kind of scene adds to a heatmap: room of its own above and below the panels, marks on them, or panels of its own
 * kind. Lengths are pixels at 96 dpi. Both functions may be NULL. */
struct heatmap_extra {
	double above;  /* between the panels' upper edge and what stands above it */
	double below;  /* under the axis titles */
	bool no_bar;   /* no colour bar: the panels show no colours of the map */
	double panel_width, panel_height; /* size and proportions of a panel alone on its page; 0: as its cells need */
	void (*paint)(struct canvas *canvas, const struct heatmap_layout *layout, int64_t panel, const struct value_range *range,
		      const void *data);
	void (*draw)(struct canvas *canvas, const struct heatmap_layout *layout, const void *data);
	const void *data;
};

/* `range` may be NULL (not known yet, or one for each panel). `measured`: the panels have their cells; else the cells are what
 * the page can use, and cells_high and cells_wide answer scene_cells. Release with heatmap_layout_release. A page too small for
 * its labels is ERR_USAGE. */
enum err heatmap_layout_init(struct heatmap_layout *layout, struct typesetter *type, const struct heatmap_scene *scene,
			     const struct heatmap_extra *extra, const struct page *page, const struct value_range *range,
			     bool measured, struct err_info *info);
void heatmap_layout_release(struct heatmap_layout *layout);

/* scene_write with an extra, which may be NULL. */
enum err heatmap_write(const struct heatmap_scene *scene, const struct heatmap_extra *extra, const struct picture_request *request,
		       struct err_info *info);

/* scene_cells with an extra. */
void heatmap_cells(const struct heatmap_scene *scene, const struct heatmap_extra *extra, enum picture_format format,
		   const struct page *page, int64_t *height, int64_t *width);

/* Upper left corner and size of a panel. */
struct box heatmap_layout_panel(const struct heatmap_layout *layout, int64_t panel);

#endif
