/* SPDX-License-Identifier: MIT */
/*
 * attnviz text: the tokens as running text, each on the colour of its value.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/stats.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/gather.h"
#include "commands/inputs.h"
#include "commands/inputs_given.h"
#include "commands/picture.h"
#include "commands/progress.h"
#include "kernel/driver.h"
#include "render/running_text.h"
#include "tensor/token_marks.h"

/* Blocks of text that anybody reads. */
enum { BLOCKS_MAX = 256 };

/* Nothing chosen. No position counts so far from the end. */
static const int64_t NONE = INT64_MIN;

/* What the options say. */
struct text_options {
	int64_t focus, by;
	const char *metric, *rows, *keys;
	int reduce;
};

static struct text_options given = { .focus = INT64_MIN, .by = INT64_MIN, .reduce = REDUCE_MEAN };

static const struct option_row value_rows[] = {
	OPTION_INT(0, "focus", "N", &given.focus, -1e15, 1e15, "colour tokens by what query N attends to; also --query N (default -1, the last)"),
	OPTION_INT(0, "by", "N", &given.by, -1e15, 1e15, "colour tokens by what attends to key N; also --key N"),
	OPTION_STRING('m', "metric", "NAME", &given.metric, "colour tokens by a metric of queries or keys: entropy, received, ... (see attnviz explain)"),
	OPTION_CHOICE(0, "reduce", "HOW", &given.reduce, gather_reduce_words, "combine the chosen heads of each layer (default mean); none: one text per head"),
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only tokens A to B - 1, where the tokens are queries"),
	OPTION_STRING(0, "keys", "A:B", &given.keys, "only tokens A to B - 1, where the tokens are keys"),
	OPTION_END
};

static const struct option_row text_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Values", value_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_GROUP("Picture", picture_rows),
	OPTION_END
};

/* Which tokens are shown, and by what. */
enum shown { SHOWN_KEYS_OF_QUERY, SHOWN_QUERIES_OF_KEY, SHOWN_METRIC };

struct drawing {
	const struct text_options *options;
	struct input input;
	struct picture picture;
	enum shown shown;
	const struct metric *metric;
	bool queries;          /* the tokens are the queries, not the keys */
	int64_t asked;         /* the query or key that was chosen */
	int64_t begin, end;    /* tokens shown */
	float *value;          /* [blocks][tokens] */
	int64_t blocks;
	char **name;           /* [blocks] */
	struct running_token *token;
	char **written;        /* [tokens] what stands behind them */
	struct running_block *block;
	struct panel *panel;   /* the same for the choice of a scale */
	struct progress progress;
};

/* --query 3 means a position where 3 is no file: it is taken out of the list of files. */
static enum err take_position(struct string_list *files, const char *name, int64_t *position, struct err_info *info)
{
	size_t left = 0;
	for (size_t i = 0; i < files->count; i++) {
		char *end;
		long long number = strtoll(files->item[i], &end, 10);
		if (end == files->item[i] || *end || access(files->item[i], F_OK) == 0) {
			files->item[left++] = files->item[i];
			continue;
		}
		if (*position != NONE)
			return err_set(info, ERR_USAGE, "--%s %s: a position was chosen already", name, files->item[i]);
		*position = number;
	}
	files->count = left;
	return ERR_OK;
}

static enum err check_options(struct text_options *options, struct err_info *info)
{
	struct roles_request *roles = &given_inputs()->roles;
	enum err err = take_position(&roles->spec[NAME_QUERY], "query", &options->focus, info);
	if (!err)
		err = take_position(&roles->spec[NAME_KEY], "key", &options->by, info);
	if (!err && (options->focus != NONE) + (options->by != NONE) + (options->metric != NULL) > 1)
		err = err_set(info, ERR_USAGE, "a text has one value for each token: one of --focus, --by and --metric");
	return err;
}

/* A position counted from the end where it is negative. */
static enum err find_position(int64_t given_position, const char *name, const char *what, int64_t count, int64_t *position, struct err_info *info)
{
	*position = given_position < 0 ? given_position + count : given_position;
	if (*position < 0 || *position >= count)
		return err_set(info, ERR_USAGE, "--%s %" PRId64 ": there are %" PRId64 " %s", name, given_position, count, what);
	return ERR_OK;
}

