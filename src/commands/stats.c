/* SPDX-License-Identifier: MIT */
/*
 * attnviz stats: what the attention of each head is like, in numbers.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/metric.h"
#include "analysis/sample.h"
#include "analysis/stats.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "commands/command.h"
#include "commands/gather.h"
#include "commands/grid.h"
#include "commands/inputs.h"
#include "commands/picture.h"
#include "commands/plot.h"
#include "commands/product.h"
#include "commands/progress.h"
#include "commands/ranks.h"
#include "commands/report.h"
#include "commands/surroundings.h"
#include "commands/token_ids.h"
#include "kernel/driver.h"

static struct {
	const char *metrics, *target, *named, *grid, *rows;
	struct string_list named_token;
	bool per_row, per_key, json, tsv, npy, bits;
	int64_t sample_rows, last_queries, seed, top_k, band;
	double below, h2o, collapse, saturation, diagonality, guided, patch_size;
} given = { .band = -1, .below = NAN, .h2o = NAN, .collapse = NAN, .saturation = NAN, .diagonality = NAN, .guided = NAN, .patch_size = NAN };

static const struct option_row metric_rows[] = {
	OPTION_STRING('m', "metrics", "LIST", &given.metrics, "names, 'default' or 'all' (attnviz explain lists them)"),
	OPTION_FLAG(0, "bits", &given.bits, "print bits instead of nats"),
	OPTION_REAL(0, "below", "X", &given.below, 0, 1, "threshold of the metric below (default 0.01)"),
	OPTION_REAL(0, "h2o-share", "X", &given.h2o, 0, 1, "threshold of h2o_sparsity, as a share of the row's largest weight (default 0.01)"),
	OPTION_REAL(0, "collapse", "X", &given.collapse, 0, 1e3, "threshold of collapse, in nats (default 0.1)"),
	OPTION_REAL(0, "saturation", "X", &given.saturation, 0, 1, "threshold of saturation (default 0.99)"),
	OPTION_INT(0, "top-k", "N", &given.top_k, 1, 1e9, "number of keys of top_k (default 8)"),
	OPTION_INT(0, "band", "N", &given.band, 0, 1e15, "positions to each side that count for local (default 16)"),
	OPTION_REAL(0, "diagonality", "X", &given.diagonality, 0, 1, "half width of the band of diagonality, as a share of the length (default 0.1)"),
	OPTION_REAL(0, "guided", "X", &given.guided, 1e-6, 1e3, "width g of the guided-attention score (default 0.2)"),
	OPTION_STRING(0, "grid", "HxW", &given.grid, "the last HxW positions are patches of a picture: grid_distance"),
	OPTION_REAL(0, "patch-size", "X", &given.patch_size, 1e-6, 1e6, "pixels per patch (default 1: distances in patches)"),
	OPTION_STRING(0, "named-keys", "LIST", &given.named, "keys counted by named and left out by confidence: 0,5-7"),
	OPTION_LIST(0, "named-token", "TOKEN", &given.named_token, "the same, by token; may be repeated"),
	OPTION_END
};

static const struct option_row row_rows[] = {
	OPTION_FLAG(0, "per-row", &given.per_row, "print one line per query"),
	OPTION_FLAG(0, "per-key", &given.per_key, "print one line per key"),
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only queries A to B - 1, as if there were no others"),
	OPTION_INT(0, "sample-rows", "N", &given.sample_rows, 1, 1e15, "measure N queries chosen at random, with 95 % intervals"),
	OPTION_INT(0, "seed", "N", &given.seed, 0, 9e15, "seed for --sample-rows (default 0)"),
	OPTION_INT(0, "last-queries", "N", &given.last_queries, 1, 1e15, "measure the last N queries"),
	OPTION_END
};

static const struct option_row stats_output_rows[] = {
	OPTION_FLAG(0, "json", &given.json, "print JSON, one object per line"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print tab-separated values with a header line"),
	OPTION_FLAG(0, "npy", &given.npy, "an array (heads, metrics), or (heads, metrics, rows) with --per-row or --per-key"),
	OPTION_OUTPUT('o', "output", &given.target, "write the numbers to FILE (default -, standard output)"),
	OPTION_END
};

static const struct option_row stats_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Metrics", metric_rows),
	OPTION_GROUP("Rows", row_rows),
	OPTION_GROUP("Output", stats_output_rows),
	OPTION_GROUP("Plot", plot_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_GROUP("MPI", ranks_rows),
	OPTION_END
};

/* What is being measured. */
struct measuring {
	struct input input;
	const struct metric *metric[METRIC_COUNT];
	int metric_count;
	int64_t *row, row_count;   /* NULL: all */
	int64_t row_begin, row_end; /* of what --rows leaves */
	int64_t *named, named_count;
	int64_t *token_id;         /* [keys] */
	int64_t grid_height, grid_width;
	struct output out;
	enum record_format format;
	struct report *report;
	struct plot *plot;
	struct stats *stats;
	struct progress progress;
};

