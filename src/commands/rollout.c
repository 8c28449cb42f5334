/* SPDX-License-Identifier: MIT */
/*
 * attnviz rollout: attention followed through the layers, from output tokens to input tokens.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/flow.h"
#include "analysis/rollout.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/record.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/inputs.h"
#include "commands/inputs_describe.h"
#include "commands/picture.h"
#include "commands/progress.h"
#include "tensor/layout.h"
#include "tensor/npy.h"

enum { METHOD_ROLLOUT, METHOD_FLOW };
static const struct word method_words[] = { { "rollout", METHOD_ROLLOUT }, { "flow", METHOD_FLOW }, WORD_END };
static const struct word fusion_words[] = {
	{ "mean", FUSION_MEAN }, { "max", FUSION_MAX }, { "min", FUSION_MIN }, WORD_END,
};

/* One maximum flow for each pair of tokens: beyond this nobody waits. */
enum { FLOW_TOKENS_MAX = 512 };

static struct {
	int method, fusion;
	double residual, discard;
	int64_t keep_column;
	bool value_norms, json, tsv, npy;
	const char *queries, *rows, *gradient;
} given = { .residual = 0.5 };

static const struct option_row rollout_rows_given[] = {
	OPTION_CHOICE(0, "method", "HOW", &given.method, method_words, "products of the layers, or maximum flow through them"),
	OPTION_STRING(0, "queries", "LIST", &given.queries, "output tokens to follow: 0, -1, 3-7 (default: all)"),
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only the queries A to B - 1: others attend to nothing, and are not followed"),
	OPTION_CHOICE(0, "fusion", "HOW", &given.fusion, fusion_words, "how the heads of a layer are combined"),
	OPTION_REAL(0, "residual", "X", &given.residual, 0, 1, "weight of the residual connection (default 0.5)"),
	OPTION_REAL(0, "discard", "SHARE", &given.discard, 0, 1, "set the smallest weights of each layer, this share of them, to 0"),
	OPTION_INT(0, "keep-column", "N", &given.keep_column, -1, 1e15, "key that --discard keeps, -1 for none (default 0, the [CLS] of a ViT)"),
	OPTION_STRING(0, "gradient", "FILE[:NAME]", &given.gradient, "gradients of the weights, in their shape: relevance of Chefer et al."),
	OPTION_FLAG(0, "value-norms", &given.value_norms, "multiply each weight by the norm of its value (needs -v)"),
	OPTION_END
};

