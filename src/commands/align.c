/* SPDX-License-Identifier: MIT */
/*
 * attnviz align: which source word each target word looks at: links, times, scores, and the alignment plot.
 */
#include "commands/align.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/gather.h"
#include "tensor/tokens.h"

static const struct word extract_words[] = {
	{ "argmax", EXTRACT_ARGMAX }, { "threshold", EXTRACT_THRESHOLD }, { "intersection", EXTRACT_INTERSECTION },
	{ "union", EXTRACT_UNION }, { "grow-diag", EXTRACT_GROW_DIAG },
	{ "grow-diag-final", EXTRACT_GROW_DIAG_FINAL }, { "grow-diag-final-and", EXTRACT_GROW_DIAG_FINAL_AND },
	{ "both-ways", EXTRACT_BOTH_WAYS }, { "dtw", EXTRACT_DTW }, { "whisper", EXTRACT_WHISPER }, WORD_END,
};
static const struct word step_words[] = { { "whisper", DTW_WHISPER }, { "symmetric1", DTW_SYMMETRIC1 }, WORD_END };
enum { ROW_TOKEN_AUTO, ROW_TOKEN_OWN, ROW_TOKEN_NEXT };
static const struct word row_token_words[] = { { "auto", ROW_TOKEN_AUTO }, { "own", ROW_TOKEN_OWN }, { "next", ROW_TOKEN_NEXT }, WORD_END };

static struct {
	int extract, step, reduce, row_token;
	double threshold, frame_seconds;
	int64_t median, gold_line;
	const char *rows, *keys;
	bool pharaoh, times, rank, json, tsv;
} given = { .threshold = -1, .median = 7, .gold_line = -1 };

static const struct option_row extract_rows[] = {
	OPTION_CHOICE(0, "reduce", "HOW", &given.reduce, gather_reduce_words, "one map of all the heads chosen (default none; with --extract whisper mean)"),
	OPTION_CHOICE(0, "extract", "HOW", &given.extract, extract_words, "how links are found in the map"),
	OPTION_REAL(0, "threshold", "X", &given.threshold, 0, 1, "smallest weight of a link, for threshold (default 0.1) and both-ways (0.001)"),
	OPTION_CHOICE(0, "step", "PATTERN", &given.step, step_words, "steps of the path, and how ties are broken"),
	OPTION_INT(0, "median", "N", &given.median, 1, 999, "width of Whisper's median filter over frames, odd (default 7)"),
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only the queries A to B - 1, without prefix and end tokens"),
	OPTION_CHOICE(0, "row-token", "WHICH", &given.row_token, row_token_words,
		      "a query is called by its own token, or by the next one, which it predicts (auto: next with --extract whisper)"),
	OPTION_STRING(0, "keys", "A:B", &given.keys, "only keys A to B - 1; rows are normalised over them"),
	OPTION_REAL(0, "frame-seconds", "X", &given.frame_seconds, 0, 3600, "seconds per key, where keys are frames (Whisper: 0.02)"),
	OPTION_END
};

