/* SPDX-License-Identifier: MIT */
#include "mechanism/grouped.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/reference.h"
#include "mechanism/grouped_parts.h"
#include "mechanism/mechanism.h"

void grouping_release(struct grouping *grouping)
{
	free(grouping->group);
	*grouping = (struct grouping){ 0 };
}

static bool members_init(struct members *members, const struct grouping *grouping)
{
	members->start = mem_zero_array((size_t)grouping->count + 1, sizeof *members->start);
	members->member = mem_array((size_t)grouping->tokens, sizeof *members->member);
	if (!members->start || !members->member)
		return false;
	int64_t count = 0;
	for (int64_t token = 0; token < grouping->tokens; token++) {
		if (grouping->group[token] < 0)
			continue;
		members->member[count++] = token;
		members->start[grouping->group[token] + 1] = count;
	}
	members->single = count == grouping->count;
	for (int64_t group = 0; group < grouping->count; group++)
		if (members->start[group + 1] - members->start[group] > members->most)
			members->most = members->start[group + 1] - members->start[group];
	return true;
}

static void members_release(struct members *members)
{
	grouping_release(&members->grouping);
	free(members->start);
	free(members->member);
}

static int64_t first_of(const struct members *members, int64_t group)
{
	return members->member[members->start[group]];
}

static int64_t last_of(const struct members *members, int64_t group)
{
	return members->member[members->start[group + 1] - 1];
}

static const struct grouped *grouped_of(const struct source *source)
{
	return (const struct grouped *)source;
}

static enum coverage grouped_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	const struct grouped *grouped = grouped_of(source);
	const struct source *inner = grouped->inner;
	if (!inner->ops->coverage)
		return inner->ops->visible ? TILE_PARTIAL : TILE_FULL;
	return inner->ops->coverage(inner, map, first_of(&grouped->queries, first), last_of(&grouped->queries, last), first_of(&grouped->keys, begin),
				    last_of(&grouped->keys, end - 1) + 1);
}

/* A rectangle of tokens: numbers in the lists of members. */
struct rectangle {
	int64_t query, query_end, key, key_end;
};

/* Does any of the queries see any of the keys? Later queries and earlier keys are the most likely to. */
static bool any_visible(const struct grouped *grouped, int64_t map, struct rectangle at)
{
	const struct source *inner = grouped->inner;
	const int64_t *query = grouped->queries.member, *key = grouped->keys.member;
	if (at.query_end - at.query == 1 && at.key_end - at.key == 1)
		return inner->ops->visible(inner, map, query[at.query], key[at.key]);
	enum coverage coverage = inner->ops->coverage ? inner->ops->coverage(inner, map, query[at.query], query[at.query_end - 1], key[at.key], key[at.key_end - 1] + 1)
						      : TILE_PARTIAL;
	if (coverage != TILE_PARTIAL)
		return coverage == TILE_FULL;
	struct rectangle first = at, then = at;
	if (at.query_end - at.query > at.key_end - at.key)
		first.query = then.query_end = at.query + (at.query_end - at.query) / 2;
	else
		first.key_end = then.key = at.key + (at.key_end - at.key) / 2;
	return any_visible(grouped, map, first) || any_visible(grouped, map, then);
}

/* A group sees a group where one of its queries sees one of the keys. */
static bool grouped_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct grouped *grouped = grouped_of(source);
	const int64_t *query_start = grouped->queries.start + row, *key_start = grouped->keys.start + key;
	return !grouped->inner->ops->visible || any_visible(grouped, map, (struct rectangle){ query_start[0], query_start[1], key_start[0], key_start[1] });
}

/* Groups [begin, end) of keys that a group of queries sees. */
static int64_t count_visible(const struct source *source, int64_t map, int64_t row, int64_t begin, int64_t end)
{
	enum coverage coverage = end - begin > 1 || !grouped_of(source)->keys.single ? grouped_coverage(source, map, row, row, begin, end) : TILE_PARTIAL;
	if (coverage != TILE_PARTIAL)
		return coverage == TILE_FULL ? end - begin : 0;
	if (end - begin == 1)
		return grouped_visible(source, map, row, begin);
	int64_t middle = begin + (end - begin) / 2;
	return count_visible(source, map, row, begin, middle) + count_visible(source, map, row, middle, end);
}

