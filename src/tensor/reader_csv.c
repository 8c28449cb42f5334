/* SPDX-License-Identifier: MIT */
/*
 * .csv, .tsv and what numpy.savetxt writes: one matrix, a row on each line, fields between commas, semicolons, tabs or spaces.
 *
 * A first row that holds a field that is no number is a header; so is one of 0, 1, 2, ... over numbers that are not all whole (pandas without names). A first column
 * most of whose fields are no numbers, or that a header leaves unnamed (the index of pandas), is one of labels.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "tensor/readers.h"
#include "tensor/text_matrix.h"

struct field {
	const char *text;
	size_t length;
	bool quoted;
};

struct csv {
	const char *at, *end;
	char separator; /* ' ' stands for any run of spaces */
	uint64_t line;
	struct err_info *info;
};

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\r';
}

static void trim(struct field *field)
{
	while (field->length && is_space(field->text[field->length - 1]))
		field->length--;
	while (field->length && is_space(*field->text)) {
		field->text++;
		field->length--;
	}
}

/* The next field of the line; *last where the line ends after it. A quoted one may hold separators, line ends and doubled quotes. */
static struct field next_field(struct csv *csv, bool *last)
{
	struct field field = { csv->at, 0, false };
	while (csv->separator == ' ' && csv->at < csv->end && *csv->at == ' ')
		csv->at++;
	field.text = csv->at;
	if (csv->at < csv->end && *csv->at == '"') {
		field.quoted = true;
		field.text = ++csv->at;
		while (csv->at < csv->end && (*csv->at != '"' || (csv->at + 1 < csv->end && csv->at[1] == '"')))
			csv->at += *csv->at == '"' ? 2 : 1;
		csv->at = csv->at < csv->end ? csv->at : csv->end;
		field.length = (size_t)(csv->at - field.text);
	}
	while (csv->at < csv->end && *csv->at != csv->separator && *csv->at != '\n')
		csv->at++;
	if (!field.quoted)
		field.length = (size_t)(csv->at - field.text);
	if (!field.quoted)
		trim(&field);
	while (csv->separator == ' ' && csv->at < csv->end && (*csv->at == ' ' || *csv->at == '\r'))
		csv->at++;
	*last = csv->at >= csv->end || *csv->at == '\n';
	csv->at += csv->at < csv->end && (csv->separator != ' ' || *csv->at == '\n');
	csv->line += *last;
	return field;
}

static bool is_number(const struct field *field, double *value, bool *whole)
{
	return text_number(field->text, field->length, value, whole);
}

/* numpy.savetxt writes a header as a comment. Lines without anything are passed over. */
static void skip_idle_lines(struct csv *csv)
{
	while (csv->at < csv->end) {
		const char *end = memchr(csv->at, '\n', (size_t)(csv->end - csv->at));
		const char *stop = end ? end : csv->end;
		struct field line = { csv->at, (size_t)(stop - csv->at), false };
		trim(&line);
		if (line.length && *line.text != '#')
			return;
		csv->at = end ? end + 1 : csv->end;
		csv->line++;
	}
}

/* The separator of which the first line has any, tabs first; 0 where there is none. */
static char find_separator(const char *line, const char *end)
{
	const char *stop = memchr(line, '\n', (size_t)(end - line));
	size_t length = (size_t)((stop ? stop : end) - line);
	for (const char *candidate = "\t,;"; *candidate; candidate++)
		if (memchr(line, *candidate, length))
			return *candidate;
	struct field whole = { line, length, false };
	trim(&whole);
	return memchr(whole.text, ' ', whole.length) ? ' ' : '\0';
}

/* What a line is made of. */
struct row {
	int64_t fields, numbers, behind; /* behind: numbers that are not in the first column */
	bool first_empty, counts;        /* the first field is empty; the fields are 0, 1, 2, ..., the first of them where it is not empty */
};

static struct row look_at_row(struct csv csv)
{
	struct row row = { .counts = true };
	for (bool last = false; !last; row.fields++) {
		struct field field = next_field(&csv, &last);
		double value;
		bool whole, number = is_number(&field, &value, &whole);
		row.first_empty = row.first_empty || (row.fields == 0 && field.length == 0);
		row.numbers += number;
		row.behind += number && row.fields;
		row.counts = row.counts && ((number && whole && (int64_t)value == row.fields - row.first_empty) || (row.fields == 0 && field.length == 0));
	}
	return row;
}

static bool probe(const unsigned char *head, size_t size)
{
	enum { LOOK = 1 << 16 };
	struct csv csv = { .at = (const char *)head, .end = (const char *)head + (size < LOOK ? size : LOOK) };
	for (const char *at = csv.at; at < csv.end; at++)
		if ((unsigned char)*at < ' ' && !memchr("\t\r\n", *at, 3))
			return false;
	skip_idle_lines(&csv);
	csv.separator = csv.at < csv.end ? find_separator(csv.at, csv.end) : '\0';
	if (!csv.separator)
		return false;
	struct row first = look_at_row(csv);
	if (csv.separator == ' ')
		return first.fields > 1 && first.numbers == first.fields;
	bool last = false;
	while (!last)
		next_field(&csv, &last);
	skip_idle_lines(&csv);
	struct row second = csv.at < csv.end ? look_at_row(csv) : first;
	return first.fields > 1 && second.behind >= second.fields - 1 && (first.behind == first.fields - 1 || second.fields == first.fields ||
									  second.fields == first.fields + 1);
}

