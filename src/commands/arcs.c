/* SPDX-License-Identifier: MIT */
/*
 * attnviz arcs: two columns of tokens joined by lines whose strength is the weight.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/gather.h"
#include "commands/inputs.h"
#include "commands/picture.h"
#include "render/arcs.h"

static struct {
	double least;
	int64_t focus;
	int reduce;
	const char *rows, *keys;
} given = { .least = 0.02, .focus = -1 };

static const struct option_row arcs_rows[] = {
	OPTION_REAL(0, "least", "X", &given.least, 0, 1, "draw no line for weights below X (default 0.02)"),
	OPTION_INT(0, "focus", "N", &given.focus, 0, 1e15, "draw only the lines of query N"),
	OPTION_CHOICE(0, "reduce", "HOW", &given.reduce, gather_reduce_words, "combine the chosen heads of each layer into one set of lines"),
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only the queries A to B - 1"),
	OPTION_STRING(0, "keys", "A:B", &given.keys, "only the keys A to B - 1"),
	OPTION_END
};

static const struct option_row arcs_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Lines", arcs_rows),
	OPTION_GROUP("Picture", picture_rows),
	OPTION_END
};

struct drawing {
	struct input input;
	struct picture picture;
	int64_t row_begin, row_end, key_begin, key_end;
	float *weight;
	int64_t heads;
	char **name; /* [heads] */
};

/* The tokens are those of one batch item, and lines over each other are told apart by their colours alone. */
static enum err check_maps(struct drawing *drawing, struct err_info *info)
{
	const struct selection *selection = &drawing->input.selection;
	if (selection->batches > 1)
		return err_set(info, ERR_USAGE, "arcs are of one batch item: choose it of %zu with --batch", selection->batches);
	drawing->heads = gather_reduced_maps(&drawing->input, (enum gather_reduce)given.reduce);
	if (drawing->heads <= ARCS_HEADS_MAX || drawing->picture.format == PICTURE_TEXT)
		return ERR_OK;
	return err_set(info, ERR_USAGE, "the lines of %" PRId64 " %s over each other cannot be told apart (at most %d): choose with %s", drawing->heads,
		       given.reduce ? "layers" : "heads", ARCS_HEADS_MAX,
		       given.reduce ? "--layer" : selection->layers > 1 ? "--layer and --head, or take --reduce mean" : "--head, or take --reduce mean");
}

static enum err name_heads(struct drawing *drawing, struct err_info *info)
{
	const struct input *input = &drawing->input;
	drawing->name = mem_zero_array((size_t)drawing->heads, sizeof *drawing->name);
	if (!drawing->name)
		return err_nomem(info, "the names of the heads");
	for (int64_t i = 0; i < drawing->heads; i++) {
		struct strbuf name;
		strbuf_init(&name);
		gather_name(input, i, (enum gather_reduce)given.reduce, &name);
		if (!(drawing->name[i] = strbuf_detach(&name)))
			return err_nomem(info, "the names of the heads");
	}
	return ERR_OK;
}

static enum err set_ranges(struct drawing *drawing, struct err_info *info)
{
	const struct source *source = drawing->input.source;
	enum err err = selection_span(given.rows, "rows", source->queries, &drawing->row_begin, &drawing->row_end, info);
	if (!err)
		err = selection_span(given.keys, "keys", source->keys, &drawing->key_begin, &drawing->key_end, info);
	if (!err && given.focus >= 0 && (given.focus < drawing->row_begin || given.focus >= drawing->row_end))
		err = err_set(info, ERR_USAGE, "--focus %" PRId64 ": the queries shown are %" PRId64 " to %" PRId64, given.focus, drawing->row_begin,
			      drawing->row_end - 1);
	return err;
}

static void describe(const struct drawing *drawing, struct strbuf *caption)
{
	strbuf_addf(caption, "%" PRId64 " queries x %" PRId64 " keys, lines of weights of %g and more", drawing->row_end - drawing->row_begin,
		    drawing->key_end - drawing->key_begin, given.least);
	if (given.focus >= 0)
		strbuf_addf(caption, ", of query %" PRId64 " alone", given.focus);
	if (given.reduce && drawing->input.selection.heads > 1)
		strbuf_addf(caption, ", %s of %zu heads", word_text(gather_reduce_words, given.reduce), drawing->input.selection.heads);
	if (drawing->input.source->note[0])
		strbuf_addf(caption, ", %s", drawing->input.source->note);
}

static enum err write_scene(struct drawing *drawing, struct err_info *info)
{
	const struct labels *labels = &drawing->input.labels;
	struct picture *picture = &drawing->picture;
	struct picture_order order;
	struct picture_words words;
	picture_words_init(&words, &drawing->input, given.reduce ? word_text(gather_reduce_words, given.reduce) : NULL);
	describe(drawing, &words.caption);
	picture_order(&order, picture, words.sizes.buf, words.caption.buf);
	const struct arcs_scene scene = {
		.weight = drawing->weight,
		.heads = drawing->heads,
		.head_name = (const char *const *)drawing->name,
		.queries = { .title = "query", .first = drawing->row_begin, .count = drawing->row_end - drawing->row_begin,
			     .label = labels->query ? labels->query + drawing->row_begin : NULL },
		.keys = { .title = "key", .first = drawing->key_begin, .count = drawing->key_end - drawing->key_begin,
			  .label = labels->key ? labels->key + drawing->key_begin : NULL },
		.least = given.least,
		.focus = given.focus >= 0 ? given.focus - drawing->row_begin : -1,
		.title = picture->title ? picture->title : words.title.buf,
		.caption = words.caption.buf,
		.theme = picture->theme,
	};
	enum err err = picture->format == PICTURE_TEXT ? terminal_write_arcs(&scene, &picture->terminal, &picture->out, info)
						       : arcs_write(&scene, &order.request, info);
	picture_words_release(&words);
	return err ? err : output_commit(&picture->out, info);
}

static enum err draw(struct drawing *drawing, int argc, char **argv, struct err_info *info)
{
	enum err err = input_open(&drawing->input, argc, argv, info);
	if (!err)
		err = picture_open(&drawing->picture, info);
	if (!err)
		err = check_maps(drawing, info);
	if (!err)
		err = set_ranges(drawing, info);
	if (!err)
		err = name_heads(drawing, info);
	if (!err)
		err = gather_maps(&drawing->input, "arcs", drawing->row_begin, drawing->row_end, drawing->key_begin, drawing->key_end,
				  &drawing->weight, info);
	if (err)
		return err;
	gather_reduce(&drawing->input, drawing->weight, (drawing->row_end - drawing->row_begin) * (drawing->key_end - drawing->key_begin),
		      (enum gather_reduce)given.reduce);
	return write_scene(drawing, info);
}

static enum err run_arcs(int argc, char **argv)
{
	struct drawing drawing = { 0 };
	struct err_info info = { 0 };
	enum err err = draw(&drawing, argc, argv, &info);
	message_err_info(&info);
	for (int64_t i = 0; drawing.name && i < drawing.heads; i++)
		free(drawing.name[i]);
	free(drawing.name);
	free(drawing.weight);
	picture_release(&drawing.picture);
	input_release(&drawing.input);
	return err;
}

const struct command command_arcs = {
	.name = "arcs",
	.summary = "join two columns of tokens by lines as strong as the weights",
	.positional = "[FILE...]",
	.draws = true,
	.examples = "attnviz arcs attn.npy --layer 2 --head 1 -t tokens.txt -o arcs.svg",
	.options = arcs_options,
	.run = run_arcs,
};
