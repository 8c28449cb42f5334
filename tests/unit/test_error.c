/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"

START_TEST(the_first_error_stands)
{
	struct err_info info = { 0 };
	ck_assert_int_eq(err_set(&info, ERR_SHAPE, "query has %d axes", 5), ERR_SHAPE);
	ck_assert_int_eq(err_set(&info, ERR_IO, "later"), ERR_IO);
	ck_assert_int_eq(info.code, ERR_SHAPE);
	ck_assert_str_eq(info.text, "query has 5 axes");
}
END_TEST

START_TEST(no_info_is_no_obstacle)
{
	ck_assert_int_eq(err_set(NULL, ERR_VALUE, "%s", "x"), ERR_VALUE);
	errno = ENOENT;
	ck_assert_int_eq(err_set_errno(NULL, "cannot open"), ERR_IO);
	ck_assert_int_eq(err_nomem(NULL, "tokens"), ERR_NOMEM);
	ck_assert_int_eq(err_in_file(NULL, "a"), ERR_OK);
	ck_assert_int_eq(err_at(NULL, 7), ERR_OK);
}
END_TEST

START_TEST(errno_gives_text_and_code)
{
	struct err_info info = { 0 };
	errno = ENOENT;
	ck_assert_int_eq(err_set_errno(&info, "cannot open"), ERR_IO);
	ck_assert_str_eq(info.text, "cannot open: No such file or directory");
	ck_assert_int_eq(errno, ENOENT);
	struct err_info memory = { 0 };
	errno = ENOMEM;
	ck_assert_int_eq(err_set_errno(&memory, "cannot map"), ERR_NOMEM);
}
END_TEST

START_TEST(file_and_offset_are_noted_once)
{
	struct err_info info = { 0 };
	ck_assert_int_eq(err_in_file(&info, "early.npy"), ERR_OK);
	ck_assert_str_eq(info.file, "");
	err_set(&info, ERR_FORMAT, "no magic");
	ck_assert_int_eq(err_in_file(&info, "a.npy"), ERR_FORMAT);
	ck_assert_int_eq(err_at(&info, 0), ERR_FORMAT);
	err_in_file(&info, "b.npy");
	err_at(&info, 9);
	ck_assert_str_eq(info.file, "a.npy");
	ck_assert(info.has_offset);
	ck_assert_uint_eq(info.offset, 0);
}
END_TEST

/* Every length of an ASCII start, so that the cut falls on each byte of a character of 2, 3 and 4 bytes. */
START_TEST(long_text_is_cut_between_characters)
{
	static const char *const characters[] = { "é", "語", "😀" };
	for (size_t c = 0; c < 3; c++) {
		for (size_t start = 0; start < 5; start++) {
			char text[2 * ERR_TEXT_MAX] = "";
			memset(text, 'a', start);
			size_t size = strlen(characters[c]);
			for (size_t at = start; at < ERR_TEXT_MAX + 8; at += size)
				memcpy(text + at, characters[c], size);
			struct err_info info = { 0 };
			err_set(&info, ERR_VALUE, "%s", text);
			size_t len = strlen(info.text);
			ck_assert(utf8_valid(info.text, len));
			ck_assert_uint_lt(len, ERR_TEXT_MAX);
			ck_assert_uint_gt(len + size, ERR_TEXT_MAX - 1);
			ck_assert_mem_eq(info.text, text, len);
			err_in_file(&info, text);
			ck_assert(utf8_valid(info.file, strlen(info.file)));
			ck_assert_uint_gt(strlen(info.file) + size, ERR_FILE_MAX - 1);
		}
	}
}
END_TEST

START_TEST(long_text_leaves_no_half_of_errno)
{
	char text[ERR_TEXT_MAX];
	memset(text, 'x', sizeof text);
	for (size_t len = ERR_TEXT_MAX - 30; len < ERR_TEXT_MAX; len++) {
		struct err_info info = { 0 };
		errno = ENOENT;
		err_set_errno(&info, "%.*s", (int)len, text);
		ck_assert_uint_lt(strlen(info.text), ERR_TEXT_MAX);
		ck_assert_mem_eq(info.text, text, len < ERR_TEXT_MAX - 1 ? len : ERR_TEXT_MAX - 1);
	}
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("error");
	tcase_add_test(tests, the_first_error_stands);
	tcase_add_test(tests, no_info_is_no_obstacle);
	tcase_add_test(tests, errno_gives_text_and_code);
	tcase_add_test(tests, file_and_offset_are_noted_once);
	tcase_add_test(tests, long_text_is_cut_between_characters);
	tcase_add_test(tests, long_text_leaves_no_half_of_errno);
	Suite *suite = suite_create("error");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
