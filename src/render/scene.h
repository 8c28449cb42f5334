/* SPDX-License-Identifier: MIT */
/*
 * What a picture shows, without saying how it is drawn. Commands fill a scene; render/ lays it out for a page or a terminal.
 */
#ifndef ATTNVIZ_RENDER_SCENE_H
#define ATTNVIZ_RENDER_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/output.h"

enum colour_map { COLOUR_VIRIDIS, COLOUR_MAGMA, COLOUR_CIVIDIS, COLOUR_GRAY, COLOUR_BLUES, COLOUR_DIVERGING, COLOUR_MAP_COUNT };
/* SCALE_AUTO is settled by scale_choose before the scene is drawn; one that is not is linear. */
enum value_scale { SCALE_LINEAR, SCALE_LOG, SCALE_SQRT, SCALE_RANK, SCALE_AUTO };
enum theme { THEME_LIGHT, THEME_DARK };
/* PICTURE_HTML is for running text alone. */
enum picture_format { PICTURE_PNG, PICTURE_SVG, PICTURE_PDF, PICTURE_TEXT, PICTURE_HTML };

/* A value that is a class: "whole tile". NaN is what has no value. */
struct value_class {
	double value;
	const char *name;
};

/* How values become colours. */
struct colouring {
	enum colour_map map;
	enum value_scale scale;
	bool reverse;
	double vmin, vmax;      /* NaN: from the data */
	double clip;            /* share of the values cut off at the top (and at the bottom for diverging), e.g. 0.01; 0: none */
	bool per_panel;         /* a range for each panel instead of one for all */
	const char *unit;       /* on the colour bar: "attention weight" */
	const struct value_class *classes; /* [class_count]: what values mean, told by a legend in place of the bar; NULL: a bar */
	int class_count;
	bool no_bar;            /* neither bar nor legend */
};

/* One side of a panel. Labels are for positions, not for cells: with pooling a cell covers several positions. */
struct axis_scale {
	const char *title;      /* "key", "query", "frame"; NULL: none */
	int64_t first;          /* position number of the first position shown */
	int64_t count;          /* positions shown */
	const char *const *label; /* [count] token texts, valid UTF-8; NULL: numbers */
	double step; /* what one position is worth, e.g. seconds a frame: ticks are round multiples; 0: position numbers */
};

struct panel {
	const float *cell;      /* row-major height x width; NaN is drawn as "no value" */
	int64_t height, width;
	const char *title;      /* "layer 3 head 5"; NULL: none */
};

struct heatmap_scene {
	const struct panel *panel;
	int64_t panel_count;
	int64_t columns;        /* of the grid; 0: near square. Layers x heads: columns = heads */
	const char *const *row_title;    /* [rows of the grid] or NULL: "layer 0", ... */
	const char *const *column_title; /* [columns] or NULL */
	const char *row_axis, *column_axis; /* what the titles number: "layer", "head"; NULL: the titles say so themselves */
	struct axis_scale rows, keys;
	struct colouring colouring;
	const char *title;
	const char *caption;    /* how the numbers were made; wrapped to the width */
	enum theme theme;
	bool keys_on_top;       /* key labels above the panels, as Bahdanau et al. 2015 draw them */
	bool numbers;           /* print each value in its cell, where it fits */
};

struct page {
	int width, height;      /* pixels, or 1/96 inch for SVG and PDF; 0: as the content asks */
	double dpi;             /* of text and lines; 96 is 1 to 1 */
	double scale;           /* of text, lines and gaps against their usual size; 0: 1 */
};

/* Key and value for a PNG's tEXt chunks and a PDF's or SVG's metadata: "Software", "Command", "Source". */
struct provenance {
	const char *key, *value;
};

/* Characters of a picture that no font has, in the order of their appearance; those beyond the first few are only counted. */
enum { MISSING_MAX = 64 };
struct missing_characters {
	uint32_t code[MISSING_MAX];
	int count, more;
};

/* A picture that somebody wants: what every kind of scene is written by. */
struct picture_request {
	enum picture_format format;
	const struct page *page;
	const struct provenance *provenance;
	int provenance_count;
	struct output *out;
	struct missing_characters *missing; /* added to while drawing; NULL: not wanted */
};

enum err scene_write(const struct heatmap_scene *scene, enum picture_format format, const struct page *page,
		     const struct provenance *provenance, int provenance_count, struct output *out, struct err_info *info);

/* The format that a file name's ending stands for (.png .svg .pdf .txt .html); false where it stands for none. */
bool picture_format_of(const char *file, enum picture_format *format);

/* Cells that a panel of this scene can usefully have on that page: what to ask pooling for. */
void scene_cells(const struct heatmap_scene *scene, enum picture_format format, const struct page *page, int64_t *height,
		 int64_t *width);

#endif
