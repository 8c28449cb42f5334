/* SPDX-License-Identifier: MIT */
#include "render/scale_choice.h"

#include <float.h>
#include <math.h>

#include "render/value_range.h"

/* Visible cells, those of them below each of the bounds of their range, and where the largest range ends. */
enum { BOUND_FLOOR, BOUND_ROOT, BOUNDS };

struct crowd {
	int64_t visible, below[BOUNDS];
	double high;
	bool has_floor; /* a range does not begin at 0: small values are not what a logarithm shows */
};

static float bound_of(const struct value_range *range, int bound)
{
	double low = range->symmetric ? 0 : range->low, width = range->high - low;

	return (float)(low + (bound == BOUND_FLOOR ? SCALE_FLOOR : SCALE_FLOOR * SCALE_FLOOR) * width);
}

/* Without branches, so that the compiler makes vectors of it: pictures have millions of cells. */
static int64_t count_below(const struct panel *panel, bool magnitudes, float bound)
{
	int64_t count = panel->height * panel->width, below = 0;

	for (int64_t first = 0; first < count; first += 4096) {
		int64_t end = count - first < 4096 ? count : first + 4096;
		int32_t here = 0;
		for (int64_t i = first; i < end; i++) {
			float size = magnitudes ? fabsf(panel->cell[i]) : panel->cell[i];
			here += (size < bound) & (size != 0) & (size >= -FLT_MAX);
		}
		below += here;
	}
	return below;
}

/* Count what lies below a bound. */
static enum err count_crowd(struct crowd *crowd, const struct colouring *colouring, const struct panel *panels, int64_t count, int bound,
			    struct err_info *info)
{
	struct colouring linear = *colouring;
	int64_t together = colouring->per_panel ? 1 : count;

	linear.scale = SCALE_LINEAR;
	for (int64_t first = 0; first < count; first += together) {
		struct value_range range;
		enum err err = value_range_init(&range, &linear, panels + first, together, info);
		for (int64_t i = first; i < first + together && !err && !range.empty && range.high > 0; i++) {
			if (bound == BOUND_FLOOR)
				crowd->visible += count_below(&panels[i], range.symmetric, INFINITY);
			crowd->below[bound] += count_below(&panels[i], range.symmetric, bound_of(&range, bound));
			crowd->high = fmax(crowd->high, range.high);
			crowd->has_floor |= range.low != 0;
		}
		value_range_release(&range);
		if (err)
			return err;
	}
	return ERR_OK;
}

static bool is_crowded(const struct crowd *crowd, int bound)
{
	return (double)crowd->below[bound] > SCALE_CROWD * (double)crowd->visible;
}

enum err scale_choose(struct colouring *colouring, const struct panel *panels, int64_t count, double *crowded, struct err_info *info)
{
	struct crowd crowd = { 0 };

	*crowded = NAN;
	if (colouring->scale != SCALE_AUTO)
		return ERR_OK;
	colouring->scale = SCALE_LINEAR;
	if (!isnan(colouring->vmin) || !isnan(colouring->vmax))
		return ERR_OK;
	enum err err = count_crowd(&crowd, colouring, panels, count, BOUND_FLOOR, info);
	if (err || !is_crowded(&crowd, BOUND_FLOOR))
		return err;
	err = count_crowd(&crowd, colouring, panels, count, BOUND_ROOT, info);
	if (err)
		return err;
	*crowded = (double)crowd.below[BOUND_FLOOR] / (double)crowd.visible;
	colouring->scale = crowd.has_floor || !is_crowded(&crowd, BOUND_ROOT) ? SCALE_SQRT : SCALE_LOG;
	if (colouring->scale == SCALE_LOG && !colouring->per_panel)
		colouring->vmin = pow(10, ceil(log10(crowd.high) - 1e-6) - SCALE_DECADES);
	return ERR_OK;
}
