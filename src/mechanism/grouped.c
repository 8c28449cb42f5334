#include "mechanism/grouped.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "kernel/reference.h"
#include "mechanism/mechanism.h"

/* Tokens of each group: [first, end), of which `members` are in it (those left out may lie between). */
struct range {
	int64_t first, end, members;
};

struct grouped {
	struct source source;
	struct source *inner;
	struct grouping queries, keys;
	struct range *query_range, *key_range;
};

void grouping_release(struct grouping *grouping)
{
	free(grouping->group);
	*grouping = (struct grouping){ 0 };
}

static struct range *ranges_of(const struct grouping *grouping)
{
	struct range *range = mem_zero_array((size_t)grouping->count, sizeof *range);
	for (int64_t token = 0; range && token < grouping->tokens; token++) {
		int64_t group = grouping->group[token];
		if (group < 0)
			continue;
		if (range[group].members++ == 0)
			range[group].first = token;
		range[group].end = token + 1;
	}
	return range;
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
		return TILE_FULL;
	return inner->ops->coverage(inner, map, grouped->query_range[first].first, grouped->query_range[last].end - 1,
				    grouped->key_range[begin].first, grouped->key_range[end - 1].end);
}

/* A group sees a group where one of its queries sees one of the keys. */
static bool grouped_visible(const struct source *source, int64_t map, int64_t row, int64_t key)
{
	const struct grouped *grouped = grouped_of(source);
	const struct source *inner = grouped->inner;
	const struct range *queries = &grouped->query_range[row], *keys = &grouped->key_range[key];
	if (!inner->ops->visible)
		return true;
	for (int64_t i = queries->end; i-- > queries->first;)
		for (int64_t j = keys->first; j < keys->end && grouped->queries.group[i] == row; j++)
			if (grouped->keys.group[j] == key && inner->ops->visible(inner, map, i, j))
				return true;
	return false;
}

static int64_t grouped_support(const struct source *source, int64_t map, int64_t row)
{
	int64_t support = 0;
	for (int64_t key = 0; key < source->keys; key++)
		support += grouped_visible(source, map, row, key);
	return support;
}

static enum err grouped_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct grouped *grouped = grouped_of(source);
	const struct range *range = &grouped->query_range[row];
	double *weight = mem_array((size_t)grouped->inner->keys, sizeof *weight);
	enum err err = weight ? ERR_OK : err_nomem(info, "a row of weights");
	memset(score, 0, (size_t)source->keys * sizeof *score);
	for (int64_t query = range->first; !err && query < range->end; query++) {
		if (grouped->queries.group[query] != row)
			continue;
		err = reference_row(grouped->inner, map, query, weight, NULL, NULL, info);
		for (int64_t key = 0; !err && key < grouped->inner->keys; key++)
			if (grouped->keys.group[key] >= 0)
				score[grouped->keys.group[key]] += weight[key] / (double)range->members;
	}
	free(weight);
	return err;
}

static void grouped_free(struct source *source)
{
	struct grouped *grouped = (struct grouped *)source;
	source_free(grouped->inner);
	grouping_release(&grouped->queries);
	grouping_release(&grouped->keys);
	free(grouped->query_range);
	free(grouped->key_range);
	free(grouped);
}

static const struct source_ops grouped_ops = {
	.name = "grouped",
	.coverage = grouped_coverage,
	.support = grouped_support,
	.visible = grouped_visible,
	.score64 = grouped_score64,
	.free = grouped_free,
};

static bool keeps_all(const struct grouping *grouping)
{
	for (int64_t token = 0; token < grouping->tokens; token++)
		if (grouping->group[token] < 0)
			return false;
	return true;
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
	grouped->query_range = ranges_of(queries);
	grouped->key_range = ranges_of(keys);
	if (!grouped->query_range || !grouped->key_range) {
		free(grouped->query_range);
		free(grouped->key_range);
		free(grouped);
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
		.is_stochastic = inner->is_stochastic && keeps_all(keys),
		.is_causal = inner->is_causal,
		.is_square = inner->is_square && same_groups(queries, keys),
	};
	grouped->inner = inner;
	grouped->queries = *queries;
	grouped->keys = *keys;
	*queries = *keys = (struct grouping){ 0 };
	memcpy(grouped->source.note, inner->note, sizeof inner->note);
	if (*what)
		mechanism_note(grouped->source.note, sizeof grouped->source.note, "%s", what);
	*source = &grouped->source;
	return ERR_OK;
}
