/* SPDX-License-Identifier: MIT */
/*
 * The picture of an attention matrix, pooled while it streams by: a sink.
 *
 * Cell (r, c) of a picture of height x width covers the queries [r * rows / height, (r + 1) * rows / height) and the keys
 * likewise, edges in integer arithmetic, so that no tile size or thread count moves a pixel. Where a side has fewer rows than
 * cells were asked for, the picture has one cell a row.
 *
 * A cell counts every position that it covers: what a query may not see is a zero, so the mean along the edge of a causal map
 * is lower than among the visible positions alone. A cell in which nothing is visible is NaN, "no value", which is not the
 * same as attention of zero.
 *
 * Memory: the picture, 8 bytes a query, and for each item at work one picture row for every picture row that it touches.
 */
#ifndef ATTNVIZ_ANALYSIS_POOLED_MAP_H
#define ATTNVIZ_ANALYSIS_POOLED_MAP_H

#include <stdint.h>

#include "base/error.h"
#include "kernel/sink.h"

/* The maximum of a signed map is the entry of the largest magnitude, with its sign. */
enum pooling { POOLING_MAX, POOLING_MEAN, POOLING_SUM };

struct pooled_map_request {
	int64_t row_count;          /* queries that the driver will be given (a picture row is a position in that list) */
	int64_t key_begin, key_end; /* keys shown */
	int64_t height, width;      /* cells at most */
	enum pooling pooling;
	/* As many keys from the first that a query sees on are left out of its row (an attention sink drowns all the rest); they
	 * are "no value". The other weights of a row are divided by their sum where rows sum to 1, and stay as they are
	 * otherwise. 0: none. */
	int64_t skip_first;
	/* The finished picture of a map: height x width floats, row-major, its own height and width. Called serially in map
	 * order; the memory is reused afterwards. */
	enum err (*emit)(void *data, const struct source *source, int64_t map, int64_t index, const float *cell, int64_t height,
			 int64_t width, struct err_info *info);
	void *emit_data;
};

/* Free with pooled_map_free. ERR_USAGE where nothing is left to show. */
enum err pooled_map_new(const struct pooled_map_request *request, struct sink **sink, struct err_info *info);
void pooled_map_free(struct sink *sink);

/*
 * The same pictures of queries [row_begin, row_begin + row_count) from a source that can sum its cells itself
 * (source_ops.pool), in a time that does not grow with queries x keys. ERR_UNSUPPORTED with nothing said in info where the
 * source cannot, or the request is not for sums or means of all keys shown: then the sink must be run.
 */
enum err pooled_map_direct(const struct pooled_map_request *request, const struct source *source, const int64_t *maps,
			   int64_t map_count, int64_t row_begin, int threads, struct err_info *info);

/* First row (or key) of a cell: cell * count / cells; and the cell that a row (or key) is in. */
int64_t pooled_map_edge(int64_t cell, int64_t cells, int64_t count);
int64_t pooled_map_cell(int64_t position, int64_t cells, int64_t count);

#endif