/* Keys [begin, end) of those left out that a query sees. */
static int64_t count_hidden(const struct grouped *grouped, int64_t map, int64_t query, int64_t begin, int64_t end)
{
	const struct source *inner = grouped->inner;
	const int64_t *hidden = grouped->hidden;
	if (end - begin <= 1)
		return end > begin && inner->ops->visible(inner, map, query, hidden[begin]);
	enum coverage coverage = inner->ops->coverage ? inner->ops->coverage(inner, map, query, query, hidden[begin], hidden[end - 1] + 1) : TILE_PARTIAL;
	if (coverage != TILE_PARTIAL)
		return coverage == TILE_FULL ? end - begin : 0;
	int64_t middle = begin + (end - begin) / 2;
	return count_hidden(grouped, map, query, begin, middle) + count_hidden(grouped, map, query, middle, end);
}

/* The keys that a group of queries sees, where they are a run: [begin, end). False: they are none, or it is not known. */
static bool seen_run(const struct grouped *grouped, int64_t map, int64_t row, int64_t *begin, int64_t *end)
{
	const struct source *inner = grouped->inner;
	const struct members *queries = &grouped->queries;
	*begin = *end = 0;
	if (!inner->ops->span || !inner->ops->coverage)
		return false;
	for (int64_t i = queries->start[row]; i < queries->start[row + 1]; i++) {
		int64_t query = queries->member[i], from, to;
		if (!source_span(inner, map, query, &from, &to))
			continue;
		if (inner->ops->coverage(inner, map, query, query, from, to) != TILE_FULL)
			return false;
		if (*begin < *end && (from > *end || to < *begin))
			return false;
		*begin = *begin < *end && *begin < from ? *begin : from;
		*end = *end > to ? *end : to;
	}
	return true;
}

/* The first member that is a token from `token` on. */
static int64_t member_from(const struct members *members, int64_t token)
{
	int64_t low = 0, high = members->start[members->grouping.count];
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (members->member[middle] < token)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Where tokens are only left out, the inner source has counted all of them. */
static int64_t grouped_support(const struct source *source, int64_t map, int64_t row)
{
	const struct grouped *grouped = grouped_of(source);
	const struct source *inner = grouped->inner;
	const struct members *keys = &grouped->keys;
	int64_t begin, end;
	if (!inner->ops->visible)
		return source->keys;
	if (seen_run(grouped, map, row, &begin, &end)) {
		int64_t first = member_from(keys, begin), last = member_from(keys, end);
		return first < last ? keys->grouping.group[keys->member[last - 1]] - keys->grouping.group[keys->member[first]] + 1 : 0;
	}
	if (!grouped->queries.single || !keys->single || grouped->hidden_count >= source->keys || !inner->ops->support)
		return count_visible(source, map, row, 0, source->keys);
	int64_t query = first_of(&grouped->queries, row);
	return inner->ops->support(inner, map, query) - count_hidden(grouped, map, query, 0, grouped->hidden_count);
}

static enum err grouped_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct grouped *grouped = grouped_of(source);
	const struct members *queries = &grouped->queries;
	const int64_t *group = grouped->keys.grouping.group;
	int64_t counted = 0;
	double *weight = mem_array((size_t)grouped->inner->keys, sizeof *weight);
	enum err err = weight ? ERR_OK : err_nomem(info, "a row of weights");
	memset(score, 0, (size_t)source->keys * sizeof *score);
	for (int64_t i = queries->start[row]; !err && i < queries->start[row + 1]; i++) {
		double sum = 0;
		int64_t begin, end;
		err = reference_row(grouped->inner, map, queries->member[i], weight, NULL, NULL, info);
		for (int64_t key = 0; !err && key < grouped->inner->keys; key++) {
			sum += weight[key];
			if (group[key] >= 0)
				score[group[key]] += weight[key];
		}
		counted += source_span(grouped->inner, map, queries->member[i], &begin, &end) && (sum != 0 || grouped->inner->is_signed);
	}
	for (int64_t key = 0; key < source->keys && counted; key++)
		score[key] /= (double)counted;
	free(weight);
	return err;
}

static void release(struct grouped *grouped)
{
	members_release(&grouped->queries);
	members_release(&grouped->keys);
	free(grouped->hidden);
	free(grouped->diagonals);
	free(grouped);
}

