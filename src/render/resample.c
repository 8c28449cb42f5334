/* SPDX-License-Identifier: MIT */
#include "render/resample.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

/* Weights are float32: a sum of them that misses the share by so little has reached it. */
static const double rounding = 1e-6;

/* Four neighbours on one axis, clamped to the edge, and their weights. */
struct taps {
	int64_t at[4];
	double weight[4];
};

static int64_t clamp_index(int64_t index, int64_t count)
{
	return index < 0 ? 0 : index >= count ? count - 1 : index;
}

/* Keys' kernel with a = -3/4. */
static double cubic(double distance)
{
	const double a = -0.75;
	double d = fabs(distance);

	if (d <= 1)
		return ((a + 2) * d - (a + 3)) * d * d + 1;
	return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

static struct taps taps_of(int64_t from, int64_t to, int64_t pixel, enum interpolation interpolation)
{
	double place = ((double)pixel + 0.5) * (double)from / (double)to - 0.5, below = floor(place), part = place - below;
	struct taps taps = { { 0 }, { 0 } };

	for (int i = 0; i < 4; i++) {
		taps.at[i] = clamp_index((int64_t)below - 1 + i, from);
		taps.weight[i] = interpolation == INTERPOLATE_BICUBIC ? cubic(i - 1 - part) : i == 1 ? 1 - part : i == 2 ? part : 0;
	}
	if (interpolation == INTERPOLATE_NEAREST)
		taps = (struct taps){ { pixel * from / to }, { 1 } };
	return taps;
}

static float gather(const float *from, int64_t step, const struct taps *taps)
{
	double sum = 0;

	for (int i = 0; i < 4; i++)
		if (taps->weight[i] != 0)
			sum += taps->weight[i] * from[taps->at[i] * step];
	return (float)sum;
}

/* The kernels are separable: along the rows first, then down the columns. */
enum err resample(const float *from, int64_t height, int64_t width, enum interpolation interpolation, float *to, int64_t to_height,
		  int64_t to_width, struct err_info *info)
{
	float *wide = NULL;
	int64_t count;

	if (mem_mul_i64(height, to_width, &count))
		wide = mem_array((size_t)count, sizeof *wide);
	if (!wide)
		return err_nomem(info, "the weights over the picture");
	for (int64_t x = 0; x < to_width; x++) {
		struct taps taps = taps_of(width, to_width, x, interpolation);
		for (int64_t row = 0; row < height; row++)
			wide[row * to_width + x] = gather(from + row * width, 1, &taps);
	}
	for (int64_t y = 0; y < to_height; y++) {
		struct taps taps = taps_of(height, to_height, y, interpolation);
		for (int64_t x = 0; x < to_width; x++)
			to[y * to_width + x] = gather(wide + x, to_width, &taps);
	}
	free(wide);
	return ERR_OK;
}

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x < y) - (x > y);
}

float resample_mass_threshold(const float *value, int64_t count, double share, float *scratch)
{
	int64_t used = 0;
	double total = 0, sum = 0;

	for (int64_t i = 0; i < count; i++) {
		if (!isfinite(value[i]) || !(value[i] > 0))
			continue;
		scratch[used++] = value[i];
		total += value[i];
	}
	if (!used)
		return NAN;
	qsort(scratch, (size_t)used, sizeof *scratch, descending);
	for (int64_t i = 0; i < used; i++) {
		sum += scratch[i];
		if (sum >= share * total * (1 - rounding))
			return scratch[i];
	}
	return scratch[used - 1];
}
