/* SPDX-License-Identifier: MIT */
/*
 * A command is a constant: one file with one of these at its top, one row in the table.
 */
#ifndef ATTNVIZ_COMMANDS_COMMAND_H
#define ATTNVIZ_COMMANDS_COMMAND_H

#include <stdbool.h>

#include "base/error.h"
#include "base/options.h"

struct command {
	const char *name;
	const char *summary;     /* one line for `attnviz -h` and the manual's NAME section */
	const char *positional;  /* words after the options in the usage line: "[FILE]" */
	const char *examples;    /* lines for the help, each a command line */
	const struct option_row *options;
	bool draws;              /* -o is a picture */
	bool is_distributed;     /* under mpirun all ranks run it together; without it rank 0 does so alone */
	/* What happens after the options have been parsed. argv holds the positional arguments. Messages go through base/message.h, which also keeps the
	 * exit status; the returned value only says whether to stop. */
	enum err (*run)(int argc, char **argv);
};

extern const struct command command_heatmap, command_stats, command_rollout, command_align, command_arcs, command_text, command_overlay, command_weights, command_compare,
	command_blocks, command_flash, command_ring, command_info, command_explain;

extern const struct command *const command_table[]; /* NULL-terminated, in the order of the help */

const struct command *command_find(const char *name);

/* Positional words that can only be meant as outputs: ERR_USAGE that says with which option. */
enum err command_check_words(const struct command *command, int count, char *const *words, struct err_info *info);

/* The width of the window: COLUMNS, else what the terminal says, else 80. */
int command_columns(void);

/* Its height likewise: LINES, else what the terminal says, else 24. */
int command_rows(void);

/* Is this a mechanism, a metric or a topic that `attnviz explain` knows? */
bool command_explains(const char *name);

/* The version, "0.2.0", and the command line as typed but for the folders of its files (for provenance), set by cli/ before
 * run. */
extern const char attnviz_version[];
const char *command_line(void);
void command_set_line(int argc, char **argv);

#endif
