/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "render/cell_numbers.h"
#include "render/heatmap_layout.h"
#include "render/terminal.h"
#include "render/writer.h"

/* A scene with everything that drawing needs decided. */
struct prepared {
	const struct heatmap_scene *scene;
	const struct heatmap_extra *extra; /* may be NULL */
	struct heatmap_layout layout;
	struct value_range *range; /* one, or one for each panel */
	uint32_t table[COLOUR_STEPS];
	uint32_t *rgb;             /* of one panel */
};

static int64_t range_count(const struct heatmap_scene *scene)
{
	return scene->colouring.per_panel ? scene->panel_count : 1;
}

static const struct value_range *panel_range(const struct prepared *prepared, int64_t panel)
{
	return &prepared->range[range_count(prepared->scene) > 1 ? panel : 0];
}

static void draw_panel_title(const struct prepared *prepared, struct canvas *canvas, int64_t panel, struct box box)
{
	const struct heatmap_layout *layout = &prepared->layout;
	const struct theme_colours *colours = theme_colours(prepared->scene->theme);
	struct text_style style = { .size = SIZE_PANEL_TITLE * layout->figure.unit, .colour = colours->text };
	const char *title = prepared->scene->panel[panel].title;
	double y = box.y - layout->panel_title_dy, title_width = 0;
	struct strbuf text;

	strbuf_init(&text);
	if (title && layout->panel_title_dy > 0) {
		text_append_fitted(canvas->type, style.size, false, title, box.width, &text);
		title_width = text_width(canvas->type, style.size, false, text.buf);
		canvas_text(canvas, box.x, y, &style, text.buf);
	}
	strbuf_clear(&text);
	if (range_count(prepared->scene) > 1 && layout->panel_title_dy > 0 && !panel_range(prepared, panel)->empty) {
		char low[TICK_TEXT_MAX], high[TICK_TEXT_MAX];
		tick_text(low, sizeof low, panel_range(prepared, panel)->low);
		tick_text(high, sizeof high, panel_range(prepared, panel)->high);
		strbuf_addf(&text, "%s – %s", low, high);
		style = (struct text_style){ .size = SIZE_CAPTION * layout->figure.unit,
					     .align = TEXT_END,
					     .colour = colours->muted };
		if (title_width + text_width(canvas->type, style.size, false, text.buf) + style.size <= box.width)
			canvas_text(canvas, box.x + box.width, y, &style, text.buf);
	}
	strbuf_release(&text);
}

static void draw_panel(const struct prepared *prepared, struct canvas *canvas, int64_t index)
{
	const struct heatmap_layout *layout = &prepared->layout;
	const struct panel *panel = &prepared->scene->panel[index];
	const struct theme_colours *colours = theme_colours(prepared->scene->theme);
	struct box box = heatmap_layout_panel(layout, index);
	struct raster raster = { prepared->rgb, panel->height, panel->width, false,
				 (prepared->scene->panel_count - 1) * panel->height * panel->width };
	double above = prepared->extra ? ceil(prepared->extra->above * layout->figure.unit) : 0;

	if (prepared->extra && prepared->extra->paint) {
		prepared->extra->paint(canvas, layout, index, panel_range(prepared, index), prepared->extra->data);
	} else {
		value_range_colours(panel_range(prepared, index), prepared->table, colour_to_rgb(colours->no_value), panel->cell,
				    panel->height * panel->width, prepared->rgb);
		canvas_raster(canvas, box, &raster);
	}
	if (prepared->scene->numbers)
		cell_numbers_draw(panel, prepared->rgb, canvas, box, layout->figure.unit);
	canvas_frame(canvas, box, fmax(1, round(layout->figure.unit)), colours->frame);
	if (index % layout->columns == 0)
		axis_draw(&layout->queries, canvas, box.x, box.y, colours);
	if (prepared->scene->keys_on_top ? index < layout->columns : index + layout->columns >= prepared->scene->panel_count)
		axis_draw(&layout->keys, canvas, box.x, prepared->scene->keys_on_top ? box.y - above : box.y + box.height, colours);
	draw_panel_title(prepared, canvas, index, box);
}

