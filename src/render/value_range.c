/* SPDX-License-Identifier: MIT */
#include "render/value_range.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const double log_depth = 1e-6;

/* What a look at the data tells. */
struct survey {
	int64_t count; /* of finite values */
	double min, max, smallest_positive;
};

/* Values side by side, so that the compiler makes vectors of it: pictures have millions of cells. */
enum { SURVEY_LANES = 16 };

static void survey_panel(struct survey *survey, const struct panel *panel)
{
	int64_t count = panel->height * panel->width;
	float min[SURVEY_LANES], max[SURVEY_LANES], positive[SURVEY_LANES];

	for (int lane = 0; lane < SURVEY_LANES; lane++) {
		min[lane] = positive[lane] = INFINITY;
		max[lane] = -INFINITY;
	}
	for (int64_t first = 0; first < count; first += SURVEY_LANES) {
		float value[SURVEY_LANES];
		int32_t finite[SURVEY_LANES], seen = 0;
		int lanes = count - first < SURVEY_LANES ? (int)(count - first) : SURVEY_LANES;
		for (int lane = 0; lane < SURVEY_LANES; lane++)
			value[lane] = lane < lanes ? panel->cell[first + lane] : NAN;
		for (int lane = 0; lane < SURVEY_LANES; lane++) {
			finite[lane] = fabsf(value[lane]) <= FLT_MAX;
			min[lane] = finite[lane] && value[lane] < min[lane] ? value[lane] : min[lane];
			max[lane] = finite[lane] && value[lane] > max[lane] ? value[lane] : max[lane];
			positive[lane] = value[lane] > 0 && value[lane] < positive[lane] ? value[lane] : positive[lane];
			seen += finite[lane];
		}
		survey->count += seen;
	}
	for (int lane = 0; lane < SURVEY_LANES; lane++) {
		survey->min = fmin(survey->min, min[lane]);
		survey->max = fmax(survey->max, max[lane]);
		survey->smallest_positive = fmin(survey->smallest_positive, positive[lane]);
	}
}

/* Order-preserving bits of a float, for the radix sort. */
static uint32_t sort_key(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof bits);
	return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static void radix_pass(const float *from, float *to, int64_t count, int shift)
{
	int64_t start[2048] = { 0 };

	for (int64_t i = 0; i < count; i++)
		start[sort_key(from[i]) >> shift & 2047]++;
	int64_t sum = 0;
	for (int b = 0; b < 2048; b++) {
		int64_t in_bucket = start[b];
		start[b] = sum;
		sum += in_bucket;
	}
	for (int64_t i = 0; i < count; i++)
		to[start[sort_key(from[i]) >> shift & 2047]++] = from[i];
}

/* All finite values (magnitudes where symmetric) in ascending order; *sorted is the caller's. */
static enum err sort_values(const struct panel *panels, int64_t panel_count, int64_t count, bool magnitudes, float **sorted,
			    struct err_info *info)
{
	float *values = mem_array((size_t)count, sizeof *values), *other = mem_array((size_t)count, sizeof *other);
	int64_t used = 0;

	if (!values || !other) {
		free(values);
		free(other);
		return err_nomem(info, "the order of the values");
	}
	for (int64_t p = 0; p < panel_count; p++)
		for (int64_t i = 0; i < panels[p].height * panels[p].width; i++)
			if (isfinite(panels[p].cell[i]))
				values[used++] = magnitudes ? fabsf(panels[p].cell[i]) : panels[p].cell[i];
	radix_pass(values, other, count, 0);
	radix_pass(other, values, count, 11);
	radix_pass(values, other, count, 22);
	free(values);
	*sorted = other;
	return ERR_OK;
}

static double quantile(const float *sorted, int64_t count, double share)
{
	double place = share * (double)(count - 1);
	int64_t below = (int64_t)place;

	if (below >= count - 1)
		return sorted[count - 1];
	return sorted[below] + (place - (double)below) * ((double)sorted[below + 1] - sorted[below]);
}

