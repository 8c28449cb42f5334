/* SPDX-License-Identifier: MIT */
/*
 * Multi-head attention from hidden states and the weights of a layer: the norm and the projections are done here, what follows is the dot-product softmax.
 *
 * Models give one hidden state more than they have layers: state l enters layer l, the last leaves the model. So the weights of layer l are applied to state l alone.
 *
 * With values=layer each head's values are taken through its slice of the output projection (v W_O^hT), so that its output is what the head adds to the layer's
 * output, and the norm of a value is what Kobayashi et al. weigh attention with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "mechanism/operand.h"
#include "mechanism/projection.h"
#include "mechanism/state_norm.h"
#include "mechanism/table.h"
#include "mechanism/wrapped.h"

/* Tokens projected at once. */
enum { TOKEN_BLOCK = 64 };

enum storage { STORAGE_AUTO, STORAGE_LINEAR, STORAGE_CONV1D };

static const struct word storage_words[] = {
	{ "auto", STORAGE_AUTO }, { "linear", STORAGE_LINEAR }, { "conv1d", STORAGE_CONV1D }, WORD_END,
};
static const struct word order_words[] = {
	{ "blocks", ORDER_BLOCKS }, { "per-head", ORDER_PER_HEAD }, { "grouped", ORDER_GROUPED }, { "auto", ORDER_BLOCKS }, WORD_END,
};
/* Values after the projection of the layer's output? */
static const struct word values_words[] = { { "head", false }, { "layer", true }, WORD_END };
/* Tokens before the batch? */
static const struct word axes_words[] = { { "bnd", false }, { "nbd", true }, WORD_END };

static const char *const weight_role[] = { "q_proj_weight", "k_proj_weight", "v_proj_weight" };
static const char *const bias_role[] = { "q_proj_bias", "k_proj_bias", "v_proj_bias" };
static const char *const part_name[] = { "the projected queries", "the projected keys", "the projected values" };

/* Hidden states: rows of `width` numbers. */
struct states {
	struct heads view;
	const struct tensor *slot;
	const struct heads *heads;
};

struct multihead {
	struct wrapped wrapped;
	const struct mechanism_args *args; /* while opening */
	struct states hidden, memory;      /* memory.heads NULL: self-attention */
	int64_t heads, kv_heads, layers;
	int64_t *state;                    /* [layers] which hidden state enters, owned */
	struct state_norm norm;
	char remark[1000];
	int storage, order, values;
	bool fused;
	struct operand weight[3], bias[3], out_weight; /* weight[0] and bias[0] where fused */
	int64_t dim[3];                    /* of a head */
	double *output_bias;               /* [layers][E], owned */
};

static bool is_conv1d(const struct multihead *multihead)
{
	return multihead->storage == STORAGE_CONV1D;
}

static enum err read_states(struct multihead *multihead, const char *role, struct states *states, struct err_info *info)
{
	int axes;
	enum err err = mechanism_parameter_choice(multihead->args, &mechanism_multihead, "axes", axes_words, &axes, info);
	if (!err)
		err = operand_view(multihead->args, &mechanism_multihead, role, states == &multihead->hidden, axes ? "nd|nbd|lnbd" : "nd|bnd|lbnd", &states->view,
				   &states->slot, &states->heads, info);
	for (int axis = 0; !err && states->heads && axis < AXIS_COUNT; axis++)
		if (states->heads->size[axis] < 1)
			err = operand_misshapen(&mechanism_multihead, role, states->heads->tensors[0], "no axis of length 0", info);
	return err;
}

