/* SPDX-License-Identifier: MIT */
/*
 * attnviz heatmap: attention maps as pictures, pooled while they stream by.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/key_share.h"
#include "analysis/pooled_map.h"
#include "analysis/value_weighted.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/gather.h"
#include "commands/heatmap_text.h"
#include "commands/inputs.h"
#include "commands/picture.h"
#include "commands/progress.h"
#include "commands/ranks.h"
#include "kernel/driver.h"

/* Queries from which on the caption tells of a key that takes most of the weight. */
enum { TOLD_QUERIES = 8 };

static const struct word pool_words[] = {
	{ "max", POOLING_MAX }, { "mean", POOLING_MEAN }, { "sum", POOLING_SUM }, WORD_END,
};

static struct {
	const char *rows, *keys;
	int pool, reduce;
	int64_t skip_first;
	bool value_norms;
} given;

static const struct option_row map_rows[] = {
	OPTION_CHOICE(0, "reduce", "HOW", &given.reduce, gather_reduce_words, "combine the chosen heads of each layer and batch item into one map"),
	OPTION_CHOICE(0, "pool", "HOW", &given.pool, pool_words, "how the weights under one cell are combined"),
	OPTION_INT(0, "skip-first", "N", &given.skip_first, 0, 1e15, "leave out the first N keys that each query sees, and renormalise its row"),
	OPTION_FLAG(0, "value-norms", &given.value_norms, "multiply each weight by the norm of its value (needs -v)"),
	OPTION_STRING(0, "rows", "A:B", &given.rows, "only the queries A to B - 1"),
	OPTION_STRING(0, "keys", "A:B", &given.keys, "only the keys A to B - 1"),
	OPTION_END
};

static const struct option_row heatmap_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Map", map_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_GROUP("Picture", picture_rows),
	OPTION_GROUP("Figure", figure_rows),
	OPTION_GROUP("MPI", ranks_rows),
	OPTION_END
};

/* The maps on their way from the driver to the scene. */
struct drawing {
	struct input input;
	struct picture picture;
	struct heatmap_scene scene;
	struct heatmap_text text;
	struct panel *panel;
	float **cell;          /* [panel_count], each height x width */
	struct key_share *top; /* [maps]; NULL: not asked for */
	struct axis_band *band; /* of the keys, then of the queries */
	struct bands bands;
	int64_t row_begin, row_end, key_begin, key_end;
	struct progress progress;
};

/* Heads that are reduced to one share a panel; maps come in order, heads innermost. */
static int64_t panel_of(const struct drawing *drawing, int64_t index)
{
	return given.reduce != REDUCE_NONE ? index / (int64_t)drawing->input.selection.heads : index;
}

/* A cell in which a head sees nothing is NaN: it counts nothing. */
static void reduce_cells(float *to, const float *from, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		if (isnan(to[i]) || isnan(from[i]))
			to[i] = isnan(to[i]) ? from[i] : to[i];
		else
			to[i] = given.reduce == REDUCE_MEAN ? to[i] + from[i] : fmaxf(to[i], from[i]);
}

static enum err keep_map(void *data, const struct source *source, int64_t map, int64_t index, const float *cell, int64_t height, int64_t width,
			 struct err_info *info)
{
	(void)source, (void)map;
	struct drawing *drawing = data;
	int64_t at = panel_of(drawing, index), count = height * width;
	struct panel *panel = &drawing->panel[at];
	if (drawing->cell[at]) {
		reduce_cells(drawing->cell[at], cell, count);
		return ERR_OK;
	}
	drawing->cell[at] = mem_array((size_t)count, sizeof *cell);
	if (!drawing->cell[at])
		return err_nomem(info, "the picture");
	memcpy(drawing->cell[at], cell, (size_t)count * sizeof *cell);
	panel->cell = drawing->cell[at];
	panel->height = height;
	panel->width = width;
	return ERR_OK;
}

static void finish_mean(struct drawing *drawing)
{
	float heads = (float)drawing->input.selection.heads;
	for (int64_t at = 0; at < drawing->scene.panel_count; at++)
		for (int64_t i = 0; i < drawing->panel[at].height * drawing->panel[at].width; i++)
			drawing->cell[at][i] /= heads;
}

