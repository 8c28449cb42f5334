/* SPDX-License-Identifier: MIT */
/*
 * From attention maps to links: every head's map is gathered, prepared as the method wants it, made one with the others, and read off.
 */
#ifndef ATTNVIZ_ANALYSIS_EXTRACT_H
#define ATTNVIZ_ANALYSIS_EXTRACT_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/dtw.h"
#include "base/error.h"
#include "kernel/driver.h"
#include "kernel/source.h"

enum extraction {
	EXTRACT_ARGMAX,       /* each query to its largest key */
	EXTRACT_THRESHOLD,    /* every weight of at least `threshold` */
	EXTRACT_INTERSECTION, /* largest key of the query, and largest query of the key */
	EXTRACT_UNION,
	EXTRACT_GROW_DIAG,
	EXTRACT_GROW_DIAG_FINAL,
	EXTRACT_GROW_DIAG_FINAL_AND,
	EXTRACT_BOTH_WAYS,    /* softmax over keys and over queries both above `threshold` */
	EXTRACT_DTW,          /* the monotone path of most weight */
	EXTRACT_WHISPER,      /* z-scores over all tokens, median filter over frames, mean of heads, path through the rows chosen (Whisper's word
				 timing; openai/whisper, whisper/timing.py, find_alignment) */
	EXTRACT_COUNT
};

struct extract_request {
	enum extraction method;
	double threshold;
	enum dtw_pattern pattern;
	int64_t median;       /* width of Whisper's filter, odd; 1: none */
	bool logits;          /* the source gives logits, not weights (both ways) */
	int64_t row_begin, row_end; /* queries used: without the start-of-transcript prefix and the end token */
	int64_t key_begin, key_end; /* keys used: without padding frames */
	bool divides;         /* each row is divided by its sum over the keys used, where that is above 0 */
	bool largest;         /* the maps become one by their largest cells, not by their mean */
	struct driver_options driver; /* maps: those that become one */
};

/* Rows are queries, columns keys, both counted from row_begin and key_begin. */
struct alignment {
	int64_t rows, columns;
	double *weight;         /* the map that was read off; for WHISPER the filtered z-scores */
	unsigned char *linked;  /* [rows][columns] */
	struct dtw_path path;   /* for the two path methods; length 0 else */
};

/* Memory: two maps of rows x columns doubles; for WHISPER one of them has all queries, whose z-scores all count. */
enum err extract_alignment(const struct source *source, const struct extract_request *request, struct alignment *alignment, struct err_info *info);

/* The last step alone: fill linked and path from weight, rows and columns. */
enum err extract_links(const struct extract_request *request, struct alignment *alignment, struct err_info *info);

void alignment_release(struct alignment *alignment); /* works on a zeroed struct */

/* Share of the rows after the first whose largest column is not before that of the row above. NaN for fewer than two rows. */
double alignment_monotonicity(const double *weight, int64_t rows, int64_t columns);

/* How far the largest columns move along: the most rows, not necessarily neighbours, whose largest columns go strictly forward, as a share of the fewer
 * of rows and columns. 1 for a diagonal, 1 / min(rows, columns) for a head that stands on one key. NaN without memory. */
double alignment_progress(const double *weight, int64_t rows, int64_t columns);

#endif
