/* SPDX-License-Identifier: MIT */
/*
 * Families of metrics: what is computed together, by one sink. A family is made only where one of its metrics is asked for.
 */
#ifndef ATTNVIZ_ANALYSIS_FAMILY_H
#define ATTNVIZ_ANALYSIS_FAMILY_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/stats.h"
#include "kernel/driver.h"
#include "kernel/sink.h"

enum { FAMILY_METRICS = 16 };

/* Every family's sink begins with this. */
struct family {
	struct sink sink;
	struct stats *stats;
	const struct family_row *row;
	int count; /* of its metrics that are asked for */
	enum metric_id metric[FAMILY_METRICS];
};

/* A row whose values are asked for: it sees something. */
struct family_lane {
	const struct source *source;
	const struct row_stats *stats;
	int64_t map, row;
	int lane; /* its place in the row group */
};

/* How to make one. `metrics` is ended by METRIC_COUNT and holds at most FAMILY_METRICS. */
struct family_row {
	const enum metric_id *metrics;
	size_t size; /* of the struct that begins with struct family; zeroed, then filled up to `metric` */
	size_t partial; /* of the partial result, where family_partial_size is used */
	/* For FAMILY_OPS: metric[m] of a row, from the partial result. */
	double (*value)(const struct family *family, int m, const struct family_lane *at, const void *partial);
	const struct sink_ops *ops;
	bool (*takes)(const struct source *source, enum metric_id id); /* which of its metrics, where two families share one; NULL: all */
	/* May be NULL; may change sink.ops. */
	enum err (*init)(struct family *family, const struct source *source, struct err_info *info);
	void (*release)(struct family *family); /* may be NULL; also after a failed init */
};

extern const struct family_row *const family_table[]; /* NULL-terminated */

extern const struct family_row family_first_pass, family_ranges, family_order, family_largest, family_counts, family_strongest,
	family_columns, family_diagonals, family_patterns, family_values, family_magnitudes, family_blocks, family_minference,
	family_grid, family_guided;

const struct stats_request *stats_request_of(const struct stats *stats);
const struct source *stats_source_of(const struct stats *stats);

/* What of a map is its item's own, among the rows that request.row_begin and row_end leave. Found when first asked for; on any
 * thread. */
struct map_extent stats_extent(struct stats *stats, int64_t map);

/* Of the rows that are measured, those within the extent: position of the first in the list, and their number. */
void stats_rows_within(const struct stats *stats, const struct map_extent *extent, int64_t *first, int64_t *count);
int64_t stats_row_at(const struct stats *stats, int64_t position); /* the row at a position of the list */

/* Values of rows, kept in an item's partial result until they are merged. NaN: the row has no value. */
struct row_values {
	int64_t support[ITEM_ROWS];
	double value[FAMILY_METRICS][ITEM_ROWS]; /* [family->count] */
};

/* Does a row count in means? One that sees no key does not, nor one whose weights are all zero where none can be negative: what a
 * model writes for padding. */
bool row_counts(const struct source *source, const struct row_stats *stats);

/* A row that does not count has no value of any kind; the callers then leave it alone. */
bool row_values_begin(const struct family *family, struct row_values *values, int64_t lane, const struct row_stats *stats);

/* Add the values of an item to those of the map. */
void row_values_merge(struct family *family, const struct item *item, const struct row_values *values);

/* Sink operations of families whose partial result begins with struct row_values, and goes on with sums of the row group at
 * work: family_start sets all behind the values to zero, and so does family_rows for the next group. */
size_t family_partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels);
void family_start(const struct sink *sink, const struct item *item, void *partial);
void family_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group, const struct row_stats *stats,
		 const float *output, int64_t output_width, void *partial);
void family_merge(struct sink *sink, const struct item *item, const void *partial);

#define FAMILY_OPS .partial_size = family_partial_size, .start = family_start, .rows = family_rows, .merge = family_merge

/* What is not a value of rows, set before or in map_end; nothing where the metric is not asked for. Lists and words stay the
 * family's and must last until the next map begins. The array of a metric of keys is to be filled in; NULL where it is not
 * asked for. */
void stats_set_head(struct stats *stats, enum metric_id id, double value);
void stats_set_list(struct stats *stats, enum metric_id id, const double *list, int64_t count, int64_t first);
void stats_set_word(struct stats *stats, enum metric_id id, const char *word);
double *stats_per_key(struct stats *stats, enum metric_id id);

/* The position of a metric among those of the family that are asked for, or -1. */
int family_slot(const struct family *family, enum metric_id id);

#endif
