/* SPDX-License-Identifier: MIT */
/* The files of tests/data: each opens, or is refused, as tests/data/expected.tsv says. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/suite.h"
#include "tensor/reader.h"

enum { FILES_MAX = 512 };

static struct line {
	char file[128], code[16], text[160];
} lines[FILES_MAX];
static int line_count;

static void read_expected(void)
{
	FILE *list = fopen("tests/data/expected.tsv", "r");
	char row[512];
	while (list && line_count < FILES_MAX && fgets(row, sizeof row, list)) {
		struct line *line = &lines[line_count];
		if (sscanf(row, "%127[^\t]\t%15[^\t]\t%159[^\n]", line->file, line->code, line->text) >= 2)
			line_count++;
	}
	if (list)
		fclose(list);
}

static enum err code_of(const char *name)
{
	static const struct {
		const char *name;
		enum err code;
	} table[] = {
		{ "OK", ERR_OK }, { "FORMAT", ERR_FORMAT }, { "UNSUPPORTED", ERR_UNSUPPORTED }, { "IO", ERR_IO }, { "VALUE", ERR_VALUE },
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (strcmp(table[i].name, name) == 0)
			return table[i].code;
	ck_abort_msg("unknown code %s", name);
	return ERR_OK;
}

static double sum_of(const struct tensor *tensor)
{
	double sum = 0;
	for (int64_t i = 0; i < tensor_count(tensor); i++)
		sum += tensor_at(tensor, i);
	return sum;
}

/* Open, load everything, and touch every element, so that a wrong offset is seen by the sanitizers. */
static enum err read_all(const char *path, double *sum, struct err_info *info)
{
	struct archive archive;
	const struct tensor *tensor;
	enum err err = archive_open(&archive, path, info);
	*sum = 0;
	if (!err && archive.count == 0)
		err = archive_get(&archive, NULL, &tensor, info);
	for (size_t i = 0; !err && i < archive.count; i++) {
		err = archive_get(&archive, archive.tensor[i].name, &tensor, info);
		*sum += err ? 0 : sum_of(tensor);
	}
	archive_release(&archive);
	return err;
}

START_TEST(each_file_is_read_or_refused_as_the_list_says)
{
	const struct line *line = &lines[_i];
	char path[256];
	snprintf(path, sizeof path, "tests/data/%s", line->file);
	struct err_info info = { 0 };
	double sum;
	enum err err = read_all(path, &sum, &info), wanted = code_of(line->code);
	ck_assert_msg(err == wanted && info.code == wanted, "%s: code %d, wanted %s: %s", line->file, err, line->code, info.text);
	if (!wanted)
		return;
	ck_assert_msg(strstr(info.text, line->text), "%s: \"%s\" does not say \"%s\"", line->file, info.text, line->text);
	ck_assert_msg(strstr(info.file, "tests/data/") == info.file, "%s: the message names \"%s\"", line->file, info.file);
	ck_assert_ptr_null(strchr(info.text, '\n'));
}
END_TEST

static void assert_listed(const char *folder)
{
	char path[256];
	snprintf(path, sizeof path, "tests/data/%s", folder);
	DIR *list = opendir(path);
	ck_assert_ptr_nonnull(list);
	for (struct dirent *entry; (entry = readdir(list));) {
		bool found = entry->d_name[0] == '.';
		for (int i = 0; !found && i < line_count; i++)
			found = strcmp(strchr(lines[i].file, '/') + 1, entry->d_name) == 0;
		ck_assert_msg(found, "%s/%s is not in expected.tsv", path, entry->d_name);
	}
	closedir(list);
}

START_TEST(every_file_is_in_the_list)
{
	ck_assert_int_gt(line_count, 100);
	static const char *const folders[] = { "npy", "npz", "safetensors", "torch", "pickle", "other" };
	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		assert_listed(folders[i]);
}
END_TEST