static enum err read_counts(struct multihead *multihead, struct err_info *info)
{
	const struct mechanism_args *args = multihead->args;
	const struct mechanism *mechanism = &mechanism_multihead;
	if (!*mechanism_parameter_text(args, mechanism, "heads"))
		return err_set(info, ERR_USAGE, "multihead attention needs the number of heads: --param heads=N");
	enum err err = mechanism_parameter_int(args, mechanism, "heads", &multihead->heads, info);
	multihead->kv_heads = multihead->heads;
	if (!err && *mechanism_parameter_text(args, mechanism, "kv-heads"))
		err = mechanism_parameter_int(args, mechanism, "kv-heads", &multihead->kv_heads, info);
	if (!err && (multihead->heads < 1 || multihead->kv_heads < 1 || multihead->heads % multihead->kv_heads || multihead->heads > INT32_MAX))
		err = err_set(info, ERR_USAGE, "--param heads=%" PRId64 " kv-heads=%" PRId64 ": the heads must be a whole multiple of the key and value heads",
			      multihead->heads, multihead->kv_heads);
	if (!err)
		err = mechanism_parameter_choice(args, mechanism, "storage", storage_words, &multihead->storage, info);
	if (!err)
		err = mechanism_parameter_choice(args, mechanism, "order", order_words, &multihead->order, info);
	if (!err)
		err = mechanism_parameter_choice(args, mechanism, "values", values_words, &multihead->values, info);
	if (!err && multihead->order == ORDER_PER_HEAD && multihead->kv_heads != multihead->heads)
		err = err_set(info, ERR_USAGE, "--param order=per-head has as many key heads as query heads: order=grouped is for fewer");
	return err;
}

/* A fused weight is never square, so its shape tells how it is stored; square ones are torch's unless the user says otherwise. */
static void settle_storage(struct multihead *multihead, const struct operand *weight, int64_t width)
{
	if (multihead->storage == STORAGE_AUTO)
		multihead->storage = weight->size[1] != width && weight->size[0] == width ? STORAGE_CONV1D : STORAGE_LINEAR;
}

static enum err refuse_weight(const struct multihead *multihead, const char *role, int64_t in, int64_t multiple, struct err_info *info)
{
	char expected[160];
	if (is_conv1d(multihead))
		snprintf(expected, sizeof expected, "(%" PRId64 ", a multiple of %" PRId64 ")", in, multiple);
	else
		snprintf(expected, sizeof expected, "(a multiple of %" PRId64 ", %" PRId64 ")", multiple, in);
	return operand_misshapen(&mechanism_multihead, role, mechanism_input_find(multihead->args, role)->tensor, expected, info);
}

/* The weight and bias of one role; *out is the number of rows of the linear form. */
static enum err read_weight(struct multihead *multihead, int index, const char *role, const char *bias, int64_t in, int64_t multiple, int64_t *out,
			    struct err_info *info)
{
	const struct mechanism *mechanism = &mechanism_multihead;
	struct operand *weight = &multihead->weight[index];
	const struct operand_shape any = { .rank = 2, .size = { -1, -1 }, .layers = multihead->layers };
	enum err err = operand_read(weight, multihead->args, mechanism, role, true, &any, info);
	if (err)
		return err;
	settle_storage(multihead, weight, in);
	*out = weight->size[is_conv1d(multihead) ? 1 : 0];
	if (weight->size[is_conv1d(multihead) ? 0 : 1] != in || *out % multiple)
		return refuse_weight(multihead, role, in, multiple, info);
	const struct operand_shape row = { .rank = 1, .size = { *out }, .layers = multihead->layers };
	return operand_read(&multihead->bias[index], multihead->args, mechanism, bias, false, &row, info);
}

static enum err read_fused(struct multihead *multihead, struct err_info *info)
{
	int64_t in = multihead->hidden.heads->size[AXIS_DIM], rows, each = multihead->heads + 2 * multihead->kv_heads;
	multihead->fused = true;
	enum err err = read_weight(multihead, 0, "in_proj_weight", "in_proj_bias", in, each, &rows, info);
	for (int part = 0; part < 3 && !err; part++)
		multihead->dim[part] = rows / each;
	return err;
}

static const struct states *states_of(const struct multihead *multihead, int part)
{
	return part != PROJECT_QUERY && multihead->memory.heads ? &multihead->memory : &multihead->hidden;
}

static enum err read_separate(struct multihead *multihead, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int part = 0; part < 3 && !err; part++) {
		int64_t heads = part == PROJECT_QUERY ? multihead->heads : multihead->kv_heads, rows;
		if (part == PROJECT_VALUE && !mechanism_input_find(multihead->args, weight_role[part]))
			return ERR_OK;
		err = read_weight(multihead, part, weight_role[part], bias_role[part], states_of(multihead, part)->heads->size[AXIS_DIM], heads, &rows, info);
		multihead->dim[part] = err ? 0 : rows / heads;
	}
	return err;
}

