/* SPDX-License-Identifier: MIT */
/*
 * attnviz overlay: weights of a patch grid over the picture that the patches are of.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/rollout.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/strbuf.h"
#include "commands/command.h"
#include "commands/gather.h"
#include "commands/grid.h"
#include "commands/inputs.h"
#include "commands/inputs_describe.h"
#include "commands/picture.h"
#include "render/overlay.h"
#include "tensor/image.h"

enum { OVER_KEYS, OVER_QUERIES };
static const struct word over_words[] = { { "keys", OVER_KEYS }, { "queries", OVER_QUERIES }, WORD_END };
static const struct word interpolation_words[] = {
	{ "nearest", INTERPOLATE_NEAREST }, { "bilinear", INTERPOLATE_BILINEAR },
	{ "bicubic", INTERPOLATE_BICUBIC }, WORD_END,
};
static const struct word mass_words[] = { { "outline", MASS_OUTLINE }, { "dim", MASS_DIM }, WORD_END };

/* Panels on one sheet. */
enum { PANELS_MAX = 4096 };

static struct {
	const char *image, *grid, *patches, *of;
	int over, reduce, interpolation, mass_style;
	double opacity, mass;
	int64_t columns;
	bool rollout, solid, picture_first;
} given = { .opacity = 0.6 };

static const struct option_row overlay_rows[] = {
	OPTION_STRING(0, "image", "FILE", &given.image, "the picture, PNG or JPEG"),
	OPTION_STRING(0, "grid", "HxW", &given.grid, "patches down and across (default: square)"),
	OPTION_STRING(0, "patches", "A:B", &given.patches, "positions A to B - 1 are the patches (default: the last HxW)"),
	OPTION_CHOICE(0, "over", "AXIS", &given.over, over_words, "the patches are the keys, or the queries (text tokens as keys)"),
	OPTION_STRING(0, "of", "LIST", &given.of, "positions of the other axis, one panel each (default: [CLS] where there is one, else the mean of all)"),
	OPTION_CHOICE(0, "reduce", "HOW", &given.reduce, gather_reduce_words, "combine the heads of each layer into one panel (default none: one panel per head)"),
	OPTION_FLAG(0, "rollout", &given.rollout, "rollout through all layers instead of the weights of one"),
	OPTION_CHOICE(0, "interpolation", "HOW", &given.interpolation, interpolation_words, "interpolation between patch centres"),
	OPTION_REAL(0, "opacity", "X", &given.opacity, 0, 1, "opacity of the colours (default 0.6)"),
	OPTION_FLAG(0, "solid", &given.solid, "same opacity everywhere, also where there is little weight"),
	OPTION_REAL(0, "mass", "SHARE", &given.mass, 0, 1, "mark the smallest set of patches with this share of the weight (DINO: 0.6)"),
	OPTION_CHOICE(0, "mass-style", "STYLE", &given.mass_style, mass_words, "outline the patches of --mass, or dim the others"),
	OPTION_FLAG(0, "picture-first", &given.picture_first, "add a panel with the bare picture first"),
	OPTION_INT(0, "columns", "N", &given.columns, 0, 1000, "panels per row (default: nearly square)"),
	OPTION_END
};

static const struct option_row overlay_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Overlay", overlay_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_GROUP("Picture", picture_rows),
	OPTION_END
};

struct drawing {
	struct input input;
	struct picture picture;
	struct image image;
	int64_t patch_begin, height, width; /* on the patch axis */
	int64_t *of;
	size_t of_count;
	bool of_mean;   /* one panel: the mean over the other axis */
	float *weight;  /* [maps][rows][keys]: the queries row_begin .. row_begin + rows - 1, of which only those shown are needed */
	int64_t row_begin, rows;
	int64_t maps;   /* after the reduction; 1 of a rollout */
	float *cell;    /* [panels][height][width] */
	struct panel *panel;
	int64_t panels;
};

static int64_t patch_axis(const struct drawing *drawing)
{
	return given.over == OVER_KEYS ? drawing->input.source->keys : drawing->input.source->queries;
}

static int64_t other_axis(const struct drawing *drawing)
{
	return given.over == OVER_KEYS ? drawing->input.source->queries : drawing->input.source->keys;
}

