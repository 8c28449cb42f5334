/* SPDX-License-Identifier: MIT */
/*
 * attnviz weights: the exact maps as an array, for everything that the other commands do not do; or what they give: outputs and log-sum-exps.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/matrix_rows.h"
#include "analysis/row_outputs.h"
#include "analysis/value_weighted.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/inputs.h"
#include "commands/layer_output.h"
#include "commands/product.h"
#include "commands/progress.h"
#include "commands/ranks.h"
#include "commands/surroundings.h"
#include "kernel/driver.h"
#include "kernel/reference.h"
#include "mechanism/performer.h"
#include "tensor/npy.h"

enum { PRECISION_AUTO, PRECISION_SINGLE, PRECISION_DOUBLE };
static const struct word precision_words[] = {
	{ "auto", PRECISION_AUTO }, { "single", PRECISION_SINGLE }, { "double", PRECISION_DOUBLE }, WORD_END,
};

/* Weights that are computed from the definition where nobody says how: it takes a moment, and the last digits are right too. */
static const int64_t DEFINITION_MAX = 4 << 20;

/* What a row is written as. */
enum { WRITE_WEIGHTS, WRITE_OUTPUT, WRITE_OUTPUT_NORM, WRITE_LSE, WRITE_LAYER, WRITE_PROJECTION };
static const struct word write_words[] = {
	{ "weights", WRITE_WEIGHTS }, { "output", WRITE_OUTPUT }, { "output-norm", WRITE_OUTPUT_NORM },
	{ "lse", WRITE_LSE }, { "layer", WRITE_LAYER }, { "projection", WRITE_PROJECTION }, WORD_END,
};

static struct {
	const char *target, *rows;
	int precision, write;
	bool value_norms;
} given;

static const struct option_row weights_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only the queries A to B - 1"),
	OPTION_CHOICE(0, "write", "WHAT", &given.write, write_words, "what to write: weights W, output W V of each head, its norm, log-sum-exp of each row, output of the layer, or the random projection of performer"),
	OPTION_FLAG(0, "value-norms", &given.value_norms, "multiply each weight by the norm of its value"),
	OPTION_CHOICE(0, "precision", "HOW", &given.precision, precision_words, "compute in float32, or in float64 (and write that); auto: small maps in float64, written as float32"),
	OPTION_OUTPUT('o', "output", &given.target, "write the .npy array to FILE (default -, standard output)"),
	OPTION_GROUP("MPI", ranks_rows),
	OPTION_END
};

/* What is being written. */
struct writing {
	struct input input;
	struct output out;
	int64_t begin, end; /* queries */
	int64_t width;      /* numbers that a row is written as; 0: one, without an axis */
	float *narrow;      /* one row */
	double *norm;       /* of values; NULL: weights as they are */
	struct progress progress;
};

/* The output keeps its first failure to itself until it is asked. */
static enum err write_all(struct writing *writing, const void *bytes, size_t size, struct err_info *info)
{
	enum err err = output_write(&writing->out, bytes, size);
	if (err && info->code == ERR_OK)
		*info = writing->out.info;
	return err;
}

static enum err write_row(void *data, int64_t map, int64_t index, int64_t row, const float *weight, struct err_info *info)
{
	(void)index;
	struct writing *writing = data;
	const struct source *source = writing->input.source;
	bool itself = source_writes_itself(source, map, row);
	for (int64_t key = 0; key < source->keys && !itself; key++)
		writing->narrow[key] = (float)source_written(source, map, row, key, (double)weight[key]);
	return write_all(writing, itself ? weight : writing->narrow, (size_t)source->keys * sizeof *weight, info);
}

static enum err write_header(struct writing *writing, struct err_info *info)
{
	const struct input *input = &writing->input;
	int64_t shape[5];
	int rank = 0;
	if (input->has_layers)
		shape[rank++] = (int64_t)input->selection.layers;
	if (input->has_batches)
		shape[rank++] = (int64_t)input->selection.batches;
	if (given.write != WRITE_LAYER)
		shape[rank++] = (int64_t)input->selection.heads;
	shape[rank++] = writing->end - writing->begin;
	if (writing->width)
		shape[rank++] = writing->width;
	struct strbuf header;
	strbuf_init(&header);
	npy_header(&header, given.precision == PRECISION_DOUBLE ? DTYPE_F64 : DTYPE_F32, rank, shape);
	enum err err = strbuf_failed(&header) ? err_nomem(info, "the header") : write_all(writing, header.buf, header.len, info);
	strbuf_release(&header);
	return err;
}