static struct projection_rows rows_of(const struct multihead *multihead, int part)
{
	return (struct projection_rows){ multihead->fused, (enum projection_order)multihead->order, (enum projection_part)part, multihead->heads, multihead->kv_heads,
					 multihead->dim[part] };
}

/* The layer of the states that enter a layer: memory may be shared by all. */
static int64_t state_of(const struct multihead *multihead, const struct states *states, int64_t layer)
{
	return states->heads->size[AXIS_LAYER] > 1 ? multihead->state[layer] : 0;
}

/* Project the tokens of one sequence: blocks of rows from x to the heads of `made`. */
static enum err project_sequence(const struct multihead *multihead, const struct states *states, int64_t layer, int64_t batch, const double *matrix, const double *bias,
				 struct made *made, struct err_info *info)
{
	const int64_t *size = made->heads.size;
	int64_t in = states->heads->size[AXIS_DIM], out = size[AXIS_HEAD] * size[AXIS_DIM], tokens = size[AXIS_TOKEN];
	double *x = mem_array((size_t)TOKEN_BLOCK, (size_t)(in + out) * sizeof *x), *y = x ? x + TOKEN_BLOCK * in : NULL;
	enum err err = x ? ERR_OK : err_nomem(info, made->tensor.name);
	for (int64_t first = 0; first < tokens && !err; first += TOKEN_BLOCK) {
		int64_t count = tokens - first < TOKEN_BLOCK ? tokens - first : TOKEN_BLOCK;
		err = heads_decode_f64(states->heads, state_of(multihead, states, layer), batch, 0, first, count, false, x, in, info);
		if (err)
			break;
		if (states == &multihead->hidden)
			state_norm_apply(&multihead->norm, layer, x, count, in);
		projection_apply(matrix, bias, in, out, x, count, y);
		for (int64_t i = 0; i < count * size[AXIS_HEAD]; i++)
			made_store(made, layer, batch, i % size[AXIS_HEAD], first + i / size[AXIS_HEAD], y + i * size[AXIS_DIM]);
	}
	free(x);
	return err;
}

static enum err project(struct multihead *multihead, int part, struct made *made, struct err_info *info)
{
	const struct projection_rows rows = rows_of(multihead, part);
	const struct states *states = states_of(multihead, part);
	const struct operand *weight = &multihead->weight[multihead->fused ? 0 : part], *bias = &multihead->bias[multihead->fused ? 0 : part];
	int64_t in = states->heads->size[AXIS_DIM], width = projection_heads(&rows) * rows.dim;
	const int64_t size[AXIS_COUNT] = { multihead->layers, states->heads->size[AXIS_BATCH], projection_heads(&rows), states->heads->size[AXIS_TOKEN], rows.dim };
	double *matrix = mem_array((size_t)in + 1, (size_t)width * sizeof *matrix);
	enum err err = matrix ? made_init(made, part_name[part], size, info) : err_nomem(info, part_name[part]);
	for (int64_t layer = 0; layer < multihead->layers && !err; layer++) {
		int64_t out_count = weight->size[is_conv1d(multihead) ? 1 : 0];
		projection_matrix(&rows, operand_block(weight, layer, 0), out_count, in, is_conv1d(multihead), matrix);
		projection_bias(&rows, bias->at ? operand_block(bias, layer, 0) : NULL, matrix + in * width);
		for (int64_t batch = 0; batch < size[AXIS_BATCH] && !err; batch++)
			err = project_sequence(multihead, states, layer, batch, matrix, matrix + in * width, made, info);
	}
	free(matrix);
	return err;
}

static enum err read_output(struct multihead *multihead, struct err_info *info)
{
	int64_t in = multihead->heads * multihead->dim[PROJECT_VALUE];
	const struct operand_shape shape = { .rank = 2, .size = { is_conv1d(multihead) ? in : -1, is_conv1d(multihead) ? -1 : in }, .layers = multihead->layers };
	return operand_read(&multihead->out_weight, multihead->args, &mechanism_multihead, "out_proj_weight", true, &shape, info);
}

