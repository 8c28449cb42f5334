#include "commands/inputs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "commands/fit.h"
#include "commands/position.h"
#include "commands/ranks.h"
#include "commands/surroundings.h"
#include "mechanism/normalised.h"

enum { DESCRIBED_MAX = 3 };

static const char *const stage_words[] = { "weights", "scores", "capped", "biased", NULL };
static const char *const order_words[] = { "blocks", "per-head", "grouped", NULL };
static const char *const normalise_words[] = { "signed", "abs-row", "abs-minmax", "abs", NULL };
static const char *const dtype_words[] = { "stored", "bfloat16", NULL };

static struct given_inputs {
	struct roles_request roles;
	int dtype, order;
	const char *attention;
	struct string_list parameter;
	double scale, softcap;
	int stage, normalise;
	bool is_signed, is_logits, is_log;
	int64_t threads;
	bool takes_less; /* inputs that the mechanism does not take are left alone */
	bool prefer_scores;
} given = { .scale = NAN, .roles.sequence = -1 };

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
	OPTION_CHOICE(0, "dtype", "TYPE", &given.dtype, dtype_words, "what two-byte integers hold"),
	OPTION_END
};

static const struct option_row attention_rows[] = {
	OPTION_STRING('a', "attention", "NAME", &given.attention, "the mechanism (attnviz explain lists them; default: softmax, or weights as they are)"),
	OPTION_LIST(0, "param", "NAME=VALUE", &given.parameter, "a parameter of the mechanism"),
	OPTION_REAL(0, "scale-factor", "X", &given.scale, 0, 0, "factor of the dot product (default: 1/sqrt(dim))"),
	OPTION_REAL(0, "softcap", "X", &given.softcap, 0, 1e30, "logits become X tanh(logit / X)"),
	OPTION_CHOICE(0, "stage", "STAGE", &given.stage, stage_words, "show the weights, or the logits after a step"),
	OPTION_FLAG(0, "logits", &given.is_logits, "the weights given are logits: a softmax is taken"),
	OPTION_FLAG(0, "log-weights", &given.is_log, "the weights given are logarithms of weights"),
	OPTION_FLAG(0, "signed", &given.is_signed, "the weights given may be negative"),
	OPTION_CHOICE(0, "normalise", "HOW", &given.normalise, normalise_words, "signed weights: as they are, |w| by rows or within the map, or |w|"),
	OPTION_END
};

static const struct option_row work_rows[] = {
	OPTION_INT('j', "threads", "N", &given.threads, 1, 1024, "threads (default: all processors)"),
	OPTION_END
};

const struct option_row input_rows[] = {
	OPTION_GROUP("Inputs", input_file_rows),
	OPTION_GROUP("Tokens", label_rows),
	OPTION_GROUP("Groups of tokens", grouping_rows),
	OPTION_GROUP("Selection", selection_rows),
	OPTION_GROUP("Attention", attention_rows),
	OPTION_GROUP("Mask", masking_rows),
	OPTION_GROUP("Position", position_rows),
	OPTION_GROUP("Work", work_rows),
	OPTION_END
};

enum err input_gather(struct roles *roles, int file_count, char **file, struct err_info *info)
{
	given.roles.file = file;
	given.roles.file_count = file_count;
	given.roles.order = (enum layout_fusion)(given.order + LAYOUT_FUSED_BLOCKS);
	given.roles.dtype = given.dtype ? dtype_words[given.dtype] : NULL;
	const struct mechanism *mechanism = given.attention ? mechanism_find(given.attention) : NULL;
	given.roles.own = mechanism ? mechanism->input : NULL;
	return roles_gather(roles, &given.roles, info);
}

const struct roles_request *input_request(void)
{
	return &given.roles;
}

/* Options that only make sense where scores are computed. */
static bool wants_scores(void)
{
	return given.prefer_scores || !isnan(given.scale) || given.softcap > 0 || given.stage || position_given();
}

void input_prefer_scores(void)
{
	given.prefer_scores = true;
}

static enum err unknown_mechanism(struct err_info *info)
{
	const char *nearest = mechanism_table[0]->name;
	size_t best = SIZE_MAX;
	for (const struct mechanism *const *row = mechanism_table; *row; row++) {
		size_t distance = options_distance(given.attention, (*row)->name);
		if (distance < best) {
			best = distance;
			nearest = (*row)->name;
		}
	}
	return err_set(info, ERR_USAGE, "--attention %s: no such mechanism, did you mean '%s'? (attnviz explain lists them)", given.attention, nearest);
}

