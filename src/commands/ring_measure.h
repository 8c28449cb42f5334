/* SPDX-License-Identifier: MIT */
/*
 * A run of Ring Attention over the ranks of the job, for its times alone.
 */
#ifndef ATTNVIZ_COMMANDS_RING_MEASURE_H
#define ATTNVIZ_COMMANDS_RING_MEASURE_H

#include <stdint.h>

#include "base/error.h"
#include "commands/inputs.h"
#include "kernel/ring.h"

struct ring_measure {
	struct ring_step *step;    /* [ranks][ranks], both passes together; NULL: nothing was measured */
	int64_t messages, bytes;   /* of all ranks together */
	double compute, wait;      /* seconds of the slowest rank */
};

/* Both passes over the first of the maps chosen. All ranks call it; rank 0 has the result. ERR_UNSUPPORTED where its keys cannot travel. */
enum err ring_measure_run(struct ring_measure *measure, const struct input *input, struct err_info *info);
void ring_measure_release(struct ring_measure *measure); /* works on a zeroed struct */

#endif
