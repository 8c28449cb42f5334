/* SPDX-License-Identifier: MIT */
#include "render/running_text.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "render/figure.h"
#include "render/value_range.h"

static const double body_size = 14, body_pitch = 1.75, token_pad = 1, token_least = 5, natural_width = 720, block_space = 14, bar_length = 200,
		    bar_thick = 10, bar_space = 14, bar_text = 4, frame_width = 1.6;
enum { BAR_TICKS = 5 };

/* A page with everything placed. */
struct flow {
	const struct running_text *scene;
	struct figure figure;
	struct value_range *range;
	uint32_t table[COLOUR_STEPS];
	double *width;        /* [count] of the tokens */
	struct point *place;  /* [count] left edge, and middle of the line, from the top of the block */
	double block_height;  /* of the lines */
	double title_height;  /* of a block's title */
	double content_end, bar_y;
};

static int64_t range_count(const struct running_text *scene)
{
	return scene->colouring.per_panel && scene->block_count > 1 ? scene->block_count : 1;
}

enum err running_text_ranges(const struct running_text *scene, struct value_range **range, struct err_info *info)
{
	int64_t count = range_count(scene);
	struct panel *panel = mem_array((size_t)scene->block_count, sizeof *panel);
	enum err err = ERR_OK;

	*range = mem_zero_array((size_t)count, sizeof **range);
	if (!panel || !*range) {
		free(panel);
		return err_nomem(info, "the text");
	}
	for (int64_t i = 0; i < scene->block_count; i++)
		panel[i] = (struct panel){ scene->block[i].value, 1, scene->count, NULL };
	for (int64_t i = 0; i < count && !err; i++)
		err = value_range_init(&(*range)[i], &scene->colouring, panel + i, count == 1 ? scene->block_count : 1, info);
	free(panel);
	return err;
}

void running_text_free_ranges(const struct running_text *scene, struct value_range *range)
{
	for (int64_t i = 0; range && i < range_count(scene); i++)
		value_range_release(&range[i]);
	free(range);
}

const struct value_range *running_text_range(const struct running_text *scene, const struct value_range *range, int64_t block)
{
	return &range[range_count(scene) > 1 ? block : 0];
}

/* Fill the lines; a word is not broken between its tokens where it fits on a line of its own. */
static void fill_lines(struct flow *flow, struct typesetter *type)
{
	const struct running_text *scene = flow->scene;
	double unit = flow->figure.unit, left = flow->figure.margin, right = flow->figure.width - left, pitch = body_size * body_pitch * unit;
	double space = text_width(type, body_size * unit, false, " "), x = left, y = pitch / 2;

	for (int64_t i = 0, end; i < scene->count; i = end) {
		double word = 0;
		for (end = i; end < scene->count && (end == i || !(scene->token[end].space || scene->token[end - 1].ends_line)); end++)
			word += flow->width[end];
		x += scene->token[i].space && x > left ? space : 0;
		bool whole = x + word <= right || word > right - left;
		if (!whole && x > left) {
			x = left;
			y += pitch;
		}
		for (int64_t k = i; k < end; k++) {
			if (x + flow->width[k] > right && x > left) {
				x = left;
				y += pitch;
			}
			flow->place[k] = (struct point){ x, y };
			x += flow->width[k];
			if (scene->token[k].ends_line && k + 1 < scene->count) {
				x = left;
				y += pitch;
			}
		}
	}
	flow->block_height = y + pitch / 2;
}

static bool has_titles(const struct running_text *scene)
{
	for (int64_t i = 0; i < scene->block_count; i++)
		if (scene->block[i].title && *scene->block[i].title)
			return true;
	return false;
}

static enum err plan(struct flow *flow, struct typesetter *type, const struct page *page, struct err_info *info)
{
	const struct running_text *scene = flow->scene;
	struct figure *figure = &flow->figure;
	double unit = figure->unit;

	figure->width = page->width ? page->width : round(natural_width * unit);
	enum err err = figure_wrap(figure, type, scene->title, scene->caption, info);
	if (err)
		return err;
	flow->width = mem_array((size_t)scene->count, sizeof *flow->width);
	flow->place = mem_array((size_t)scene->count, sizeof *flow->place);
	if (!flow->width || !flow->place)
		return err_nomem(info, "the text");
	for (int64_t i = 0; i < scene->count; i++)
		flow->width[i] = fmax(text_width(type, body_size * unit, false, scene->token[i].text), token_least * unit) + 2 * token_pad * unit;
	fill_lines(flow, type);
	flow->title_height = has_titles(scene) ? text_line_height(SIZE_PANEL_TITLE * unit) * 1.2 : 0;
	double blocks = (double)scene->block_count * (flow->block_height + flow->title_height) + (double)(scene->block_count - 1) * block_space * unit;
	flow->bar_y = round(figure_above(figure) + blocks + bar_space * unit);
	flow->content_end = flow->bar_y + (bar_thick + bar_text) * unit + text_line_height(SIZE_LABEL * unit);
	double need = ceil(flow->content_end + figure_below(figure));
	if (page->height && page->height < need)
		return err_set(info, ERR_USAGE, "a page of %.0f x %d pixels has no room for the text, which needs %.0f lines of pixels: choose a larger size", figure->width,
			       page->height, need);
	figure->height = page->height ? page->height : need;
	return ERR_OK;
}