static enum err check_options(struct measuring *measuring, struct err_info *info)
{
	given.npy = given.npy || (!given.json && !given.tsv && product_names_npy(given.target));
	if (given.json + given.tsv + given.npy > 1)
		return err_set(info, ERR_USAGE, "one of --json, --tsv and --npy");
	if (given.per_row && given.per_key)
		return err_set(info, ERR_USAGE, "--per-row or --per-key, not both");
	if (given.sample_rows && given.last_queries)
		return err_set(info, ERR_USAGE, "--sample-rows or --last-queries, not both");
	if (given.npy && (!given.target || strcmp(given.target, "-") == 0) && surroundings_stdout_is_terminal())
		return err_set(info, ERR_USAGE, "refusing to write an array to a terminal: give -o FILE");
	static const char draw[] = "--plot draws one of them";
	return given.npy ? product_array(given.target ? given.target : "-", draw, info) : product_numbers(given.target, given.json, given.tsv, draw, &measuring->format, info);
}

static bool level_fits(const struct metric *metric)
{
	if (given.per_row)
		return metric->level == METRIC_OF_ROW;
	if (given.per_key)
		return metric->level == METRIC_OF_KEY;
	return metric->level != METRIC_OF_KEY && (!given.npy || metric->level == METRIC_OF_ROW || metric->level == METRIC_OF_HEAD);
}

static unsigned given_facts(const struct measuring *measuring)
{
	return (measuring->token_id ? METRIC_NEEDS_TOKENS : 0) | (measuring->named ? METRIC_NEEDS_NAMED : 0) | (given.grid ? METRIC_NEEDS_GRID : 0);
}

/* 'default' and 'all' mean what can be had; a metric that is named must be had, or the reason is told. */
static enum err choose_metrics(struct measuring *measuring, struct err_info *info)
{
	const char *text = given.metrics ? given.metrics : given.per_key ? "all" : "default";
	const struct metric *list[METRIC_COUNT];
	bool lenient = strstr(text, "default") || strstr(text, "all");
	int count;
	enum err err = metric_select(text, list, &count, info);
	for (int i = 0; !err && i < count; i++) {
		struct err_info reason = { 0 };
		if (!level_fits(list[i])) {
			if (!lenient)
				err = err_set(info, ERR_USAGE, "'%s' has no value for each %s", list[i]->name,
					      given.per_row ? "query" : given.per_key ? "key" : given.npy ? "head that fits an array" : "head: use --per-key");
			continue;
		}
		if (!metric_check(list[i], measuring->input.source, given_facts(measuring), &reason)) {
			measuring->metric[measuring->metric_count++] = list[i];
		} else if (!lenient) {
			*info = reason;
			err = reason.code;
		}
	}
	if (!err && !measuring->metric_count)
		err = err_set(info, ERR_USAGE, "no metric is left: attnviz explain lists what there is");
	return err;
}

/* Metrics that were named may need the values of a model's layers. */
static enum err want_values(struct err_info *info)
{
	const struct metric *list[METRIC_COUNT];
	int count = 0;
	enum err err = given.metrics ? metric_select(given.metrics, list, &count, info) : ERR_OK;
	for (int i = 0; i < count && !err; i++)
		if (list[i]->needs & METRIC_NEEDS_VALUES)
			input_wants_values();
	return err;
}

static enum err choose_rows(struct measuring *measuring, struct err_info *info)
{
	int64_t *begin = &measuring->row_begin, *end = &measuring->row_end, queries = measuring->input.source->queries;
	enum err err = selection_span(given.rows, "rows", queries, begin, end, info);
	measuring->row_count = *end - *begin;
	if (err)
		return err;
	if (given.sample_rows)
		err = sample_rows(*end - *begin, given.sample_rows, (uint64_t)given.seed, &measuring->row, &measuring->row_count, info);
	else if (given.last_queries || measuring->row_count < queries)
		err = sample_last(*end - *begin, given.last_queries ? given.last_queries : measuring->row_count, &measuring->row, &measuring->row_count, info);
	for (int64_t i = 0; measuring->row && i < measuring->row_count; i++)
		measuring->row[i] += *begin;
	return err;
}

