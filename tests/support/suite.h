/*
 * What every test program shares: the runner over Check, and the way to the data that lies outside the repository.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_SUITE_H
#define ATTNVIZ_TESTS_SUPPORT_SUITE_H

#include <check.h>

/* Run one suite; prints Check's summary, and "skipped: N" where suite_skip was called. Returns main's status. Honours CK_FORK. */
int suite_main(Suite *suite);

/* Count cases that could not run, with the reason. */
void suite_skip(int cases, const char *reason);

/* The folder with dumps and vectors: $ATTNVIZ_SHARED, else ../shared, seen from the checkout. NULL where it is absent. */
const char *suite_shared(void);

/* A path below it, in a static buffer that the next call reuses; NULL where the folder is absent. */
const char *suite_shared_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
