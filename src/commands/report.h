/* SPDX-License-Identifier: MIT */
/*
 * Statistics as rows: one per head, query or key, as a table, TSV, JSON Lines, or an array.
 */
#ifndef ATTNVIZ_COMMANDS_REPORT_H
#define ATTNVIZ_COMMANDS_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/stats.h"
#include "base/error.h"
#include "base/output.h"
#include "base/record.h"
#include "commands/inputs.h"

enum report_of { REPORT_HEADS, REPORT_QUERIES, REPORT_KEYS };

struct report_request {
	enum report_of of;
	enum record_format format;
	bool array;             /* float64 .npy (layers, batches, heads, metrics, rows) in place of a record; layers and batches where the input had them */
	bool intervals;         /* a column NAME_ci for each mean: the half width of its 95 % interval */
	bool bits;              /* nats are printed as bits */
	const struct metric *const *metric;
	int metric_count;
	const int64_t *row;     /* the queries that the rows stand for; NULL: all */
	int64_t row_count;
};

struct report; /* opaque */

/* Everything given must outlive the report. Rows go to `out`, which keeps the reason where a write fails. */
enum err report_new(const struct report_request *request, const struct input *input, struct output *out, struct report **report, struct err_info *info);

/* The callback of struct stats_request; `data` is a struct report. */
enum err report_map(void *data, const struct stats_result *result, struct err_info *info);

/* Print what is held back and free. NULL is fine. */
enum err report_end(struct report *report);

#endif
