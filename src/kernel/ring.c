/* SPDX-License-Identifier: MIT */
#include "kernel/ring.h"

#include <stdlib.h>

#include "base/memory.h"

/* Tokens of a rank are runs (one or two) or one progression. */
struct run {
	int64_t begin, end;
};

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t max64(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* tokens * part / parts without the product: it may not fit. */
static int64_t edge(int64_t tokens, int64_t part, int64_t parts)
{
	return tokens / parts * part + tokens % parts * part / parts;
}

static int runs_of(enum ring_layout layout, int64_t ranks, int64_t tokens, int64_t rank, struct run run[2])
{
	int64_t parts = layout == RING_ZIGZAG ? 2 * ranks : ranks, back = 2 * ranks - 1 - rank;
	run[0] = (struct run){ edge(tokens, rank, parts), edge(tokens, rank + 1, parts) };
	if (layout != RING_ZIGZAG)
		return 1;
	run[1] = (struct run){ edge(tokens, back, parts), edge(tokens, back + 1, parts) };
	return 2;
}

/* The part that holds a token: edges are not evenly spaced, but never further off than one part. */
static int64_t part_of(int64_t tokens, int64_t parts, int64_t token)
{
	int64_t part = (int64_t)((double)token / (double)tokens * (double)parts);
	part = min64(max64(part, 0), parts - 1);
	while (part > 0 && token < edge(tokens, part, parts))
		part--;
	while (token >= edge(tokens, part + 1, parts))
		part++;
	return part;
}

int ring_owner(enum ring_layout layout, int64_t ranks, int64_t tokens, int64_t token)
{
	if (layout == RING_STRIPED)
		return (int)(token % ranks);
	int64_t part = part_of(tokens, layout == RING_ZIGZAG ? 2 * ranks : ranks, token);
	return (int)(part < ranks ? part : 2 * ranks - 1 - part);
}

int64_t ring_share(enum ring_layout layout, int64_t ranks, int64_t tokens, int64_t rank)
{
	struct run run[2];
	int64_t share = 0;
	if (layout == RING_STRIPED)
		return tokens > rank ? (tokens - rank - 1) / ranks + 1 : 0;
	for (int i = 0, runs = runs_of(layout, ranks, tokens, rank, run); i < runs; i++)
		share += run[i].end - run[i].begin;
	return share;
}

int64_t ring_token(enum ring_layout layout, int64_t ranks, int64_t tokens, int64_t rank, int64_t index)
{
	struct run run[2];
	if (layout == RING_STRIPED)
		return rank + index * ranks;
	int runs = runs_of(layout, ranks, tokens, rank, run);
	int64_t first = run[0].end - run[0].begin;
	return index < first || runs < 2 ? run[0].begin + index : run[1].begin + index - first;
}

int64_t ring_shard(enum ring_order order, int64_t ranks, int64_t rank, int64_t step)
{
	return order == RING_ASCENDING ? step : (rank - step + ranks) % ranks;
}

/* 1 + 2 + ... + count, which divides before it multiplies. */
static int64_t triangle(int64_t count)
{
	return count % 2 ? (count + 1) / 2 * count : count / 2 * (count + 1);
}

/* Pairs of queries and keys of two runs in which the key is not after the query. */
static int64_t causal_pairs(const struct run *queries, const struct run *keys)
{
	int64_t first = max64(queries->begin, keys->begin), whole = max64(queries->begin, keys->end - 1);
	/* Queries before `whole` see the keys up to themselves, those from there on all. */
	int64_t partly = max64(0, min64(queries->end, whole) - first), seen = max64(0, first - keys->begin);
	int64_t wholly = max64(0, queries->end - max64(whole, first));
	return (partly ? triangle(seen + partly) - triangle(seen) : 0) + wholly * (keys->end - keys->begin);
}

static int64_t runs_pairs(const struct ring_plan *plan, enum ring_layout key_layout, int64_t query_rank, int64_t key_rank)
{
	struct run queries[2], keys[2];
	int64_t pairs = 0;
	int query_runs = runs_of(plan->layout, plan->ranks, plan->tokens, query_rank, queries);
	int key_runs = runs_of(key_layout, plan->ranks, plan->tokens, key_rank, keys);
	for (int i = 0; i < query_runs; i++)
		for (int j = 0; j < key_runs; j++)
			if (queries[i].begin < queries[i].end && keys[j].begin < keys[j].end)
				pairs += causal_pairs(&queries[i], &keys[j]);
	return pairs;
}

/* Query number i of rank r is token r + i P: of the keys of rank s it sees numbers 0 .. i, or one less where s > r. */
static int64_t striped_pairs(const struct ring_plan *plan, int64_t query_rank, int64_t key_rank)
{
	int64_t queries = ring_share(RING_STRIPED, plan->ranks, plan->tokens, query_rank);
	return key_rank <= query_rank ? triangle(queries) : triangle(max64(0, queries - 1));
}

/* Queries r, r + P, ... of one rank against a run of keys: those inside the run see a part of it that grows by P a query. */
static int64_t striped_run_pairs(const struct ring_plan *plan, int64_t query_rank, const struct run *keys)
{
	int64_t ranks = plan->ranks, queries = ring_share(RING_STRIPED, ranks, plan->tokens, query_rank);
	/* Numbers of the first query at or after the run's first key, and of the first that sees all of it. */
	int64_t first = keys->begin > query_rank ? (keys->begin - query_rank + ranks - 1) / ranks : 0;
	int64_t whole = keys->end - 1 > query_rank ? (keys->end - 1 - query_rank + ranks - 1) / ranks : 0;
	int64_t partly = max64(0, min64(queries, whole) - first), wholly = max64(0, queries - max64(whole, first));
	int64_t seen = query_rank + first * ranks - keys->begin + 1;
	return partly * seen + ranks * (partly ? triangle(partly - 1) : 0) + wholly * (keys->end - keys->begin);
}

static int64_t step_pairs(const struct ring_plan *plan, int64_t rank, int64_t step)
{
	int64_t shard = ring_shard(plan->order, plan->ranks, rank, step);
	enum ring_layout key_layout = plan->order == RING_ASCENDING ? RING_CONTIGUOUS : plan->layout;
	struct run keys[2];
	if (!plan->causal)
		return ring_share(plan->layout, plan->ranks, plan->tokens, rank) * ring_share(key_layout, plan->ranks, plan->tokens, shard);
	if (plan->layout != RING_STRIPED)
		return runs_pairs(plan, key_layout, rank, shard);
	if (plan->order == RING_ROTATING)
		return striped_pairs(plan, rank, shard);
	runs_of(RING_CONTIGUOUS, plan->ranks, plan->tokens, shard, keys);
	return keys->begin < keys->end ? striped_run_pairs(plan, rank, keys) : 0;
}

/* Everything but the shard that the right neighbour owns. */
static int64_t bytes_sent(const struct ring_plan *plan, int64_t rank)
{
	enum ring_layout layout = plan->order == RING_ASCENDING ? RING_CONTIGUOUS : plan->layout;
	return (plan->tokens - ring_share(layout, plan->ranks, plan->tokens, (rank + 1) % plan->ranks)) * plan->token_bytes;
}

static void fill(struct ring_model *model)
{
	const struct ring_plan *plan = &model->plan;
	int64_t total = 0, busiest = 0;
	for (int64_t step = 0; step < plan->ranks; step++) {
		int64_t slowest = 0;
		for (int64_t rank = 0; rank < plan->ranks; rank++) {
			int64_t pairs = step_pairs(plan, rank, step);
			model->pairs[rank * plan->ranks + step] = pairs;
			model->rank_pairs[rank] += pairs;
			slowest = max64(slowest, pairs);
			total += pairs;
		}
		model->critical += slowest;
	}
	for (int64_t rank = 0; rank < plan->ranks; rank++) {
		busiest = max64(busiest, model->rank_pairs[rank]);
		model->sent_bytes[rank] = bytes_sent(plan, rank);
	}
	model->mean = (double)total / (double)plan->ranks;
	model->imbalance = (double)busiest / model->mean;
	model->efficiency = model->mean / (double)model->critical;
}

enum err ring_model_init(struct ring_model *model, const struct ring_plan *plan, struct err_info *info)
{
	*model = (struct ring_model){ .plan = *plan };
	int64_t cells, unused;
	if (plan->ranks < 1 || plan->tokens < 1)
		return err_set(info, ERR_USAGE, "a ring has at least one rank and one token, not %lld and %lld", (long long)plan->ranks, (long long)plan->tokens);
	/* The pairs of all ranks in all steps may each count as the busiest. */
	if (!mem_mul_i64(plan->ranks, plan->ranks, &cells) || !mem_mul_i64(plan->tokens, plan->tokens, &unused) ||
	    !mem_mul_i64(unused, plan->ranks, &unused) || !mem_mul_i64(plan->tokens, plan->token_bytes, &unused))
		return err_set(info, ERR_SHAPE, "%lld tokens on %lld ranks: too large to count", (long long)plan->tokens, (long long)plan->ranks);
	model->pairs = mem_zero_array((size_t)cells, sizeof *model->pairs);
	model->rank_pairs = mem_zero_array((size_t)plan->ranks, sizeof *model->rank_pairs);
	model->sent_bytes = mem_zero_array((size_t)plan->ranks, sizeof *model->sent_bytes);
	if (!model->pairs || !model->rank_pairs || !model->sent_bytes) {
		ring_model_release(model);
		return err_nomem(info, "the schedule");
	}
	fill(model);
	return ERR_OK;
}

void ring_model_release(struct ring_model *model)
{
	free(model->pairs);
	free(model->rank_pairs);
	free(model->sent_bytes);
	*model = (struct ring_model){ 0 };
}
