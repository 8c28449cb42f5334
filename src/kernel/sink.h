/* SPDX-License-Identifier: MIT */
/*
 * A sink accumulates one result over the tiles of a map (start, scan, merge).
 *
 * Work is cut into items: up to ITEM_ROWS consecutive queries (of the chosen ones) of one map. Each item fills a partial
 * result of its own (start, scan, rows), on any thread; partials are merged one after the other in item order, so that
 * sums have the same bits for any number of threads. Maps follow each other in the order in which they were asked for,
 * so a sink can print or store a map in map_end and reuse its memory.
 */
#ifndef ATTNVIZ_KERNEL_SINK_H
#define ATTNVIZ_KERNEL_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernel/kernels.h"
#include "kernel/source.h"

/* What pass 1 knows about a row. Natural units (nats). */
struct row_stats {
	double lse;      /* ln sum e^s, a sink logit included; not a softmax: ln of the row sum; -inf for a row that sees nothing */
	double max;      /* largest logit, or weight where there is no softmax */
	double min;      /* smallest visible logit of a softmax; set where a sink needs SINK_LOGIT_MIN, else NaN */
	double entropy;  /* -sum p ln p; 0 for a row that sees nothing; NaN where signed, and where a filter makes the rows and no sink needs SINK_ENTROPY */
	double sum_square; /* sum p^2 */
	double sum;      /* sum p: 1, less with a sink logit, 0 for nothing visible, the real sum where not normalised */
	double peak;     /* max p */
	int64_t support; /* keys that the row may see */
};

enum sink_needs {
	SINK_TILES = 1,      /* scan is called: the second pass runs */
	SINK_OUTPUT = 2,     /* row output O = P V (source->values must be there) */
	SINK_LOGIT_MIN = 4,
	SINK_ENTROPY = 8,    /* what a filter makes has no logits: a logarithm of each weight */
};

/* A tile of weights. Entries that are not visible are exactly 0; lanes >= rows->count are exactly 0. */
struct tile {
	const struct row_group *rows;
	const struct row_stats *stats; /* [rows->count] */
	int64_t key, count;            /* keys [key, key + count) */
	int lanes;                     /* p[k * lanes + lane] */
	const float *p;
	const struct kernels *kernels;
	const struct source *source;
};

/* An item: rows row[0..count) of a map. */
struct item {
	int64_t map;
	int64_t index;        /* position in the list of maps */
	int64_t number;       /* of the item within its map */
	int64_t position;     /* of row[0] in the list of chosen rows */
	const int64_t *row;
	int64_t count;
	const struct source *source;
	const struct kernels *kernels;
};

struct sink;

/* All functions may be NULL; a sink without partial_size has no partial result. */
struct sink_ops {
	const char *name;
	unsigned needs; /* enum sink_needs */

	size_t (*partial_size)(const struct sink *sink, const struct source *source, const struct kernels *kernels);
	/* Serial, before any item of the map is started and after map_end of the map before. It makes the driver take
	 * one map at a time, which leaves threads idle where maps are short: leave it NULL where merge of item number 0
	 * can reset instead. May read the source through the reference or a driver of its own. */
	enum err (*map_prepare)(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info);
	/* Concurrent; the partial is this item's alone and begins undefined. */
	void (*start)(const struct sink *sink, const struct item *item, void *partial);
	/* All tiles of one row group in ascending key order, then its rows(), then the next group; tiles where nothing
	 * is visible are left out, and so may be the last keys of a tile. `lane0` is the position of the group's first
	 * row in the item. */
	void (*scan)(const struct sink *sink, const struct item *item, int64_t lane0, const struct tile *tile, void *partial);
	/* After the last tile of a row group (or after pass 1 without SINK_TILES). output is [rows->count][width]
	 * row-major, or NULL. */
	void (*rows)(const struct sink *sink, const struct item *item, int64_t lane0, const struct row_group *rows, const struct row_stats *stats,
		     const float *output, int64_t output_width, void *partial);
	/* Bytes from the start of the partial that merge looks at, where the rest was only needed on the way: what
	 * another process sends. NULL: all. */
	size_t (*merged_size)(const struct sink *sink, const struct item *item);
	/* Serial, in item order. */
	void (*merge)(struct sink *sink, const struct item *item, const void *partial);
	/* Serial, after the last item of a map. */
	enum err (*map_end)(struct sink *sink, const struct source *source, int64_t map, int64_t index, struct err_info *info);
};

/* Every sink embeds this as its first member. */
struct sink {
	const struct sink_ops *ops;
};

#endif
