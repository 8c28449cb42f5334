/* SPDX-License-Identifier: MIT */
/*
 * The metrics, one row each: what `attnviz explain` prints, what --metrics selects, and what decides which sinks run.
 *
 * metric_notation says what the letters of the formulas mean, and over which queries means are.
 */
#ifndef ATTNVIZ_ANALYSIS_METRIC_H
#define ATTNVIZ_ANALYSIS_METRIC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "kernel/source.h"

enum metric_id {
	METRIC_ENTROPY,
	METRIC_ENTROPY_NORM,
	METRIC_PERPLEXITY,
	METRIC_COLLAPSE,
	METRIC_MAX,
	METRIC_FOCUS_RATE,
	METRIC_SATURATION,
	METRIC_PARTICIPATION,
	METRIC_HOYER,
	METRIC_ROW_SUM,
	METRIC_LOGIT_MAX,
	METRIC_LOGIT_MIN,
	METRIC_LOGIT_RANGE,
	METRIC_SINK1,
	METRIC_SINK4,
	METRIC_NAMED,
	METRIC_DIAGONAL,
	METRIC_PREVIOUS,
	METRIC_NEXT,
	METRIC_LOCAL,
	METRIC_DIAGONALITY,
	METRIC_GUIDED,
	METRIC_DISTANCE,
	METRIC_GRID_DISTANCE,
	METRIC_GRID_DISTANCE_PATCHES,
	METRIC_GINI,
	METRIC_KEYS90,
	METRIC_KEYS95,
	METRIC_KEYS99,
	METRIC_TOP_K,
	METRIC_BELOW,
	METRIC_H2O_SPARSITY,
	METRIC_BLOCKS95,
	METRIC_MINFERENCE,
	METRIC_A_SHAPE,
	METRIC_VERTICAL_SLASH,
	METRIC_BLOCK_SPARSE,
	METRIC_MONOTONICITY,
	METRIC_POSITIONAL,
	METRIC_CONFIDENCE,
	METRIC_SINK_RATE,
	METRIC_SINK_KEYS,
	METRIC_HEAVY,
	METRIC_HEAVY_RECALL,
	METRIC_DUPLICATE,
	METRIC_INDUCTION,
	METRIC_OUTPUT_NORM,
	METRIC_VALUE_NORM,
	METRIC_VALUE_SINK1,
	METRIC_ABS_SUM,
	METRIC_NEGATIVE,
	METRIC_DISTANCE_PROFILE,
	METRIC_RECEIVED,
	METRIC_RECEIVED_MEAN,
	METRIC_COUNT
};

/* What a metric is a number of. */
enum metric_level {
	METRIC_OF_ROW,  /* every query has one; a head has their mean */
	METRIC_OF_HEAD, /* a head has one */
	METRIC_OF_KEY,  /* every key has one; a head has none */
	METRIC_LIST,    /* a head has a list */
	METRIC_WORD,    /* a head has a word */
};

/* How the values of rows become the value of a head. */
enum metric_over_rows {
	METRIC_MEAN,
	METRIC_POOLED, /* mean over entries instead of rows: a row weighs as much as its support */
	METRIC_LARGEST,
	METRIC_SMALLEST,
};

/* Between what the values of rows lie, from which an interval for a sample of rows follows; above METRIC_YES_NO all lie between 0 (or 1 key) and: */
enum metric_bound {
	METRIC_UNBOUNDED,   /* no interval can be had */
	METRIC_YES_NO,      /* 0 or 1 */
	METRIC_UP_TO_ONE,
	METRIC_UP_TO_MASS,  /* what a row sums to, where that is 1 */
	METRIC_UP_TO_NATS,  /* ln of the keys */
	METRIC_UP_TO_KEYS,
	METRIC_UP_TO_DISTANCE, /* of the first query or the last from the last key or the first */
	METRIC_UP_TO_PIXELS,   /* the diagonal of the picture */
};

/* What a metric needs beyond a map. */
enum metric_needs {
	METRIC_NEEDS_UNSIGNED = 1,   /* weights are not negative */
	METRIC_NEEDS_STOCHASTIC = 2, /* rows sum to 1 */
	METRIC_NEEDS_LOGITS = 4,     /* a softmax */
	METRIC_NEEDS_VALUES = 8,     /* V */
	METRIC_NEEDS_TOKENS = 16,    /* token ids */
	METRIC_NEEDS_NAMED = 32,     /* keys named by the user */
	METRIC_NEEDS_CAUSAL = 64,    /* a causal map */
	METRIC_NEEDS_GRID = 128,     /* how the positions lie in a picture */
};

struct metric {
	enum metric_id id;
	const char *name;    /* in JSON, TSV and --metrics */
	const char *unit;    /* "nats", "keys", "share", ... */
	const char *summary; /* one line */
	const char *formula; /* plain text, perhaps several lines */
	const char *source;  /* who defined it */
	const char *edges;   /* what happens at the edges: short rows, ties, long rows, how exact it is */
	enum metric_level level;
	enum metric_over_rows over_rows; /* METRIC_OF_ROW */
	enum metric_bound bound; /* METRIC_OF_ROW */
	unsigned needs;      /* enum metric_needs */
	const char *instead; /* what to ask for where it is not defined */
	bool is_default;     /* among those printed when nothing is asked for */
};

extern const struct metric metric_table[METRIC_COUNT]; /* at [id] */
extern const char *const metric_notation;              /* plain text, several lines */

const struct metric *metric_find(const char *name); /* NULL when there is none */

/* "gini,keys90", "default", "all", or a mixture, into list[METRIC_COUNT] in the order of the table, each once. ERR_USAGE for a
 * name that is not known, with the nearest that is. */
enum err metric_select(const char *text, const struct metric **list, int *count, struct err_info *info);

/* Why a metric cannot be had for a source: ERR_VALUE with a sentence that ends in what to do instead, or ERR_OK. `given` says
 * what the request will carry: METRIC_NEEDS_TOKENS, _NAMED, _GRID. */
enum err metric_check(const struct metric *metric, const struct source *source, unsigned given, struct err_info *info);

#endif
