/* SPDX-License-Identifier: MIT */
/*
 * What the program finds around it: environment variables and the terminal. Nothing below commands/ looks.
 */
#ifndef ATTNVIZ_COMMANDS_SURROUNDINGS_H
#define ATTNVIZ_COMMANDS_SURROUNDINGS_H

#include <stdbool.h>

#include "base/error.h"
#include "kernel/kernels.h"
#include "render/terminal.h"

/* The inner loops for this machine, no wider than ATTNVIZ_CPU says. A name that is unknown or not available here is ERR_USAGE. */
enum err surroundings_kernels(const struct kernels **kernels, struct err_info *info);

/* What standard output can show: 24-bit colour where COLORTERM, TERM or the program around it says so, 256 colours where terminfo or TERM does, none for NO_COLOR,
 * TERM=dumb or no terminal (`always_colour`: as if it were one, for a pager); Unicode where the locale (LC_ALL, LC_CTYPE, LANG) is UTF-8; the size that COLUMNS and
 * LINES say, or that of the window, or 80 columns and the rows of a page. */
void surroundings_terminal(struct terminal *terminal, bool always_colour);

bool surroundings_ground_is_light(void); /* of the terminal, as far as the environment tells */
bool surroundings_stdout_is_terminal(void);
bool surroundings_stderr_is_terminal(void);

#endif