static const struct option_row number_rows[] = {
	OPTION_FLAG(0, "json", &given.json, "print numbers instead of a picture: JSON, one object per query"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print numbers as tab-separated values"),
	OPTION_FLAG(0, "npy", &given.npy, "write numbers as a .npy array (queries, keys)"),
	OPTION_END
};

static const struct option_row rollout_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Rollout", rollout_rows_given),
	OPTION_GROUP("Numbers", number_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_GROUP("Picture", picture_rows),
	OPTION_END
};

struct following {
	struct input input;
	struct picture picture;
	enum record_format format; /* of numbers */
	struct rollout_request request;
	struct heads gradient;
	const struct tensor *gradient_tensor;
	struct progress progress;
	int64_t *query;
	size_t count;
	double *value; /* [count][keys] */
};

static enum err open_gradient(struct following *following, struct err_info *info)
{
	const struct source *source = following->input.source;
	const struct layout_request request = { .role = LAYOUT_WEIGHTS, .layers = source->layers > 1 && source->batches == 1 };
	const struct tensor *tensor;
	enum err err = roles_tensor(&following->input.roles, given.gradient, &tensor, info);
	if (!err)
		err = layout_resolve(tensor, &request, &following->gradient_tensor, &following->gradient, info);
	following->request.gradient = &following->gradient;
	return err;
}

/* Those that were asked for, or all that are the item's own. */
static enum err choose_queries(struct following *following, struct err_info *info)
{
	struct rollout_request *request = &following->request;
	const struct input *input = &following->input;
	int64_t queries = input->source->queries;
	enum err err = selection_span(given.rows, "rows", queries, &request->row_begin, &request->row_end, info);
	if (err)
		return err;
	if (input->args.query_length && input->args.query_length[request->batch] < request->row_end)
		request->row_end = input->args.query_length[request->batch];
	if (request->row_end <= request->row_begin)
		return err_set(info, ERR_USAGE, "no query is left to follow: the item has %" PRId64, request->row_end);
	if (given.queries)
		return options_range(given.queries, "query", queries, &following->query, &following->count, info);
	following->count = (size_t)(request->row_end - request->row_begin);
	following->query = mem_array(following->count, sizeof *following->query);
	for (size_t i = 0; following->query && i < following->count; i++)
		following->query[i] = request->row_begin + (int64_t)i;
	return following->query ? ERR_OK : err_nomem(info, "the queries");
}

static enum err set_request(struct following *following, struct err_info *info)
{
	struct input *input = &following->input;
	if (input->selection.batches != 1)
		return err_set(info, ERR_USAGE, "rollout follows one batch item of %" PRId64 ": choose it with --batch", input->source->batches);
	if ((int64_t)input->selection.layers != input->source->layers || (int64_t)input->selection.heads != input->source->heads)
		return err_set(info, ERR_USAGE, "rollout goes through every layer and head: leave --layer and --head out");
	if (input->layers_named && input->layer_number[input->source->layers - 1] - input->layer_number[0] >= input->source->layers)
		message_note("the layers are numbered %" PRId64 " to %" PRId64 " with gaps: the rollout goes from each to the next that there is", input->layer_number[0],
			     input->layer_number[input->source->layers - 1]);
	following->request = (struct rollout_request){
		.batch = input->selection.batch[0],
		.fusion = (enum head_fusion)given.fusion,
		.residual = given.residual,
		.discard = given.discard,
		.keep_column = given.keep_column,
		.value_norms = given.value_norms,
		.driver = input_driver(input),
	};
	enum err err = given.gradient ? open_gradient(following, info) : ERR_OK;
	if (err)
		return err;
	following->request.driver.progress = progress_report;
	following->request.driver.progress_data = &following->progress;
	return err ? err : choose_queries(following, info);
}

static enum err follow_flow(struct following *following, struct err_info *info)
{
	const struct source *source = following->input.source;
	int64_t tokens = source->keys;
	if (tokens > FLOW_TOKENS_MAX)
		return err_set(info, ERR_USAGE, "attention flow takes a maximum flow for each pair of tokens: %" PRId64 " are too many (at most %d), take --method rollout",
			       tokens, FLOW_TOKENS_MAX);
	double *capacity = mem_array((size_t)(source->layers * tokens * tokens), sizeof *capacity);
	enum err err = capacity ? ERR_OK : err_nomem(info, "the capacities");
	for (int64_t layer = 0; !err && layer < source->layers; layer++)
		err = rollout_layer(source, &following->request, layer, capacity + layer * tokens * tokens, info);
	for (size_t i = 0; !err && i < following->count; i++)
		err = attention_flow(capacity, source->layers, tokens, following->query[i], following->value + (int64_t)i * tokens, info);
	free(capacity);
	return err;
}

static enum err follow_matrix(struct following *following, struct err_info *info)
{
	int64_t tokens = following->input.source->keys;
	double *matrix = mem_array((size_t)tokens, (size_t)tokens * sizeof *matrix);
	if (!matrix)
		return err_nomem(info, "the rollout matrix");
	enum err err = rollout_matrix(following->input.source, &following->request, matrix, info);
	for (size_t i = 0; !err && i < following->count; i++)
		memcpy(following->value + (int64_t)i * tokens, matrix + following->query[i] * tokens, (size_t)tokens * sizeof *matrix);
	free(matrix);
	return err;
}

/* Few rows are followed one by one, whatever the number of tokens; many are cheaper as a whole while the matrix is small. */
static enum err follow(struct following *following, struct err_info *info)
{
	int64_t tokens = following->input.source->keys;
	following->value = mem_array(following->count, (size_t)tokens * sizeof(double));
	if (!following->value)
		return err_nomem(info, "the rollout");
	if (given.method == METHOD_FLOW)
		return follow_flow(following, info);
	if (rollout_streams(&following->request) && (following->count <= 8 || tokens > 4096))
		return rollout_rows(following->input.source, &following->request, following->query, (int64_t)following->count, following->value, info);
	return follow_matrix(following, info);
}

static enum err print_records(struct following *following, struct err_info *info)
{
	static const struct record_column columns[] = { { "query", RECORD_INT }, { "token", RECORD_TEXT }, { "values", RECORD_REAL_LIST } };
	const char *const *label = following->input.labels.query;
	int64_t tokens = following->input.source->keys;
	struct record *record = record_new(following->format, columns, 3, &following->picture.out);
	enum err err = record ? ERR_OK : err_nomem(info, "the rows");
	for (size_t i = 0; !err && i < following->count; i++) {
		record_int(record, 0, following->query[i]);
		if (label)
			record_text(record, 1, label[following->query[i]]);
		record_real_list(record, 2, following->value + (int64_t)i * tokens, tokens);
		err = record_row(record);
	}
	enum err end = record_end(record);
	return err ? err : end;
}

static enum err write_array(struct following *following)
{
	const int64_t shape[] = { (int64_t)following->count, following->input.source->keys };
	struct strbuf header;
	strbuf_init(&header);
	npy_header(&header, DTYPE_F64, 2, shape);
	enum err err = strbuf_failed(&header) ? ERR_NOMEM : output_write(&following->picture.out, header.buf, header.len);
	strbuf_release(&header);
	return err ? err : output_write(&following->picture.out, following->value, (size_t)(shape[0] * shape[1]) * sizeof(double));
}

static enum err write_numbers(struct following *following, struct err_info *info)
{
	enum err err = given.npy ? write_array(following) : print_records(following, info);
	if (err)
		return info->code ? info->code : err_set(info, err, "%s", following->picture.out.info.text);
	return output_commit(&following->picture.out, info);
}

static void describe(const struct following *following, struct strbuf *caption)
{
	const struct source *source = following->input.source;
	strbuf_addf(caption, "%s through %" PRId64 " layers, %s of %" PRId64 " heads", given.method == METHOD_FLOW ? "attention flow" : "rollout",
		    source->layers, following->request.gradient ? "gradient-weighted mean" : word_text(fusion_words, given.fusion), source->heads);
	if (!following->request.gradient)
		strbuf_addf(caption, ", residual %g", given.residual);
	if (given.discard > 0)
		strbuf_addf(caption, ", the smallest %g %% of what each layer sees discarded", 100 * given.discard);
	if (given.value_norms)
		strbuf_addstr(caption, ", weights times value norms (without the output projection)");
	if (source->note[0])
		strbuf_addf(caption, "; %s", source->note);
}

static enum err draw(struct following *following, struct err_info *info)
{
	const struct source *source = following->input.source;
	int64_t cells = (int64_t)following->count * source->keys;
	float *cell = mem_array((size_t)cells, sizeof *cell);
	const char **label = mem_array(following->count, sizeof *label);
	struct strbuf title, caption, description;
	strbuf_init(&title);
	strbuf_init(&caption);
	strbuf_init(&description);
	enum err err = cell && label ? ERR_OK : err_nomem(info, "the picture");
	if (!err) {
		for (int64_t i = 0; i < cells; i++)
			cell[i] = (float)following->value[i];
		for (size_t i = 0; following->input.labels.query && i < following->count; i++)
			label[i] = following->input.labels.query[following->query[i]];
		input_describe(&following->input, &title);
		if (source->batches > 1)
			strbuf_addf(&title, ": item %" PRId64, following->request.batch);
		strbuf_addf(&title, ": %s", word_text(method_words, given.method));
		describe(following, &caption);
		input_describe_sizes(&following->input, &description);
		const struct panel panel = { .cell = cell, .height = (int64_t)following->count, .width = source->keys };
		struct heatmap_scene scene = {
			.panel = &panel,
			.panel_count = 1,
			.rows = { .title = "output", .first = following->query[0], .count = (int64_t)following->count,
				  .label = following->input.labels.query ? label : NULL },
			.keys = { .title = "input", .count = source->keys, .label = following->input.labels.key },
			.colouring = picture_map_colouring(&following->picture, false, given.method == METHOD_FLOW ? "flow" : "share of the output"),
			.title = following->picture.title ? following->picture.title : title.buf,
			.theme = following->picture.theme,
		};
		err = picture_settle_colouring(&scene.colouring, &panel, 1, &caption, info);
		scene.caption = caption.buf;
		if (!err && (strbuf_failed(&title) || strbuf_failed(&description)))
			err = err_nomem(info, "the picture");
		if (!err)
			err = picture_write_heatmap(&following->picture, &scene, description.buf, info);
	}
	strbuf_release(&description);
	strbuf_release(&caption);
	strbuf_release(&title);
	free(label);
	free(cell);
	return err;
}

static enum err open_product(struct following *following, struct err_info *info)
{
	if (given.npy)
		return picture_open_array(&following->picture, info);
	return given.json || given.tsv ? picture_open_numbers(&following->picture, given.json, given.tsv, &following->format, info)
				       : picture_open(&following->picture, info);
}

static enum err run(struct following *following, int argc, char **argv, struct err_info *info)
{
	if (given.json + given.tsv + given.npy > 1)
		return err_set(info, ERR_USAGE, "--json, --tsv and --npy: give one of them");
	if (given.value_norms)
		input_wants_values();
	enum err err = input_open(&following->input, argc, argv, info);
	if (!err)
		err = set_request(following, info);
	if (!err)
		err = open_product(following, info);
	if (err)
		return err;
	progress_start(&following->progress, "rollout");
	err = follow(following, info);
	progress_end(&following->progress);
	if (err)
		return err;
	return given.json || given.tsv || given.npy ? write_numbers(following, info) : draw(following, info);
}

static enum err run_rollout(int argc, char **argv)
{
	struct following following = { 0 };
	struct err_info info = { 0 };
	enum err err = run(&following, argc, argv, &info);
	message_err_info(&info);
	free(following.value);
	free(following.query);
	picture_release(&following.picture);
	input_release(&following.input);
	return err;
}

const struct command command_rollout = {
	.name = "rollout",
	.summary = "follow attention through the layers: rollout, attention flow, gradient relevance",
	.positional = "[FILE...]",
	.draws = true,
	.examples = "attnviz rollout layers.npz -t tokens.txt -o rollout.png\n"
		    "attnviz rollout layers.npz --queries 0 --json",
	.options = rollout_options,
	.run = run_rollout,
};