/* In float64: given back as the role projection, it makes the very same features. Drawn rows are shared by all heads. */
static enum err write_projection(struct writing *writing, const char *target, struct err_info *info)
{
	const struct source *source = writing->input.source;
	int64_t layer, batch, head, shape[2];
	source_map_id(source, writing->input.selection.map[0], &layer, &batch, &head);
	const double *projection = performer_projection(source, layer, head, &shape[0], &shape[1]);
	if (!projection)
		return err_set(info, ERR_USAGE, "--write projection is for performer attention, not for %s", source->ops->name);
	enum err err = output_open(&writing->out, target, info);
	if (err)
		return err;
	struct strbuf header;
	strbuf_init(&header);
	npy_header(&header, DTYPE_F64, 2, shape);
	err = strbuf_failed(&header) ? err_nomem(info, "the header") : write_all(writing, header.buf, header.len, info);
	strbuf_release(&header);
	if (!err)
		err = write_all(writing, projection, (size_t)(shape[0] * shape[1]) * sizeof *projection, info);
	return err ? err : output_commit(&writing->out, info);
}

static enum err write_layer_row(void *data, double *row, int64_t width, struct err_info *info)
{
	struct writing *writing = data;
	if (given.precision == PRECISION_DOUBLE)
		return write_all(writing, row, (size_t)width * sizeof *row, info);
	for (int64_t i = 0; i < width; i++)
		writing->narrow[i] = (float)row[i];
	return write_all(writing, writing->narrow, (size_t)width * sizeof *writing->narrow, info);
}

static double norm_of(const double *row, int64_t count)
{
	double square = 0;
	for (int64_t i = 0; i < count; i++)
		square += row[i] * row[i];
	return sqrt(square);
}

/* What a row gives, as it is written: `row` holds the output. */
static enum err write_result(struct writing *writing, int64_t map, int64_t query, double lse, double *row, struct err_info *info)
{
	int64_t count = given.write == WRITE_OUTPUT ? writing->width : 1;
	bool missing = given.write != WRITE_LSE && source_row_is_nan(writing->input.source, map, query);
	for (int64_t i = 0; i < writing->width && missing; i++)
		row[i] = NAN;
	if (given.write != WRITE_OUTPUT)
		row[0] = missing ? NAN : given.write == WRITE_LSE ? lse : norm_of(row, writing->input.source->values->size[AXIS_DIM]);
	if (given.precision == PRECISION_DOUBLE)
		return write_all(writing, row, (size_t)count * sizeof *row, info);
	for (int64_t i = 0; i < count; i++)
		writing->narrow[i] = (float)row[i];
	return write_all(writing, writing->narrow, (size_t)count * sizeof *writing->narrow, info);
}

static enum err write_row_result(void *data, int64_t map, int64_t index, int64_t row, const struct row_stats *stats, const float *output, int64_t width,
				 struct err_info *info)
{
	(void)index;
	struct writing *writing = data;
	bool missing = given.write != WRITE_LSE && source_row_is_nan(writing->input.source, map, row);
	for (int64_t i = 0; i < width && given.write == WRITE_OUTPUT && missing; i++)
		writing->narrow[i] = NAN;
	if (given.write == WRITE_OUTPUT && missing)
		return write_all(writing, writing->narrow, (size_t)width * sizeof *writing->narrow, info);
	if (given.write == WRITE_OUTPUT)
		return write_all(writing, output, (size_t)width * sizeof *output, info);
	double wide = stats->lse, square = 0;
	for (int64_t i = 0; i < width; i++)
		square += (double)output[i] * (double)output[i];
	float narrow = (float)(missing ? NAN : given.write == WRITE_LSE ? wide : sqrt(square));
	return write_all(writing, &narrow, sizeof narrow, info);
}

