/* SPDX-License-Identifier: MIT */
/* Heads that copy: mass on earlier copies of the query's token, and on what followed them. */
#include <math.h>
#include <stdlib.h>

#include "analysis/family.h"
#include "base/memory.h"

struct partial {
	struct row_values values;
	double copies[MAX_LANES], after[MAX_LANES]; /* of the row group at work */
};

/* Positions of each token, ascending; a token's positions lie together. */
struct patterns {
	struct family family;
	int64_t *position; /* [keys] */
	int64_t *place;    /* [keys]: where in `position` a position lies */
	int64_t *begin;    /* [keys]: where in `position` its token begins */
};

static const enum metric_id metrics[] = { METRIC_DUPLICATE, METRIC_INDUCTION, METRIC_COUNT };

/* The first of a token's positions from begin .. end - 1 on that is at least `least`. */
static int64_t lower_bound(const struct patterns *patterns, int64_t begin, int64_t end, int64_t least)
{
	while (begin < end) {
		int64_t middle = begin + (end - begin) / 2;
		if (patterns->position[middle] < least)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

/* Sum of the weights of a lane on the earlier copies of the token at `here`, each moved `shift` keys on. */
static double lane_sum(const struct patterns *patterns, const struct tile *tile, int lane, int64_t here, int64_t shift)
{
	double sum = 0;
	int64_t end = patterns->place[here], at = lower_bound(patterns, patterns->begin[here], end, tile->key - shift);
	for (; at < end && patterns->position[at] + shift < tile->key + tile->count; at++)
		sum += (double)tile->p[(patterns->position[at] + shift - tile->key) * tile->lanes + lane];
	return sum;
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct patterns *patterns = (const struct patterns *)sink;
	struct partial *partial = data;
	(void)lane0;
	for (int lane = 0; lane < tile->rows->count; lane++) {
		int64_t here = tile->rows->row[lane] + source_diagonal(item->source, item->map);
		if (here < 0 || here >= item->source->keys)
			continue;
		partial->copies[lane] += lane_sum(patterns, tile, lane, here, 0);
		partial->after[lane] += lane_sum(patterns, tile, lane, here, 1);
	}
}

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	const struct partial *partial = data;
	const double *mass = family->metric[m] == METRIC_DUPLICATE ? partial->copies : partial->after;
	int64_t here = at->row + source_diagonal(at->source, at->map);
	const struct map_extent extent = stats_extent(family->stats, at->map);
	bool placed = here >= extent.key_begin && here < extent.key_end;
	return placed ? mass[at->lane] / at->stats->sum : NAN;
}

static const struct sink_ops patterns_ops = {
	.name = "token patterns",
	.needs = SINK_TILES,
	.scan = scan,
	FAMILY_OPS,
};

struct placed {
	int64_t token, position;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	return x->token != y->token ? (x->token > y->token) - (x->token < y->token)
				    : (x->position > y->position) - (x->position < y->position);
}

static void index_tokens(struct patterns *patterns, const struct placed *placed, int64_t keys)
{
	for (int64_t i = 0, begin = 0; i < keys; i++) {
		begin = placed[i].token == placed[begin].token ? begin : i;
		patterns->position[i] = placed[i].position;
		patterns->place[placed[i].position] = i;
		patterns->begin[placed[i].position] = begin;
	}
}

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct patterns *patterns = (struct patterns *)family;
	size_t keys = (size_t)source->keys;
	const int64_t *token = stats_request_of(family->stats)->token;
	struct placed *placed = mem_array(keys, sizeof *placed);
	patterns->position = mem_array(keys, sizeof(int64_t));
	patterns->place = mem_array(keys, sizeof(int64_t));
	patterns->begin = mem_array(keys, sizeof(int64_t));
	if (!placed || !patterns->position || !patterns->place || !patterns->begin) {
		free(placed);
		return err_nomem(info, "the positions of tokens");
	}
	for (size_t i = 0; i < keys; i++)
		placed[i] = (struct placed){ token[i], (int64_t)i };
	qsort(placed, keys, sizeof *placed, compare_placed);
	index_tokens(patterns, placed, source->keys);
	free(placed);
	return ERR_OK;
}

static void release(struct family *family)
{
	struct patterns *patterns = (struct patterns *)family;
	free(patterns->position);
	free(patterns->place);
	free(patterns->begin);
}

const struct family_row family_patterns = {
	.metrics = metrics, .size = sizeof(struct patterns), .partial = sizeof(struct partial), .value = value, .ops = &patterns_ops, .init = init, .release = release,
};
