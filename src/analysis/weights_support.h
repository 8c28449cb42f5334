/* SPDX-License-Identifier: MIT */
/*
 * Which keys the weights of a model show that its queries saw: limits as the masks of mechanism/mask.h state them, read off the zeros.
 *
 * A zero says little by itself (float32 rounds weights below 1e-45 to it, float16 those below 3e-8), a weight says that the key was seen. So a limit must let every
 * weight through, and it counts the more the more rows go right up to it.
 */
#ifndef ATTNVIZ_ANALYSIS_WEIGHTS_SUPPORT_H
#define ATTNVIZ_ANALYSIS_WEIGHTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* One row of weights as far as its zeros go. */
struct row_extent {
	int64_t batch, row;
	int64_t first, last;         /* keys with a weight; last < first: there is none */
	int64_t gap_begin, gap_end;  /* the longest run of zeros between the two; equal: there is none */
	bool uniform;                /* every key alike: what a softmax makes of a row in which everything is masked by the same finite number */
};

/* Of `keys` weights; batch and row are the caller's. */
void row_extent_read(const double *weight, int64_t keys, struct row_extent *extent);

/* Key j of query i was seen where  first <= j <= i + diagonal + right,  and  j >= i + diagonal - left  or  j < begin + keep_first,  and j is in the chunk of i + diagonal. */
struct support {
	bool is_limited;      /* no key after row + diagonal: a causal mask, or the right side of a window */
	int64_t diagonal;     /* of that; 0 where there is none and as many keys as queries, else keys - queries */
	bool by_length;       /* diagonal = the item's length - queries: caches longer than they are full */
	int64_t left;         /* -1: no limit */
	int64_t chunk;        /* 0: none */
	int64_t keep_first;   /* 0: none */
	bool uniform_rows;    /* rows that see nothing are uniform */
	double tight;         /* share of the rows which a left limit cuts that go right up to it */
};

enum { SUPPORTS_MAX = 4 };

struct supports {
	int count;
	struct support support[SUPPORTS_MAX]; /* the likeliest first */
	int64_t *begin, *end;                 /* [batches] keys that any query of the item saw; owned */
	bool pads_left, pads_right;           /* for some item keys are missing at its begin, or at its end where no limit explains it */
};

enum err supports_find(const struct row_extent *extent, size_t count, int64_t batches, int64_t queries, int64_t keys, struct supports *supports, struct err_info *info);
void supports_release(struct supports *supports); /* works on a zeroed struct */

#endif