static void draw_grid_titles(const struct prepared *prepared, struct canvas *canvas)
{
	const struct heatmap_scene *scene = prepared->scene;
	const struct heatmap_layout *layout = &prepared->layout;
	struct text_style style = { .size = SIZE_PANEL_TITLE * layout->figure.unit,
				    .align = TEXT_END,
				    .colour = theme_colours(scene->theme)->text };

	for (int64_t row = 0; scene->row_title && row < layout->rows; row++) {
		struct box box = heatmap_layout_panel(layout, row * layout->columns);
		canvas_text(canvas, layout->row_title_x, box.y + box.height / 2, &style, scene->row_title[row]);
	}
	style.align = TEXT_MIDDLE;
	for (int64_t column = 0; scene->column_title && column < layout->columns; column++) {
		struct box box = heatmap_layout_panel(layout, column);
		canvas_text(canvas, box.x + box.width / 2, layout->column_title_y, &style, scene->column_title[column]);
	}
	struct box last = heatmap_layout_panel(layout, layout->columns * layout->rows - 1);
	style.size = SIZE_AXIS_TITLE * layout->figure.unit;
	canvas_text(canvas, (layout->left + last.x + last.width) / 2, layout->column_axis_y, &style, scene->column_axis);
	style.angle = 90;
	canvas_text(canvas, layout->row_axis_x, (layout->top + last.y + last.height) / 2, &style, scene->row_axis);
}

static void draw_axis_titles(const struct prepared *prepared, struct canvas *canvas)
{
	const struct heatmap_scene *scene = prepared->scene;
	const struct heatmap_layout *layout = &prepared->layout;
	struct text_style style = { .size = SIZE_AXIS_TITLE * layout->figure.unit,
				    .align = TEXT_MIDDLE,
				    .colour = theme_colours(scene->theme)->text };
	struct box last = heatmap_layout_panel(layout, layout->columns * layout->rows - 1);

	if (!(layout->axis_title_x > 0) && !(layout->axis_title_y > 0))
		return;
	canvas_text(canvas, (layout->left + last.x + last.width) / 2, layout->axis_title_y, &style, scene->keys.title);
	style.angle = 90;
	canvas_text(canvas, layout->axis_title_x, (layout->top + last.y + last.height) / 2, &style, scene->rows.title);
}

static void draw_scene(struct canvas *canvas, const void *data)
{
	const struct prepared *prepared = data;
	const struct heatmap_scene *scene = prepared->scene;
	const struct heatmap_layout *layout = &prepared->layout;
	const struct theme_colours *colours = theme_colours(scene->theme);
	bool shared = range_count(scene) == 1;
	struct colour_bar bar = { shared ? prepared->range : NULL, &scene->colouring, layout->figure.unit, layout->bar_height };

	for (int64_t i = 0; i < scene->panel_count; i++)
		draw_panel(prepared, canvas, i);
	draw_grid_titles(prepared, canvas);
	draw_axis_titles(prepared, canvas);
	if (prepared->extra && prepared->extra->draw)
		prepared->extra->draw(canvas, layout, prepared->extra->data);
	if (layout->bar_height > 0)
		colour_bar_draw(&bar, canvas, layout->bar_x, layout->bar_y, colours);
	figure_draw(&layout->figure, canvas, layout->content_end);
}

static enum err check_scene(const struct heatmap_scene *scene, struct err_info *info)
{
	if (scene->panel_count < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: no head was chosen");
	for (int64_t i = 1; i < scene->panel_count; i++)
		if (scene->panel[i].height != scene->panel[0].height || scene->panel[i].width != scene->panel[0].width)
			return err_set(
				info, ERR_SHAPE,
				"the panels of one picture must have the same size (panel %lld has another): draw them apart",
				(long long)i);
	return ERR_OK;
}

static enum err init_ranges(struct prepared *prepared, struct err_info *info)
{
	const struct heatmap_scene *scene = prepared->scene;
	int64_t count = range_count(scene);

