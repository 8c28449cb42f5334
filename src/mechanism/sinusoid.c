/* SPDX-License-Identifier: MIT */
#include "mechanism/sinusoid.h"

#include <math.h>

static const double BASE = 10000;

static void interleaved(double position, int64_t width, double *out)
{
	for (int64_t column = 0; column < width; column++) {
		double angle = position / pow(BASE, (double)(column / 2 * 2) / (double)width);
		out[column] = column % 2 ? cos(angle) : sin(angle);
	}
}

static void halves(double position, int64_t width, double *out)
{
	int64_t half = width / 2;
	double step = half > 1 ? log(BASE) / (double)(half - 1) : 0;
	for (int64_t k = 0; k < half; k++) {
		double angle = position * exp(-step * (double)k);
		out[k] = sin(angle);
		out[half + k] = cos(angle);
	}
	if (width % 2)
		out[width - 1] = 0;
}

void sinusoid_row(enum sinusoid form, double position, int64_t width, double *out)
{
	if (form == SINUSOID_HALVES)
		halves(position, width, out);
	else
		interleaved(position, width, out);
}
