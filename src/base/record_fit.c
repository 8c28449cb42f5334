/* SPDX-License-Identifier: MIT */
#include "base/record_fit.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum { GAP = 2, DIGITS = 4, FEWER_DIGITS = 3, KEY_SHARE = 3, INDENT = 2 };

/* The columns as they will be printed. */
struct column {
	int width;   /* of the widest cell, and the name */
	int before;  /* numbers: the widest part in front of the point */
	bool apart;  /* on lines of its own */
};

struct fit {
	const struct record_table *table;
	const char **cell;      /* [rows x count] */
	struct strbuf rounded;  /* what the cells of numbers point into */
	struct column *column;
	int keys;               /* columns that tell the row */
	int width;
	struct strbuf *out;
};

static const char *cell_at(const struct fit *fit, int64_t row, int column)
{
	return fit->cell[row * fit->table->count + column];
}

static bool is_real(const struct fit *fit, int column)
{
	return fit->table->column[column].type == RECORD_REAL;
}

/* The part of a number in front of its point or exponent; all of it where there is neither. */
static int before_point(const char *text)
{
	return (int)strcspn(text, ".e");
}

/* Large numbers keep the digits in front of their point, which are no longer than an exponent. */
static void add_rounded(struct strbuf *out, double value, int digits)
{
	bool whole = fabs(value) >= (digits == DIGITS ? 9999.5 : 999.5) && fabs(value) < 1e7;
	if (whole)
		strbuf_addf(out, "%.0f", value);
	else
		strbuf_addf(out, "%.*g", digits, value);
}

static bool round_cells(struct fit *fit, int digits)
{
	const struct record_table *table = fit->table;
	const char *text = table->cell;
	strbuf_clear(&fit->rounded);
	for (int64_t i = 0; i < table->rows * table->count; i++, text += strlen(text) + 1) {
		char *end;
		double value = is_real(fit, (int)(i % table->count)) ? strtod(text, &end) : 0;
		if (is_real(fit, (int)(i % table->count)) && end != text && !*end)
			add_rounded(&fit->rounded, value, digits);
		else
			strbuf_addstr(&fit->rounded, text);
		strbuf_add(&fit->rounded, "", 1);
	}
	if (strbuf_failed(&fit->rounded))
		return false;
	text = fit->rounded.buf;
	for (int64_t i = 0; i < table->rows * table->count; i++, text += strlen(text) + 1)
		fit->cell[i] = text;
	return true;
}

static int larger(int a, int b)
{
	return a > b ? a : b;
}

static void measure(struct fit *fit)
{
	for (int i = 0; i < fit->table->count; i++) {
		int width = utf8_text_width(fit->table->column[i].name), before = 0, behind = 0;
		for (int64_t row = 0; row < fit->table->rows; row++) {
			const char *text = cell_at(fit, row, i);
			int own = utf8_text_width(text);
			before = larger(before, is_real(fit, i) ? before_point(text) : 0);
			behind = larger(behind, is_real(fit, i) ? own - before_point(text) : 0);
			width = larger(width, own);
		}
		fit->column[i].before = larger(before, width - behind);
		fit->column[i].width = larger(width, before + behind);
	}
}

/* Of the columns [begin, end) that are not apart, with the gaps between them. */
static int width_of(const struct fit *fit, int begin, int end)
{
	int width = -GAP;
	for (int i = begin; i < end; i++)
		width += fit->column[i].apart ? 0 : fit->column[i].width + GAP;
	return width < 0 ? 0 : width;
}

static void add_spaces(struct strbuf *out, int count)
{
	for (int i = 0; i < count; i++)
		strbuf_addch(out, ' ');
}

/* Spaces are owed until something follows them: nothing trails. */
static void add_cell(struct fit *fit, int column, const char *text, bool is_name, int *owed)
{
	enum record_type type = fit->table->column[column].type;
	int space = fit->column[column].width - utf8_text_width(text), left = space;
	if (type == RECORD_TEXT || type == RECORD_REAL_LIST || type == RECORD_INT_LIST)
		left = 0;
	else if (type == RECORD_REAL && !is_name)
		left = fit->column[column].before - before_point(text);
	add_spaces(fit->out, *owed + left);
	strbuf_addstr(fit->out, text);
	*owed = space - left + GAP;
}