/* *inner is what is wrapped where weights are multiplied. */
static enum err make_sink(struct writing *writing, struct sink **inner, struct sink **sink, struct err_info *info)
{
	const struct source *source = writing->input.source;
	if (given.write != WRITE_WEIGHTS)
		return row_outputs_new(source, given.write != WRITE_LSE, write_row_result, writing, sink, info);
	enum err err = matrix_rows_new(write_row, writing, given.value_norms ? inner : sink, info);
	return !err && given.value_norms ? value_weighted_new(source, *inner, sink, info) : err;
}

static void free_sink(struct sink *inner, struct sink *sink)
{
	if (given.write != WRITE_WEIGHTS)
		row_outputs_free(sink);
	else if (given.value_norms)
		value_weighted_free(sink);
	else
		matrix_rows_free(sink);
	matrix_rows_free(inner);
}

static enum err write_single(struct writing *writing, struct err_info *info)
{
	struct sink *sink = NULL, *inner = NULL;
	int64_t count = writing->end - writing->begin;
	int64_t *rows = mem_array((size_t)count, sizeof *rows);
	if (!rows)
		return err_nomem(info, "the list of queries");
	for (int64_t i = 0; i < count; i++)
		rows[i] = writing->begin + i;
	struct driver_options options = input_driver(&writing->input);
	options.rows = rows;
	options.row_count = count;
	options.progress = progress_report;
	options.progress_data = &writing->progress;
	if (given.write == WRITE_LAYER) {
		enum err done = layer_output(&writing->input, &options, false, writing->begin, writing->end, write_layer_row, writing, info);
		free(rows);
		return done;
	}
	enum err err = make_sink(writing, &inner, &sink, info);
	if (!err)
		err = driver_run(writing->input.source, &sink, 1, &options, info);
	free_sink(inner, sink);
	free(rows);
	return err;
}

static enum err write_definition_row(struct writing *writing, int64_t map, int64_t row, double *weight, struct err_info *info)
{
	const struct source *source = writing->input.source;
	int64_t keys = source->keys;
	const double *norm = writing->norm ? value_norms_of(source, writing->norm, map) : NULL;
	for (int64_t key = 0; key < keys && norm; key++)
		weight[key] *= norm[key];
	for (int64_t key = 0; key < keys && !source_writes_itself(source, map, row); key++)
		weight[key] = source_written(source, map, row, key, weight[key]);
	if (given.precision == PRECISION_DOUBLE)
		return write_all(writing, weight, (size_t)keys * sizeof *weight, info);
	for (int64_t key = 0; key < keys; key++)
		writing->narrow[key] = (float)weight[key];
	return write_all(writing, writing->narrow, (size_t)keys * sizeof *writing->narrow, info);
}

static enum err write_definition(struct writing *writing, struct err_info *info)
{
	const struct input *input = &writing->input;
	int64_t keys = input->source->keys, rows = writing->end - writing->begin, total = rows * input->selection.maps;
	if (given.write == WRITE_LAYER)
		return layer_output(input, NULL, true, writing->begin, writing->end, write_layer_row, writing, info);
	double *weight = mem_array((size_t)keys, sizeof *weight), *output = NULL;
	enum err err = weight ? ERR_OK : err_nomem(info, "a row of weights");
	if (!err && given.value_norms)
		err = value_norms(input->source, &writing->norm, info);
	if (!err && given.write && !(output = mem_array(input->source->values ? (size_t)input->source->values->size[AXIS_DIM] : 1, sizeof *output)))
		err = err_nomem(info, "a row of output");
	for (int64_t i = 0; !err && i < total; i++) {
		int64_t map = input->selection.map[i / rows], row = writing->begin + i % rows;
		struct row_stats stats;
		err = reference_row(input->source, map, row, weight, &stats, given.write != WRITE_LSE ? output : NULL, info);
		if (!err)
			err = given.write ? write_result(writing, map, row, stats.lse, output, info) : write_definition_row(writing, map, row, weight, info);
		progress_report(&writing->progress, (double)(i + 1) / (double)total);
	}
	free(weight);
	free(output);
	return err;
}

