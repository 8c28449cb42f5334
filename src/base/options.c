/* SPDX-License-Identifier: MIT */
#include "base/options.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/suggest.h"

struct parser {
	const struct option_row **row; /* groups opened */
	bool *used;                    /* [count] */
	size_t count, capacity;
	bool failed;
	const struct option_alias *aliases;
	int argc, at;                  /* `at`: the word being read */
	char **argv;
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

/* "--query" or "-q", whichever was used. */
struct spelling {
	char text[80];
};

static struct spelling spell_long(const struct option_row *row)
{
	struct spelling spelling = { "--" };
	size_t len = strnlen(row->name, sizeof spelling.text - 3);
	memcpy(spelling.text + 2, row->name, len);
	spelling.text[2 + len] = '\0';
	return spelling;
}

static struct spelling spell_letter(char letter)
{
	return (struct spelling){ { '-', letter } };
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
	for (const struct word *word = row->choices; word->word; word++) {
		strbuf_addstr(text, word == row->choices ? " one of " : word[1].word ? ", " : " or ");
		strbuf_addstr(text, word->word);
	}
}

/* What was typed in place of a choice: ", not 'viridsi': did you mean 'viridis'?" */
static void add_refused(struct strbuf *text, const struct option_row *row, const char *argument)
{
	struct suggestion suggestion = suggestion_for(argument);
	for (const struct word *word = row->kind == OPTION_KIND_CHOICE ? row->choices : NULL; word && word->word; word++)
		suggestion_offer(&suggestion, word->word);
	strbuf_addf(text, ", not '%s'", argument);
	suggestion_add(&suggestion, "", text);
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
	add_refused(&takes, row, argument);
	enum err err = strbuf_failed(&takes) ? err_nomem(info, "a message")
	                                     : err_set(info, ERR_USAGE, "%s takes%s", spelled, takes.buf);
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
	for (const struct word *word = row->choices; word->word; word++) {
		if (strcasecmp(word->word, argument) == 0) {
			*(int *)row->value = word->value;
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
	case OPTION_KIND_OUTPUT:
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

static const char *command_name(const struct parser *parser)
{
	return parser->argv[0];
}

static bool may_repeat(const struct option_row *row)
{
	return row->kind == OPTION_KIND_FLAG || row->kind == OPTION_KIND_LIST;
}

static enum err take(struct parser *parser, size_t index, const char *spelled, const char *argument)
{
	const struct option_row *row = parser->row[index];
	if (parser->used[index] && !may_repeat(row))
		return err_set(parser->info, ERR_USAGE, "option '%s' is given twice: it takes one value", spelled);
	parser->used[index] = true;
	enum err err = store(row, spelled, argument, parser->info);
	if (err == ERR_OK && row->given)
		*row->given = true;
	return err;
}

static bool needs_argument(const struct option_row *row)
{
	return row->kind != OPTION_KIND_FLAG && row->kind != OPTION_KIND_OPTIONAL && (row->kind != OPTION_KIND_CALL || row->argument);
}

/* The argument may be the next word. */
static enum err take_with(struct parser *parser, size_t index, const char *spelled, const char *attached)
{
	const struct option_row *row = parser->row[index];
	if (attached || !needs_argument(row))
		return take(parser, index, spelled, attached);
	if (parser->at + 1 >= parser->argc)
		return err_set(parser->info, ERR_USAGE, "option '%s' needs an argument: %s", spelled, row->argument);
	return take(parser, index, spelled, parser->argv[++parser->at]);
}

static bool find_long(const struct parser *parser, const char *name, size_t *index)
{
	for (*index = 0; *index < parser->count; ++*index)
		if (parser->row[*index]->name && strcmp(parser->row[*index]->name, name) == 0)
			return true;
	return false;
}

static bool find_alias(const struct parser *parser, const char *typed, size_t *index)
{
	for (const struct option_alias *alias = parser->aliases; alias && alias->typed; alias++)
		if (strcmp(alias->typed, typed) == 0)
			return find_long(parser, alias->name, index);
	return false;
}

/* The long options that begin as `typed` does, as "--head, --height"; *index becomes the last of them. */
static size_t add_candidates(const struct parser *parser, const char *typed, struct strbuf *names, size_t *index)
{
	size_t count = 0, length = strlen(typed);
	for (size_t i = 0; length && i < parser->count; i++) {
		const char *name = parser->row[i]->name;
		if (!name || strncmp(name, typed, length) != 0)
			continue;
		strbuf_addf(names, "%s--%s", count++ ? ", " : "", name);
		*index = i;
	}
	return count;
}

/* Does the typed beginning end within the last word of the name? One that ends before a hyphen is a word of its own. */
static bool ends_in_last_word(const char *typed, const char *name)
{
	size_t length = strlen(typed);
	return typed[length - 1] != '-' && !strchr(name + length, '-');
}

/* A slip in a second spelling means the option itself. */
static void offer_aliases(const struct parser *parser, struct suggestion *suggestion)
{
	size_t index;
	for (const struct option_alias *alias = parser->aliases; alias && alias->typed; alias++) {
		if (!find_long(parser, alias->name, &index))
			continue;
		suggestion_offer(suggestion, alias->typed);
		if (suggestion->nearest == alias->typed)
			suggestion->nearest = alias->name;
	}
}

static enum err unknown_long(const struct parser *parser, const char *typed)
{
	struct suggestion suggestion = suggestion_for(typed);
	struct strbuf otherwise;
	for (size_t i = 0; i < parser->count; i++)
		if (parser->row[i]->name)
			suggestion_offer(&suggestion, parser->row[i]->name);
	offer_aliases(parser, &suggestion);
	strbuf_init(&otherwise);
	strbuf_addf(&otherwise, "'attnviz %s -h' lists them", command_name(parser));
	enum err err = suggestion_refuse(&suggestion, "option", "--", otherwise.buf, parser->info);
	strbuf_release(&otherwise);
	return err;
}

static enum err resolve_long(const struct parser *parser, const char *typed, size_t *index)
{
	struct strbuf names;
	if (find_long(parser, typed, index) || find_alias(parser, typed, index))
		return ERR_OK;
	strbuf_init(&names);
	enum err err = ERR_OK;
	size_t candidates = add_candidates(parser, typed, &names, index);
	if (candidates > 1)
		err = err_set(parser->info, ERR_USAGE, "option '--%s' is ambiguous: it may be one of %s", typed, names.buf);
	else if (candidates == 0 || !ends_in_last_word(typed, parser->row[*index]->name))
		err = unknown_long(parser, typed);
	strbuf_release(&names);
	return err;
}

static enum err parse_long(struct parser *parser, const char *word)
{
	size_t index;
	const char *attached = strchr(word, '=');
	char *typed = strndup(word, strcspn(word, "="));
	if (!typed)
		return err_nomem(parser->info, "the options");
	enum err err = resolve_long(parser, typed, &index);
	free(typed);
	if (err)
		return err;
	const struct option_row *row = parser->row[index];
	struct spelling spelling = spell_long(row);
	if (attached && !needs_argument(row) && row->kind != OPTION_KIND_OPTIONAL)
		return err_set(parser->info, ERR_USAGE, "option '%s' takes no argument", spelling.text);
	return take_with(parser, index, spelling.text, attached ? attached + 1 : NULL);
}

static bool find_letter(const struct parser *parser, char letter, size_t *index)
{
	for (*index = 0; *index < parser->count; ++*index)
		if (parser->row[*index]->letter == letter)
			return true;
	return false;
}

/* "-jq FILE": flags may stand before the letter that takes the rest, or the next word, as its argument. */
static enum err parse_letters(struct parser *parser, const char *letters)
{
	for (; *letters; letters++) {
		size_t index;
		if (!find_letter(parser, *letters, &index))
			return err_set(parser->info, ERR_USAGE, "unknown option '-%c': 'attnviz %s -h' lists them", *letters,
			               command_name(parser));
		const struct option_row *row = parser->row[index];
		bool takes_rest = needs_argument(row) || row->kind == OPTION_KIND_OPTIONAL;
		const char *rest = takes_rest && letters[1] ? letters + 1 : NULL;
		enum err err = take_with(parser, index, spell_letter(*letters).text, rest);
		if (err || takes_rest)
			return err;
	}
	return ERR_OK;
}

/* The positional words end up behind the options, in their order. */
static enum err walk(struct parser *parser, char **positional, int *count)
{
	enum err err = ERR_OK;
	bool ended = false;
	for (parser->at = 1; !err && parser->at < parser->argc; parser->at++) {
		char *word = parser->argv[parser->at];
		if (ended || word[0] != '-' || !word[1])
			positional[(*count)++] = word;
		else if (strcmp(word, "--") == 0)
			ended = true;
		else
			err = word[1] == '-' ? parse_long(parser, word + 2) : parse_letters(parser, word + 1);
	}
	return err;
}

enum err options_parse(const struct option_row *rows, const struct option_alias *aliases, int argc, char **argv,
                       int *first, struct err_info *info)
{
	struct parser parser = { .aliases = aliases, .argc = argc, .argv = argv, .info = info };
	int positionals = 0;
	options_each(rows, collect, &parser);
	parser.used = mem_zero_array(parser.count, sizeof *parser.used);
	char **positional = mem_array((size_t)argc, sizeof *positional);
	bool starved = parser.failed || !parser.used || !positional;
	enum err err = starved ? err_nomem(info, "the options") : walk(&parser, positional, &positionals);
	*first = argc - positionals;
	for (int i = 0; i < positionals; i++)
		argv[*first + i] = positional[i];
	free(positional);
	free(parser.used);
	free(parser.row);
	return err;
}
