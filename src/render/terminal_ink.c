/* SPDX-License-Identifier: MIT */
#include "render/terminal_ink.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

const char terminal_ramp[] = ".:-=+*#%@";

/* Nearest of the 6 x 6 x 6 cube (levels 0, 95, 135, ... 255) and the 24 greys of the 256-colour palette. */
static int cube_level(int value)
{
	return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
}

static int square(int x)
{
	return x * x;
}

static int palette_index(uint32_t rgb)
{
	static const int level[6] = { 0, 95, 135, 175, 215, 255 };
	int r = rgb >> 16 & 255, g = rgb >> 8 & 255, b = rgb & 255;
	int cr = cube_level(r), cg = cube_level(g), cb = cube_level(b);
	int grey = (r + g + b) / 3, step = grey < 8 ? 0 : grey > 238 ? 23 : (grey - 3) / 10;
	int shade = 8 + 10 * step;
	int cube_error = square(level[cr] - r) + square(level[cg] - g) + square(level[cb] - b);
	int grey_error = square(shade - r) + square(shade - g) + square(shade - b);

	return grey_error < cube_error ? 232 + step : 16 + 36 * cr + 6 * cg + cb;
}

void terminal_ink_init(struct terminal_ink *ink, const struct terminal *terminal, const struct colouring *colouring)
{
	*ink = (struct terminal_ink){ .colour = terminal->colour, .fore = -1, .back = -1 };
	colour_map_table(colouring->map, colouring->reverse, ink->rgb);
	for (int i = 0; i < COLOUR_STEPS; i++)
		ink->table[i] = ink->colour == TERMINAL_256 ? palette_index(ink->rgb[i]) : (int64_t)ink->rgb[i];
}

static int unit_step(double unit)
{
	return (int)(unit * (COLOUR_STEPS - 1) + 0.5);
}

static int64_t colour_at(const struct terminal_ink *ink, double unit)
{
	return isnan(unit) ? -1 : ink->table[unit_step(unit)];
}

static void add_sequence(const struct terminal_ink *ink, struct strbuf *out, int layer, int64_t colour)
{
	if (colour < 0)
		strbuf_addf(out, "\033[%dm", layer + 9);
	else if (ink->colour == TERMINAL_256)
		strbuf_addf(out, "\033[%d;5;%dm", layer + 8, (int)colour);
	else
		strbuf_addf(out, "\033[%d;2;%d;%d;%dm", layer + 8, (int)(colour >> 16), (int)(colour >> 8 & 255),
			    (int)(colour & 255));
}

static void set_fore(struct terminal_ink *ink, struct strbuf *out, int64_t colour)
{
	if (ink->fore != colour)
		add_sequence(ink, out, 30, colour);
	ink->fore = colour;
}

static void set_back(struct terminal_ink *ink, struct strbuf *out, int64_t colour)
{
	if (ink->back != colour)
		add_sequence(ink, out, 40, colour);
	ink->back = colour;
}

void terminal_ink_cell(struct terminal_ink *ink, struct strbuf *out, double unit)
{
	int steps = (int)strlen(terminal_ramp);

	if (ink->colour == TERMINAL_ASCII) {
		int step = isnan(unit) ? 0 : (int)(unit * steps);
		char shade = isnan(unit) ? ' ' : terminal_ramp[step < steps ? step : steps - 1];
		strbuf_addch(out, shade);
		strbuf_addch(out, shade);
		return;
	}
	set_back(ink, out, colour_at(ink, unit));
	strbuf_addstr(out, "  ");
}

void terminal_ink_halves(struct terminal_ink *ink, struct strbuf *out, double above, double below)
{
	int64_t upper = colour_at(ink, above), lower = colour_at(ink, below);

	if (upper == lower) {
		set_back(ink, out, upper);
		strbuf_addch(out, ' ');
	} else if (upper < 0) {
		set_back(ink, out, -1);
		set_fore(ink, out, lower);
		strbuf_addstr(out, "▄");
	} else {
		set_fore(ink, out, upper);
		set_back(ink, out, lower);
		strbuf_addstr(out, "▀");
	}
}

void terminal_ink_write_in(struct terminal_ink *ink, struct strbuf *out, uint32_t rgb)
{
	if (ink->colour != TERMINAL_ASCII)
		set_fore(ink, out, ink->colour == TERMINAL_256 ? palette_index(rgb) : (int64_t)rgb);
}

void terminal_ink_number(struct terminal_ink *ink, struct strbuf *out, double unit, const char *text, int columns)
{
	if (ink->colour != TERMINAL_ASCII) {
		int64_t back = colour_at(ink, unit);
		set_back(ink, out, back);
		if (back >= 0)
			terminal_ink_write_in(ink, out,
					      colour_luminance(colour_from_rgb(ink->rgb[unit_step(unit)])) > 0.22 ? 0x000000
														  : 0xffffff);
		else
			set_fore(ink, out, -1);
	}
	for (int i = utf8_text_width(text); i < columns; i++)
		strbuf_addch(out, ' ');
	strbuf_addstr(out, text);
}

void terminal_ink_reset(struct terminal_ink *ink, struct strbuf *out)
{
	if (ink->fore >= 0 || ink->back >= 0)
		strbuf_addstr(out, "\033[0m");
	ink->fore = -1;
	ink->back = -1;
}
