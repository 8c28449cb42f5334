/* SPDX-License-Identifier: MIT */
/*
 * A .npy file of the shared data as tensor and as canonical view.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_NPY_VIEW_H
#define ATTNVIZ_TESTS_SUPPORT_NPY_VIEW_H

#include <stdbool.h>

#include "tensor/layout.h"
#include "tensor/reader.h"

struct npy_view {
	struct archive archive;
	const struct tensor *tensor, *slot;
	struct heads heads;  /* only after npy_view_open */
};

/* Open a file and view it; `request` says how (NULL: a query with the layout of its rank). A failure fails the running test. The view points into itself. */
void npy_view_open(struct npy_view *view, const struct layout_request *request, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Only the tensor, for shapes that have no view. */
void npy_view_open_tensor(struct npy_view *view, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Works on a zeroed view. */
void npy_view_release(struct npy_view *view);

/* All elements in C order; the caller frees. */
double *npy_view_numbers(const struct npy_view *view);

#endif
