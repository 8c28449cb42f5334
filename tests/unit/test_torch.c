/* SPDX-License-Identifier: MIT */
/* Files of torch and pickles: the numbers of the same arrays as .npy, the names, and what is used in place. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/suite.h"
#include "tensor/reader.h"

/* Every element has the same bits as a double, which holds each type that attnviz reads but the largest integers of 64 bits. */
static void assert_same(const struct tensor *found, const struct tensor *wanted, const char *file)
{
	char a[128], b[128];
	ck_assert_msg(strcmp(tensor_shape_text(found, a, sizeof a), tensor_shape_text(wanted, b, sizeof b)) == 0, "%s: %s: %s, wanted %s", file,
		      found->name, a, b);
	for (int64_t i = 0; i < tensor_count(wanted); i++) {
		double x = tensor_at(found, i), y = tensor_at(wanted, i);
		ck_assert_msg(memcmp(&x, &y, sizeof x) == 0, "%s: %s: element %lld is %.17g, wanted %.17g", file, found->name, (long long)i, x, y);
	}
}

static void assert_same_archive(const char *folder, const char *file)
{
	struct archive found, wanted;
	struct err_info info = { 0 };
	char path[512];
	snprintf(path, sizeof path, "%s/%s", folder, file);
	ck_assert_msg(archive_open(&found, path, &info) == ERR_OK, "%s: %s", path, info.text);
	snprintf(path, sizeof path, "%s/torch/good-real.npz", folder);
	ck_assert_msg(archive_open(&wanted, path, &info) == ERR_OK, "%s: %s", path, info.text);
	ck_assert_msg(found.count == wanted.count, "%s: %zu tensors, wanted %zu", file, found.count, wanted.count);
	for (size_t i = 0; i < wanted.count; i++) {
		const struct tensor *x, *y;
		ck_assert_int_eq(archive_get(&wanted, wanted.tensor[i].name, &y, &info), ERR_OK);
		ck_assert_msg(archive_get(&found, y->name, &x, &info) == ERR_OK, "%s: %s", file, info.text);
		assert_same(x, y, file);
	}
	archive_release(&found);
	archive_release(&wanted);
}

static const char *const written[] = {
	"torch/good-real.pt", "torch/good-real-stream.pt", "pickle/good-real-0.pkl", "pickle/good-real-2.pkl", "pickle/good-real-4.pkl",
	"pickle/good-real-5.pkl",
};
enum { WRITTEN = sizeof written / sizeof written[0] };

START_TEST(kept_files_hold_the_numbers_of_the_npz)
{
	assert_same_archive("tests/data", written[_i]);
}
END_TEST

