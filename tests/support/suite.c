#include "support/suite.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int skipped;

int suite_main(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	if (skipped)
		printf("skipped: %d\n", skipped);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void suite_skip(int cases, const char *reason)
{
	printf("skipping %d: %s\n", cases, reason);
	skipped += cases;
}

const char *suite_shared(void)
{
	const char *folder = getenv("ATTNVIZ_SHARED");
	if (!folder || !*folder)
		folder = "../shared";
	return access(folder, R_OK) == 0 ? folder : NULL;
}

const char *suite_shared_path(const char *format, ...)
{
	static char path[4096];
	const char *folder = suite_shared();
	if (!folder)
		return NULL;
	int used = snprintf(path, sizeof path, "%s/", folder);
	va_list args;
	va_start(args, format);
	vsnprintf(path + used, sizeof path - (size_t)used, format, args);
	va_end(args);
	return path;
}
