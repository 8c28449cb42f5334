/* Gini and the keys for a share of the mass: what needs all weights of a row in order. */
#include <math.h>
#include <string.h>

#include "analysis/family.h"
#include "analysis/order.h"

/* No more than 1/ORDER_LARGE weights can be large where a row sums to 1; the room above that is for rows that sum to a little
 * more. */
enum { LARGE_ROOM = 320 };

/* The row group at work. The large weights of a lane lie in one piece of LARGE_ROOM floats. */
struct partial {
	int64_t large[MAX_LANES]; /* how many */
	struct row_values values;
};

struct order_family {
	struct family family;
	struct order_bins bins;
};

static const enum metric_id metrics[] = { METRIC_GINI, METRIC_KEYS90, METRIC_KEYS95, METRIC_KEYS99, METRIC_COUNT };

static const struct order_family *order_of(const struct sink *sink)
{
	return (const struct order_family *)sink;
}

static size_t rounded(size_t size)
{
	return (size + 63) / 64 * 64;
}

static size_t bins_at(const struct kernels *kernels)
{
	return rounded(sizeof(struct partial)) + rounded(LARGE_ROOM * (size_t)kernels->lanes * sizeof(float));
}

static float *weights_of(const struct partial *partial)
{
	return (float *)((char *)partial + rounded(sizeof(struct partial)));
}

static uint32_t *bins_of(const struct kernels *kernels, const struct partial *partial)
{
	return (uint32_t *)((char *)partial + bins_at(kernels));
}

static size_t bins_size(const struct kernels *kernels)
{
	return (size_t)kernels->lanes * HISTOGRAM_BINS * sizeof(uint32_t);
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink, (void)source;
	return bins_at(kernels) + bins_size(kernels);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	(void)sink, (void)item;
	return sizeof(struct partial);
}

static void begin_group(const struct kernels *kernels, struct partial *partial)
{
	memset(partial->large, 0, sizeof partial->large);
	memset(bins_of(kernels, partial), 0, bins_size(kernels));
}

static void start(const struct sink *sink, const struct item *item, void *partial)
{
	(void)sink;
	begin_group(item->kernels, partial);
}

/* Weights of 2^-8 and more are rare in a long row: only lanes whose largest weight in the tile is one are looked through. */
static void keep_large(const struct tile *tile, struct partial *partial)
{
	_Alignas(64) float largest[MAX_LANES] = { 0 };
	tile->kernels->max_keys(tile->p, tile->count, largest);
	for (int lane = 0; lane < tile->rows->count; lane++) {
		float *to = weights_of(partial) + lane * LARGE_ROOM;
		for (int64_t k = 0; k < tile->count && largest[lane] >= ORDER_LARGE; k++) {
			float p = tile->p[k * tile->lanes + lane];
			if (p >= ORDER_LARGE && partial->large[lane] < LARGE_ROOM)
				to[partial->large[lane]++] = p;
		}
	}
}

/* Large and small are shares of a row's mass: a map whose rows do not sum to 1 is scaled first. */
static void scale_tile(const struct tile *tile, float *scaled)
{
	_Alignas(64) float factor[MAX_LANES] = { 0 };
	for (int lane = 0; lane < tile->rows->count; lane++)
		factor[lane] = tile->stats[lane].sum > 0 ? (float)(1 / tile->stats[lane].sum) : 0;
	memcpy(scaled, tile->p, (size_t)(tile->count * tile->lanes) * sizeof *scaled);
	tile->kernels->scale_block(scaled, tile->count, factor);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *given, void *data)
{
	struct partial *partial = data;
	_Alignas(64) float scaled[KEY_BLOCK * MAX_LANES];
	struct tile tile = *given;
	(void)sink, (void)item, (void)lane0;
	if (!given->source->is_stochastic) {
		scale_tile(given, scaled);
		tile.p = scaled;
	}
	tile.kernels->histogram(tile.p, tile.count, bins_of(tile.kernels, partial));
	keep_large(&tile, partial);
}

static double row_value(enum metric_id id, const struct order *order)
{
	switch (id) {
	case METRIC_GINI: return order_gini(order);
	case METRIC_KEYS90: return order_keys(order, 0.90);
	case METRIC_KEYS95: return order_keys(order, 0.95);
	case METRIC_KEYS99: return order_keys(order, 0.99);
	default: return NAN;
	}
}

static void finish_row(const struct order_family *family, const struct kernels *kernels, struct partial *partial, int lane,
		       int64_t position, const struct row_stats *stats)
{
	float *weight = weights_of(partial) + lane * LARGE_ROOM, scratch[LARGE_ROOM];
	order_sort(weight, scratch, partial->large[lane]);
	bool scaled = !stats_source_of(family->family.stats)->is_stochastic;
	struct order order = { .large = weight,
			       .large_count = partial->large[lane],
			       .sum = scaled ? 1 : stats->sum,
			       .support = stats->support,
			       .bins = &family->bins,
			       .count = bins_of(kernels, partial) + (int64_t)lane * HISTOGRAM_BINS };
	order_finish(&order);
	for (int m = 0; m < family->family.count; m++)
		partial->values.value[m][position] = row_value(family->family.metric[m], &order);
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct order_family *order = order_of(sink);
	struct partial *partial = data;
	(void)output, (void)output_width;
	for (int lane = 0; lane < group->count; lane++)
		if (row_values_begin(&order->family, &partial->values, lane0 + lane, &stats[lane]))
			finish_row(order, item->kernels, partial, lane, lane0 + lane, &stats[lane]);
	begin_group(item->kernels, partial);
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	row_values_merge((struct family *)sink, item, &((const struct partial *)data)->values);
}

static const struct sink_ops order_ops = {
	.name = "order",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.merged_size = merged_size,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = merge,
};

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	struct order_family *order = (struct order_family *)family;
	(void)info;
	if (source->keys <= ORDER_EXACT_KEYS)
		family->sink.ops = &order_exact_ops;
	order_bins_init(&order->bins);
	return ERR_OK;
}

const struct family_row family_order = {
	.metrics = metrics, .size = sizeof(struct order_family), .ops = &order_ops, .init = init
};