START_TEST(files_written_now_hold_the_numbers_of_the_npz)
{
	if (system("/usr/bin/python3 -c 'import torch, numpy' > /dev/null 2>&1") != 0) {
		suite_skip(1, "no python3-torch");
		return;
	}
	char folder[] = "/tmp/attnviz-torch-XXXXXX", command[256];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(command, sizeof command, "/usr/bin/python3 tests/data/write_real.py %s > /dev/null 2>&1", folder);
	ck_assert_int_eq(system(command), 0);
	for (int i = 0; i < WRITTEN; i++)
		assert_same_archive(folder, written[i]);
	snprintf(command, sizeof command, "rm -r %s", folder);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

/* The values of the first tensor, and what it is called. */
static const struct {
	const char *file, *name;
	int count;
	double value[6];
} firsts[] = {
	{ "torch/good-zip.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-stream.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-deflated.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-big-endian.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-no-byteorder.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-root.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-protocol-4.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-no-crc.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-lone-tensor.pt", "good-lone-tensor.pt", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-lone-tensor-stream.pt", "good-lone-tensor-stream.pt", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-transposed.pt", "q", 6, { 0, 3, 1, 4, 2, 5 } },
	{ "torch/good-offset.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-shared-storage.pt", "row0", 3, { 0, 1, 2 } },
	{ "torch/good-view-of-a-storage.pt", "q", 3, { 3, 4, 5 } },
	{ "torch/good-half.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-bfloat16.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-float8.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-float8-e5m2.pt", "q", 3, { 1, 2, 4 } },
	{ "torch/good-parameter.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-subclass.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-size.pt", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-scalar-and-empty.pt", "five", 1, { 5 } },
	{ "torch/good-cache.pt", "past_key_values.key_cache.0", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-model-output.pt", "attentions.0", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-named-tuple.pt", "0", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "torch/good-module.pt", "w", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-protocol-0.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-protocol-1.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-protocol-2.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-protocol-3.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-protocol-4.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-protocol-5.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-python-2.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-buffer.pkl", "q", 6, { 0, 3, 1, 4, 2, 5 } },
	{ "pickle/good-big-endian.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-fortran.pkl", "q", 6, { 0, 2, 4, 1, 3, 5 } },
	{ "pickle/good-bfloat16.pkl", "q", 3, { 2, 4, 5 } },
	{ "pickle/good-objects.pkl", "q.0", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-numbers.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-torch-inside.pkl", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "pickle/good-circle.pkl", "0", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "npy/good-object-array.npy", "0", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "npy/good-object-dict.npy", "q", 6, { 0, 1, 2, 3, 4, 5 } },
	{ "npz/good-objects.npz", "a.0", 6, { 0, 1, 2, 3, 4, 5 } },
};

START_TEST(the_first_tensor_is_called_and_holds_what_was_put_in)
{
	struct archive archive;
	struct err_info info = { 0 };
	char path[256];
	snprintf(path, sizeof path, "tests/data/%s", firsts[_i].file);
	ck_assert_msg(archive_open(&archive, path, &info) == ERR_OK, "%s: %s", path, info.text);
	ck_assert_uint_ge(archive.count, 1);
	ck_assert_str_eq(archive.tensor[0].name, firsts[_i].name);
	ck_assert_int_eq(archive_load(&archive, &archive.tensor[0], &info), ERR_OK);
	ck_assert_int_eq(tensor_count(&archive.tensor[0]), firsts[_i].count);
	for (int i = 0; i < firsts[_i].count; i++)
		ck_assert_double_eq(tensor_at(&archive.tensor[0], i), firsts[_i].value[i]);
	archive_release(&archive);
}
END_TEST

static const struct {
	const char *file, *name, *not_there;
	size_t count, skipped;
} lists[] = {
	{ "torch/good-model-output.pt", "attentions.0", "0.0", 1, 0 },
	{ "torch/good-module.pt", "inner.b", "_modules.inner._buffers.b", 2, 0 },
	{ "torch/good-cache.pt", "past_key_values.value_cache.0", "past_key_values", 2, 0 },
	{ "torch/good-sparse-beside.pt", "q", "s", 1, 1 },
	{ "torch/good-text-beside.pt", "q", "scale", 1, 0 },
	{ "pickle/good-numbers.pkl", "ragged.1", "shape", 4, 0 },
	{ "npz/good-objects.npz", "a.1", "a", 3, 0 },
};

START_TEST(containers_list_their_tensors_and_nothing_else)
{
	struct archive archive;
	const struct tensor *tensor;
	struct err_info info = { 0 };
	char path[256];
	snprintf(path, sizeof path, "tests/data/%s", lists[_i].file);
	ck_assert_msg(archive_open(&archive, path, &info) == ERR_OK, "%s: %s", path, info.text);
	ck_assert_uint_eq(archive.skipped, lists[_i].skipped);
	ck_assert_int_eq(archive_get(&archive, lists[_i].name, &tensor, &info), ERR_OK);
	ck_assert_int_eq(archive_get(&archive, lists[_i].not_there, &tensor, NULL), ERR_USAGE);
	ck_assert_uint_eq(archive.count, lists[_i].count);
	archive_release(&archive);
}
END_TEST

/* Repeated rows of an expanded view are one row of the file; two views of one storage are one copy. */
START_TEST(views_lie_in_the_file)
{
	struct archive archive;
	const struct tensor *a, *b;
	ck_assert_int_eq(archive_open(&archive, "tests/data/torch/good-shared-storage.pt", NULL), ERR_OK);
	ck_assert_int_eq(archive_get(&archive, "row0", &a, NULL), ERR_OK);
	ck_assert_int_eq(archive_get(&archive, "row1", &b, NULL), ERR_OK);
	ck_assert_ptr_eq(b->data, a->data + 3 * sizeof(float));
	ck_assert_uint_eq(b->offset, a->offset + 3 * sizeof(float));
	ck_assert_uint_eq((uintptr_t)a->data % 4096, a->offset % 4096);
	archive_release(&archive);
	ck_assert_int_eq(archive_open(&archive, "tests/data/torch/good-expanded.pt", NULL), ERR_OK);
	ck_assert_int_eq(archive_get(&archive, "q", &a, NULL), ERR_OK);
	ck_assert_int_eq(a->stride[0], 0);
	ck_assert_double_eq(tensor_at(a, 23), 5);
	archive_release(&archive);
}
END_TEST

/* A small file of many opcodes, each of which wants as much memory as it can get. */
START_TEST(memory_is_bounded_by_the_size)
{
	enum { SIZE = 1 << 20 };
	static const unsigned char greedy[] = { ']', ')', 'N', '(', '}', 0x8f };
	unsigned char *data = malloc(SIZE);
	struct err_info info = { 0 };
	for (size_t i = 0; i < sizeof greedy; i++) {
		struct archive archive;
		struct bytes bytes;
		char path[] = "/tmp/attnviz-greedy-XXXXXX.pkl";
		int fd = mkstemps(path, 4);
		memset(data, greedy[i], SIZE);
		ck_assert_int_eq(write(fd, data, SIZE), SIZE);
		close(fd);
		ck_assert_int_eq(bytes_open(&bytes, path, NULL), ERR_OK);
		bytes_release(&bytes);
		ck_assert_int_ne(archive_open(&archive, path, &info), ERR_OK);
		unlink(path);
		ck_assert_msg(strstr(info.text, "than its size justifies"), "%c: %s", greedy[i], info.text);
		info.code = ERR_OK;
	}
	free(data);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("torch");
	TCase *tcase = tcase_create("files");
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, kept_files_hold_the_numbers_of_the_npz, 0, WRITTEN);
	tcase_add_test(tcase, files_written_now_hold_the_numbers_of_the_npz);
	tcase_add_loop_test(tcase, the_first_tensor_is_called_and_holds_what_was_put_in, 0, sizeof firsts / sizeof firsts[0]);
	tcase_add_loop_test(tcase, containers_list_their_tensors_and_nothing_else, 0, sizeof lists / sizeof lists[0]);
	tcase_add_test(tcase, views_lie_in_the_file);
	tcase_add_test(tcase, memory_is_bounded_by_the_size);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
