/* SPDX-License-Identifier: MIT */
/*
 * Arrays that are made when a map first needs them, and then kept: what depends on all keys of a map (a maximum, a projection along the sequence) and would be
 * wasted on maps that nobody looks at.
 */
#ifndef ATTNVIZ_MECHANISM_LAZY_H
#define ATTNVIZ_MECHANISM_LAZY_H

#include <stdint.h>

#include "base/error.h"

struct lazy; /* opaque */

/* Fill `count` doubles, which begin as zeros, for the array of this number. Called once a number, whatever the number of threads; after a failure again. */
typedef enum err lazy_make(const void *owner, int64_t number, double *out, int64_t count, struct err_info *info);

struct lazy *lazy_new(int64_t arrays, int64_t count, lazy_make *make); /* NULL: out of memory */
void lazy_free(struct lazy *lazy);

/* The array stays where it is until lazy_free. `owner` is passed to make. */
enum err lazy_get(struct lazy *lazy, const void *owner, int64_t number, const double **array, struct err_info *info);

#endif
