/* SPDX-License-Identifier: MIT */
/*
 * The exact map, row by row: a sink that hands complete rows of weights to a callback, for files and for pictures that need
 * every element.
 */
#ifndef ATTNVIZ_ANALYSIS_MATRIX_ROWS_H
#define ATTNVIZ_ANALYSIS_MATRIX_ROWS_H

#include "kernel/sink.h"

/* Rows arrive in order; `weight` holds source->keys floats. */
typedef enum err matrix_rows_emit(void *data, int64_t map, int64_t index, int64_t row, const float *weight,
				  struct err_info *info);

enum err matrix_rows_new(matrix_rows_emit *emit, void *data, struct sink **sink, struct err_info *info);
void matrix_rows_free(struct sink *sink);

#endif
