/* SPDX-License-Identifier: MIT */
#include "commands/inputs_given.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands/grouping.h"
#include "commands/labels.h"
#include "commands/masking.h"
#include "commands/model_inputs.h"
#include "commands/position.h"
#include "commands/selection.h"
#include "mechanism/normalised.h"

static const struct word stage_words[] = {
	{ "weights", STAGE_WEIGHTS }, { "scores", STAGE_SCORES }, { "capped", STAGE_CAPPED },
	{ "biased", STAGE_BIASED }, WORD_END,
};
static const struct word order_words[] = {
	{ "blocks", LAYOUT_FUSED_BLOCKS }, { "per-head", LAYOUT_FUSED_PER_HEAD },
	{ "grouped", LAYOUT_FUSED_GROUPED }, WORD_END,
};
static const struct word normalise_words[] = {
	{ "signed", NORMALISE_SIGNED }, { "abs-row", NORMALISE_ABS_ROW }, { "abs-minmax", NORMALISE_ABS_MINMAX },
	{ "abs", NORMALISE_ABS }, WORD_END,
};
enum { DTYPE_UNSAID, DTYPE_STORED, DTYPE_AS_BFLOAT16 };
static const struct word dtype_words[] = { { "stored", DTYPE_STORED }, { "bfloat16", DTYPE_AS_BFLOAT16 }, WORD_END };

enum { LAYERS_BY_NAME, LAYERS_BY_ORDER };
static const struct word layers_by_words[] = { { "name", LAYERS_BY_NAME }, { "order", LAYERS_BY_ORDER }, WORD_END };

static enum err set_step(const char *argument, void *value, struct err_info *info);

static struct given_inputs given = { .scale = NAN, .roles.sequence = -1, .roles.plan = PLAN_REQUEST_INIT };

const struct option_row input_file_rows[] = {
	OPTION_LIST('q', "query", "FILE[:NAME]", &given.roles.spec[NAME_QUERY], "queries; repeat for more layers"),
	OPTION_LIST('k', "key", "FILE[:NAME]", &given.roles.spec[NAME_KEY], "keys"),
	OPTION_LIST('v', "value", "FILE[:NAME]", &given.roles.spec[NAME_VALUE], "values"),
	OPTION_LIST('w', "weights", "FILE[:NAME]", &given.roles.spec[NAME_WEIGHTS], "ready attention weights"),
	OPTION_LIST(0, "shard", "FILE[:NAME]", &given.roles.shard, "pieces along the tokens, one per rank: {rank} in the name stands for its number"),
	OPTION_LIST(0, "qkv", "FILE[:NAME]", &given.roles.fused, "queries, keys and values fused in one tensor"),
	OPTION_CHOICE(0, "qkv-order", "ORDER", &given.order, order_words, "order of queries, keys and values in the last axis of --qkv"),
	OPTION_LIST(0, "input", "ROLE=FILE[:NAME]", &given.roles.input, "any input of the mechanism, by its role"),
	OPTION_LIST(0, "names", "[ROLE=]PATTERN", &given.roles.names, "use only names that match the shell pattern, or use them for ROLE"),
	OPTION_LIST(0, "layout", "[ROLE=]LETTERS", &given.roles.layout, "order of the axes: L layer, B batch, H head, N token, D dim, M key of a map"),
	OPTION_STRING(0, "heads-in", "H[,HK]", &given.roles.heads_in, "number of heads packed in the last axis (HK: of keys and values)"),
	OPTION_LIST(0, "cu-seqlens", "[ROLE=]FILE[:NAME]", &given.roles.cu_seqlens, "cumulative lengths of sequences packed one after another (flash-attn varlen)"),
	OPTION_INT(0, "sequence", "N", &given.roles.sequence, 0, 1e15, "index of the packed sequence to use, from 0 (with --cu-seqlens)"),
	OPTION_CHOICE(0, "layers-by", "HOW", &given.layers_by, layers_by_words, "number and pair layers by their names, or in the order given"),
	OPTION_CALL(0, "dump-step", "N|join", set_step, &given.roles.plan.step, "use step N of several in the names, or join the tokens of all steps"),
	OPTION_INT(0, "model-layers", "N", &given.roles.plan.model_layers, 1, 1e9, "numbers in names count calls in a model of N layers; tokens of its steps are joined"),
	OPTION_CHOICE(0, "dtype", "TYPE", &given.dtype, dtype_words, "what two-byte integers contain"),
	OPTION_END
};

