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
	for (const struct command *const *command = command_table; *command; command++)
		strbuf_addf(&text, "  %-*s  %s\n", width, (*command)->name, (*command)->summary);
	strbuf_addstr(&text, "\nA command may be cut short where that leaves one: attnviz heat.\n");
	print_and_release(&text);
}

void cli_print_help(const struct command *command, const struct option_row *rows)
{
	struct strbuf text;
	strbuf_init(&text);
	const char *positional = command->positional ? command->positional : "";
	strbuf_addf(&text, "usage: attnviz %s [options]%s%s\n\n%s\n", command->name, *positional ? " " : "", positional,
	            command->summary);
	options_help(rows, &text);
	strbuf_addstr(&text, "\nExit status:\n"
	                     "  0  success\n"
	                     "  1  bad input, or reading or writing failed\n"
	                     "  2  wrong usage\n");
	print_and_release(&text);
}
