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

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group, const struct row_stats *stats,
		 const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	const struct stats_parameters *parameters = &stats_request_of(family->stats)->parameters;
	struct partial *partial = data;
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++) {
		bool patch = group->row[lane] >= prefix_of(parameters, item->source->queries);
		if (!row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]))
			continue;
		for (int m = 0; m < family->count; m++) {
			double whole = family->metric[m] == METRIC_GRID_DISTANCE ? 1 : partial->mass[lane];
			partial->values.value[m][lane0 + lane] =
				patch && whole > 0 ? parameters->patch_size * partial->distance[lane] / whole : NAN;
		}
	}
	family_start(sink, item, partial);
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
	.partial_size = family_partial_size,
	.start = family_start,
	.scan = scan,
	.rows = rows,
	.merge = family_merge,
};

const struct family_row family_grid = { .metrics = metrics, .size = sizeof(struct family), .partial = sizeof(struct partial), .ops = &grid_ops, .init = init };
