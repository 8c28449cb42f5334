/* SPDX-License-Identifier: MIT */
/*
 * attnviz flash: the tiles of FlashAttention: which are computed whole, masked or skipped, how maximum and sum run over them, and a model of the memory traffic.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "analysis/pooled_map.h"
#include "analysis/tiling.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/record.h"
#include "commands/command.h"
#include "commands/heatmap_text.h"
#include "commands/inputs.h"
#include "commands/picture.h"
#include "commands/product.h"

/* Tiles of a picture: beyond this nobody sees one. */
enum { CELLS_MAX = 1 << 22 };

enum { DRAW_TILES, DRAW_MAXIMUM, DRAW_SUM };
static const struct word draw_words[] = {
	{ "tiles", DRAW_TILES }, { "maximum", DRAW_MAXIMUM }, { "sum", DRAW_SUM }, WORD_END,
};

static struct {
	int64_t block_rows, block_keys, sram, element;
	const char *trace, *target, *plot;
	int draw;
	bool json, tsv;
} given = { .block_rows = 64, .block_keys = 64 };

static const struct option_row tile_rows[] = {
	OPTION_INT(0, "block-rows", "N", &given.block_rows, 1, 1e9, "queries per tile, B_r (default 64)"),
	OPTION_INT(0, "block-keys", "N", &given.block_keys, 1, 1e9, "keys per tile, B_c (default 64)"),
	OPTION_INT(0, "sram", "BYTES", &given.sram, 1, 1e15, "choose both as FlashAttention 1 does for fast memory of this size"),
	OPTION_INT(0, "element-size", "BYTES", &given.element, 1, 16, "size of a number in slow memory (default: that of the queries)"),
	OPTION_STRING(0, "trace", "A:B", &given.trace, "running maximum and sum of the queries A to B - 1 after each key tile"),
	OPTION_END
};

static const struct option_row flash_output_rows[] = {
	OPTION_FLAG(0, "json", &given.json, "print JSON, one object per line"),
	OPTION_FLAG(0, "tsv", &given.tsv, "print tab-separated values with a header line"),
	OPTION_OUTPUT('o', "output", &given.target, "write the numbers to FILE (default -, standard output)"),
	OPTION_OUTPUT(0, "plot", &given.plot, "also draw a picture: .png, .svg, .pdf, .txt"),
	OPTION_CHOICE(0, "draw", "WHAT", &given.draw, draw_words, "draw the tiles, or the running maximum or sum of each query after each key tile"),
	OPTION_GROUP(NULL, picture_style_rows),
	OPTION_END
};

static const struct option_row flash_options[] = {
	OPTION_GROUP(NULL, input_rows),
	OPTION_GROUP("Tiles", tile_rows),
	OPTION_GROUP("Output", flash_output_rows),
	OPTION_GROUP("Colours", colour_rows),
	OPTION_END
};

enum { PLACE_COLUMNS = 3 };

struct tiles {
	struct input input;
	struct tiling tiling;
	int64_t dim, value_dim, element; /* element: bytes */
	struct output out;
	enum record_format format;
	struct record *record;
	double *score, *maximum, *sum;   /* of one row */
	struct picture picture;
	struct heatmap_scene scene;
	struct heatmap_text text;
	struct panel *panel;
	float *cell;
};

static void put_place(const struct tiles *tiles, int64_t map)
{
	int64_t layer, batch, head;
	source_map_id(tiles->input.source, map, &layer, &batch, &head);
	record_int(tiles->record, 0, tiles->input.layer_number[layer]);
	record_int(tiles->record, 1, batch);
	record_int(tiles->record, 2, head);
}

/* What is wide is told by the tensors, or where there are none of that role, by the other. */
static void find_sizes(struct tiles *tiles)
{
	const struct source *source = tiles->input.source;
	const struct mechanism_binding *query = mechanism_input_find(&tiles->input.args, "query");
	tiles->value_dim = source->values ? source->values->size[AXIS_DIM] : 0;
	tiles->dim = query && query->heads ? query->heads->size[AXIS_DIM] : tiles->value_dim;
	tiles->value_dim = tiles->value_dim ? tiles->value_dim : tiles->dim;
	tiles->element = given.element ? given.element : query ? (int64_t)dtype_size(query->tensor->dtype) : (int64_t)sizeof(float);
}