/* W_O^h in the form of projection_matrix: (dv, E). */
static void output_slice(const struct multihead *multihead, int64_t layer, int64_t head, double *matrix)
{
	const struct operand *weight = &multihead->out_weight;
	const double *at = operand_block(weight, layer, 0);
	int64_t dim = multihead->dim[PROJECT_VALUE], width = weight->size[is_conv1d(multihead) ? 1 : 0];
	for (int64_t d = 0; d < dim; d++)
		for (int64_t e = 0; e < width; e++)
			matrix[d * width + e] = is_conv1d(multihead) ? at[(head * dim + d) * width + e] : at[e * weight->size[1] + head * dim + d];
}

static enum err through_output(const struct multihead *multihead, const struct made *value, struct made *made, struct err_info *info)
{
	int64_t dim = multihead->dim[PROJECT_VALUE], width = made->heads.size[AXIS_DIM], tokens = made->heads.size[AXIS_TOKEN];
	int64_t batches = made->heads.size[AXIS_BATCH], group = multihead->heads / multihead->kv_heads;
	double *matrix = mem_zero_array((size_t)(dim + 2), (size_t)width * sizeof *matrix), *row = mem_array((size_t)dim, sizeof *row);
	enum err err = matrix && row ? ERR_OK : err_nomem(info, made->tensor.name);
	for (int64_t map = 0; map < multihead->layers * multihead->heads && !err; map++) {
		int64_t layer = map / multihead->heads, head = map % multihead->heads;
		double *zero = matrix + dim * width, *out = zero + width;
		output_slice(multihead, layer, head, matrix);
		for (int64_t i = 0; i < batches * tokens && !err; i++) {
			err = heads_decode_f64(&value->heads, layer, i / tokens, head / group, i % tokens, 1, false, row, dim, info);
			if (err)
				break;
			projection_apply(matrix, zero, dim, width, row, 1, out);
			made_store(made, layer, i / tokens, head, i % tokens, out);
		}
	}
	free(matrix);
	free(row);
	return err;
}

/* b_O, or zeros: with it the outputs of the heads sum to the layer's. */
static enum err read_output_bias(struct multihead *multihead, int64_t width, struct err_info *info)
{
	const struct operand_shape shape = { .rank = 1, .size = { width }, .layers = multihead->layers };
	struct operand bias;
	enum err err = operand_read(&bias, multihead->args, &mechanism_multihead, "out_proj_bias", false, &shape, info);
	if (err)
		return err;
	multihead->output_bias = mem_zero_array((size_t)multihead->layers, (size_t)width * sizeof *multihead->output_bias);
	for (int64_t layer = 0; layer < multihead->layers && bias.at && multihead->output_bias; layer++)
		memcpy(multihead->output_bias + layer * width, operand_block(&bias, layer, 0), (size_t)width * sizeof *multihead->output_bias);
	operand_release(&bias);
	return multihead->output_bias ? ERR_OK : err_nomem(info, "the output bias");
}

static enum err project_values(struct multihead *multihead, struct err_info *info)
{
	struct wrapped *wrapped = &multihead->wrapped;
	if (!multihead->dim[PROJECT_VALUE])
		return multihead->values ? err_set(info, ERR_USAGE, "--param values=layer needs the projection of the values: --input v_proj_weight=FILE[:NAME]") : ERR_OK;
	if (!multihead->values)
		return project(multihead, PROJECT_VALUE, &wrapped->value, info);
	struct made value = { 0 };
	enum err err = read_output(multihead, info);
	if (!err)
		err = project(multihead, PROJECT_VALUE, &value, info);
	if (!err) {
		int64_t size[AXIS_COUNT];
		memcpy(size, value.heads.size, sizeof size);
		size[AXIS_HEAD] = multihead->heads;
		size[AXIS_DIM] = multihead->out_weight.size[is_conv1d(multihead) ? 1 : 0];
		err = made_init(&wrapped->value, "the values after the output projection", size, info);
	}
	if (!err)
		err = through_output(multihead, &value, &wrapped->value, info);
	if (!err)
		err = read_output_bias(multihead, wrapped->value.heads.size[AXIS_DIM], info);
	made_release(&value);
	return err;
}

