/* SPDX-License-Identifier: MIT */
/*
 * What `attnviz --version` prints: the version in the first line, then how the program was built and what it runs with.
 */
#ifndef ATTNVIZ_COMMANDS_VERSION_H
#define ATTNVIZ_COMMANDS_VERSION_H

#include "base/strbuf.h"

/* Append the lines. A text that did not fit in memory is a failure of `out`. */
void version_describe(struct strbuf *out);

#endif
