/* Mass inside ranges of keys, and the mean distance: sums along the keys of a row. */
#include <math.h>

#include "analysis/family.h"

/* Keys begin .. end - 1 of a row; both grow with the row. Outside 0 .. keys where the row has no such key. */
struct range {
	int64_t begin, end;
};

/* Sums of the row group at work. */
struct partial {
	struct row_values values;
	double sum[FAMILY_METRICS][MAX_LANES];
};

static const enum metric_id metrics[] = {
	METRIC_SINK1, METRIC_SINK4, METRIC_NAMED, METRIC_DIAGONAL, METRIC_PREVIOUS, METRIC_NEXT, METRIC_LOCAL, METRIC_DIAGONALITY,
	METRIC_DISTANCE, METRIC_COUNT,
};

/* |key / keys - row / queries| <= width */
static struct range near_diagonal(const struct source *source, int64_t row, double width)
{
	double centre = (double)row / (double)source->queries, keys = (double)source->keys, slack = 1e-9;
	return (struct range){ (int64_t)ceil((centre - width) * keys - slack),
			       (int64_t)floor((centre + width) * keys + slack) + 1 };
}

static struct range range_of(enum metric_id id, const struct source *source, int64_t row,
			     const struct stats_parameters *parameters)
{
	int64_t here = row + source->diagonal;
	switch (id) {
	case METRIC_SINK1: return (struct range){ 0, 1 };
	case METRIC_SINK4: return (struct range){ 0, 4 };
	case METRIC_DIAGONAL: return (struct range){ here, here + 1 };
	case METRIC_PREVIOUS: return (struct range){ here - 1, here };
	case METRIC_NEXT: return (struct range){ here + 1, here + 2 };
	case METRIC_LOCAL: return (struct range){ here - parameters->band, here + parameters->band + 1 };
	case METRIC_DIAGONALITY: return near_diagonal(source, row, parameters->diagonality);
	default: return (struct range){ 0, 0 };
	}
}

/* Add what a tile holds of keys begin .. end - 1 of one lane. */
static double lane_sum(const struct tile *tile, int lane, int64_t begin, int64_t end)
{
	double sum = 0;
	begin = begin > tile->key ? begin - tile->key : 0;
	end = end < tile->key + tile->count ? end - tile->key : tile->count;
	for (int64_t k = begin; k < end; k++)
		sum += (double)tile->p[k * tile->lanes + lane];
	return sum;
}

static void add_keys(const struct tile *tile, int64_t first, int64_t count, double *sum)
{
	_Alignas(64) float keys[MAX_LANES] = { 0 };
	tile->kernels->sum_keys(tile->p + first * tile->lanes, count, keys);
	for (int lane = 0; lane < tile->rows->count; lane++)
		sum[lane] += (double)keys[lane];
}

static void add_range(enum metric_id id, const struct tile *tile, const struct stats_parameters *parameters, double *sum)
{
	const struct row_group *rows = tile->rows;
	struct range first = range_of(id, tile->source, rows->row[0], parameters);
	struct range last = range_of(id, tile->source, rows->row[rows->count - 1], parameters);
	int64_t end = tile->key + tile->count;
	if (first.begin >= end || last.end <= tile->key)
		return;
	if (last.begin <= tile->key && first.end >= end) {
		add_keys(tile, 0, tile->count, sum);
		return;
	}
	for (int lane = 0; lane < rows->count; lane++) {
		struct range range = range_of(id, tile->source, rows->row[lane], parameters);
		sum[lane] += lane_sum(tile, lane, range.begin, range.end);
	}
}

static void add_named(const struct stats_request *request, const struct tile *tile, double *sum)
{
	for (int64_t i = 0; i < request->named_count; i++)
		if (request->named[i] >= tile->key && request->named[i] < tile->key + tile->count)
			add_keys(tile, request->named[i] - tile->key, 1, sum);
}

/* Positions less that of the first row, which float32 holds exactly. */
static void add_distance(const struct tile *tile, double *sum)
{
	_Alignas(64) float position[MAX_LANES] = { 0 }, distance[MAX_LANES] = { 0 };
	int64_t origin = tile->rows->row[0];
	for (int lane = 0; lane < tile->rows->count; lane++)
		position[lane] = (float)(tile->rows->row[lane] - origin);
	tile->kernels->distance_keys(tile->p, tile->count, (float)(tile->key - tile->source->diagonal - origin), position,
				     distance);
	for (int lane = 0; lane < tile->rows->count; lane++)
		sum[lane] += (double)distance[lane];
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct family *family = (const struct family *)sink;
	const struct stats_request *request = stats_request_of(family->stats);
	struct partial *partial = data;
	(void)item, (void)lane0;
	for (int m = 0; m < family->count; m++) {
		if (family->metric[m] == METRIC_DISTANCE)
			add_distance(tile, partial->sum[m]);
		else if (family->metric[m] == METRIC_NAMED)
			add_named(request, tile, partial->sum[m]);
		else
			add_range(family->metric[m], tile, &request->parameters, partial->sum[m]);
	}
}

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	double sum = ((const struct partial *)data)->sum[m][at->lane];
	enum metric_id id = family->metric[m];
	if (id == METRIC_DISTANCE)
		return sum / at->stats->sum;
	if (id == METRIC_NAMED)
		return sum;
	struct range range = range_of(id, at->source, at->row, &stats_request_of(family->stats)->parameters);
	bool single = range.end == range.begin + 1;
	return single && (range.begin < 0 || range.begin >= at->source->keys) ? NAN : sum;
}

static const struct sink_ops ranges_ops = {
	.name = "ranges of keys",
	.needs = SINK_TILES,
	.scan = scan,
	FAMILY_OPS,
};

const struct family_row family_ranges = { .metrics = metrics, .size = sizeof(struct family), .partial = sizeof(struct partial), .value = value, .ops = &ranges_ops };