/* The same numbers 0 .. 5, once or twice, in every good file that holds them. */
static const struct {
	const char *file;
	double sum;
} sums[] = {
	{ "npy/good-float32.npy", 15 }, { "npy/good-fortran-order.npy", 15 }, { "npy/good-big-endian.npy", 15 },
	{ "npy/good-float16.npy", 15 }, { "npy/good-float64.npy", 15 }, { "npy/good-bool.npy", 3 },
	{ "npy/good-second-array-follows.npy", 30 }, { "npz/good-stored.npz", 30 }, { "npz/good-deflated.npz", 30 },
	{ "npz/good-zip64.npz", 30 }, { "npz/good-zip64-directory.npz", 30 }, { "npz/good-comment.npz", 30 }, { "npz/good-streamed.npz", 30 }, { "npz/good-text-beside.npz", 30 },
	{ "safetensors/good-float32.safetensors", 30 }, { "safetensors/good-not-in-order-of-data.safetensors", 30 },
	{ "safetensors/good-float4-beside.safetensors", 15 }, { "safetensors/good-sharded.safetensors.index.json", 60 },
	/* (1 + 2 - 1 + 448) / 2 and the scale itself */
	{ "safetensors/good-float8-with-scale.safetensors", 225.5 },
	/* (1 + 2 - 1 + 57344) * 2 and the scale itself */
	{ "safetensors/good-float8-scale-inv.safetensors", 114694 },
};

START_TEST(good_files_hold_the_numbers_that_were_put_in)
{
	char path[256];
	snprintf(path, sizeof path, "tests/data/%s", sums[_i].file);
	struct err_info info = { 0 };
	double sum;
	ck_assert_msg(read_all(path, &sum, &info) == ERR_OK, "%s", info.text);
	ck_assert_double_eq(sum, sums[_i].sum);
}
END_TEST

START_TEST(arrays_one_after_another_are_called_by_their_place)
{
	struct archive archive;
	const struct tensor *tensor;
	struct err_info info = { 0 };
	ck_assert_int_eq(archive_open(&archive, "tests/data/npy/good-second-array-follows.npy", NULL), ERR_OK);
	ck_assert_uint_eq(archive.count, 2);
	ck_assert_int_eq(archive_get(&archive, NULL, &tensor, &info), ERR_USAGE);
	ck_assert_str_eq(info.text, "several tensors: name one as FILE:NAME, of 0, 1");
	ck_assert_int_eq(archive_get(&archive, "1", &tensor, NULL), ERR_OK);
	ck_assert_uint_eq(tensor->offset, 128 + 24 + 128);
	ck_assert_double_eq(tensor_at(tensor, 5), 5);
	archive_release(&archive);
}
END_TEST

START_TEST(arrays_are_taken_in_turn_and_once)
{
	struct archive archive;
	struct err_info info = { 0 };
	ck_assert_int_eq(archive_open(&archive, "tests/data/npy/good-second-array-follows.npy", NULL), ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(archive_take(&archive, i, NULL), ERR_OK);
		ck_assert_uint_eq(archive.taken, i + 1);
	}
	ck_assert_int_eq(archive_take(&archive, 2, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "holds 2 arrays"));
	archive_release(&archive);
}
END_TEST

/* --- names --- */

START_TEST(the_only_tensor_needs_no_name)
{
	struct archive archive;
	const struct tensor *tensor;
	ck_assert_int_eq(archive_open(&archive, "tests/data/npy/good-float32.npy", NULL), ERR_OK);
	ck_assert_int_eq(archive_get(&archive, NULL, &tensor, NULL), ERR_OK);
	ck_assert_str_eq(tensor->name, "good-float32.npy");
	archive_release(&archive);
}
END_TEST

START_TEST(a_wrong_name_lists_the_right_ones)
{
	struct archive archive;
	const struct tensor *tensor;
	struct err_info info = { 0 }, several = { 0 };
	ck_assert_int_eq(archive_open(&archive, "tests/data/npz/good-stored.npz", NULL), ERR_OK);
	ck_assert_int_eq(archive_get(&archive, "query", &tensor, &info), ERR_USAGE);
	ck_assert_str_eq(info.text, "no tensor is called \"query\"; there are: q, k");
	ck_assert_int_eq(archive_get(&archive, NULL, &tensor, &several), ERR_USAGE);
	ck_assert_str_eq(several.text, "several tensors: name one as FILE:NAME, of q, k");
	ck_assert_int_eq(archive_get(&archive, "k", &tensor, NULL), ERR_OK);
	archive_release(&archive);
}
END_TEST

