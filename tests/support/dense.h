/* SPDX-License-Identifier: MIT */
/*
 * Whole matrices of small sources, by the slow twin and by the driver, and the comparison of both with what is expected.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_DENSE_H
#define ATTNVIZ_TESTS_SUPPORT_DENSE_H

#include <stdint.h>

#include "kernel/driver.h"
#include "kernel/source.h"

struct dense {
	int64_t rows, keys, width;  /* rows: maps * queries; width: of the output, 0 without values */
	double *weight;             /* [maps][queries][keys] */
	double *output;             /* [maps][queries][width] */
	struct row_stats *stats;    /* [maps][queries] */
};

/* Both return the first error. Release on success. Outputs are computed where the source has values and is a softmax or a row sum. */
enum err dense_reference(const struct source *source, struct dense *dense, struct err_info *info);
enum err dense_driver(const struct source *source, const struct driver_options *options, struct dense *dense, struct err_info *info);
void dense_free_rows(struct dense *dense);

/* What is expected of a source; NULL: not compared. Layouts as in struct dense. */
struct dense_expected {
	const double *weight, *output, *lse, *entropy;
};

/* Fails the running test, with `name` in the message, where the slow twin differs by more than `exact`, or the driver, on any table of kernels that this machine has, by more
 * than `fast` in a weight and 5 `fast` in an output, lse or entropy. Returns the largest difference of a weight on the fast path. */
double dense_check(const struct source *source, const struct dense_expected *expected, double exact, double fast, const char *name);

#endif
