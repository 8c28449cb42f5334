/* SPDX-License-Identifier: MIT */
#include "render/terminal_plan.h"

#include <stdio.h>

#include "base/utf8.h"
#include "render/cell_numbers.h"
#include "render/ticks.h"

enum {
	LABEL_COLUMNS_MAX = 14,
	KEY_LINES_MAX = 8,
	PANEL_COLUMNS_LEAST = 28,
	KEY_LINES_LEAST = 3,
	ROWS_LEAST = 4,
	TITLE_COLUMNS = 14,
	TITLE_COLUMNS_GRID = 17 /* "layer 12, head 12" */
};

static int token_columns(const struct axis_scale *scale, int most)
{
	int widest = 0;

	for (int64_t i = 0; i < scale->count; i++) {
		int width = utf8_text_width(scale->label[i]);
		widest = width > widest ? width : widest;
	}
	return widest < most ? widest : most;
}

int terminal_plan_digits(const struct axis_scale *scale)
{
	return snprintf(NULL, 0, "%lld", (long long)(scale->first + scale->count - 1));
}

static bool can_half(const struct terminal *terminal)
{
	return terminal->unicode && terminal->colour != TERMINAL_ASCII;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Lines of the window that the cells and the labels of the keys do not have: title, titles of panels, legend, a caption that is not known yet, and the prompt. */
static int64_t lines_around(const struct terminal_plan *plan)
{
	int columns = plan->terminal->columns > 1 ? plan->terminal->columns : 1;
	int64_t title = plan->scene->title ? (utf8_text_width(plan->scene->title) + columns - 1) / columns : 0;

	return title + (plan->scene->panel_count > 1) + 1 + (columns < 110 ? 3 : 2) + 1;
}

/* Columns and lines that the cells of one panel may take: with the labels of the keys, as they are now, it fits the window. */
static void panel_room(const struct terminal_plan *plan, int *columns, int64_t *lines)
{
	int share = (plan->terminal->columns - (plan->across - 1) * TERMINAL_GAP) / plan->across - plan->label_columns;

	*columns = share > 2 ? share : 2;
	*lines = INT64_MAX / 8;
	if (plan->terminal->rows > 0) {
		int64_t room = plan->terminal->rows - lines_around(plan) - smaller(plan->key_lines, KEY_LINES_LEAST);
		*lines = room > ROWS_LEAST ? room : ROWS_LEAST;
	}
}

/* Positions that share a cell. */
static int64_t group_size(int64_t positions, int64_t most)
{
	return most < 1 || positions < 1 ? 1 : (positions + most - 1) / most;
}

/* Columns of a cell with its number and a space, or 0 where they are not printed. */
static int number_cell_columns(struct terminal_plan *plan)
{
	int widest = 0;

	plan->decimals = cell_numbers_decimals(&plan->scene->panel[0]);
	for (int64_t p = 0; plan->scene->numbers && p < plan->scene->panel_count; p++) {
		const struct panel *panel = &plan->scene->panel[p];
		for (int64_t i = 0; i < panel->height * panel->width; i++) {
			char text[TICK_TEXT_MAX];
			cell_number_text(text, sizeof text, panel->cell[i], plan->decimals);
			int columns = utf8_text_width(text) + 1;
			widest = columns > widest ? columns : widest;
		}
	}
	return widest;
}

static void choose_labels(struct terminal_plan *plan)
{
	const struct heatmap_scene *scene = plan->scene;
	bool alone = scene->panel_count == 1;

	plan->query_tokens = alone && scene->rows.label && plan->cells_high == scene->rows.count;
	plan->key_tokens = alone && !plan->half && scene->keys.label && plan->cells_wide == scene->keys.count;
	plan->label_columns =
		1 + (plan->query_tokens ? token_columns(&scene->rows, LABEL_COLUMNS_MAX) : terminal_plan_digits(&scene->rows));
	plan->key_lines = plan->key_tokens ? token_columns(&scene->keys, KEY_LINES_MAX) : 1;
	/* Labels of the keys are cut where the window is low. */
	int64_t left = plan->terminal->rows - lines_around(plan) - plan->cells_high;
	if (plan->terminal->rows > 0 && plan->key_lines > left)
		plan->key_lines = (int)(left > smaller(plan->key_lines, KEY_LINES_LEAST) ? left : smaller(plan->key_lines, KEY_LINES_LEAST));
}

void terminal_plan_cells(struct terminal_plan *plan, const struct heatmap_scene *scene, const struct terminal *terminal,
			 int64_t high, int64_t wide)
{
	*plan = (struct terminal_plan){ .scene = scene, .terminal = terminal, .cells_high = high, .cells_wide = wide };
	int columns;
	int64_t lines, fits = (terminal->columns + TERMINAL_GAP) / (PANEL_COLUMNS_LEAST + TERMINAL_GAP);
	plan->across = (int)smaller(scene->panel_count, fits > 1 ? fits : 1);
	choose_labels(plan);
	panel_room(plan, &columns, &lines);
	plan->half = can_half(terminal) && (wide * 2 > columns || high > lines);
	choose_labels(plan);
	panel_room(plan, &columns, &lines);
	plan->cell_columns = plan->half ? 1 : 2;
	int64_t group_wide = group_size(wide, columns / plan->cell_columns),
		group_high = group_size(high, lines * (plan->half ? 2 : 1));
	if (wide <= 3 * high && high <= 3 * wide)
		group_wide = group_high = group_wide > group_high ? group_wide : group_high;
	plan->cells_wide = (wide + group_wide - 1) / group_wide;
	plan->cells_high = (high + group_high - 1) / group_high;
}

void terminal_plan_init(struct terminal_plan *plan, const struct heatmap_scene *scene, const struct terminal *terminal)
{
	terminal_plan_cells(plan, scene, terminal, scene->panel[0].height, scene->panel[0].width);
	plan->cells_high = scene->panel[0].height;
	plan->cells_wide = scene->panel[0].width;
	int needed = number_cell_columns(plan);
	choose_labels(plan);
	if (needed && plan->label_columns + plan->cells_wide * needed <= plan->terminal->columns) {
		plan->numbers = true;
		plan->half = false;
		plan->across = 1;
		plan->cell_columns = needed;
	}
	plan->body_lines = plan->half ? (plan->cells_high + 1) / 2 : plan->cells_high;
	plan->cell_area = (int)plan->cells_wide * plan->cell_columns;
	plan->panel_columns = plan->label_columns + plan->cell_area;
	for (int64_t i = 0; i < plan->scene->panel_count && plan->across > 1; i++) {
		int title = plan->scene->panel[i].title ? utf8_text_width(plan->scene->panel[i].title) : plan->scene->row_title ? TITLE_COLUMNS_GRID : 0;
		title = title < TITLE_COLUMNS || plan->scene->row_title ? title : TITLE_COLUMNS;
		int need = plan->label_columns + title;
		plan->panel_columns = need > plan->panel_columns ? need : plan->panel_columns;
	}
}

void terminal_cells(const struct heatmap_scene *scene, const struct terminal *terminal, int64_t *height, int64_t *width)
{
	struct terminal_plan plan;

	terminal_plan_cells(&plan, scene, terminal, scene->rows.count, scene->keys.count);
	*height = plan.cells_high > 0 ? plan.cells_high : 1;
	*width = plan.cells_wide > 0 ? plan.cells_wide : 1;
}