static const struct option_row attention_rows[] = {
	OPTION_STRING('a', "attention", "NAME", &given.attention, "kind of attention (attnviz explain lists them; default: softmax, or ready weights)"),
	OPTION_LIST(0, "param", "NAME=VALUE", &given.parameter, "a parameter of the mechanism"),
	OPTION_REAL(0, "scale-factor", "X", &given.scale, -0x1p24, 0x1p24, "factor of the dot product (default: 1/sqrt(dim))"),
	OPTION_REAL(0, "softcap", "X", &given.softcap, 0, 1e30, "logits become X tanh(logit / X)"),
	OPTION_CHOICE(0, "stage", "STAGE", &given.stage, stage_words, "use the weights, or the logits after this step"),
	OPTION_FLAG(0, "logits", &given.is_logits, "ready weights are logits: apply a softmax"),
	OPTION_FLAG(0, "log-weights", &given.is_log, "ready weights are logarithms of weights"),
	OPTION_FLAG(0, "signed", &given.is_signed, "ready weights may be negative"),
	OPTION_FLAG(0, "skip-nan", &given.skip_nan, "leave out rows of ready weights that contain NaN"),
	OPTION_CHOICE(0, "normalise", "HOW", &given.normalise, normalise_words, "what to do with signed weights: keep them, |w| normalised by rows or by map, or |w|"),
	OPTION_END
};

static const struct option_row work_rows[] = {
	OPTION_INT('j', "threads", "N", &given.threads, 1, 1024, "threads (default: all processors)"),
	OPTION_END
};

const struct option_row input_rows[] = {
	OPTION_GROUP("Inputs", input_file_rows),
	OPTION_GROUP("Model", model_rows),
	OPTION_GROUP("Tokens", label_rows),
	OPTION_GROUP("Groups of tokens", grouping_rows),
	OPTION_GROUP("Selection", selection_rows),
	OPTION_GROUP("Attention", attention_rows),
	OPTION_GROUP("Mask", masking_rows),
	OPTION_GROUP("Position", position_rows),
	OPTION_GROUP("Work", work_rows),
	OPTION_END
};

static enum err set_step(const char *argument, void *value, struct err_info *info)
{
	char *end;
	errno = 0;
	long long step = strtoll(argument, &end, 10);
	bool join = strcmp(argument, "join") == 0;
	if (!join && (end == argument || *end || errno || step < 0))
		return err_set(info, ERR_USAGE, "--dump-step %s: expected the number of a step, or join", argument);
	*(int64_t *)value = join ? PLAN_STEP_JOIN : step;
	return ERR_OK;
}

struct given_inputs *given_inputs(void)
{
	return &given;
}

struct roles_request *given_request(void)
{
	const struct mechanism *mechanism = given.attention ? mechanism_find(given.attention) : NULL;
	given.roles.order = given.order ? (enum layout_fusion)given.order : LAYOUT_FUSED_BLOCKS;
	given.roles.dtype = given.dtype == DTYPE_AS_BFLOAT16 ? word_text(dtype_words, given.dtype) : NULL;
	given.roles.plan.by_order = given.layers_by == LAYERS_BY_ORDER;
	given.roles.own = mechanism ? mechanism->input : NULL;
	return &given.roles;
}

bool given_wants_scores(void)
{
	return given.prefer_scores || !isnan(given.scale) || given.softcap > 0 || given.stage != STAGE_WEIGHTS || position_given();
}