	prepared->range = mem_zero_array((size_t)count, sizeof *prepared->range);
	prepared->rgb = mem_array((size_t)(scene->panel[0].height * scene->panel[0].width), sizeof *prepared->rgb);
	if (!prepared->range || !prepared->rgb)
		return err_nomem(info, "the picture");
	colour_map_table(scene->colouring.map, scene->colouring.reverse, prepared->table);
	for (int64_t i = 0; i < count; i++) {
		enum err err = value_range_init(&prepared->range[i], &scene->colouring, &scene->panel[i],
						count == 1 ? scene->panel_count : 1, info);
		if (err)
			return err;
	}
	return ERR_OK;
}

static void release(struct prepared *prepared)
{
	for (int64_t i = 0; prepared->range && i < range_count(prepared->scene); i++)
		value_range_release(&prepared->range[i]);
	free(prepared->range);
	free(prepared->rgb);
	heatmap_layout_release(&prepared->layout);
}

static enum err write_prepared(struct prepared *prepared, const struct picture_request *request, struct err_info *info)
{
	const struct heatmap_scene *scene = prepared->scene;
	const struct value_range *range = range_count(scene) > 1 ? NULL : prepared->range;
	struct typesetter type;
	enum err err = typesetter_init(&type, writer_is_exact(request->format), info);

	if (!err)
		err = heatmap_layout_init(&prepared->layout, &type, scene, prepared->extra, request->page, range, true, info);
	if (!err)
		err = figure_write(&prepared->layout.figure, &type, request, draw_scene, prepared, info);
	typesetter_release(&type);
	return err;
}

static const struct terminal plain_terminal = { .colour = TERMINAL_ASCII, .columns = 100 };

enum err heatmap_write(const struct heatmap_scene *scene, const struct heatmap_extra *extra, const struct picture_request *request,
		       struct err_info *info)
{
	struct prepared prepared = { .scene = scene, .extra = extra };

	if (request->format == PICTURE_TEXT)
		return terminal_write_heatmap(scene, &plain_terminal, request->out, info);
	enum err err = check_scene(scene, info);
	if (!err)
		err = init_ranges(&prepared, info);
	if (!err)
		err = write_prepared(&prepared, request, info);
	release(&prepared);
	return err;
}

enum err scene_write(const struct heatmap_scene *scene, enum picture_format format, const struct page *page,
		     const struct provenance *provenance, int provenance_count, struct output *out, struct err_info *info)
{
	return heatmap_write(scene, NULL, &(struct picture_request){ format, page, provenance, provenance_count, out, NULL }, info);
}

void scene_cells(const struct heatmap_scene *scene, enum picture_format format, const struct page *page, int64_t *height,
		 int64_t *width)
{
	heatmap_cells(scene, NULL, format, page, height, width);
}

void heatmap_cells(const struct heatmap_scene *scene, const struct heatmap_extra *extra, enum picture_format format,
		   const struct page *page, int64_t *height, int64_t *width)
{
	struct heatmap_layout layout = { 0 };
	struct typesetter type;

	*height = 0;
	*width = 0;
	if (format == PICTURE_TEXT) {
		terminal_cells(scene, &plain_terminal, height, width);
		return;
	}
	enum err err = typesetter_init(&type, writer_is_exact(format), NULL);
	if (!err)
		err = heatmap_layout_init(&layout, &type, scene, extra, page, NULL, false, NULL);
	if (!err) {
		*height = layout.cells_high;
		*width = layout.cells_wide;
	} else if (err == ERR_NOMEM) {
		mem_lose(); /* the fonts' own memory too */
	}
	heatmap_layout_release(&layout);
	typesetter_release(&type);
	if (*height < 1 || *width < 1) {
		/* The page is too small, which scene_write will say. */
		*height = 1;
		*width = 1;
	}
}
