/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

#include "base/message.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "commands/command.h"

/* One command's part of a script. */
struct part {
	struct strbuf *text;
	const char *command;
};

/* First words that are no commands of the table. */
static const char *const other_words[][2] = {
	{ "help", "explain a command or a topic" },
	{ "version", "print the version and how the program was built" },
	{ "completion", "print a completion script for bash, zsh or fish" },
};

enum { OTHER_WORDS = sizeof(other_words) / sizeof(other_words[0]) };

static const char bash_head[] =
	"_attnviz() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	"\tcase $COMP_CWORD:${COMP_WORDS[1]}:$previous in\n";

/* Where no word fits, -o default completes file names. */
static const char bash_tail[] =
	"\tesac\n"
	"\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	"}\n"
	"complete -o default -F _attnviz attnviz\n";

static void bash_choices(const struct option_row *row, void *data)
{
	const struct part *part = data;
	if (row->kind != OPTION_KIND_CHOICE)
		return;
	strbuf_addch(part->text, '\t');
	if (row->name)
		strbuf_addf(part->text, "*:%s:--%s", part->command, row->name);
	if (row->letter)
		strbuf_addf(part->text, "%s*:%s:-%c", row->name ? "|" : "", part->command, row->letter);
	strbuf_addstr(part->text, ") words='");
	for (const struct word *word = row->choices; word->word; word++)
		strbuf_addf(part->text, "%s%s", word == row->choices ? "" : " ", word->word);
	strbuf_addstr(part->text, "' ;;\n");
}

static void bash_option(const struct option_row *row, void *data)
{
	const struct part *part = data;
	if (row->name)
		strbuf_addf(part->text, "--%s ", row->name);
	if (row->letter)
		strbuf_addf(part->text, "-%c ", row->letter);
}

static void bash_commands(struct strbuf *text)
{
	strbuf_addstr(text, "\t1:*) words='");
	for (const struct command *const *command = command_table; *command; command++)
		strbuf_addf(text, "%s ", (*command)->name);
	strbuf_addstr(text, "help version completion --version' ;;\n");
}

static void bash_script(struct strbuf *text)
{
	strbuf_addstr(text, bash_head);
	bash_commands(text);
	for (const struct command *const *command = command_table; *command; command++) {
		struct part part = { text, (*command)->name };
		options_each((*command)->options, bash_choices, &part);
		strbuf_addf(text, "\t*:%s:*) [ \"${word:0:1}\" = - ] && words='", part.command);
		options_each((*command)->options, bash_option, &part);
		options_each(cli_standard_options(), bash_option, &part);
		strbuf_addstr(text, "' ;;\n");
	}
	strbuf_addstr(text, bash_tail);
}

/* `text` within single quotes, with a backslash before each character of `special`. `quote` stands for a single quote. */
static void add_quoted(struct strbuf *out, const char *text, const char *special, const char *quote)
{
	for (; text && *text; text++) {
		if (*text == '\'') {
			strbuf_addstr(out, quote);
			continue;
		}
		if (strchr(special, *text))
			strbuf_addch(out, '\\');
		strbuf_addch(out, *text);
	}
}

static void add_words(struct strbuf *out, const struct option_row *row)
{
	for (const struct word *word = row->choices; word->word; word++)
		strbuf_addf(out, "%s%s", word == row->choices ? "" : " ", word->word);
}

static bool takes_argument(const struct option_row *row)
{
	return row->kind != OPTION_KIND_FLAG && row->argument;
}

static bool names_files(const struct option_row *row)
{
	return strstr(row->argument, "FILE") || strstr(row->argument, "DIR");
}

/* zsh: one specification of _arguments for each spelling. In it, text within brackets ends at "]" and a message at ":". */
static void zsh_spelling(struct strbuf *out, const struct option_row *row, const char *dashes, const char *name)
{
	const bool is_long = dashes[1] != '\0';
	strbuf_addstr(out, " \\\n\t\t\t'");
	if (row->kind == OPTION_KIND_LIST)
		strbuf_addch(out, '*');
	else if (row->letter && row->name)
		strbuf_addf(out, "(-%c --%s)", row->letter, row->name);
	strbuf_addf(out, "%s%s", dashes, name);
	if (takes_argument(row))
		strbuf_addstr(out, row->kind == OPTION_KIND_OPTIONAL ? (is_long ? "=-" : "-") : is_long ? "=" : "+");
	strbuf_addch(out, '[');
	add_quoted(out, row->help, "\\[]", "'\\''");
	strbuf_addch(out, ']');
	if (takes_argument(row)) {
		strbuf_addstr(out, row->kind == OPTION_KIND_OPTIONAL ? "::" : ":");
		add_quoted(out, row->argument, "\\:", "'\\''");
		strbuf_addch(out, ':');
		if (row->kind == OPTION_KIND_CHOICE) {
			strbuf_addch(out, '(');
			add_words(out, row);
			strbuf_addch(out, ')');
		} else {
			strbuf_addstr(out, names_files(row) ? "_files" : " ");
		}
	}
	strbuf_addch(out, '\'');
}