static enum err check_memory(const struct multihead *multihead, struct err_info *info)
{
	const struct heads *hidden = multihead->hidden.heads, *memory = multihead->memory.heads;
	if (!memory)
		return ERR_OK;
	if (memory->size[AXIS_LAYER] != 1 && memory->size[AXIS_LAYER] != hidden->size[AXIS_LAYER])
		return operand_misshapen(&mechanism_multihead, "memory", memory->tensors[0], "the layers of the hidden states, or none", info);
	bool fused_fits = !multihead->fused || memory->size[AXIS_DIM] == hidden->size[AXIS_DIM];
	return fused_fits ? ERR_OK : operand_misshapen(&mechanism_multihead, "memory", memory->tensors[0], "the width of the hidden states, as the weight is fused", info);
}

static enum err refuse_states(int64_t states, const char *why, struct err_info *info)
{
	return err_set(info, ERR_SHAPE, "%" PRId64 " hidden states%s: give the states of every layer and one more, or the state of one layer; --param state=N chooses one, "
		       "state=all says that the layers share their weights", states, why);
}

/* Layers that the names number: each has its own state, where there are as many as layers in the checkpoint, or one more. */
static enum err choose_by_number(struct multihead *multihead, const struct mechanism_binding *weight, int64_t states, struct err_info *info)
{
	char why[160];
	int64_t there = weight->file_layers;
	snprintf(why, sizeof why, there ? " for weights of %" PRId64 " layers" : " for weights of layers that are not numbered from 0 without a gap", there);
	if (!there || (states != there && states != there + 1))
		return refuse_states(states, why, info);
	for (int64_t layer = 0; layer < multihead->layers; layer++)
		multihead->state[layer] = weight->number[layer];
	return ERR_OK;
}

/* Which state enters which layer. */
static enum err choose_states(struct multihead *multihead, struct err_info *info)
{
	const struct mechanism_binding *hidden = mechanism_input_find(multihead->args, "hidden"), *weight = mechanism_input_find(multihead->args, "in_proj_weight");
	const char *text = mechanism_parameter_text(multihead->args, &mechanism_multihead, "state");
	int64_t states = multihead->hidden.heads->size[AXIS_LAYER], chosen = 0;
	weight = weight ? weight : mechanism_input_find(multihead->args, "q_proj_weight");
	bool all = strcmp(text, "all") == 0, given = !all && strcmp(text, "auto") != 0;
	bool stacked = weight && weight->tensor_count <= 1 && weight->tensor->rank > 2;
	enum err err = given ? mechanism_parameter_int(multihead->args, &mechanism_multihead, "state", &chosen, info) : ERR_OK;
	multihead->layers = all ? states : stacked ? weight->tensor->shape[weight->tensor->rank - 3] : weight && weight->tensor_count ? weight->tensor_count : 1;
	multihead->state = mem_zero_array((size_t)multihead->layers, sizeof *multihead->state);
	if (!err && !multihead->state)
		err = err_nomem(info, "the states");
	if (err)
		return err;
	if (given && (chosen < 0 || chosen >= states || multihead->layers > 1))
		return err_set(info, ERR_USAGE, "--param state=%s: there are %" PRId64 " states, for %" PRId64 " layers of weights", text, states, multihead->layers);
	for (int64_t layer = 0; layer < multihead->layers; layer++)
		multihead->state[layer] = given ? chosen : layer;
	if (given || all)
		return ERR_OK;
	if (states == 1 && multihead->layers == 1) {
		bool differ = hidden->number && weight && weight->number && *hidden->number != *weight->number;
		return differ ? err_set(info, ERR_SHAPE, "%s is the state of layer %" PRId64 ", and %s is of layer %" PRId64 " (--param state=0 takes it all the same)",
					hidden->tensor->name, *hidden->number, weight->tensor->name, *weight->number)
			      : ERR_OK;
	}
	if (stacked)
		return states == multihead->layers || states == multihead->layers + 1 ? ERR_OK : refuse_states(states, "", info);
	if (weight && weight->number)
		return choose_by_number(multihead, weight, states, info);
	return refuse_states(states, " for weights whose names say no layer", info);
}

static void add_remark(struct multihead *multihead, const char *name, const char *text)
{
	size_t said = strlen(multihead->remark);
	snprintf(multihead->remark + said, sizeof multihead->remark - said, "%s%s %s", said ? "; " : "", name, text);
}

