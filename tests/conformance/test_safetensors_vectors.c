/* SPDX-License-Identifier: MIT */
/* The reference reader's own cases: which files it accepts, and why it refuses the others. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/reader.h"

static json_t *manifest;

/* The reason of the reference reader, and the words that ours gives for it. */
static const struct {
	const char *reason, *text;
} reasons[] = {
	{ "HeaderTooSmall", "empty" },
	{ "HeaderTooLarge", "says that its header is" },
	{ "InvalidHeaderLength", "" },
	{ "InvalidHeaderDeserialization", "broken JSON" },
	{ "InvalidHeader", "UTF-8" },
	{ "MetadataIncompleteBuffer", "follow" },
	{ "TensorInvalidInfo", "its shape takes" },
	{ "ValidationOverflow", "overflows" },
	{ "InvalidOffset", "overlap" },
};

static const char *wanted_text(const char *expect)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (strcmp(expect, reasons[i].reason) == 0)
			return reasons[i].text;
	ck_abort_msg("unknown reason %s", expect);
	return "";
}

START_TEST(each_file_is_accepted_or_refused_for_the_same_reason)
{
	if (!manifest) {
		suite_skip(25, "the cases of the safetensors library are not here");
		return;
	}
	size_t i, accepted = 0;
	json_t *vector;
	json_t *vectors = json_object_get(manifest, "vectors");
	json_array_foreach(vectors, i, vector) {
		const char *file = json_string_value(json_object_get(vector, "file"));
		const char *expect = json_string_value(json_object_get(vector, "expect"));
		struct archive archive;
		struct err_info info = { 0 };
		enum err err = archive_open(&archive, suite_external_path("safetensors_vectors/%s", file), &info);
		if (strcmp(expect, "ok") == 0) {
			ck_assert_msg(err == ERR_OK, "%s: %s", file, info.text);
			ck_assert_str_eq(archive.format, "safetensors");
			accepted++;
		} else {
			ck_assert_msg(err == ERR_FORMAT, "%s: code %d", file, err);
			const char *text = wanted_text(strchr(expect, ':') + 1);
			ck_assert_msg(strstr(info.text, text), "%s (%s): \"%s\" does not say \"%s\"", file, expect, info.text, text);
		}
		archive_release(&archive);
	}
	printf("note: safetensors: %zu files accepted, %zu refused, as by the reference reader\n", accepted,
	       json_array_size(vectors) - accepted);
	ck_assert_uint_eq(json_array_size(vectors), 25);
}
END_TEST

static void open_valid(struct archive *archive, const char *name)
{
	struct err_info info = { 0 };
	enum err err = archive_open(archive, suite_external_path("safetensors_vectors/valid/%s.safetensors", name), &info);
	ck_assert_msg(err == ERR_OK, "%s", info.text);
}

START_TEST(tensors_have_their_shape_and_values)
{
	if (!manifest)
		return;
	struct archive archive;
	const struct tensor *tensor;
	open_valid(&archive, "test_deserialization");
	ck_assert_uint_eq(archive.count, 1);
	ck_assert_int_eq(archive_get(&archive, "test", &tensor, NULL), ERR_OK);
	ck_assert_int_eq(tensor->dtype, DTYPE_I32);
	ck_assert_int_eq(tensor->rank, 2);
	ck_assert_int_eq(tensor->shape[0], 2);
	ck_assert_int_eq(tensor->shape[1], 2);
	for (int i = 0; i < 4; i++)
		ck_assert_double_eq(tensor_at(tensor, i), 0);
	archive_release(&archive);

	open_valid(&archive, "test_zero_sized_tensor");
	ck_assert_int_eq(archive_get(&archive, NULL, &tensor, NULL), ERR_OK);
	ck_assert_int_eq(tensor_count(tensor), 0);
	archive_release(&archive);
}
END_TEST

START_TEST(types_that_we_do_not_read_are_stepped_over)
{
	if (!manifest)
		return;
	struct archive archive;
	open_valid(&archive, "test_serialization_fp4");
	ck_assert_uint_eq(archive.count, 0);
	ck_assert_uint_eq(archive.skipped, 1);
	ck_assert_ptr_nonnull(strstr(archive.skipped_name, "F4"));
	const struct tensor *tensor;
	struct err_info info = { 0 };
	ck_assert_int_eq(archive_get(&archive, NULL, &tensor, &info), ERR_UNSUPPORTED);
	archive_release(&archive);
}
END_TEST

int main(void)
{
	const char *path = suite_external_path("safetensors_vectors/manifest.json");
	manifest = path ? json_load_file(path, 0, NULL) : NULL;
	Suite *suite = suite_create("safetensors vectors");
	TCase *tcase = tcase_create("files");
	tcase_add_test(tcase, each_file_is_accepted_or_refused_for_the_same_reason);
	tcase_add_test(tcase, tensors_have_their_shape_and_values);
	tcase_add_test(tcase, types_that_we_do_not_read_are_stepped_over);
	suite_add_tcase(suite, tcase);
	int status = suite_main(suite);
	json_decref(manifest);
	return status;
}
