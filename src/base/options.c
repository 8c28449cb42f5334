#include "base/options.h"

#include <errno.h>
#include <float.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/strbuf.h"

/* What getopt_long returns for row i by its long name: above every letter. */
enum { LONG_BASE = 256 };

struct parser {
	const struct option_row **row; /* groups opened */
	size_t count, capacity;
	bool failed;
	struct option *longs;
	struct strbuf shorts;
	const char *command;
	struct err_info *info;
};

void string_list_release(struct string_list *list)
{
	free(list->item);
	*list = (struct string_list){ 0 };
}

static bool string_list_add(struct string_list *list, const char *item)
{
	void *grown = list->item;
	bool room = mem_grow(&grown, &list->capacity, list->count + 1, sizeof *list->item);
	list->item = grown;
	if (room)
		list->item[list->count++] = item;
	return room;
}

void options_each(const struct option_row *rows, void (*visit)(const struct option_row *row, void *data), void *data)
{
	for (const struct option_row *row = rows; row && row->kind != OPTION_KIND_END; row++) {
		if (row->kind == OPTION_KIND_GROUP)
			options_each(row->value, visit, data);
		else
			visit(row, data);
	}
}

static void collect(const struct option_row *row, void *data)
{
	struct parser *parser = data;
	void *grown = parser->row;
	if (!mem_grow(&grown, &parser->capacity, parser->count + 1, sizeof *parser->row))
		parser->failed = true;
	else
		((const struct option_row **)grown)[parser->count++] = row;
	parser->row = grown;
}

static int argument_rule(const struct option_row *row)
{
	if (row->kind == OPTION_KIND_OPTIONAL)
		return optional_argument;
	if (row->kind == OPTION_KIND_FLAG || (row->kind == OPTION_KIND_CALL && !row->argument))
		return no_argument;
	return required_argument;
}

static void declare_letter(struct parser *parser, const struct option_row *row)
{
	static const char *const marks[] = { [no_argument] = "", [required_argument] = ":", [optional_argument] = "::" };
	strbuf_addch(&parser->shorts, row->letter);
	strbuf_addstr(&parser->shorts, marks[argument_rule(row)]);
}

/* The two lists that getopt_long wants. The colon in front makes a missing argument an answer of its own. */
static enum err declare(struct parser *parser, const struct option_row *rows)
{
	options_each(rows, collect, parser);
	parser->longs = mem_zero_array(parser->count + 1, sizeof *parser->longs);
	strbuf_addstr(&parser->shorts, ":");
	struct option *next = parser->longs;
	for (size_t i = 0; next && i < parser->count; i++) {
		const struct option_row *row = parser->row[i];
		if (row->letter)
			declare_letter(parser, row);
		if (row->name)
			*next++ = (struct option){ row->name, argument_rule(row), NULL, LONG_BASE + (int)i };
	}
	if (parser->failed || !parser->longs || strbuf_failed(&parser->shorts))
		return err_nomem(parser->info, "the options");
	return ERR_OK;
}

static const struct option_row *find_row(const struct parser *parser, int answer)
{
	if (answer >= LONG_BASE && (size_t)(answer - LONG_BASE) < parser->count)
		return parser->row[answer - LONG_BASE];
	for (size_t i = 0; i < parser->count; i++)
		if (parser->row[i]->letter && parser->row[i]->letter == answer)
			return parser->row[i];
	return NULL;
}

/* "--query" or "-q", whichever was used. */
struct spelling {
	char text[80];
};

static struct spelling spell(const struct option_row *row, int answer)
{
	struct spelling spelling = { "-?" };
	if (answer < LONG_BASE) {
		spelling.text[1] = (char)answer;
		return spelling;
	}
	size_t len = strnlen(row->name, sizeof spelling.text - 3);
	memcpy(spelling.text, "--", 2);
	memcpy(spelling.text + 2, row->name, len);
	spelling.text[2 + len] = '\0';
	return spelling;
}