static const struct option_row output_rows[] = {
	OPTION_FLAG(0, "pharaoh", &given.pharaoh, "print the links on one line, source-target"),
	OPTION_FLAG(0, "times", &given.times, "print where each query begins and ends on the path"),
	OPTION_FLAG(0, "rank-heads", &given.rank, "print the score of every head, best first, and of the best heads together"),
	OPTION_FLAG(0, "json", &given.json, "print JSON, one object per row"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print tab-separated values"),
	OPTION_INT(0, "gold-line", "N", &given.gold_line, 0, 1e9, "line of the gold file for this sentence pair, counted from 0"),
	OPTION_END
};

static const struct option_row align_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Links", extract_rows),
	OPTION_GROUP("Gold", score_rows),
	OPTION_GROUP("Numbers", output_rows),
	OPTION_GROUP("Plot", align_style_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_GROUP("Picture", picture_rows),
	OPTION_END
};

static bool wants_numbers(void)
{
	return given.pharaoh || given.times || given.rank || given.json || given.tsv || score_eval();
}

static enum err check_given(int argc, struct err_info *info)
{
	if (given.pharaoh + given.times + given.rank + score_eval() > 1)
		return err_set(info, ERR_USAGE, "--pharaoh, --times, --rank-heads and --eval: give one of them");
	if (given.median % 2 == 0)
		return err_set(info, ERR_USAGE, "--median %" PRId64 ": the width of a median filter is odd", given.median);
	if (given.extract == EXTRACT_WHISPER && grouping_given())
		return err_set(info, ERR_USAGE, "--words, --hide and --by-span make other queries than the model had: leave them out with --extract whisper, "
			       "where a word begins with its first token and ends with its last");
	if (score_eval() && argc != 2)
		return err_set(info, ERR_USAGE, "--eval takes two files, LINKS and GOLD; there are %d", argc);
	return ERR_OK;
}

/* One map is read off: that of one head, or what --reduce makes of the heads of one layer. Whisper's timing is defined over its alignment heads, whatever
 * their layers. */
static enum err check_maps(const struct input *input, struct err_info *info)
{
	const struct selection *selection = &input->selection;
	if (selection->batches != 1)
		return err_set(info, ERR_USAGE, "an alignment is of one sentence pair: choose it of %zu with --batch", selection->batches);
	if (given.rank && given.reduce)
		return err_set(info, ERR_USAGE, "--rank-heads looks at every head by itself: leave --reduce out");
	if (given.rank || given.extract == EXTRACT_WHISPER)
		return ERR_OK;
	if (selection->layers > 1)
		return err_set(info, ERR_USAGE, "an alignment is read off one map, and there are %zu layers: choose one with --layer%s (--rank-heads shows which align)",
			       selection->layers, selection->heads == 1 || given.reduce ? "" : ", and a head with --head or their mean with --reduce mean");
	if (selection->heads > 1 && !given.reduce)
		return err_set(info, ERR_USAGE, "an alignment is read off one map, and there are %zu heads: choose one with --head, or their mean with --reduce mean "
			       "(--rank-heads shows which align)", selection->heads);
	return ERR_OK;
}

static bool rows_predict(void)
{
	return given.row_token == ROW_TOKEN_NEXT || (given.row_token == ROW_TOKEN_AUTO && given.extract == EXTRACT_WHISPER);
}

static bool is_special_row(const struct aligning *aligning, int64_t row)
{
	return tokens_is_special(aligning->input.labels.raw_query[row]);
}

/* Whisper's rows begin with the last token of the prefix, which predicts the first word, and end before the end token. */
static void guess_rows(struct aligning *aligning)
{
	struct extract_request *request = &aligning->request;
	int64_t queries = aligning->input.source->queries, prefix = 0;
	if (given.rows || given.extract != EXTRACT_WHISPER || !rows_predict() || !aligning->input.labels.raw_query)
		return;
	while (prefix < queries && is_special_row(aligning, prefix))
		prefix++;
	if (prefix == 0 || prefix == queries)
		return;
	request->row_begin = prefix - 1;
	request->row_end = queries - is_special_row(aligning, queries - 1);
	message_note("the words are taken from --rows %" PRId64 ":%" PRId64 ", by their tokens", request->row_begin, request->row_end);
}

/* What the queries used are called, and how many of them stand for a word. */
static enum err name_rows(struct aligning *aligning, struct err_info *info)
{
	const struct extract_request *request = &aligning->request;
	const char *const *label = aligning->input.labels.query;
	int64_t rows = request->row_end - request->row_begin, queries = aligning->input.source->queries, next = rows_predict();
	aligning->timed_rows = rows;
	if (!label)
		return ERR_OK;
	aligning->row_label = mem_array((size_t)rows, sizeof *aligning->row_label);
	if (!aligning->row_label)
		return err_nomem(info, "the names of the queries");
	for (int64_t i = 0; i < rows; i++)
		aligning->row_label[i] = request->row_begin + i + next < queries ? label[request->row_begin + i + next] : "";
	int64_t last = request->row_end - 1 + next;
	if (next && rows > 1 && is_special_row(aligning, last < queries ? last : queries - 1))
		aligning->timed_rows = rows - 1;
	return ERR_OK;
}

static double default_threshold(void)
{
	return given.extract == EXTRACT_BOTH_WAYS ? 0.001 : 0.1;
}

static enum err set_request(struct aligning *aligning, struct err_info *info)
{
	const struct input *input = &aligning->input;
	struct extract_request *request = &aligning->request;
	*request = (struct extract_request){
		.method = (enum extraction)given.extract,
		.threshold = given.threshold >= 0 ? given.threshold : default_threshold(),
		.pattern = (enum dtw_pattern)given.step,
		.median = given.median,
		.logits = input->args.stage != STAGE_WEIGHTS,
		.largest = given.reduce == REDUCE_MAX,
		.driver = input_driver(input),
	};
	request->driver.progress = progress_report;
	request->driver.progress_data = &aligning->progress;
	aligning->frame_seconds = given.frame_seconds;
	enum err err = check_maps(input, info);
	if (!err)
		err = selection_span(given.rows, "rows", input->source->queries, &request->row_begin, &request->row_end, info);
	if (!err)
		err = selection_span(given.keys, "keys", input->source->keys, &request->key_begin, &request->key_end, info);
	if (err)
		return err;
	request->divides = !request->logits && !input->source->is_signed && request->key_end - request->key_begin < input->source->keys;
	guess_rows(aligning);
	return name_rows(aligning, info);
}

static enum err read_gold(struct aligning *aligning, struct err_info *info)
{
	if (!score_gold())
		return ERR_OK;
	enum err err = score_read_gold(&aligning->gold, score_gold(), info);
	if (err)
		return err;
	if (aligning->gold.count == 0)
		return err_set(info, ERR_FORMAT, "%s: there are no gold links", score_gold());
	if (given.gold_line < 0 && aligning->gold.count > 1)
		return err_set(info, ERR_USAGE, "%s has %zu lines: say which one is this sentence pair with --gold-line", score_gold(),
			       aligning->gold.count);
	size_t line = given.gold_line < 0 ? 0 : (size_t)given.gold_line;
	if (line >= aligning->gold.count)
		return err_set(info, ERR_USAGE, "--gold-line %zu: %s has %zu lines", line, score_gold(), aligning->gold.count);
	aligning->gold_line = &aligning->gold.line[line];
	for (size_t i = 0; i < aligning->gold_line->count; i++) {
		const struct link *link = &aligning->gold_line->link[i];
		if (link->source >= aligning->input.source->keys || link->target >= aligning->input.source->queries)
			return err_set(info, ERR_SHAPE,
				       "%s: the gold link %" PRId32 "-%" PRId32 " (counted from 0) is outside the map of %" PRId64 " keys x %" PRId64
				       " queries: is the base right (--gold-base), or source and target swapped (--gold-reversed)?",
				       score_gold(), link->source, link->target, aligning->input.source->keys, aligning->input.source->queries);
	}
	score_warn_gold(&aligning->gold, score_gold());
	return ERR_OK;
}

/* A cut map is scored against the whole gold line. */
static void note_outside(const struct aligning *aligning)
{
	const struct extract_request *request = &aligning->request;
	const struct link_set *gold = aligning->gold_line;
	size_t outside = 0;
	for (size_t i = 0; gold && i < gold->count; i++)
		outside += gold->link[i].target < request->row_begin || gold->link[i].target >= request->row_end || gold->link[i].source < request->key_begin ||
			   gold->link[i].source >= request->key_end;
	if (outside)
		message_note("%zu of %zu gold links are of words that --rows and --keys leave out, and count as not found: both count the words of the whole map", outside,
			     gold->count);
}

enum err align_links(const struct alignment *alignment, const struct extract_request *request, struct link_set *links, struct err_info *info)
{
	*links = (struct link_set){ 0 };
	for (int64_t i = 0; i < alignment->rows * alignment->columns; i++) {
		if (!alignment->linked[i])
			continue;
		int32_t source = (int32_t)(request->key_begin + i % alignment->columns);
		int32_t target = (int32_t)(request->row_begin + i / alignment->columns);
		if (link_set_add(links, source, target, true)) {
			link_set_release(links);
			return err_nomem(info, "the links");
		}
	}
	link_set_sort(links);
	return ERR_OK;
}

void align_map_name(const struct input *input, int64_t map, struct strbuf *out)
{
	int64_t layer, batch, head;
	source_map_id(input->source, map, &layer, &batch, &head);
	strbuf_addf(out, "L%" PRId64 ".H%" PRId64, input->layer_number[layer], head);
}

static enum err print_numbers(struct aligning *aligning, const struct link_set *links, struct err_info *info)
{
	struct output *out = &aligning->picture.out;
	struct score score = { 0 };
	if (given.pharaoh)
		return align_print_pharaoh(links, score_base(), score_reversed(), out);
	if (given.times)
		return align_print_times(aligning, out, info);
	if (!aligning->gold_line)
		return align_print_links(aligning, links, out, info);
	score_add(&score, links, aligning->gold_line);
	return score_print(&score, aligning->format, out, info);
}

/* How heads became one, for the title. */
static const char *align_reduced(void)
{
	return given.reduce ? word_text(gather_reduce_words, given.reduce) : given.extract == EXTRACT_WHISPER ? "mean" : NULL;
}

static enum err align_dump(struct aligning *aligning, int argc, char **argv, struct err_info *info)
{
	struct link_set links = { 0 };
	enum err err = input_open(&aligning->input, argc, argv, info);
	if (!err)
		err = wants_numbers() ? picture_open_numbers(&aligning->picture, given.json, given.tsv, &aligning->format, info) : picture_open(&aligning->picture, info);
	if (!err)
		err = set_request(aligning, info);
	if (!err)
		err = read_gold(aligning, info);
	if (err)
		return err;
	note_outside(aligning);
	if (given.rank)
		return align_rank(aligning, &aligning->picture.out, info);
	progress_start(&aligning->progress, "alignment");
	err = extract_alignment(aligning->input.source, &aligning->request, &aligning->alignment, info);
	progress_end(&aligning->progress);
	if (!err)
		err = align_links(&aligning->alignment, &aligning->request, &links, info);
	if (!err)
		err = wants_numbers() ? print_numbers(aligning, &links, info)
				      : align_draw(aligning, &links, word_text(extract_words, given.extract), align_reduced(), info);
	link_set_release(&links);
	return err;
}

static enum err align(struct aligning *aligning, int argc, char **argv, struct err_info *info)
{
	enum err err = check_given(argc, info);
	if (err)
		return err;
	if (score_eval()) {
		err = picture_open_numbers(&aligning->picture, given.json, given.tsv, &aligning->format, info);
		if (!err)
			err = score_files(argv[0], argv[1], aligning->format, &aligning->picture.out, info);
	} else {
		err = align_dump(aligning, argc, argv, info);
	}
	if (err || !wants_numbers())
		return err;
	return output_commit(&aligning->picture.out, info);
}

static enum err run_align(int argc, char **argv)
{
	struct aligning aligning = { 0 };
	struct err_info info = { 0 };
	enum err err = align(&aligning, argc, argv, &info);
	if (err && info.code == ERR_OK)
		info = aligning.picture.out.info;
	message_err_info(&info);
	alignment_release(&aligning.alignment);
	free(aligning.row_label);
	links_release(&aligning.gold);
	picture_release(&aligning.picture);
	input_release(&aligning.input);
	return err;
}

const struct command command_align = {
	.name = "align",
	.summary = "alignment plots, links, word times and their scores, from cross-attention",
	.positional = "[FILE...]",
	.draws = true,
	.examples = "attnviz align cross.npy --extract grow-diag --key-tokens source.txt -o a.png\n"
		    "attnviz align cross.npy --pharaoh",
	.options = align_options,
	.run = run_align,
};