/* What was assumed, or left out. */
static void describe(struct multihead *multihead)
{
	const struct mechanism_args *args = multihead->args;
	const struct position_args *position = &args->position;
	const struct mechanism_binding *qk_norm = mechanism_input_find(args, "q_norm_weight"), *fused = mechanism_input_find(args, "in_proj_weight");
	state_norm_describe(&multihead->norm, multihead->remark, sizeof multihead->remark);
	if (qk_norm && position->qk_norm == QK_NORM_NONE)
		add_remark(multihead, qk_norm->tensor->name, "was not applied: say --qk-norm, --query-norm and --key-norm");
	else if (qk_norm && !position->query_norm && !position->key_norm)
		add_remark(multihead, qk_norm->tensor->name, "was not applied: --qk-norm alone normalises without weights; say --query-norm and --key-norm");
	if (fused && strstr(fused->tensor->name, "query_key_value") && strcmp(mechanism_parameter_text(args, &mechanism_multihead, "order"), "auto") == 0)
		add_remark(multihead, fused->tensor->name, "was read as all queries, all keys, all values (--param order=blocks): BLOOM and GPT-NeoX have order=per-head, "
							   "Falcon order=grouped");
}

/* The weights that there must be; without them nothing else that could be said of the inputs helps. */
static enum err check_weights(const struct mechanism_args *args, struct err_info *info)
{
	if (mechanism_input_find(args, "in_proj_weight") || mechanism_input_find(args, "q_proj_weight"))
		return ERR_OK;
	return mechanism_tensor(args, &mechanism_multihead, "q_proj_weight", info) ? ERR_OK : ERR_USAGE;
}

static enum err set_up(struct multihead *multihead, struct err_info *info)
{
	const struct mechanism_args *args = multihead->args;
	enum err err = read_counts(multihead, info);
	if (!err)
		err = read_states(multihead, "hidden", &multihead->hidden, info);
	if (!err)
		err = read_states(multihead, "memory", &multihead->memory, info);
	if (!err)
		err = check_weights(args, info);
	if (!err)
		err = choose_states(multihead, info);
	if (!err)
		err = state_norm_open(&multihead->norm, args, &mechanism_multihead, multihead->hidden.heads->size[AXIS_DIM], multihead->layers, info);
	if (!err)
		err = mechanism_input_find(args, "in_proj_weight") ? read_fused(multihead, info) : read_separate(multihead, info);
	if (!err)
		err = check_memory(multihead, info);
	if (!err)
		err = project(multihead, PROJECT_QUERY, &multihead->wrapped.query, info);
	if (!err)
		err = project(multihead, PROJECT_KEY, &multihead->wrapped.key, info);
	if (!err)
		err = project_values(multihead, info);
	if (!err)
		err = wrapped_open(&multihead->wrapped, args, info);
	struct source *source = &multihead->wrapped.source;
	if (err)
		return err;
	source->is_square = source->is_square && !multihead->memory.heads;
	source->output_bias = multihead->output_bias;
	mechanism_note(source->note, sizeof source->note, "projected here (%s%s)", is_conv1d(multihead) ? "conv1d weights" : "linear weights",
		       multihead->norm.kind == STATE_NORM_NONE ? "" : ", after the norm");
	describe(multihead);
	return ERR_OK;
}

/* Weights are only wanted while opening. */
static void release_operands(struct multihead *multihead)
{
	for (int part = 0; part < 3; part++) {
		operand_release(&multihead->weight[part]);
		operand_release(&multihead->bias[part]);
	}
	operand_release(&multihead->out_weight);
	state_norm_release(&multihead->norm);
}

static void multihead_free(struct source *source)
{
	struct multihead *multihead = (struct multihead *)source;
	wrapped_release(&multihead->wrapped);
	free(multihead->output_bias);
	free(multihead->state);
	free(multihead);
}

static const struct source_ops multihead_ops = {
	.name = "multihead",
	.coverage = wrapped_coverage,
	.support = wrapped_support,
	.visible = wrapped_visible,
	.span = wrapped_span,
	.prepared_id = wrapped_prepared_id,
	.prepared_size = wrapped_prepared_size,
	.prepare = wrapped_prepare,
	.rows_size = wrapped_rows_size,
	.load_rows = wrapped_load_rows,
	.fill = wrapped_fill,
	.score64 = wrapped_score64,
	.free = multihead_free,
};

