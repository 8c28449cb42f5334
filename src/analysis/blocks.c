/* Block sparsity: how few blocks of the map hold almost all of its mass. A small picture of sums. */
#include <math.h>
#include <stdlib.h>

#include "analysis/family.h"
#include "analysis/pooled_map.h"
#include "base/memory.h"

struct blocks {
	struct family family;
	struct sink *picture;
};

static const enum metric_id metrics[] = { METRIC_BLOCKS95, METRIC_COUNT };

static struct sink *picture_of(const struct sink *sink)
{
	return ((const struct blocks *)sink)->picture;
}

static size_t partial_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	const struct sink *picture = picture_of(sink);
	return picture->ops->partial_size(picture, source, kernels);
}

static size_t merged_size(const struct sink *sink, const struct item *item)
{
	const struct sink *picture = picture_of(sink);
	return picture->ops->merged_size(picture, item);
}

static void start(const struct sink *sink, const struct item *item, void *partial)
{
	const struct sink *picture = picture_of(sink);
	picture->ops->start(picture, item, partial);
}

static void scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	const struct sink *picture = picture_of(sink);
	picture->ops->scan(picture, item, lane0, tile, partial);
}

static void merge(struct sink *sink, const struct item *item, const void *partial)
{
	struct sink *picture = picture_of(sink);
	picture->ops->merge(picture, item, partial);
}

static enum err map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info)
{
	struct sink *picture = picture_of(sink);
	return picture->ops->map_end(picture, source, map, index, info);
}

static int descending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;
	return (x < y) - (x > y);
}

static double fewest_blocks(const float *block, int64_t count, double share)
{
	double sum = 0, reached = 0;
	int64_t taken = 0;
	for (int64_t i = 0; i < count; i++)
		sum += (double)block[i];
	while (taken < count && reached < share * sum * (1 - 1e-9))
		reached += (double)block[taken++];
	return sum > 0 ? (double)taken / (double)count : NAN;
}

/* Blocks in which nothing is visible are no value, and do not count. */
static enum err count_blocks(void *data, const struct source *source, int64_t map, int64_t index, const float *cell,
			     int64_t height, int64_t width, struct err_info *info)
{
	struct blocks *blocks = data;
	float *block = mem_array((size_t)(height * width), sizeof *block);
	int64_t count = 0;
	(void)source, (void)map, (void)index;
	if (!block)
		return err_nomem(info, "the blocks");
	for (int64_t i = 0; i < height * width; i++)
		if (!isnan(cell[i]))
			block[count++] = cell[i];
	qsort(block, (size_t)count, sizeof *block, descending);
	stats_set_head(blocks->family.stats, METRIC_BLOCKS95, fewest_blocks(block, count, 0.95));
	free(block);
	return ERR_OK;
}

static const struct sink_ops blocks_ops = {
	.name = "blocks",
	.needs = SINK_TILES,
	.partial_size = partial_size,
	.merged_size = merged_size,
	.start = start,
	.scan = scan,
	.merge = merge,
	.map_end = map_end,
};

/* Blocks of 64 x 64, or of the next power of two with which no side has more than 2048 of them. */
static int64_t block_side(int64_t positions)
{
	enum { SMALLEST = 64, MOST = 2048 };
	int64_t side = SMALLEST;
	while ((positions + side - 1) / side > MOST)
		side *= 2;
	return side;
}

static enum err init(struct family *family, const struct source *source, struct err_info *info)
{
	int64_t rows = stats_request_of(family->stats)->row_count, keys = source->keys;
	int64_t side = block_side(rows > keys ? rows : keys);
	struct pooled_map_request request = {
		.row_count = rows,
		.key_end = keys,
		.height = (rows + side - 1) / side,
		.width = (keys + side - 1) / side,
		.pooling = POOLING_SUM,
		.emit = count_blocks,
		.emit_data = family,
	};
	return pooled_map_new(&request, &((struct blocks *)family)->picture, info);
}

static void release(struct family *family)
{
	pooled_map_free(((struct blocks *)family)->picture);
}

const struct family_row family_blocks = {
	.metrics = metrics, .size = sizeof(struct blocks), .ops = &blocks_ops, .init = init, .release = release,
};