static void grouped_free(struct source *source)
{
	struct grouped *grouped = (struct grouped *)source;
	source_free(grouped->inner);
	release(grouped);
}

static const struct source_ops grouped_ops = {
	.name = "grouped",
	.coverage = grouped_coverage,
	.support = grouped_support,
	.visible = grouped_visible,
	.score64 = grouped_score64,
	.filter = &grouped_filter,
	.free = grouped_free,
};

static bool list_hidden(struct grouped *grouped, const struct grouping *keys)
{
	grouped->hidden = mem_array((size_t)keys->tokens, sizeof *grouped->hidden);
	for (int64_t token = 0; grouped->hidden && token < keys->tokens; token++)
		if (keys->group[token] < 0)
			grouped->hidden[grouped->hidden_count++] = token;
	return grouped->hidden != NULL;
}

/* From the first group of queries that does not begin before the keys, and the group of the key where it stands. */
static int64_t diagonal_of(const struct grouped *grouped, int64_t diagonal)
{
	int64_t query = 0, group = 0;
	while (query + 1 < grouped->source.queries && first_of(&grouped->queries, query) + diagonal < 0)
		query++;
	int64_t key = first_of(&grouped->queries, query) + diagonal;
	while (group < grouped->source.keys && last_of(&grouped->keys, group) < key)
		group++;
	return group - query;
}

static bool set_diagonals(struct grouped *grouped)
{
	const struct source *inner = grouped->inner;
	grouped->source.diagonal = inner->diagonal ? diagonal_of(grouped, inner->diagonal) : 0;
	if (!inner->diagonals)
		return true;
	grouped->diagonals = mem_array((size_t)inner->batches, sizeof *grouped->diagonals);
	for (int64_t batch = 0; grouped->diagonals && batch < inner->batches; batch++)
		grouped->diagonals[batch] = diagonal_of(grouped, inner->diagonals[batch]);
	grouped->source.diagonals = grouped->diagonals;
	return grouped->diagonals != NULL;
}

static bool same_groups(const struct grouping *a, const struct grouping *b)
{
	return a->tokens == b->tokens && memcmp(a->group, b->group, (size_t)a->tokens * sizeof *a->group) == 0;
}

enum err grouped_source_new(struct source *inner, struct grouping *queries, struct grouping *keys, const char *what, struct source **source,
			    struct err_info *info)
{
	if (inner->hidden_infinite)
		return err_set(info, ERR_USAGE, "logits have no sum over the tokens of a group: leave --stage out");
	if (queries->count == 0 || keys->count == 0)
		return err_set(info, ERR_USAGE, "every token is left out: nothing remains");
	struct grouped *grouped = mem_zero_array(1, sizeof *grouped);
	if (!grouped)
		return err_nomem(info, "the groups");
	if (!members_init(&grouped->queries, queries) || !members_init(&grouped->keys, keys) || !list_hidden(grouped, keys)) {
		release(grouped);
		return err_nomem(info, "the groups");
	}
	grouped->source = (struct source){
		.ops = &grouped_ops,
		.layers = inner->layers,
		.batches = inner->batches,
		.heads = inner->heads,
		.key_heads = inner->key_heads,
		.queries = queries->count,
		.keys = keys->count,
		.norm = NORM_NONE,
		.is_signed = inner->is_signed,
		.is_stochastic = inner->is_stochastic && grouped->hidden_count == 0,
		.is_causal = inner->is_causal,
		.is_square = inner->is_square && same_groups(queries, keys),
		.inner = inner,
		.row_queries = grouped->queries.start[queries->count] / queries->count * (inner->row_queries ? inner->row_queries : 1),
	};
	grouped->inner = inner;
	if (!set_diagonals(grouped)) {
		release(grouped);
		return err_nomem(info, "the groups");
	}
	grouped->queries.grouping = *queries;
	grouped->keys.grouping = *keys;
	*queries = *keys = (struct grouping){ 0 };
	memcpy(grouped->source.note, inner->note, sizeof inner->note);
	if (*what)
		mechanism_note(grouped->source.note, sizeof grouped->source.note, "%s", what);
	*source = &grouped->source;
	return ERR_OK;
}
