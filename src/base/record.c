/* SPDX-License-Identifier: MIT */
#include "base/record.h"

#include <inttypes.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/record_fit.h"
#include "base/utf8.h"

enum { HELD_ROWS = 10000, GAP = 2 };

/* How a format writes things; rows of `shapes`, by enum record_format. */
struct shape {
	void (*integer)(struct strbuf *cell, int64_t value);
	void (*real)(struct strbuf *cell, double value);
	void (*text)(struct strbuf *cell, const char *value);
	const char *list_open, *list_gap, *list_close;
	const char *unset;
	void (*row)(struct record *record);
};

struct record {
	const struct shape *shape;
	struct record_column *column;
	struct strbuf *cell;
	bool *set;
	int count;
	struct output *out;
	struct strbuf line;

	/* RECORD_TABLE only: the cells of the rows held back, each ended by a NUL, and the widths so far. */
	struct strbuf held;
	int64_t held_rows;
	int *width;
	bool flowing; /* the widths are fixed, rows go straight out */
	int fit;      /* width of the window; 0: widths as the cells want them */
};

/* A property of the process: where standard output goes does not change. */
static int terminal_width;

void record_fit_terminal(int columns)
{
	terminal_width = columns;
}

static bool reads_back(const char *text, double value)
{
	return strtod(text, NULL) == value;
}

/* Below a power of two the doubles lie twice as dense as above it, so the nearest decimal of 16 digits may belong to the
 * neighbour below where the next one up still reads back (2^-24 is such a number). All of them need an exponent. */
static bool next_decimal_up(double value, char *text, size_t room)
{
	int exponent;
	if (frexp(fabs(value), &exponent) != 0.5)
		return false;
	snprintf(text, room, "%.15e", value);
	char *last = strchr(text, 'e') - 1;
	if (*last == '9')
		return false;
	++*last;
	return reads_back(text, value);
}

