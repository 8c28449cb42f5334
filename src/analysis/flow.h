/* SPDX-License-Identifier: MIT */
/*
 * Attention flow (Abnar & Zuidema 2020): the layers as a network of pipes. Token i of layer l is joined to token j of layer l - 1 with the capacity A~_l[i][j]
 * (rollout.h), and the flow of an output token to an input token is the maximum flow between them.
 *
 * Dinic's algorithm on the layered graph, one maximum flow for each input token: for some dozens of tokens.
 */
#ifndef ATTNVIZ_ANALYSIS_FLOW_H
#define ATTNVIZ_ANALYSIS_FLOW_H

#include <stdint.h>

#include "base/error.h"

/* `capacity` holds `layers` matrices of tokens x tokens, the lowest layer first. out[tokens] receives the maximum flow from `query` (top) to each input token. The
 * flow that enters is limited by nothing but the capacities. */
enum err attention_flow(const double *capacity, int64_t layers, int64_t tokens, int64_t query, double *out, struct err_info *info);

#endif
