/* SPDX-License-Identifier: MIT */
/*
 * The worked numbers of tests/data/vectors/NN_*.json: inputs given as a formula, expected values in float64.
 *
 *     struct vectors *v = vectors_open("01_sdpa");
 *     struct vector Q = vectors_get(v, "inputs/Q");
 *     struct vector W = vectors_get(v, "expected/causal/W");
 *     double scale = vectors_real(v, "params/scale");
 *     vectors_close(v);                                        // frees every array that it handed out
 *
 * A path that is not there, or a value of another kind, fails the running test with the path in the message.
 */
#ifndef ATTNVIZ_TESTS_SUPPORT_VECTORS_H
#define ATTNVIZ_TESTS_SUPPORT_VECTORS_H

#include <stdbool.h>
#include <stdint.h>

#include "tensor/tensor.h"

struct vectors;

/* An array in C order. `data` belongs to the struct vectors that it was asked of. */
struct vector {
	int rank;
	int64_t shape[TENSOR_MAX_RANK];
	int64_t count;
	double *data;
};

/* "01_sdpa" opens vectors/01_sdpa.json. A file that cannot be read fails the test. NULL in close is fine. */
struct vectors *vectors_open(const char *name);

void vectors_close(struct vectors *vectors);

/* A path names members of objects, joined by '/': "expected/causal/W". Names that themselves hold a '/' are found too. */
bool vectors_has(const struct vectors *vectors, const char *path);

/* A number, a nested list of numbers ("inf", "-inf" and "nan" are strings in the files), or an object with shape, seed and amp (the formula). */
struct vector vectors_get(struct vectors *vectors, const char *path);
double vectors_real(struct vectors *vectors, const char *path);
int64_t vectors_int(struct vectors *vectors, const char *path);
const char *vectors_text(struct vectors *vectors, const char *path);

/* amp * sin(0.37 (i + 1) + 1.1 seed) over the flat index i, for inputs that a file describes in words, and for other seeds and shapes than those in
 * the files. `shape` has `rank` entries. */
struct vector vectors_formula(struct vectors *vectors, double seed, double amp, int rank, const int64_t *shape);
void vectors_fill(double *data, int64_t count, double seed, double amp);

/* What a file gives as (dim) for its one head, as (1, dim). */
struct vector vector_one_head(struct vector vector);

/* A vector seen as tensor and as canonical view: the last two axes are token and dim, those before them head, batch and layer, as far as there are any.
 * The view points into itself and into the vector: do not move it. */
struct vector_view {
	struct tensor tensor;
	const struct tensor *slot;
	struct heads heads;
};
void vector_view_init(struct vector_view *view, const struct vector *vector, const char *name);

/* Largest |a - b|; equal infinities differ by 0, and a NaN on one side only by infinity. */
double vectors_distance(const double *a, const double *b, int64_t count);

#endif
