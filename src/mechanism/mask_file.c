/* SPDX-License-Identifier: MIT */
#include "mechanism/mask_file.h"

#include <inttypes.h>
#include <math.h>

/* Of keys [key, key + count), those that have a column of their own are [from, to) of the block; its columns begin at `column`. */
struct held {
	int64_t from, to, column;
	double outside; /* what all others are */
};

static int64_t clamp(int64_t value, int64_t most)
{
	return value < 0 ? 0 : value < most ? value : most;
}

static struct held held(const struct mask *mask, const struct heads *file, int64_t key, int64_t count)
{
	int64_t columns = file->size[AXIS_DIM], first = mask->mask_keys == MASK_KEYS_LAST ? mask->keys - columns : 0;
	struct held held = { clamp(first - key, count), clamp(first + columns - key, count), key > first ? key - first : 0, 0 };
	if (mask->mask_keys == MASK_KEYS_LAST)
		held.outside = file == mask->allow ? 1 : 0;
	else
		held.outside = file == mask->allow ? 0 : -INFINITY;
	return held;
}

static int64_t file_row(const struct heads *file, int64_t row)
{
	return file->size[AXIS_TOKEN] == 1 ? 0 : row;
}

enum err mask_file_run(const struct mask *mask, const struct heads *file, const struct map_place *at, int64_t row, int64_t key, int64_t count, float *run,
		       struct err_info *info)
{
	bool one = file->size[AXIS_DIM] == 1;
	struct held has = one ? (struct held){ .to = 1 } : held(mask, file, key, count);
	enum err err = ERR_OK;
	if (has.to > has.from)
		err = heads_decode_part_f32(file, at->layer, at->batch, at->head, file_row(file, row), has.column, has.to - has.from, true, run + has.from, info);
	for (int64_t k = 0; k < count; k++)
		if (one)
			run[k] = run[0];
		else if (k < has.from || k >= has.to)
			run[k] = (float)has.outside;
	return err;
}

static enum err run64(const struct mask *mask, const struct heads *file, const struct map_place *at, int64_t row, int64_t key, int64_t count, double *run,
		      struct err_info *info)
{
	bool one = file->size[AXIS_DIM] == 1;
	struct held has = one ? (struct held){ .to = 1 } : held(mask, file, key, count);
	enum err err = ERR_OK;
	if (has.to > has.from)
		err = heads_decode_part_f64(file, at->layer, at->batch, at->head, file_row(file, row), has.column, has.to - has.from, true, run + has.from, info);
	for (int64_t k = 0; k < count; k++)
		if (one)
			run[k] = run[0];
		else if (k < has.from || k >= has.to)
			run[k] = has.outside;
	return err;
}

static enum err refuse(const struct heads *file, const struct map_place *at, int64_t row, int64_t key, double value, struct err_info *info)
{
	const struct tensor *tensor = file->tensors[file->tensor_count > 1 ? at->layer : 0];
	err_set(info, ERR_VALUE, "%s in the bias '%s' (layer %" PRId64 ", batch %" PRId64 ", head %" PRId64 ", query %" PRId64 ", key %" PRId64
		"): a bias is finite, or -inf to hide a key", isnan(value) ? "NaN" : "+infinity", tensor->name, at->layer, at->batch, at->head, row, key);
	return err_in_file(info, tensor->file);
}

enum err mask_file_bias64(const struct mask *mask, const struct map_place *at, int64_t row, int64_t key, int64_t count, double *bias, struct err_info *info)
{
	double allow[KEY_BLOCK];
	for (int64_t k = 0; k < count; k++)
		bias[k] = 0;
	enum err err = mask->bias ? run64(mask, mask->bias, at, row, key, count, bias, info) : ERR_OK;
	for (int64_t k = 0; k < count && !err; k++) {
		if (isnan(bias[k]) || bias[k] == INFINITY)
			err = refuse(mask->bias, at, row, key + k, bias[k], info);
		else if (bias[k] <= MASK_HIDES)
			bias[k] = -INFINITY;
	}
	if (err || !mask->allow)
		return err;
	err = run64(mask, mask->allow, at, row, key, count, allow, info);
	for (int64_t k = 0; k < count && !err; k++)
		bias[k] = allow[k] != 0 ? bias[k] : -INFINITY;
	return err;
}
