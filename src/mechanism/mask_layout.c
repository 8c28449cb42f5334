/* SPDX-License-Identifier: MIT */
#include "mechanism/mask_layout.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { READINGS = 4, RANKS = 6 };

/* By rank, the usual one first. */
static const char *const readings[RANKS][READINGS] = {
	[1] = { "M" }, [2] = { "NM", "BM" }, [3] = { "HNM", "BNM", "(BH)NM", "LNM" }, [4] = { "BHNM", "LHNM" }, [5] = { "LBHNM" },
};

/* What is left where none of those fits, and the rows are items beyond doubt: queries that see everything or nothing. */
static const char query_reading[] = "BN";

static int64_t wanted(const struct source *source, int axis)
{
	const int64_t size[] = { source->layers, source->batches, source->heads, source->queries, source->keys };
	return size[axis];
}

static bool axis_fits(const struct mask *mask, const struct heads *file, const struct source *source, int axis)
{
	int64_t size = file->size[axis], count = wanted(source, axis);
	return size == 1 || size == count || (axis == AXIS_DIM && mask->mask_keys != MASK_KEYS_ALL && size < count && size > 0);
}

static enum err refuse_columns(const struct heads *file, const char *option, int64_t keys, struct err_info *info)
{
	char shape[128];
	return err_set(info, ERR_SHAPE, "the %s '%s' %s has %" PRId64 " columns for %" PRId64 " keys: say which of them it covers with --mask-keys first "
		       "(the rest is hidden) or --mask-keys last (what comes before is seen)", option, file->tensors[0]->name,
		       tensor_shape_text(file->tensors[0], shape, sizeof shape), file->size[AXIS_DIM], keys);
}

enum err mask_layout_check(const struct mask *mask, const struct heads *file, const char *option, const struct source *source, struct err_info *info)
{
	static const char *const name[] = { "layers", "batches", "heads", "queries", "keys" };
	for (int axis = 0; file && axis < AXIS_COUNT; axis++) {
		char shape[128];
		if (axis_fits(mask, file, source, axis))
			continue;
		if (axis == AXIS_DIM && file->size[axis] < source->keys)
			return refuse_columns(file, option, source->keys, info);
		return err_set(info, ERR_SHAPE, "the %s '%s' %s has %" PRId64 " %s where the attention has %" PRId64 ": it is (queries, keys), with heads and batch before "
			       "them as far as they differ, or (batch, keys); --layout mask=LETTERS names other axes", option, file->tensors[0]->name,
			       tensor_shape_text(file->tensors[0], shape, sizeof shape), file->size[axis], name[axis], wanted(source, axis));
	}
	return ERR_OK;
}

static bool all_fit(const struct mask *mask, const struct heads *file, const struct source *source)
{
	bool fits = true;
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		fits = fits && axis_fits(mask, file, source, axis);
	return fits;
}

/* Does it fit but for columns that are missing? */
static bool only_columns_miss(const struct mask *mask, const struct heads *file, const struct source *source)
{
	for (int axis = 0; axis < AXIS_DIM; axis++)
		if (!axis_fits(mask, file, source, axis))
			return false;
	return file->size[AXIS_DIM] > 1 && file->size[AXIS_DIM] < source->keys;
}

/* Two readings are one where they find the same number for each query and key. */
static bool same_view(const struct heads *a, const struct heads *b)
{
	for (int axis = 0; axis < AXIS_COUNT; axis++) {
		bool differs = a->size[axis] != b->size[axis] || (a->size[axis] > 1 && a->stride[axis] != b->stride[axis]);
		if (differs)
			return false;
	}
	return true;
}

static void set_axis(struct heads *view, char letter, int64_t size, int64_t stride)
{
	static const char letters[] = "LBHNM";
	int axis = (int)(strchr(letters, letter) - letters);
	view->present[axis] = true;
	view->size[axis] = size;
	view->stride[axis] = stride;
}

/* The view that the letters of a reading give; (BH) is one axis with the heads of the source inside. False where those do not divide it. */
static bool read_axes(const struct tensor *tensor, const char *letters, const struct source *source, const struct tensor **slot, struct heads *view)
{
	*slot = tensor;
	*view = (struct heads){ .tensors = slot, .tensor_count = 1, .matrix = true };
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		view->size[axis] = 1;
	for (int axis = 0; axis < tensor->rank; axis++, letters++) {
		int64_t size = tensor->shape[axis], stride = tensor->stride[axis];
		if (*letters != '(') {
			set_axis(view, *letters, size, stride);
			continue;
		}
		if (source->heads < 1 || size % source->heads)
			return false;
		set_axis(view, 'B', size / source->heads, stride * source->heads);
		set_axis(view, 'H', source->heads, stride);
		letters += 3;
	}
	return true;
}