static enum err missing_input(const struct input *input, struct err_info *info)
{
	const struct role *query = roles_kind(&input->roles, NAME_QUERY), *key = roles_kind(&input->roles, NAME_KEY);
	if (query)
		return err_set(info, ERR_USAGE, "queries without keys: give them with -k FILE[:NAME]");
	if (key)
		return err_set(info, ERR_USAGE, "keys without queries: give them with -q FILE[:NAME]");
	if (!input->roles.archive_count)
		return err_set(info, ERR_USAGE, "no input: give -q and -k, or -w, or a file that holds them");
	const char *file, *fused = roles_fused_name(&input->roles, &file);
	if (fused)
		return err_set(info, ERR_USAGE, "%s holds queries, keys and values in one: say --qkv %s%s%s, and --heads-in H", fused, file,
			       fused == file ? "" : ":", fused == file ? "" : fused);
	err_set(info, ERR_USAGE, "no name in here tells a query and a key, or weights: say which with -q FILE:NAME -k FILE:NAME (attnviz info lists them)");
	return err_in_file(info, input->roles.archive[0]->file);
}

static enum err choose_mechanism(struct input *input, struct err_info *info)
{
	const struct role *query = roles_kind(&input->roles, NAME_QUERY), *key = roles_kind(&input->roles, NAME_KEY),
			  *weights = roles_kind(&input->roles, NAME_WEIGHTS);
	if (given.attention) {
		input->mechanism = mechanism_find(given.attention);
		return input->mechanism ? ERR_OK : unknown_mechanism(info);
	}
	bool pair = query && key;
	if (!pair && !weights)
		return missing_input(input, info);
	if (pair && weights && query->by_option && weights->by_option)
		return err_set(info, ERR_USAGE, "-q and -k, or -w: not both");
	bool compute = pair && (!weights || query->by_option || (wants_scores() && !weights->by_option));
	input->mechanism = mechanism_find(compute ? "softmax" : "weights");
	return input->mechanism ? ERR_OK : ERR_UNSUPPORTED;
}

static bool takes(const struct mechanism *mechanism, const char *role)
{
	for (const struct mechanism_input *row = mechanism->input; row && row->role; row++)
		if (strcmp(row->role, role) == 0)
			return true;
	return false;
}

/* The role of an input of the mechanism: from options and names that everyone knows, by its own name, or by one of its aliases. NULL where nobody plays it. */
static enum err find_role(struct input *input, const char *word, struct role **role, struct err_info *info)
{
	*role = roles_find(&input->roles, word);
	if (!*role && roles_bind_by_name(&input->roles, word, info))
		*role = roles_find(&input->roles, word);
	for (const struct mechanism_alias *alias = input->mechanism->alias; !*role && alias && alias->role; alias++)
		if (strcmp(alias->role, word) == 0)
			return roles_bind_by_alias(&input->roles, &given.roles.names, word, alias->names, role, info);
	return ERR_OK;
}

static enum err load_roles(struct input *input, struct err_info *info)
{
	const struct mechanism *mechanism = input->mechanism;
	size_t inputs = 0;
	for (size_t i = 0; i < input->roles.count; i++)
		if (input->roles.role[i]->by_option && !given.takes_less && !takes(mechanism, input->roles.role[i]->word))
			return err_set(info, ERR_USAGE, "attention '%s' takes no %s (attnviz explain %s lists its inputs)", mechanism->name,
				       input->roles.role[i]->word, mechanism->name);
	for (const struct mechanism_input *row = mechanism->input; row && row->role; row++)
		inputs++;
	input->binding = mem_zero_array(inputs, sizeof *input->binding);
	if (!input->binding)
		return err_nomem(info, "the inputs");
	for (size_t i = 0; i < inputs; i++) {
		const char *word = mechanism->input[i].role;
		struct role *role;
		enum err err = find_role(input, word, &role, info);
		if (err)
			return err;
		if (!role)
			continue;
		const struct role *before = roles_kind(&input->roles, role->kind == NAME_VALUE ? NAME_KEY : NAME_QUERY);
		err = role_load(role, &given.roles, before != role && before && before->loaded ? before : NULL, info);
		if (err)
			return err;
		input->binding[input->args.binding_count++] =
			(struct mechanism_binding){ .role = word, .tensor = role->slot[0], .heads = role->kind ? &role->heads : NULL };
	}
	input->args.binding = input->binding;
	return ERR_OK;
}

