/* SPDX-License-Identifier: MIT */
/*
 * The program around the commands: finding one, its help, the version, and the end.
 */
#ifndef ATTNVIZ_CLI_CLI_H
#define ATTNVIZ_CLI_CLI_H

struct command;
struct option_row;

/* All that main does. Returns the exit status of message.h. */
int cli_main(int argc, char **argv);

/* help.c: print to standard output. The rows are those of one command with the standard ones behind them. */
void cli_print_overview(void);
void cli_print_help(const struct command *command, const struct option_row *rows);

/* completion.c: what `attnviz completion SHELL` prints, for bash, zsh and fish, made from the rows. */
void cli_print_completion(int argc, char **argv);

/* Write a text to standard output and report what goes wrong. */
void cli_print(const char *text);

/* -h and --quiet, which every command knows. */
const struct option_row *cli_standard_options(void);

/* A command by its name or a beginning of it that no other shares; NULL where there is none, after saying so. */
const struct command *cli_find(const char *name);

#endif
