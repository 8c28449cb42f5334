/* SPDX-License-Identifier: MIT */
#include "support/attend.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/driver.h"
#include "kernel/reference.h"
#include "support/suite.h"

void attend_init(struct attend *attend)
{
	*attend = (struct attend){ .args = MECHANISM_ARGS_INIT, .fast_tolerance = 2e-6 };
	attend->args.binding = attend->binding;
	attend->args.parameter = attend->parameter;
}

void attend_release(struct attend *attend)
{
	source_free(attend->source);
	for (size_t i = 0; i < attend->owned_count; i++)
		free(attend->owned[i]);
}

static bool is_canonical(const char *role)
{
	return strcmp(role, "query") == 0 || strcmp(role, "key") == 0 || strcmp(role, "value") == 0 || strcmp(role, "weights") == 0;
}

static void raw_tensor(struct tensor *tensor, const struct vector *vector, const char *name)
{
	*tensor = (struct tensor){ .name = name, .file = "test", .dtype = DTYPE_F64, .rank = vector->rank, .data = (const unsigned char *)vector->data, .scale = 1 };
	int64_t stride = 1;
	for (int axis = vector->rank - 1; axis >= 0; axis--) {
		tensor->shape[axis] = vector->shape[axis];
		tensor->stride[axis] = stride;
		stride *= vector->shape[axis];
	}
}

void attend_input(struct attend *attend, const char *role, struct vector vector)
{
	size_t i = attend->args.binding_count++;
	ck_assert_uint_lt(i, ATTEND_INPUTS);
	attend->array[i] = vector;
	if (is_canonical(role))
		vector_view_init(&attend->view[i], &attend->array[i], role);
	else
		raw_tensor(&attend->view[i].tensor, &attend->array[i], role);
	attend->binding[i] = (struct mechanism_binding){ .role = role, .tensor = &attend->view[i].tensor, .heads = is_canonical(role) ? &attend->view[i].heads : NULL };
}

struct vector attend_formula(struct attend *attend, const char *role, double seed, double amp, int rank, const int64_t *shape)
{
	struct vector vector = { .rank = rank, .count = 1 };
	for (int axis = 0; axis < rank; axis++)
		vector.count *= vector.shape[axis] = shape[axis];
	vector.data = malloc((size_t)vector.count * sizeof *vector.data);
	ck_assert_ptr_nonnull(vector.data);
	ck_assert_uint_lt(attend->owned_count, ATTEND_INPUTS);
	attend->owned[attend->owned_count++] = vector.data;
	vectors_fill(vector.data, vector.count, seed, amp);
	if (role)
		attend_input(attend, role, vector);
	return vector;
}

void attend_parameter(struct attend *attend, const char *text)
{
	ck_assert_uint_lt(attend->args.parameter_count, ATTEND_INPUTS);
	attend->parameter[attend->args.parameter_count++] = text;
}

void attend_open(struct attend *attend, const char *name)
{
	const struct mechanism *mechanism = mechanism_find(name);
	ck_assert_msg(mechanism != NULL, "no mechanism %s", name);
	enum err err = mechanism_check_parameters(&attend->args, mechanism, &attend->info);
	if (!err)
		err = mechanism->open(&attend->args, &attend->source, &attend->info);
	ck_assert_msg(err == ERR_OK, "%s: %s", name, attend->info.text);
}

void attend_normalise(struct attend *attend, enum normalise normalise)
{
	const struct driver_options options = { .threads = 2 };
	enum err err = normalised_source_new(attend->source, normalise, &options, &attend->source, &attend->info);
	ck_assert_msg(err == ERR_OK, "%s", attend->info.text);
}

void attend_init_vectors(struct attend *attend, struct vectors *vectors)
{
	attend_init(attend);
	attend_input(attend, "query", vectors_get(vectors, "inputs/Q"));
	attend_input(attend, "key", vectors_get(vectors, "inputs/K"));
	attend_input(attend, "value", vectors_get(vectors, "inputs/V"));
}

/* Whether the first `length` bytes of word occur in text. */
static bool holds(const char *text, const char *word, size_t length)
{
	for (; *text; text++)
		if (strncmp(text, word, length) == 0)
			return true;
	return false;
}

