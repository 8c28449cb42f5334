/* SPDX-License-Identifier: MIT */
#include "analysis/order_facts.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

enum { TOKENS_MAX = 256, HEADS_MAX = 64 };

struct chosen {
	int64_t heads, tokens, dims;
	double *value; /* [heads][tokens][dims] */
};

/* Mean over the other axes of the variance along one that is `count` long, its elements `step` apart. */
static double variance_along(const double *value, int64_t count, int64_t step, int64_t others, int64_t other_step, int64_t dims)
{
	double total = 0;
	for (int64_t other = 0; other < others; other++)
		for (int64_t dim = 0; dim < dims; dim++) {
			const double *first = value + other * other_step + dim;
			double mean = 0, square = 0;
			for (int64_t i = 0; i < count; i++)
				mean += first[i * step] / (double)count;
			for (int64_t i = 0; i < count; i++)
				square += (first[i * step] - mean) * (first[i * step] - mean);
			total += square / (double)(count - 1);
		}
	return total / (double)(others * dims);
}

static enum err choose(const struct heads *vectors, int64_t layer, int64_t batch, struct chosen *chosen, struct err_info *info)
{
	const int64_t *size = vectors->size;
	enum err err = ERR_OK;
	for (int64_t h = 0; h < chosen->heads; h++)
		for (int64_t t = 0; t < chosen->tokens && !err; t++)
			err = heads_decode_f64(vectors, layer, batch, h * size[AXIS_HEAD] / chosen->heads,
					       t * size[AXIS_TOKEN] / chosen->tokens, 1, true,
					       chosen->value + (h * chosen->tokens + t) * chosen->dims, chosen->dims, info);
	for (int64_t i = 0; i < chosen->heads * chosen->tokens * chosen->dims && !err; i++)
		chosen->value[i] = isfinite(chosen->value[i]) ? chosen->value[i] : 0;
	return err;
}

enum err order_facts_add(const struct heads *vectors, int64_t layer, int64_t batch, struct order_facts *facts,
			 struct err_info *info)
{
	const int64_t *size = vectors->size;
	struct chosen chosen = {
		.heads = size[AXIS_HEAD] < HEADS_MAX ? size[AXIS_HEAD] : HEADS_MAX,
		.tokens = size[AXIS_TOKEN] < TOKENS_MAX ? size[AXIS_TOKEN] : TOKENS_MAX,
		.dims = size[AXIS_DIM],
	};
	if (chosen.heads < 2 || chosen.tokens < 2 || chosen.dims < 1)
		return ERR_OK;
	int64_t head_step = chosen.tokens * chosen.dims;
	chosen.value = mem_array((size_t)(chosen.heads * chosen.tokens), (size_t)chosen.dims * sizeof *chosen.value);
	if (!chosen.value)
		return err_nomem(info, "vectors");
	enum err err = choose(vectors, layer, batch, &chosen, info);
	if (!err) {
		facts->numbers += chosen.heads * head_step;
		facts->over_tokens += variance_along(chosen.value, chosen.tokens, chosen.dims, chosen.heads, head_step, chosen.dims);
		facts->over_heads += variance_along(chosen.value, chosen.heads, head_step, chosen.tokens, chosen.dims, chosen.dims);
	}
	free(chosen.value);
	return err;
}

double order_facts_ratio(const struct order_facts *facts)
{
	return facts->numbers >= ORDER_FACTS_MIN && facts->over_tokens > 0 && facts->over_heads > 0
		       ? facts->over_tokens / facts->over_heads
		       : NAN;
}
