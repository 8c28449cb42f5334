/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mapped.h"
#include "base/output.h"
#include "base/pool.h"
#include "support/temporary.h"

enum { SIZE = 40000 };

static char *folder, *file;
static unsigned char bytes[SIZE];

static void make_file(void)
{
	folder = temporary_folder();
	memset(bytes, 7, sizeof bytes);
	file = temporary_file(folder, "in", bytes, sizeof bytes);
}

static void remove_file(void)
{
	free(file);
	temporary_remove(folder);
}

static const unsigned char *map(const char *name)
{
	const void *data = NULL;
	int fd = open(name, O_RDONLY);
	ck_assert_int_eq(mapped_open(fd, SIZE, name, &data, NULL), ERR_OK);
	close(fd);
	return data;
}

static struct err_info changed(void)
{
	struct err_info info = { 0 };
	ck_assert_int_eq(mapped_unchanged(&info), info.code);
	return info;
}

START_TEST(a_file_that_stays_is_unchanged)
{
	const unsigned char *data = map(file);
	ck_assert_int_eq(data[SIZE - 1], 7);
	ck_assert_int_eq(changed().code, ERR_OK);
	ck_assert_ptr_nonnull(mapped_line(data));
	ck_assert_ptr_nonnull(mapped_line(data + SIZE - 1));
	ck_assert_ptr_null(mapped_line(data + SIZE));
	ck_assert_ptr_null(mapped_line(data - 1));
	mapped_close(data);
	ck_assert_ptr_null(mapped_line(data));
	ck_assert_int_eq(changed().code, ERR_OK);
}
END_TEST

START_TEST(a_cut_is_seen_while_it_is_mapped_and_after)
{
	const unsigned char *data = map(file);
	ck_assert_int_eq(truncate(file, SIZE - 1), 0);
	if (_i)
		mapped_close(data);
	struct err_info info = changed();
	ck_assert_int_eq(info.code, ERR_IO);
	ck_assert_str_eq(info.file, file);
	ck_assert_str_eq(info.text, "became shorter while it was read: run again when it is whole");
}
END_TEST

START_TEST(bytes_written_in_place_are_seen)
{
	static const struct timespec then[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	utimensat(AT_FDCWD, file, then, 0);
	map(file);
	int fd = open(file, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "x", 1, 5), 1);
	close(fd);
	ck_assert_str_eq(changed().text, "was written while it was read: run again when it is whole");
}
END_TEST

START_TEST(another_file_of_the_name_is_no_change)
{
	const unsigned char *data = map(file);
	char *other = temporary_file(folder, "other", "short", 5);
	ck_assert_int_eq(rename(other, file), 0);
	free(other);
	ck_assert_int_eq(changed().code, ERR_OK);
	ck_assert_int_eq(data[SIZE - 1], 7);
	mapped_close(data);
}
END_TEST

START_TEST(places_are_used_again)
{
	const unsigned char *data[50];
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 50; i++)
			data[i] = map(file);
		for (int i = 0; i < 50; i++)
			ck_assert_ptr_nonnull(mapped_line(data[i] + 100));
		for (int i = 0; i < 50; i++)
			mapped_close(data[i]);
	}
	ck_assert_int_eq(changed().code, ERR_OK);
}
END_TEST

static enum err read_last(void *data, int64_t job, int worker)
{
	(void)job, (void)worker;
	volatile unsigned char last = ((const unsigned char *)data)[SIZE - 1];
	(void)last;
	return ERR_OK;
}

/* Read the last byte of `data` in a child, by as many threads; what it says lands in `said`. */
static int read_in_child(const unsigned char *data, int threads, char *said, size_t room)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		output_guard_signals();
		struct pool *pool = pool_new(threads);
		pool_run(pool, 100, read_last, (void *)data);
		_exit(0);
	}
	close(ends[1]);
	size_t held = 0;
	for (ssize_t got; held + 1 < room && (got = read(ends[0], said + held, room - held - 1)) > 0;)
		held += (size_t)got;
	said[held] = '\0';
	close(ends[0]);
	int status;
	waitpid(child, &status, 0);
	return status;
}

START_TEST(a_page_that_is_gone_ends_the_program_with_the_name)
{
	const unsigned char *data = map(file);
	char said[8192], wanted[512];
	ck_assert_int_eq(truncate(file, 10), 0);
	int status = read_in_child(data, _i ? 4 : 1, said, sizeof said);
	snprintf(wanted, sizeof wanted, "attnviz: %s: became shorter while it was read: run again when it is whole\n", file);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	ck_assert_str_eq(said, wanted);
}
END_TEST

/* Somebody else's mapping: not an input. */
START_TEST(any_other_page_is_a_death)
{
	int fd = open(file, O_RDONLY);
	const unsigned char *data = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fd, 0);
	char said[8192];
	ck_assert_int_eq(truncate(file, 10), 0);
	int status = read_in_child(data, 1, said, sizeof said);
	ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0); /* a sanitizer exits with its own status */
	ck_assert_ptr_null(strstr(said, "became shorter"));
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("mapped");
	tcase_add_checked_fixture(tests, make_file, remove_file);
	tcase_add_test(tests, a_file_that_stays_is_unchanged);
	tcase_add_loop_test(tests, a_cut_is_seen_while_it_is_mapped_and_after, 0, 2);
	tcase_add_test(tests, bytes_written_in_place_are_seen);
	tcase_add_test(tests, another_file_of_the_name_is_no_change);
	tcase_add_test(tests, places_are_used_again);
	tcase_add_loop_test(tests, a_page_that_is_gone_ends_the_program_with_the_name, 0, 2);
	tcase_add_test(tests, any_other_page_is_a_death);
	Suite *suite = suite_create("mapped");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
