/* SPDX-License-Identifier: MIT */
/*
 * The two halves of pooled_map.h: strips are filled while tiles stream by (pooled_map.c), and put together to a picture in
 * item order (pooled_picture.c).
 *
 * A strip is one picture row as far as one row group fills it: width values. Row groups are kept apart so that a float32 sum
 * stays short; the picture adds strips up in float64.
 */
#ifndef ATTNVIZ_ANALYSIS_POOLED_STRIPS_H
#define ATTNVIZ_ANALYSIS_POOLED_STRIPS_H

#include <stdbool.h>

#include "analysis/pooled_map.h"
#include "kernel/driver.h"

struct pooled_map {
	struct sink sink;
	struct pooled_map_request request;
	int64_t height, width, keys; /* cells, and keys shown */
	bool wide;      /* cells hold more keys than a tile: at most two cells a tile, strips are double */
	bool single;    /* one key a cell */
	bool by_query;  /* a strip for every query: one query a picture row, or rows that are divided by their rest */
	int64_t *query; /* [row_count], as the driver hands them out */
	bool plain;     /* cells are what strips hold: no mean over keys, none skipped */
	double *key_share; /* [width]: 1 / keys of a cell for a mean, else 1 */
	int64_t *first;    /* [row_count], where keys are skipped: the first key that each query sees, -1: it sees none */
	int64_t *skipped;  /* [width], likewise: positions of the open row's cells that are */
	double *open;   /* [width]: the picture row that is being filled */
	int64_t open_row;
	float *unseen;  /* [width] of "no value" */
	float *cell;
};

struct pooled_partial {
	double rest[ITEM_ROWS];     /* mass of a row outside the keys that are skipped */
	int64_t first[ITEM_ROWS];   /* where keys are skipped, the first key that a row sees; -1: it sees none */
	int64_t found;              /* rows of the item whose first key is known */
	int64_t reached[ITEM_ROWS]; /* of each row group: its strips hold so many cells; what lies beyond is zero, and undefined here */
	_Alignas(64) double strips[]; /* of double where wide, else of float */
};

/* How two values of a cell become one. */
enum pooled_folding { FOLD_SUM, FOLD_MAX, FOLD_EXTREME };

enum pooled_folding pooled_folding(const struct pooled_map *map, const struct source *source);

/* Are rows divided by what the skipped keys leave? */
bool pooled_is_rescaled(const struct pooled_map *map, const struct source *source);

/* The picture row of a position in the list of rows, the key of a cell's edge, and the strip of a row of an item. */
int64_t pooled_row(const struct pooled_map *map, int64_t position);
int64_t pooled_key_edge(const struct pooled_map *map, int64_t cell);
int64_t pooled_strip(const struct pooled_map *map, const struct item *item, int64_t lane);

/* Of two values the one that the folding keeps, or their sum. */
static inline double pooled_fold(enum pooled_folding folding, double a, double b)
{
	switch (folding) {
	case FOLD_SUM: return a + b;
	case FOLD_MAX: return b > a ? b : a;
	case FOLD_EXTREME: break;
	}
	double b_size = b < 0 ? -b : b, a_size = a < 0 ? -a : a;
	return b_size > a_size ? b : a;
}

/* The sink's functions that make the picture. */
void pooled_merge(struct sink *sink, const struct item *item, const void *partial);
enum err pooled_map_end(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info);

#endif