void attend_refused(struct attend *attend, const char *name, enum err wanted, const char *words)
{
	const struct mechanism *mechanism = mechanism_find(name);
	ck_assert_msg(mechanism != NULL, "no mechanism %s", name);
	attend->info = (struct err_info){ 0 };
	enum err err = mechanism->open(&attend->args, &attend->source, &attend->info);
	ck_assert_msg(err == wanted, "%s: error %d where %d was expected: %s", name, err, wanted, attend->info.text);
	ck_assert_ptr_null(attend->source);
	for (const char *word = words; *word;) {
		size_t length = strcspn(word, " ");
		ck_assert_msg(holds(attend->info.text, word, length), "'%.*s' is not in: %s", (int)length, word, attend->info.text);
		word += length + strspn(word + length, " ");
	}
}

double *attend_matrix(const struct attend *attend, int64_t map)
{
	const struct source *source = attend->source;
	double *matrix = malloc((size_t)(source->queries * source->keys) * sizeof *matrix);
	struct err_info info = { 0 };
	ck_assert_ptr_nonnull(matrix);
	for (int64_t row = 0; row < source->queries; row++)
		ck_assert_msg(reference_row(source, map, row, matrix + row * source->keys, NULL, NULL, &info) == ERR_OK, "row %lld: %s", (long long)row, info.text);
	return matrix;
}

/* A sink that keeps the weights of one map at the places of their rows. */
struct keep {
	struct sink sink;
	double *weight;
	struct row_stats *stats;
};

static void keep_scan(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial)
{
	const struct keep *keep = (const struct keep *)sink;
	(void)item;
	(void)lane0;
	(void)partial;
	for (int64_t k = 0; k < tile->count; k++)
		for (int lane = 0; lane < tile->rows->count; lane++)
			keep->weight[tile->rows->row[lane] * tile->source->keys + tile->key + k] = (double)tile->p[k * tile->lanes + lane];
}

static void keep_rows(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		      const float *output, int64_t output_width, void *partial)
{
	const struct keep *keep = (const struct keep *)sink;
	(void)item;
	(void)lane0;
	(void)output;
	(void)output_width;
	(void)partial;
	for (int lane = 0; lane < rows->count; lane++)
		keep->stats[rows->row[lane]] = stats[lane];
}

static size_t keep_size(const struct sink *sink, const struct source *source, const struct kernels *kernels)
{
	(void)sink;
	(void)source;
	(void)kernels;
	return 0;
}

static void keep_merge(struct sink *sink, const struct item *item, const void *partial)
{
	(void)sink;
	(void)item;
	(void)partial;
}

static const struct sink_ops keep_ops = {
	.name = "keep", .needs = SINK_TILES, .partial_size = keep_size, .scan = keep_scan, .rows = keep_rows, .merge = keep_merge,
};

static void check_fast(const struct attend *attend, int64_t map, const double *weight, const struct kernels *kernels, int threads, const int64_t *rows,
		       int64_t row_count)
{
	const struct source *source = attend->source;
	size_t size = (size_t)(source->queries * source->keys);
	struct keep keep = { .sink.ops = &keep_ops, .weight = calloc(size, sizeof(double)), .stats = calloc((size_t)source->queries, sizeof *keep.stats) };
	struct sink *sinks[] = { &keep.sink };
	struct driver_options options = { .threads = threads, .kernels = kernels, .maps = &map, .map_count = 1, .rows = rows, .row_count = row_count };
	struct err_info info = { 0 };
	ck_assert(keep.weight && keep.stats);
	ck_assert_msg(driver_run(source, sinks, 1, &options, &info) == ERR_OK, "%s", info.text);
	for (int64_t i = 0; i < (rows ? row_count : source->queries); i++) {
		int64_t row = rows ? rows[i] : i;
		for (int64_t key = 0; key < source->keys; key++) {
			double got = keep.weight[row * source->keys + key], wanted = weight[row * source->keys + key];
			if (!(fabs(got - wanted) <= attend->fast_tolerance * fmax(1, fabs(wanted))))
				ck_abort_msg("%s, %d threads, %s rows, map %lld, row %lld, key %lld: %.9g where %.9g was expected", kernels->name, threads,
					     rows ? "some" : "all", (long long)map, (long long)row, (long long)key, got, wanted);
		}
	}
	free(keep.weight);
	free(keep.stats);
}

static void check_support(const struct source *source, int64_t map, const double *weight)
{
	double hidden = 0;
	for (int64_t row = 0; row < source->queries; row++) {
		int64_t count = 0;
		for (int64_t key = 0; key < source->keys; key++) {
			bool seen = !source->ops->visible || source->ops->visible(source, map, row, key);
			count += seen;
			hidden = seen ? hidden : fmax(hidden, fabs(weight[row * source->keys + key]));
		}
		int64_t support = source->ops->support ? source->ops->support(source, map, row) : source->keys;
		if (support != count)
			ck_abort_msg("map %lld, row %lld: support %lld, but %lld keys are visible", (long long)map, (long long)row, (long long)support,
				     (long long)count);
	}
	ck_assert_double_eq(hidden, 0);
}

