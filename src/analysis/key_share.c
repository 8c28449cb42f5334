/* SPDX-License-Identifier: MIT */
#include "analysis/key_share.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct key_shares {
	struct sink sink;
	struct key_share *top;
	int64_t keys;
	double *mass; /* [keys], of the map that is being merged */
};

/* Sums over the queries of an item, for keys up to `end`; what lies beyond is undefined. */
struct partial {
	int64_t end;
	double mass[];
};

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)kernels;
	return sizeof(struct partial) + (size_t)source->keys * sizeof(double);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)item;
	partial->end = 0;
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct partial *partial = data;
	int64_t end = tile->key + tile->count;
	(void)sink, (void)item, (void)lane0;
	if (end > partial->end) {
		memset(partial->mass + partial->end, 0, (size_t)(end - partial->end) * sizeof *partial->mass);
		partial->end = end;
	}
	tile->kernels->sum_lanes(tile->p, tile->count, partial->mass + tile->key);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct key_shares *shares = (struct key_shares *)sink;
	const struct partial *partial = data;
	if (item->number == 0)
		memset(shares->mass, 0, (size_t)shares->keys * sizeof *shares->mass);
	for (int64_t key = 0; key < partial->end; key++)
		shares->mass[key] += partial->mass[key];
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct key_shares *shares = (struct key_shares *)sink;
	double total = 0;
	int64_t top = 0;
	(void)source, (void)map, (void)info;
	for (int64_t key = 0; key < shares->keys; key++) {
		total += shares->mass[key];
		if (shares->mass[key] > shares->mass[top])
			top = key;
	}
	shares->top[index] = total > 0 ? (struct key_share){ top, shares->mass[top] / total } : (struct key_share){ -1, 0 };
	return ERR_OK;
}

static const struct sink_ops key_share_ops = {
	.name = "key shares",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.start = start,
	.scan = scan,
	.merge = merge,
	.map_end = map_end,
};

enum err key_share_new(int64_t keys, struct key_share *top, struct sink **sink, struct err_info *info)
{
	struct key_shares *shares = mem_zero_array(1, sizeof *shares);
	*sink = NULL;
	if (shares)
		*shares = (struct key_shares){ .sink = { &key_share_ops }, .top = top, .keys = keys, .mass = mem_zero_array((size_t)keys, sizeof(double)) };
	if (!shares || !shares->mass) {
		free(shares);
		return err_nomem(info, "the weight on the keys");
	}
	*sink = &shares->sink;
	return ERR_OK;
}

void key_share_free(struct sink *sink)
{
	struct key_shares *shares = (struct key_shares *)sink;
	if (shares)
		free(shares->mass);
	free(shares);
}