void record_format_real(struct strbuf *out, double value)
{
	if (!isfinite(value)) {
		strbuf_addstr(out, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
		return;
	}
	/* %g drops trailing zeros, so 15 digits give the shortest form of every decimal that has no more than 15. Subnormal
	 * numbers hold fewer. */
	int digits = fabs(value) < DBL_MIN ? 1 : 15;
	char text[40];
	snprintf(text, sizeof text, "%.*g", digits, value);
	while (digits < 17 && !reads_back(text, value)) {
		if (digits == 16 && next_decimal_up(value, text, sizeof text))
			break;
		snprintf(text, sizeof text, "%.*g", ++digits, value);
	}
	strbuf_addstr(out, text);
}

static void write_integer(struct strbuf *cell, int64_t value)
{
	strbuf_addf(cell, "%" PRId64, value);
}

static void rounded_real(struct strbuf *cell, double value)
{
	if (isnan(value))
		strbuf_addstr(cell, "-");
	else
		strbuf_addf(cell, "%.4g", value);
}

static void json_real(struct strbuf *cell, double value)
{
	if (isfinite(value))
		record_format_real(cell, value);
	else
		strbuf_addstr(cell, "null");
}

static void visible_text(struct strbuf *cell, const char *value)
{
	utf8_append_visible(cell, value, strlen(value));
}

/* The letter that follows a backslash for a byte in `from`, at the same place in `to`; 0 for none. */
static char short_escape(const char *from, const char *to, char byte)
{
	const char *found = byte ? strchr(from, byte) : NULL;
	return found ? to[found - from] : '\0';
}

/* What a terminal would obey is shown as in the table, so that looking at the file is harmless. */
static void tsv_text(struct strbuf *cell, const char *value)
{
	while (*value) {
		size_t plain = strcspn(value, "\t\n\r\\");
		utf8_append_visible(cell, value, plain);
		value += plain;
		if (*value)
			strbuf_addf(cell, "\\%c", short_escape("\t\n\r\\", "tnr\\", *value++));
	}
}

/* All control characters are escaped, C1, DEL and what turns the direction of text too, which JSON would let pass to the terminal. */
static void json_text(struct strbuf *cell, const char *value)
{
	size_t len = strlen(value);
	strbuf_addch(cell, '"');
	for (size_t at = 0; at < len;) {
		int32_t code;
		size_t taken = utf8_decode(value + at, len - at, &code);
		char letter = code < 0x80 ? short_escape("\"\\\b\f\n\r\t", "\"\\bfnrt", value[at]) : '\0';
		if (code < 0)
			utf8_append(cell, 0xFFFD);
		else if (letter)
			strbuf_addf(cell, "\\%c", letter);
		else if (utf8_width(code) < 0 || utf8_misleading(code))
			strbuf_addf(cell, "\\u%04x", (unsigned)code);
		else
			strbuf_add(cell, value + at, taken);
		at += taken;
	}
	strbuf_addch(cell, '"');
}

static const char *cell_text(const struct record *record, int column)
{
	return record->set[column] ? record->cell[column].buf : record->shape->unset;
}

static void tsv_row(struct record *record)
{
	for (int i = 0; i < record->count; i++) {
		if (i > 0)
			strbuf_addch(&record->line, '\t');
		strbuf_addstr(&record->line, cell_text(record, i));
	}
	strbuf_addch(&record->line, '\n');
}

static void json_row(struct record *record)
{
	strbuf_addch(&record->line, '{');
	for (int i = 0; i < record->count; i++) {
		if (i > 0)
			strbuf_addstr(&record->line, ", ");
		json_text(&record->line, record->column[i].name);
		strbuf_addf(&record->line, ": %s", cell_text(record, i));
	}
	strbuf_addstr(&record->line, "}\n");
}

static void add_spaces(struct strbuf *out, int count)
{
	for (int i = 0; i < count; i++)
		strbuf_addch(out, ' ');
}

/* Numbers stand at the right of their column, text at the left; nothing trails. */
static void add_cell(struct record *record, int column, const char *text)
{
	bool last = column == record->count - 1;
	enum record_type type = record->column[column].type;
	bool left = type == RECORD_TEXT || type == RECORD_INT_LIST;
	int space = record->width[column] - utf8_text_width(text);
	if (!left)
		add_spaces(&record->line, space);
	strbuf_addstr(&record->line, text);
	if (left && !last)
		add_spaces(&record->line, space);
	if (last)
		strbuf_addch(&record->line, '\n');
	else
		add_spaces(&record->line, GAP);
}

static void widen(struct record *record, int column, const char *text)
{
	int width = utf8_text_width(text);
	if (width > record->width[column])
		record->width[column] = width;
}

static void put_line(struct record *record)
{
	if (!strbuf_failed(&record->line))
		output_write(record->out, record->line.buf, record->line.len);
	strbuf_clear(&record->line);
}

static void table_header(struct record *record)
{
	for (int i = 0; i < record->count; i++)
		add_cell(record, i, record->column[i].name);
	put_line(record);
}

static void print_fitting(struct record *record)
{
	const struct record_table table = { record->column, record->count, record->held.buf, record->held_rows };
	if (record->held_rows && !strbuf_failed(&record->held))
		record_fit(&table, record->fit, &record->line);
	put_line(record);
	strbuf_clear(&record->held);
	record->held_rows = 0;
}

/* The widths are known: print what was held back. */
static void let_flow(struct record *record)
{
	if (record->fit) {
		print_fitting(record);
		return;
	}
	record->flowing = true;
	if (record->held_rows == 0 || strbuf_failed(&record->held))
		return;
	table_header(record);
	const char *text = record->held.buf;
	for (int64_t row = 0; row < record->held_rows; row++) {
		for (int i = 0; i < record->count; i++) {
			add_cell(record, i, text);
			text += strlen(text) + 1;
		}
		put_line(record);
	}
	strbuf_clear(&record->held);
}

static void table_row(struct record *record)
{
	if (record->held_rows == HELD_ROWS && !record->flowing)
		let_flow(record);
	for (int i = 0; i < record->count; i++) {
		const char *text = cell_text(record, i);
		if (record->flowing) {
			add_cell(record, i, text);
			continue;
		}
		widen(record, i, text);
		strbuf_add(&record->held, text, strlen(text) + 1);
	}
	if (!record->flowing)
		record->held_rows++;
}

static const struct shape shapes[] = {
	[RECORD_TABLE] = { write_integer, rounded_real, visible_text, "", " ", "", "-", table_row },
	[RECORD_TSV] = { write_integer, record_format_real, tsv_text, "", ",", "", "", tsv_row },
	[RECORD_JSON] = { write_integer, json_real, json_text, "[", ", ", "]", "null", json_row },
};

static void free_record(struct record *record)
{
	for (int i = 0; record->cell && i < record->count; i++)
		strbuf_release(&record->cell[i]);
	strbuf_release(&record->held);
	strbuf_release(&record->line);
	free(record->column);
	free(record->cell);
	free(record->set);
	free(record->width);
	free(record);
}

static void tsv_header(struct record *record)
{
	for (int i = 0; i < record->count; i++) {
		tsv_text(&record->line, record->column[i].name);
		strbuf_addch(&record->line, i + 1 < record->count ? '\t' : '\n');
	}
	put_line(record);
}

struct record *record_new(enum record_format format, const struct record_column *columns, int count, struct output *out)
{
	struct record *record = mem_zero_array(1, sizeof *record);
	if (!record)
		return NULL;
	size_t room = count > 0 ? (size_t)count : 0;
	record->shape = &shapes[format];
	record->out = out;
	record->count = (int)room;
	record->fit = format == RECORD_TABLE && out->fd == STDOUT_FILENO ? terminal_width : 0;
	record->column = mem_array(room, sizeof *record->column);
	record->cell = mem_zero_array(room, sizeof *record->cell);
	record->set = mem_zero_array(room, sizeof *record->set);
	record->width = mem_zero_array(room, sizeof *record->width);
	if (!record->column || !record->cell || !record->set || !record->width) {
		free_record(record);
		return NULL;
	}
	strbuf_init(&record->line);
	strbuf_init(&record->held);
	for (size_t i = 0; i < room; i++) {
		record->column[i] = columns[i];
		strbuf_init(&record->cell[i]);
		widen(record, (int)i, columns[i].name);
	}
	if (format == RECORD_TSV)
		tsv_header(record);
	return record;
}

/* An empty cell, to be filled by the caller. */
static struct strbuf *fresh_cell(struct record *record, int column)
{
	record->set[column] = true;
	strbuf_clear(&record->cell[column]);
	return &record->cell[column];
}

void record_int(struct record *record, int column, int64_t value)
{
	record->shape->integer(fresh_cell(record, column), value);
}

void record_real(struct record *record, int column, double value)
{
	struct strbuf *cell = fresh_cell(record, column);
	if (record->fit && !isnan(value))
		record_format_real(cell, value); /* it is rounded when the width of the column is known */
	else
		record->shape->real(cell, value);
}

/* As tensor shapes are written, a comma behind a single number too; JSON has an array. */
void record_int_list(struct record *record, int column, const int64_t *value, int64_t count)
{
	bool json = record->shape == &shapes[RECORD_JSON];
	struct strbuf *cell = fresh_cell(record, column);
	strbuf_addch(cell, json ? '[' : '(');
	for (int64_t i = 0; i < count; i++)
		strbuf_addf(cell, "%s%" PRId64, i ? ", " : "", value[i]);
	strbuf_addstr(cell, json ? "]" : count == 1 ? ",)" : ")");
}

void record_text(struct record *record, int column, const char *value)
{
	record->shape->text(fresh_cell(record, column), value);
}

void record_real_list(struct record *record, int column, const double *value, int64_t count)
{
	const struct shape *shape = record->shape;
	struct strbuf *cell = fresh_cell(record, column);
	strbuf_addstr(cell, shape->list_open);
	for (int64_t i = 0; i < count; i++) {
		if (i > 0)
			strbuf_addstr(cell, shape->list_gap);
		shape->real(cell, value[i]);
	}
	strbuf_addstr(cell, shape->list_close);
}

/* Memory that ran out anywhere in the record fails the output as a full disk does. */
static enum err output_state(struct record *record)
{
	bool starved = strbuf_failed(&record->line) || strbuf_failed(&record->held);
	for (int i = 0; i < record->count; i++)
		starved = starved || strbuf_failed(&record->cell[i]);
	if (starved) {
		err_nomem(&record->out->info, "a row of results");
		record->out->failed = true;
	}
	return record->out->failed ? record->out->info.code : ERR_OK;
}

enum err record_row(struct record *record)
{
	record->shape->row(record);
	put_line(record);
	memset(record->set, 0, (size_t)record->count * sizeof *record->set);
	return output_state(record);
}

enum err record_end(struct record *record)
{
	if (!record)
		return ERR_OK;
	if (!record->flowing)
		let_flow(record);
	enum err err = output_state(record);
	free_record(record);
	return err;
}
