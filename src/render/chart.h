/* SPDX-License-Identifier: MIT */
/*
 * Charts of statistics: curves with confidence bands, dots, bars; dots by depth; a matrix of numbers.
 *
 * Values are double; a NaN is a gap. Arrays stay the caller's. Pictures go through the same writers, themes and page rules as
 * heatmaps; the text forms are for terminals and logs.
 */
#ifndef ATTNVIZ_RENDER_CHART_H
#define ATTNVIZ_RENDER_CHART_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/output.h"
#include "render/scene.h"
#include "render/terminal.h"

enum series_kind {
	SERIES_LINE, /* y over x */
	SERIES_DOTS, /* one dot a value */
	SERIES_BARS, /* a histogram: y[i] stands over x[i] .. x[i + 1]; x has count + 1 edges */
};

struct series {
	enum series_kind kind;
	const char *name;         /* in the legend; NULL: not there */
	int64_t count;
	const double *x;          /* ascending for lines; NULL: 0, 1, 2, ... */
	const double *y;
	const double *low, *high; /* band around y, e.g. a 95 % confidence interval; NULL: none */
	int colour;               /* index of its colour; series of one colour belong together */
	bool faint;               /* drawn thin and pale, behind the others */
	int64_t smooth;           /* lines: the values faint, and over them the running mean of so many (odd); 0: the values alone */
};

struct chart_axis {
	const char *title;
	bool log;         /* values <= 0 are gaps */
	bool whole;       /* positions, layers, heads: ticks only at whole numbers */
	double min, max;  /* NaN, or both equal: from the data and a little room; positive values that nearly reach 0 start there */
};

struct chart_scene {
	const struct series *series;
	int series_count;
	struct chart_axis x, y;
	double marker;            /* a dotted horizontal line at this y, e.g. the entropy of uniform attention */
	const char *marker_name;  /* NULL: no such line */
	const char *title, *caption;
	enum theme theme;
};

enum err chart_write(const struct chart_scene *scene, const struct picture_request *request, struct err_info *info);
enum err terminal_write_chart(const struct chart_scene *scene, const struct terminal *terminal, struct output *out,
			      struct err_info *info);

/*
 * One number for each layer and head, over depth: within each layer the heads stand side by side in their order, the
 * first at the left, and a line joins the means of the layers. (Clark et al. 2019, figure 4, draws entropies so.)
 */
struct depth_scene {
	const double *value;      /* [layers][heads]; NaN: no such head */
	int64_t layers, heads;
	const int64_t *layer;     /* [layers] numbers shown; NULL: 0, 1, 2, ... ascending */
	const char *metric;       /* "entropy (nats)": title of the y axis */
	bool log;
	double marker;            /* as in chart_scene */
	const char *marker_name;
	const char *title, *caption;
	enum theme theme;
};

enum err depth_write(const struct depth_scene *scene, const struct picture_request *request, struct err_info *info);
enum err terminal_write_depth(const struct depth_scene *scene, const struct terminal *terminal, struct output *out,
			      struct err_info *info);

/*
 * A matrix of numbers, coloured, each printed in its cell where it fits with two significant digits at least.
 */
struct matrix_scene {
	const double *value;             /* row-major rows x columns; NaN is drawn as "no value" */
	int64_t rows, columns;
	const char *const *row_label;    /* [rows]; NULL: numbers */
	const char *const *column_label; /* [columns]; NULL: numbers */
	const char *row_title, *column_title; /* "layer", "head" */
	struct colouring colouring;
	const char *title, *caption;
	enum theme theme;
};

enum err matrix_write(const struct matrix_scene *scene, const struct picture_request *request, struct err_info *info);
enum err terminal_write_matrix(const struct matrix_scene *scene, const struct terminal *terminal, struct output *out,
			       struct err_info *info);

#endif