/* Invert the rank: for every colour the smallest value that gets it. Equal values take the middle of their run. */
static enum err rank_steps(struct value_range *range, const float *sorted, int64_t count, struct err_info *info)
{
	range->step = mem_array(COLOUR_STEPS, sizeof *range->step);
	if (!range->step)
		return err_nomem(info, "the ranks");
	int next = 0;
	for (int64_t first = 0, end; first < count; first = end) {
		for (end = first + 1; end < count && sorted[end] == sorted[first]; end++)
			;
		double middle = (double)(first + end - 1) / 2;
		double unit = count > 1 ? middle / (double)(count - 1) : 0.5;
		int colour = (int)lrint(unit * (COLOUR_STEPS - 1));
		while (next <= colour)
			range->step[next++] = sorted[first];
	}
	while (next < COLOUR_STEPS)
		range->step[next++] = INFINITY;
	for (int i = 0; i < RANK_TICKS; i++)
		range->quantile[i] = quantile(sorted, count, (double)i / (RANK_TICKS - 1));
	return ERR_OK;
}

static bool is_log(const struct value_range *range)
{
	return range->scale == SCALE_LOG;
}

static void set_symmetric(struct value_range *range, const struct colouring *colouring, double magnitude)
{
	if (!isnan(colouring->vmax))
		magnitude = fabs(colouring->vmax);
	else if (!isnan(colouring->vmin))
		magnitude = fabs(colouring->vmin);
	if (!(magnitude > 0))
		magnitude = 1;
	range->low = -magnitude;
	range->high = magnitude;
}

static void set_one_sided(struct value_range *range, const struct colouring *colouring, const struct survey *survey, double top)
{
	bool open_low = isnan(colouring->vmin), open_high = isnan(colouring->vmax);

	range->high = open_high ? top : colouring->vmax;
	range->low = open_low ? survey->min : colouring->vmin;
	if (is_log(range) && open_high && !(range->high > 0))
		range->high = 1;
	if (is_log(range) && open_low) {
		range->low = fmax(fmin(survey->smallest_positive, range->high), range->high * log_depth);
		if (range->low >= range->high)
			range->low = range->high / 10;
	} else if (open_low && range->low >= 0 && range->low < range->high / 10) {
		range->low = 0;
	}
	if (range->low >= range->high && open_low && range->high > 0 && !is_log(range))
		range->low = 0;
	if (range->low >= range->high && open_low)
		range->low = range->high - fmax(1, fabs(range->high) * 1e-3);
	if (range->low >= range->high && open_high)
		range->high = range->low + (is_log(range) ? range->low * 9 : fmax(1, fabs(range->low) * 1e-3));
}

static enum err check_range(const struct value_range *range, struct err_info *info)
{
	if (!(range->low < range->high))
		return err_set(info, ERR_USAGE, "the colour range is empty (from %g to %g): give a vmin below vmax", range->low,
			       range->high);
	if (is_log(range) && !range->symmetric && !(range->low > 0))
		return err_set(info, ERR_USAGE, "a logarithmic colour scale cannot start at %g: give a vmin above 0", range->low);
	return ERR_OK;
}

enum err value_range_init(struct value_range *range, const struct colouring *colouring, const struct panel *panels, int64_t count,
			  struct err_info *info)
{
	struct survey survey = { 0, INFINITY, -INFINITY, INFINITY };
	float *sorted = NULL;
	enum err err = ERR_OK;

	*range = (struct value_range){ .scale = colouring->scale == SCALE_AUTO ? SCALE_LINEAR : colouring->scale,
					.symmetric = colouring->map == COLOUR_DIVERGING };
	for (int64_t p = 0; p < count; p++)
		survey_panel(&survey, &panels[p]);
	range->empty = !survey.count;
	if (range->empty) {
		survey = (struct survey){ 0, 0, 1, 1 };
		range->scale = range->scale == SCALE_RANK ? SCALE_LINEAR : range->scale;
	}
	double top = range->symmetric ? fmax(fabs(survey.min), fabs(survey.max)) : survey.max;
	if (survey.count && (colouring->clip > 0 || range->scale == SCALE_RANK)) {
		err = sort_values(panels, count, survey.count, range->symmetric, &sorted, info);
		if (err)
			return err;
		if (colouring->clip > 0)
			top = quantile(sorted, survey.count, 1 - fmin(colouring->clip, 1));
		if (range->scale == SCALE_RANK)
			err = rank_steps(range, sorted, survey.count, info);
		free(sorted);
	}
	if (err)
		return err;
	if (range->symmetric)
		set_symmetric(range, colouring, top);
	else
		set_one_sided(range, colouring, &survey, top);
	range->beyond_high = range->scale != SCALE_RANK && survey.count && survey.max > range->high;
	range->beyond_low = range->scale != SCALE_RANK && survey.count && survey.min < range->low;
	return range->scale == SCALE_RANK ? ERR_OK : check_range(range, info);
}

