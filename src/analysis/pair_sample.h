/* SPDX-License-Identifier: MIT */
/*
 * A sample of query-key pairs with the weights that a model gave them and the vectors that made them, so that many settings can be tried on them quickly.
 */
#ifndef ATTNVIZ_ANALYSIS_PAIR_SAMPLE_H
#define ATTNVIZ_ANALYSIS_PAIR_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/logit_fit.h"
#include "base/error.h"
#include "kernel/source.h"
#include "tensor/tensor.h"

/* How query heads find their key head where there are fewer of these: h / (heads / key heads), or h mod key heads. */
enum head_order { HEADS_REPEATED, HEADS_TILED, HEAD_ORDERS };

/* How well a type stores weights: each is rounded by `relative` of itself or by `absolute`, whichever is more. */
struct storage {
	double relative, absolute;
	const char *name; /* "bfloat16"; NULL: nothing that matters */
};

/* Of the type, or of a narrower one that all these values fit in: weights of bfloat16 are often saved as float32. */
struct storage storage_of(enum dtype dtype, const double *value, int64_t count);

struct pair_request {
	const struct source *model; /* fills weights */
	const struct heads *query, *key;
	const int64_t *map;         /* [maps] which heads, in order */
	int64_t maps;
	int64_t rows, pairs;        /* of each map, and of each row, at most */
	bool near;                  /* only keys near the query, where there are enough */
	int64_t diagonal;           /* the key that stands where query 0 does */
	struct storage storage;
};

struct pair_sample {
	int64_t rows, pairs, maps, dim, heads, key_heads;
	struct logit_row *row;      /* [rows] their series are the numbers in the list of maps */
	int64_t *map, *query;       /* [rows] */
	int64_t *batch, *head;      /* [rows] */
	int64_t *key, *distance;    /* [pairs] */
	double *log_weight, *trust; /* [pairs] */
	double *query_vector;       /* [rows][dim] */
	double *key_vector[HEAD_ORDERS]; /* [pairs][dim]; the second is NULL where the order makes no difference */
	double *scratch;            /* [2][dim] */
};

/* On failure *sample is safe to release. */
enum err pair_sample_draw(struct pair_sample *sample, const struct pair_request *request, struct err_info *info);
void pair_sample_release(struct pair_sample *sample); /* works on a zeroed struct */

/* What the settings do to a vector before the product, in place. `head` is of the queries, or of the keys. */
typedef void pair_transform(void *data, bool is_query, int64_t batch, int64_t head, int64_t token, double *vector);

/* The key head that a query head reads. */
int64_t pair_key_head(const struct pair_sample *sample, enum head_order order, int64_t head);

/* x = q.k of each pair. */
void pair_sample_products(const struct pair_sample *sample, enum head_order order, pair_transform *transform, void *data, double *product);

/* The relation that is looked for is between products and ln w less the biases that are `known` [pairs] (NULL: none); those that are added before the scale go with the
 * products. */
void pair_sample_bias(const struct pair_sample *sample, const double *known, bool before_scale, double *product, double *logarithm);

#endif