static enum err find_metric(struct drawing *drawing, struct err_info *info)
{
	const struct metric *list[METRIC_COUNT];
	int count;
	enum err err = metric_select(drawing->options->metric, list, &count, info);
	if (err)
		return err;
	drawing->metric = list[0];
	if (count != 1)
		return err_set(info, ERR_USAGE, "--metric %s: a text shows one metric", drawing->options->metric);
	if (drawing->metric->level != METRIC_OF_ROW && drawing->metric->level != METRIC_OF_KEY)
		return err_set(info, ERR_USAGE, "'%s' has no value for each query or key", drawing->metric->name);
	drawing->queries = drawing->metric->level == METRIC_OF_ROW;
	return metric_check(drawing->metric, drawing->input.source, 0, info);
}

static enum err choose_tokens(struct drawing *drawing, struct err_info *info)
{
	const struct text_options *options = drawing->options;
	const struct source *source = drawing->input.source;
	if (drawing->queries ? options->keys != NULL : options->rows != NULL)
		return err_set(info, ERR_USAGE, "the tokens shown are the %s: choose with --%s A:B", drawing->queries ? "queries" : "keys", drawing->queries ? "rows" : "keys");
	return drawing->queries ? selection_span(options->rows, "rows", source->queries, &drawing->begin, &drawing->end, info)
				: selection_span(options->keys, "keys", source->keys, &drawing->begin, &drawing->end, info);
}

static enum err choose(struct drawing *drawing, struct err_info *info)
{
	const struct text_options *options = drawing->options;
	const struct source *source = drawing->input.source;
	enum err err;
	if (drawing->input.selection.batches > 1)
		return err_set(info, ERR_USAGE, "a text is of one batch item: choose it of %zu with --batch", drawing->input.selection.batches);
	if (options->metric) {
		drawing->shown = SHOWN_METRIC;
		err = find_metric(drawing, info);
	} else if (options->by != NONE) {
		drawing->shown = SHOWN_QUERIES_OF_KEY;
		drawing->queries = true;
		err = find_position(options->by, "by", "keys", source->keys, &drawing->asked, info);
	} else {
		drawing->shown = SHOWN_KEYS_OF_QUERY;
		err = find_position(options->focus != NONE ? options->focus : -1, "focus", "queries", source->queries, &drawing->asked, info);
	}
	if (!err)
		err = choose_tokens(drawing, info);
	if (err)
		return err;
	drawing->blocks = gather_reduced_maps(&drawing->input, (enum gather_reduce)options->reduce);
	if (drawing->blocks > BLOCKS_MAX)
		return err_set(info, ERR_USAGE, "%" PRId64 " texts are too many to read (at most %d): choose layers and heads, or take --reduce mean", drawing->blocks, BLOCKS_MAX);
	return ERR_OK;
}

static enum err keep_metric(void *data, const struct stats_result *result, struct err_info *info)
{
	struct drawing *drawing = data;
	const double *value = drawing->queries ? result->per_row[0] : result->per_key[0];
	int64_t count = drawing->end - drawing->begin;
	(void)info;
	for (int64_t i = 0; i < count; i++)
		drawing->value[result->index * count + i] = (float)value[drawing->begin + i];
	return ERR_OK;
}

static enum err measure(struct drawing *drawing, struct err_info *info)
{
	const struct source *source = drawing->input.source;
	struct driver_options options = input_driver(&drawing->input);
	const struct stats_request request = {
		.metric = &drawing->metric, .metric_count = 1, .parameters = stats_parameters_default(), .row_count = source->queries, .row_end = source->queries,
		.per_row = drawing->queries, .threads = options.threads, .emit = keep_metric, .emit_data = drawing,
	};
	struct stats *stats = NULL;
	int64_t all;
	if (!mem_mul_i64(drawing->input.selection.maps, drawing->end - drawing->begin, &all) || !(drawing->value = mem_array((size_t)all, sizeof *drawing->value)))
		return err_nomem(info, "the text");
	options.progress = progress_report;
	options.progress_data = &drawing->progress;
	enum err err = stats_new(&request, source, &stats, info);
	progress_start(&drawing->progress, "statistics");
	if (!err)
		err = driver_run(source, stats_sinks(stats), stats_sink_count(stats), &options, info);
	progress_end(&drawing->progress);
	stats_free(stats);
	return err;
}

