/* SPDX-License-Identifier: MIT */
#include "render/terminal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "render/cell_numbers.h"
#include "render/terminal_ink.h"
#include "render/terminal_plan.h"
#include "render/terminal_text.h"
#include "render/ticks.h"
#include "render/value_range.h"

enum { LEGEND_COLUMNS = 32, SHORT_BODY = 12 };

static bool has_one_range(const struct heatmap_scene *scene)
{
	return !scene->colouring.per_panel || scene->panel_count == 1;
}

struct text_map {
	struct terminal_plan plan;
	struct terminal_ink ink;
	struct value_range *range; /* one, or one for each panel */
};

static int64_t first_position(const struct axis_scale *scale, int64_t cells, int64_t cell)
{
	return scale->first + cell * scale->count / cells;
}

/* The multiple of `step` that lies in this cell, or -1. */
static int64_t tick_in_cell(const struct axis_scale *scale, int64_t cells, int64_t cell, int64_t cells_together, int64_t step)
{
	int64_t end_cell = cell + cells_together < cells ? cell + cells_together : cells;
	int64_t from = first_position(scale, cells, cell), to = first_position(scale, cells, end_cell);
	int64_t tick = (from + step - 1) / step * step;

	return tick < to ? tick : -1;
}

static void add_query_label(const struct terminal_plan *plan, struct strbuf *line, int64_t body_line)
{
	const struct axis_scale *scale = &plan->scene->rows;
	int64_t together = plan->half ? 2 : 1, cell = body_line * together;
	char number[32] = "";

	if (plan->query_tokens) {
		terminal_text_padded(line, scale->label[cell], plan->label_columns - 1, true);
	} else {
		int64_t step = ticks_position_step(scale->count,
						   plan->body_lines <= SHORT_BODY ? plan->body_lines : plan->body_lines / 3 + 1);
		int64_t tick = tick_in_cell(scale, plan->cells_high, cell, together, step);
		if (tick >= 0)
			snprintf(number, sizeof number, "%lld", (long long)tick);
		terminal_text_padded(line, number, plan->label_columns - 1, true);
	}
	strbuf_addch(line, ' ');
}

static void add_number(struct text_map *map, struct strbuf *line, const struct panel *panel, int64_t cell, double unit)
{
	char text[TICK_TEXT_MAX] = "";

	if (!isnan(panel->cell[cell]))
		cell_number_text(text, sizeof text, panel->cell[cell], map->plan.decimals);
	if (!map->plan.terminal->unicode)
		tick_text_to_ascii(text);
	terminal_ink_number(&map->ink, line, unit, text, map->plan.cell_columns);
}

static void add_body(struct text_map *map, struct strbuf *line, int64_t index, int64_t body_line)
{
	const struct panel *panel = &map->plan.scene->panel[index];
	const struct value_range *range = &map->range[has_one_range(map->plan.scene) ? 0 : index];

	add_query_label(&map->plan, line, body_line);
	for (int64_t column = 0; column < panel->width; column++) {
		int64_t row = map->plan.half ? 2 * body_line : body_line;
		double unit = value_range_unit(range, panel->cell[row * panel->width + column]);
		double below = NAN;
		if (map->plan.half && row + 1 < panel->height)
			below = value_range_unit(range, panel->cell[(row + 1) * panel->width + column]);
		if (map->plan.half)
			terminal_ink_halves(&map->ink, line, unit, below);
		else if (map->plan.numbers)
			add_number(map, line, panel, row * panel->width + column, unit);
		else
			terminal_ink_cell(&map->ink, line, unit);
	}
	terminal_ink_reset(&map->ink, line);
}

