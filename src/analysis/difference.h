/* SPDX-License-Identifier: MIT */
/*
 * How far one attention is from another: A compared with B, row by row in double. B is the reference: the exact attention that A approximates, or the model before.
 *
 *   rel_fro        ||A - B||_F / ||B||_F
 *   max_abs        max |A_ij - B_ij|;  l1: mean over the rows of sum_j |A_ij - B_ij|
 *   cosine         of the two matrices as vectors
 *   kl             mean over the rows of KL(B_i || A_i) = sum_j B_ij ln(B_ij / A_ij), nats: infinite where A gives nothing to what B attends to
 *   js             mean over the rows of the Jensen-Shannon divergence, nats, 0 .. ln 2
 *   top1, top5     rows whose largest weight lies on the same key; share of the five largest keys that the two have in common (as many as the row has non-zero)
 *   entropy_shift  mean of H(A_i) - H(B_i), nats
 *   output_error   ||A V - B V||_F / ||B V||_F, each with its own values
 *
 * Means are over the rows in which B sees something. Divergences and entropy are NaN where A or B is signed.
 */
#ifndef ATTNVIZ_ANALYSIS_DIFFERENCE_H
#define ATTNVIZ_ANALYSIS_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/driver.h"
#include "kernel/source.h"

/* Of one row. */
struct row_difference {
	double l1, kl, js, entropy_shift, top5;
	double square_difference, square_a, square_b, product, max_abs;
	bool top1, counts; /* counts: B sees something */
};

/* Sums over rows. Begin with a zeroed struct. */
struct difference {
	int64_t rows;
	double square_difference, square_a, square_b, product, max_abs;
	double l1, kl, kl_max, js, js_max, top1, top5, entropy_shift;
	double output_difference, output_b; /* squares */
};

enum { DIFFERENCE_COUNT = 12 };

/* The numbers by name, in the order in which they are printed: "rel_fro", ... */
extern const char *const difference_names[DIFFERENCE_COUNT + 1];
void difference_values(const struct difference *difference, bool has_outputs, double value[DIFFERENCE_COUNT]);

/* Compare a row of `keys` weights (`is_signed`: either may be negative), and take it into the sums. */
struct row_difference difference_row(const double *a, const double *b, int64_t keys, bool is_signed);
void difference_add(struct difference *difference, const struct row_difference *row);

/* Add a row of `width` outputs. */
void difference_add_output(struct difference *difference, const double *a, const double *b, int64_t width);

/* Small matrices whole, row-major rows x keys (metrics of redundancy; O(n^3)). Linear CKA of the rows (Kornblith et al. 2019, arXiv 1905.00414): columns centred,
 * ||A^T B||_F^2 / (||A^T A||_F ||B^T B||_F), NaN where all rows of one are the same. Effective rank (Roy & Vetterli 2007): e^H of the singular values as shares of
 * their sum, NaN where all are 0. Negative where out of memory. */
double difference_cka(const double *a, const double *b, int64_t rows, int64_t keys);
double difference_effective_rank(const double *a, int64_t rows, int64_t keys);

/*
 * Two sources side by side, a few hundred rows at a time: memory grows with the number of keys, never with rows x keys.
 */
struct difference_request {
	const struct source *a, *b;
	const struct driver_options *options; /* threads and kernels */
	const int64_t *row;        /* which queries, ascending */
	int64_t row_count;
	bool exact;                /* by the definition in double; else in float32 tiles */
	bool outputs;              /* both have values of one width */
	/* Each row's weights, in order, as doubles; may be NULL. `position` is that in the list of rows. */
	void (*see)(void *data, int64_t position, const double *a, const double *b, const struct row_difference *row);
	void *see_data;
};

/* ERR_SHAPE where the two do not have the same maps, queries and keys. */
enum err difference_check(const struct source *a, const struct source *b, struct err_info *info);
enum err difference_run(const struct difference_request *request, int64_t map, struct difference *difference, struct err_info *info);

/* Pool a row of differences A - B into a picture of height x width cells: each keeps the entry of the largest magnitude, with its sign. Cells begin at NaN, and stay
 * so where no key of theirs is visible (`visible` [keys]). */
void difference_pool(const double *a, const double *b, const bool *visible, int64_t keys, int64_t position, int64_t rows, float *cell, int64_t height, int64_t width);

#endif
