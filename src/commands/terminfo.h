/* SPDX-License-Identifier: MIT */
/*
 * What the terminal database says of a terminal.
 */
#ifndef ATTNVIZ_COMMANDS_TERMINFO_H
#define ATTNVIZ_COMMANDS_TERMINFO_H

/* How many colours it has: max_colors of its compiled entry (term(5)) in TERMINFO, ~/.terminfo, /etc/terminfo, /lib/terminfo or /usr/share/terminfo; -1 where there is
 * no entry, or one that says nothing. */
int terminfo_colours(const char *term);

#endif
