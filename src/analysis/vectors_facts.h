/* SPDX-License-Identifier: MIT */
/*
 * What queries, keys or values of a head are like: one pass over its vectors.
 */
#ifndef ATTNVIZ_ANALYSIS_VECTORS_FACTS_H
#define ATTNVIZ_ANALYSIS_VECTORS_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tensor/tensor.h"

struct vectors_facts {
	int64_t tokens, dims;
	int64_t nonfinite, bad_token, bad_dim; /* NaN and infinities, and where the first is */
	bool constant;                         /* every token has the vector of the first */
	int64_t zero_tail, zero_head;          /* tokens at the end, and at the beginning, that are all zero */
};

enum err vectors_facts_scan(const struct heads *vectors, int64_t layer, int64_t batch, int64_t head, struct vectors_facts *facts,
			    struct err_info *info);

#endif
