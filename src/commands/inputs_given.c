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
enum { DTYPE_STORED, DTYPE_AS_BFLOAT16 };
static const struct word dtype_words[] = { { "stored", DTYPE_STORED }, { "bfloat16", DTYPE_AS_BFLOAT16 }, WORD_END };

enum { LAYERS_BY_NAME, LAYERS_BY_ORDER };
static const struct word layers_by_words[] = { { "name", LAYERS_BY_NAME }, { "order", LAYERS_BY_ORDER }, WORD_END };

static enum err set_step(const char *argument, void *value, struct err_info *info);

static struct given_inputs given = { .scale = NAN, .order = LAYOUT_FUSED_BLOCKS, .roles.sequence = -1, .roles.plan = PLAN_REQUEST_INIT };

const struct option_row input_file_rows[] = {
	OPTION_LIST('q', "query", "FILE[:NAME]", &given.roles.spec[NAME_QUERY], "queries; again for each layer"),
	OPTION_LIST('k', "key", "FILE[:NAME]", &given.roles.spec[NAME_KEY], "keys"),
	OPTION_LIST('v', "value", "FILE[:NAME]", &given.roles.spec[NAME_VALUE], "values"),
	OPTION_LIST('w', "weights", "FILE[:NAME]", &given.roles.spec[NAME_WEIGHTS], "ready attention weights"),
	OPTION_LIST(0, "shard", "FILE[:NAME]", &given.roles.shard, "pieces along the tokens, {rank} in the name, which tells the role"),
	OPTION_LIST(0, "qkv", "FILE[:NAME]", &given.roles.fused, "queries, keys and values fused in one tensor"),
	OPTION_CHOICE(0, "qkv-order", "ORDER", &given.order, order_words, "how they lie in its last axis"),
	OPTION_LIST(0, "input", "ROLE=FILE[:NAME]", &given.roles.input, "any input of the attention"),
	OPTION_LIST(0, "names", "[ROLE=]PATTERN", &given.roles.names, "which names in the files count (shell pattern), or which are the ROLE"),
	OPTION_LIST(0, "layout", "[ROLE=]LETTERS", &given.roles.layout, "order of the axes: L layer, B batch, H head, N token, D dim; M key of a map"),
	OPTION_STRING(0, "heads-in", "H[,HK]", &given.roles.heads_in, "heads packed in the last axis (HK: of keys and values)"),
	OPTION_LIST(0, "cu-seqlens", "[ROLE=]FILE[:NAME]", &given.roles.cu_seqlens, "sequences lie one after another (flash-attn varlen): where each ends"),
	OPTION_INT(0, "sequence", "N", &given.roles.sequence, 0, 1e15, "which of them to look at"),
	OPTION_CHOICE(0, "layers-by", "HOW", &given.layers_by, layers_by_words, "what numbers and pairs layers: the names, or the order given"),
	OPTION_CALL(0, "dump-step", "N|join", set_step, &given.roles.plan.step, "of several steps that the names number: one, or the tokens of all one after another"),
	OPTION_INT(0, "model-layers", "N", &given.roles.plan.model_layers, 1, 1e9, "the names number calls, so many layers to a step, whose tokens are joined"),
	OPTION_CHOICE(0, "dtype", "TYPE", &given.dtype, dtype_words, "what two-byte integers hold"),
	OPTION_END
};

static const struct option_row attention_rows[] = {
	OPTION_STRING('a', "attention", "NAME", &given.attention, "the mechanism (attnviz explain lists them; default: softmax, or weights as they are)"),
	OPTION_LIST(0, "param", "NAME=VALUE", &given.parameter, "a parameter of the mechanism"),
	OPTION_REAL(0, "scale-factor", "X", &given.scale, -0x1p24, 0x1p24, "factor of the dot product (default: 1/sqrt(dim))"),
	OPTION_REAL(0, "softcap", "X", &given.softcap, 0, 1e30, "logits become X tanh(logit / X)"),
	OPTION_CHOICE(0, "stage", "STAGE", &given.stage, stage_words, "show the weights, or the logits after a step"),
	OPTION_FLAG(0, "logits", &given.is_logits, "the weights given are logits: a softmax is taken"),
	OPTION_FLAG(0, "log-weights", &given.is_log, "the weights given are logarithms of weights"),
	OPTION_FLAG(0, "signed", &given.is_signed, "the weights given may be negative"),
	OPTION_FLAG(0, "skip-nan", &given.skip_nan, "rows of the weights given that hold NaN are left out: no statistic counts them, pictures have no value there"),
	OPTION_CHOICE(0, "normalise", "HOW", &given.normalise, normalise_words, "signed weights: as they are, |w| by rows or within the map, or |w|"),
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
		return err_set(info, ERR_USAGE, "--dump-step %s: wants the number of a step, or join", argument);
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
	given.roles.order = (enum layout_fusion)given.order;
	given.roles.dtype = given.dtype == DTYPE_AS_BFLOAT16 ? word_text(dtype_words, given.dtype) : NULL;
	given.roles.plan.by_order = given.layers_by == LAYERS_BY_ORDER;
	given.roles.own = mechanism ? mechanism->input : NULL;
	return &given.roles;
}

bool given_wants_scores(void)
{
	return given.prefer_scores || !isnan(given.scale) || given.softcap > 0 || given.stage != STAGE_WEIGHTS || position_given();
}
