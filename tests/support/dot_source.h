/* SPDX-License-Identifier: MIT */
/*
 * A dot-product source of the tests' own: small, with any mask given as a function, so that the kernels and the driver
 * are tested without the mechanisms that use them.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_DOT_SOURCE_H
#define ATTNVIZ_TESTS_SUPPORT_DOT_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/source.h"

struct dot_source {
	struct source source;
	const float *query, *key; /* [map][queries][dim], [key heads][keys][dim] */
	int64_t dim, key_heads;   /* map h reads key head h / (maps / key_heads) */
	double scale, cap;        /* cap 0: none */
	bool (*sees)(const struct dot_source *dot, int64_t map, int64_t row, int64_t key); /* NULL: everything is visible */
	uint64_t seed;            /* for sees */
	bool use_score64;         /* no fill: the driver converts score64 */
	struct source_ops ops;
};

/* Maps are heads. Arrays must outlive the source. After changing `sees` or `use_score64` call dot_source_refresh. */
void dot_source_init(struct dot_source *dot, const float *query, const float *key, int64_t maps, int64_t key_heads, int64_t queries, int64_t keys, int64_t dim);
void dot_source_refresh(struct dot_source *dot);

/* Masks. */
bool dot_causal(const struct dot_source *dot, int64_t map, int64_t row, int64_t key);        /* bottom-right */
bool dot_window(const struct dot_source *dot, int64_t map, int64_t row, int64_t key);        /* the 40 keys up to the query */
bool dot_random(const struct dot_source *dot, int64_t map, int64_t row, int64_t key);        /* a third, by seed; some rows see nothing */

/* Reproducible numbers: uniform 64-bit, and normal. */
uint64_t random_next(uint64_t *state);
double random_normal(uint64_t *state);
void random_fill(float *to, int64_t count, uint64_t seed, double deviation);

#endif