static const struct {
	const char *spec, *file, *name;
} specs[] = {
	{ "tests/data/npz/good-stored.npz:q", "tests/data/npz/good-stored.npz", "q" },
	{ "tests/data/npz/good-stored.npz:a:b", "tests/data/npz/good-stored.npz", "a:b" },
	{ "tests/data/npz/good-stored.npz", "tests/data/npz/good-stored.npz", NULL },
	{ "-:q", "-", "q" },
	{ "-", "-", NULL },
	{ "missing.npz:q", "missing.npz", "q" },
	{ "missing.npz", "missing.npz", NULL },
	{ "host:/a/b.npy", "host:/a/b.npy", NULL },
	{ "missing:", "missing:", NULL },
};

START_TEST(a_spec_is_a_file_and_perhaps_a_name)
{
	char *file, *name;
	ck_assert_int_eq(archive_split_spec(specs[_i].spec, &file, &name, NULL), ERR_OK);
	ck_assert_str_eq(file, specs[_i].file);
	ck_assert_pstr_eq(name, specs[_i].name);
	free(file);
	free(name);
}
END_TEST

/* --- pipes --- */

static enum err read_piped(const char *path, double *sum, struct err_info *info)
{
	char command[300];
	snprintf(command, sizeof command, "cat %s", path);
	FILE *pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	ck_assert_int_ge(dup2(fileno(pipe), STDIN_FILENO), 0);
	enum err err = read_all("-", sum, info);
	close(STDIN_FILENO); /* or the writer would wait for us */
	pclose(pipe);
	return err;
}

START_TEST(every_container_may_come_through_a_pipe)
{
	static const char *const files[] = { "npy/good-float32.npy", "npz/good-deflated.npz", "safetensors/good-float32.safetensors" };
	static const double wanted[] = { 15, 30, 30 };
	char path[256];
	snprintf(path, sizeof path, "tests/data/%s", files[_i]);
	struct err_info info = { 0 };
	double sum;
	ck_assert_msg(read_piped(path, &sum, &info) == ERR_OK, "%s", info.text);
	ck_assert_double_eq(sum, wanted[_i]);
}
END_TEST

/* Were it read to its end, this test would not end. */
START_TEST(an_endless_stream_of_something_else_is_refused)
{
	struct err_info info = { 0 };
	double sum;
	ck_assert_int_eq(read_piped("/dev/zero", &sum, &info), ERR_FORMAT);
	ck_assert_str_eq(info.file, "standard input");
}
END_TEST

START_TEST(a_folder_and_a_missing_file_are_named)
{
	struct archive archive;
	struct err_info folder = { 0 }, missing = { 0 };
	ck_assert_int_eq(archive_open(&archive, "tests", &folder), ERR_IO);
	ck_assert_str_eq(folder.text, "is a directory");
	ck_assert_int_eq(archive_open(&archive, "missing.npy", &missing), ERR_IO);
	ck_assert_str_eq(missing.file, "missing.npy");
	archive_release(&archive);
}
END_TEST

int main(void)
{
	read_expected();
	Suite *suite = suite_create("archives");
	TCase *tcase = tcase_create("files");
	tcase_add_loop_test(tcase, each_file_is_read_or_refused_as_the_list_says, 0, line_count);
	tcase_add_test(tcase, every_file_is_in_the_list);
	tcase_add_loop_test(tcase, good_files_hold_the_numbers_that_were_put_in, 0, sizeof sums / sizeof sums[0]);
	tcase_add_test(tcase, arrays_one_after_another_are_called_by_their_place);
	tcase_add_test(tcase, arrays_are_taken_in_turn_and_once);
	tcase_add_test(tcase, the_only_tensor_needs_no_name);
	tcase_add_test(tcase, a_wrong_name_lists_the_right_ones);
	tcase_add_loop_test(tcase, a_spec_is_a_file_and_perhaps_a_name, 0, sizeof specs / sizeof specs[0]);
	tcase_add_loop_test(tcase, every_container_may_come_through_a_pipe, 0, 3);
	tcase_add_test(tcase, an_endless_stream_of_something_else_is_refused);
	tcase_add_test(tcase, a_folder_and_a_missing_file_are_named);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
