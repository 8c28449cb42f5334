/* SPDX-License-Identifier: MIT */
#include "render/chart_scale.h"

#include <math.h>
#include <stdio.h>

static const double padding = 0.04;

struct extent {
	double low, high;
};

static void include(struct extent *extent, double value, bool log)
{
	if (!isfinite(value) || (log && value <= 0))
		return;
	extent->low = fmin(extent->low, value);
	extent->high = fmax(extent->high, value);
}

double series_x(const struct series *series, int64_t i)
{
	return series->x ? series->x[i] : (double)i;
}

double series_mean(const struct series *series, int64_t i, int64_t window)
{
	int64_t first = i - window / 2 > 0 ? i - window / 2 : 0, last = i + window / 2, count = 0;
	double sum = 0;

	if (window <= 1 || !isfinite(series->y[i]))
		return series->y[i];
	for (int64_t k = first; k <= last && k < series->count; k++) {
		if (!isfinite(series->y[k]))
			continue;
		sum += series->y[k];
		count++;
	}
	return sum / (double)count;
}

static void include_series(const struct series *series, const struct chart_scene *scene, struct extent *x, struct extent *y)
{
	for (int64_t i = 0; i < series->count; i++) {
		if (isnan(series->y[i]))
			continue;
		include(x, series_x(series, i), scene->x.log);
		include(y, series->y[i], scene->y.log);
		if (series->low && series->high) {
			include(y, series->low[i], scene->y.log);
			include(y, series->high[i], scene->y.log);
		}
	}
	if (series->kind == SERIES_BARS) {
		include(x, series_x(series, 0), scene->x.log);
		include(x, series_x(series, series->count), scene->x.log);
		include(y, 0, scene->y.log);
	}
}

static struct chart_scale scale_of(struct extent extent, const struct chart_axis *axis, bool pad)
{
	struct chart_scale scale = { 0, 1, axis->log, axis->whole };

	if (extent.low <= extent.high) {
		scale.low = extent.low;
		scale.high = extent.high;
	} else if (axis->log) {
		scale.low = 0.1;
	}
	if (axis->log) {
		double room = fmax(pow(scale.high / scale.low, pad ? padding : 0), pad || scale.low == scale.high ? 1.1 : 1);
		scale.low /= room;
		scale.high *= room;
	} else {
		double room = pad ? padding * (scale.high - scale.low) : 0;
		bool from_zero = pad && scale.low >= 0 && scale.low <= 0.3 * scale.high;
		if (scale.high - scale.low <= 1e-9 * fabs(scale.high))
			room = scale.high != 0 ? fabs(scale.high) * 0.1 : 0.5;
		scale.low = from_zero ? 0 : scale.low - room;
		scale.high += room;
	}
	bool given = axis->min != axis->max;
	if (given && !isnan(axis->min) && !(axis->log && axis->min <= 0))
		scale.low = axis->min;
	if (given && !isnan(axis->max))
		scale.high = axis->max;
	if (!(scale.low < scale.high))
		scale.high = axis->log ? scale.low * 10 : scale.low + 1;
	return scale;
}

void chart_scales(const struct chart_scene *scene, struct chart_scale *x, struct chart_scale *y)
{
	struct extent wide = { INFINITY, -INFINITY }, high = { INFINITY, -INFINITY };
	bool only_dots = true;

	for (int i = 0; i < scene->series_count; i++) {
		include_series(&scene->series[i], scene, &wide, &high);
		only_dots &= scene->series[i].kind == SERIES_DOTS;
	}
	if (scene->marker_name)
		include(&high, scene->marker, scene->y.log);
	*x = scale_of(wide, &scene->x, only_dots);
	*y = scale_of(high, &scene->y, true);
}

double chart_scale_unit(const struct chart_scale *scale, double value)
{
	if (scale->log)
		return value > 0 ? log(value / scale->low) / log(scale->high / scale->low) : NAN;
	return (value - scale->low) / (scale->high - scale->low);
}

static void whole_ticks(const struct chart_scale *scale, int most, struct ticks *ticks)
{
	int64_t first = (int64_t)ceil(scale->low - 1e-9), last = (int64_t)floor(scale->high + 1e-9);
	int64_t step = ticks_position_step(last - first + 1, most);

	ticks->count = 0;
	for (int64_t value = (int64_t)ceil((double)first / (double)step) * step; value <= last && ticks->count < TICKS_MAX;
	     value += step) {
		ticks->value[ticks->count] = (double)value;
		snprintf(ticks->text[ticks->count++], TICK_TEXT_MAX, "%s%lld", value < 0 ? "−" : "",
			 (long long)(value < 0 ? -value : value));
	}
}

void chart_scale_ticks(const struct chart_scale *scale, int most, struct ticks *ticks)
{
	most = most < 2 ? 2 : most > TICKS_MAX ? TICKS_MAX : most;
	if (scale->log)
		ticks_log(ticks, scale->low, scale->high, most);
	else if (scale->whole && fabs(scale->low) < 1e15 && fabs(scale->high) < 1e15)
		whole_ticks(scale, most, ticks);
	else
		ticks_linear(ticks, scale->low, scale->high, most);
}