static void check_coverage(const struct source *source, int64_t map, int64_t first, int64_t last, int64_t begin, int64_t end)
{
	int64_t seen = 0, all = (last - first + 1) * (end - begin);
	enum coverage coverage = source->ops->coverage ? source->ops->coverage(source, map, first, last, begin, end) : TILE_FULL;
	for (int64_t row = first; row <= last; row++)
		for (int64_t key = begin; key < end; key++)
			seen += !source->ops->visible || source->ops->visible(source, map, row, key);
	bool right = coverage == TILE_EMPTY ? seen == 0 : coverage == TILE_FULL ? seen == all : true;
	if (!right)
		ck_abort_msg("map %lld, rows %lld-%lld, keys %lld-%lld: coverage says %d, but %lld of %lld pairs are visible", (long long)map, (long long)first,
			     (long long)last, (long long)begin, (long long)end - 1, (int)coverage, (long long)seen, (long long)all);
}

static void check_coverages(const struct source *source, int64_t map)
{
	static const int64_t heights[] = { 1, 3, 12 }, widths[] = { 1, 5, 128 };
	for (int h = 0; h < 3; h++) {
		for (int w = 0; w < 3; w++) {
			for (int64_t first = 0; first < source->queries; first += heights[h] + 2) {
				int64_t last = first + heights[h] - 1 < source->queries ? first + heights[h] - 1 : source->queries - 1;
				for (int64_t begin = 0; begin < source->keys; begin += widths[w] + (w < 2)) {
					int64_t end = begin + widths[w] < source->keys ? begin + widths[w] : source->keys;
					check_coverage(source, map, first, last, begin, end);
				}
			}
		}
	}
}

/* Every third row or so, never evenly. */
static int64_t scatter(const struct source *source, int64_t **rows)
{
	int64_t count = 0;
	*rows = malloc((size_t)source->queries * sizeof **rows);
	ck_assert_ptr_nonnull(*rows);
	for (int64_t row = 0; row < source->queries; row += 1 + row % 4)
		(*rows)[count++] = row;
	return count;
}

static void check_tiles(const struct attend *attend, int64_t map, const double *weight)
{
	const struct kernels *table[KERNELS_MAX];
	int tables = kernels_available(table);
	int64_t *rows, row_count = scatter(attend->source, &rows);
	for (int i = 0; i < tables; i++)
		check_fast(attend, map, weight, table[i], 1, NULL, 0);
	check_fast(attend, map, weight, table[tables - 1], 2, rows, row_count);
	free(rows);
	check_support(attend->source, map, weight);
	check_coverages(attend->source, map);
}

void attend_expect(const struct attend *attend, int64_t map, const double *weight, double exact)
{
	const struct source *source = attend->source;
	double *matrix = attend_matrix(attend, map);
	for (int64_t i = 0; i < source->queries * source->keys; i++)
		if (!(fabs(matrix[i] - weight[i]) <= exact * fmax(1, fabs(weight[i]))))
			ck_abort_msg("map %lld, row %lld, key %lld: %.17g where %.17g was expected", (long long)map, (long long)(i / source->keys),
				     (long long)(i % source->keys), matrix[i], weight[i]);
	free(matrix);
	check_tiles(attend, map, weight);
}

void attend_expect_itself(const struct attend *attend)
{
	for (int64_t map = 0; map < source_maps(attend->source); map++) {
		double *matrix = attend_matrix(attend, map);
		check_tiles(attend, map, matrix);
		free(matrix);
	}
}

void attend_expect_output(const struct attend *attend, int64_t map, const double *output, double exact)
{
	const struct source *source = attend->source;
	struct err_info info = { 0 };
	int64_t width = source->values->size[AXIS_DIM];
	double *weight = malloc((size_t)source->keys * sizeof *weight), *row_output = malloc((size_t)width * sizeof *row_output);
	ck_assert(weight && row_output);
	for (int64_t row = 0; row < source->queries; row++) {
		ck_assert_msg(reference_row(source, map, row, weight, NULL, row_output, &info) == ERR_OK, "%s", info.text);
		double distance = vectors_distance(row_output, output + row * width, width);
		ck_assert_msg(distance <= exact, "output of row %lld differs by %g", (long long)row, distance);
	}
	free(weight);
	free(row_output);
}