/* " from 1 to 64", " of at least 1", " of at most 64" or nothing. */
static void add_bounds(struct strbuf *text, const struct option_row *row)
{
	bool unbounded = row->min == 0 && row->max == 0;
	double end = row->kind == OPTION_KIND_INT ? (double)INT64_MAX : DBL_MAX;
	bool below = !unbounded && row->min > -end;
	bool above = !unbounded && row->max < end;
	if (below && above)
		strbuf_addf(text, " from %.10g to %.10g", row->min, row->max);
	else if (below)
		strbuf_addf(text, " of at least %.10g", row->min);
	else if (above)
		strbuf_addf(text, " of at most %.10g", row->max);
}

static void add_choices(struct strbuf *text, const struct option_row *row)
{
	for (size_t i = 0; row->choices[i]; i++) {
		strbuf_addstr(text, i == 0 ? " one of " : row->choices[i + 1] ? ", " : " or ");
		strbuf_addstr(text, row->choices[i]);
	}
}

static enum err refuse(const struct option_row *row, const char *spelled, const char *argument, struct err_info *info)
{
	struct strbuf takes;
	strbuf_init(&takes);
	if (row->kind == OPTION_KIND_CHOICE)
		add_choices(&takes, row);
	else
		strbuf_addstr(&takes, row->kind == OPTION_KIND_INT ? " a whole number" : " a number");
	if (row->kind != OPTION_KIND_CHOICE)
		add_bounds(&takes, row);
	enum err err = strbuf_failed(&takes) ? err_nomem(info, "a message")
	                                     : err_set(info, ERR_USAGE, "%s takes%s, not '%s'", spelled, takes.buf, argument);
	strbuf_release(&takes);
	return err;
}

static bool within(const struct option_row *row, double value)
{
	return (row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max);
}

static bool number_begins(const char *text)
{
	return *text && strchr("+-.0123456789", *text);
}

static bool store_int(const struct option_row *row, const char *argument)
{
	char *end;
	errno = 0;
	long long value = strtoll(argument, &end, 10);
	if (!number_begins(argument) || end == argument || *end || errno || !within(row, (double)value))
		return false;
	*(int64_t *)row->value = value;
	return true;
}

static bool store_real(const struct option_row *row, const char *argument)
{
	char *end;
	double value = strtod(argument, &end);
	if (!number_begins(argument) || end == argument || *end || !isfinite(value) || !within(row, value))
		return false;
	*(double *)row->value = value;
	return true;
}

static bool store_choice(const struct option_row *row, const char *argument)
{
	for (int i = 0; row->choices[i]; i++) {
		if (strcasecmp(row->choices[i], argument) == 0) {
			*(int *)row->value = i;
			return true;
		}
	}
	return false;
}

/* The callback knows its argument, not how its option was spelled. */
static enum err store_by_call(const struct option_row *row, const char *spelled, const char *argument, struct err_info *info)
{
	struct err_info own = { 0 };
	enum err err = row->call(argument, row->value, &own);
	if (err == ERR_OK)
		return ERR_OK;
	err_set(info, err, "%s%s%s: %s", spelled, argument ? " " : "", argument ? argument : "",
	        own.text[0] ? own.text : "cannot be used");
	err_in_file(info, own.file);
	return err;
}

static enum err store(const struct option_row *row, const char *spelled, const char *argument, struct err_info *info)
{
	bool fine = true;
	switch (row->kind) {
	case OPTION_KIND_FLAG:
		*(bool *)row->value = true;
		break;
	case OPTION_KIND_STRING:
		*(const char **)row->value = argument;
		break;
	case OPTION_KIND_OPTIONAL:
		*(const char **)row->value = argument ? argument : "";
		break;
	case OPTION_KIND_INT:
		fine = store_int(row, argument);
		break;
	case OPTION_KIND_REAL:
		fine = store_real(row, argument);
		break;
	case OPTION_KIND_CHOICE:
		fine = store_choice(row, argument);
		break;
	case OPTION_KIND_LIST:
		if (!string_list_add(row->value, argument))
			return err_nomem(info, "the options");
		break;
	case OPTION_KIND_CALL:
		return store_by_call(row, spelled, argument, info);
	case OPTION_KIND_END:
	case OPTION_KIND_GROUP:
		break;
	}
	return fine ? ERR_OK : refuse(row, spelled, argument, info);
}

