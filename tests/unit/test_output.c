/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/output.h"
#include "base/pool.h"

static char folder[64];

/* Each test runs inside an empty folder of its own. */
static void enter_folder(void)
{
	snprintf(folder, sizeof folder, "/tmp/attnviz-output-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static int entries(void)
{
	int count = -2; /* . and .. */
	DIR *dir = opendir(".");
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static void leave_folder(void)
{
	DIR *dir = opendir(".");
	for (struct dirent *entry; (entry = readdir(dir));)
		unlink(entry->d_name);
	closedir(dir);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(name, "wb");
	fputs(text, file);
	fclose(file);
}

static const char *get(const char *name)
{
	static char text[4096];
	FILE *file = fopen(name, "rb");
	if (!file)
		return NULL;
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	return text;
}

START_TEST(a_file_appears_when_it_is_complete)
{
	struct output out;
	struct err_info info = { 0 };
	put("map.png", "old");
	ck_assert_int_eq(output_open(&out, "map.png", &info), ERR_OK);
	output_write(&out, "new ", 4);
	output_write(&out, "text", 4);
	ck_assert_int_eq(entries(), 2);
	ck_assert_str_eq(get("map.png"), "old");
	ck_assert_int_eq(output_commit(&out, &info), ERR_OK);
	ck_assert_int_eq(entries(), 1);
	ck_assert_str_eq(get("map.png"), "new text");
	output_release(&out);
}
END_TEST

START_TEST(a_muted_process_writes_nothing)
{
	struct output out;
	struct err_info info = { 0 };
	put("old", "before");
	output_mute();
	static const char *const targets[] = { "new", "old", "-" };
	for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
		ck_assert_int_eq(output_open(&out, targets[i], &info), ERR_OK);
		ck_assert_int_eq(output_write(&out, "text", 4), ERR_OK);
		ck_assert_int_eq(output_commit(&out, &info), ERR_OK);
	}
	ck_assert_int_eq(entries(), 1);
	ck_assert_str_eq(get("old"), "before");
}
END_TEST

START_TEST(a_release_without_commit_leaves_what_was_there)
{
	struct output out;
	put("a", "old");
	ck_assert_int_eq(output_open(&out, "a", NULL), ERR_OK);
	output_write(&out, "new", 3);
	output_release(&out);
	output_release(&out);
	ck_assert_str_eq(get("a"), "old");
	ck_assert_int_eq(entries(), 1);
	struct output zeroed = { 0 };
	output_release(&zeroed);
	ck_assert_int_ne(fcntl(0, F_GETFD), -1);
}
END_TEST

START_TEST(the_mode_follows_the_umask)
{
	static const struct { mode_t mask, mode; } cases[] = { { 022, 0644 }, { 077, 0600 }, { 0, 0666 } };
	for (size_t i = 0; i < 3; i++) {
		umask(cases[i].mask);
		struct output out;
		output_open(&out, "a", NULL);
		ck_assert_int_eq(output_commit(&out, NULL), ERR_OK);
		struct stat status;
		stat("a", &status);
		ck_assert_uint_eq(status.st_mode & 0777, cases[i].mode);
		unlink("a");
	}
}
END_TEST

START_TEST(a_link_stays_and_its_file_is_replaced)
{
	put("real", "old");
	ck_assert_int_eq(symlink("real", "link"), 0);
	struct output out;
	output_open(&out, "link", NULL);
	output_write(&out, "new", 3);
	ck_assert_int_eq(output_commit(&out, NULL), ERR_OK);
	char target[16];
	ck_assert_int_eq(readlink("link", target, sizeof target), 4);
	ck_assert_str_eq(get("real"), "new");
}
END_TEST

START_TEST(a_file_that_is_replaced_keeps_its_mode_and_is_never_more_open)
{
	static const mode_t modes[] = { 0600, 0640, 0444, 0777, 04755 };
	umask(022);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		struct output out;
		struct stat status;
		put("a", "old");
		chmod("a", modes[i]);
		if (access("a", W_OK) != 0) /* only root may replace it */
			chmod("a", 0600);
		stat("a", &status);
		mode_t wanted = status.st_mode;
		ck_assert_int_eq(output_open(&out, "a", NULL), ERR_OK);
		ck_assert_int_eq(stat(out.temporary, &status), 0);
		ck_assert_uint_eq(status.st_mode, wanted);
		ck_assert_int_eq(output_commit(&out, NULL), ERR_OK);
		stat("a", &status);
		ck_assert_uint_eq(status.st_mode, wanted);
		unlink("a");
	}
}
END_TEST

START_TEST(a_link_that_leads_nowhere_yet_has_its_file_made)
{
	char target[16];
	struct output out;
	ck_assert_int_eq(symlink("new", "link"), 0);
	ck_assert_int_eq(symlink("loop", "loop"), 0);
	ck_assert_int_eq(output_open(&out, "link", NULL), ERR_OK);
	output_write(&out, "x", 1);
	ck_assert_int_eq(output_commit(&out, NULL), ERR_OK);
	ck_assert_int_eq(readlink("link", target, sizeof target), 3);
	ck_assert_str_eq(get("new"), "x");
	struct err_info info = { 0 };
	ck_assert_int_eq(output_open(&out, "loop", &info), ERR_IO);
	ck_assert_str_eq(info.text, "cannot create: Too many levels of symbolic links");
}
END_TEST

START_TEST(a_named_descriptor_is_written_where_it_stands)
{
	struct output out;
	char name[32];
	int fd = open("all", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "before ", 7), 7);
	snprintf(name, sizeof name, "/dev/fd/%d", fd);
	ck_assert_int_eq(output_open(&out, name, NULL), ERR_OK);
	output_write(&out, "text", 4);
	ck_assert_int_eq(output_commit(&out, NULL), ERR_OK);
	ck_assert_int_eq(write(fd, " after", 6), 6);
	close(fd);
	ck_assert_str_eq(get("all"), "before text after");
}
END_TEST

