/* SPDX-License-Identifier: MIT */
#include "commands/heatmap_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "commands/inputs_describe.h"
#include "commands/picture.h"

/* Grids of more rows or columns have numbers at their sides, and their meaning once. */
enum { NAMES_MAX = 16 };

/* Keys from the first on that it is sensible to leave out. */
enum { SKIPPED_MOST = 4 };

static void free_all(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

void heatmap_text_release(struct heatmap_text *text)
{
	free(text->title);
	free(text->caption);
	free(text->source);
	free_all(text->panel_title, text->panels);
	free_all(text->row_title, text->rows);
	free_all(text->column_title, text->columns);
	*text = (struct heatmap_text){ 0 };
}

/* "layer 3", "layer 3, item 1", "item 1": whatever there is more than one of, and a layer that the name numbers. */
static void add_place(struct strbuf *out, const struct input *input, int64_t layer, int64_t batch)
{
	if (input->layers_named || (input->has_layers && input->source->layers > 1)) {
		caption_join(out);
		strbuf_addf(out, "layer %" PRId64, input->layer_number[layer]);
	}
	if (input->source->batches > 1) {
		caption_join(out);
		strbuf_addf(out, "item %" PRId64, batch);
	}
}

/* The grid has a row for each (layer, batch item), and a column for each head. */
static void place_of_row(const struct input *input, int64_t row, int64_t *layer, int64_t *batch)
{
	const struct selection *selection = &input->selection;
	*layer = selection->layer[row / (int64_t)selection->batches];
	*batch = selection->batch[row % (int64_t)selection->batches];
}

static char *row_name(const struct input *input, int64_t row)
{
	struct strbuf out;
	int64_t layer, batch;
	strbuf_init(&out);
	place_of_row(input, row, &layer, &batch);
	add_place(&out, input, layer, batch);
	return strbuf_detach(&out);
}

/* The number of the layer alone, for grids whose numbers say once what they are. */
static char *row_number(const struct input *input, int64_t row)
{
	struct strbuf out;
	int64_t layer, batch;
	strbuf_init(&out);
	place_of_row(input, row, &layer, &batch);
	strbuf_addf(&out, "%" PRId64, input->selection.layers > 1 ? input->layer_number[layer] : batch);
	return strbuf_detach(&out);
}

static char *head_number(const struct input *input, size_t column)
{
	struct strbuf out;
	strbuf_init(&out);
	strbuf_addf(&out, "%" PRId64, input->selection.head[column]);
	return strbuf_detach(&out);
}

static char *head_name(const struct input *input, size_t column)
{
	struct strbuf out;
	strbuf_init(&out);
	strbuf_addf(&out, "head %" PRId64, input->selection.head[column]);
	return strbuf_detach(&out);
}

static bool all_there(char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!list[i])
			return false;
	return true;
}

/* Layers x heads: titles at the sides of the grid. */
static enum err title_sides(struct heatmap_text *text, const struct input *input, struct heatmap_scene *scene, struct err_info *info)
{
	text->columns = input->selection.heads;
	text->rows = input->selection.layers * input->selection.batches;
	text->row_title = mem_zero_array(text->rows, sizeof *text->row_title);
	text->column_title = mem_zero_array(text->columns, sizeof *text->column_title);
	if (!text->row_title || !text->column_title)
		return err_nomem(info, "the titles");
	bool many = text->rows > NAMES_MAX || text->columns > NAMES_MAX;
	bool by_number = many && (input->selection.layers == 1 || input->selection.batches == 1);
	for (size_t i = 0; i < text->rows; i++)
		text->row_title[i] = by_number ? row_number(input, (int64_t)i) : row_name(input, (int64_t)i);
	for (size_t i = 0; i < text->columns; i++)
		text->column_title[i] = many ? head_number(input, i) : head_name(input, i);
	scene->row_axis = !by_number ? NULL : input->selection.layers > 1 ? "layer" : "item";
	scene->column_axis = many ? "head" : NULL;
	if (!all_there(text->row_title, text->rows) || !all_there(text->column_title, text->columns))
		return err_nomem(info, "the titles");
	scene->columns = (int64_t)text->columns;
	scene->row_title = (const char *const *)text->row_title;
	scene->column_title = (const char *const *)text->column_title;
	return ERR_OK;
}

/* One kind of thing side by side: each panel says which. */
static enum err title_panels(struct heatmap_text *text, const struct input *input, bool heads, int64_t count, struct panel *panel, struct err_info *info)
{
	text->panels = (size_t)count;
	text->panel_title = mem_zero_array(text->panels, sizeof *text->panel_title);
	if (!text->panel_title)
		return err_nomem(info, "the titles");
	for (int64_t i = 0; i < count; i++) {
		text->panel_title[i] = heads ? head_name(input, (size_t)i) : row_name(input, i);
		panel[i].title = text->panel_title[i];
	}
	return all_there(text->panel_title, text->panels) ? ERR_OK : err_nomem(info, "the titles");
}

