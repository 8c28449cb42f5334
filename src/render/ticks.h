/* SPDX-License-Identifier: MIT */
/*
 * Round numbers for axes and colour bars.
 *
 * Linear ticks are multiples of 1, 2 or 5 times a power of ten (Heckbert, "Nice numbers for graph labels", Graphics Gems 1990),
 * only those inside the range. Logarithmic ticks are powers of ten, thinned evenly when there are too many; where there are one
 * or two powers, 1, 2 and 5 times a power; in a range of less than a factor of four, linear ticks.
 */
#ifndef ATTNVIZ_RENDER_TICKS_H
#define ATTNVIZ_RENDER_TICKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TICKS_MAX = 24, TICK_TEXT_MAX = 32 };

struct ticks {
	int count;
	double value[TICKS_MAX];
	char text[TICKS_MAX][TICK_TEXT_MAX]; /* UTF-8: "0.25", "10⁻³", with a real minus sign (U+2212) */
};

/* At most `most` (2..TICKS_MAX) ticks in [low, high], low < high, both finite. All have the same number of decimals; outside
 * 1e-4 .. 1e6 they are written as 2×10⁻⁵. */
void ticks_linear(struct ticks *ticks, double low, double high, int most);

/* The same for a logarithmic axis, 0 < low < high. */
void ticks_log(struct ticks *ticks, double low, double high, int most);

/* 0 and the numbers 1, 2, 5 times a power of ten up to `high`, as far down as `high` / 100: for square root scales. */
void ticks_sqrt(struct ticks *ticks, double high);

/* Step of round whole numbers (1, 2, 5, 10, 20, ...) such that `count` positions need at most `most` ticks. */
int64_t ticks_position_step(int64_t count, int64_t most);

/* A single number as short as 3 significant digits allow, in the style of the ticks. */
void tick_text(char *text, size_t size, double value);

/* Rewrite such a text in place with ASCII alone: "-2x10^-3". */
void tick_text_to_ascii(char *text);

#endif