/* Is there a number that is not written as an integer behind the first line? */
static bool has_fractions(struct csv csv)
{
	while (csv.at < csv.end) {
		bool last, whole;
		double value;
		struct field field = next_field(&csv, &last);
		if (is_number(&field, &value, &whole) && !whole)
			return true;
	}
	return false;
}

/* What programs write where a number is missing, which is no label. */
static bool is_missing(const struct field *field)
{
	static const char *const words[] = { "", "NA", "N/A", "null", "None", "-", "?" };
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strlen(words[i]) == field->length && memcmp(words[i], field->text, field->length) == 0)
			return true;
	return false;
}

/* Are most of the first fields behind the header neither numbers nor missing? A token may be a number; a number may be mistyped. */
static bool has_labels(struct csv csv)
{
	int64_t rows = 0, labels = 0;
	for (bool last; csv.at < csv.end; skip_idle_lines(&csv), rows++) {
		struct field field = next_field(&csv, &last);
		double value;
		bool whole;
		labels += !is_number(&field, &value, &whole) && !is_missing(&field);
		while (!last)
			next_field(&csv, &last);
	}
	return labels && 2 * labels >= rows;
}

static enum err read_row(struct csv *csv, bool labels, int64_t *columns, struct text_numbers *numbers)
{
	int64_t count = 0, line = (int64_t)csv->line + 1;
	bool last = false;
	if (labels)
		next_field(csv, &last);
	while (!last) {
		struct field field = next_field(csv, &last);
		double value;
		bool whole;
		if (!field.length && last && csv->separator == ' ')
			break;
		if (!is_number(&field, &value, &whole))
			return err_set(csv->info, ERR_FORMAT, "line %" PRId64 ": field %" PRId64 " is no number: \"%.*s\"", line, count + 1 + labels,
				       (int)(field.length < 40 ? field.length : 40), field.text);
		if (!text_numbers_add(numbers, value, whole))
			return err_nomem(csv->info, "the matrix");
		count++;
	}
	if (*columns >= 0 && count != *columns)
		return err_set(csv->info, ERR_FORMAT, "line %" PRId64 " has %" PRId64 " numbers, and those before have %" PRId64, line, count, *columns);
	*columns = count;
	return ERR_OK;
}

static enum err read_matrix(struct csv *csv, struct tensor *shape, struct text_numbers *numbers)
{
	skip_idle_lines(csv);
	csv->separator = csv->at < csv->end ? find_separator(csv->at, csv->end) : ',';
	csv->separator = csv->separator ? csv->separator : ',';
	struct csv behind = *csv;
	struct row first = look_at_row(*csv);
	bool last = false;
	while (!last)
		next_field(&behind, &last);
	skip_idle_lines(&behind);
	/* A label in front of numbers makes no header: "the, 0.1, 0.9". */
	bool header = first.behind < first.fields - 1 || (first.numbers < first.fields && first.fields == 1) ||
		      ((first.counts || first.first_empty) && first.fields > 1 && behind.at < behind.end && (first.first_empty || has_fractions(behind)));
	if (header)
		*csv = behind;
	bool labels = (header && first.first_empty) || has_labels(*csv) || (header && csv->at < csv->end && look_at_row(*csv).fields == first.fields + 1);
	int64_t rows = 0, columns = -1;
	enum err err = ERR_OK;
	for (; !err && csv->at < csv->end; skip_idle_lines(csv), rows++)
		err = read_row(csv, labels, &columns, numbers);
	if (!err && rows == 0)
		err = err_set(csv->info, ERR_FORMAT, "holds no row of numbers");
	*shape = (struct tensor){ .rank = 2, .shape = { rows, columns } };
	return err;
}

static enum err open_csv(struct archive *archive, struct bytes *bytes, struct err_info *info)
{
	const char *text = (const char *)bytes->data;
	struct csv csv = { .at = text, .end = text + bytes->size, .info = info };
	struct text_numbers numbers = { 0 };
	struct tensor shape;
	size_t capacity = 0;
	enum err err = read_matrix(&csv, &shape, &numbers);
	if (!err)
		err = text_add_tensor(archive, &capacity, archive_base_name(archive->file), &shape, &numbers, info);
	archive->unnamed = true;
	free(numbers.value);
	bytes_release(bytes);
	return err;
}

const struct reader reader_csv = {
	.name = "csv",
	.suffixes = ".csv .tsv",
	.text = true,
	.probe = probe,
	.open = open_csv,
	.close = text_close,
};
