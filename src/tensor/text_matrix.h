/* SPDX-License-Identifier: MIT */
/*
 * What the readers of text share: numbers that are parsed into memory, which the archive owns.
 */
#ifndef ATTNVIZ_TENSOR_TEXT_MATRIX_H
#define ATTNVIZ_TENSOR_TEXT_MATRIX_H

#include "tensor/reader.h"

/* A number as JSON, Python and C write it, also nan, inf and Infinity, that takes up all of text[0 .. length). *whole where it is written as an integer. */
bool text_number(const char *text, size_t length, double *value, bool *whole);

/* Numbers in the order in which they came. */
struct text_numbers {
	double *value;
	size_t count, capacity;
	bool fractional; /* one at least is not written as an integer that a double holds exactly */
};
bool text_numbers_add(struct text_numbers *numbers, double value, bool whole);

/* The numbers of `state`'s list become the archive's tensor, of the shape that `tensor` has; float64, or int64 where all are whole. Takes them over. */
enum err text_add_tensor(struct archive *archive, size_t *capacity, const char *name, const struct tensor *shape, struct text_numbers *numbers,
			 struct err_info *info);
void text_close(struct archive *archive); /* frees what text_add_tensor took over */

#endif
