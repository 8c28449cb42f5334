/* SPDX-License-Identifier: MIT */
#include "analysis/vectors_facts.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

static void scan_vector(struct vectors_facts *facts, int64_t token, const float *vector, const float *first)
{
	bool zero = true;
	for (int64_t dim = 0; dim < facts->dims; dim++) {
		if (!isfinite(vector[dim]) && facts->nonfinite++ == 0) {
			facts->bad_token = token;
			facts->bad_dim = dim;
		}
		facts->constant = facts->constant && vector[dim] == first[dim];
		zero = zero && vector[dim] == 0;
	}
	facts->zero_tail = zero ? facts->zero_tail + 1 : 0;
	facts->zero_head += zero && facts->zero_head == token;
}

enum err vectors_facts_scan(const struct heads *vectors, int64_t layer, int64_t batch, int64_t head, struct vectors_facts *facts,
			    struct err_info *info)
{
	*facts = (struct vectors_facts){ .tokens = vectors->size[AXIS_TOKEN], .dims = vectors->size[AXIS_DIM], .constant = true };
	float *vector = mem_array((size_t)facts->dims, sizeof *vector), *first = mem_array((size_t)facts->dims, sizeof *first);
	enum err err = vector && first ? ERR_OK : err_nomem(info, "a vector");
	if (!err && facts->tokens > 0)
		err = heads_decode_f32(vectors, layer, batch, head, 0, 1, true, first, facts->dims, info);
	for (int64_t token = 0; token < facts->tokens && !err; token++) {
		err = heads_decode_f32(vectors, layer, batch, head, token, 1, true, vector, facts->dims, info);
		if (!err)
			scan_vector(facts, token, vector, first);
	}
	free(vector);
	free(first);
	return err;
}