START_TEST(names_at_the_limit_of_the_file_system_work)
{
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	struct output out;
	ck_assert_int_eq(output_open(&out, name, NULL), ERR_OK);
	output_write(&out, "x", 1);
	ck_assert_int_eq(output_commit(&out, NULL), ERR_OK);
	ck_assert_str_eq(get(name), "x");
}
END_TEST

static const struct {
	const char *target, *text;
} refused[] = {
	{ "", "the name of the output is empty" },
	{ ".", "is a directory: name a file in it" },
	{ "missing/", "is a directory: name a file in it" },
	{ "missing/a.png", "cannot create: No such file or directory" },
	{ "file/a.png", "cannot create: Not a directory" },
};

START_TEST(impossible_targets_are_refused_at_once)
{
	put("file", "");
	struct output out;
	struct err_info info = { 0 };
	ck_assert_int_eq(output_open(&out, refused[_i].target, &info), ERR_IO);
	ck_assert_str_eq(info.text, refused[_i].text);
	ck_assert_str_eq(info.file, refused[_i].target);
	ck_assert_int_eq(entries(), 1);
	output_release(&out);
}
END_TEST

START_TEST(devices_are_written_directly_and_a_full_one_is_reported)
{
	struct output out;
	struct err_info info = { 0 };
	char block[100000] = "";
	ck_assert_int_eq(output_open(&out, "/dev/null", &info), ERR_OK);
	ck_assert_ptr_null(out.temporary);
	output_write(&out, block, sizeof block);
	ck_assert_int_eq(output_commit(&out, &info), ERR_OK);

	ck_assert_int_eq(output_open(&out, "/dev/full", &info), ERR_OK);
	ck_assert_int_eq(output_write(&out, "x", 1), ERR_OK);
	ck_assert_int_eq(output_write(&out, block, sizeof block), ERR_IO);
	ck_assert_int_eq(output_write(&out, "x", 1), ERR_IO);
	ck_assert_int_eq(output_commit(&out, &info), ERR_IO);
	ck_assert_str_eq(info.text, "cannot write: no space left on the device: free some, or write elsewhere");
	ck_assert_str_eq(info.file, "/dev/full");
}
END_TEST

START_TEST(a_failed_write_leaves_no_file)
{
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100000, 100000 });
	struct output out;
	struct err_info info = { 0 };
	char block[90000] = "";
	output_open(&out, "big", NULL);
	output_write(&out, block, sizeof block);
	output_write(&out, block, sizeof block);
	ck_assert_int_eq(output_commit(&out, &info), ERR_IO);
	ck_assert_str_eq(info.text, "cannot write: File too large");
	ck_assert_int_eq(entries(), 0);
}
END_TEST

