/* SPDX-License-Identifier: MIT */
#include "commands/ranks.h"

#include <stdlib.h>

enum { LAYOUT_AUTO = -1 };
static const struct word layout_words[] = {
	{ "auto", LAYOUT_AUTO }, { "contiguous", RING_CONTIGUOUS }, { "striped", RING_STRIPED },
	{ "zigzag", RING_ZIGZAG }, WORD_END,
};

static struct {
	int layout;
	int64_t chunk;
} given = { .layout = LAYOUT_AUTO };

const struct option_row ranks_rows[] = {
	OPTION_CHOICE(0, "ring-layout", "LAYOUT", &given.layout, layout_words, "how the queries are spread over the ranks of an MPI job; auto: striped"),
	OPTION_INT(0, "ring-chunk", "KIB", &given.chunk, 1, 1 << 20, "size of the messages in which keys and values travel (default 1024)"),
	OPTION_END
};

/* What gives all ranks the same work in every step of a causal map; a full one is shared out evenly by any. */
enum ring_layout ranks_layout(enum ring_order order, bool causal)
{
	if (given.layout != LAYOUT_AUTO)
		return (enum ring_layout)given.layout;
	return !causal ? RING_CONTIGUOUS : order == RING_ROTATING ? RING_ZIGZAG : RING_STRIPED;
}

void ranks_configure(struct peers *peers)
{
	peers->layout = ranks_layout(RING_ASCENDING, true);
	peers->chunk_bytes = (size_t)given.chunk << 10;
}

static int number_in_environment(const char *const *names, int fallback)
{
	for (; *names; names++) {
		const char *text = getenv(*names);
		if (text && *text)
			return (int)strtol(text, NULL, 10);
	}
	return fallback;
}

/* The launchers of Open MPI, MPICH and Slurm. Starting MPI takes a moment, which a plain run should not pay. */
int ranks_launched(void)
{
	static const char *const names[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE", "SLURM_STEP_NUM_TASKS", NULL };
	return number_in_environment(names, 1);
}

int ranks_launched_rank(void)
{
	static const char *const names[] = { "OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID", NULL };
	return number_in_environment(names, 0);
}

#ifndef ATTNVIZ_MPI

const char *ranks_library(void)
{
	return NULL;
}

bool ranks_enter(bool together)
{
	if (together && ranks_launched() > 1 && ranks_launched_rank() == 0)
		message_warning("started %d times together, but built without MPI: each process does all of the work (make MPI=1 builds one that shares it)",
				ranks_launched());
	return true;
}

int ranks_leave(enum exit_status status)
{
	return (int)status;
}

bool ranks_lead(void)
{
	return true;
}

struct peers *ranks_peers(void)
{
	return NULL;
}

#endif