static void draw_token(const struct flow *flow, struct canvas *canvas, int64_t block, int64_t i, double top)
{
	const struct running_text *scene = flow->scene;
	double unit = flow->figure.unit, high = round(body_size * 1.4 * unit), size = body_size * unit;
	double place = value_range_unit(running_text_range(scene, flow->range, block), scene->block[block].value[i]);
	struct box box = { flow->place[i].x, round(top + flow->place[i].y - high / 2), flow->width[i], high };
	struct text_style style = { .size = size, .align = TEXT_MIDDLE, .colour = flow->figure.colours->muted };

	if (!isnan(place)) {
		struct colour ground = colour_from_rgb(flow->table[(int)(place * (COLOUR_STEPS - 1) + 0.5)]);
		canvas_rectangle(canvas, box.x, box.y, box.width, box.height, ground);
		style.colour = colour_from_rgb(colour_luminance(ground) > 0.22 ? 0x111418 : 0xffffff);
	}
	canvas_text(canvas, box.x + box.width / 2, top + flow->place[i].y, &style, scene->token[i].text);
	if (i == scene->marked)
		canvas_frame(canvas, (struct box){ box.x + frame_width * unit, box.y + frame_width * unit, box.width - 2 * frame_width * unit,
						   box.height - 2 * frame_width * unit },
			     fmax(1, round(frame_width * unit)), flow->figure.colours->text);
}

/* A lying bar: the text is wide and may be a single line high. */
static void draw_bar(const struct flow *flow, struct canvas *canvas)
{
	const struct running_text *scene = flow->scene;
	double unit = flow->figure.unit, line = fmax(1, round(unit)), x = flow->figure.margin, length = fmin(bar_length * unit, flow->figure.width - 2 * x);
	struct box box = { x, flow->bar_y, round(length), round(bar_thick * unit) };
	struct text_style label = { .size = SIZE_LABEL * unit, .align = TEXT_MIDDLE, .colour = flow->figure.colours->text };
	struct ticks ticks = { .count = 0 };
	double place[TICKS_MAX], free_from = 0, text_y = box.y + box.height + bar_text * unit + label.size / 2;

	canvas_raster(canvas, box, &(struct raster){ .rgb = flow->table, .height = 1, .width = COLOUR_STEPS });
	canvas_frame(canvas, box, line, flow->figure.colours->frame);
	if (range_count(scene) == 1)
		value_range_ticks(flow->range, BAR_TICKS, &ticks, place);
	for (int i = 0; i < ticks.count; i++) {
		double at = x + place[i] * box.width, half = text_width(canvas->type, label.size, false, ticks.text[i]) / 2;
		double left = fmax(at - half, x);
		if (left < free_from)
			continue;
		free_from = left + 2 * half + label.size * 0.6;
		canvas_rectangle(canvas, round(at - line / 2), box.y + box.height, line, round(3 * unit), flow->figure.colours->frame);
		canvas_text(canvas, left + half, text_y, &label, ticks.text[i]);
	}
	label.align = TEXT_START;
	if (range_count(scene) > 1)
		canvas_text(canvas, x, text_y, &label, "low to high, by block");
	canvas_text(canvas, box.x + box.width + 10 * unit, box.y + box.height / 2, &label, scene->colouring.unit);
}

static void draw_flow(struct canvas *canvas, const void *data)
{
	const struct flow *flow = data;
	double unit = flow->figure.unit, top = figure_above(&flow->figure);
	struct text_style title = { .size = SIZE_PANEL_TITLE * unit, .colour = flow->figure.colours->muted };

	for (int64_t block = 0; block < flow->scene->block_count; block++) {
		if (flow->title_height > 0)
			canvas_text(canvas, flow->figure.margin, top + flow->title_height / 2, &title, flow->scene->block[block].title);
		top += flow->title_height;
		for (int64_t i = 0; i < flow->scene->count; i++)
			draw_token(flow, canvas, block, i, top);
		top += flow->block_height + block_space * unit;
	}
	draw_bar(flow, canvas);
	figure_draw(&flow->figure, canvas, flow->content_end);
}

enum err running_text_write(const struct running_text *scene, const struct picture_request *request, struct err_info *info)
{
	static const struct terminal plain = { .colour = TERMINAL_ASCII, .columns = 100 };
	struct flow flow = { .scene = scene };
	struct typesetter type;

	if (scene->count < 1 || scene->block_count < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: no tokens");
	if (request->format == PICTURE_TEXT)
		return terminal_write_running_text(scene, &plain, request->out, info);
	if (request->format == PICTURE_HTML)
		return html_write_running_text(scene, request, info);
	figure_init(&flow.figure, request->page, scene->theme);
	colour_map_table(scene->colouring.map, scene->colouring.reverse, flow.table);
	enum err err = typesetter_init(&type, writer_is_exact(request->format), info);
	if (!err)
		err = running_text_ranges(scene, &flow.range, info);
	if (!err)
		err = plan(&flow, &type, request->page, info);
	if (!err)
		err = figure_write(&flow.figure, &type, request, draw_flow, &flow, info);
	typesetter_release(&type);
	figure_release(&flow.figure);
	running_text_free_ranges(scene, flow.range);
	free(flow.width);
	free(flow.place);
	return err;
}