START_TEST(parts_may_come_out_of_order)
{
	struct output out;
	ck_assert_int_eq(output_open(&out, "a", NULL), ERR_OK);
	ck_assert(output_seekable(&out));
	output_write(&out, "head", 4);
	ck_assert_int_eq(output_write_at(&out, "second", 6, 9), ERR_OK);
	ck_assert_int_eq(output_write_at(&out, "first", 5, 4), ERR_OK);
	ck_assert_int_eq(output_commit(&out, NULL), ERR_OK);
	ck_assert_str_eq(get("a"), "headfirstsecond");
}
END_TEST

START_TEST(positions_beyond_the_largest_file_are_errors)
{
	struct output out;
	struct err_info info = { 0 };
	output_open(&out, "a", NULL);
	ck_assert_int_eq(output_write_at(&out, "x", 1, UINT64_MAX), ERR_IO);
	ck_assert_int_eq(output_commit(&out, &info), ERR_IO);
	ck_assert_str_eq(info.text, "cannot write: File too large");
}
END_TEST

/* Run in a child whose standard output is `fd`. */
static int with_stdout(int fd, int (*run)(void))
{
	pid_t child = fork();
	if (child == 0) {
		dup2(fd, STDOUT_FILENO);
		_exit(run());
	}
	int status;
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int write_by_position(void)
{
	struct output out;
	if (output_open(&out, "-", NULL) != ERR_OK || !output_seekable(&out))
		return 1;
	output_write_at(&out, "BB", 2, 2);
	output_write_at(&out, "AA", 2, 0);
	return output_commit(&out, NULL) != ERR_OK || fcntl(STDOUT_FILENO, F_GETFD) == -1;
}

START_TEST(standard_output_may_be_in_the_middle_of_a_file)
{
	int fd = open("all", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "before ", 7), 7);
	ck_assert_int_eq(with_stdout(fd, write_by_position), 0);
	ck_assert_int_eq(write(fd, " after", 6), 6);
	close(fd);
	ck_assert_str_eq(get("all"), "before AABB after");
}
END_TEST

static int position_is_refused(void)
{
	struct output out;
	struct err_info info = { 0 };
	output_open(&out, "-", NULL);
	bool refused_at = !output_seekable(&out) && output_write_at(&out, "x", 1, 0) == ERR_IO;
	output_commit(&out, &info);
	return !(refused_at && strcmp(info.file, "standard output") == 0);
}

START_TEST(pipes_and_appended_files_have_no_positions)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(with_stdout(ends[1], position_is_refused), 0);
	int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	ck_assert_int_eq(with_stdout(fd, position_is_refused), 0);
	close(fd);
}
END_TEST

static int write_to_closed_pipe(void)
{
	struct output out;
	struct err_info info = { 0 };
	output_guard_signals();
	output_open(&out, "-", NULL);
	output_write(&out, "x", 1);
	return output_commit(&out, &info) == ERR_PIPE ? 42 : 1;
}

START_TEST(a_closed_pipe_is_an_error_and_no_death)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	close(ends[0]);
	ck_assert_int_eq(with_stdout(ends[1], write_to_closed_pipe), 42);
}
END_TEST

static void on_alarm(int number)
{
	(void)number;
}

/* A non-blocking pipe takes parts, refuses, and a timer interrupts the rest. */
static int write_a_megabyte(void)
{
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = on_alarm }, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 300 }, { 0, 300 } }, NULL);
	struct output out;
	output_open(&out, "-", NULL);
	for (uint32_t i = 0; i < 1 << 18; i++)
		output_write(&out, &i, sizeof i);
	return output_commit(&out, NULL) != ERR_OK;
}

START_TEST(short_and_interrupted_writes_go_on)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	pid_t reader = fork();
	if (reader == 0) {
		close(ends[1]);
		uint32_t wanted = 0;
		unsigned char bytes[1000];
		size_t held = 0;
		for (ssize_t got; (got = read(ends[0], bytes + held, sizeof bytes - held)) > 0;) {
			held += (size_t)got;
			size_t at = 0;
			for (uint32_t value; at + sizeof value <= held; at += sizeof value) {
				memcpy(&value, bytes + at, sizeof value);
				if (value != wanted++)
					_exit(1);
			}
			memmove(bytes, bytes + at, held - at);
			held -= at;
		}
		_exit(wanted == 1 << 18 ? 0 : 2);
	}
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	ck_assert_int_eq(with_stdout(ends[1], write_a_megabyte), 0);
	close(ends[1]);
	int status;
	waitpid(reader, &status, 0);
	ck_assert_int_eq(status, 0);
}
END_TEST

static int number_to_raise;

