/* SPDX-License-Identifier: MIT */
/*
 * The statistics of a whole source, kept for a test to look at.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_MEASURED_H
#define ATTNVIZ_TESTS_SUPPORT_MEASURED_H

#include "analysis/stats.h"
#include "kernel/driver.h"
#include "support/feed.h"

enum { MEASURED_MAPS = 128 };

struct measured {
	int64_t maps, rows, keys;
	struct stats_value value[MEASURED_MAPS][METRIC_COUNT]; /* by metric_id */
	double *per_row[METRIC_COUNT];                         /* [maps][rows], where asked for */
	double *per_key[METRIC_COUNT];                         /* [maps][keys] */
	double *list[METRIC_COUNT];                            /* of the last map */
	int64_t list_count[METRIC_COUNT], list_first[METRIC_COUNT];
	char word[MEASURED_MAPS][32];
};

/* Run the driver, or, where `order` is given, the plain one of feed.h. `metrics` as --metrics takes them. The request may be
 * NULL, or carry parameters, tokens, named keys, and the wish for rows; its row_count follows the options or the order. */
void measure(struct measured *measured, const struct source *source, const char *metrics, const struct stats_request *request,
	     const struct driver_options *options, const struct feed_order *order);
void measured_release(struct measured *measured);

#endif