static bool is_sampled(const struct measuring *measuring)
{
	return given.sample_rows && measuring->row_count < measuring->row_end - measuring->row_begin;
}

static enum err choose_named(struct measuring *measuring, struct err_info *info)
{
	const struct input *input = &measuring->input;
	int64_t keys = input->source->keys;
	if (given.named_token.count && !input->labels.key)
		return err_set(info, ERR_USAGE, "--named-token needs the tokens of the keys: -t or --key-tokens");
	enum err err = input->labels.raw_key ? token_ids(input->labels.raw_key, keys, &measuring->token_id, info) : ERR_OK;
	if (err || (!given.named && !given.named_token.count))
		return err;
	return token_positions(given.named, &given.named_token, &input->labels, keys, &measuring->named, &measuring->named_count, info);
}

static struct stats_parameters parameters(const struct measuring *measuring)
{
	struct stats_parameters chosen = stats_parameters_default();
	chosen.grid_height = measuring->grid_height;
	chosen.grid_width = measuring->grid_width;
	const struct {
		double given, *chosen;
	} reals[] = {
		{ given.below, &chosen.below }, { given.h2o, &chosen.h2o }, { given.collapse, &chosen.collapse },
		{ given.saturation, &chosen.saturation }, { given.diagonality, &chosen.diagonality }, { given.patch_size, &chosen.patch_size }, { given.guided, &chosen.guided },
	};
	for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
		if (!isnan(reals[i].given))
			*reals[i].chosen = reals[i].given;
	chosen.top_k = given.top_k ? given.top_k : chosen.top_k;
	chosen.band = given.band >= 0 ? given.band : chosen.band;
	return chosen;
}

static enum err open_report(struct measuring *measuring, struct err_info *info)
{
	const struct report_request request = {
		.of = given.per_row ? REPORT_QUERIES : given.per_key ? REPORT_KEYS : REPORT_HEADS,
		.format = measuring->format,
		.array = given.npy,
		.intervals = is_sampled(measuring) && !given.per_row && !given.per_key,
		.bits = given.bits,
		.metric = measuring->metric, .metric_count = measuring->metric_count,
		.row = measuring->row, .row_count = measuring->row_count,
	};
	enum err err = output_open(&measuring->out, given.target ? given.target : "-", info);
	return err ? err : report_new(&request, &measuring->input, &measuring->out, &measuring->report, info);
}

static enum err keep_map(void *data, const struct stats_result *result, struct err_info *info)
{
	struct measuring *measuring = data;
	enum err err = report_map(measuring->report, result, info);
	return !err && measuring->plot ? plot_map(measuring->plot, result, info) : err;
}

static enum err measure(struct measuring *measuring, struct err_info *info)
{
	const struct source *source = measuring->input.source;
	const struct stats_request request = {
		.metric = measuring->metric, .metric_count = measuring->metric_count, .parameters = parameters(measuring),
		.row_count = measuring->row_count, .row = measuring->row, .row_begin = measuring->row_begin, .row_end = measuring->row_end,
		.sampled = is_sampled(measuring), .per_row = given.per_row || plot_needs_rows(), .threads = input_driver(&measuring->input).threads,
		.named = measuring->named, .named_count = measuring->named_count, .token = measuring->token_id,
		.emit = keep_map, .emit_data = measuring,
	};
	struct driver_options options = input_driver(&measuring->input);
	options.rows = measuring->row;
	options.row_count = measuring->row_count;
	options.progress = progress_report;
	options.progress_data = &measuring->progress;
	enum err err = stats_new(&request, source, &measuring->stats, info);
	if (err)
		return err;
	progress_start(&measuring->progress, "statistics");
	measuring->progress.roles = &measuring->input.roles;
	err = driver_run(source, stats_sinks(measuring->stats), stats_sink_count(measuring->stats), &options, info);
	progress_end(&measuring->progress);
	return err;
}

/* The label of a span, or of a token on an axis without spans. */
static const char *label_of(const char *const *label, int64_t position, char number[24])
{
	snprintf(number, 24, "%" PRId64, position);
	return label ? label[position] : number;
}

