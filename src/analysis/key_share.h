/* SPDX-License-Identifier: MIT */
/*
 * Of each map the key that takes most of the weight: a sink.
 *
 * Share of key j = sum over the queries i of p_ij / sum over all keys and queries; of equal keys the first. A map without weight has key -1.
 */
#ifndef ATTNVIZ_ANALYSIS_KEY_SHARE_H
#define ATTNVIZ_ANALYSIS_KEY_SHARE_H

#include "base/error.h"
#include "kernel/sink.h"

struct key_share {
	int64_t key;
	double share; /* 0..1 */
};

/* Results go to top[index of the map], which outlives the sink. Free with key_share_free. */
enum err key_share_new(int64_t keys, struct key_share *top, struct sink **sink, struct err_info *info);
void key_share_free(struct sink *sink);

#endif