/* A role that the mechanism was given, NULL otherwise. */
static const struct role *bound(const struct input *input, enum name_role kind)
{
	const struct role *role = roles_kind(&input->roles, kind);
	return role && role->loaded && role->heads.tensors ? role : NULL;
}

static enum err open_source(struct input *input, struct err_info *info)
{
	const struct role *query = bound(input, NAME_QUERY), *key = bound(input, NAME_KEY), *weights = bound(input, NAME_WEIGHTS);
	const struct role *rows = query ? query : weights;
	int64_t queries = rows ? rows->heads.size[AXIS_TOKEN] : 0;
	int64_t keys = key ? key->heads.size[AXIS_TOKEN] : weights ? weights->heads.size[AXIS_DIM] : queries;
	input->args.scale = given.scale;
	input->args.softcap = given.softcap;
	input->args.stage = (enum stage)given.stage;
	input->args.ready = given.is_logits ? READY_LOGITS : given.is_log ? READY_LOG_WEIGHTS : given.is_signed ? READY_SIGNED : READY_WEIGHTS;
	input->args.parameter = given.parameter.item;
	input->args.parameter_count = given.parameter.count;
	enum err err = mechanism_check_parameters(&input->args, input->mechanism, info);
	if (!err && input->mechanism->lengths)
		input->mechanism->lengths(&input->args, &queries, &keys);
	if (!err && strcmp(input->mechanism->name, "softmax") == 0)
		err = fit_heads(query, key, bound(input, NAME_VALUE), info);
	if (!err)
		err = masking_open(&input->masking, &input->roles, &given.roles.layout, queries, keys, &input->args, info);
	if (!err)
		err = position_open(&input->args.position, &input->roles, info);
	return err ? err : input->mechanism->open(&input->args, &input->source, info);
}

static enum err check_source(const struct source *source, struct err_info *info)
{
	if (source->queries > 0 && source->keys > 0 && source_maps(source) > 0)
		return ERR_OK;
	return err_set(info, ERR_SHAPE, "nothing to see: %" PRId64 " maps of %" PRId64 " queries x %" PRId64 " keys", source_maps(source), source->queries,
		       source->keys);
}

/* The role whose layers number the layers of the source. */
static enum err number_layers(struct input *input, struct err_info *info)
{
	const struct role *query = bound(input, NAME_QUERY), *weights = bound(input, NAME_WEIGHTS), *rows = query ? query : weights;
	input->layer_number = mem_array((size_t)input->source->layers, sizeof *input->layer_number);
	if (!input->layer_number)
		return err_nomem(info, "the layers");
	bool named = rows && !rows->by_option && (int64_t)rows->count == input->source->layers;
	for (int64_t layer = 0; layer < input->source->layers; layer++)
		input->layer_number[layer] = named ? rows->part[layer].layer : layer;
	input->has_layers = (rows && rows->heads.present[AXIS_LAYER]) || input->source->layers > 1;
	input->has_heads = (rows && rows->heads.present[AXIS_HEAD]) || input->source->heads > 1;
	input->has_batches = (rows && rows->heads.present[AXIS_BATCH]) || input->source->batches > 1;
	return ERR_OK;
}

static enum err normalise(struct input *input, struct err_info *info)
{
	const struct driver_options options = input_driver(input);
	if (given.normalise == NORMALISE_SIGNED)
		return ERR_OK;
	return normalised_source_new(input->source, (enum normalise)given.normalise, &options, &input->source, info);
}

/* Everything after the gathering. */
static enum err open_gathered(struct input *input, struct err_info *info)
{
	enum err err = choose_mechanism(input, info);
	if (!err)
		err = load_roles(input, info);
	if (!err)
		err = open_source(input, info);
	if (!err)
		err = check_source(input->source, info);
	if (!err)
		err = number_layers(input, info);
	if (!err)
		err = selection_open(&input->selection, input->source, input->layer_number, info);
	if (!err)
		err = normalise(input, info);
	const struct role *weights = bound(input, NAME_WEIGHTS), *query = bound(input, NAME_QUERY), *key = bound(input, NAME_KEY);
	if (!err)
		err = labels_open(&input->labels, input->source->queries, input->source->keys, input->selection.batch[0], query ? query : weights,
				  key ? key : weights, info);
	return err ? err : grouping_apply(&input->source, &input->labels, &input->spans, info);
}

