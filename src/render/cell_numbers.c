/* SPDX-License-Identifier: MIT */
#include "render/cell_numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "render/ticks.h"

static const double size_largest = 10, size_smallest = 8;

int cell_numbers_decimals(const struct panel *panel)
{
	double largest = 0;
	bool whole = true;

	for (int64_t i = 0; i < panel->height * panel->width; i++) {
		if (!isfinite(panel->cell[i]))
			continue;
		largest = fmax(largest, fabs(panel->cell[i]));
		whole &= panel->cell[i] == floorf(panel->cell[i]);
	}
	/* Counts. */
	if (whole && largest < 1e6)
		return 0;
	if (!(largest >= 1e-4))
		return largest > 0 ? -1 : 0;
	int exponent = (int)floor(log10(largest));
	return exponent >= 2 ? 0 : exponent >= -1 ? 2 - (exponent > 0 ? exponent : 0) : 1 - exponent;
}

void cell_number_text(char *text, size_t size, double value, int decimals)
{
	if (decimals < 0 || !isfinite(value)) {
		tick_text(text, size, value);
		return;
	}
	snprintf(text, size, "%.*f", decimals, fabs(value));
	if (value < 0 && strspn(text, "0.") < strlen(text))
		snprintf(text, size, "−%.*f", decimals, fabs(value));
}

static double widest_number(const struct panel *panel, struct typesetter *type, double size, int decimals)
{
	double widest = 0;
	char text[TICK_TEXT_MAX];

	for (int64_t i = 0; i < panel->height * panel->width; i++) {
		if (isnan(panel->cell[i]))
			continue;
		cell_number_text(text, sizeof text, panel->cell[i], decimals);
		widest = fmax(widest, text_width(type, size, false, text));
	}
	return widest;
}

void cell_numbers_draw(const struct panel *panel, const uint32_t *rgb, struct canvas *canvas, struct box box, double unit)
{
	double cell_width = box.width / (double)panel->width, cell_height = box.height / (double)panel->height;
	struct text_style style = { .size = size_largest * unit, .align = TEXT_MIDDLE };
	int decimals = cell_numbers_decimals(panel);

	if (cell_height < size_smallest * unit * 1.2 || cell_width < size_smallest * unit)
		return;
	double widest = widest_number(panel, canvas->type, style.size, decimals);
	style.size = fmin(style.size, style.size * (cell_width - 3 * unit) / fmax(widest, 1));
	if (style.size < size_smallest * unit)
		return;
	for (int64_t i = 0; i < panel->height * panel->width; i++) {
		char text[TICK_TEXT_MAX];
		if (isnan(panel->cell[i]))
			continue;
		cell_number_text(text, sizeof text, panel->cell[i], decimals);
		style.colour = colour_from_rgb(colour_luminance(colour_from_rgb(rgb[i])) > 0.22 ? 0x111418 : 0xffffff);
		canvas_text(canvas, box.x + ((double)(i % panel->width) + 0.5) * cell_width,
			    box.y + ((double)(i / panel->width) + 0.5) * cell_height, &style, text);
	}
}
