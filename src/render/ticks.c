/* SPDX-License-Identifier: MIT */
#include "render/ticks.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MINUS "\xe2\x88\x92"

/* 1, 2 or 5 times a power of ten, the smallest that is at least `rough`. */
static double nice_step(double rough)
{
	double power = pow(10, floor(log10(rough)));
	double part = rough / power;

	if (part <= 1 + 1e-9)
		return power;
	if (part <= 2 + 1e-9)
		return 2 * power;
	return part <= 5 + 1e-9 ? 5 * power : 10 * power;
}

static const char *const superscript_digit[10] = { "⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹" };

static void superscript(char *text, size_t size, int exponent)
{
	char plain[16];

	snprintf(plain, sizeof plain, "%d", exponent < 0 ? -exponent : exponent);
	snprintf(text, size, "%s", exponent < 0 ? "⁻" : "");
	for (const char *p = plain; *p; p++) {
		size_t used = strlen(text);
		snprintf(text + used, size - used, "%s", superscript_digit[*p - '0']);
	}
}

static void power_text(char *text, size_t size, double value)
{
	int exponent = (int)floor(log10(fabs(value)) + 1e-9);
	double mantissa = value / pow(10, exponent);
	char raised[24];

	superscript(raised, sizeof raised, exponent);
	if (fabs(fabs(mantissa) - 1) < 1e-6)
		snprintf(text, size, "%s10%s", value < 0 ? MINUS : "", raised);
	else
		snprintf(text, size, "%s%.3g×10%s", value < 0 ? MINUS : "", fabs(mantissa), raised);
}

static bool is_plain(double magnitude)
{
	return magnitude >= 1e-4 && magnitude < 1e6;
}

static void fixed_text(char *text, size_t size, double value, int decimals)
{
	char plain[TICK_TEXT_MAX];

	snprintf(plain, sizeof plain, "%.*f", decimals, fabs(value));
	bool negative = value < 0 && strspn(plain, "0.") < strlen(plain);
	snprintf(text, size, "%s%s", negative ? MINUS : "", plain);
}

void ticks_linear(struct ticks *ticks, double low, double high, int most)
{
	ticks->count = 0;
	double step = nice_step((high - low) / (most > 2 ? most - 1 : 1));

	if (!(step > 0) || !isfinite(step) || !isfinite(step * most))
		return;
	double first = ceil(low / step - 1e-6), last = floor(high / step + 1e-6);
	double largest = fmax(fabs(first), fabs(last)) * step;
	bool plain = is_plain(step) || (is_plain(largest) && step >= 1e-6);
	int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-6) : 0;

	for (int i = 0; i < TICKS_MAX && first + i <= last; i++) {
		double value = (first + i) * step;

		ticks->value[ticks->count] = value;
		char *text = ticks->text[ticks->count++];
		if (plain || first + i == 0)
			fixed_text(text, TICK_TEXT_MAX, value, plain ? decimals : 0);
		else
			power_text(text, TICK_TEXT_MAX, value);
	}
}

/* Few powers of ten tell little: 1, 2 and 5 times a power, as many as may be, the powers first. */
static void ticks_within_decades(struct ticks *ticks, double low, double high, int most)
{
	static const int sets[3][4] = { { 1, 2, 5 }, { 1, 3 }, { 1 } };
	int first = (int)floor(log10(low)), last = (int)floor(log10(high) + 1e-9);

	for (int set = 0; set < 3; set++) {
		ticks->count = 0;
		for (int exponent = first; exponent <= last; exponent++) {
			for (int i = 0; sets[set][i]; i++) {
				double value = sets[set][i] * pow(10, exponent);
				if (value < low * (1 - 1e-9) || value > high * (1 + 1e-9) || ticks->count == TICKS_MAX)
					continue;
				ticks->value[ticks->count] = value;
				tick_text(ticks->text[ticks->count++], TICK_TEXT_MAX, value);
			}
		}
		if (ticks->count <= most)
			return;
	}
}