/* Is it worth telling that one key takes most of the weight? Not of a few queries, which tell little, and not where keys are left out already. */
static bool wants_shares(const struct drawing *drawing)
{
	return drawing->input.source->is_stochastic && !given.value_norms && !given.skip_first && drawing->row_end - drawing->row_begin >= TOLD_QUERIES;
}

static enum err new_shares(struct drawing *drawing, struct sink **sink, struct err_info *info)
{
	drawing->top = mem_zero_array((size_t)drawing->input.selection.maps, sizeof *drawing->top);
	return drawing->top ? key_share_new(drawing->input.source->keys, drawing->top, sink, info) : err_nomem(info, "the weight on the keys");
}

static enum err compute(struct drawing *drawing, int64_t height, int64_t width, struct err_info *info)
{
	struct sink *sink = NULL, *weighted = NULL, *shares = NULL;
	int64_t count = drawing->row_end - drawing->row_begin;
	int64_t *rows = mem_array((size_t)count, sizeof *rows);
	if (!rows)
		return err_nomem(info, "the list of queries");
	for (int64_t i = 0; i < count; i++)
		rows[i] = drawing->row_begin + i;
	const struct pooled_map_request request = {
		.row_count = count, .key_begin = drawing->key_begin, .key_end = drawing->key_end, .height = height, .width = width,
		.pooling = (enum pooling)given.pool, .skip_first = given.skip_first, .emit = keep_map, .emit_data = drawing,
	};
	struct driver_options options = input_driver(&drawing->input);
	options.rows = rows;
	options.row_count = count;
	options.progress = progress_report;
	options.progress_data = &drawing->progress;
	progress_start(&drawing->progress, "attention");
	drawing->progress.roles = &drawing->input.roles;
	enum err err = given.value_norms ? ERR_UNSUPPORTED
					 : pooled_map_direct(&request, drawing->input.source, options.maps, options.map_count, drawing->row_begin, options.threads, info);
	bool by_tiles = err == ERR_UNSUPPORTED && (!info || !info->code);
	if (by_tiles)
		err = pooled_map_new(&request, &sink, info);
	if (!err && given.value_norms)
		err = value_weighted_new(drawing->input.source, sink, &weighted, info);
	if (!err && by_tiles && wants_shares(drawing))
		err = new_shares(drawing, &shares, info);
	struct sink *sinks[] = { weighted ? weighted : sink, shares };
	if (!err && by_tiles)
		err = driver_run(drawing->input.source, sinks, shares ? 2 : 1, &options, info);
	progress_end(&drawing->progress);
	key_share_free(shares);
	value_weighted_free(weighted);
	pooled_map_free(sink);
	free(rows);
	if (!err && given.reduce == REDUCE_MEAN)
		finish_mean(drawing);
	return err;
}

static enum err set_panels(struct drawing *drawing, struct err_info *info)
{
	const struct selection *selection = &drawing->input.selection;
	int64_t count = given.reduce != REDUCE_NONE ? selection->maps / (int64_t)selection->heads : selection->maps;
	drawing->panel = mem_zero_array((size_t)count, sizeof *drawing->panel);
	drawing->cell = mem_zero_array((size_t)count, sizeof *drawing->cell);
	if (!drawing->panel || !drawing->cell)
		return err_nomem(info, "the panels");
	drawing->scene.panel = drawing->panel;
	drawing->scene.panel_count = count;
	return ERR_OK;
}

static struct axis_scale axis(const char *title, int64_t begin, int64_t end, const char *const *label)
{
	return (struct axis_scale){ .title = title, .first = begin, .count = end - begin, .label = label ? label + begin : NULL };
}

/* What --skip-first leaves out of every row shown is not drawn: the keys before the first that one of them has left. */
static void skip_keys(struct drawing *drawing)
{
	const struct source *source = drawing->input.source;
	int64_t least = drawing->key_end;
	for (int64_t i = 0; i < drawing->input.selection.maps; i++)
		for (int64_t row = drawing->row_begin; row < drawing->row_end && least > given.skip_first; row++) {
			int64_t begin, end;
			if (source_span(source, drawing->input.selection.map[i], row, &begin, &end) && begin + given.skip_first < least)
				least = begin + given.skip_first;
		}
	if (least < drawing->key_end && least > drawing->key_begin)
		drawing->key_begin = least;
}