/* With --spans: what each span gives to each, in place of the metrics. */
static enum err span_masses(struct measuring *measuring, struct err_info *info)
{
	static const struct record_column columns[] = {
		{ "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT }, { "query_span", RECORD_TEXT }, { "key_span", RECORD_TEXT },
		{ "mass", RECORD_REAL },
	};
	struct input *input = &measuring->input;
	char number[24];
	float *mass = NULL;
	struct record *record = NULL;
	if (given.metrics || given.per_row || given.per_key || given.npy || given.rows || given.sample_rows || given.last_queries || plot_wanted())
		return err_set(info, ERR_USAGE, "--spans prints the mass from span to span: without metrics, rows, keys, samples, arrays and plots");
	enum err err = output_open(&measuring->out, given.target ? given.target : "-", info);
	if (!err)
		err = grouping_by_spans(&input->source, &input->labels, &input->spans, info);
	if (!err)
		err = gather_maps(input, "span masses", 0, input->source->queries, 0, input->source->keys, &mass, info);
	if (!err && !(record = record_new(measuring->format, columns, 6, &measuring->out)))
		err = err_nomem(info, "the masses");
	const int64_t queries = input->source->queries, keys = input->source->keys;
	for (int64_t i = 0; !err && i < input->selection.maps * queries * keys; i++) {
		int64_t layer, batch, head;
		source_map_id(input->source, input->selection.map[i / (queries * keys)], &layer, &batch, &head);
		record_int(record, 0, input->layer_number[layer]);
		record_int(record, 1, batch);
		record_int(record, 2, head);
		record_text(record, 3, label_of(input->labels.query, i / keys % queries, number));
		record_text(record, 4, label_of(input->labels.key, i % keys, number));
		record_real(record, 5, (double)mass[i]);
		err = record_row(record);
	}
	enum err end = record_end(record);
	free(mass);
	err = err ? err : end;
	if (err && info->code == ERR_OK && measuring->out.failed)
		*info = measuring->out.info;
	return err ? err : output_commit(&measuring->out, info);
}

static enum err work(struct measuring *measuring, int argc, char **argv, struct err_info *info)
{
	enum err err = check_options(measuring, info);
	input_measures_distance();
	if (!err)
		err = want_values(info);
	if (!err)
		err = input_open(&measuring->input, argc, argv, info);
	if (!err && measuring->input.spans.query.count + measuring->input.spans.key.count)
		return span_masses(measuring, info);
	if (!err && given.grid)
		err = grid_parse(given.grid, &measuring->grid_height, &measuring->grid_width, info);
	if (!err)
		err = choose_named(measuring, info);
	if (!err)
		err = choose_metrics(measuring, info);
	if (!err)
		err = choose_rows(measuring, info);
	if (!err && plot_wanted())
		err = plot_new(&measuring->input, measuring->metric, measuring->metric_count, measuring->row, measuring->row_count, &measuring->plot, info);
	if (!err)
		err = open_report(measuring, info);
	if (!err)
		err = measure(measuring, info);
	enum err end = report_end(measuring->report);
	err = err ? err : end;
	/* Once the numbers are put together, so that none fails beside a picture that is complete. */
	if (!err && measuring->plot && ranks_lead())
		err = plot_write(measuring->plot, info);
	if (err && info->code == ERR_OK && measuring->out.failed)
		*info = measuring->out.info;
	return err ? err : output_commit(&measuring->out, info);
}

static enum err run_stats(int argc, char **argv)
{
	struct measuring measuring = { 0 };
	struct err_info info = { 0 };
	enum err err = work(&measuring, argc, argv, &info);
	message_err_info(&info);
	stats_free(measuring.stats);
	plot_free(measuring.plot);
	output_release(&measuring.out);
	free(measuring.row);
	free(measuring.named);
	free(measuring.token_id);
	input_release(&measuring.input);
	return err;
}

const struct command command_stats = {
	.name = "stats",
	.summary = "measure heads: entropy, sparsity, sinks, distance, ...",
	.positional = "[FILE...]",
	.is_distributed = true,
	.examples = "attnviz stats q.npy k.npy --causal\n"
		    "attnviz stats -w attn.npy -m entropy,sink1 --tsv -o heads.tsv",
	.options = stats_options,
	.run = run_stats,
};
