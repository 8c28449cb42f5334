/* SPDX-License-Identifier: MIT */
#include "support/vectors.h"

#include <check.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"

struct vectors {
	json_t *root;
	double **block;
	size_t blocks;
};

struct vectors *vectors_open(const char *name)
{
	const char *path = suite_data_path("vectors/%s.json", name);
	struct vectors *vectors = calloc(1, sizeof *vectors);
	ck_assert_ptr_nonnull(vectors);
	json_error_t error;
	vectors->root = json_load_file(path, 0, &error);
	ck_assert_msg(vectors->root, "%s: %s (line %d)", path, error.text, error.line);
	return vectors;
}

void vectors_close(struct vectors *vectors)
{
	if (!vectors)
		return;
	for (size_t i = 0; i < vectors->blocks; i++)
		free(vectors->block[i]);
	free(vectors->block);
	json_decref(vectors->root);
	free(vectors);
}

/* A member whose name is the whole path wins; else every '/' is tried as the end of a name, the first one first. */
static const json_t *find(const json_t *node, const char *path)
{
	const json_t *member = json_object_get(node, path);
	for (const char *slash = strchr(path, '/'); !member && slash; slash = strchr(slash + 1, '/')) {
		json_t *child = json_object_getn(node, path, (size_t)(slash - path));
		if (child)
			member = find(child, slash + 1);
	}
	return member;
}

static const json_t *require(const struct vectors *vectors, const char *path)
{
	const json_t *node = find(vectors->root, path);
	ck_assert_msg(node, "%s: no such entry", path);
	return node;
}

bool vectors_has(const struct vectors *vectors, const char *path)
{
	return find(vectors->root, path) != NULL;
}

static double number(const json_t *node, const char *path)
{
	if (json_is_number(node))
		return json_number_value(node);
	const char *text = json_string_value(node);
	ck_assert_msg(text && (!strcmp(text, "inf") || !strcmp(text, "-inf") || !strcmp(text, "nan")), "%s: not a number", path);
	return strtod(text, NULL);
}

double vectors_real(struct vectors *vectors, const char *path)
{
	return number(require(vectors, path), path);
}

int64_t vectors_int(struct vectors *vectors, const char *path)
{
	const json_t *node = require(vectors, path);
	ck_assert_msg(json_is_integer(node), "%s: not an integer", path);
	return json_integer_value(node);
}

const char *vectors_text(struct vectors *vectors, const char *path)
{
	const char *text = json_string_value(require(vectors, path));
	ck_assert_msg(text, "%s: not a text", path);
	return text;
}

static void allocate(struct vectors *vectors, struct vector *vector)
{
	vector->count = 1;
	for (int axis = 0; axis < vector->rank; axis++)
		vector->count *= vector->shape[axis];
	double **block = realloc(vectors->block, (vectors->blocks + 1) * sizeof *block);
	ck_assert_ptr_nonnull(block);
	vectors->block = block;
	vector->data = calloc((size_t)vector->count + 1, sizeof *vector->data);
	ck_assert_ptr_nonnull(vector->data);
	vectors->block[vectors->blocks++] = vector->data;
}

void vectors_fill(double *data, int64_t count, double seed, double amp)
{
	for (int64_t i = 0; i < count; i++)
		data[i] = amp * sin(0.37 * (double)(i + 1) + 1.1 * seed);
}

struct vector vectors_formula(struct vectors *vectors, double seed, double amp, int rank, const int64_t *shape)
{
	struct vector vector = { .rank = rank };
	ck_assert_int_le(rank, TENSOR_MAX_RANK);
	memcpy(vector.shape, shape, (size_t)rank * sizeof *shape);
	allocate(vectors, &vector);
	vectors_fill(vector.data, vector.count, seed, amp);
	return vector;
}

static struct vector from_formula(struct vectors *vectors, const json_t *node, const char *path)
{
	const json_t *shape = json_object_get(node, "shape");
	int64_t size[TENSOR_MAX_RANK];
	size_t rank = json_array_size(shape);
	ck_assert_msg(rank <= TENSOR_MAX_RANK && json_object_get(node, "formula"), "%s: neither numbers nor a formula", path);
	for (size_t axis = 0; axis < rank; axis++)
		size[axis] = json_integer_value(json_array_get(shape, axis));
	return vectors_formula(vectors, number(json_object_get(node, "seed"), path), number(json_object_get(node, "amp"), path), (int)rank, size);
}

static double *copy_numbers(const json_t *node, const struct vector *vector, int axis, double *to, const char *path)
{
	if (axis == vector->rank) {
		*to = number(node, path);
		return to + 1;
	}
	ck_assert_msg(json_array_size(node) == (size_t)vector->shape[axis], "%s: ragged list", path);
	size_t index;
	json_t *entry;
	json_array_foreach((json_t *)node, index, entry)
		to = copy_numbers(entry, vector, axis + 1, to, path);
	return to;
}

struct vector vectors_get(struct vectors *vectors, const char *path)
{
	const json_t *node = require(vectors, path);
	if (json_is_object(node))
		return from_formula(vectors, node, path);
	struct vector vector = { 0 };
	for (const json_t *inner = node; json_is_array(inner); inner = json_array_get(inner, 0)) {
		ck_assert_int_lt(vector.rank, TENSOR_MAX_RANK);
		vector.shape[vector.rank++] = (int64_t)json_array_size(inner);
	}
	allocate(vectors, &vector);
	copy_numbers(node, &vector, 0, vector.data, path);
	return vector;
}

struct vector vector_one_head(struct vector vector)
{
	vector.rank = 2;
	vector.shape[1] = vector.shape[0];
	vector.shape[0] = 1;
	return vector;
}

void vector_view_init(struct vector_view *view, const struct vector *vector, const char *name)
{
	ck_assert_msg(vector->rank >= 2 && vector->rank <= AXIS_COUNT, "%s: no canonical view of rank %d", name, vector->rank);
	*view = (struct vector_view){ .tensor = { .name = name, .file = "vectors", .dtype = DTYPE_F64, .rank = vector->rank,
						  .data = (const unsigned char *)vector->data, .scale = 1 } };
	view->slot = &view->tensor;
	view->heads.tensors = &view->slot;
	view->heads.tensor_count = 1;
	for (int axis = 0; axis < AXIS_COUNT; axis++)
		view->heads.size[axis] = 1;
	int64_t stride = 1;
	for (int axis = vector->rank - 1, canonical = AXIS_DIM; axis >= 0; axis--, canonical--) {
		view->tensor.shape[axis] = view->heads.size[canonical] = vector->shape[axis];
		view->tensor.stride[axis] = view->heads.stride[canonical] = stride;
		view->heads.present[canonical] = true;
		stride *= vector->shape[axis];
	}
}

double vectors_distance(const double *a, const double *b, int64_t count)
{
	double largest = 0;
	for (int64_t i = 0; i < count; i++) {
		if (a[i] == b[i] || (isnan(a[i]) && isnan(b[i])))
			continue;
		double distance = fabs(a[i] - b[i]);
		largest = isnan(distance) ? INFINITY : fmax(largest, distance);
	}
	return largest;
}
