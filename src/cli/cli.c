/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "base/options.h"
#include "base/options_files.h"
#include "base/output.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "base/suggest.h"
#include "cli/pager.h"
#include "commands/command.h"
#include "commands/ranks.h"
#include "commands/version.h"

/* Spellings that people try. They are the same option; anything else is spelled out, or cut short within its last word. */
static const struct option_alias aliases[] = {
	{ "color", "colour" },        { "colors", "colour" },          { "colours", "colour" },     { "cmap", "colormap" },
	{ "colourmap", "colormap" },  { "colour-map", "colormap" },    { "color-map", "colormap" }, { "heads", "head" },
	{ "layers", "layer" },        { "batches", "batch" },          { "normalize", "normalise" }, { "metric", "metrics" },
	{ "mechanism", "attention" }, { "sinks", "sink-logits" },      { NULL, NULL },
};

static bool help_wanted, quiet_wanted, no_pager_wanted;

static const struct option_row standard_options[] = {
	OPTION_FLAG('h', "help", &help_wanted, "show this help"),
	OPTION_FLAG(0, "quiet", &quiet_wanted, "print errors only: no warnings, notes or progress"),
	OPTION_FLAG(0, "no-pager", &no_pager_wanted, "do not use a pager on a terminal"),
	OPTION_END,
};

const struct option_row *cli_standard_options(void)
{
	return standard_options;
}

/* A program that starts with a standard stream closed would be given its number for the first file it opens, and a message
 * would then go into the data. Such a stream is opened the wrong way round, so that using it is an error. */
static void hold_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) == -1 && errno == EBADF)
			(void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* Only here is it known that all was written: what a network file system or a full disk refused late shows up in close. */
static void close_stdout(void)
{
	bool failed = ferror(stdout) || fflush(stdout) != 0;
	if (close(STDOUT_FILENO) != 0 && errno != EINTR)
		failed = true;
	if (!failed)
		return;
	struct err_info info = { 0 };
	if (errno == EPIPE)
		err_set(&info, ERR_PIPE, "nobody reads any more");
	else
		err_set(&info, ERR_IO, "standard output: cannot write: %s", strerror(errno));
	message_err_info(&info);
}

/* As other filters end whose reader has enough: by the signal, without a word, whatever the parent does with it. */
static int end_of_pipe(void)
{
	sigset_t pipe_only;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &pipe_only, NULL);
	raise(SIGPIPE);
	return 128 + SIGPIPE;
}

void cli_print(const char *text)
{
	struct err_info info = { 0 };
	struct output out;
	if (output_open(&out, "-", &info) == ERR_OK) {
		output_write(&out, text, strlen(text));
		output_commit(&out, &info);
	}
	message_err_info(&info);
}

static const struct command *by_prefix(const char *name, int *matches)
{
	const struct command *found = NULL;
	*matches = 0;
	for (const struct command *const *command = command_table; *command; command++) {
		if (strncmp((*command)->name, name, strlen(name)) == 0) {
			found = *command;
			++*matches;
		}
	}
	return found;
}

static void refuse_unknown(const char *name)
{
	struct err_info info = { 0 };
	struct suggestion suggestion = suggestion_for(name);
	for (const struct command *const *command = command_table; *command; command++)
		suggestion_offer(&suggestion, (*command)->name);
	suggestion_refuse(&suggestion, "command", "", "'attnviz -h' lists them", &info);
	message_err_info(&info);
}

static void refuse_ambiguous(const char *name)
{
	struct strbuf names;
	strbuf_init(&names);
	for (const struct command *const *command = command_table; *command; command++)
		if (strncmp((*command)->name, name, strlen(name)) == 0)
			strbuf_addf(&names, "%s%s", names.len ? ", " : "", (*command)->name);
	message_error("command '%s' is ambiguous: it may be one of %s", name, names.buf);
	strbuf_release(&names);
}

