/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"

static int reader, kept;

/* Standard error goes to a pipe while a test runs. */
static void catch_stderr(void)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	kept = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader = ends[0];
}

static void let_stderr(void)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
	close(reader);
}

/* What was written since the last call, "" for nothing. */
static const char *heard(void)
{
	static char text[16384];
	ck_assert_int_eq(write(STDERR_FILENO, "|", 1), 1);
	size_t len = 0;
	while (len == 0 || text[len - 1] != '|')
		len += (size_t)read(reader, text + len, sizeof text - 1 - len);
	text[len - 1] = '\0';
	return text;
}

START_TEST(a_line_has_a_prefix_and_an_end)
{
	message_error("%s: no such head: %d", "a.npy", 9);
	ck_assert_str_eq(heard(), "attnviz: a.npy: no such head: 9\n");
	message_warning("w");
	ck_assert_str_eq(heard(), "attnviz: warning: w\n");
	message_note("n");
	ck_assert_str_eq(heard(), "attnviz: note: n\n");
}
END_TEST

START_TEST(hostile_names_cannot_drive_the_terminal)
{
	message_error("a\x1B[2Jb\nattnviz: fine\xFF");
	ck_assert_str_eq(heard(), "attnviz: a␛[2Jb␊attnviz: fine\\xFF\n");
}
END_TEST

static char told[256];

static void tell(const char *line)
{
	snprintf(told, sizeof told, "%s", line);
}

START_TEST(diverted_lines_are_not_printed)
{
	message_divert(tell);
	message_error("no such head: %d", 9);
	ck_assert_str_eq(told, "no such head: 9");
	ck_assert_str_eq(heard(), "");
	ck_assert_int_eq(message_status(), EXIT_FAILED);
	message_divert(NULL);
	message_error("again");
	ck_assert_str_eq(heard(), "attnviz: again\n");
}
END_TEST

START_TEST(an_err_info_names_file_and_byte)
{
	struct err_info info = { .code = ERR_FORMAT, .has_offset = true, .offset = 10, .file = "a.npy", .text = "bad header" };
	message_err_info(&info);
	ck_assert_str_eq(heard(), "attnviz: a.npy: bad header (byte 10)\n");
	struct err_info bare = { .code = ERR_VALUE, .text = "NaN" };
	message_err_info(&bare);
	ck_assert_str_eq(heard(), "attnviz: NaN\n");
	message_err_info(&(struct err_info){ 0 });
	ck_assert_str_eq(heard(), "");
}
END_TEST

START_TEST(the_status_is_only_raised)
{
	ck_assert_int_eq(message_status(), EXIT_FINE);
	message_warning("w");
	message_err_info(&(struct err_info){ 0 });
	ck_assert_int_eq(message_status(), EXIT_FINE);
	message_error("e");
	ck_assert_int_eq(message_status(), EXIT_FAILED);
	message_err_info(&(struct err_info){ .code = ERR_USAGE, .text = "u" });
	ck_assert_int_eq(message_status(), EXIT_USAGE);
	message_raise(EXIT_FINE);
	message_error("e");
	ck_assert_int_eq(message_status(), EXIT_USAGE);
}
END_TEST

START_TEST(quiet_silences_all_but_errors)
{
	message_set_quiet(true);
	message_warning("w");
	message_note("n");
	ck_assert_str_eq(heard(), "");
	message_error("e");
	ck_assert_str_eq(heard(), "attnviz: e\n");
}
END_TEST

START_TEST(errno_and_long_lines_are_kept_in_bounds)
{
	char text[10000];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	errno = EXDEV;
	message_error("%s", text);
	ck_assert_int_eq(errno, EXDEV);
	const char *line = heard();
	ck_assert_uint_gt(strlen(line), 4000);
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("message");
	tcase_add_checked_fixture(tests, catch_stderr, let_stderr);
	tcase_add_test(tests, a_line_has_a_prefix_and_an_end);
	tcase_add_test(tests, hostile_names_cannot_drive_the_terminal);
	tcase_add_test(tests, diverted_lines_are_not_printed);
	tcase_add_test(tests, an_err_info_names_file_and_byte);
	tcase_add_test(tests, the_status_is_only_raised);
	tcase_add_test(tests, quiet_silences_all_but_errors);
	tcase_add_test(tests, errno_and_long_lines_are_kept_in_bounds);
	Suite *suite = suite_create("message");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
