#include "cli/cli.h"

#include <string.h>

#include "base/message.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "commands/command.h"

/* One command's part of the script. */
struct part {
	struct strbuf *text;
	const char *command;
};

static const char head[] =
	"_attnviz() {\n"
	"\tlocal word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=\n"
	"\tcase $COMP_CWORD:${COMP_WORDS[1]}:$previous in\n";

/* Where no word fits, -o default completes file names. */
static const char tail[] =
	"\tesac\n"
	"\tCOMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
	"}\n"
	"complete -o default -F _attnviz attnviz\n";

static void add_choices(const struct option_row *row, void *data)
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

static void add_option(const struct option_row *row, void *data)
{
	const struct part *part = data;
	if (row->name)
		strbuf_addf(part->text, "--%s ", row->name);
	if (row->letter)
		strbuf_addf(part->text, "-%c ", row->letter);
}

static void add_commands(struct strbuf *text)
{
	strbuf_addstr(text, "\t1:*) words='");
	for (const struct command *const *command = command_table; *command; command++)
		strbuf_addf(text, "%s ", (*command)->name);
	strbuf_addstr(text, "help version --version' ;;\n");
}

static void print_bash(void)
{
	struct strbuf text;
	strbuf_init(&text);
	strbuf_addstr(&text, head);
	add_commands(&text);
	for (const struct command *const *command = command_table; *command; command++) {
		struct part part = { &text, (*command)->name };
		options_each((*command)->options, add_choices, &part);
		strbuf_addf(&text, "\t*:%s:*) [ \"${word:0:1}\" = - ] && words='", part.command);
		options_each((*command)->options, add_option, &part);
		options_each(cli_standard_options(), add_option, &part);
		strbuf_addstr(&text, "' ;;\n");
	}
	strbuf_addstr(&text, tail);
	if (strbuf_failed(&text))
		message_error("not enough memory for the completion");
	else
		cli_print(text.buf);
	strbuf_release(&text);
}

void cli_print_completion(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "bash") == 0) {
		print_bash();
		return;
	}
	message_error("completion: name a shell: 'attnviz completion bash' is the one there is");
	message_raise(EXIT_USAGE);
}