static enum err multihead_bind(struct source *source, const struct mechanism_args *args, struct err_info *info)
{
	struct multihead *multihead = (struct multihead *)source;
	multihead->args = args;
	enum err err = set_up(multihead, info);
	release_operands(multihead);
	multihead->args = NULL;
	return err;
}

static enum err multihead_open(const struct mechanism_args *args, struct source **source, struct err_info *info)
{
	return mechanism_make(&multihead_ops, sizeof(struct multihead), "the attention", multihead_bind, args, source, info);
}

static int64_t token_count(const struct tensor *tensor, int axes)
{
	int from_end = axes && tensor->rank > 2 ? 3 : 2;
	return tensor->rank >= from_end ? tensor->shape[tensor->rank - from_end] : 0;
}

static void multihead_lengths(const struct mechanism_args *args, int64_t *queries, int64_t *keys)
{
	const struct mechanism_binding *hidden = mechanism_input_find(args, "hidden"), *memory = mechanism_input_find(args, "memory");
	const struct tensor *of_keys = memory ? memory->tensor : hidden ? hidden->tensor : NULL;
	int axes = 0;
	struct err_info info = { 0 };
	mechanism_parameter_choice(args, &mechanism_multihead, "axes", axes_words, &axes, &info);
	*queries = hidden ? token_count(hidden->tensor, axes) : 0;
	*keys = of_keys ? token_count(of_keys, axes) : 0;
}

static const struct mechanism_input multihead_input[] = {
	{ "hidden", "(L,B,N,E)", true, "what enters the layer (x); leading axes may be left out" },
	{ "memory", "(L,B,M,E)", false, "what keys and values are made of in cross-attention" },
	{ "in_proj_weight", "((H+2Hk)d,E)", false, "query, key and value projections in one: W_Q, W_K and W_V; or give the next three" },
	{ "in_proj_bias", "((H+2Hk)d)", false, "its bias" },
	{ "q_proj_weight", "(H d,E)", false, "W_Q" },
	{ "k_proj_weight", "(Hk d,E)", false, "W_K" },
	{ "v_proj_weight", "(Hk dv,E)", false, "W_V, for what needs the output" },
	{ "q_proj_bias", "(H d)", false, "b_Q" },
	{ "k_proj_bias", "(Hk d)", false, "b_K" },
	{ "v_proj_bias", "(Hk dv)", false, "b_V" },
	{ "out_proj_weight", "(E,H dv)", false, "W_O, for values=layer" },
	{ "out_proj_bias", "(E)", false, "b_O, for the output of the layer" },
	{ "norm_weight", "(E)", false, "weight of the norm that stands between the hidden states and the projections" },
	{ "norm_bias", "(E)", false, "its bias" },
	{ "q_norm_weight", "(d)", false, "of a norm of the projected queries: not applied here but by --qk-norm, which is noted" },
	{ NULL, NULL, false, NULL },
};

static const struct mechanism_parameter multihead_parameter[] = {
	{ "heads", "", "number of query heads, which shapes do not tell" },
	{ "kv-heads", "", "number of key and value heads, where they are fewer (GQA, MQA)" },
	{ "order", "auto", "of a fused weight: blocks (torch, GPT-2, Phi-3), per-head (BLOOM, GPT-NeoX), grouped (Falcon), or auto: blocks, which is noted where the name is query_key_value" },
	{ "storage", "auto", "linear (out,in), conv1d (in,out) as GPT-2 stores, or auto: as the shape of the first weight tells, linear where it is square" },
	{ "values", "head", "head: v; layer: v W_O^hT, so that outputs are what a head adds to the layer's output, and sum to it less b_O" },
	{ "state", "auto", "which hidden state enters: auto (that of the layer of the weights, of as many as there are layers or one more), a number, or all (shared weights)" },
	{ "norm", "auto", "rms, rms1p (Gemma: 1 + weight), layer, none, or auto: as the name and a bias tell" },
	{ "norm-eps", "1e-5", "what the norm adds to the variance (rms_norm_eps, layer_norm_eps)" },
	{ "axes", "bnd", "of the hidden states: bnd (batch first) or nbd (torch.nn.MultiheadAttention)" },
	{ NULL, NULL, NULL },
};

