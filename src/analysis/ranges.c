/* SPDX-License-Identifier: MIT */
/* Mass inside ranges of keys, and the mean distance: sums along the keys of a row. */
#include <math.h>
#include <string.h>

#include "analysis/family.h"

/* Keys begin .. end - 1 of a row. Outside 0 .. keys where the row has no such key. */
struct range {
	int64_t begin, end;
};

/* Sums of the row group at work, and the first key that each of its rows sees: those are known once the first tile is there. */
struct partial {
	struct row_values values;
	bool begun;
	int64_t first[MAX_LANES], least, most;
	double sum[FAMILY_METRICS][MAX_LANES];
};

struct ranges {
	struct family family;
	bool wants_first, wants_extent;
	double sink; /* sum over the rows of the map so far of what sink_rate is the mean of */
	int64_t rows;
};

/* What the ranges of a map's rows depend on. */
struct setting {
	const struct stats_parameters *parameters;
	int64_t diagonal;
	struct map_extent extent;
};

static const enum metric_id metrics[] = {
	METRIC_SINK1, METRIC_SINK4, METRIC_SINK_RATE, METRIC_NAMED, METRIC_DIAGONAL, METRIC_PREVIOUS, METRIC_NEXT, METRIC_LOCAL,
	METRIC_DIAGONALITY, METRIC_DISTANCE, METRIC_COUNT,
};

static bool is_first(enum metric_id id)
{
	return id == METRIC_SINK1 || id == METRIC_SINK4 || id == METRIC_SINK_RATE;
}

static bool is_one_key(enum metric_id id)
{
	return id == METRIC_DIAGONAL || id == METRIC_PREVIOUS || id == METRIC_NEXT;
}

static struct setting setting_of(const struct family *family, const struct source *source, int64_t map)
{
	struct setting setting = { .parameters = &stats_request_of(family->stats)->parameters, .diagonal = source_diagonal(source, map) };
	if (((const struct ranges *)family)->wants_extent)
		setting.extent = stats_extent(family->stats, map);
	return setting;
}

/* |key / keys - row / queries| <= width, both counted from where the item begins. */
static struct range near_diagonal(const struct map_extent *extent, int64_t row, double width)
{
	double centre = (double)(row - extent->row_begin) / (double)(extent->row_end - extent->row_begin);
	double keys = (double)(extent->key_end - extent->key_begin), slack = 1e-9;
	return (struct range){ extent->key_begin + (int64_t)ceil((centre - width) * keys - slack),
			       extent->key_begin + (int64_t)floor((centre + width) * keys + slack) + 1 };
}