/* What a query may not see has no value, and is not a weight of 0. */
static enum err hide_unseen(struct drawing *drawing, struct err_info *info)
{
	const struct source *source = drawing->input.source;
	int64_t count = drawing->end - drawing->begin;
	bool *visible = mem_array((size_t)source->keys, sizeof *visible);
	if (!visible)
		return err_nomem(info, "the text");
	for (int64_t map = 0; map < drawing->input.selection.maps; map++)
		for (int64_t i = 0; i < count; i++) {
			if (drawing->queries || i == 0) {
				memset(visible, 0, (size_t)source->keys * sizeof *visible);
				source_mark_visible(source, drawing->input.selection.map[map], drawing->queries ? drawing->begin + i : drawing->asked, visible);
			}
			if (!visible[drawing->queries ? drawing->asked : drawing->begin + i])
				drawing->value[map * count + i] = NAN;
		}
	free(visible);
	return ERR_OK;
}

static enum err load(struct drawing *drawing, struct err_info *info)
{
	enum err err;
	if (drawing->shown == SHOWN_METRIC)
		err = measure(drawing, info);
	else if (drawing->queries)
		err = gather_maps(&drawing->input, "weights", drawing->begin, drawing->end, drawing->asked, drawing->asked + 1, &drawing->value, info);
	else
		err = gather_maps(&drawing->input, "weights", drawing->asked, drawing->asked + 1, drawing->begin, drawing->end, &drawing->value, info);
	if (!err && drawing->shown != SHOWN_METRIC)
		err = hide_unseen(drawing, info);
	if (!err)
		gather_reduce(&drawing->input, drawing->value, drawing->end - drawing->begin, (enum gather_reduce)drawing->options->reduce);
	return err;
}

/* Does a tokenizer of these marks write the spaces themselves into its tokens? */
static bool writes_spaces(enum token_marks marks)
{
	return marks == MARKS_SPACE || marks == MARKS_BYTE_LEVEL || marks == MARKS_SENTENCEPIECE;
}

/* Signs that are written to the word before them, where a tokenizer has parted them. */
static bool closes(const char *text)
{
	return strlen(text) == 1 && strchr(".,;:!?)]}%", text[0]);
}

static enum err set_token(struct drawing *drawing, int64_t at, const struct tokens *list, size_t index, bool begins_word, struct err_info *info)
{
	struct running_token *token = &drawing->token[at];
	enum token_marks marks = (enum token_marks)list->marks;
	const char *raw = list->raw[index], *text = list->text[index];
	struct strbuf decoded;
	strbuf_init(&decoded);
	token_marks_decode(marks, raw, strlen(raw), &decoded);
	token->text = text;
	token->ends_line = strchr(decoded.buf, '\n') != NULL;
	token->space = at > 0 && (writes_spaces(marks) ? decoded.buf[0] == ' ' : begins_word && !closes(text));
	bool failed = strbuf_failed(&decoded);
	strbuf_release(&decoded);
	return failed ? err_nomem(info, "the text") : ERR_OK;
}

/* Positions where there are no tokens: "0 1 2". */
static enum err number_tokens(struct drawing *drawing, struct err_info *info)
{
	int64_t count = drawing->end - drawing->begin;
	drawing->written = mem_zero_array((size_t)count, sizeof *drawing->written);
	for (int64_t i = 0; drawing->written && i < count; i++) {
		struct strbuf text;
		strbuf_init(&text);
		strbuf_addf(&text, "%" PRId64, drawing->begin + i);
		if (!(drawing->written[i] = strbuf_detach(&text)))
			return err_nomem(info, "the text");
		drawing->token[i] = (struct running_token){ .text = drawing->written[i], .space = i > 0 };
	}
	return drawing->written ? ERR_OK : err_nomem(info, "the text");
}

