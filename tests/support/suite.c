/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int suite_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void suite_skip(int cases, const char *reason)
{
	printf("skipping %d: %s\n", cases, reason);
	fflush(stdout); /* or every test, which is a fork, would write it again */
}

static const char *path_below(const char *folder, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
static const char *path_below(const char *folder, const char *format, va_list args)
{
	static char path[4096];
	int used = snprintf(path, sizeof path, "%s/", folder);
	vsnprintf(path + used, sizeof path - (size_t)used, format, args);
	return path;
}

const char *suite_data_path(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const char *path = path_below("tests/data", format, args);
	va_end(args);
	return path;
}

const char *suite_external(void)
{
	static char folder[2048];
	const char *shared = getenv("ATTNVIZ_SHARED");
	snprintf(folder, sizeof folder, "%s/data/external", shared && *shared ? shared : "../shared");
	return access(folder, R_OK) == 0 ? folder : NULL;
}

const char *suite_external_path(const char *format, ...)
{
	const char *folder = suite_external();
	va_list args;
	va_start(args, format);
	const char *path = folder ? path_below(folder, format, args) : NULL;
	va_end(args);
	return path;
}
