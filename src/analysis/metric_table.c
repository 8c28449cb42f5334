/* SPDX-License-Identifier: MIT */
#include "analysis/metric.h"

#define UNSIGNED METRIC_NEEDS_UNSIGNED
#define STOCHASTIC (METRIC_NEEDS_UNSIGNED | METRIC_NEEDS_STOCHASTIC)

/* Where entropies and shares make no sense. */
#define FOR_SIGNED "row_sum, abs_sum and negative, or --normalise abs-row"
#define FOR_UNNORMALISED "participation, gini and keys90, which do not depend on the scale of a row"

/* Where a metric is about causal maps. */
#define FOR_FULL "blocks95 and heavy"

#define MINFERENCE_EDGES \
	"up to S = 2500 keys all sizes but those of blocks, the 64 queries among them, are multiplied by S / 32768 and rounded up, so " \
	"that they are the same share of the keys as in a text of 32768, and the queries from position floor(S / 2) on count in place " \
	"of those from 2500 on; a pattern's value is a mean over the same queries as the others'"

const char *const metric_notation =
	"p_ij is the weight of query i on key j, s_ij its logit, n_i the number of keys that query i may see (its support). Only what a "
	"query may see counts, never what is masked. ln is natural, float32 weights are summed in float64, and where weights are "
	"compared it is as float32. Queries and keys count from 0.\n"
	"A mean over i is over the queries that see a key and have a value; where weights cannot be negative, also without those whose "
	"weights are all 0, which is what models write for padding. Padded queries that are neither count: --query-lengths or --rows "
	"leave them out.\n"
	"f_i is the first key that query i may see, whichever way padding or documents before it were hidden; under a sliding window "
	"it is the window's oldest key.\n"
	"An item has N queries, those from r_0, the first that sees a key, to the last; and S keys, those from k_0, the first that one of "
	"these queries may see, to the last. --rows leaves queries out before that is found.\n"
	"i' = i + diagonal is the position of query i among the keys. The diagonal is what --past says; keys - queries under "
	"--causal=bottom-right, and under --window or --chunk without --causal; and 0 otherwise. With --key-lengths and more keys than "
	"queries it is the item's length - queries in place of keys - queries, as it is for the sequences of a paged cache.";