bool options_closer(const char *typed, const char *name, size_t *best)
{
	size_t distance = options_distance(typed, name);
	size_t limit = strlen(name) / 3 + 1;
	if (distance > limit || distance >= strlen(name) || distance >= *best)
		return false;
	*best = distance;
	return true;
}

/* The long options that begin as `typed` does, as "--head, --height". */
static size_t add_candidates(const struct parser *parser, const char *typed, size_t len, struct strbuf *names)
{
	size_t count = 0;
	for (size_t i = 0; i < parser->count; i++) {
		const char *name = parser->row[i]->name;
		if (name && strncmp(name, typed, len) == 0)
			strbuf_addf(names, "%s--%s", count++ ? ", " : "", name);
	}
	return count;
}

static const char *nearest_name(const struct parser *parser, const char *typed)
{
	const char *nearest = NULL;
	size_t best = SIZE_MAX;
	for (size_t i = 0; i < parser->count; i++) {
		const char *name = parser->row[i]->name;
		if (name && options_closer(typed, name, &best))
			nearest = name;
	}
	return nearest;
}

/* getopt_long says no more than "not one of mine" of `typed`, which may carry an argument: either several options begin so,
 * or none. */
static enum err explain_long(const struct parser *parser, const char *typed)
{
	struct strbuf word, names;
	strbuf_init(&word);
	strbuf_init(&names);
	strbuf_add(&word, typed, strcspn(typed, "="));
	const char *name = strncmp(word.buf, "--", 2) == 0 ? word.buf + 2 : word.buf;
	const char *nearest = nearest_name(parser, name);
	if (add_candidates(parser, name, strlen(name), &names) > 1 && *name)
		err_set(parser->info, ERR_USAGE, "option '%s' is ambiguous: it may be one of %s", word.buf, names.buf);
	else if (nearest)
		err_set(parser->info, ERR_USAGE, "unknown option '%s': did you mean '--%s'?", word.buf, nearest);
	else
		err_set(parser->info, ERR_USAGE, "unknown option '%s': 'attnviz %s -h' lists them", word.buf, parser->command);
	strbuf_release(&names);
	strbuf_release(&word);
	return ERR_USAGE;
}

/* `answer` is what getopt_long returned, optopt the option that it is about, 0 for an unknown long one. */
static enum err explain(const struct parser *parser, int answer, const char *typed)
{
	const struct option_row *row = find_row(parser, optopt);
	if (optopt == 0)
		return explain_long(parser, typed);
	if (!row)
		return err_set(parser->info, ERR_USAGE, "unknown option '-%c': 'attnviz %s -h' lists them", optopt, parser->command);
	struct spelling spelling = spell(row, optopt);
	if (answer == ':')
		return err_set(parser->info, ERR_USAGE, "option '%s' needs an argument: %s", spelling.text, row->argument);
	return err_set(parser->info, ERR_USAGE, "option '%s' takes no argument", spelling.text);
}

static enum err walk(const struct parser *parser, int argc, char **argv)
{
	opterr = 0;
	optind = 0; /* glibc and musl: start afresh */
	for (;;) {
		int answer = getopt_long(argc, argv, parser->shorts.buf, parser->longs, NULL);
		if (answer == -1)
			return ERR_OK;
		if (answer == '?' || answer == ':')
			return explain(parser, answer, argv[optind - 1]);
		const struct option_row *row = find_row(parser, answer);
		enum err err = store(row, spell(row, answer).text, optarg, parser->info);
		if (err != ERR_OK)
			return err;
		if (row->given)
			*row->given = true;
	}
}

enum err options_parse(const struct option_row *rows, int argc, char **argv, int *first, struct err_info *info)
{
	struct parser parser = { .command = argv[0], .info = info };
	strbuf_init(&parser.shorts);
	enum err err = declare(&parser, rows);
	if (err == ERR_OK)
		err = walk(&parser, argc, argv);
	*first = optind < argc ? optind : argc;
	strbuf_release(&parser.shorts);
	free(parser.longs);
	free(parser.row);
	return err;
}