static enum err refuse_two(const struct tensor *tensor, const char *first, const char *second, struct err_info *info)
{
	char shape[128];
	err_set(info, ERR_USAGE, "the mask '%s' %s can be read in two ways: say --layout mask=%s or --layout mask=%s", tensor->name,
		tensor_shape_text(tensor, shape, sizeof shape), first, second);
	return err_in_file(info, tensor->file);
}

/* The one reading that fits. NULL, with a second one in *rival, where two do and differ; NULL without where none does. */
static const char *find_reading(const struct mask *mask, const struct tensor *tensor, const struct source *source, const char **first, const char **rival)
{
	const struct tensor *slot[2];
	struct heads view[2];
	*first = *rival = NULL;
	for (int i = 0; i < READINGS && readings[tensor->rank][i]; i++) {
		const char *letters = readings[tensor->rank][i];
		int at = *first != NULL;
		if (!read_axes(tensor, letters, source, &slot[at], &view[at]) || !all_fit(mask, &view[at], source))
			continue;
		if (!*first)
			*first = letters;
		else if (!same_view(&view[0], &view[1])) {
			*rival = letters;
			return NULL;
		}
	}
	bool rows_are_items = tensor->rank == 2 && tensor->shape[0] > 1 && tensor->shape[0] != source->queries;
	if (!*first && rows_are_items && read_axes(tensor, query_reading, source, &slot[0], &view[0]) && all_fit(mask, &view[0], source))
		*first = query_reading;
	return *first;
}

/* The reading that is told what it lacks: one that needs no more than --mask-keys, else the usual one. */
static const char *nearest_reading(const struct mask *mask, const struct tensor *tensor, const struct source *source)
{
	const struct tensor *slot;
	struct heads view;
	for (int i = 0; i < READINGS && readings[tensor->rank][i]; i++)
		if (read_axes(tensor, readings[tensor->rank][i], source, &slot, &view) && only_columns_miss(mask, &view, source))
			return readings[tensor->rank][i];
	return readings[tensor->rank][0];
}

static enum err choose(const struct mask *mask, const struct tensor *tensor, const struct source *source, const char **letters, struct err_info *info)
{
	const char *first, *rival;
	char shape[128];
	if (tensor->rank < 1 || tensor->rank >= RANKS)
		return err_set(info, ERR_SHAPE, "the mask '%s' has the shape %s, where 1 to 5 axes have a meaning: name each with --layout mask=LETTERS", tensor->name,
			       tensor_shape_text(tensor, shape, sizeof shape));
	*letters = find_reading(mask, tensor, source, &first, &rival);
	if (rival)
		return refuse_two(tensor, first, rival, info);
	if (!*letters)
		*letters = nearest_reading(mask, tensor, source);
	return ERR_OK;
}

enum err mask_layout_read(struct mask *mask, const struct tensor *tensor, const struct source *source, const char **read, struct err_info *info)
{
	const char *letters;
	bool is_bias = dtype_is_float(tensor->dtype);
	enum err err = choose(mask, tensor, source, &letters, info);
	if (!err) {
		read_axes(tensor, letters, source, &mask->file_slot, &mask->file);
		err = mask_layout_check(mask, &mask->file, is_bias ? "bias" : "mask", source, info);
	}
	if (err) {
		err_in_file(info, tensor->file);
		return err;
	}
	if (read)
		*read = letters;
	*(is_bias ? &mask->bias : &mask->allow) = &mask->file;
	return ERR_OK;
}

bool mask_looks_boolean(const struct tensor *tensor)
{
	int64_t count = dtype_is_float(tensor->dtype) ? tensor_count(tensor) : 0, ones = 0;
	for (int64_t i = 0; i < count; i++) {
		double value = tensor_at(tensor, i);
		if (value != 0 && value != 1)
			return false;
		ones += value == 1;
	}
	return ones > 0;
}

double mask_adds_where_it_means_to_hide(const struct tensor *tensor)
{
	const double means_to_hide = -100;
	int64_t count = dtype_is_float(tensor->dtype) ? tensor_count(tensor) : 0;
	double largest = -INFINITY;
	for (int64_t i = 0; i < count; i++) {
		double value = tensor_at(tensor, i);
		if (value != 0 && !(value <= means_to_hide))
			return 0;
		largest = value != 0 && value > largest ? value : largest;
	}
	return largest > MASK_HIDES ? largest : 0;
}

enum err mask_check_integers(const struct tensor *tensor, struct err_info *info)
{
	int64_t count = dtype_is_float(tensor->dtype) || tensor->dtype == DTYPE_BOOL ? 0 : tensor_count(tensor);
	for (int64_t i = 0; i < count; i++) {
		double value = tensor_at(tensor, i);
		if (value >= 0)
			continue;
		err_set(info, ERR_VALUE, "the mask '%s' holds the integer %g: integers are 0 to hide and 1 to attend, and what is added to logits is stored as floats",
			tensor->name, value);
		return err_in_file(info, tensor->file);
	}
	return ERR_OK;
}