static int64_t square_side(int64_t count)
{
	int64_t side = (int64_t)(sqrt((double)count) + 0.5);
	return side * side == count ? side : 0;
}

/* Without --grid the patches are a square; without --patches they are all positions, or all but a [CLS]. */
static enum err guess_square(struct drawing *drawing, int64_t positions, struct err_info *info)
{
	for (int64_t prefix = 0; prefix < 2 && prefix < positions; prefix++) {
		int64_t side = square_side(positions - prefix);
		if (side == 0 || (given.patches && prefix))
			continue;
		drawing->height = drawing->width = side;
		drawing->patch_begin += prefix;
		return ERR_OK;
	}
	return err_set(info, ERR_SHAPE, "%" PRId64 " positions are no square of patches, with or without a [CLS]: give --grid HxW", positions);
}

static enum err set_grid(struct drawing *drawing, struct err_info *info)
{
	int64_t end;
	const char *axis = word_text(over_words, given.over);
	enum err err = selection_span(given.patches, "patches", patch_axis(drawing), &drawing->patch_begin, &end, info);
	if (err)
		return err;
	int64_t positions = end - drawing->patch_begin;
	if (!given.grid)
		return guess_square(drawing, positions, info);
	err = grid_parse(given.grid, &drawing->height, &drawing->width, info);
	if (err)
		return err;
	int64_t patches = drawing->height * drawing->width;
	if (patches > positions || (given.patches && patches != positions))
		return err_set(info, ERR_SHAPE, "--grid %s has %" PRId64 " patches, but there are %" PRId64 " %s%s", given.grid, patches, positions, axis,
			       given.patches ? " in --patches" : "");
	drawing->patch_begin = end - patches;
	return ERR_OK;
}

static enum err set_others(struct drawing *drawing, struct err_info *info)
{
	const char *what = given.over == OVER_KEYS ? "query" : "key";
	bool has_cls = given.over == OVER_KEYS && drawing->patch_begin > 0 && drawing->input.source->is_square;
	drawing->of_mean = !given.of && !has_cls;
	if (drawing->of_mean)
		return options_range("all", what, other_axis(drawing), &drawing->of, &drawing->of_count, info);
	return options_range(given.of ? given.of : "0", what, other_axis(drawing), &drawing->of, &drawing->of_count, info);
}

/* The weight of patch `patch` for position `other` in map `map`. */
static float weight_at(const struct drawing *drawing, int64_t map, int64_t other, int64_t patch)
{
	const struct source *source = drawing->input.source;
	int64_t row = given.over == OVER_KEYS ? other : patch, key = given.over == OVER_KEYS ? patch : other;
	return drawing->weight[(map * drawing->rows + row - drawing->row_begin) * source->keys + key];
}

static enum err load_rollout(struct drawing *drawing, struct err_info *info)
{
	const struct input *input = &drawing->input;
	const struct source *source = input->source;
	struct rollout_request request = { .batch = input->selection.batch[0], .residual = 0.5, .driver = input_driver(input) };
	if (given.reduce)
		return err_set(info, ERR_USAGE, "--rollout goes through the mean of the heads of every layer: leave --reduce out");
	if ((int64_t)input->selection.layers != source->layers || (int64_t)input->selection.heads != source->heads)
		return err_set(info, ERR_USAGE, "--rollout goes through every layer and head: leave --layer and --head out");
	if (source->keys > 4096)
		return err_set(info, ERR_USAGE, "a rollout over %" PRId64 " positions is too much for a picture", source->keys);
	double *matrix = mem_array((size_t)source->keys, (size_t)source->keys * sizeof *matrix);
	drawing->weight = mem_array((size_t)source->keys, (size_t)source->keys * sizeof(float));
	enum err err = matrix && drawing->weight ? rollout_matrix(source, &request, matrix, info) : err_nomem(info, "the rollout");
	for (int64_t i = 0; !err && i < source->keys * source->keys; i++)
		drawing->weight[i] = (float)matrix[i];
	free(matrix);
	drawing->maps = 1;
	return err;
}