static enum err set_tokens(struct drawing *drawing, struct err_info *info)
{
	const struct labels *labels = &drawing->input.labels;
	const char *const *label = drawing->queries ? labels->query : labels->key;
	int64_t count = drawing->end - drawing->begin;
	drawing->token = mem_zero_array((size_t)count, sizeof *drawing->token);
	if (!drawing->token)
		return err_nomem(info, "the text");
	if (!label)
		return number_tokens(drawing, info);
	/* The queries' labels may be the end of the keys' list. */
	const struct tokens *list = drawing->queries && labels->query_list.count ? &labels->query_list : &labels->key_list;
	size_t first = list->count - (size_t)(drawing->queries ? drawing->input.source->queries : drawing->input.source->keys) + (size_t)drawing->begin;
	struct tokens words = { 0 };
	size_t *word = mem_array(list->count, sizeof *word);
	enum err err = word ? tokens_words(list, word, &words, info) : err_nomem(info, "the text");
	for (int64_t i = 0; i < count && !err; i++) {
		size_t at = first + (size_t)i;
		err = set_token(drawing, i, list, at, at == 0 || word[at] != word[at - 1], info);
	}
	tokens_release(&words);
	free(word);
	return err;
}

static enum err set_blocks(struct drawing *drawing, struct err_info *info)
{
	int64_t count = drawing->end - drawing->begin;
	drawing->name = mem_zero_array((size_t)drawing->blocks, sizeof *drawing->name);
	drawing->block = mem_zero_array((size_t)drawing->blocks, sizeof *drawing->block);
	drawing->panel = mem_zero_array((size_t)drawing->blocks, sizeof *drawing->panel);
	if (!drawing->name || !drawing->block || !drawing->panel)
		return err_nomem(info, "the text");
	for (int64_t i = 0; i < drawing->blocks; i++) {
		struct strbuf name;
		strbuf_init(&name);
		gather_name(&drawing->input, i, (enum gather_reduce)drawing->options->reduce, &name);
		if (!(drawing->name[i] = strbuf_detach(&name)))
			return err_nomem(info, "the names of the heads");
		drawing->block[i] = (struct running_block){ *drawing->name[i] ? drawing->name[i] : NULL, drawing->value + i * count };
		drawing->panel[i] = (struct panel){ drawing->value + i * count, 1, count, NULL };
	}
	return ERR_OK;
}

/* How the heads became one, or NULL. */
static const char *reduced(const struct drawing *drawing)
{
	return drawing->options->reduce && drawing->input.selection.heads > 1 ? word_text(gather_reduce_words, drawing->options->reduce) : NULL;
}

/* "query 7 “God”", as far as it has a token. */
static void add_asked(const struct drawing *drawing, struct strbuf *out)
{
	const struct labels *labels = &drawing->input.labels;
	bool query = drawing->shown == SHOWN_KEYS_OF_QUERY;
	const char *const *label = query ? labels->query : labels->key;
	strbuf_addf(out, "%s %" PRId64, query ? "query" : "key", drawing->asked);
	if (label)
		strbuf_addf(out, " \"%s\"", label[drawing->asked]);
}

static void describe(const struct drawing *drawing, struct strbuf *caption)
{
	if (drawing->shown == SHOWN_METRIC) {
		strbuf_addf(caption, "%s of each %s: %s", drawing->metric->name, drawing->queries ? "query" : "key", drawing->metric->summary);
	} else {
		strbuf_addstr(caption, drawing->shown == SHOWN_KEYS_OF_QUERY ? "what " : "what attends to ");
		add_asked(drawing, caption);
		strbuf_addstr(caption, drawing->shown == SHOWN_KEYS_OF_QUERY ? " attends to" : "");
	}
	if (reduced(drawing))
		strbuf_addf(caption, ", %s of %zu heads", reduced(drawing), drawing->input.selection.heads);
	if (drawing->input.source->note[0])
		strbuf_addf(caption, ", %s", drawing->input.source->note);
}

/* Where among the tokens shown the one is that was asked about: only where both axes are the same text. */
static int64_t marked(const struct drawing *drawing)
{
	const struct input *input = &drawing->input;
	int64_t shift = input->source->keys - input->source->queries, at = drawing->asked;
	bool same = input->labels.query && input->labels.key && shift >= 0 && input->labels.query == input->labels.key + shift;
	if (drawing->shown == SHOWN_METRIC || !same)
		return -1;
	at += drawing->queries ? -shift : shift;
	return at >= drawing->begin && at < drawing->end ? at - drawing->begin : -1;
}