static enum err set_scene(struct drawing *drawing, struct err_info *info)
{
	const struct source *source = drawing->input.source;
	const struct labels *labels = &drawing->input.labels;
	enum err err = selection_span(given.rows, "rows", source->queries, &drawing->row_begin, &drawing->row_end, info);
	if (!err)
		err = selection_span(given.keys, "keys", source->keys, &drawing->key_begin, &drawing->key_end, info);
	if (!err && given.skip_first >= source->keys)
		err = err_set(info, ERR_USAGE, "--skip-first %" PRId64 ": there are only %" PRId64 " keys", given.skip_first, source->keys);
	if (!err)
		err = set_panels(drawing, info);
	if (!err && given.value_norms && given.skip_first)
		err = err_set(info, ERR_USAGE, "--skip-first divides by what remains of a row's weights: not with --value-norms");
	if (err)
		return err;
	if (given.skip_first)
		skip_keys(drawing);
	struct heatmap_scene *scene = &drawing->scene;
	scene->rows = axis("query", drawing->row_begin, drawing->row_end, labels->query);
	scene->keys = axis("key", drawing->key_begin, drawing->key_end, labels->key);
	scene->colouring = picture_map_colouring(&drawing->picture, source->is_signed, given.value_norms ? "weight x norm of value" : drawing->input.args.stage == STAGE_WEIGHTS ? "attention weight" : "logit");
	scene->theme = drawing->picture.theme;
	return heatmap_text_titles(&drawing->text, &drawing->input, given.reduce ? word_text(gather_reduce_words, given.reduce) : NULL, drawing->picture.title, scene, drawing->panel, info);
}

static void bands_of(const struct spans *spans, struct axis_band *band)
{
	for (size_t i = 0; i < spans->count; i++)
		band[i] = (struct axis_band){ spans->span[i].begin, spans->span[i].end, spans->span[i].name };
}

static enum err set_bands(struct drawing *drawing, struct err_info *info)
{
	const struct spans *query = &drawing->input.spans.query, *key = &drawing->input.spans.key;
	if (query->count + key->count == 0)
		return ERR_OK;
	drawing->band = mem_array(query->count + key->count, sizeof *drawing->band);
	if (!drawing->band)
		return err_nomem(info, "the spans");
	bands_of(query, drawing->band);
	bands_of(key, drawing->band + query->count);
	drawing->bands = (struct bands){ drawing->band, drawing->band + query->count, (int64_t)query->count, (int64_t)key->count };
	return ERR_OK;
}

static enum err draw(struct drawing *drawing, int argc, char **argv, struct err_info *info)
{
	int64_t height, width;
	if (given.value_norms)
		input_wants_values();
	enum err err = input_open(&drawing->input, argc, argv, info);
	if (!err)
		err = picture_open(&drawing->picture, info);
	if (!err)
		err = set_scene(drawing, info);
	if (err)
		return err;
	err = set_bands(drawing, info);
	if (err)
		return err;
	const struct heatmap_scene dressed = picture_dressed(&drawing->scene);
	picture_cells_banded(&drawing->picture, &dressed, &drawing->bands, &height, &width);
	err = compute(drawing, height, width, info);
	if (err || !ranks_lead())
		return err;
	err = heatmap_text_caption(&drawing->text, &drawing->input, drawing->input.source->note, word_text(pool_words, given.pool), given.skip_first, drawing->top, &drawing->scene, info);
	return err ? err : picture_write_banded(&drawing->picture, &drawing->scene, &drawing->bands, drawing->text.source, info);
}

static enum err run_heatmap(int argc, char **argv)
{
	struct drawing drawing = { 0 };
	struct err_info info = { 0 };
	enum err err = draw(&drawing, argc, argv, &info);
	message_err_info(&info);
	for (int64_t i = 0; drawing.cell && i < drawing.scene.panel_count; i++)
		free(drawing.cell[i]);
	free(drawing.cell);
	free(drawing.panel);
	free(drawing.top);
	free(drawing.band);
	heatmap_text_release(&drawing.text);
	picture_release(&drawing.picture);
	input_release(&drawing.input);
	return err;
}

const struct command command_heatmap = {
	.name = "heatmap",
	.summary = "draw attention maps: one head, a grid of heads, layers x heads",
	.positional = "[FILE...]",
	.is_distributed = true,
	.draws = true,
	.examples = "attnviz heatmap q.npy k.npy --causal\n"
		    "attnviz heatmap dump.npz --layer 3 --head 5 -t tokens.txt -o map.png",
	.options = heatmap_options,
	.run = run_heatmap,
};
