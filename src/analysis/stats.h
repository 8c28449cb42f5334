/* SPDX-License-Identifier: MIT */
/*
 * Statistics of heads: sinks for the metrics that were asked for, and only for those.
 *
 *     struct stats *stats;
 *     stats_new(&request, source, &stats, info);
 *     driver_run(source, stats_sinks(stats), stats_sink_count(stats), &options, info);   // calls request.emit after each map
 *     stats_free(stats);
 *
 * Sums over rows are float64, in row order. Where the rows are a random sample, means of what has bounds come with
 * 95 % confidence intervals, which hold whatever the rows are like (sample.h): the first few rows, or rare ones, may carry all of a metric.
 */
#ifndef ATTNVIZ_ANALYSIS_STATS_H
#define ATTNVIZ_ANALYSIS_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/metric.h"
#include "base/error.h"
#include "kernel/sink.h"

/* Thresholds and widths. stats_parameters_default gives those that the metrics' rows state. */
struct stats_parameters {
	double below;        /* 0.01: `below` counts weights under it */
	double h2o;          /* 0.01: `h2o_sparsity` counts weights under this share of the row's largest */
	double collapse;     /* 0.1 nats */
	double saturation;   /* 0.99 */
	int64_t top_k;       /* 8 keys; at least 1 */
	int64_t band;        /* 16 positions to each side */
	double diagonality;  /* 0.1 of the length */
	double guided;       /* 0.2 of the length */
	int64_t grid_height, grid_width; /* patches of a picture, the last positions of both axes: METRIC_NEEDS_GRID; 0: none */
	double patch_size;   /* 1: distances are in patches */
	double sink_epsilon; /* 0.3 */
	double heavy_share;  /* 0.1 of the keys */
};
struct stats_parameters stats_parameters_default(void);

struct stats_value {
	double value;      /* NaN: no row has one */
	double half_width; /* of the 95 % interval: value +- half_width holds it. NaN unless the rows are a sample, and for metrics without bounds */
	double low, high;  /* its ends, which need not be equally far from the value; NaN likewise */
	int64_t rows;      /* that were counted */
};

/* Results of one map, in the order of request.metric. Valid during emit. */
struct stats_result {
	const struct source *source;
	int64_t map, index;
	const struct stats_value *value;
	const double *const *
		per_row; /* [metric] -> [row_count], NaN where a row has none. NULL unless asked for, and where the level is not METRIC_OF_ROW */
	const double *const *per_key;     /* [metric] -> [keys]: METRIC_OF_KEY */
	const double *const *list;        /* [metric] -> list_count numbers: METRIC_LIST */
	const int64_t *list_count;
	const int64_t *list_first;        /* what the first number of a list stands for (an offset) */
	const char *const *word;          /* [metric]: METRIC_WORD */
};

struct stats_request {
	const struct metric *const *metric; /* as metric_select gives them; each has passed metric_check */
	int metric_count;
	struct stats_parameters parameters;
	int64_t row_count;      /* rows that the driver will be given */
	const int64_t *row;     /* which those are, ascending; NULL: all of the source's, or of row_begin .. row_end */
	int64_t row_begin, row_end; /* rows beyond these are none of the item's: lengths and positions leave them out; 0, 0: all are */
	bool sampled;           /* they are a random sample of the source's */
	bool per_row;           /* keep the values of rows */
	const int64_t *named;   /* [named_count] keys, ascending: METRIC_NAMED, and what METRIC_CONFIDENCE leaves out in place of the last key */
	int64_t named_count;
	const int64_t *token;   /* [keys] token ids, or NULL */
	int threads;            /* of runs that a metric needs beside the driver's: 0: all */
	/* After each map, serially, in map order. */
	enum err (*emit)(void *data, const struct stats_result *result, struct err_info *info);
	void *emit_data;
};

struct stats; /* opaque */

/* What the request points to must outlive the statistics. */
enum err stats_new(const struct stats_request *request, const struct source *source, struct stats **stats, struct err_info *info);
void stats_free(struct stats *stats);

struct sink *const *stats_sinks(const struct stats *stats);
int stats_sink_count(const struct stats *stats);

/* Do the metrics need the second pass, or is the first enough? */
bool stats_needs_tiles(const struct stats *stats);

#endif
