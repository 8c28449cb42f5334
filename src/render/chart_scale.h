/* SPDX-License-Identifier: MIT */
/*
 * One axis of a chart: from values to places, and its ticks.
 */
#ifndef ATTNVIZ_RENDER_CHART_SCALE_H
#define ATTNVIZ_RENDER_CHART_SCALE_H

#include "render/chart.h"
#include "render/ticks.h"

struct chart_scale {
	double low, high; /* low < high */
	bool log, whole;
};

/* Ranges that show every value of every series (bands included). Bars start at 0. An axis without any finite value is 0 .. 1. */
void chart_scales(const struct chart_scene *scene, struct chart_scale *x, struct chart_scale *y);

/* Share of the way from low to high; NaN where the scale has no place for the value. Not clamped. */
double chart_scale_unit(const struct chart_scale *scale, double value);

void chart_scale_ticks(const struct chart_scale *scale, int most, struct ticks *ticks);

/* x of a value, or of its position where the series has none. */
double series_x(const struct series *series, int64_t i);

/* Mean of the finite values of y around i, `window` of them where there are so many; y itself for a window of 1 or 0, and at a
 * gap. */
double series_mean(const struct series *series, int64_t i, int64_t window);

#endif
