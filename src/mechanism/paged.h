/* SPDX-License-Identifier: MIT */
/*
 * The block map of a paged KV cache (vLLM, Kwon et al. 2023, arXiv 2309.06180): which physical block holds which logical positions of which sequence.
 */
#ifndef ATTNVIZ_MECHANISM_PAGED_H
#define ATTNVIZ_MECHANISM_PAGED_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/source.h"

struct paged_map {
	int64_t sequences;
	int64_t block_size;      /* slots */
	int64_t blocks;          /* physical */
	int64_t table_width;     /* entries a sequence */
	bool has_table;          /* false: one block a sequence (contiguous caches) */
	int64_t *table;          /* [sequences][table_width] */
	int64_t *length;         /* [sequences] keys */
	int64_t *queries;        /* [sequences]: the last of the source's query rows; those before them see nothing */
	int64_t bytes_per_token; /* of keys and values, all heads */
};

/* Of a source that --attention paged opened; NULL for others. It lives as long as the source. */
const struct paged_map *paged_map_of(const struct source *source);

#endif