const struct metric metric_table[METRIC_COUNT] = {
	[METRIC_ENTROPY] = {
		.id = METRIC_ENTROPY, .name = "entropy", .unit = "nats", .is_default = true,
		.summary = "how widely a query spreads its attention",
		.formula = "H_i = -sum_j p_ij ln p_ij, with 0 ln 0 = 0; mean over i. One pass: with m the largest logit, l = sum e^(s-m) and "
			   "u = sum e^(s-m) (s-m), H = ln l - u/l",
		.source = "Shannon 1948; as a description of heads: Clark et al. 2019 (arXiv 1906.04341)",
		.edges = "a query that sees one key counts with 0",
		.bound = METRIC_UP_TO_NATS, .needs = STOCHASTIC, .instead = FOR_UNNORMALISED,
	},
	[METRIC_ENTROPY_NORM] = {
		.id = METRIC_ENTROPY_NORM, .name = "entropy_norm", .unit = "share", .is_default = true,
		.summary = "entropy as a share of the largest that the support allows",
		.formula = "H_i / ln n_i, H_i as in entropy; mean over i",
		.source = "Oh & Schuler 2022 (arXiv 2212.11185) use it to predict reading times",
		.edges = "queries that see one key are left out: ln 1 = 0",
		.bound = METRIC_UP_TO_ONE, .needs = STOCHASTIC, .instead = FOR_UNNORMALISED,
	},
	[METRIC_PERPLEXITY] = {
		.id = METRIC_PERPLEXITY, .name = "perplexity", .unit = "keys",
		.summary = "effective number of keys, from the entropy",
		.formula = "e^(H_i), H_i as in entropy; mean over i",
		.source = "exponential of the entropy",
		.edges = "the mean of e^H is not e^ of the mean entropy",
		.bound = METRIC_UP_TO_KEYS, .needs = STOCHASTIC, .instead = FOR_UNNORMALISED,
	},
	[METRIC_COLLAPSE] = {
		.id = METRIC_COLLAPSE, .name = "collapse", .unit = "share",
		.summary = "share of queries whose entropy is almost nothing",
		.formula = "share of i with H_i < 0.1 nats (--collapse)",
		.source = "entropy collapse: Zhai et al. 2023 (arXiv 2303.06296); the threshold is ours",
		.edges = "queries that see one key are left out: their entropy is 0 whatever the model does",
		.bound = METRIC_YES_NO, .needs = STOCHASTIC, .instead = FOR_UNNORMALISED,
	},
	[METRIC_MAX] = {
		.id = METRIC_MAX, .name = "max", .unit = "weight", .is_default = true,
		.summary = "largest weight of a query",
		.formula = "max_j p_ij; mean over i",
		.source = "Vig & Belinkov 2019 (arXiv 1906.04284), among others",
		.edges = "a query that sees one key counts with its weight, 1 under a softmax",
		.bound = METRIC_UP_TO_MASS,
	},
	[METRIC_FOCUS_RATE] = {
		.id = METRIC_FOCUS_RATE, .name = "focus_rate", .unit = "weight",
		.summary = "how diagonal an alignment is likely to be: the mean largest weight, by which speech models pick the head that aligns",
		.formula = "F = mean over i of max_j p_ij",
		.source = "FastSpeech: Ren et al. 2019 (arXiv 1905.09263), 3.3",
		.edges = "the same number as max, under the name that alignment tools use",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_SATURATION] = {
		.id = METRIC_SATURATION, .name = "saturation", .unit = "share",
		.summary = "share of queries that attend to one key and nothing else",
		.formula = "share of i with max_j p_ij > 0.99 (--saturation): there the gradient p (1 - p) of the softmax is below 0.01",
		.source = "the threshold is ours",
		.edges = "queries that see one key are left out",
		.bound = METRIC_YES_NO, .needs = STOCHASTIC, .instead = FOR_UNNORMALISED,
	},
	[METRIC_PARTICIPATION] = {
		.id = METRIC_PARTICIPATION, .name = "participation", .unit = "keys",
		.summary = "effective number of keys, from the sum of squares",
		.formula = "(sum_j p_ij)^2 / sum_j p_ij^2; mean over i",
		.source = "inverse participation ratio (Bell & Dean 1970); Renyi entropy of order 2",
		.edges = "between 1 and n_i; does not depend on the scale of a row",
		.bound = METRIC_UP_TO_KEYS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_HOYER] = {
		.id = METRIC_HOYER, .name = "hoyer", .unit = "share",
		.summary = "sparsity from the norms: 0 for a uniform row, 1 for a single key",
		.formula = "(sqrt n_i - |p|_1 / |p|_2) / (sqrt n_i - 1); mean over i",
		.source = "Hoyer 2004, JMLR 5, 1457-1469",
		.edges = "queries that see one key are left out: 0/0",
		.bound = METRIC_UP_TO_ONE, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_ROW_SUM] = {
		.id = METRIC_ROW_SUM, .name = "row_sum", .unit = "weight",
		.summary = "what the weights of a query sum to",
		.formula = "sum_j p_ij; mean over i",
		.source = "by definition",
		.edges = "1 for a softmax, less with a learned sink logit; anything for state spaces and signed maps",
		.bound = METRIC_UP_TO_MASS,
	},
	[METRIC_LOGIT_MAX] = {
		.id = METRIC_LOGIT_MAX, .name = "logit_max", .unit = "logit", .over_rows = METRIC_LARGEST,
		.summary = "largest logit of the head",
		.formula = "max_ij s_ij, after scale, soft-cap and bias",
		.source = "watched for instability of training: Dehghani et al. 2023 (arXiv 2302.05442)",
		.edges = "a row's value is the largest of its row",
		.needs = METRIC_NEEDS_LOGITS, .instead = "max",
	},
	[METRIC_LOGIT_MIN] = {
		.id = METRIC_LOGIT_MIN, .name = "logit_min", .unit = "logit", .over_rows = METRIC_SMALLEST,
		.summary = "smallest visible logit of the head",
		.formula = "min_ij s_ij over what is visible",
		.source = "by definition",
		.edges = "a row's value is the smallest of its row",
		.needs = METRIC_NEEDS_LOGITS, .instead = "row_sum",
	},
	[METRIC_LOGIT_RANGE] = {
		.id = METRIC_LOGIT_RANGE, .name = "logit_range", .unit = "logit",
		.summary = "spread of the logits of a query",
		.formula = "max_j s_ij - min_j s_ij; mean over i",
		.source = "by definition",
		.edges = "0 for a query that sees one key",
		.needs = METRIC_NEEDS_LOGITS, .instead = "max",
	},
	[METRIC_SINK1] = {
		.id = METRIC_SINK1, .name = "sink1", .unit = "weight", .is_default = true,
		.summary = "mass on the first key that a query sees",
		.formula = "p_i,f_i; mean over i",
		.source = "attention sinks: Xiao et al. 2023 (arXiv 2309.17453)",
		.edges = "f_i: the first key that the query sees; the first query of a causal map has no choice and counts with 1",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_SINK4] = {
		.id = METRIC_SINK4, .name = "sink4", .unit = "weight",
		.summary = "mass on the first four keys that a query sees, as many as StreamingLLM keeps",
		.formula = "sum of p_ij over f_i <= j < f_i + 4; mean over i",
		.source = "attention sinks: Xiao et al. 2023 (arXiv 2309.17453)",
		.edges = "keys that are hidden among the four add nothing; the first four queries of a causal map have no choice and count with 1",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_NAMED] = {
		.id = METRIC_NAMED, .name = "named", .unit = "weight",
		.summary = "mass on the keys that were named, such as [SEP], full stops, or an image's tokens",
		.formula = "sum_{j named} p_ij; mean over i",
		.source = "Clark et al. 2019 (arXiv 1906.04341) for delimiters",
		.edges = "a key that a query may not see adds nothing; a query that sees none of them counts with 0",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED | METRIC_NEEDS_NAMED, .instead = FOR_SIGNED,
	},
	[METRIC_DIAGONAL] = {
		.id = METRIC_DIAGONAL, .name = "diagonal", .unit = "weight",
		.summary = "mass on the query's own position",
		.formula = "p_i,i'; mean over the i whose position i' is a key of the item",
		.source = "Clark et al. 2019 (arXiv 1906.04341)",
		.edges = "queries whose position is not among the item's keys, k_0 .. k_0 + S - 1, are left out; a key there that the query may not see counts 0",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_PREVIOUS] = {
		.id = METRIC_PREVIOUS, .name = "previous", .unit = "weight",
		.summary = "mass on the position before: a previous-token head has almost all of it there",
		.formula = "p_i,i'-1; mean over the i for which i' - 1 is a key of the item",
		.source = "Clark et al. 2019 (arXiv 1906.04341); Voita et al. 2019 (arXiv 1905.09418)",
		.edges = "the first position is left out; else as diagonal",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_NEXT] = {
		.id = METRIC_NEXT, .name = "next", .unit = "weight",
		.summary = "mass on the position after",
		.formula = "p_i,i'+1; mean over the i for which i' + 1 is a key of the item",
		.source = "Clark et al. 2019 (arXiv 1906.04341)",
		.edges = "the last position is left out; in a causal map it is 0; else as diagonal",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_LOCAL] = {
		.id = METRIC_LOCAL, .name = "local", .unit = "weight",
		.summary = "mass within 16 positions to each side",
		.formula = "sum of p_ij over |i' - j| <= 16 (--band); mean over i",
		.source = "by definition",
		.edges = "cut off at the ends of the keys",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_DIAGONALITY] = {
		.id = METRIC_DIAGONALITY, .name = "diagonality", .unit = "weight",
		.summary = "mass near the diagonal of an alignment, both sides scaled to length 1",
		.formula = "sum of p_ij over |(j - k_0) / S - (i - r_0) / N| <= 0.1 (--diagonality); mean over i",
		.source = "after the diagonal constraint of MultiSpeech: Chen et al. 2020 (arXiv 2006.04664); the width is ours",
		.edges = "positions count from the item's first key and query, i is the query's index, without the diagonal; the band is 1e-9 keys wider, so "
			 "that rounding loses none at its edge; a query whose band holds no key counts with 0",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_GUIDED] = {
		.id = METRIC_GUIDED, .name = "guided", .unit = "weight",
		.summary = "guided-attention score: weight away from the diagonal of an alignment; 0 for a perfect diagonal",
		.formula = "sum_j p_ij (1 - exp(-x_ij^2 / (2 g^2))), x_ij = (j - k_0) / S - (i - r_0) / N, g = 0.2 (--guided); mean over i",
		.source = "Tachibana et al. 2018 (arXiv 1710.08969), 4.1; ESPnet's recipes have g = 0.4",
		.edges = "positions as in diagonality; the published loss is this divided by S",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_DISTANCE] = {
		.id = METRIC_DISTANCE, .name = "distance", .unit = "positions", .is_default = true,
		.summary = "mean distance between a query and what it attends to",
		.formula = "sum_j p_ij |i' - j| / sum_j p_ij; mean over i",
		.source = "Vig & Belinkov 2019 (arXiv 1906.04284), 4.2",
		.edges = "for cross-attention the two sides count from 0 each; sinks are part of it; also for queries whose position is not among the keys",
		.bound = METRIC_UP_TO_DISTANCE, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_GRID_DISTANCE] = {
		.id = METRIC_GRID_DISTANCE, .name = "grid_distance", .unit = "pixels",
		.summary = "how far, in the picture, a patch looks: the attention distance of vision transformers",
		.formula = "P sum_j p_ij |g_i - g_j| over the patches j, g the (row, column) of a patch, P its size; mean over the patches i",
		.source = "Dosovitskiy et al. 2021 (arXiv 2010.11929), appendix D.7; Raghu et al. 2021 (arXiv 2108.08810)",
		.edges = "the patches are the last H W positions of queries and keys; [CLS] and registers are left out on both sides, and their mass is not "
			 "made up for, as in the published code (grid_distance_patches does)",
		.bound = METRIC_UP_TO_PIXELS, .needs = UNSIGNED | METRIC_NEEDS_GRID, .instead = FOR_SIGNED,
	},
	[METRIC_GRID_DISTANCE_PATCHES] = {
		.id = METRIC_GRID_DISTANCE_PATCHES, .name = "grid_distance_patches", .unit = "pixels",
		.summary = "the same with each row divided by its mass on the patches",
		.formula = "P sum_j p_ij |g_i - g_j| / sum_j p_ij over the patches j; mean over the patches i",
		.source = "grid_distance, normalised",
		.edges = "the patches are the last positions; a patch without mass on patches has no value",
		.bound = METRIC_UP_TO_PIXELS, .needs = UNSIGNED | METRIC_NEEDS_GRID, .instead = FOR_SIGNED,
	},
	[METRIC_GINI] = {
		.id = METRIC_GINI, .name = "gini", .unit = "share", .is_default = true,
		.summary = "inequality of a query's weights: 0 for a uniform row, near 1 for a single key",
		.formula = "1 - 2 sum_k (x_(k) / |x|_1) (n_i - k + 1/2) / n_i, x the weights in ascending order; mean over i",
		.source = "Hurley & Rickard 2009, IEEE Trans. Information Theory 55(10), 4723-4741",
		.edges = "queries that see one key are left out; exact where there are up to 4096 keys; beyond, from a histogram, a row is off by about "
			 "0.003 / sqrt(d), d the number of its weights that differ, n_i as a rule, and their mean by less; rows of few different weights "
			 "(fewer than about n_i / 20 or 1000) and rows whose mass lies in few bins (weights within some ten per cent) are sorted, and exact",
		.bound = METRIC_UP_TO_ONE, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_KEYS90] = {
		.id = METRIC_KEYS90, .name = "keys90", .unit = "keys", .is_default = true,
		.summary = "fewest keys that hold 90 % of a query's mass",
		.formula = "least k such that the k largest p_ij sum to at least 0.9 (1 - 1e-9) of the row; mean over i",
		.source = "SampleAttention (Zhu et al. 2024, arXiv 2406.15486) asks for the same number",
		.edges = "the shortfall of 1e-9 is so that a row of ten equal weights needs nine; exact where there are up to 4096 keys; beyond, from a "
			 "histogram in which weights of 1/256 and more are still exact, a row is off by less than one in a thousand, or by one; rows are "
			 "sorted as for gini",
		.bound = METRIC_UP_TO_KEYS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_KEYS95] = {
		.id = METRIC_KEYS95, .name = "keys95", .unit = "keys",
		.summary = "fewest keys that hold 95 % of a query's mass",
		.formula = "as keys90, with 0.95",
		.source = "as keys90",
		.edges = "as keys90",
		.bound = METRIC_UP_TO_KEYS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_KEYS99] = {
		.id = METRIC_KEYS99, .name = "keys99", .unit = "keys",
		.summary = "fewest keys that hold 99 % of a query's mass",
		.formula = "as keys90, with 0.99",
		.source = "as keys90",
		.edges = "as keys90",
		.bound = METRIC_UP_TO_KEYS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_TOP_K] = {
		.id = METRIC_TOP_K, .name = "top_k", .unit = "share",
		.summary = "share of the mass on a query's 8 largest weights",
		.formula = "sum of the 8 (--top-k) largest p_ij / sum_j p_ij; mean over i",
		.source = "by definition",
		.edges = "1 for queries that see no more keys than that",
		.bound = METRIC_UP_TO_ONE, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_BELOW] = {
		.id = METRIC_BELOW, .name = "below", .unit = "share", .over_rows = METRIC_POOLED,
		.summary = "share of the visible weights that are below 0.01",
		.formula = "#{p_ij < 0.01 (--below)} / sum_i n_i, over all keys that the queries of the head may see",
		.source = "by definition",
		.edges = "the share is over entries, so long rows of a causal map weigh more; a row's value is its own share",
		.bound = METRIC_UP_TO_ONE, .needs = STOCHASTIC, .instead = "h2o_sparsity, whose threshold follows the row",
	},
	[METRIC_H2O_SPARSITY] = {
		.id = METRIC_H2O_SPARSITY, .name = "h2o_sparsity", .unit = "share", .over_rows = METRIC_POOLED,
		.summary = "share of the visible weights that are below a hundredth of the row's largest",
		.formula = "#{p_ij < 0.01 max_j p_ij (--h2o-share)} / sum_i n_i, over all keys that the queries of the head may see",
		.source = "H2O: Zhang et al. 2023 (arXiv 2306.14048), 3.1",
		.edges = "as below",
		.bound = METRIC_UP_TO_ONE, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_BLOCKS95] = {
		.id = METRIC_BLOCKS95, .name = "blocks95", .unit = "share", .level = METRIC_OF_HEAD,
		.summary = "share of the visible 64 x 64 blocks that hold 95 % of the mass",
		.formula = "blocks by mass, largest first, until they hold 0.95 of the head's mass / blocks in which anything is visible",
		.source = "block-sparse attention: Jiang et al. 2024 (MInference, arXiv 2407.02490)",
		.edges = "the N queries are cut into R = ceil(N / 64) pieces, piece r the queries from r_0 + floor(r N / R) to r_0 + floor((r + 1) N / R) - 1, "
			 "and the S keys likewise; with --sample-rows and --last-queries the queries measured, in their order, are cut so; where N or S is above "
			 "131072 the side 64 doubles until no side has more than 2048 pieces; a shortfall of 1e-9 of the mass counts as reached",
		.needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_MINFERENCE] = {
		.id = METRIC_MINFERENCE, .name = "minference", .unit = "pattern", .level = METRIC_WORD,
		.summary = "the sparse pattern that keeps most of the head's mass, and its budget in keys",
		.formula = "the largest of a_shape, vertical_slash and block_sparse, the first of equals: \"a-shape FIRST BAND\", \"vertical-slash COLUMNS "
			 "DIAGONALS\" or \"block-sparse SHARE\"",
		.source = "MInference: Jiang et al. 2024 (arXiv 2407.02490) and its search_pattern, without the step that renames every winner to "
			  "vertical-slash",
		.edges = MINFERENCE_EDGES,
		.needs = STOCHASTIC | METRIC_NEEDS_CAUSAL, .instead = FOR_FULL,
	},
	[METRIC_A_SHAPE] = {
		.id = METRIC_A_SHAPE, .name = "a_shape", .unit = "share", .level = METRIC_OF_HEAD,
		.summary = "mass on the first 100 keys and the 800 latest",
		.formula = "sum of p_ij over f_i <= j < f_i + 100 or i' - 800 < j <= i'; mean over the queries with i' - k_0 >= 2500",
		.source = "MInference: Jiang et al. 2024 (arXiv 2407.02490)",
		.edges = MINFERENCE_EDGES,
		.needs = STOCHASTIC | METRIC_NEEDS_CAUSAL, .instead = FOR_FULL,
	},
	[METRIC_VERTICAL_SLASH] = {
		.id = METRIC_VERTICAL_SLASH, .name = "vertical_slash", .unit = "share", .level = METRIC_OF_HEAD,
		.summary = "mass on the columns and diagonals that the last 64 queries look at",
		.formula = "the best of (30 columns, 800 diagonals), (100, 750), (500, 700), (3500, 100) but for those of S or more columns: sum of p_ij over j "
			 "among the columns or i' - j among the diagonals; mean over the queries with i' - k_0 >= 2500. Columns j and diagonals i' - j are "
			 "ranked by what the last 64 queries of the item put on them, the earlier and the nearer of equals first, with the columns from "
			 "k_0 to k_0 + 29 and the diagonals 0 to 29 before all others",
		.source = "MInference: Jiang et al. 2024 (arXiv 2407.02490)",
		.edges = MINFERENCE_EDGES,
		.needs = STOCHASTIC | METRIC_NEEDS_CAUSAL, .instead = FOR_FULL,
	},
	[METRIC_BLOCK_SPARSE] = {
		.id = METRIC_BLOCK_SPARSE, .name = "block_sparse", .unit = "share", .level = METRIC_OF_HEAD,
		.summary = "mass in the heaviest eighth of the 32 x 32 blocks of each row of blocks",
		.formula = "queries from r_0 and keys from k_0 on are cut every 32, and the last piece is what remains; sum of p_ij over j in the ceil(S / 256) "
			 "blocks of the query's row of blocks in which all its queries together have most, the earlier of equals; mean over the queries "
			 "with i' - k_0 >= 2500",
		.source = "MInference: Jiang et al. 2024 (arXiv 2407.02490), with blocks ranked by their mass; the original estimates them from pooled "
			  "queries and keys, and keeps no more than this",
		.edges = MINFERENCE_EDGES "; not for a sample of queries; above 131072 keys blocks are larger",
		.needs = STOCHASTIC | METRIC_NEEDS_CAUSAL, .instead = FOR_FULL,
	},
	[METRIC_MONOTONICITY] = {
		.id = METRIC_MONOTONICITY, .name = "monotonicity", .unit = "share",
		.summary = "share of queries whose strongest key is not before that of the query before",
		.formula = "share of i with c_i >= c_h, c_i = argmax_j p_ij, the first of equals, h the query before i of those that see a key",
		.source = "no single source; monotonic alignments in speech: Raffel et al. 2017 (arXiv 1704.00784)",
		.edges = "the first query is left out; in a sample of rows the query before is the one before in the sample, so that a sample has another "
			 "value than all queries, and no interval",
		.needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_POSITIONAL] = {
		.id = METRIC_POSITIONAL, .name = "positional", .unit = "share", .level = METRIC_OF_HEAD,
		.summary = "share of queries whose strongest key is at the head's favourite offset",
		.formula = "max_d #{i : argmax_j p_ij - i = d} / #{i}, over the i that see a key",
		.source = "Voita et al. 2019 (arXiv 1905.09418), 5.1, call a head positional from 0.9 on",
		.edges = "the first of equal weights is the strongest",
		.needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_CONFIDENCE] = {
		.id = METRIC_CONFIDENCE, .name = "confidence", .unit = "weight",
		.summary = "mean largest weight, without the end-of-sentence token",
		.formula = "max_{j != end} p_ij; mean over the queries whose position is not the end",
		.source = "Voita et al. 2019 (arXiv 1905.09418), 4",
		.edges = "the end is the item's last key, k_0 + S - 1, or where keys are named (--named-token, --named-keys) all of those; a query that sees "
			 "only the end counts with 0",
		.bound = METRIC_UP_TO_MASS, .needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_SINK_RATE] = {
		.id = METRIC_SINK_RATE, .name = "sink_rate", .unit = "0 or 1", .level = METRIC_OF_HEAD,
		.summary = "is the first key a sink? Its mean over heads is the sink metric of the literature",
		.formula = "1 if the mean over i of p_i,f_i is above 0.3, else 0; where all queries see one first key k this is a_k = sum_i p_ik / #{i that see k}",
		.source = "Gu et al. 2024 (arXiv 2410.10781), 3.2, in per cent over samples, layers and heads",
		.edges = "their numbers are for the first 64 tokens of each text: the mean falls with the length",
		.needs = STOCHASTIC, .instead = FOR_UNNORMALISED,
	},
	[METRIC_SINK_KEYS] = {
		.id = METRIC_SINK_KEYS, .name = "sink_keys", .unit = "keys", .level = METRIC_OF_HEAD,
		.summary = "number of keys that are sinks",
		.formula = "#{k : a_k > 0.3}, a_k = sum_i p_ik / #{i that see k}, over the queries that count in means",
		.source = "after Gu et al. 2024 (arXiv 2410.10781)",
		.edges = "the last keys of a causal map are seen by few queries, and become sinks easily",
		.needs = STOCHASTIC, .instead = FOR_UNNORMALISED,
	},
	[METRIC_HEAVY] = {
		.id = METRIC_HEAVY, .name = "heavy", .unit = "share", .level = METRIC_OF_HEAD,
		.summary = "share of all mass that the heaviest tenth of the keys receives",
		.formula = "F_j = sum_i p_ij; sum of the ceil(0.1 S - 1e-9) largest F_j / sum_j F_j",
		.source = "heavy hitters: H2O, Zhang et al. 2023 (arXiv 2306.14048)",
		.edges = "in a causal map early keys are seen by more queries: compare received_mean",
		.needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_HEAVY_RECALL] = {
		.id = METRIC_HEAVY_RECALL, .name = "heavy_recall", .unit = "share", .level = METRIC_OF_HEAD,
		.summary = "share of the mass that a cache keeps with the heaviest tenth of the keys and as many of the latest",
		.formula = "sum of p_ij over j heavy or i' - ceil(0.1 S - 1e-9) < j <= i' / sum of p_ij; heavy: the ceil(0.1 S - 1e-9) largest F_j = sum_i p_ij, the "
			 "earlier of equals",
		.source = "H2O, Zhang et al. 2023 (arXiv 2306.14048), half of the budget each",
		.edges = "heavy keys are known from the whole text, as an oracle would: a running policy recalls less",
		.needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_DUPLICATE] = {
		.id = METRIC_DUPLICATE, .name = "duplicate", .unit = "share",
		.summary = "mass on earlier copies of the query's own token",
		.formula = "sum of p_ij over j < i' with token_j = token_i' / sum_j p_ij; mean over i",
		.source = "TransformerLens, head_detector: duplicate token heads, error measure 'mul'",
		.edges = "queries without an earlier copy count with 0; queries whose position is not among the item's keys are left out, as in diagonal",
		.bound = METRIC_UP_TO_ONE, .needs = UNSIGNED | METRIC_NEEDS_TOKENS, .instead = FOR_SIGNED,
	},
	[METRIC_INDUCTION] = {
		.id = METRIC_INDUCTION, .name = "induction", .unit = "share",
		.summary = "mass on the keys just after earlier copies of the query's own token",
		.formula = "sum of p_ij over 0 < j <= i' with token_j-1 = token_i', j - 1 < i' / sum_j p_ij; mean over i",
		.source = "TransformerLens, head_detector: induction heads, error measure 'mul'; prefix matching of Olsson et al. 2022 (arXiv 2209.11895)",
		.edges = "queries without an earlier copy count with 0; queries whose position is not among the item's keys are left out, as in diagonal",
		.bound = METRIC_UP_TO_ONE, .needs = UNSIGNED | METRIC_NEEDS_TOKENS, .instead = FOR_SIGNED,
	},
	[METRIC_OUTPUT_NORM] = {
		.id = METRIC_OUTPUT_NORM, .name = "output_norm", .unit = "value units",
		.summary = "length of the head's output",
		.formula = "|sum_j p_ij v_j|_2; mean over i",
		.source = "by definition",
		.edges = "before the output projection",
		.needs = METRIC_NEEDS_VALUES,
	},
	[METRIC_VALUE_NORM] = {
		.id = METRIC_VALUE_NORM, .name = "value_norm", .unit = "value units",
		.summary = "mass weighted with the length of the values",
		.formula = "sum_j p_ij |v_j|_2; mean over i",
		.source = "Kobayashi et al. 2020 (arXiv 2004.10102), with v_j in place of v_j W_O, which a dump does not have",
		.edges = "at least output_norm, and much more where values cancel",
		.needs = UNSIGNED | METRIC_NEEDS_VALUES, .instead = FOR_SIGNED,
	},
	[METRIC_VALUE_SINK1] = {
		.id = METRIC_VALUE_SINK1, .name = "value_sink1", .unit = "share",
		.summary = "the first visible key's share of value_norm: small where a sink is looked at and adds nothing",
		.formula = "p_i,f_i |v_f_i|_2 / sum_j p_ij |v_j|_2; mean over i",
		.source = "Kobayashi et al. 2020 (arXiv 2004.10102), with v_j in place of v_j W_O",
		.edges = "queries that look at zero vectors only are left out",
		.bound = METRIC_UP_TO_ONE, .needs = UNSIGNED | METRIC_NEEDS_VALUES, .instead = FOR_SIGNED,
	},
	[METRIC_ABS_SUM] = {
		.id = METRIC_ABS_SUM, .name = "abs_sum", .unit = "weight",
		.summary = "what the absolute weights of a query sum to",
		.formula = "sum_j |p_ij|; mean over i",
		.source = "by definition",
		.edges = "the same as row_sum where no weight is negative",
		.bound = METRIC_UP_TO_MASS,
	},
	[METRIC_NEGATIVE] = {
		.id = METRIC_NEGATIVE, .name = "negative", .unit = "share",
		.summary = "share of the absolute mass that is negative",
		.formula = "sum of |p_ij| over p_ij < 0 / sum_j |p_ij|; mean over i",
		.source = "by definition",
		.edges = "queries whose weights are all zero are left out",
		.bound = METRIC_UP_TO_ONE,
	},
	[METRIC_DISTANCE_PROFILE] = {
		.id = METRIC_DISTANCE_PROFILE, .name = "distance_profile", .unit = "weight", .level = METRIC_LIST,
		.summary = "mean weight at each distance",
		.formula = "p(d) = mean of p_i,i'-d over the queries that count and for which i' - d is a key of the item; d > 0 looks back; a key there that the "
			 "query may not see counts 0",
		.source = "by definition; used for time-restricted attention: Povey et al. 2018",
		.edges = "a list, the first number of which is for d = 0 where the map is causal, else for the most negative d that the arrays allow "
			 "(distance_profile_first beside it says which); nan (null) where no query has such a key; long distances are means over few queries",
		.needs = UNSIGNED, .instead = FOR_SIGNED,
	},
	[METRIC_RECEIVED] = {
		.id = METRIC_RECEIVED, .name = "received", .unit = "weight", .level = METRIC_OF_KEY,
		.summary = "mass that a key receives from all queries",
		.formula = "F_j = sum_i p_ij",
		.source = "accumulated attention: H2O, Zhang et al. 2023 (arXiv 2306.14048)",
		.edges = "favours early keys in a causal map",
	},
	[METRIC_RECEIVED_MEAN] = {
		.id = METRIC_RECEIVED_MEAN, .name = "received_mean", .unit = "weight", .level = METRIC_OF_KEY,
		.summary = "mean weight that a key receives from the queries that see it",
		.formula = "a_j = F_j / #{i that see j}, over the queries that count in means",
		.source = "Gu et al. 2024 (arXiv 2410.10781), 3.2",
		.edges = "none for a key that no query sees",
	},
};
