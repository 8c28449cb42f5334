/*
 * A small grid of weights on the pixels of a picture.
 *
 * Pixel centres lie at half-integers on both grids: target pixel x looks at (x + 1/2) * from / to - 1/2 on the source, and beyond
 * the edge the outermost value goes on (what PyTorch calls align_corners=False, OpenCV INTER_LINEAR and INTER_CUBIC).
 */
#ifndef ATTNVIZ_RENDER_RESAMPLE_H
#define ATTNVIZ_RENDER_RESAMPLE_H

#include <stdint.h>

enum interpolation {
	INTERPOLATE_NEAREST,
	INTERPOLATE_BILINEAR,
	INTERPOLATE_BICUBIC, /* Keys 1981 with a = -3/4; overshoots the values between which it lies */
	INTERPOLATION_COUNT
};

/* One value at a place of a target grid of `to_height` x `to_width` pixels. A NaN among the values looked at makes it NaN. */
float resample_at(const float *from, int64_t height, int64_t width, enum interpolation interpolation, int64_t to_height,
		  int64_t to_width, int64_t y, int64_t x);

/* The smallest set of values that holds `share` (0..1) of their sum, as the smallest value in it: keep what is at least that.
 * Values that are equal to it all stay. NaN where nothing is positive. `scratch` holds `count` floats. */
float resample_mass_threshold(const float *value, int64_t count, double share, float *scratch);

#endif
