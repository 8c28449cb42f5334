/* SPDX-License-Identifier: MIT */
#include "kernel/filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define LOG2E 1.44269504088896340736

static int64_t min_i64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t blocks_of(int64_t keys)
{
	return (keys + KEY_BLOCK - 1) / KEY_BLOCK;
}

bool strip_init(struct strip *strip, int64_t keys, int lanes)
{
	int64_t floats;
	*strip = (struct strip){ .keys = keys, .lanes = lanes };
	if (!mem_mul_i64(blocks_of(keys) * KEY_BLOCK, lanes, &floats) || floats > INT64_MAX / (int64_t)sizeof(float))
		return false;
	strip->p = mem_aligned((size_t)floats * sizeof(float));
	strip->filled = mem_zero_array((size_t)blocks_of(keys), sizeof *strip->filled);
	return strip->p && strip->filled;
}

void strip_release(struct strip *strip)
{
	mem_aligned_free(strip->p);
	free(strip->filled);
	*strip = (struct strip){ 0 };
}

void strip_clear(struct strip *strip)
{
	memset(strip->filled, 0, (size_t)blocks_of(strip->keys) * sizeof *strip->filled);
}

void strip_touch(struct strip *strip, int64_t begin, int64_t end, bool zero)
{
	for (int64_t block = begin / KEY_BLOCK; block * KEY_BLOCK < end; block++) {
		int64_t first = block * KEY_BLOCK, last = min_i64(end - first, KEY_BLOCK), *filled = &strip->filled[block];
		int64_t clear = zero ? last : begin - first;
		if (clear > *filled)
			memset(strip->p + (first + *filled) * strip->lanes, 0, (size_t)((clear - *filled) * strip->lanes) * sizeof(float));
		if (last > *filled)
			*filled = last;
	}
}

bool inner_rows_init(struct inner_rows *inner, const struct source *source, const struct kernels *kernels)
{
	*inner = (struct inner_rows){ 0 };
	if (pass_init(&inner->pass, source, kernels, NULL, NULL, 0, 0, 0, NULL))
		return false;
	inner->pass.needs = source->ops->filter ? SINK_TILES : 0;
	inner->group = inner->pass.group;
	return true;
}

void inner_rows_release(struct inner_rows *inner)
{
	pass_release(&inner->pass);
}

enum err inner_rows_run(struct inner_rows *inner, const struct row_group *rows, const void *prepared, const struct taker *taker, struct err_info *info)
{
	inner->pass.keys = prepared;
	inner->pass.taker = taker;
	inner->group->rows = *rows;
	enum err err = inner->pass.filter ? pass_make(&inner->pass, inner->group, 1, info) : pass_load(&inner->pass, inner->group, info);
	return err ? err : pass_sweep(&inner->pass, inner->group, 0, inner->pass.source->keys, info);
}

double filter_factor(const struct inner_rows *inner, int lane, float base)
{
	const struct source *source = inner->pass.source;
	if (source->norm != NORM_SOFTMAX)
		return pass_weight_factor(source, inner->group->state.sum[lane]);
	/* No base is above the sum of a row; that of a lane which has seen nothing yet, and holds zeros, may be. */
	double power = (double)base - inner->group->stats[lane].lse * LOG2E;
	return power <= 1 ? exp2(power) : 0;
}
