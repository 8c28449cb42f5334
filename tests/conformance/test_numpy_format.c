/* SPDX-License-Identifier: MIT */
/* numpy's own format tests, written out as files: what must load, with which values, and what must be refused. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/reader.h"

static json_t *manifest;

static const char *path_of(const char *file)
{
	return suite_external_path("numpy_format/%s", file);
}

/* numpy's arrays are arange(1500), as it is, as 30 x 50, transposed, and as [::-1, ::2] of that; array(10); and an empty one. */
static double wanted_value(const struct tensor *tensor, int64_t row, int64_t column)
{
	if (tensor->rank == 0)
		return 10;
	if (tensor->rank == 1)
		return (double)column;
	if (tensor->shape[0] == 50)
		return (double)(column * 50 + row);
	return tensor->shape[1] == 25 ? (double)((29 - row) * 50 + 2 * column) : (double)(row * 50 + column);
}

static double wrapped(enum dtype dtype, double value)
{
	if (dtype == DTYPE_U8)
		return fmod(value, 256);
	return dtype == DTYPE_I8 ? fmod(value + 128, 256) - 128 : value;
}

static void assert_values(const struct tensor *tensor, const char *file)
{
	int64_t columns = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
	for (int64_t i = 0; i < tensor_count(tensor); i++) {
		double wanted = wrapped(tensor->dtype, wanted_value(tensor, i / columns, i % columns));
		ck_assert_msg(tensor_at(tensor, i) == wanted, "%s[%lld] = %g, wanted %g", file, (long long)i, tensor_at(tensor, i), wanted);
	}
}

static void assert_loads(const char *file, const json_t *vector)
{
	struct archive archive;
	struct err_info info = { 0 };
	const struct tensor *tensor = NULL;
	archive_open(&archive, path_of(file), &info);
	if (!info.code)
		archive_get(&archive, NULL, &tensor, &info);
	ck_assert_msg(info.code == ERR_OK, "%s: %s", file, info.text);
	const json_t *shape = json_object_get(vector, "shape");
	ck_assert_uint_eq((size_t)tensor->rank, json_array_size(shape));
	for (int axis = 0; axis < tensor->rank; axis++)
		ck_assert_int_eq(tensor->shape[axis], json_integer_value(json_array_get(shape, (size_t)axis)));
	if (strncmp(file, "basic/", 6) == 0)
		assert_values(tensor, file);
	archive_release(&archive);
}

/* `code` ERR_OK: for whatever reason (a truncated complex array is refused for its type). */
static void assert_refused(const char *file, enum err code, const char *text)
{
	struct archive archive;
	struct err_info info = { 0 };
	const struct tensor *tensor;
	if (archive_open(&archive, path_of(file), &info) == ERR_OK)
		archive_get(&archive, NULL, &tensor, &info);
	ck_assert_msg(info.code == code || (code == ERR_OK && info.code), "%s: code %d (%s), wanted %d", file, info.code, info.text, code);
	ck_assert_msg(strstr(info.text, text), "%s: \"%s\" does not say \"%s\"", file, info.text, text);
	archive_release(&archive);
}

/* Objects are opened as data: those of basic/ are numbers and texts, no array among them; the others name what would be called. */
static void assert_pickle(const char *file)
{
	bool basic = strncmp(file, "basic/", 6) == 0;
	assert_refused(file, basic ? ERR_FORMAT : ERR_OK, basic ? "no array" : "");
}

/* What numpy reads and we do not, as it is no list of numbers: complex and structured. */
static const char *not_numeric(const json_t *vector)
{
	const char *descr = json_string_value(json_object_get(vector, "descr"));
	if (descr && descr[0] == '[')
		return "structured";
	return descr && strchr(descr, 'c') ? "complex" : NULL;
}

START_TEST(each_file_loads_or_is_refused_as_numpy_says)
{
	if (!manifest) {
		suite_skip(206, "the files of numpy's own tests are not here");
		return;
	}
	size_t i, loaded = 0, seen = 0;
	json_t *vector;
	json_array_foreach(json_object_get(manifest, "vectors"), i, vector) {
		const char *file = json_string_value(json_object_get(vector, "file"));
		const char *expect = json_string_value(json_object_get(vector, "expect"));
		if (strcmp(expect, "ok, no arrays") == 0)
			assert_refused(file, ERR_FORMAT, "holds no array");
		else if (strncmp(expect, "pickle", 6) == 0)
			assert_pickle(file);
		else if (strncmp(expect, "structured", 10) == 0)
			assert_refused(file, ERR_UNSUPPORTED, "structured");
		else if (strcmp(expect, "error") == 0)
			assert_refused(file, ERR_OK, "");
		else if (not_numeric(vector))
			assert_refused(file, ERR_UNSUPPORTED, not_numeric(vector));
		else
			assert_loads(file, vector), loaded++;
		seen++;
	}
	size_t refused = seen - loaded;
	printf("note: numpy format: %zu files load with their values, %zu are refused\n", loaded, refused);
	ck_assert_uint_eq(seen, json_array_size(json_object_get(manifest, "vectors")));
	ck_assert_uint_eq(loaded, 123);
}
END_TEST

int main(void)
{
	const char *path = path_of("manifest.json");
	manifest = path ? json_load_file(path, 0, NULL) : NULL;
	Suite *suite = suite_create("numpy format");
	TCase *tcase = tcase_create("files");
	tcase_add_test(tcase, each_file_loads_or_is_refused_as_numpy_says);
	suite_add_tcase(suite, tcase);
	int status = suite_main(suite);
	json_decref(manifest);
	return status;
}