static enum err choose_tiling(struct tiles *tiles, struct err_info *info)
{
	tiles->tiling = (struct tiling){ given.block_rows, given.block_keys };
	if (!given.sram)
		return ERR_OK;
	int64_t elements = given.sram / tiles->element;
	if (!tiles->dim || elements < 4 * tiles->dim)
		return err_set(info, ERR_USAGE, "--sram %" PRId64 ": not one query, key, value and output of %" PRId64 " numbers fit", given.sram, tiles->dim);
	tiles->tiling.block_keys = (elements - 1) / (4 * tiles->dim) + 1;
	tiles->tiling.block_rows = tiles->tiling.block_keys < tiles->dim ? tiles->tiling.block_keys : tiles->dim;
	return ERR_OK;
}

static enum err open_record(struct tiles *tiles, const struct record_column *column, int count, struct err_info *info)
{
	tiles->record = record_new(tiles->format, column, count, &tiles->out);
	return tiles->record ? ERR_OK : err_nomem(info, "the report");
}

static enum err print_counts(struct tiles *tiles, struct err_info *info)
{
	static const struct record_column column[] = {
		{ "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT }, { "block_rows", RECORD_INT }, { "block_keys", RECORD_INT },
		{ "tiles", RECORD_INT }, { "full", RECORD_INT }, { "partial", RECORD_INT }, { "skipped", RECORD_INT }, { "rows_skipped", RECORD_INT },
		{ "model_standard", RECORD_REAL }, { "model_fa1", RECORD_REAL }, { "model_fa2", RECORD_REAL }, { "model_fa2_skip", RECORD_REAL },
		{ "peak_standard", RECORD_REAL }, { "peak_flash", RECORD_REAL },
	};
	const struct selection *selection = &tiles->input.selection;
	const struct source *source = tiles->input.source;
	enum err err = open_record(tiles, column, sizeof column / sizeof *column, info);
	for (int64_t i = 0; i < selection->maps && !err; i++) {
		struct tile_counts counts = tiling_count(source, selection->map[i], &tiles->tiling);
		struct traffic traffic = tiling_traffic(source, &tiles->tiling, &counts, tiles->dim, tiles->value_dim);
		const int64_t whole[] = { tiles->tiling.block_rows, tiles->tiling.block_keys, counts.tiles, counts.full, counts.partial, counts.skipped, counts.row_tiles_skipped };
		const double bytes[] = { traffic.standard, traffic.fa1, traffic.fa2, traffic.fa2_skipping, traffic.standard_peak, traffic.flash_peak };
		put_place(tiles, selection->map[i]);
		for (int k = 0; k < 7; k++)
			record_int(tiles->record, PLACE_COLUMNS + k, whole[k]);
		for (int k = 0; k < 6; k++)
			record_real(tiles->record, PLACE_COLUMNS + 7 + k, tiles->dim ? bytes[k] * (double)tiles->element : NAN);
		err = record_row(tiles->record);
	}
	return err;
}

static enum err trace_row(struct tiles *tiles, int64_t map, int64_t row, struct err_info *info)
{
	return tiling_trace(tiles->input.source, map, row, &tiles->tiling, tiles->score, tiles->maximum, tiles->sum, info);
}

static enum err print_trace(struct tiles *tiles, struct err_info *info)
{
	static const struct record_column column[] = {
		{ "layer", RECORD_INT }, { "batch", RECORD_INT }, { "head", RECORD_INT }, { "query", RECORD_INT }, { "key", RECORD_INT },
		{ "maximum", RECORD_REAL }, { "sum", RECORD_REAL }, { "lse", RECORD_REAL },
	};
	const struct selection *selection = &tiles->input.selection;
	int64_t begin, end, columns = tiling_columns(tiles->input.source, &tiles->tiling);
	enum err err = selection_span(given.trace, "trace", tiles->input.source->queries, &begin, &end, info);
	if (!err)
		err = open_record(tiles, column, sizeof column / sizeof *column, info);
	for (int64_t i = 0; i < selection->maps * (end - begin) && !err; i++) {
		int64_t map = selection->map[i / (end - begin)], row = begin + i % (end - begin);
		err = trace_row(tiles, map, row, info);
		for (int64_t k = 0; k < columns && !err; k++) {
			put_place(tiles, map);
			record_int(tiles->record, 3, row);
			record_int(tiles->record, 4, k * tiles->tiling.block_keys);
			record_real(tiles->record, 5, tiles->maximum[k]);
			record_real(tiles->record, 6, tiles->sum[k]);
			record_real(tiles->record, 7, tiles->maximum[k] + log(tiles->sum[k]));
			err = record_row(tiles->record);
		}
	}
	return err;
}

/* Tiles: 1 whole, 1/2 masked, blank skipped. */
static void fill_tiles(const struct tiles *tiles, int64_t map, float *cell, int64_t height, int64_t width)
{
	static const float shown[] = { [TILE_EMPTY] = NAN, [TILE_PARTIAL] = 0.5f, [TILE_FULL] = 1 };
	for (int64_t i = 0; i < height * width; i++)
		cell[i] = shown[tiling_coverage(tiles->input.source, map, &tiles->tiling, i / width, i % width)];
}

/* A row of the picture is one query: the first of those that fall into it. */
static enum err fill_traces(struct tiles *tiles, int64_t map, float *cell, int64_t height, int64_t width, struct err_info *info)
{
	enum err err = ERR_OK;
	for (int64_t i = 0; i < height && !err; i++) {
		err = trace_row(tiles, map, pooled_map_edge(i, height, tiles->input.source->queries), info);
		for (int64_t k = 0; k < width && !err; k++)
			cell[i * width + k] = tiles->sum[k] > 0 ? (float)(given.draw == DRAW_SUM ? log(tiles->sum[k]) : tiles->maximum[k]) : NAN;
	}
	return err;
}

static enum err set_scene(struct tiles *tiles, int64_t *height, int64_t *width, struct err_info *info)
{
	static const struct value_class classes[] = { { 1, "computed whole" }, { 0.5, "computed and masked" }, { NAN, "skipped" } };
	static const char *const units[] = { "tiles", "running maximum of the logits", "ln of the running sum" };
	const struct source *source = tiles->input.source;
	const struct labels *labels = &tiles->input.labels;
	struct heatmap_scene *scene = &tiles->scene;
	int64_t cell_height, cell_width;
	scene->panel_count = tiles->input.selection.maps;
	tiles->panel = mem_zero_array((size_t)scene->panel_count, sizeof *tiles->panel);
	if (!tiles->panel)
		return err_nomem(info, "the panels");
	scene->panel = tiles->panel;
	scene->rows = (struct axis_scale){ .title = "query", .count = source->queries, .label = labels->query };
	scene->keys = (struct axis_scale){ .title = "key", .count = source->keys, .label = labels->key };
	scene->colouring = picture_colouring(&tiles->picture, false, units[given.draw]);
	if (given.draw == DRAW_TILES) {
		scene->colouring.vmin = isnan(scene->colouring.vmin) ? 0 : scene->colouring.vmin;
		scene->colouring.vmax = isnan(scene->colouring.vmax) ? 1 : scene->colouring.vmax;
		scene->colouring.per_panel = false;
		scene->colouring.classes = classes;
		scene->colouring.class_count = sizeof classes / sizeof *classes;
	}
	scene->theme = tiles->picture.theme;
	picture_cells(&tiles->picture, scene, &cell_height, &cell_width);
	*width = tiling_columns(source, &tiles->tiling);
	*height = given.draw == DRAW_TILES ? tiling_rows(source, &tiles->tiling) : cell_height < source->queries ? cell_height : source->queries;
	int64_t cells;
	if (!mem_mul_i64(*height, *width, &cells) || !mem_mul_i64(cells, scene->panel_count, &cells) || cells > CELLS_MAX)
		return err_set(info, ERR_USAGE, "%" PRId64 " x %" PRId64 " tiles in %" PRId64 " maps are too many to see: choose heads, or larger --block-rows and --block-keys", *height,
			       *width, scene->panel_count);
	return heatmap_text_titles(&tiles->text, &tiles->input, NULL, tiles->picture.title, scene, tiles->panel, info);
}

static enum err draw(struct tiles *tiles, struct err_info *info)
{
	int64_t height = 0, width = 0;
	enum err err = picture_open_as(&tiles->picture, given.plot, info);
	if (!err)
		err = set_scene(tiles, &height, &width, info);
	if (err)
		return err;
	int64_t maps = tiles->scene.panel_count;
	tiles->cell = mem_array((size_t)(maps * height), (size_t)width * sizeof *tiles->cell);
	if (!tiles->cell)
		return err_nomem(info, "the picture");
	for (int64_t i = 0; i < maps && !err; i++) {
		float *cell = tiles->cell + i * height * width;
		tiles->panel[i].cell = cell;
		tiles->panel[i].height = height;
		tiles->panel[i].width = width;
		if (given.draw == DRAW_TILES)
			fill_tiles(tiles, tiles->input.selection.map[i], cell, height, width);
		else
			err = fill_traces(tiles, tiles->input.selection.map[i], cell, height, width, info);
	}
	if (!err)
		err = heatmap_text_caption(&tiles->text, &tiles->input, tiles->input.source->note, given.draw == DRAW_TILES ? "a tile" : "after a tile", 0, NULL, &tiles->scene, info);
	return err ? err : picture_write_heatmap(&tiles->picture, &tiles->scene, tiles->text.source, info);
}

static enum err make_room(struct tiles *tiles, struct err_info *info)
{
	size_t columns = (size_t)tiling_columns(tiles->input.source, &tiles->tiling);
	tiles->score = mem_array((size_t)tiles->input.source->keys, sizeof *tiles->score);
	tiles->maximum = mem_array(columns, sizeof *tiles->maximum);
	tiles->sum = mem_array(columns, sizeof *tiles->sum);
	return tiles->score && tiles->maximum && tiles->sum ? ERR_OK : err_nomem(info, "a row of logits");
}

static enum err work(struct tiles *tiles, int argc, char **argv, struct err_info *info)
{
	enum err err = product_numbers(given.target, given.json, given.tsv, "--plot draws them", &tiles->format, info);
	if (!err)
		err = input_open(&tiles->input, argc, argv, info);
	if (!err && tiles->input.args.position.sinks)
		err = err_set(info, ERR_USAGE, "--sink-logits: a sink joins the sum of a row after its last tile, and no tile changes: leave it out");
	if (err)
		return err;
	find_sizes(tiles);
	err = choose_tiling(tiles, info);
	if (!err)
		err = make_room(tiles, info);
	if (!err)
		err = output_open(&tiles->out, given.target ? given.target : "-", info);
	if (!err)
		err = given.trace ? print_trace(tiles, info) : print_counts(tiles, info);
	enum err end = record_end(tiles->record);
	err = err ? err : end;
	if (!err && given.plot)
		err = draw(tiles, info);
	if (err && info->code == ERR_OK && tiles->out.failed)
		*info = tiles->out.info;
	return err ? err : output_commit(&tiles->out, info);
}

static enum err run_flash(int argc, char **argv)
{
	struct tiles tiles = { 0 };
	struct err_info info = { 0 };
	enum err err = work(&tiles, argc, argv, &info);
	message_err_info(&info);
	output_release(&tiles.out);
	picture_release(&tiles.picture);
	heatmap_text_release(&tiles.text);
	free(tiles.panel);
	free(tiles.cell);
	free(tiles.score);
	free(tiles.maximum);
	free(tiles.sum);
	input_release(&tiles.input);
	return err;
}

const struct command command_flash = {
	.name = "flash",
	.summary = "show the tiles of FlashAttention: schedule, running maximum and sum, memory traffic",
	.positional = "[FILE...]",
	.examples = "attnviz flash q.npy k.npy --causal --block-rows 64 --block-keys 128\n"
		    "attnviz flash q.npy k.npy --causal --plot tiles.png",
	.options = flash_options,
	.run = run_flash,
};