/* Numbers under the columns where round positions lie. */
static void add_key_numbers(const struct terminal_plan *plan, struct strbuf *line)
{
	const struct axis_scale *scale = &plan->scene->keys;
	int64_t columns = plan->cells_wide * plan->cell_columns, used = 0;
	int digits = terminal_plan_digits(scale);
	int64_t step = ticks_position_step(scale->count, columns / (digits + (digits > 1 ? 3 : 1)));

	terminal_text_spaces(line, plan->label_columns);
	for (int64_t cell = 0; cell < plan->cells_wide; cell++) {
		int64_t tick = tick_in_cell(scale, plan->cells_wide, cell, 1, step), at = cell * plan->cell_columns;
		char text[32];
		int width = tick < 0 ? 0 : snprintf(text, sizeof text, "%lld", (long long)tick);
		if (plan->numbers)
			at += plan->cell_columns - width;
		if (!width || at < used || at + width > columns)
			continue;
		terminal_text_spaces(line, at - used);
		strbuf_addstr(line, text);
		used = at + width;
	}
	terminal_text_spaces(line, columns - used);
}

/* The `index`-th character of the text, marks included, or spaces: `room` columns in all. */
static void add_character(struct strbuf *line, const char *text, int index, int room)
{
	struct strbuf visible;
	int width = 0;

	strbuf_init(&visible);
	utf8_append_visible(&visible, text, strlen(text));
	const char *p = visible.buf;
	for (size_t left = visible.len, taken; left && index >= 0; p += taken, left -= taken) {
		int32_t code;
		taken = utf8_decode(p, left, &code);
		int columns = utf8_width(code);
		index -= columns > 0;
		if (index == -1) {
			strbuf_add(line, p, taken);
			width += columns > 0 ? columns : 0;
		}
	}
	terminal_text_spaces(line, room - width);
	strbuf_release(&visible);
}

static void add_key_line(const struct terminal_plan *plan, struct strbuf *line, int key_line)
{
	if (!plan->key_tokens) {
		add_key_numbers(plan, line);
		return;
	}
	terminal_text_spaces(line, plan->label_columns);
	for (int64_t i = 0; i < plan->cells_wide; i++)
		add_character(line, plan->scene->keys.label[i], key_line, plan->cell_columns);
}

/* The title of a panel, which may stand at the sides of the grid: "layer 3, head 5". */
static void add_panel_title(const struct terminal_plan *plan, struct strbuf *line, int64_t panel)
{
	const struct heatmap_scene *scene = plan->scene;
	int64_t columns = scene->columns > 0 ? scene->columns : 1;
	struct strbuf title;

	strbuf_init(&title);
	if (scene->panel[panel].title) {
		strbuf_addstr(&title, scene->panel[panel].title);
	} else if (scene->row_title && scene->column_title) {
		strbuf_addf(&title, "%s%s%s, %s%s%s", scene->row_axis ? scene->row_axis : "", scene->row_axis ? " " : "", scene->row_title[panel / columns],
			    scene->column_axis ? scene->column_axis : "", scene->column_axis ? " " : "", scene->column_title[panel % columns]);
	}
	terminal_text_spaces(line, plan->label_columns);
	terminal_text_padded(line, title.buf, plan->panel_columns - plan->label_columns, false);
	line->failed = line->failed || strbuf_failed(&title);
	strbuf_release(&title);
}

/* Panels first .. first + across - 1, side by side. */
static void add_band(struct text_map *map, struct strbuf *text, int64_t first)
{
	int64_t end =
		first + map->plan.across < map->plan.scene->panel_count ? first + map->plan.across : map->plan.scene->panel_count;
	int64_t lines = 1 + map->plan.body_lines + map->plan.key_lines;

	for (int64_t line = 0; line < lines; line++) {
		bool titled = false;
		for (int64_t i = first; i < end; i++)
			titled |= map->plan.scene->panel[i].title || map->plan.scene->row_title;
		if (line == 0 && !titled)
			continue;
		for (int64_t i = first; i < end; i++) {
			if (i > first)
				terminal_text_spaces(text, TERMINAL_GAP);
			if (line == 0) {
				add_panel_title(&map->plan, text, i);
			} else if (line <= map->plan.body_lines) {
				add_body(map, text, i, line - 1);
			} else {
				add_key_line(&map->plan, text, (int)(line - 1 - map->plan.body_lines));
			}
			if (line > 0)
				terminal_text_spaces(text, map->plan.panel_columns - map->plan.label_columns - map->plan.cell_area);
		}
		terminal_text_end_line(text);
	}
}

