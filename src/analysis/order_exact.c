/* SPDX-License-Identifier: MIT */
/* Order statistics of rows that are sorted: all weights of a row group are kept, as columns, and sorted together. */
#include <math.h>
#include <string.h>

#include "analysis/family.h"
#include "analysis/order.h"

/* The row group at work. The running sums follow, then the weights as [key][lanes], with room for a power of two of them. */
struct partial {
	int64_t filled;
	struct row_values values;
};

/* Sums of a sorted row group over its first 0, 1, 2 .. blocks of KEY_BLOCK keys, and sums of weight * position (from 0). */
struct running {
	int64_t blocks;
	double moment[MAX_LANES];
	double sum[][MAX_LANES];
};

static int64_t power_of_two(int64_t count)
{
	int64_t power = SORT_ROOM;
	while (power < count)
		power *= 2;
	return power;
}

static size_t rounded(size_t size)
{
	return (size + 63) / 64 * 64;
}

static struct running *running_of(struct partial *partial)
{
	return (struct running *)((char *)partial + rounded(sizeof(struct partial)));
}

static size_t columns_at(int64_t keys)
{
	size_t blocks = (size_t)((keys + KEY_BLOCK - 1) / KEY_BLOCK);
	return rounded(sizeof(struct partial)) + rounded(sizeof(struct running) + (blocks + 1) * MAX_LANES * sizeof(double));
}

static float *columns_of(struct partial *partial, int64_t keys)
{
	return (float *)((char *)partial + columns_at(keys));
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink;
	return columns_at(source->keys) + (size_t)(power_of_two(source->keys) * kernels->lanes) * sizeof(float);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	(void)sink, (void)item;
	return sizeof(struct partial);
}

static void start(const struct sink *sink, const struct item *item, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)item;
	partial->filled = 0;
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *data)
{
	struct partial *partial = data;
	(void)sink, (void)lane0;
	memcpy(columns_of(partial, item->source->keys) + partial->filled * tile->lanes, tile->p, (size_t)(tile->count * tile->lanes) * sizeof(float));
	partial->filled += tile->count;
}

static void sort_group(const struct kernels *kernels, struct partial *partial, float *columns, struct running *running)
{
	int64_t count = partial->filled, lanes = kernels->lanes;
	kernels->sort_keys(columns, count);
	memset(running->sum[0], 0, sizeof running->sum[0]);
	memset(running->moment, 0, sizeof running->moment);
	running->blocks = 0;
	for (int64_t key = 0; key < count; key += KEY_BLOCK) {
		double *sum = running->sum[++running->blocks];
		memcpy(sum, running->sum[running->blocks - 1], sizeof running->sum[0]);
		kernels->rank_sums(columns + key * lanes, count - key < KEY_BLOCK ? count - key : KEY_BLOCK, key, sum,
				   running->moment);
	}
}

/* With positions k from 0 in descending order: sum (n - 1 - 2 k) x_k / (n sum x). */
static double gini(const struct running *running, int lane, int64_t support)
{
	double n = (double)support, sum = running->sum[running->blocks][lane];
	return support < 2 || !(sum > 0) ? NAN : ((n - 1) * sum - 2 * running->moment[lane]) / (n * sum);
}

/* The block in which the running sum passes the share is walked key by key. */
static double keys_for(const struct running *running, const float *columns, int lanes, int lane, double share)
{
	double need = share * running->sum[running->blocks][lane] * (1 - ORDER_SLACK);
	int64_t block = 0;
	while (block + 1 < running->blocks && running->sum[block + 1][lane] < need)
		block++;
	double sum = running->sum[block][lane];
	int64_t key = block * KEY_BLOCK, end = key + KEY_BLOCK;
	while (key < end && sum < need)
		sum += (double)columns[key++ * lanes + lane];
	return (double)key;
}

static double row_value(enum metric_id id, const struct running *running, const float *columns, int lanes, int lane,
			int64_t support)
{
	switch (id) {
	case METRIC_GINI: return gini(running, lane, support);
	case METRIC_KEYS90: return keys_for(running, columns, lanes, lane, 0.90);
	case METRIC_KEYS95: return keys_for(running, columns, lanes, lane, 0.95);
	case METRIC_KEYS99: return keys_for(running, columns, lanes, lane, 0.99);
	default: return NAN;
	}
}

static void rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *group,
		 const struct row_stats *stats, const float *output, int64_t output_width, void *data)
{
	const struct family *family = (const struct family *)sink;
	struct partial *partial = data;
	struct running *running = running_of(partial);
	float *columns = columns_of(partial, item->source->keys);
	(void)output, (void)output_width;
	sort_group(item->kernels, partial, columns, running);
	for (int lane = 0; lane < group->count; lane++) {
		if (!row_values_begin(family, &partial->values, lane0 + lane, &stats[lane]))
			continue;
		for (int m = 0; m < family->count; m++)
			partial->values.value[m][lane0 + lane] = row_value(family->metric[m], running, columns, item->kernels->lanes, lane, stats[lane].support);
	}
	partial->filled = 0;
}

static void merge(struct sink *sink, const struct item *item, const void *data)
{
	row_values_merge((struct family *)sink, item, &((const struct partial *)data)->values);
}

const struct sink_ops order_exact_ops = {
	.name = "order of sorted rows",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.merged_size = merged_size,
	.start = start,
	.scan = scan,
	.rows = rows,
	.merge = merge,
};

/* Sorting a few of a map's rows once more: a family whose merge keeps the values in place of adding them. */
struct again {
	struct family family;
	struct sink_ops ops;
	double *value;
};

static void merge_again(struct sink *sink, const struct item *item, const void *data)
{
	struct again *again = (struct again *)sink;
	const struct row_values *values = &((const struct partial *)data)->values;
	for (int64_t i = 0; i < item->count; i++)
		for (int m = 0; m < again->family.count; m++)
			again->value[(item->position + i) * again->family.count + m] = values->value[m][i];
}

enum err order_sort_rows(const struct family *family, const struct source *source, int64_t map, const int64_t *row, int64_t count, double *value,
			 struct err_info *info)
{
	struct again again = { .family = *family, .ops = order_exact_ops, .value = value };
	struct sink *sink = &again.family.sink;
	const struct driver_options options = {
		.maps = &map, .map_count = 1, .rows = row, .row_count = count, .threads = stats_request_of(family->stats)->threads,
	};
	again.ops.merge = merge_again;
	again.family.sink.ops = &again.ops;
	return driver_run(source, &sink, 1, &options, info);
}
