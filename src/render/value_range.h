/* SPDX-License-Identifier: MIT */
/*
 * From values to places on a colour map: the range, the scale between its ends, and the ticks that explain it.
 *
 *   linear   (x - low) / (high - low)
 *   sqrt     sqrt of the linear share: lifts small weights
 *   log      log(x / low) / log(high / low); low is the smallest positive value, but not below high * 1e-6; x <= low is 0
 *   rank     the share of values below x, counting half of those equal to x: equal values have equal colours
 *
 * With the diverging map the range is symmetric, -m .. m, zero lies in the middle, and the scale applies to magnitudes.
 */
#ifndef ATTNVIZ_RENDER_VALUE_RANGE_H
#define ATTNVIZ_RENDER_VALUE_RANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "render/colour.h"
#include "render/scene.h"
#include "render/ticks.h"

enum { RANK_TICKS = 5 };

struct value_range {
	enum value_scale scale;
	bool symmetric;
	double low, high;             /* low < high */
	bool empty;                   /* there was no finite value; the range is nominal */
	bool beyond_low, beyond_high; /* some values lie outside: the colour bar ends in points */
	/* rank only: step[i] is the smallest value (magnitude where symmetric) whose colour is at least i */
	float *step;
	double quantile[RANK_TICKS];  /* values at 0, 1/4, 1/2, 3/4, 1 */
};

/* Look at all cells of the panels. Where the colouring leaves vmin and vmax open they come from the data: a minimum that is at
 * least 0 and below a tenth of the maximum becomes 0 (weights start at nothing), and data that are all equal get a range around
 * them. vmin >= vmax, or a logarithmic vmin <= 0, is ERR_USAGE. Release with value_range_release (also after a failure). */
enum err value_range_init(struct value_range *range, const struct colouring *colouring, const struct panel *panels, int64_t count,
			  struct err_info *info);
void value_range_release(struct value_range *range);

/* Place on the colour map, 0..1, clamped. NaN stays NaN. */
double value_range_unit(const struct value_range *range, double value);

/* Colour every cell: 0xRRGGBB from the table, `no_value` for NaN. */
void value_range_colours(const struct value_range *range, const uint32_t table[COLOUR_STEPS], uint32_t no_value, const float *cell,
			 int64_t count, uint32_t *rgb);

/* Ticks of the colour bar: at most `most`; place[i] is where tick i lies, 0..1. */
void value_range_ticks(const struct value_range *range, int most, struct ticks *ticks, double place[TICKS_MAX]);

#endif
