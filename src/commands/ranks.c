#include "commands/ranks.h"

static const char *const layout_words[] = { "auto", "contiguous", "striped", "zigzag", NULL };

static struct {
	int layout;
	int64_t chunk;
} given;

const struct option_row ranks_rows[] = {
	OPTION_CHOICE(0, "ring-layout", "LAYOUT", &given.layout, layout_words, "how the queries are spread over the ranks of an MPI job; auto: striped"),
	OPTION_INT(0, "ring-chunk", "KIB", &given.chunk, 1, 1 << 20, "size of the messages in which keys and values travel (default 1024)"),
	OPTION_END
};

/* What gives all ranks the same work in every step of a causal map; a full one is shared out evenly by any. */
enum ring_layout ranks_layout(enum ring_order order, bool causal)
{
	if (given.layout)
		return (enum ring_layout)(given.layout - 1);
	return !causal ? RING_CONTIGUOUS : order == RING_ROTATING ? RING_ZIGZAG : RING_STRIPED;
}

void ranks_configure(struct peers *peers)
{
	peers->layout = ranks_layout(RING_ASCENDING, true);
	peers->chunk_bytes = (size_t)given.chunk << 10;
}

#ifndef ATTNVIZ_MPI

bool ranks_enter(bool together)
{
	(void)together;
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
