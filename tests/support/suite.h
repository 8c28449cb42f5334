/* SPDX-License-Identifier: MIT */
/*
 * What every test program shares: the runner over Check, and the way to the data.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_SUITE_H
#define ATTNVIZ_TESTS_SUPPORT_SUITE_H

#include <check.h>

/* Run one suite; prints Check's summary. Returns main's status. Honours CK_FORK. */
int suite_main(Suite *suite);

/* Report cases that could not run, with the reason: "skipping N: reason", which tests/run.sh counts. */
void suite_skip(int cases, const char *reason);

/* A path below tests/data, seen from the checkout, in a static buffer that the next call of any of these reuses. */
const char *suite_data_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The folder with cases that others wrote, which are read and not copied: $ATTNVIZ_SHARED/data/external, else ../shared/data/external. NULL where it is absent. */
const char *suite_external(void);

/* A path below it; NULL where the folder is absent. */
const char *suite_external_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
