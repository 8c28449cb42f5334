/* SPDX-License-Identifier: MIT */
/*
 * Statistics as a figure beside their rows: stats --plot FILE.
 */
#ifndef ATTNVIZ_COMMANDS_PLOT_H
#define ATTNVIZ_COMMANDS_PLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/stats.h"
#include "base/error.h"
#include "base/options.h"
#include "commands/inputs.h"

extern const struct option_row plot_rows[]; /* --plot, --plot-kind, --plot-metric, and the look of pictures */

struct plot; /* opaque */

bool plot_wanted(void);
bool plot_needs_rows(void); /* the statistics must keep the values of rows */

/* Choose the metric (the first that can be drawn so, unless --plot-metric says) and the kind of figure, and open the target. `row` [row_count] are the
 * queries measured, NULL for all. What is given must outlive the plot. */
enum err plot_new(const struct input *input, const struct metric *const *metric, int metric_count, const int64_t *row, int64_t row_count, struct plot **plot,
		  struct err_info *info);
void plot_free(struct plot *plot); /* an unfinished file disappears; NULL is fine */

/* Keep what the figure needs of a map. */
enum err plot_map(struct plot *plot, const struct stats_result *result, struct err_info *info);

/* Draw, and finish the file. */
enum err plot_write(struct plot *plot, struct err_info *info);

#endif
