/* SPDX-License-Identifier: MIT */
/*
 * What attention gives for each row, handed out in order: the output O = W V and the statistics of pass 1 (the log-sum-exp above all). A sink.
 */
#ifndef ATTNVIZ_ANALYSIS_ROW_OUTPUTS_H
#define ATTNVIZ_ANALYSIS_ROW_OUTPUTS_H

#include <stdbool.h>

#include "kernel/sink.h"

/* Rows arrive in order, those of one map after those of the map before; `output` holds `width` floats, or is NULL where outputs were not asked for. */
typedef enum err row_outputs_emit(void *data, int64_t map, int64_t index, int64_t row, const struct row_stats *stats, const float *output, int64_t width,
				  struct err_info *info);

/* `outputs` needs values in the source: ERR_USAGE without. Free with row_outputs_free. */
enum err row_outputs_new(const struct source *source, bool outputs, row_outputs_emit *emit, void *data, struct sink **sink, struct err_info *info);
void row_outputs_free(struct sink *sink);

#endif
