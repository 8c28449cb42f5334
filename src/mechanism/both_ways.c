/* SPDX-License-Identifier: MIT */
#include "mechanism/both_ways.h"

#include <stdlib.h>

#include "base/memory.h"
#include "mechanism/mechanism.h"

struct both_ways {
	struct source source;
	struct source *forward, *backward; /* owned */
};

static enum err both_score64(const struct source *source, int64_t map, int64_t row, double *score, struct err_info *info)
{
	const struct both_ways *both = (const struct both_ways *)source;
	int64_t keys = source->keys;
	double *turned = mem_array((size_t)keys, sizeof *turned);
	enum err err = turned ? ERR_OK : err_nomem(info, "a row of weights");
	if (!err)
		err = both->forward->ops->score64(both->forward, map, row, score, info);
	if (!err)
		err = both->backward->ops->score64(both->backward, map, source->queries - 1 - row, turned, info);
	for (int64_t key = 0; !err && key < keys; key++)
		score[key] += turned[keys - 1 - key];
	free(turned);
	return err;
}

static void both_free(struct source *source)
{
	struct both_ways *both = (struct both_ways *)source;
	source_free(both->forward);
	source_free(both->backward);
	free(both);
}

static const struct source_ops both_ops = { .name = "both-ways", .score64 = both_score64, .free = both_free };

enum err both_ways_source_new(struct source *forward, struct source *backward, struct source **source, struct err_info *info)
{
	if (forward->layers != backward->layers || forward->batches != backward->batches || forward->heads != backward->heads ||
	    forward->queries != backward->queries || forward->keys != backward->keys)
		return err_set(info, ERR_SHAPE, "the two directions differ (%lld and %lld tokens, %lld and %lld channels): their tensors must have the same shapes",
			       (long long)forward->keys, (long long)backward->keys, (long long)forward->heads, (long long)backward->heads);
	struct both_ways *both = mem_zero_array(1, sizeof *both);
	if (!both)
		return err_nomem(info, "the two directions");
	both->forward = forward;
	both->backward = backward;
	both->source = *forward;
	both->source.ops = &both_ops;
	both->source.is_causal = false;
	both->source.values = NULL;
	both->source.without_values = forward->values ? "the output of both directions is not weights times one set of values" : forward->without_values;
	mechanism_note(both->source.note, sizeof both->source.note, "both directions added");
	*source = &both->source;
	return ERR_OK;
}