/* A few tokens of much the same weight would else run through all colours. */
static void begin_at_zero(const struct drawing *drawing, struct colouring *colouring)
{
	int64_t count = drawing->blocks * (drawing->end - drawing->begin);
	bool begins = isnan(colouring->vmin) && (colouring->scale == SCALE_LINEAR || colouring->scale == SCALE_SQRT);
	float most = 0;
	for (int64_t i = 0; i < count && begins; i++) {
		begins = !(drawing->value[i] < 0);
		most = drawing->value[i] > most ? drawing->value[i] : most;
	}
	if (begins && most > 0 && !(colouring->vmax <= 0))
		colouring->vmin = 0;
}

static enum err write_scene(struct drawing *drawing, struct err_info *info)
{
	struct picture *picture = &drawing->picture;
	struct picture_words words;
	struct picture_order order;
	struct strbuf unit;
	const struct source *source = drawing->input.source;
	bool is_metric = drawing->shown == SHOWN_METRIC;
	picture_words_init(&words, &drawing->input, reduced(drawing));
	strbuf_init(&unit);
	if (is_metric)
		strbuf_addf(&unit, "%s (%s)", drawing->metric->name, drawing->metric->unit);
	else
		strbuf_addstr(&unit, drawing->input.args.stage == STAGE_WEIGHTS ? "attention weight" : "logit");
	describe(drawing, &words.caption);
	struct running_text scene = {
		.token = drawing->token, .count = drawing->end - drawing->begin, .first = drawing->begin, .marked = marked(drawing),
		.block = drawing->block, .block_count = drawing->blocks,
		.colouring = is_metric ? picture_colouring(picture, false, unit.buf) : picture_map_colouring(picture, source->is_signed, unit.buf),
		.title = picture->title ? picture->title : words.title.buf,
		.theme = picture->theme,
	};
	enum err err = picture_settle_colouring(&scene.colouring, drawing->panel, drawing->blocks, &words.caption, info);
	begin_at_zero(drawing, &scene.colouring);
	if (!err && (strbuf_failed(&words.title) || strbuf_failed(&unit)))
		err = err_nomem(info, "the text");
	scene.caption = words.caption.buf;
	picture_order(&order, picture, words.sizes.buf, words.caption.buf);
	if (!err)
		err = picture->format == PICTURE_TEXT ? terminal_write_running_text(&scene, &picture->terminal, &picture->out, info)
						      : running_text_write(&scene, &order.request, info);
	strbuf_release(&unit);
	picture_words_release(&words);
	return err ? err : output_commit(&picture->out, info);
}

static enum err draw(struct drawing *drawing, int argc, char **argv, struct err_info *info)
{
	enum err err = input_open(&drawing->input, argc, argv, info);
	if (!err)
		err = choose(drawing, info);
	if (!err)
		err = picture_open_or_page(&drawing->picture, info);
	if (!err)
		err = set_tokens(drawing, info);
	if (!err)
		err = load(drawing, info);
	if (!err)
		err = set_blocks(drawing, info);
	return err ? err : write_scene(drawing, info);
}

static void release(struct drawing *drawing)
{
	for (int64_t i = 0; drawing->name && i < drawing->blocks; i++)
		free(drawing->name[i]);
	for (int64_t i = 0; drawing->written && i < drawing->end - drawing->begin; i++)
		free(drawing->written[i]);
	free(drawing->name);
	free(drawing->written);
	free(drawing->block);
	free(drawing->panel);
	free(drawing->token);
	free(drawing->value);
	picture_release(&drawing->picture);
	input_release(&drawing->input);
}

static enum err run_text(int argc, char **argv)
{
	struct text_options options = given;
	struct drawing drawing = { .options = &options };
	struct err_info info = { 0 };
	enum err err = check_options(&options, &info);
	if (!err)
		err = draw(&drawing, argc, argv, &info);
	message_err_info(&info);
	release(&drawing);
	return err;
}

const struct command command_text = {
	.name = "text",
	.summary = "show the tokens as running text, coloured by what a query attends to",
	.positional = "[FILE...]",
	.draws = true,
	.examples = "attnviz text dump.npz -t tokens.txt --layer 3 --focus 7\n"
		    "attnviz text dump.npz -t tokens.txt --causal -m entropy -o entropy.html",
	.options = text_options,
	.run = run_text,
};
