/* SPDX-License-Identifier: MIT */
/*
 * A small grid of weights on the pixels of a picture.
 *
 * Pixel centres lie at half-integers on both grids: target pixel x looks at (x + 1/2) * from / to - 1/2 on the source, and beyond
 * the edge the outermost value goes on (what PyTorch calls align_corners=False, OpenCV INTER_LINEAR and INTER_CUBIC).
 */
#ifndef ATTNVIZ_RENDER_RESAMPLE_H
#define ATTNVIZ_RENDER_RESAMPLE_H

#include <stdint.h>

#include "base/error.h"

enum interpolation {
	INTERPOLATE_NEAREST,
	INTERPOLATE_BILINEAR,
	INTERPOLATE_BICUBIC, /* Keys 1981 with a = -3/4; overshoots the values between which it lies */
	INTERPOLATION_COUNT
};

/* Fill `to` (to_height x to_width) from `from` (height x width). A NaN among the values that a pixel looks at makes it NaN. ERR_NOMEM is the
 * only failure. */
enum err resample(const float *from, int64_t height, int64_t width, enum interpolation interpolation, float *to, int64_t to_height,
		  int64_t to_width, struct err_info *info);

/* The smallest set of values that holds `share` (0..1) of their sum, as the smallest value in it: keep what is at least that.
 * Values that are equal to it all stay. NaN where nothing is positive. `scratch` holds `count` floats. */
float resample_mass_threshold(const float *value, int64_t count, double share, float *scratch);

#endif
