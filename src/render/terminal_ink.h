/* SPDX-License-Identifier: MIT */
/*
 * Colour in a terminal: escape sequences only where the colour changes.
 */
#ifndef ATTNVIZ_RENDER_TERMINAL_INK_H
#define ATTNVIZ_RENDER_TERMINAL_INK_H

#include "base/strbuf.h"
#include "render/colour.h"
#include "render/terminal.h"

/* Characters of rising weight for terminals without colour. */
extern const char terminal_ramp[];

struct terminal_ink {
	enum terminal_colour colour;
	uint32_t rgb[COLOUR_STEPS];
	int64_t table[COLOUR_STEPS]; /* what the terminal is told: 0xRRGGBB or an index of its palette */
	int64_t fore, back; /* what the terminal has now: 0xRRGGBB or palette index, -1: its own */
};

void terminal_ink_init(struct terminal_ink *ink, const struct terminal *terminal, const struct colouring *colouring);

/* Two columns of one colour, at `unit` of the map; blank for NaN. */
void terminal_ink_cell(struct terminal_ink *ink, struct strbuf *out, double unit);

/* One column, two colours. */
void terminal_ink_halves(struct terminal_ink *ink, struct strbuf *out, double above, double below);

/* `text` padded at the left to `columns`, dark or light on the colour of `unit`; without colour plain. */
void terminal_ink_number(struct terminal_ink *ink, struct strbuf *out, double unit, const char *text, int columns);

/* What follows is written in this colour (0xRRGGBB); nothing without colour. */
void terminal_ink_write_in(struct terminal_ink *ink, struct strbuf *out, uint32_t rgb);

/* Back to the terminal's own colours. */
void terminal_ink_reset(struct terminal_ink *ink, struct strbuf *out);

#endif
