/* SPDX-License-Identifier: MIT */
#include "mechanism/block_mask.h"

#include <stdlib.h>

#include "base/memory.h"

static int64_t blocks(int64_t tokens, int64_t block)
{
	return tokens / block + (tokens % block != 0);
}

enum err block_mask_init(struct block_mask *mask, int64_t layers, int64_t heads, int64_t block, int64_t queries, int64_t keys, struct err_info *info)
{
	*mask = (struct block_mask){
		.layers = layers, .heads = heads, .rows = blocks(queries, block), .columns = blocks(keys, block),
		.block = block, .queries = queries, .keys = keys,
	};
	mask->begin = mem_zero_array((size_t)(layers * heads * mask->rows + 1), sizeof *mask->begin);
	return mask->begin ? ERR_OK : err_nomem(info, "the block mask");
}

enum err block_mask_add_row(struct block_mask *mask, int64_t number, const int32_t *times, struct err_info *info)
{
	int64_t used = mask->begin[number];
	size_t capacity = (size_t)mask->capacity;
	void *grown = mask->entry;
	if (!mem_grow(&grown, &capacity, (size_t)(used + mask->columns), sizeof *mask->entry))
		return err_nomem(info, "the block mask");
	mask->entry = grown;
	mask->capacity = (int64_t)capacity;
	for (int64_t column = 0; column < mask->columns; column++)
		if (times[column] > 0)
			mask->entry[used++] = (struct block_entry){ (int32_t)column, times[column] };
	mask->begin[number + 1] = used;
	return ERR_OK;
}

void block_mask_release(struct block_mask *mask)
{
	free(mask->entry);
	free(mask->begin);
	*mask = (struct block_mask){ 0 };
}

/* The entries of a block row at and after a column. */
struct span {
	const struct block_entry *at, *end;
};

static struct span span_from(const struct block_mask *mask, int64_t layer, int64_t head, int64_t block_row, int64_t column)
{
	int64_t l = mask->layers > 1 ? layer : 0, h = mask->heads > 1 ? head : 0;
	const int64_t *begin = mask->begin + (l * mask->heads + h) * mask->rows + block_row;
	int64_t low = begin[0], high = begin[1];
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		if (mask->entry[middle].column < column)
			low = middle + 1;
		else
			high = middle;
	}
	return (struct span){ mask->entry + low, mask->entry + begin[1] };
}

int32_t block_mask_times(const struct block_mask *mask, int64_t layer, int64_t head, int64_t row, int64_t key)
{
	struct span span = span_from(mask, layer, head, row / mask->block, key / mask->block);
	return span.at < span.end && span.at->column == key / mask->block ? span.at->times : 0;
}

enum coverage block_mask_coverage(const struct block_mask *mask, int64_t layer, int64_t head, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	int64_t from = begin / mask->block, to = (end - 1) / mask->block;
	bool any = false, all = true;
	for (int64_t row = first / mask->block; row <= last / mask->block; row++) {
		int64_t once = 0;
		for (struct span span = span_from(mask, layer, head, row, from); span.at < span.end && span.at->column <= to; span.at++) {
			any = true;
			once += span.at->times == 1;
		}
		all = all && once == to - from + 1;
	}
	return !any ? TILE_EMPTY : all ? TILE_FULL : TILE_PARTIAL;
}

int64_t block_mask_support(const struct block_mask *mask, int64_t layer, int64_t head, int64_t row)
{
	int64_t count = 0;
	for (struct span span = span_from(mask, layer, head, row / mask->block, 0); span.at < span.end; span.at++) {
		int64_t begin = span.at->column * mask->block, end = begin + mask->block;
		count += (end < mask->keys ? end : mask->keys) - begin;
	}
	return count;
}

void block_mask_row(const struct block_mask *mask, int64_t layer, int64_t head, int64_t row, int64_t key, int64_t count, int32_t *times)
{
	struct span span = span_from(mask, layer, head, row / mask->block, key / mask->block);
	for (int64_t k = 0; k < count; k++) {
		int64_t column = (key + k) / mask->block;
		while (span.at < span.end && span.at->column < column)
			span.at++;
		times[k] = span.at < span.end && span.at->column == column ? span.at->times : 0;
	}
}