enum err input_open(struct input *input, int file_count, char **file, struct err_info *info)
{
	*input = (struct input){ .args = MECHANISM_ARGS_INIT, .threads = (int)given.threads };
	enum err err = surroundings_kernels(&input->kernels, info);
	if (!err)
		err = input_gather(&input->roles, file_count, file, info);
	return err ? err : open_gathered(input, info);
}

enum err input_open_gathered(struct input *input, struct roles *roles, struct err_info *info)
{
	*input = (struct input){ .args = MECHANISM_ARGS_INIT, .threads = (int)given.threads, .roles = *roles };
	*roles = (struct roles){ 0 };
	enum err err = surroundings_kernels(&input->kernels, info);
	return err ? err : open_gathered(input, info);
}

const char *input_attention(void)
{
	return given.attention;
}

const struct string_list *input_parameters(void)
{
	return &given.parameter;
}

/* What was given stands aside while the other is opened; nothing that is opened points into it. */
enum err input_open_changed(struct input *input, const struct input_change *change, int file_count, char **file, struct err_info *info)
{
	const struct given_inputs whole = given;
	given.takes_less = true;
	if (change->attention)
		given.attention = change->attention;
	if (change->parameter)
		given.parameter = *change->parameter;
	for (int kind = 0; kind < NAME_ROLE_COUNT && change->other_files; kind++)
		given.roles.spec[kind] = (struct string_list){ 0 };
	if (change->other_files)
		given.roles.fused = given.roles.input = (struct string_list){ 0 };
	masking_whole_context(change->whole_context);
	enum err err = input_open(input, file_count, file, info);
	masking_whole_context(false);
	given = whole;
	return err;
}

void input_release(struct input *input)
{
	selection_release(&input->selection);
	spans_release(&input->spans);
	labels_release(&input->labels);
	source_free(input->source);
	masking_release(&input->masking);
	free(input->binding);
	free(input->layer_number);
	roles_release(&input->roles);
	*input = (struct input){ 0 };
}

struct driver_options input_driver(const struct input *input)
{
	return (struct driver_options){
		.threads = input->threads,
		.kernels = input->kernels,
		.maps = input->selection.map,
		.map_count = input->selection.maps,
		.peers = ranks_peers(),
	};
}

/* The name of a path without its folders, and the folder right above it (empty for none). */
static void split_path(const char *path, const char **base, const char **folder, int *folder_length)
{
	const char *slash = strrchr(path, '/'), *begin = slash;
	*base = slash ? slash + 1 : path;
	while (begin && begin > path && begin[-1] != '/')
		begin--;
	*folder = begin ? begin : path;
	*folder_length = begin ? (int)(slash - begin) : 0;
	if (*folder_length && (*folder)[*folder_length - 1] == '.')
		*folder_length = 0;
}

/* Several files of one folder are called by the folder. */
void input_describe(const struct input *input, struct strbuf *out)
{
	const char *base, *folder, *other_folder;
	int length, other_length;
	if (!input->roles.archive_count)
		return;
	split_path(input->roles.archive[0]->file, &base, &folder, &length);
	bool shared = input->roles.archive_count > 1 && length > 0;
	for (size_t i = 1; i < input->roles.archive_count && shared; i++) {
		split_path(input->roles.archive[i]->file, &base, &other_folder, &other_length);
		shared = other_length == length && strncmp(folder, other_folder, (size_t)length) == 0;
	}
	if (shared) {
		strbuf_addf(out, "%.*s", length, folder);
		return;
	}
	for (size_t i = 0; i < input->roles.archive_count && i < DESCRIBED_MAX; i++) {
		split_path(input->roles.archive[i]->file, &base, &folder, &length);
		strbuf_addf(out, "%s%s", i ? ", " : "", base);
	}
	if (input->roles.archive_count > DESCRIBED_MAX)
		strbuf_addstr(out, ", ...");
}

void input_describe_sizes(const struct input *input, struct strbuf *out)
{
	for (size_t i = 0; i < input->args.binding_count; i++) {
		const struct mechanism_binding *binding = &input->binding[i];
		const struct role *role = roles_find(&input->roles, binding->role);
		char shape[128];
		strbuf_addf(out, "%s%s %s %s %s", i ? ", " : "", binding->role, role->part[0].name, dtype_name(binding->tensor->dtype),
			    tensor_shape_text(binding->tensor, shape, sizeof shape));
		if (role->count > 1)
			strbuf_addf(out, " x %zu layers", role->count);
	}
}
