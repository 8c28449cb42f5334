/* SPDX-License-Identifier: MIT */
/*
 * Long output on a terminal, a screen at a time, as git does: PAGER, else less or more.
 */
#ifndef ATTNVIZ_CLI_PAGER_H
#define ATTNVIZ_CLI_PAGER_H

/* From now on standard output that is a terminal and gets more lines than it has goes through the pager. Nothing where PAGER is empty or cat, TERM is dumb, or
 * there is no pager. */
void pager_prepare(void);
void pager_cancel(void);

/* Wait until its reader has seen enough; call it when standard output is closed. */
void pager_wait(void);

#endif
