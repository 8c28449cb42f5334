/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <string.h>

#include "base/message.h"
#include "base/options.h"
#include "base/strbuf.h"
#include "commands/command.h"

static void print_and_release(struct strbuf *text)
{
	if (strbuf_failed(text))
		message_error("not enough memory for the help");
	else
		cli_print(text->buf);
	strbuf_release(text);
}

/* Two spaces before a name, and two behind it. */
enum { MARGIN = 4 };

static void add_examples(struct strbuf *text, const char *examples)
{
	strbuf_addstr(text, "\nExamples:\n");
	while (examples && *examples) {
		size_t length = strcspn(examples, "\n");
		struct strbuf line;
		strbuf_init(&line);
		strbuf_add(&line, examples, length);
		strbuf_addstr(text, "  ");
		options_wrap(text, line.buf, 2, 6, command_columns());
		text->failed = text->failed || strbuf_failed(&line);
		strbuf_release(&line);
		examples += length + (examples[length] == '\n');
	}
}

static int longest_name(void)
{
	size_t longest = 0;
	for (const struct command *const *command = command_table; *command; command++)
		if (strlen((*command)->name) > longest)
			longest = strlen((*command)->name);
	return (int)longest;
}

void cli_print_overview(void)
{
	struct strbuf text;
	strbuf_init(&text);
	strbuf_addstr(&text, "usage: attnviz COMMAND [options] [FILE]\n"
	                     "       attnviz COMMAND -h | --version\n\n"
	                     "See and measure attention from exported tensors.\n\nCommands:\n");
	int width = longest_name();
	for (const struct command *const *command = command_table; *command; command++) {
		strbuf_addf(&text, "  %-*s  ", width, (*command)->name);
		options_wrap(&text, (*command)->summary, width + MARGIN, width + MARGIN, command_columns());
	}
	strbuf_addch(&text, '\n');
	options_wrap(&text, "attnviz help COMMAND describes a command, attnviz help TOPIC one of formats, inputs, masks, positions, tokens, pictures, "
	                    "mechanisms, metrics, or a mechanism or metric by name. Unambiguous prefixes of commands are accepted, such as attnviz heat.",
	             0, 0, command_columns());
	print_and_release(&text);
}

void cli_print_help(const struct command *command, const struct option_row *rows)
{
	struct strbuf text;
	strbuf_init(&text);
	const char *positional = command->positional ? command->positional : "";
	strbuf_addf(&text, "usage: attnviz %s [options]%s%s\n\n", command->name, *positional ? " " : "", positional);
	options_wrap(&text, command->summary, 0, 0, command_columns());
	add_examples(&text, command->examples);
	options_help(rows, command_columns(), &text);
	strbuf_addstr(&text, "\nExit status:\n"
	                     "  0  success\n"
	                     "  1  bad input, or reading or writing failed\n"
	                     "  2  wrong usage\n");
	print_and_release(&text);
}