static int die_while_writing(void)
{
	struct output first, second;
	output_guard_signals();
	output_open(&first, "first.png", NULL);
	output_open(&second, "second.png", NULL);
	output_write(&first, "x", 1);
	if (number_to_raise == 0)
		exit(7);
	raise(number_to_raise);
	return 0;
}

START_TEST(signals_and_exit_remove_temporaries)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGPROF, SIGVTALRM, SIGIO, SIGPWR, SIGSYS, 0 };
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		number_to_raise = numbers[i];
		if (numbers[i]) /* Check has handlers for some */
			signal(numbers[i], SIG_DFL);
		ck_assert_int_eq(with_stdout(STDOUT_FILENO, die_while_writing), numbers[i] ? 100 + numbers[i] : 7);
		ck_assert_int_eq(entries(), 0);
	}
}
END_TEST

static enum err sleep_a_little(void *data, int64_t job, int worker)
{
	(void)data, (void)job, (void)worker;
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	return ERR_OK;
}

/* The signal goes to the process, whose threads are all at work. */
START_TEST(a_signal_amid_threads_removes_temporaries)
{
	pid_t child = fork();
	if (child == 0) {
		struct output out;
		signal(SIGTERM, SIG_DFL);
		output_guard_signals();
		struct pool *pool = pool_new(4);
		output_open(&out, "map.png", NULL);
		pool_run(pool, 1000000, sleep_a_little, NULL);
		_exit(1);
	}
	while (entries() == 0)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	kill(child, SIGTERM);
	int status;
	waitpid(child, &status, 0);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	ck_assert_int_eq(entries(), 0);
}
END_TEST

START_TEST(an_ignored_signal_stays_ignored)
{
	signal(SIGHUP, SIG_IGN);
	number_to_raise = SIGHUP;
	ck_assert_int_eq(with_stdout(STDOUT_FILENO, die_while_writing), 0);
}
END_TEST

START_TEST(many_outputs_may_be_open_and_too_many_are_refused)
{
	struct output outs[40];
	int opened = 0;
	struct err_info info = { 0 };
	for (int i = 0; i < 40; i++) {
		char name[16];
		snprintf(name, sizeof name, "out%d", i);
		opened += output_open(&outs[i], name, &info) == ERR_OK;
	}
	ck_assert_int_eq(opened, 32);
	ck_assert_str_eq(info.text, "too many files are being written at once");
	for (int i = 0; i < 40; i++)
		output_release(&outs[i]);
	ck_assert_int_eq(entries(), 0);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("output");
	tcase_add_checked_fixture(tests, enter_folder, leave_folder);
	tcase_add_test(tests, a_file_appears_when_it_is_complete);
	tcase_add_test(tests, a_release_without_commit_leaves_what_was_there);
	tcase_add_test(tests, the_mode_follows_the_umask);
	tcase_add_test(tests, a_link_stays_and_its_file_is_replaced);
	tcase_add_test(tests, a_file_that_is_replaced_keeps_its_mode_and_is_never_more_open);
	tcase_add_test(tests, a_link_that_leads_nowhere_yet_has_its_file_made);
	tcase_add_test(tests, a_named_descriptor_is_written_where_it_stands);
	tcase_add_test(tests, names_at_the_limit_of_the_file_system_work);
	tcase_add_loop_test(tests, impossible_targets_are_refused_at_once, 0, (int)(sizeof refused / sizeof refused[0]));
	tcase_add_test(tests, devices_are_written_directly_and_a_full_one_is_reported);
	tcase_add_test(tests, a_failed_write_leaves_no_file);
	tcase_add_test(tests, parts_may_come_out_of_order);
	tcase_add_test(tests, positions_beyond_the_largest_file_are_errors);
	tcase_add_test(tests, standard_output_may_be_in_the_middle_of_a_file);
	tcase_add_test(tests, pipes_and_appended_files_have_no_positions);
	tcase_add_test(tests, a_closed_pipe_is_an_error_and_no_death);
	tcase_add_test(tests, short_and_interrupted_writes_go_on);
	tcase_add_test(tests, signals_and_exit_remove_temporaries);
	tcase_add_test(tests, a_signal_amid_threads_removes_temporaries);
	tcase_add_test(tests, an_ignored_signal_stays_ignored);
	tcase_add_test(tests, many_outputs_may_be_open_and_too_many_are_refused);
	tcase_add_test(tests, a_muted_process_writes_nothing); /* the last: it stays muted */
	Suite *suite = suite_create("output");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
