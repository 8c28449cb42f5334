/* SPDX-License-Identifier: MIT */
/*
 * Between the files of the checks: whose findings they are, and what checks an array.
 */
#ifndef ATTNVIZ_COMMANDS_CHECKS_PARTS_H
#define ATTNVIZ_COMMANDS_CHECKS_PARTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "commands/checks.h"
#include "commands/roles.h"

/* Where findings go, and whose they are. */
struct reporter {
	findings_put *put;
	void *data;
	const struct role *role;
	struct err_info *unreadable; /* the first input whose bytes are to blame */
	bool verified; /* the model's weights are there as well, and will tell more than the vectors alone */
};

/* The maps of a view, or its heads of vectors, and what the number of one means. */
int64_t check_maps(const struct heads *heads);
void check_place(const struct heads *heads, int64_t map, int64_t *layer, int64_t *batch, int64_t *head);

/* `map` is the first of the `maps` in which it was found; -1: all of them together. */
enum err check_report(const struct reporter *reporter, const char *check, const char *severity, int64_t map, int64_t maps,
		      const struct strbuf *text);

/* Of loaded roles. */
enum err check_weights(const struct reporter *reporter, struct err_info *info);
enum err check_vectors(const struct reporter *reporter, const struct roles_request *request, struct err_info *info);

#endif