static enum err load_weights(struct drawing *drawing, struct err_info *info)
{
	const struct source *source = drawing->input.source;
	drawing->rows = source->queries;
	if (given.rollout)
		return load_rollout(drawing, info);
	if (given.over == OVER_KEYS) {
		drawing->row_begin = drawing->of[0];
		drawing->rows = drawing->of[drawing->of_count - 1] + 1 - drawing->row_begin;
	}
	enum err err = gather_maps(&drawing->input, "overlay", drawing->row_begin, drawing->row_begin + drawing->rows, 0, source->keys,
				   &drawing->weight, info);
	if (err)
		return err;
	drawing->maps = gather_reduced_maps(&drawing->input, (enum gather_reduce)given.reduce);
	gather_reduce(&drawing->input, drawing->weight, drawing->rows * source->keys, (enum gather_reduce)given.reduce);
	return ERR_OK;
}

static void fill_panel(struct drawing *drawing, int64_t map, const int64_t *of, size_t count, float *cell)
{
	int64_t patches = drawing->height * drawing->width;
	for (int64_t patch = 0; patch < patches; patch++) {
		double sum = 0;
		for (size_t i = 0; i < count; i++)
			sum += (double)weight_at(drawing, map, of[i], drawing->patch_begin + patch);
		cell[patch] = (float)(sum / (double)count);
	}
}

static char *panel_title(const struct drawing *drawing, int64_t map, int64_t other)
{
	const struct input *input = &drawing->input;
	const char *const *label = given.over == OVER_KEYS ? input->labels.query : input->labels.key;
	struct strbuf title;
	strbuf_init(&title);
	if (!given.rollout)
		gather_name(input, map, (enum gather_reduce)given.reduce, &title);
	if (other >= 0 && (drawing->of_count > 1 || title.len == 0)) {
		caption_join(&title);
		if (label)
			strbuf_addstr(&title, label[other]);
		else
			strbuf_addf(&title, "%s %" PRId64, given.over == OVER_KEYS ? "query" : "key", other);
	}
	return strbuf_detach(&title);
}

static enum err make_panels(struct drawing *drawing, struct err_info *info)
{
	int64_t each = drawing->of_mean ? 1 : (int64_t)drawing->of_count, patches = drawing->height * drawing->width;
	drawing->panels = drawing->maps * each;
	if (drawing->panels > PANELS_MAX)
		return err_set(info, ERR_USAGE, "%" PRId64 " panels are too many for one sheet (at most %d): choose fewer heads or positions",
			       drawing->panels, PANELS_MAX);
	drawing->panel = mem_zero_array((size_t)drawing->panels, sizeof *drawing->panel);
	drawing->cell = mem_array((size_t)drawing->panels, (size_t)patches * sizeof *drawing->cell);
	if (!drawing->panel || !drawing->cell)
		return err_nomem(info, "the panels");
	for (int64_t i = 0; i < drawing->panels; i++) {
		float *cell = drawing->cell + i * patches;
		int64_t map = i / each, *of = drawing->of + (drawing->of_mean ? 0 : i % each);
		fill_panel(drawing, map, of, drawing->of_mean ? drawing->of_count : 1, cell);
		drawing->panel[i] = (struct panel){ .cell = cell, .height = drawing->height, .width = drawing->width,
						    .title = panel_title(drawing, map, drawing->of_mean ? -1 : *of) };
		if (!drawing->panel[i].title)
			return err_nomem(info, "the titles");
	}
	return ERR_OK;
}

static void describe(const struct drawing *drawing, struct strbuf *caption)
{
	const struct input *input = &drawing->input;
	strbuf_addf(caption, "%" PRId64 " x %" PRId64 " patches", drawing->height, drawing->width);
	if (given.rollout)
		strbuf_addf(caption, ", rollout through %" PRId64 " layers", input->source->layers);
	else if (given.reduce && input->selection.heads > 1)
		strbuf_addf(caption, ", %s of %zu heads", word_text(gather_reduce_words, given.reduce), input->selection.heads);
	if (drawing->of_mean)
		strbuf_addf(caption, ", mean over all %s", given.over == OVER_KEYS ? "queries" : "keys");
	if (given.mass > 0)
		strbuf_addf(caption, ", marked: the patches with %g %% of the weight", 100 * given.mass);
	if (input->source->note[0])
		strbuf_addf(caption, ", %s", input->source->note);
}