enum err heatmap_text_titles(struct heatmap_text *text, const struct input *input, const char *reduced, const char *title, struct heatmap_scene *scene,
			     struct panel *panel, struct err_info *info)
{
	int64_t rows = (int64_t)(input->selection.layers * input->selection.batches);
	bool several_heads = !reduced && input->selection.heads > 1;
	enum err err = ERR_OK;
	if (rows > 1 && several_heads)
		err = title_sides(text, input, scene, info);
	else if (scene->panel_count > 1)
		err = title_panels(text, input, several_heads, scene->panel_count, panel, info);
	if (err)
		return err;
	if (title) {
		scene->title = *title ? title : NULL;
		return ERR_OK;
	}
	struct strbuf shown;
	strbuf_init(&shown);
	input_describe_shown(input, reduced, &shown);
	text->title = strbuf_detach(&shown);
	scene->title = text->title;
	return text->title ? ERR_OK : err_nomem(info, "the title");
}

static int64_t cell_size(int64_t positions, int64_t cells)
{
	return (positions + cells - 1) / cells;
}

static void describe_cells(struct strbuf *out, const struct heatmap_scene *scene, const char *pooling)
{
	int64_t height = scene->panel[0].height, width = scene->panel[0].width;
	if (height >= scene->rows.count && width >= scene->keys.count)
		return;
	bool even = scene->rows.count % height == 0 && scene->keys.count % width == 0;
	caption_join(out);
	strbuf_addf(out, "each cell: %s of %s%" PRId64 " x %" PRId64 " weights", pooling, even ? "" : "up to ", cell_size(scene->rows.count, height),
		    cell_size(scene->keys.count, width));
}

/* The key that takes more than half of the weight in the most maps, the first of equals; *maps is 0 where there is none. */
static struct key_share greediest(const struct key_share *top, int64_t count, int64_t *maps)
{
	struct key_share most = { -1, 0 };
	*maps = 0;
	for (int64_t i = 0; i < count; i++) {
		int64_t same = 0;
		for (int64_t k = 0; top[i].share > 0.5 && k < count; k++)
			same += top[k].key == top[i].key && top[k].share > 0.5;
		if (same > *maps || (same == *maps && same && top[i].key < most.key)) {
			most = top[i];
			*maps = same;
		}
	}
	return most;
}

/* What a first key takes, --skip-first leaves out. */
static void describe_top(struct strbuf *out, const struct key_share *top, int64_t count)
{
	int64_t maps;
	if (!top)
		return;
	struct key_share most = greediest(top, count, &maps);
	if (!maps)
		return;
	caption_join(out);
	if (count == 1)
		strbuf_addf(out, "key %" PRId64 " takes %.0f %% of the weight", most.key, floor(100 * most.share));
	else
		strbuf_addf(out, "key %" PRId64 " takes more than half of the weight in %" PRId64 " of %" PRId64 " maps", most.key, maps, count);
	if (most.key < SKIPPED_MOST)
		strbuf_addf(out, " (--skip-first %" PRId64 " leaves it out)", most.key + 1);
}

enum err heatmap_text_caption(struct heatmap_text *text, const struct input *input, const char *note, const char *pooling, int64_t skip_first,
			      const struct key_share *top, struct heatmap_scene *scene, struct err_info *info)
{
	struct strbuf caption, source;
	strbuf_init(&caption);
	strbuf_init(&source);
	strbuf_addf(&caption, "%" PRId64 " queries x %" PRId64 " keys", scene->rows.count, scene->keys.count);
	if (*note)
		strbuf_addf(&caption, ", %s", note);
	if (skip_first == 1)
		strbuf_addstr(&caption, ", first key left out, rows renormalised");
	else if (skip_first > 1)
		strbuf_addf(&caption, ", first %" PRId64 " keys left out, rows renormalised", skip_first);
	describe_cells(&caption, scene, pooling);
	describe_top(&caption, top, input->selection.maps);
	enum err err = picture_settle_colouring(&scene->colouring, scene->panel, scene->panel_count, &caption, info);
	input_describe_sizes(input, &source);
	text->caption = strbuf_detach(&caption);
	text->source = strbuf_detach(&source);
	scene->caption = text->caption;
	return err ? err : text->caption && text->source ? ERR_OK : err_nomem(info, "the caption");
}
