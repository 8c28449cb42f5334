/* SPDX-License-Identifier: MIT */
#include "analysis/flow.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What is left of a pipe below this share of the largest is rounding. */
static const double NOTHING = 1e-15;

/*
 * Nodes are (layer, token), layer `layers` the top. Edges run down, from (l + 1, i) to (l, j); room[l][i][j] is what is left of their capacity, back[l][i][j] what
 * may be pushed back up.
 */
struct network {
	int64_t layers, tokens, nodes;
	const double *capacity;
	double *room, *back; /* [layers][tokens][tokens] */
	int64_t *level, *next, *queue; /* [nodes] */
};

static int64_t node(const struct network *network, int64_t layer, int64_t token)
{
	return layer * network->tokens + token;
}

/* Neighbours are numbered: 0 .. tokens - 1 below, tokens .. 2 tokens - 1 above. */
static double *edge(const struct network *network, int64_t from, int64_t neighbour, int64_t *to)
{
	int64_t tokens = network->tokens, layer = from / tokens, token = from % tokens;
	bool down = neighbour < tokens;
	if (down ? layer == 0 : layer == network->layers)
		return NULL;
	int64_t other = down ? neighbour : neighbour - tokens;
	*to = node(network, down ? layer - 1 : layer + 1, other);
	if (down)
		return &network->room[((layer - 1) * tokens + token) * tokens + other];
	return &network->back[(layer * tokens + other) * tokens + token];
}

/* Breadth-first levels from the source; true where the sink was reached. */
static bool find_levels(const struct network *network, int64_t source, int64_t sink)
{
	int64_t head = 0, tail = 0;
	for (int64_t i = 0; i < network->nodes; i++)
		network->level[i] = -1;
	network->level[source] = 0;
	network->queue[tail++] = source;
	while (head < tail) {
		int64_t from = network->queue[head++];
		for (int64_t neighbour = 0; neighbour < 2 * network->tokens; neighbour++) {
			int64_t to;
			const double *left = edge(network, from, neighbour, &to);
			if (!left || *left <= NOTHING || network->level[to] >= 0)
				continue;
			network->level[to] = network->level[from] + 1;
			network->queue[tail++] = to;
		}
	}
	return network->level[sink] >= 0;
}

static double *reverse_of(const struct network *network, const double *left)
{
	return left >= network->back && left < network->back + network->layers * network->tokens * network->tokens
		       ? network->room + (left - network->back)
		       : network->back + (left - network->room);
}

/* Push up to `most` along the levels. The depth of the recursion is that of the level graph, at most the number of nodes. */
static double push(const struct network *network, int64_t from, int64_t sink, double most)
{
	double pushed = 0;
	if (from == sink)
		return most;
	for (int64_t *neighbour = &network->next[from]; *neighbour < 2 * network->tokens; ++*neighbour) {
		int64_t to;
		double *left = edge(network, from, *neighbour, &to);
		if (!left || *left <= NOTHING || network->level[to] != network->level[from] + 1)
			continue;
		double through = push(network, to, sink, fmin(*left, most - pushed));
		*left -= through;
		*reverse_of(network, left) += through;
		pushed += through;
		if (most - pushed <= NOTHING)
			return pushed;
	}
	return pushed;
}

static double maximum_flow(const struct network *network, int64_t source, int64_t sink)
{
	int64_t edges = network->layers * network->tokens * network->tokens;
	double total = 0;
	memcpy(network->room, network->capacity, (size_t)edges * sizeof(double));
	memset(network->back, 0, (size_t)edges * sizeof(double));
	while (find_levels(network, source, sink)) {
		memset(network->next, 0, (size_t)network->nodes * sizeof *network->next);
		double pushed = push(network, source, sink, INFINITY);
		if (pushed <= NOTHING)
			break;
		total += pushed;
	}
	return total;
}

enum err attention_flow(const double *capacity, int64_t layers, int64_t tokens, int64_t query, double *out, struct err_info *info)
{
	int64_t edges, square;
	if (!mem_mul_i64(tokens, tokens, &square) || !mem_mul_i64(square, layers, &edges))
		return err_set(info, ERR_SHAPE, "%lld tokens are too many for attention flow", (long long)tokens);
	struct network network = { .layers = layers, .tokens = tokens, .nodes = (layers + 1) * tokens, .capacity = capacity };
	network.room = mem_array((size_t)edges, sizeof(double));
	network.back = mem_array((size_t)edges, sizeof(double));
	network.level = mem_array((size_t)network.nodes, 3 * sizeof(int64_t));
	enum err err = network.room && network.back && network.level ? ERR_OK : err_nomem(info, "attention flow");
	if (!err) {
		network.next = network.level + network.nodes;
		network.queue = network.next + network.nodes;
		for (int64_t token = 0; token < tokens; token++)
			out[token] = maximum_flow(&network, node(&network, layers, query), node(&network, 0, token));
	}
	free(network.level);
	free(network.back);
	free(network.room);
	return err;
}