/* Both ends grow with the row, but for those that begin at the first key that the row sees. */
static struct range range_of(enum metric_id id, const struct setting *setting, int64_t row, int64_t first)
{
	int64_t here = row + setting->diagonal, band = setting->parameters->band;
	switch (id) {
	case METRIC_SINK1:
	case METRIC_SINK_RATE: return (struct range){ first, first + 1 };
	case METRIC_SINK4: return (struct range){ first, first + 4 };
	case METRIC_DIAGONAL: return (struct range){ here, here + 1 };
	case METRIC_PREVIOUS: return (struct range){ here - 1, here };
	case METRIC_NEXT: return (struct range){ here + 1, here + 2 };
	case METRIC_LOCAL: return (struct range){ here - band, here + band + 1 };
	case METRIC_DIAGONALITY: return near_diagonal(&setting->extent, row, setting->parameters->diagonality);
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

static void add_range(enum metric_id id, const struct tile *tile, const struct setting *setting, const struct partial *partial, double *sum)
{
	const struct row_group *rows = tile->rows;
	struct range first = range_of(id, setting, rows->row[0], partial->least);
	struct range last = range_of(id, setting, rows->row[rows->count - 1], partial->most);
	int64_t end = tile->key + tile->count;
	if (first.begin >= end || last.end <= tile->key)
		return;
	if (last.begin <= tile->key && first.end >= end) {
		add_keys(tile, 0, tile->count, sum);
		return;
	}
	for (int lane = 0; lane < rows->count; lane++) {
		struct range range = range_of(id, setting, rows->row[lane], partial->first[lane]);
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
static void add_distance(const struct tile *tile, int64_t diagonal, double *sum)
{
	_Alignas(64) float position[MAX_LANES] = { 0 }, distance[MAX_LANES] = { 0 };
	int64_t origin = tile->rows->row[0];
	for (int lane = 0; lane < tile->rows->count; lane++)
		position[lane] = (float)(tile->rows->row[lane] - origin);
	tile->kernels->distance_keys(tile->p, tile->count, (float)(tile->key - diagonal - origin), position, distance);
	for (int lane = 0; lane < tile->rows->count; lane++)
		sum[lane] += (double)distance[lane];
}

/* Rows that see nothing are left out later: any key will do for them. */
static void find_first(const struct tile *tile, struct partial *partial)
{
	const struct row_group *rows = tile->rows;
	partial->begun = true;
	for (int lane = 0; lane < rows->count; lane++) {
		int64_t end;
		if (!source_span(tile->source, rows->map, rows->row[lane], &partial->first[lane], &end))
			partial->first[lane] = tile->key;
		partial->least = lane && partial->least < partial->first[lane] ? partial->least : partial->first[lane];
		partial->most = lane && partial->most > partial->first[lane] ? partial->most : partial->first[lane];
	}
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	const struct family *family = (const struct family *)sink;
	const struct setting setting = setting_of(family, tile->source, tile->rows->map);
	struct partial *partial = data;
	(void)item, (void)lane0;
	if (((const struct ranges *)sink)->wants_first && !partial->begun)
		find_first(tile, partial);
	for (int m = 0; m < family->count; m++) {
		if (family->metric[m] == METRIC_DISTANCE)
			add_distance(tile, setting.diagonal, partial->sum[m]);
		else if (family->metric[m] == METRIC_NAMED)
			add_named(stats_request_of(family->stats), tile, partial->sum[m]);
		else
			add_range(family->metric[m], tile, &setting, partial, partial->sum[m]);
	}
}

static double value(const struct family *family, int m, const struct family_lane *at, const void *data)
{
	double sum = ((const struct partial *)data)->sum[m][at->lane];
	enum metric_id id = family->metric[m];
	if (id == METRIC_DISTANCE)
		return sum / at->stats->sum;
	if (!is_one_key(id))
		return sum;
	struct setting setting = setting_of(family, at->source, at->map);
	int64_t key = range_of(id, &setting, at->row, 0).begin;
	return key < setting.extent.key_begin || key >= setting.extent.key_end ? NAN : sum;
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	struct ranges *ranges = (struct ranges *)sink;
	const struct row_values *values = data;
	int rate = family_slot(&ranges->family, METRIC_SINK_RATE);
	family_merge(sink, item, data);
	for (int64_t i = 0; i < item->count && rate >= 0; i++) {
		if (isnan(values->value[rate][i]))
			continue;
		ranges->sink += values->value[rate][i];
		ranges->rows++;
	}
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct ranges *ranges = (struct ranges *)sink;
	struct stats *stats = ranges->family.stats;
	double epsilon = stats_request_of(stats)->parameters.sink_epsilon;
	(void)source, (void)map, (void)index, (void)info;
	stats_set_head(stats, METRIC_SINK_RATE, ranges->rows ? ranges->sink / (double)ranges->rows > epsilon : NAN);
	ranges->sink = 0;
	ranges->rows = 0;
	return ERR_OK;
}

static const struct sink_ops ranges_ops = {
	.name = "ranges of keys",
	.needs = SINK_TILES,
	.partial_size = family_partial_size,
	.start = family_start,
	.scan = scan,
	.rows = family_rows,
	.merge = merge,
	.map_end = map_end,
};

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct ranges *ranges = (struct ranges *)family;
	(void)source, (void)info;
	for (int m = 0; m < family->count; m++) {
		ranges->wants_first |= is_first(family->metric[m]);
		ranges->wants_extent |= is_one_key(family->metric[m]) || family->metric[m] == METRIC_DIAGONALITY;
	}
	return ERR_OK;
}

const struct family_row family_ranges = {
	.metrics = metrics, .size = sizeof(struct ranges), .partial = sizeof(struct partial), .value = value, .ops = &ranges_ops, .init = init,
};