static void zsh_option(const struct option_row *row, void *data)
{
	const struct part *part = data;
	char letter[2] = { (char)row->letter, '\0' };
	if (row->letter)
		zsh_spelling(part->text, row, "-", letter);
	if (row->name)
		zsh_spelling(part->text, row, "--", row->name);
}

static void zsh_command(struct strbuf *out, const char *name, const char *summary)
{
	strbuf_addf(out, "\t\t'%s:", name);
	add_quoted(out, summary, "\\:", "'\\''");
	strbuf_addstr(out, "'\n");
}

static void zsh_script(struct strbuf *text)
{
	strbuf_addstr(text, "#compdef attnviz\n\n_attnviz() {\n\tlocal -a commands=(\n");
	for (const struct command *const *command = command_table; *command; command++)
		zsh_command(text, (*command)->name, (*command)->summary);
	for (int i = 0; i < OTHER_WORDS; i++)
		zsh_command(text, other_words[i][0], other_words[i][1]);
	strbuf_addstr(text, "\t)\n"
	                    "\tif (( CURRENT == 2 )); then\n"
	                    "\t\t_describe command commands\n"
	                    "\t\treturn\n"
	                    "\tfi\n"
	                    "\tshift words\n"
	                    "\t(( CURRENT-- ))\n"
	                    "\tcase $words[1] in\n");
	for (const struct command *const *command = command_table; *command; command++) {
		struct part part = { text, (*command)->name };
		strbuf_addf(text, "\t%s)\n\t\t_arguments -s", part.command);
		options_each((*command)->options, zsh_option, &part);
		options_each(cli_standard_options(), zsh_option, &part);
		strbuf_addstr(text, " \\\n\t\t\t'*:file:_files' ;;\n");
	}
	strbuf_addstr(text, "\thelp) _describe command commands ;;\n"
	                    "\tcompletion) _values shell bash zsh fish ;;\n"
	                    "\tesac\n}\n\n"
	                    "# Autoloaded, this file is the function's body; sourced, it only defines it.\n"
	                    "if [ \"$funcstack[1]\" = _attnviz ]; then _attnviz \"$@\"; else compdef _attnviz attnviz; fi\n");
}

static void fish_option(const struct option_row *row, void *data)
{
	const struct part *part = data;
	strbuf_addf(part->text, "complete -c attnviz -n '__fish_seen_subcommand_from %s'", part->command);
	if (row->letter)
		strbuf_addf(part->text, " -s %c", row->letter);
	if (row->name)
		strbuf_addf(part->text, " -l %s", row->name);
	if (row->kind == OPTION_KIND_CHOICE) {
		strbuf_addstr(part->text, " -x -a '");
		add_words(part->text, row);
		strbuf_addch(part->text, '\'');
	} else if (takes_argument(row) && row->kind != OPTION_KIND_OPTIONAL) {
		strbuf_addstr(part->text, names_files(row) ? " -r -F" : " -x");
	}
	strbuf_addstr(part->text, " -d '");
	add_quoted(part->text, row->help, "\\", "\\'");
	strbuf_addstr(part->text, "'\n");
}

static void fish_command(struct strbuf *out, const char *name, const char *summary)
{
	strbuf_addf(out, "complete -c attnviz -n __fish_use_subcommand -f -a %s -d '", name);
	add_quoted(out, summary, "\\", "\\'");
	strbuf_addstr(out, "'\n");
}

static void fish_script(struct strbuf *text)
{
	for (const struct command *const *command = command_table; *command; command++)
		fish_command(text, (*command)->name, (*command)->summary);
	for (int i = 0; i < OTHER_WORDS; i++)
		fish_command(text, other_words[i][0], other_words[i][1]);
	strbuf_addstr(text, "complete -c attnviz -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n");
	for (const struct command *const *command = command_table; *command; command++) {
		struct part part = { text, (*command)->name };
		options_each((*command)->options, fish_option, &part);
		options_each(cli_standard_options(), fish_option, &part);
	}
}

/* A shell and what writes its script. */
static const struct shell {
	const char *name;
	void (*script)(struct strbuf *text);
} shells[] = {
	{ "bash", bash_script },
	{ "zsh", zsh_script },
	{ "fish", fish_script },
};

static void print_script(const struct shell *shell)
{
	struct strbuf text;
	strbuf_init(&text);
	shell->script(&text);
	if (strbuf_failed(&text))
		message_error("not enough memory for the completion");
	else
		cli_print(text.buf);
	strbuf_release(&text);
}

void cli_print_completion(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof shells / sizeof shells[0]; i++) {
		if (strcmp(argv[1], shells[i].name) == 0) {
			print_script(&shells[i]);
			return;
		}
	}
	message_error("completion: name a shell: 'attnviz completion bash', zsh or fish");
	message_raise(EXIT_USAGE);
}
