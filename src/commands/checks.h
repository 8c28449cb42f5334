/* SPDX-License-Identifier: MIT */
/*
 * What looks wrong with a dump, one plain sentence each: `attnviz info`.
 *
 * The facts come from analysis/ (one pass over each map and vector); here are the thresholds and the wording. To add a check,
 * write a function and a row of the table that it belongs to in checks.c.
 */
#ifndef ATTNVIZ_COMMANDS_CHECKS_H
#define ATTNVIZ_COMMANDS_CHECKS_H

#include <stdint.h>

#include "base/error.h"
#include "commands/roles.h"

struct finding {
	const char *check;    /* "row-sums" */
	const char *severity; /* "error": other commands will refuse it; "warning": it looks wrong; "note": worth knowing */
	const char *role;     /* "weights", "key" */
	const char *tensor;   /* the first one it was found in */
	int64_t layer, batch, head; /* the first map; -1: all of them together */
	int64_t maps;         /* in how many it was found */
	const char *text;
};

/* Called for each finding, in the order of the roles; what it points at is valid during the call. */
typedef enum err findings_put(void *data, const struct finding *finding);

/* Look at everything that plays one of the usual roles. An input that cannot be loaded is a finding too; *unreadable tells the
 * first whose bytes are to blame. */
enum err checks_run(struct roles *roles, const struct roles_request *request, findings_put *put, void *data,
		    struct err_info *unreadable, struct err_info *info);

#endif
