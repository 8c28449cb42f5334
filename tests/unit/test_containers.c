/* SPDX-License-Identifier: MIT */
/* The same numbers 0 .. 5 in files of every other format, and what the readers of text and of llama.cpp make of theirs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/suite.h"
#include "tensor/raw.h"
#include "tensor/readers.h"

/* Every element of a tensor, in C order. */
static const struct {
	const char *file, *name, *shape;
	double value[6];
	enum dtype dtype;
	size_t count; /* of tensors in the file */
} files[] = {
	{ "json/good-array.json", "good-array.json", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "json/good-object.json", "q", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "json/good-nested.json", "1.q", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 2 },
	{ "json/good-spaces.json", "good-spaces.json", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "json/good-integers.json", "ids", "(6,)", { 0, 1, 2, 3, 4, 5 }, DTYPE_I64, 1 },
	{ "json/good-ragged.json", "q.1", "(1,)", { 2 }, DTYPE_I64, 2 },
	{ "json/good-escape.json", "q", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 2 },
	{ "gzip/good-array.json.gz", "good-array.json.gz", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "gzip/good-array.npy.gz", "good-array.npy.gz", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F32, 1 },
	{ "gzip/good-two-members.json.gz", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-plain.csv", "good-plain.csv", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-crlf.csv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-header.csv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-labels.csv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-labels-some-numbers.csv", NULL, "(3, 2)", { 0.5, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-both.tsv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-pandas.csv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-columns-numbered.csv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-integers.csv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_I64, 1 },
	{ "csv/good-semicolons.csv", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "csv/good-savetxt.txt", NULL, "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F64, 1 },
	{ "gguf/good-float32.gguf", "q", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F32, 1 },
	{ "gguf/good-version-2.gguf", "q", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F32, 1 },
	{ "gguf/good-float16.gguf", "q", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F16, 1 },
	{ "gguf/good-bfloat16.gguf", "q", "(3, 2)", { 0, 1, 2, 3, 4, 5 }, DTYPE_BF16, 1 },
	{ "gguf/good-quantised-beside.gguf", "q", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F32, 1 },
	{ "llama/good-state.session", "layers.0.k", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F16, 5 },
	{ "llama/good-state.session", "layers.1.v", "(2, 3)", { -6, -7, -8, -9, -10, -11 }, DTYPE_F16, 5 },
	{ "llama/good-state.session", "tokens", "(2,)", { 7, 8 }, DTYPE_I32, 5 },
	{ "llama/good-transposed.session", "layers.1.v", "(2, 3)", { -6, -7, -8, -9, -10, -11 }, DTYPE_F16, 5 },
	{ "llama/good-no-outputs.session", "layers.1.k", "(2, 3)", { 6, 7, 8, 9, 10, 11 }, DTYPE_F16, 5 },
	{ "llama/good-streams.session", "layers.1.k", "(2, 3)", { 6, 7, 8, 9, 10, 11 }, DTYPE_F16, 5 },
	{ "llama/good-sequence.state", "layers.1.v", "(2, 3)", { -6, -7, -8, -9, -10, -11 }, DTYPE_F16, 5 },
	{ "llama/good-two-caches.session", "cache.1.layers.0.k", "(2, 3)", { 0, 1, 2, 3, 4, 5 }, DTYPE_F16, 9 },
};

START_TEST(a_tensor_holds_what_was_put_in)
{
	struct archive archive;
	const struct tensor *tensor;
	struct err_info info = { 0 };
	char path[256], shape[128];
	snprintf(path, sizeof path, "tests/data/%s", files[_i].file);
	ck_assert_msg(archive_open(&archive, path, &info) == ERR_OK, "%s: %s", path, info.text);
	ck_assert_uint_eq(archive.count, files[_i].count);
	ck_assert_msg(archive_get(&archive, files[_i].name, &tensor, &info) == ERR_OK, "%s: %s", path, info.text);
	ck_assert_str_eq(tensor_shape_text(tensor, shape, sizeof shape), files[_i].shape);
	ck_assert_int_eq(tensor->dtype, files[_i].dtype);
	for (int i = 0; i < tensor_count(tensor); i++)
		ck_assert_msg(tensor_at(tensor, i) == files[_i].value[i], "%s: element %d is %g", path, i, tensor_at(tensor, i));
	archive_release(&archive);
}
END_TEST

/* A list of ids in text is one that --ids reads, whatever tensors it could be. */
START_TEST(texts_are_no_binary_tensor_files)
{
	static const struct {
		const char *text;
		bool known, binary;
	} rows[] = {
		{ "[1, 2, 3]", true, false }, { "{\"input_ids\": [1]}", true, false }, { "1,2,3\n4,5,6\n", true, false }, { "1 2 3\n", true, false },
		{ "12\n7\n9\n", false, false }, { "The\ncat\n", false, false }, { "the cat sat\n", false, false }, { "a,b\nc,d\n", false, false },
		{ "\x93NUMPY", true, true }, { "PK\3\4", true, true }, { "GGUF", true, true }, { "nsgg\x09\1\1\1", true, true },
		{ "\x1f\x8b\x08", true, true }, { "\x80\x04\x95", true, true }, { "", false, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const unsigned char *text = (const unsigned char *)rows[i].text;
		ck_assert_msg(archive_is_known(text, strlen(rows[i].text)) == rows[i].known, "%s", rows[i].text);
		ck_assert_msg(archive_is_binary(text, strlen(rows[i].text)) == rows[i].binary, "%s", rows[i].text);
	}
}
END_TEST

/* What json.dump writes for values that are no numbers is seen as NaN, which every command refuses, and not as fewer numbers. */
START_TEST(null_is_nan)
{
	struct archive archive;
	const struct tensor *tensor;
	ck_assert_int_eq(archive_open(&archive, "tests/data/json/good-null-is-nan.json", NULL), ERR_OK);
	ck_assert_int_eq(archive_get(&archive, "q", &tensor, NULL), ERR_OK);
	ck_assert_int_eq(tensor_count(tensor), 4);
	ck_assert_double_nan(tensor_at(tensor, 1));
	ck_assert_double_nan(tensor_at(tensor, 2));
	ck_assert_double_infinite(tensor_at(tensor, 3));
	archive_release(&archive);
}
END_TEST

static const struct {
	const char *text;
	bool good;
	enum dtype dtype;
	int rank;
	bool swapped;
	uint64_t offset;
} specs[] = {
	{ "f32:8x1024x64", true, DTYPE_F32, 3, false, 0 }, { "f32be:2", true, DTYPE_F32, 1, true, 0 }, { "float16:1x2@128", true, DTYPE_F16, 2, false, 128 },
	{ "bf16le:3x4", true, DTYPE_BF16, 2, false, 0 }, { "u8be:7", true, DTYPE_U8, 1, false, 0 }, { "bool:0", true, DTYPE_BOOL, 1, false, 0 },
	{ .text = "" }, { .text = "f32" }, { .text = "f32:" }, { .text = "f33:2" }, { .text = "f32:2x" }, { .text = "f32:2x-3" }, { .text = "f32:2 3" },
	{ .text = "f32:1x1x1x1x1x1x1x1x1" }, { .text = "f32:99999999999999999999" }, { .text = "f32:2@" }, { .text = ":2" }, { .text = "be:2" },
};

START_TEST(raw_layouts_are_parsed_or_refused)
{
	struct raw_layout layout;
	struct err_info info = { 0 };
	enum err err = raw_parse(&layout, specs[_i].text, &info);
	ck_assert_msg(err == (specs[_i].good ? ERR_OK : ERR_USAGE), "%s", specs[_i].text);
	if (err)
		return;
	ck_assert_int_eq(layout.dtype, specs[_i].dtype);
	ck_assert_int_eq(layout.rank, specs[_i].rank);
	ck_assert_int_eq(layout.byte_swapped, specs[_i].swapped);
	ck_assert_uint_eq(layout.offset, specs[_i].offset);
}
END_TEST

START_TEST(raw_files_have_the_size_that_is_said)
{
	static const struct {
		const char *spec;
		enum err err;
		double first;
	} rows[] = {
		{ "f32:2x3", ERR_OK, 1 }, { "f32:2x2", ERR_SHAPE, 0 }, { "f32:2x4", ERR_SHAPE, 0 }, { "f32:2x2@4", ERR_OK, 2 }, { "f32:6@4", ERR_SHAPE, 0 },
		{ "f32:1@99", ERR_SHAPE, 0 }, { "f32:4611686018427387904x8", ERR_USAGE, 0 }, { "u8:24", ERR_OK, 0 },
	};
	const float values[] = { 1, 2, 3, 4, 5, 6 };
	char path[] = "/tmp/attnviz-raw-XXXXXX";
	int fd = mkstemp(path);
	ck_assert_int_eq(write(fd, values, sizeof values), sizeof values);
	close(fd);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct archive archive;
		struct raw_layout layout;
		ck_assert_int_eq(raw_parse(&layout, rows[i].spec, NULL), ERR_OK);
		ck_assert_msg(archive_open_raw(&archive, path, &layout, NULL) == rows[i].err, "%s", rows[i].spec);
		if (!rows[i].err)
			ck_assert_double_eq(tensor_at(&archive.tensor[0], 0), rows[i].first);
		archive_release(&archive);
	}
	unlink(path);
}
END_TEST

/* libhdf5, where it is built in: names with slashes, packed and plain datasets, the numbers of the .npz. */
START_TEST(hdf5_holds_the_numbers_of_the_npz)
{
#ifdef ATTNVIZ_HDF5
	struct archive found, wanted;
	struct err_info info = { 0 };
	ck_assert_msg(archive_open(&found, "tests/data/hdf5/good-real.h5", &info) == ERR_OK, "%s", info.text);
	ck_assert_int_eq(archive_open(&wanted, "tests/data/torch/good-real.npz", NULL), ERR_OK);
	ck_assert_uint_eq(found.count, wanted.count);
	ck_assert_uint_eq(found.skipped, 1);
	for (size_t i = 0; i < wanted.count; i++) {
		char name[128], a[128], b[128];
		const struct tensor *x, *y;
		snprintf(name, sizeof name, "%s", wanted.tensor[i].name);
		for (char *dot = name; (dot = strchr(dot, '.'));)
			*dot = '/';
		ck_assert_int_eq(archive_get(&wanted, wanted.tensor[i].name, &y, NULL), ERR_OK);
		ck_assert_msg(archive_get(&found, name, &x, &info) == ERR_OK, "%s", info.text);
		ck_assert_str_eq(tensor_shape_text(x, a, sizeof a), tensor_shape_text(y, b, sizeof b));
		for (int64_t j = 0; j < tensor_count(y); j++) {
			double one = tensor_at(x, j), other = tensor_at(y, j);
			ck_assert_msg(memcmp(&one, &other, sizeof one) == 0, "%s: element %lld", name, (long long)j);
		}
	}
	archive_release(&found);
	archive_release(&wanted);
#else
	suite_skip(1, "built without HDF5");
#endif
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("containers");
	TCase *tcase = tcase_create("files");
	tcase_add_loop_test(tcase, a_tensor_holds_what_was_put_in, 0, sizeof files / sizeof files[0]);
	tcase_add_test(tcase, texts_are_no_binary_tensor_files);
	tcase_add_test(tcase, null_is_nan);
	tcase_add_loop_test(tcase, raw_layouts_are_parsed_or_refused, 0, sizeof specs / sizeof specs[0]);
	tcase_add_test(tcase, raw_files_have_the_size_that_is_said);
	tcase_add_test(tcase, hdf5_holds_the_numbers_of_the_npz);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
