/* SPDX-License-Identifier: MIT */
#include "commands/command.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"

/* Kept for the whole run: pictures name the command that made them. */
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

/* The end of the path in FILE[:NAME], as far as there is such a file; the end of the word where there is none. */
static const char *path_end(const char *word)
{
	char copy[PATH_MAX];
	size_t length = strlen(word);
	if (length >= sizeof copy)
		return word + length;
	memcpy(copy, word, length + 1);
	while (length > 0 && access(copy, F_OK) != 0) {
		while (length > 0 && copy[--length] != ':')
			;
		copy[length] = '\0';
	}
	return length ? word + length : word + strlen(word);
}

static void add_without_folders(struct strbuf *out, const char *word)
{
	const char *end = path_end(word), *last = end, *begin;
	while (last > word && last[-1] == '/')
		last--;
	for (begin = last; begin > word && begin[-1] != '/'; begin--)
		;
	strbuf_add(out, begin, (size_t)(last - begin));
	strbuf_addstr(out, end);
}

static bool begins_with(const char *word, const char *prefix)
{
	return strncmp(word, prefix, strlen(prefix)) == 0;
}

/* Options whose text may have slashes that are none of paths. */
static bool takes_text(const char *word)
{
	return begins_with(word, "--ti") || begins_with(word, "--hi");
}

/* A word of the command line with the folders of its paths left out: they may name their owner. --option=, an attached -o and ROLE= stay before them. */
static void add_word(struct strbuf *out, const char *word, const char *before)
{
	bool is_text = (takes_text(before) && !strchr(before, '=')) || takes_text(word);
	const char *value = word;
	if (!is_text && word[0] == '-' && word[1] == '-')
		value = strchr(word, '=') ? strchr(word, '=') + 1 : word;
	else if (!is_text && word[0] == '-' && word[1])
		value = word + 2;
	const char *slash = strchr(value, '/'), *equals = strchr(value, '=');
	if (slash && equals && equals < slash)
		value = equals + 1;
	strbuf_add(out, word, (size_t)(value - word));
	if (is_text || !slash)
		strbuf_addstr(out, value);
	else
		add_without_folders(out, value);
}

void command_set_line(int argc, char **argv)
{
	struct strbuf text, word;
	strbuf_init(&text);
	strbuf_init(&word);
	strbuf_addstr(&text, "attnviz");
	for (int i = 1; i < argc; i++) {
		strbuf_clear(&word);
		add_word(&word, argv[i], argv[i - 1]);
		strbuf_addch(&text, ' ');
		add_quoted(&text, word.buf);
	}
	text.failed = text.failed || strbuf_failed(&word);
	strbuf_release(&word);
	free(line);
	line = strbuf_detach(&text);
}

const char *command_line(void)
{
	return line ? line : "attnviz";
}
