#include "commands/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

/* Kept for the whole run: pictures and result files name the command that made them. */
static char *line;

static void add_quoted(struct strbuf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
	if (*word && word[strspn(word, plain)] == '\0') {
		strbuf_addstr(out, word);
		return;
	}
	strbuf_addch(out, '\'');
	for (; *word; word++)
		if (*word == '\'')
			strbuf_addstr(out, "'\\''");
		else
			strbuf_addch(out, *word);
	strbuf_addch(out, '\'');
}

void command_set_line(int argc, char **argv)
{
	struct strbuf text;
	strbuf_init(&text);
	strbuf_addstr(&text, "attnviz");
	for (int i = 1; i < argc; i++) {
		strbuf_addch(&text, ' ');
		add_quoted(&text, argv[i]);
	}
	free(line);
	line = strbuf_detach(&text);
}

const char *command_line(void)
{
	return line ? line : "attnviz";
}