/* Ends of the names in checkpoints, as whole words between dots. */
static const struct mechanism_alias multihead_alias[] = {
	{ .role = "hidden", .names = "x|hidden_states|hidden_state", .is_state = true },
	{ .role = "memory", .names = "encoder_hidden_states", .is_state = true },
	{ .role = "in_proj_weight", .names = "in_proj_weight|c_attn.weight|query_key_value.weight|qkv_proj.weight|Wqkv.weight|qkv.weight" },
	{ .role = "in_proj_bias", .names = "in_proj_bias|c_attn.bias|query_key_value.bias|qkv_proj.bias|Wqkv.bias|qkv.bias" },
	{ .role = "q_proj_weight", .names = "q_proj.weight|attention.wq.weight|self.query.weight|attention.query.weight|W_Q" },
	{ .role = "k_proj_weight", .names = "k_proj.weight|attention.wk.weight|self.key.weight|attention.key.weight|W_K" },
	{ .role = "v_proj_weight", .names = "v_proj.weight|attention.wv.weight|self.value.weight|attention.value.weight|W_V" },
	{ .role = "q_proj_bias", .names = "q_proj.bias|self.query.bias|attention.query.bias|b_Q" },
	{ .role = "k_proj_bias", .names = "k_proj.bias|self.key.bias|attention.key.bias|b_K" },
	{ .role = "v_proj_bias", .names = "v_proj.bias|self.value.bias|attention.value.bias|b_V" },
	{ .role = "out_proj_weight", .names = "out_proj.weight|o_proj.weight|attention.wo.weight|attn.c_proj.weight|attention.output.dense.weight|self_attention.dense.weight|W_O", .is_outside = true },
	{ .role = "out_proj_bias", .names = "out_proj.bias|o_proj.bias|attn.c_proj.bias|attention.output.dense.bias|self_attention.dense.bias|b_O", .is_outside = true },
	{ .role = "q_norm_weight", .names = "q_norm.weight|q_layernorm.weight|query_norm.weight" },
	{ .role = "norm_weight", .names = "input_layernorm.weight|ln_1.weight|ln1.weight|layernorm_before.weight|layer_norm1.weight|attention_norm.weight|attn_norm.weight|norm_1.weight|"
			 "norm1.weight|self_attn_layer_norm.weight", .is_outside = true },
	{ .role = "norm_bias", .names = "input_layernorm.bias|ln_1.bias|ln1.bias|layernorm_before.bias|layer_norm1.bias|attention_norm.bias|attn_norm.bias|norm_1.bias|"
		       "norm1.bias|self_attn_layer_norm.bias", .is_outside = true },
	{ .role = NULL },
};

static const char *multihead_remark(const struct source *source)
{
	return ((const struct multihead *)source)->remark;
}

const struct mechanism mechanism_multihead = {
	.name = "multihead",
	.summary = "multi-head attention from hidden states and the projection weights of a layer",
	.equation = "q = x W_Q^T + b_Q    k = m W_K^T + b_K    v = m W_V^T + b_V      m = memory, or x itself; x after the norm, where there is one\n"
		    "W^h = softmax(scale q^h k^hT)                      head h has columns h d to (h+1) d - 1\n"
		    "y = b_O + sum_h W^h v^h W_O^hT                     its terms are the outputs with --param values=layer",
	.properties = "weights >= 0; rows sum to 1, to 0 where a query sees no key; causal and windowed by option; positions and masks as for softmax",
	.reference = "Vaswani et al. 2017, arXiv 1706.03762; agrees with torch.nn.MultiheadAttention; norms of weighted values: Kobayashi et al. 2020, arXiv 2004.10102",
	.input = multihead_input,
	.parameter = multihead_parameter,
	.alias = multihead_alias,
	.takes_layers = true,
	.remark = multihead_remark,
	.lengths = multihead_lengths,
	.settings = SETTINGS_LIMITS | SETTINGS_LOGITS | SETTINGS_VECTORS,
	.open = multihead_open,
};
