/* SPDX-License-Identifier: MIT */
/*
 * Word alignments from attention, and how good they are.
 *
 * A link joins a source position (a key, a column) and a target position (a query, a row). Link sets here are dense bit maps of rows x columns, one
 * byte a cell, non-zero where linked, row-major: alignments are short, and set operations are plain loops.
 */
#ifndef ATTNVIZ_ANALYSIS_ALIGNMENT_H
#define ATTNVIZ_ANALYSIS_ALIGNMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each row linked to its largest column (the first of equals); rows that are all zero get no link. */
void alignment_argmax(const double *weight, int64_t rows, int64_t columns, unsigned char *linked);

/* Each column linked to its largest row. */
void alignment_argmax_columns(const double *weight, int64_t rows, int64_t columns, unsigned char *linked);

/* Every cell of at least `threshold`. */
void alignment_threshold(const double *weight, int64_t rows, int64_t columns, double threshold, unsigned char *linked);

/* Links whose share is above `threshold` in both directions: the softmax of the scores over each row, and over each column (awesome-align, Dou & Neubig
 * 2021; threshold 0.001). `score` are logits; -inf is allowed. `scratch` holds rows + columns doubles twice. */
void alignment_both_ways(const double *score, int64_t rows, int64_t columns, double threshold, double *scratch, unsigned char *linked);

/* Symmetrisation of two directed alignments (Och & Ney 2003; Koehn et al. 2005 for grow-diag). `forward` and `backward` are rows x columns;
 * `linked` may be neither of them. */
enum symmetrisation { SYMMETRISE_INTERSECTION, SYMMETRISE_UNION, SYMMETRISE_GROW_DIAG, SYMMETRISE_GROW_DIAG_FINAL, SYMMETRISE_GROW_DIAG_FINAL_AND };
void alignment_symmetrise(enum symmetrisation how, const unsigned char *forward, const unsigned char *backward, int64_t rows, int64_t columns,
			  unsigned char *linked);

/*
 * Counts behind the scores, summed over sentence pairs (Och & Ney 2003). With A the links, S the sure and P the possible gold links (S is part of P):
 * precision = |A n P| / |A|, recall = |A n S| / |S|, AER = 1 - (|A n S| + |A n P|) / (|A| + |S|).
 */
struct alignment_counts {
	int64_t links;          /* |A| */
	int64_t sure;           /* |S| */
	int64_t in_sure;        /* |A n S| */
	int64_t in_possible;    /* |A n P| */
};

/* NaN where the denominator is zero. */
double alignment_precision(const struct alignment_counts *counts);
double alignment_recall(const struct alignment_counts *counts);
double alignment_error_rate(const struct alignment_counts *counts);
double alignment_f(const struct alignment_counts *counts, double alpha); /* 1 / (alpha / P + (1 - alpha) / R), Fraser & Marcu 2007 */

#endif
