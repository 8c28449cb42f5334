/* SPDX-License-Identifier: MIT */
/*
 * Declared options: rows, not code.
 *
 * A command lists its options as an array of rows ended by OPTION_END; shared rows are grouped in arrays of their own and
 * joined by OPTION_GROUP. Parsing, -h, shell completion, and the tests that compare -h with the manual all read the rows. A row
 * stores its value where it points; defaults are what the variable held before.
 */
#ifndef ATTNVIZ_BASE_OPTIONS_H
#define ATTNVIZ_BASE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/word.h"

enum option_kind {
	OPTION_KIND_END,
	OPTION_KIND_GROUP,   /* value: const struct option_row *, title in help */
	OPTION_KIND_FLAG,    /* value: bool *, set to true */
	OPTION_KIND_STRING,  /* value: const char ** */
	OPTION_KIND_INT,     /* value: int64_t *, within min..max */
	OPTION_KIND_REAL,    /* value: double *, finite, within min..max */
	OPTION_KIND_OUTPUT,  /* value: const char **, the name of a file that will be written */
	OPTION_KIND_CHOICE,  /* value: int *, what the word in `choices` means */
	OPTION_KIND_OPTIONAL,/* value: const char **, argument may be left out (--causal[=WORD]): then "" */
	OPTION_KIND_LIST,    /* value: struct string_list *; the one kind besides flags that may be given more than once */
	OPTION_KIND_CALL,    /* call(argument, value, info) */
};

/* Strings given by repeated options, in order. They point into argv. Release with string_list_release. */
struct string_list {
	const char **item;
	size_t count, capacity;
};
void string_list_release(struct string_list *list);

/* A second spelling of an option, for commands that have the option and no other of that name. A table ends with { NULL, NULL }. */
struct option_alias {
	const char *typed, *name;
};

struct option_row {
	enum option_kind kind;
	int letter;           /* 'q' for -q, 0 for none */
	const char *name;     /* "query" for --query */
	const char *argument; /* the word in help; NULL for flags. "FILE" in it says that files are meant (see options_files.h) */
	const char *help;     /* one line, no full stop; the choices are listed behind it by themselves */
	void *value;
	const struct word *choices;
	double min, max;      /* for INT and REAL; both 0: no bounds */
	enum err (*call)(const char *argument, void *value, struct err_info *info);
	bool *given;          /* may be NULL: set to true where the option was on the command line */
};

#define OPTION_END { .kind = OPTION_KIND_END }
#define OPTION_GROUP(TITLE, ROWS) { .kind = OPTION_KIND_GROUP, .help = (TITLE), .value = (void *)(ROWS) }
#define OPTION_FLAG(LETTER, NAME, VALUE, HELP) \
	{ .kind = OPTION_KIND_FLAG, .letter = (LETTER), .name = (NAME), .help = (HELP), .value = (VALUE) }
#define OPTION_STRING(LETTER, NAME, WORD, VALUE, HELP) \
	{ .kind = OPTION_KIND_STRING, .letter = (LETTER), .name = (NAME), .argument = (WORD), .help = (HELP), .value = (VALUE) }
#define OPTION_OUTPUT(LETTER, NAME, VALUE, HELP) \
	{ .kind = OPTION_KIND_OUTPUT, .letter = (LETTER), .name = (NAME), .argument = "FILE", .help = (HELP), .value = (VALUE) }
#define OPTION_INT(LETTER, NAME, WORD, VALUE, MIN, MAX, HELP) \
	{ .kind = OPTION_KIND_INT, .letter = (LETTER), .name = (NAME), .argument = (WORD), .help = (HELP), .value = (VALUE), \
	  .min = (MIN), .max = (MAX) }
#define OPTION_REAL(LETTER, NAME, WORD, VALUE, MIN, MAX, HELP) \
	{ .kind = OPTION_KIND_REAL, .letter = (LETTER), .name = (NAME), .argument = (WORD), .help = (HELP), .value = (VALUE), \
	  .min = (MIN), .max = (MAX) }
#define OPTION_CHOICE(LETTER, NAME, WORD, VALUE, CHOICES, HELP) \
	{ .kind = OPTION_KIND_CHOICE, .letter = (LETTER), .name = (NAME), .argument = (WORD), .help = (HELP), .value = (VALUE), \
	  .choices = (CHOICES) }
#define OPTION_OPTIONAL(LETTER, NAME, WORD, VALUE, HELP) \
	{ .kind = OPTION_KIND_OPTIONAL, .letter = (LETTER), .name = (NAME), .argument = (WORD), .help = (HELP), .value = (VALUE) }
#define OPTION_LIST(LETTER, NAME, WORD, VALUE, HELP) \
	{ .kind = OPTION_KIND_LIST, .letter = (LETTER), .name = (NAME), .argument = (WORD), .help = (HELP), .value = (VALUE) }
#define OPTION_CALL(LETTER, NAME, WORD, CALL, VALUE, HELP) \
	{ .kind = OPTION_KIND_CALL, .letter = (LETTER), .name = (NAME), .argument = (WORD), .help = (HELP), .value = (VALUE), \
	  .call = (CALL) }

/* Parse argv[1..argc) (argv[0] is the command word). Options and positional arguments may mix; "--" ends the options; "-" is
 * positional. A long name may be cut short in its last word where no other option begins so: --thr is --threads, but --heads is never
 * --heads-in. Names of `aliases` (may be NULL) count where the command has no option of that name. *first becomes the index in argv of
 * the first positional: they are moved to the end. An unknown option (with the nearest name as a suggestion), an option with one value
 * that is given twice, a missing, superfluous or malformed argument, or a value out of bounds gives ERR_USAGE with a text that names
 * the option and says what it takes. */
enum err options_parse(const struct option_row *rows, const struct option_alias *aliases, int argc, char **argv,
                       int *first, struct err_info *info);

/* Append the option part of -h: each group once under its title (rows in none under "Options", groups without a title under that of
 * the group around them), after an empty line, aligned, wrapped between words to `columns`. */
struct strbuf;
void options_help(const struct option_row *rows, int columns, struct strbuf *out);

/* Append `text`, whose first character stands in `column`, and a line feed: wrapped between words, further lines begin at `margin`. */
void options_wrap(struct strbuf *out, const char *text, int column, int margin, int columns);

/* Visit every option row, groups opened, in order. */
void options_each(const struct option_row *rows, void (*visit)(const struct option_row *row, void *data), void *data);

/* "0-3,7" -> 0 1 2 3 7 (ascending, once each). Also "all" and negative numbers counted from the end ("-1" is the last, "-3--1"
 * the last three). `count` is the axis length; anything outside is ERR_USAGE naming the axis `what` and its length. On success
 * *list is the caller's (free), and not NULL even where it is empty; on failure it is left alone. */
enum err options_range(const char *text, const char *what, int64_t count, int64_t **list, size_t *list_count,
                       struct err_info *info);

#endif