void ticks_log(struct ticks *ticks, double low, double high, int most)
{
	int first = (int)ceil(log10(low) - 1e-6), last = (int)floor(log10(high) + 1e-6);
	int step = 1;

	if (last - first < 1 && high / low < 4) {
		ticks_linear(ticks, low, high, most);
		return;
	}
	if (last - first < 2) {
		ticks_within_decades(ticks, low, high, most);
		return;
	}
	while ((last - first) / step + 1 > most)
		step++;
	ticks->count = 0;
	/* The top power is the one that matters: count down from it. */
	int start = last - (last - first) / step * step;
	bool decimal = start >= -3 && last <= 3;
	for (int exponent = start; exponent <= last; exponent += step) {
		double value = pow(10, exponent);

		ticks->value[ticks->count] = value;
		char *text = ticks->text[ticks->count++];
		if (decimal || exponent == 0)
			fixed_text(text, TICK_TEXT_MAX, value, exponent < 0 ? -exponent : 0);
		else
			power_text(text, TICK_TEXT_MAX, value);
	}
}

void ticks_sqrt(struct ticks *ticks, double high)
{
	static const double factor[3] = { 1, 2, 5 };
	int top = (int)floor(log10(high) + 1e-9);

	ticks->count = 0;
	ticks->value[0] = 0;
	snprintf(ticks->text[ticks->count++], TICK_TEXT_MAX, "0");
	for (int exponent = top - 2; exponent <= top; exponent++) {
		for (int i = 0; i < 3; i++) {
			double value = factor[i] * pow(10, exponent);
			if (value < high / 100 || value > high * (1 + 1e-9))
				continue;
			ticks->value[ticks->count] = value;
			tick_text(ticks->text[ticks->count++], TICK_TEXT_MAX, value);
		}
	}
}

int64_t ticks_position_step(int64_t count, int64_t most)
{
	static const int64_t factor[3] = { 1, 2, 5 };

	if (most < 1)
		most = 1;
	for (int64_t power = 1; power <= INT64_MAX / 50; power *= 10)
		for (int i = 0; i < 3; i++)
			if ((count - 1) / (factor[i] * power) < most)
				return factor[i] * power;
	return count;
}

void tick_text(char *text, size_t size, double value)
{
	if (isnan(value) || isinf(value)) {
		snprintf(text, size, "%s", isnan(value) ? "–" : value > 0 ? "∞" : MINUS "∞");
		return;
	}
	if (value != 0 && !is_plain(fabs(value))) {
		power_text(text, size, value);
		return;
	}
	char plain[TICK_TEXT_MAX];
	snprintf(plain, sizeof plain, fabs(value) < 100 ? "%.3g" : "%.0f", fabs(value));
	snprintf(text, size, "%s%s", value < 0 ? MINUS : "", plain);
}

/* Length of the symbol that `text` begins with, and what stands for it; 0 where it is none of ours. */
static size_t ascii_symbol(const char *text, const char **plain, bool *raised)
{
	static const struct { const char *symbol, *plain; bool raised; } table[] = {
		{ "⁻", "-", true }, { MINUS, "-", false }, { "–", "-", false }, { "×", "x", false }, { "∞", "inf", false },
	};
	static const char digits[10][2] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9" };

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		size_t length = strlen(table[i].symbol);
		if (!strncmp(text, table[i].symbol, length)) {
			*plain = table[i].plain;
			*raised = table[i].raised;
			return length;
		}
	}
	for (int i = 0; i < 10; i++) {
		size_t length = strlen(superscript_digit[i]);
		if (!strncmp(text, superscript_digit[i], length)) {
			*plain = digits[i];
			*raised = true;
			return length;
		}
	}
	return 0;
}

void tick_text_to_ascii(char *text)
{
	bool was_raised = false;
	char *to = text;

	/* No symbol is shorter than what replaces it, the caret before the first raised one included. */
	for (const char *from = text; *from;) {
		const char *plain;
		bool raised = false;
		size_t length = ascii_symbol(from, &plain, &raised);
		if (!length) {
			*to++ = *from++;
			was_raised = false;
			continue;
		}
		if (raised && !was_raised)
			*to++ = '^';
		for (from += length; *plain; plain++)
			*to++ = *plain;
		was_raised = raised;
	}
	*to = '\0';
}
