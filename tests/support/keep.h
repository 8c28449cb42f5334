/* SPDX-License-Identifier: MIT */
/*
 * A sink that keeps everything: statistics, outputs, and every weight. It fails the test where a lane without a row is not zero.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_KEEP_H
#define ATTNVIZ_TESTS_SUPPORT_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/driver.h"

struct keep {
	struct sink sink;
	struct sink_ops ops;
	int64_t rows, keys, width;
	struct row_stats *stats; /* [index][rows] */
	float *output, *weight;  /* [index][rows][width], [index][rows][keys] */
	int64_t next_item, maps_ended;
	bool in_order;
	enum err refuse;         /* what map_end of map 1 answers */
};

void keep_init(struct keep *keep, const struct source *source, int64_t maps, int64_t rows, unsigned needs);
void keep_release(struct keep *keep);

#endif
