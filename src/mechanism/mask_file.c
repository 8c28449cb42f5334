#include "mechanism/mask_file.h"

#include <inttypes.h>
#include <math.h>

/* The part of [key, key + count) that a file holds: one number where it is the same for all keys. */
static int64_t held(const struct heads *file, int64_t key, int64_t count)
{
	int64_t left = file->size[AXIS_DIM] - key;
	if (file->size[AXIS_DIM] == 1)
		return 1;
	return left < 0 ? 0 : left < count ? left : count;
}

static int64_t first_key(const struct heads *file, int64_t key)
{
	return file->size[AXIS_DIM] == 1 ? 0 : key;
}

static int64_t file_row(const struct heads *file, int64_t row)
{
	return file->size[AXIS_TOKEN] == 1 ? 0 : row;
}

enum err mask_file_run(const struct heads *file, const struct map_place *at, int64_t row, int64_t key, int64_t count, float beyond, float *run, struct err_info *info)
{
	int64_t here = held(file, key, count);
	enum err err = here ? heads_decode_part_f32(file, at->layer, at->batch, at->head, file_row(file, row), first_key(file, key), here, true, run, info) : ERR_OK;
	for (int64_t k = here; k < count; k++)
		run[k] = file->size[AXIS_DIM] == 1 ? run[0] : beyond;
	return err;
}

static enum err run64(const struct heads *file, const struct map_place *at, int64_t row, int64_t key, int64_t count, double beyond, double *run, struct err_info *info)
{
	int64_t here = held(file, key, count);
	enum err err = here ? heads_decode_part_f64(file, at->layer, at->batch, at->head, file_row(file, row), first_key(file, key), here, true, run, info) : ERR_OK;
	for (int64_t k = here; k < count; k++)
		run[k] = file->size[AXIS_DIM] == 1 ? run[0] : beyond;
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
	enum err err = mask->bias ? run64(mask->bias, at, row, key, count, -INFINITY, bias, info) : ERR_OK;
	for (int64_t k = 0; k < count && !err; k++) {
		if (isnan(bias[k]) || bias[k] == INFINITY)
			err = refuse(mask->bias, at, row, key + k, bias[k], info);
		else if (bias[k] <= MASK_HIDES)
			bias[k] = -INFINITY;
	}
	if (err || !mask->allow)
		return err;
	err = run64(mask->allow, at, row, key, count, 0, allow, info);
	for (int64_t k = 0; k < count && !err; k++)
		bias[k] = allow[k] != 0 ? bias[k] : -INFINITY;
	return err;
}