static void add_classes(struct text_map *map, struct strbuf *text)
{
	const struct colouring *colouring = &map->plan.scene->colouring;

	for (int i = 0; i < colouring->class_count; i++) {
		strbuf_addstr(text, i ? "   " : "");
		terminal_ink_cell(&map->ink, text, value_range_unit(map->range, colouring->classes[i].value));
		terminal_ink_reset(&map->ink, text);
		strbuf_addf(text, " %s", colouring->classes[i].name);
	}
	strbuf_addch(text, '\n');
}

static void add_legend(struct text_map *map, struct strbuf *text)
{
	static const char *const scale_names[] = { [SCALE_LINEAR] = "",
						   [SCALE_LOG] = ", log scale",
						   [SCALE_SQRT] = ", square root scale",
						   [SCALE_RANK] = ", rank scale",
						   [SCALE_AUTO] = "" };
	const struct colouring *colouring = &map->plan.scene->colouring;
	char low[TICK_TEXT_MAX] = "low", high[TICK_TEXT_MAX] = "high";
	if (colouring->no_bar)
		return;
	if (colouring->classes && has_one_range(map->plan.scene)) {
		add_classes(map, text);
		return;
	}
	int columns = map->plan.terminal->columns < 2 * LEGEND_COLUMNS ? LEGEND_COLUMNS / 2 : LEGEND_COLUMNS;

	if (has_one_range(map->plan.scene) && map->range->scale == SCALE_RANK) {
		tick_text(low, sizeof low, map->range->quantile[0]);
		tick_text(high, sizeof high, map->range->quantile[RANK_TICKS - 1]);
	} else if (has_one_range(map->plan.scene)) {
		tick_text(low, sizeof low, map->range->low);
		tick_text(high, sizeof high, map->range->high);
	}
	if (!map->plan.terminal->unicode) {
		tick_text_to_ascii(low);
		tick_text_to_ascii(high);
	}
	strbuf_addf(text, "%s ", low);
	for (int i = 0; i < columns / 2; i++)
		terminal_ink_cell(&map->ink, text, (double)i / (columns / 2 - 1));
	terminal_ink_reset(&map->ink, text);
	strbuf_addf(text, " %s", high);
	if (colouring->unit)
		strbuf_addf(text, "  %s%s", colouring->unit, scale_names[colouring->scale]);
	strbuf_addch(text, '\n');
}

static enum err print(struct text_map *map, struct output *out, struct err_info *info)
{
	const struct heatmap_scene *scene = map->plan.scene;
	struct strbuf text;

	strbuf_init(&text);
	terminal_text_wrapped(&text, scene->title, map->plan.terminal->columns);
	for (int64_t first = 0; first < scene->panel_count; first += map->plan.across)
		add_band(map, &text, first);
	add_legend(map, &text);
	terminal_text_wrapped(&text, scene->caption, map->plan.terminal->columns);
	return terminal_text_print(&text, out, info);
}

enum err terminal_write_heatmap(const struct heatmap_scene *scene, const struct terminal *terminal, struct output *out,
				struct err_info *info)
{
	struct text_map map;
	int64_t ranges = has_one_range(scene) ? 1 : scene->panel_count;
	enum err err = ERR_OK;

	if (scene->panel_count < 1 || scene->panel[0].height < 1 || scene->panel[0].width < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: the map is empty");
	terminal_plan_init(&map.plan, scene, terminal);
	terminal_ink_init(&map.ink, terminal, &scene->colouring);
	map.range = mem_zero_array((size_t)ranges, sizeof *map.range);
	if (!map.range)
		return err_nomem(info, "the picture");
	for (int64_t i = 0; i < ranges && !err; i++)
		err = value_range_init(&map.range[i], &scene->colouring, &scene->panel[i], ranges == 1 ? scene->panel_count : 1,
				       info);
	if (!err)
		err = print(&map, out, info);
	for (int64_t i = 0; i < ranges; i++)
		value_range_release(&map.range[i]);
	free(map.range);
	return err;
}