void value_range_release(struct value_range *range)
{
	free(range->step);
	*range = (struct value_range){ 0 };
}

/* Largest colour whose step is not above the value. */
static int rank_colour(const struct value_range *range, float value)
{
	int low = 0, high = COLOUR_STEPS;

	while (high - low > 1) {
		int middle = (low + high) / 2;
		if (range->step[middle] <= value)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static double clamp_unit(double unit)
{
	return unit < 0 ? 0 : unit > 1 ? 1 : unit;
}

/* The scale on [low, high], for values or magnitudes. */
static double scaled_unit(const struct value_range *range, double low, double high, double value)
{
	switch (range->scale) {
	case SCALE_LOG:
		return value > low ? clamp_unit(log(value / low) / log(high / low)) : 0;
	case SCALE_SQRT:
		return sqrt(clamp_unit((value - low) / (high - low)));
	case SCALE_RANK:
		return (double)rank_colour(range, (float)value) / (COLOUR_STEPS - 1);
	case SCALE_LINEAR:
	case SCALE_AUTO:
		break;
	}
	return clamp_unit((value - low) / (high - low));
}

double value_range_unit(const struct value_range *range, double value)
{
	if (isnan(value))
		return value;
	if (!range->symmetric)
		return scaled_unit(range, range->low, range->high, value);
	double low = is_log(range) ? range->high * log_depth : 0;
	double arm = scaled_unit(range, low, range->high, fabs(value));
	return value < 0 ? 0.5 - arm / 2 : value > 0 ? 0.5 + arm / 2 : 0.5;
}

void value_range_colours(const struct value_range *range, const uint32_t table[COLOUR_STEPS], uint32_t no_value, const float *cell,
			 int64_t count, uint32_t *rgb)
{
	for (int64_t i = 0; i < count; i++) {
		double unit = value_range_unit(range, cell[i]);
		rgb[i] = isnan(unit) ? no_value : table[(int)(unit * (COLOUR_STEPS - 1) + 0.5)];
	}
}

static void rank_ticks(const struct value_range *range, struct ticks *ticks, double place[TICKS_MAX])
{
	ticks->count = 0;
	for (int i = 0; i < RANK_TICKS; i++) {
		ticks->value[i] = range->quantile[i];
		tick_text(ticks->text[i], TICK_TEXT_MAX, range->quantile[i]);
		place[i] = (double)i / (RANK_TICKS - 1);
		ticks->count++;
	}
}

/* Powers of ten of the magnitude, mirrored, and zero between them. */
static void symmetric_log_ticks(const struct value_range *range, int most, struct ticks *ticks)
{
	struct ticks arm;

	ticks_log(&arm, range->high * log_depth * 10, range->high, most > 6 ? most / 2 : 3);
	ticks->count = 0;
	for (int i = -arm.count; i <= arm.count && ticks->count < TICKS_MAX; i++) {
		double value = i ? copysign(arm.value[abs(i) - 1], i) : 0;
		ticks->value[ticks->count] = value;
		char *text = ticks->text[ticks->count++];
		if (i)
			snprintf(text, TICK_TEXT_MAX, "%s%s", i < 0 ? "−" : "", arm.text[abs(i) - 1]);
		else
			snprintf(text, TICK_TEXT_MAX, "0");
	}
}

void value_range_ticks(const struct value_range *range, int most, struct ticks *ticks, double place[TICKS_MAX])
{
	if (range->scale == SCALE_RANK && !range->symmetric) {
		rank_ticks(range, ticks, place);
		return;
	}
	if (is_log(range) && range->symmetric)
		symmetric_log_ticks(range, most, ticks);
	else if (is_log(range))
		ticks_log(ticks, range->low, range->high, most);
	else if (range->scale == SCALE_SQRT && range->low == 0)
		ticks_sqrt(ticks, range->high);
	else
		ticks_linear(ticks, range->low, range->high, most);
	for (int i = 0; i < ticks->count; i++)
		place[i] = value_range_unit(range, ticks->value[i]);
}
