/* SPDX-License-Identifier: MIT */
/*
 * The processes that mpirun or srun started together: one command line, run by all of them.
 *
 * Rank 0 draws, prints and speaks for all. The others write nothing; a failure of one of them is told by rank 0, in one line and with the documented
 * status, and ends the job. Without MPI (or a launcher) there is one rank, which leads, and no peers.
 */
#ifndef ATTNVIZ_COMMANDS_RANKS_H
#define ATTNVIZ_COMMANDS_RANKS_H

#include <stdbool.h>

#include "base/message.h"
#include "base/options.h"
#include "kernel/peers.h"

extern const struct option_row ranks_rows[]; /* --ring-layout, --ring-chunk */

/* The MPI library, "Open MPI v4.1.4"; NULL where the program was built without MPI. */
const char *ranks_library(void);

/* How many processes a launcher says that it started together (1 without one), and which of them this is. */
int ranks_launched(void);
int ranks_launched_rank(void);

/* Join the others, where the command is run by all ranks together. False where it is rank 0's alone, and this is another one. */
bool ranks_enter(bool together);

/* The end of the process, in step with the others: what main should return. Does not return where the job fails. */
int ranks_leave(enum exit_status status);

bool ranks_lead(void);

/* The peers of driver_options; NULL for a process alone. */
struct peers *ranks_peers(void);

/* The layout that was asked for, or the one that suits the order of the shards and the mask. */
enum ring_layout ranks_layout(enum ring_order order, bool causal);

/* Set what the options say. */
void ranks_configure(struct peers *peers);

#endif
