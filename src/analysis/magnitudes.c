/* SPDX-License-Identifier: MIT */
/* Signed maps: the largest weight, and sums of absolute weights. Where no weight is negative the first pass knows them. */
#include <math.h>

#include "analysis/family.h"

/* Of the row group at work. Hidden keys have a weight of 0, so the largest is found among what is not 0. */
struct partial {
	struct row_values values;
	double size[MAX_LANES]; /* sum |w| */
	int64_t nonzero[MAX_LANES];
	float largest[MAX_LANES]; /* of the nonzero, where there are any */
};

static const enum metric_id metrics[] = { METRIC_MAX, METRIC_ABS_SUM, METRIC_NEGATIVE, METRIC_COUNT };

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct partial *partial = data;
	float size[MAX_LANES] = { 0 };
	(void)sink, (void)item, (void)lane0;
	for (int64_t k = 0; k < tile->count; k++)
		for (int lane = 0; lane < tile->rows->count; lane++) {
			float p = tile->p[k * tile->lanes + lane];
			size[lane] += fabsf(p);
			if (p == 0)
				continue;
			if (partial->nonzero[lane]++ == 0 || p > partial->largest[lane])
				partial->largest[lane] = p;
		}
	for (int lane = 0; lane < tile->rows->count; lane++)
		partial->size[lane] += (double)size[lane];
}

/* A key that is seen, and has a weight of 0, may be the largest. */
static double largest(const struct partial *partial, const struct family_lane *at)
{
	double found = partial->nonzero[at->lane] ? (double)partial->largest[at->lane] : 0;
	return partial->nonzero[at->lane] < at->stats->support ? fmax(found, 0) : found;
}

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	double size = at->source->is_signed ? ((const struct partial *)data)->size[at->lane] : at->stats->sum;
	if (family->metric[m] == METRIC_MAX)
		return largest(data, at);
	if (family->metric[m] == METRIC_ABS_SUM)
		return size;
	/* The negative part is half of what the sum falls short of the sum of sizes. */
	return size > 0 ? fmax(0, (size - at->stats->sum) / (2 * size)) : NAN;
}

static const struct sink_ops signed_ops = {
	.name = "magnitudes",
	.needs = SINK_TILES,
	.scan = scan,
	FAMILY_OPS,
};

static const struct sink_ops unsigned_ops = {
	.name = "magnitudes of what is not negative",
	FAMILY_OPS,
};

static bool takes(const struct source *source, enum metric_id id)
{
	return id != METRIC_MAX || source->is_signed;
}

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	(void)info;
	family->sink.ops = source->is_signed ? &signed_ops : &unsigned_ops;
	return ERR_OK;
}

const struct family_row family_magnitudes = {
	.metrics = metrics,
	.size = sizeof(struct family),
	.partial = sizeof(struct partial),
	.value = value,
	.ops = &unsigned_ops,
	.takes = takes,
	.init = init,
};