const struct command *cli_find(const char *name)
{
	int matches;
	const struct command *command = command_find(name);
	if (command)
		return command;
	command = by_prefix(name, &matches);
	if (matches == 1 && *name)
		return command;
	if (matches > 1 && *name)
		refuse_ambiguous(name);
	else
		refuse_unknown(name);
	message_raise(EXIT_USAGE);
	return NULL;
}

/* What the command line says of files, before any of them is opened. */
static enum err check_files(const struct command *command, const struct option_row *rows, int count, char *const *words, struct err_info *info)
{
	if (!command->positional || !strstr(command->positional, "FILE"))
		count = 0;
	enum err err = command_check_words(command, count, words, info);
	return err ? err : options_check_files(rows, count, words, info);
}

static void run_command(const struct command *command, int argc, char **argv)
{
	if (!ranks_enter(command->is_distributed))
		return;
	const struct option_row rows[] = {
		OPTION_GROUP(NULL, command->options),
		OPTION_GROUP("General", standard_options),
		OPTION_END,
	};
	char name[64];
	snprintf(name, sizeof name, "%s", command->name);
	argv[0] = name;

	int first;
	struct err_info info = { 0 };
	enum err err = options_parse(rows, aliases, argc, argv, &first, &info);
	if (err == ERR_OK && !help_wanted)
		err = check_files(command, rows, argc - first, argv + first, &info);
	message_set_quiet(quiet_wanted || !ranks_lead());
	if (no_pager_wanted)
		pager_cancel();
	if (err != ERR_OK)
		message_err_info(&info);
	else if (help_wanted)
		cli_print_help(command, rows);
	else if (command->run(argc - first, argv + first) != ERR_OK)
		message_raise(EXIT_FAILED);
}

static void help_about(int argc, char **argv)
{
	if (argc < 2) {
		cli_print_overview();
		return;
	}
	char flag[] = "--help";
	char *words[] = { argv[1], flag, NULL };
	if (!command_find(argv[1]) && command_explains(argv[1])) {
		run_command(&command_explain, argc, argv);
		return;
	}
	const struct command *command = cli_find(argv[1]);
	if (command)
		run_command(command, 2, words);
}

static void print_version(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	struct strbuf text;
	strbuf_init(&text);
	version_describe(&text);
	if (strbuf_failed(&text))
		message_error("not enough memory for the version");
	else
		cli_print(text.buf);
	strbuf_release(&text);
}

/* First words that are not commands of the table. */
static const struct special {
	const char *word;
	void (*run)(int argc, char **argv);
} specials[] = {
	{ "-h", help_about },
	{ "--help", help_about },
	{ "help", help_about },
	{ "--version", print_version },
	{ "-V", print_version },
	{ "version", print_version },
	{ "completion", cli_print_completion },
};

static void run(int argc, char **argv)
{
	for (; argc > 0 && (strcmp(argv[0], "--quiet") == 0 || strcmp(argv[0], "--no-pager") == 0); argc--, argv++)
		*(argv[0][2] == 'q' ? &quiet_wanted : &no_pager_wanted) = true;
	if (!no_pager_wanted)
		pager_prepare();
	if (argc < 1) {
		message_error("no command: 'attnviz -h' lists them");
		message_raise(EXIT_USAGE);
		return;
	}
	for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
		if (strcmp(argv[0], specials[i].word) == 0) {
			specials[i].run(argc, argv);
			return;
		}
	}
	if (argv[0][0] == '-') {
		message_error("unknown option '%s': the command comes first, 'attnviz -h' lists them", argv[0]);
		message_raise(EXIT_USAGE);
		return;
	}
	const struct command *command = cli_find(argv[0]);
	if (command)
		run_command(command, argc, argv);
}

int cli_main(int argc, char **argv)
{
	hold_standard_streams();
	output_guard_signals();
	command_set_line(argc, argv);
	if (isatty(STDOUT_FILENO))
		record_fit_terminal(command_columns());
	run(argc - 1, argv + 1);
	close_stdout();
	pager_wait();
	int status = ranks_leave(message_status());
	return message_reader_left() ? end_of_pipe() : status;
}