/* Layers x heads stand as a heatmap has them: a row for each layer. */
static int64_t columns_of(const struct drawing *drawing)
{
	const struct selection *selection = &drawing->input.selection;
	bool grid = !given.columns && !given.rollout && !given.reduce && !given.picture_first && selection->layers > 1 && selection->heads > 1;
	return grid && drawing->panels == selection->maps ? (int64_t)selection->heads : given.columns;
}

/* The picture is of one batch item. */
static enum err check_item(const struct input *input, struct err_info *info)
{
	if (input->selection.batches == 1)
		return ERR_OK;
	return err_set(info, ERR_USAGE, "the picture is of one batch item: choose it of %zu with --batch", input->selection.batches);
}

static enum err write_scene(struct drawing *drawing, struct err_info *info)
{
	struct picture *picture = &drawing->picture;
	struct picture_order order;
	struct picture_words words;
	picture_words_init(&words, &drawing->input, given.rollout ? "mean" : given.reduce ? word_text(gather_reduce_words, given.reduce) : NULL);
	strbuf_addstr(&words.sizes, ", image ");
	describe_file(given.image, &words.sizes);
	describe(drawing, &words.caption);
	picture_order(&order, picture, words.sizes.buf, words.caption.buf);
	struct overlay_scene scene = {
		.rgba = drawing->image.rgba,
		.image_height = drawing->image.height,
		.image_width = drawing->image.width,
		.panel = drawing->panel,
		.panel_count = drawing->panels,
		.columns = columns_of(drawing),
		.picture_first = given.picture_first,
		.interpolation = (enum interpolation)given.interpolation,
		.opacity = given.opacity,
		.fade = !given.solid,
		.mass = given.mass,
		.mass_style = (enum mass_style)given.mass_style,
		.colouring = picture_colouring(picture, false, given.rollout ? "rollout" : "attention weight"),
		.title = picture->title ? picture->title : words.title.buf,
		.caption = words.caption.buf,
		.theme = picture->theme,
	};
	/* A photograph is no ground of one lightness: viridis differs from most of them at both ends. */
	if (!picture_colormap_given())
		scene.colouring.map = COLOUR_VIRIDIS;
	enum err err = picture->format == PICTURE_TEXT ? terminal_write_overlay(&scene, &picture->terminal, &picture->out, info)
						       : overlay_write(&scene, &order.request, info);
	picture_words_release(&words);
	return err ? err : output_commit(&picture->out, info);
}

static enum err draw(struct drawing *drawing, int argc, char **argv, struct err_info *info)
{
	if (!given.image)
		return err_set(info, ERR_USAGE, "an overlay needs a picture: --image FILE");
	enum err err = input_open(&drawing->input, argc, argv, info);
	if (!err)
		err = check_item(&drawing->input, info);
	if (!err)
		err = image_open(&drawing->image, given.image, info);
	if (!err)
		err = set_grid(drawing, info);
	if (!err)
		err = set_others(drawing, info);
	if (!err)
		err = picture_open(&drawing->picture, info);
	if (!err)
		err = load_weights(drawing, info);
	if (!err)
		err = make_panels(drawing, info);
	return err ? err : write_scene(drawing, info);
}

static enum err run_overlay(int argc, char **argv)
{
	struct drawing drawing = { 0 };
	struct err_info info = { 0 };
	enum err err = draw(&drawing, argc, argv, &info);
	message_err_info(&info);
	for (int64_t i = 0; drawing.panel && i < drawing.panels; i++)
		free((char *)drawing.panel[i].title);
	free(drawing.panel);
	free(drawing.cell);
	free(drawing.weight);
	free(drawing.of);
	image_release(&drawing.image);
	picture_release(&drawing.picture);
	input_release(&drawing.input);
	return err;
}

const struct command command_overlay = {
	.name = "overlay",
	.summary = "lay the weights of a patch grid over the picture",
	.positional = "[FILE...]",
	.draws = true,
	.examples = "attnviz overlay attn.npy --image photo.jpg --layer -1 -o overlay.png",
	.options = overlay_options,
	.run = run_overlay,
};
