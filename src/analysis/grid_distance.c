/* SPDX-License-Identifier: MIT */
/* Attention distance of vision transformers: how far apart, in the picture, a patch and what it attends to lie. */
#include <math.h>

#include "analysis/family.h"

static const enum metric_id metrics[] = { METRIC_GRID_DISTANCE, METRIC_GRID_DISTANCE_PATCHES, METRIC_COUNT };

/* Sums of the row group at work, over the patches among the keys. */
struct partial {
	struct row_values values;
	double distance[MAX_LANES], mass[MAX_LANES];
};

/* The patches are the last positions; what comes before them is a prefix ([CLS], registers). */
static int64_t prefix_of(const struct stats_parameters *parameters, int64_t positions)
{
	return positions - parameters->grid_height * parameters->grid_width;
}

static double grid_distance(const struct stats_parameters *parameters, int64_t a, int64_t b)
{
	int64_t width = parameters->grid_width;
	return hypot((double)(a / width - b / width), (double)(a % width - b % width));
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct family *family = (const struct family *)sink;
	const struct stats_parameters *parameters = &stats_request_of(family->stats)->parameters;
	int64_t prefix = prefix_of(parameters, tile->source->keys);
	struct partial *partial = data;
	(void)item, (void)lane0;
	for (int64_t k = tile->key < prefix ? prefix - tile->key : 0; k < tile->count; k++)
		for (int lane = 0; lane < tile->rows->count; lane++) {
			int64_t patch = tile->rows->row[lane] - prefix_of(parameters, tile->source->queries);
			double p = (double)tile->p[k * tile->lanes + lane];
			if (patch < 0)
				continue;
			partial->mass[lane] += p;
			partial->distance[lane] += p * grid_distance(parameters, patch, tile->key + k - prefix);
		}
}

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	const struct stats_parameters *parameters = &stats_request_of(family->stats)->parameters;
	const struct partial *partial = data;
	bool patch = at->row >= prefix_of(parameters, at->source->queries);
	double whole = family->metric[m] == METRIC_GRID_DISTANCE ? 1 : partial->mass[at->lane];
	return patch && whole > 0 ? parameters->patch_size * partial->distance[at->lane] / whole : NAN;
}

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	const struct stats_parameters *parameters = &stats_request_of(family->stats)->parameters;
	int64_t patches = parameters->grid_height * parameters->grid_width;
	if (patches > source->queries || patches > source->keys)
		return err_set(info, ERR_SHAPE, "a grid of %lld x %lld has %lld patches, but there are %lld queries and %lld keys",
			       (long long)parameters->grid_height, (long long)parameters->grid_width, (long long)patches, (long long)source->queries,
			       (long long)source->keys);
	return ERR_OK;
}

static const struct sink_ops grid_ops = {
	.name = "distances on a grid",
	.needs = SINK_TILES,
	.scan = scan,
	FAMILY_OPS,
};

const struct family_row family_grid = { .metrics = metrics, .size = sizeof(struct family), .partial = sizeof(struct partial), .value = value, .ops = &grid_ops, .init = init };