static void add_line(struct fit *fit, int64_t row, int begin, int end)
{
	int owed = 0;
	for (int i = 0; i < end; i++)
		if (!fit->column[i].apart && (i < fit->keys || i >= begin))
			add_cell(fit, i, row < 0 ? fit->table->column[i].name : cell_at(fit, row, i), row < 0, &owed);
	strbuf_addch(fit->out, '\n');
}

static void add_block(struct fit *fit, int begin, int end)
{
	for (int64_t row = -1; row < fit->table->rows; row++)
		add_line(fit, row, begin, end);
}

static void choose_keys(struct fit *fit)
{
	const struct record_column *column = fit->table->column;
	while (fit->keys < fit->table->count && column[fit->keys].type == RECORD_INT)
		fit->keys++;
	if (fit->keys < fit->table->count && column[fit->keys].type == RECORD_TEXT && width_of(fit, 0, fit->keys + 1) <= fit->width / KEY_SHARE)
		fit->keys++;
	while (fit->keys && width_of(fit, 0, fit->keys) > fit->width / 2)
		fit->keys--;
	int room = fit->width - (fit->keys ? width_of(fit, 0, fit->keys) + GAP : 0);
	for (int i = fit->keys; i < fit->table->count; i++)
		fit->column[i].apart = column[i].type == RECORD_REAL_LIST || fit->column[i].width > room;
}

static void add_blocks(struct fit *fit)
{
	int room = fit->width - (fit->keys ? width_of(fit, 0, fit->keys) + GAP : 0), begin = fit->keys;
	bool first = true;
	while (begin < fit->table->count) {
		int end = begin + 1;
		while (end < fit->table->count && width_of(fit, begin, end + 1) <= room)
			end++;
		if (width_of(fit, begin, end) > 0 || first) {
			if (!first)
				strbuf_addch(fit->out, '\n');
			add_block(fit, begin, end);
			first = false;
		}
		begin = end;
	}
}

/* Words from the margin on, as many on a line as fit. */
static void add_words(struct fit *fit, const char *text)
{
	int at = 0;
	while (*text) {
		size_t length = strcspn(text, " ");
		char *word = strndup(text, length);
		int width = word ? utf8_text_width(word) : 0;
		if (at && at + 1 + width > fit->width) {
			strbuf_addch(fit->out, '\n');
			at = 0;
		}
		add_spaces(fit->out, at ? 1 : INDENT);
		strbuf_add(fit->out, text, length);
		at += width + (at ? 1 : INDENT);
		free(word);
		text += length + strspn(text + length, " ");
	}
	strbuf_addch(fit->out, '\n');
}

static void add_apart(struct fit *fit, int column)
{
	for (int64_t row = 0; row < fit->table->rows; row++) {
		strbuf_addf(fit->out, "%s%s", row ? "" : "\n", fit->table->column[column].name);
		for (int key = 0; key < fit->keys; key++)
			strbuf_addf(fit->out, "%s %s %s", key ? "" : ",", fit->table->column[key].name, cell_at(fit, row, key));
		strbuf_addstr(fit->out, ":\n");
		add_words(fit, cell_at(fit, row, column));
	}
}

static void lay_out(struct fit *fit)
{
	int count = fit->table->count;
	if (!round_cells(fit, DIGITS))
		return;
	measure(fit);
	if (width_of(fit, 0, count) > fit->width) {
		if (!round_cells(fit, FEWER_DIGITS))
			return;
		measure(fit);
	}
	if (width_of(fit, 0, count) <= fit->width) {
		add_block(fit, 0, count);
		return;
	}
	choose_keys(fit);
	add_blocks(fit);
	for (int i = fit->keys; i < count; i++)
		if (fit->column[i].apart)
			add_apart(fit, i);
}

void record_fit(const struct record_table *table, int width, struct strbuf *out)
{
	struct fit fit = { .table = table, .width = width, .out = out };
	strbuf_init(&fit.rounded);
	fit.cell = mem_zero_array((size_t)(table->rows * table->count), sizeof *fit.cell);
	fit.column = mem_zero_array((size_t)table->count, sizeof *fit.column);
	if (fit.cell && fit.column)
		lay_out(&fit);
	if (!fit.cell || !fit.column || strbuf_failed(&fit.rounded))
		out->failed = true;
	free(fit.cell);
	free(fit.column);
	strbuf_release(&fit.rounded);
}
