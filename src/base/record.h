/* SPDX-License-Identifier: MIT */
/*
 * Rows of named values, printed as an aligned table, TSV or JSON Lines from the same declaration.
 *
 * Columns are declared once; each row fills every column; floats are printed in the shortest form that reads back as the same
 * double. In JSON, NaN and infinities are null; in TSV they are "nan", "inf", "-inf". TSV begins with a header line. Text columns in TSV have tab,
 * newline, carriage return and backslash escaped (\t \n \r \\); other control characters are shown as in the table (utf8_append_visible). The table form is
 * for eyes: floats to 4 significant digits, right aligned, NaN as "-" (there is no value), and it is held back until record_end so that widths fit (for more
 * than 10000 rows widths are fixed by the first 10000). On a terminal it fits the window, see record_fit.h; more than 10000 rows are then as many tables.
 */
#ifndef ATTNVIZ_BASE_RECORD_H
#define ATTNVIZ_BASE_RECORD_H

#include <stdint.h>

#include "base/error.h"
#include "base/output.h"
#include "base/strbuf.h"

enum record_format { RECORD_TABLE, RECORD_TSV, RECORD_JSON };
enum record_type { RECORD_INT, RECORD_REAL, RECORD_TEXT, RECORD_REAL_LIST, RECORD_INT_LIST };

struct record_column {
	const char *name;
	enum record_type type;
};

struct record; /* opaque */

/* The columns are copied (names are not: they must outlive the record). Rows are appended to `out`, which stays the caller's. */
struct record *record_new(enum record_format format, const struct record_column *columns, int count, struct output *out);

void record_int(struct record *record, int column, int64_t value);
void record_real(struct record *record, int column, double value);
void record_text(struct record *record, int column, const char *value); /* UTF-8; invalid bytes become U+FFFD in JSON */
void record_real_list(struct record *record, int column, const double *value, int64_t count); /* TSV: comma separated */

void record_int_list(struct record *record, int column, const int64_t *value, int64_t count); /* table: (2, 40, 40) */

/* Finish a row. Columns not set are null / empty. */
enum err record_row(struct record *record);

/* Print what is held back and free. NULL is fine. */
enum err record_end(struct record *record);

/* Standard output is a terminal of this width: tables on it are to fit. */
void record_fit_terminal(int columns);

/* Append the shortest decimal form that strtod reads back as exactly `value`. */
void record_format_real(struct strbuf *out, double value);

#endif