/* Products of axis lengths of a source exist: they cannot overflow. */
static bool by_definition(const struct writing *writing)
{
	int64_t weights = writing->input.selection.maps * (writing->end - writing->begin) * source_row_weights(writing->input.source);
	return given.precision == PRECISION_DOUBLE || (given.precision == PRECISION_AUTO && weights <= DEFINITION_MAX);
}

static bool needs_values(void)
{
	return given.value_norms || given.write == WRITE_OUTPUT || given.write == WRITE_OUTPUT_NORM || given.write == WRITE_LAYER;
}

static enum err check_written(struct writing *writing, struct err_info *info)
{
	const struct source *source = writing->input.source;
	bool of_values = needs_values();
	if (given.value_norms && given.write)
		return err_set(info, ERR_USAGE, "--value-norms multiplies weights: not with --write %s", word_text(write_words, given.write));
	if (of_values && !source->values && source->without_values)
		return err_set(info, ERR_USAGE, "%s is not to be had: %s", given.value_norms ? "--value-norms" : word_text(write_words, given.write), source->without_values);
	if (of_values && !source->values)
		return err_set(info, ERR_USAGE, "%s needs the values: name them with -v FILE[:NAME]", given.value_norms ? "--value-norms" : word_text(write_words, given.write));
	if (given.write == WRITE_LSE && source->norm != NORM_SOFTMAX)
		return err_set(info, ERR_USAGE, "only a softmax has a log-sum-exp: --write lse is not for %s attention", source->ops->name);
	writing->width = given.write == WRITE_WEIGHTS ? source->keys : given.write == WRITE_OUTPUT || given.write == WRITE_LAYER ? source->values->size[AXIS_DIM] : 0;
	return ERR_OK;
}

static enum err write_weights(struct writing *writing, int argc, char **argv, struct err_info *info)
{
	const char *target = given.target ? given.target : "-";
	if (strcmp(target, "-") == 0 && surroundings_stdout_is_terminal())
		return err_set(info, ERR_USAGE, "refusing to write an array to a terminal: give -o FILE");
	input_writes_values();
	if (needs_values())
		input_wants_values();
	enum err err = product_array(target, "'attnviz heatmap' draws it, 'attnviz stats' measures it", info);
	if (!err)
		err = input_open(&writing->input, argc, argv, info);
	if (!err && given.write == WRITE_PROJECTION)
		return write_projection(writing, target, info);
	if (!err)
		err = selection_span(given.rows, "rows", writing->input.source->queries, &writing->begin, &writing->end, info);
	if (!err)
		err = check_written(writing, info);
	if (!err)
		err = output_open(&writing->out, target, info);
	if (!err)
		err = write_header(writing, info);
	if (err)
		return err;
	writing->narrow = mem_array((size_t)writing->width + 1, sizeof *writing->narrow);
	if (!writing->narrow)
		return err_nomem(info, "a row of weights");
	progress_start(&writing->progress, "weights");
	writing->progress.roles = &writing->input.roles;
	if (by_definition(writing))
		err = ranks_lead() ? write_definition(writing, info) : ERR_OK;
	else
		err = write_single(writing, info);
	progress_end(&writing->progress);
	return err ? err : output_commit(&writing->out, info);
}

static enum err run_weights(int argc, char **argv)
{
	struct writing writing = { 0 };
	struct err_info info = { 0 };
	enum err err = write_weights(&writing, argc, argv, &info);
	message_err_info(&info);
	output_release(&writing.out);
	free(writing.narrow);
	free(writing.norm);
	input_release(&writing.input);
	return err;
}

const struct command command_weights = {
	.name = "weights",
	.summary = "write exact attention weights, or outputs, as a .npy array",
	.positional = "[FILE...]",
	.is_distributed = true,
	.examples = "attnviz weights q.npy k.npy --causal -o attn.npy\n"
		    "attnviz weights dump.npz --layer 3 --write output -o out.npy",
	.options = weights_options,
	.run = run_weights,
};
