#include "render/terminal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "render/cell_numbers.h"
#include "render/terminal_ink.h"
#include "render/ticks.h"
#include "render/value_range.h"

enum { LABEL_COLUMNS_MAX = 14, KEY_LINES_MAX = 8, PANEL_COLUMNS_LEAST = 28, GAP_COLUMNS = 3, LEGEND_COLUMNS = 32, ROWS_AROUND = 5, ROWS_SCROLLED = 40,
       TITLE_COLUMNS = 14, SHORT_BODY = 12 };

struct text_plan {
	const struct heatmap_scene *scene;
	const struct terminal *terminal;
	int64_t cells_high, cells_wide;
	bool half;             /* two cells a line, one column each */
	int cell_columns;
	int across;            /* panels side by side */
	int label_columns;     /* left of the cells, with the space after them */
	int cell_area;         /* columns that the cells take */
	int panel_columns;     /* labels, cells, and what a title needs more */
	int64_t body_lines;
	int key_lines;
	bool query_tokens, key_tokens;
	bool numbers;          /* printed in the cells, */
	int decimals;          /* with so many decimals */
	struct terminal_ink ink;
	struct value_range *range;
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

static int number_columns(const struct axis_scale *scale)
{
	return snprintf(NULL, 0, "%lld", (long long)(scale->first + scale->count - 1));
}

static bool can_half(const struct terminal *terminal)
{
	return terminal->unicode && terminal->colour != TERMINAL_ASCII;
}

/* Columns and lines that the cells of one panel may take. A small map may be taller than the window rather than lose its tokens. */
static void panel_room(const struct text_plan *plan, int *columns, int64_t *lines)
{
	int share = (plan->terminal->columns - (plan->across - 1) * GAP_COLUMNS) / plan->across - plan->label_columns;

	*columns = share > 2 ? share : 2;
	*lines = INT64_MAX / 8;
	if (plan->terminal->rows > 0)
		*lines = plan->terminal->rows - ROWS_AROUND > ROWS_SCROLLED ? plan->terminal->rows - ROWS_AROUND : ROWS_SCROLLED;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Positions that share a cell. */
static int64_t group_size(int64_t positions, int64_t most)
{
	return most < 1 ? positions : (positions + most - 1) / most;
}

/* Columns of a cell with its number and a space, or 0 where they are not printed. */
static int number_cell_columns(struct text_plan *plan)
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

static void choose_labels(struct text_plan *plan)
{
	const struct heatmap_scene *scene = plan->scene;
	bool alone = scene->panel_count == 1;

	plan->query_tokens = alone && scene->rows.label && plan->cells_high == scene->rows.count;
	plan->key_tokens = alone && !plan->half && scene->keys.label && plan->cells_wide == scene->keys.count;
	plan->label_columns = 1 + (plan->query_tokens ? token_columns(&scene->rows, LABEL_COLUMNS_MAX) : number_columns(&scene->rows));
	plan->key_lines = plan->key_tokens ? token_columns(&scene->keys, KEY_LINES_MAX) : 1;
}

/* `high` and `wide` are the cells that there are, or the positions when cells may still be chosen. */
static void plan_text(struct text_plan *plan, const struct heatmap_scene *scene, const struct terminal *terminal, int64_t high, int64_t wide)
{
	*plan = (struct text_plan){ .scene = scene, .terminal = terminal, .cells_high = high, .cells_wide = wide };
	int columns;
	int64_t lines, fits = (terminal->columns + GAP_COLUMNS) / (PANEL_COLUMNS_LEAST + GAP_COLUMNS);
	plan->across = (int)smaller(scene->panel_count, fits > 1 ? fits : 1);
	choose_labels(plan);
	panel_room(plan, &columns, &lines);
	plan->half = can_half(terminal) && (wide * 2 > columns || high > lines);
	choose_labels(plan);
	panel_room(plan, &columns, &lines);
	plan->cell_columns = plan->half ? 1 : 2;
	int64_t group_wide = group_size(wide, columns / plan->cell_columns), group_high = group_size(high, lines * (plan->half ? 2 : 1));
	if (wide <= 3 * high && high <= 3 * wide)
		group_wide = group_high = group_wide > group_high ? group_wide : group_high;
	plan->cells_wide = (wide + group_wide - 1) / group_wide;
	plan->cells_high = (high + group_high - 1) / group_high;
}

static void finish_plan(struct text_plan *plan)
{
	int number_columns_needed = number_cell_columns(plan);

	choose_labels(plan);
	if (number_columns_needed && plan->label_columns + plan->cells_wide * number_columns_needed <= plan->terminal->columns) {
		plan->numbers = true;
		plan->half = false;
		plan->across = 1;
		plan->cell_columns = number_columns_needed;
	}
	plan->body_lines = plan->half ? (plan->cells_high + 1) / 2 : plan->cells_high;
	plan->cell_area = (int)plan->cells_wide * plan->cell_columns;
	plan->panel_columns = plan->label_columns + plan->cell_area;
	for (int64_t i = 0; i < plan->scene->panel_count && plan->across > 1; i++) {
		int title = plan->scene->panel[i].title ? utf8_text_width(plan->scene->panel[i].title) : 0;
		int need = plan->label_columns + (title < TITLE_COLUMNS ? title : TITLE_COLUMNS);
		plan->panel_columns = need > plan->panel_columns ? need : plan->panel_columns;
	}
}

void terminal_cells(const struct heatmap_scene *scene, const struct terminal *terminal, int64_t *height, int64_t *width)
{
	struct text_plan plan;

	plan_text(&plan, scene, terminal, scene->rows.count, scene->keys.count);
	*height = plan.cells_high > 0 ? plan.cells_high : 1;
	*width = plan.cells_wide > 0 ? plan.cells_wide : 1;
}

static void add_spaces(struct strbuf *line, int64_t count)
{
	for (int64_t i = 0; i < count; i++)
		strbuf_addch(line, ' ');
}

/* Text in exactly `columns` columns, at the right or at the left. */
static void add_padded(struct strbuf *line, const char *text, int columns, bool right)
{
	struct strbuf visible, fitted;

	strbuf_init(&visible);
	strbuf_init(&fitted);
	utf8_append_visible(&visible, text, strlen(text));
	int used = utf8_append_fitted(&fitted, visible.buf, columns);
	if (right)
		add_spaces(line, columns - used);
	strbuf_addstr(line, fitted.buf);
	if (!right)
		add_spaces(line, columns - used);
	strbuf_release(&fitted);
	strbuf_release(&visible);
}

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

static void add_query_label(const struct text_plan *plan, struct strbuf *line, int64_t body_line)
{
	const struct axis_scale *scale = &plan->scene->rows;
	int64_t together = plan->half ? 2 : 1, cell = body_line * together;
	char number[32] = "";

	if (plan->query_tokens) {
		add_padded(line, scale->label[cell], plan->label_columns - 1, true);
	} else {
		int64_t step = ticks_position_step(scale->count, plan->body_lines <= SHORT_BODY ? plan->body_lines : plan->body_lines / 3 + 1);
		int64_t tick = tick_in_cell(scale, plan->cells_high, cell, together, step);
		if (tick >= 0)
			snprintf(number, sizeof number, "%lld", (long long)tick);
		add_padded(line, number, plan->label_columns - 1, true);
	}
	strbuf_addch(line, ' ');
}

static void add_number(struct text_plan *plan, struct strbuf *line, const struct panel *panel, int64_t cell, double unit)
{
	char text[TICK_TEXT_MAX] = "";

	if (!isnan(panel->cell[cell]))
		cell_number_text(text, sizeof text, panel->cell[cell], plan->decimals);
	if (!plan->terminal->unicode)
		tick_text_to_ascii(text);
	terminal_ink_number(&plan->ink, line, unit, text, plan->cell_columns);
}

static void add_body(struct text_plan *plan, struct strbuf *line, int64_t index, int64_t body_line)
{
	const struct panel *panel = &plan->scene->panel[index];
	const struct value_range *range = &plan->range[plan->scene->colouring.per_panel ? index : 0];

	add_query_label(plan, line, body_line);
	for (int64_t column = 0; column < panel->width; column++) {
		int64_t row = plan->half ? 2 * body_line : body_line;
		double unit = value_range_unit(range, panel->cell[row * panel->width + column]);
		double below = NAN;
		if (plan->half && row + 1 < panel->height)
			below = value_range_unit(range, panel->cell[(row + 1) * panel->width + column]);
		if (plan->half)
			terminal_ink_halves(&plan->ink, line, unit, below);
		else if (plan->numbers)
			add_number(plan, line, panel, row * panel->width + column, unit);
		else
			terminal_ink_cell(&plan->ink, line, unit);
	}
	terminal_ink_reset(&plan->ink, line);
}

/* Numbers under the columns where round positions lie. */
static void add_key_numbers(const struct text_plan *plan, struct strbuf *line)
{
	const struct axis_scale *scale = &plan->scene->keys;
	int64_t columns = plan->cells_wide * plan->cell_columns, used = 0;
	int digits = number_columns(scale);
	int64_t step = ticks_position_step(scale->count, columns / (digits + (digits > 1 ? 3 : 1)));

	add_spaces(line, plan->label_columns);
	for (int64_t cell = 0; cell < plan->cells_wide; cell++) {
		int64_t tick = tick_in_cell(scale, plan->cells_wide, cell, 1, step), at = cell * plan->cell_columns;
		char text[32];
		int width = tick < 0 ? 0 : snprintf(text, sizeof text, "%lld", (long long)tick);
		if (plan->numbers)
			at += plan->cell_columns - width;
		if (!width || at < used || at + width > columns)
			continue;
		add_spaces(line, at - used);
		strbuf_addstr(line, text);
		used = at + width;
	}
	add_spaces(line, columns - used);
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
	add_spaces(line, room - width);
	strbuf_release(&visible);
}

static void add_key_line(const struct text_plan *plan, struct strbuf *line, int key_line)
{
	if (!plan->key_tokens) {
		add_key_numbers(plan, line);
		return;
	}
	add_spaces(line, plan->label_columns);
	for (int64_t i = 0; i < plan->cells_wide; i++)
		add_character(line, plan->scene->keys.label[i], key_line, plan->cell_columns);
}

static void end_line(struct strbuf *text)
{
	while (text->len && text->buf[text->len - 1] == ' ')
		text->buf[--text->len] = '\0';
	strbuf_addch(text, '\n');
}

/* Panels first .. first + across - 1, side by side. */
static void add_band(struct text_plan *plan, struct strbuf *text, int64_t first)
{
	int64_t end = smaller(first + plan->across, plan->scene->panel_count);
	int64_t lines = 1 + plan->body_lines + plan->key_lines;

	for (int64_t line = 0; line < lines; line++) {
		bool titled = false;
		for (int64_t i = first; i < end; i++)
			titled |= plan->scene->panel[i].title != NULL;
		if (line == 0 && !titled)
			continue;
		for (int64_t i = first; i < end; i++) {
			const char *title = plan->scene->panel[i].title;
			if (i > first)
				add_spaces(text, GAP_COLUMNS);
			if (line == 0) {
				add_spaces(text, plan->label_columns);
				add_padded(text, title ? title : "", plan->panel_columns - plan->label_columns, false);
			} else if (line <= plan->body_lines) {
				add_body(plan, text, i, line - 1);
			} else {
				add_key_line(plan, text, (int)(line - 1 - plan->body_lines));
			}
			if (line > 0)
				add_spaces(text, plan->panel_columns - plan->label_columns - plan->cell_area);
		}
		end_line(text);
	}
}

static void add_legend(struct text_plan *plan, struct strbuf *text)
{
	static const char *const scale_names[] = { [SCALE_LINEAR] = "", [SCALE_LOG] = ", log scale", [SCALE_SQRT] = ", square root scale",
						   [SCALE_RANK] = ", rank scale" };
	const struct colouring *colouring = &plan->scene->colouring;
	char low[TICK_TEXT_MAX] = "low", high[TICK_TEXT_MAX] = "high";
	int columns = plan->terminal->columns < 2 * LEGEND_COLUMNS ? LEGEND_COLUMNS / 2 : LEGEND_COLUMNS;

	if (!colouring->per_panel && plan->range->scale == SCALE_RANK) {
		tick_text(low, sizeof low, plan->range->quantile[0]);
		tick_text(high, sizeof high, plan->range->quantile[RANK_TICKS - 1]);
	} else if (!colouring->per_panel) {
		tick_text(low, sizeof low, plan->range->low);
		tick_text(high, sizeof high, plan->range->high);
	}
	if (!plan->terminal->unicode) {
		tick_text_to_ascii(low);
		tick_text_to_ascii(high);
	}
	strbuf_addf(text, "%s ", low);
	for (int i = 0; i < columns / 2; i++)
		terminal_ink_cell(&plan->ink, text, (double)i / (columns / 2 - 1));
	terminal_ink_reset(&plan->ink, text);
	strbuf_addf(text, " %s", high);
	if (colouring->unit)
		strbuf_addf(text, "  %s%s", colouring->unit, scale_names[colouring->scale]);
	strbuf_addch(text, '\n');
}

/* Words filled into lines of the terminal's width. */
static void add_wrapped(struct strbuf *out, const char *text, int columns)
{
	struct strbuf visible;
	int used = 0;

	strbuf_init(&visible);
	for (const char *p = text; *p;) {
		if (*p == '\n' && used) {
			strbuf_addch(out, '\n');
			used = 0;
		}
		p += strspn(p, " \n");
		size_t length = strcspn(p, " \n");
		strbuf_clear(&visible);
		utf8_append_visible(&visible, p, length);
		int width = utf8_text_width(visible.buf);
		if (used && used + 1 + width > columns) {
			strbuf_addch(out, '\n');
			used = 0;
		}
		if (used && width)
			strbuf_addch(out, ' ');
		strbuf_addstr(out, visible.buf);
		used += width + (used > 0);
		p += length;
	}
	if (used)
		strbuf_addch(out, '\n');
	strbuf_release(&visible);
}

static enum err print(struct text_plan *plan, struct output *out, struct err_info *info)
{
	const struct heatmap_scene *scene = plan->scene;
	struct strbuf text;
	enum err err;

	strbuf_init(&text);
	if (scene->title)
		add_wrapped(&text, scene->title, plan->terminal->columns);
	for (int64_t first = 0; first < scene->panel_count; first += plan->across)
		add_band(plan, &text, first);
	add_legend(plan, &text);
	if (scene->caption)
		add_wrapped(&text, scene->caption, plan->terminal->columns);
	if (strbuf_failed(&text))
		err = err_nomem(info, "the picture");
	else
		err = output_write(out, text.buf, text.len);
	if (err && info && !info->code)
		*info = out->info;
	strbuf_release(&text);
	return err;
}

enum err terminal_write_heatmap(const struct heatmap_scene *scene, const struct terminal *terminal, struct output *out, struct err_info *info)
{
	struct text_plan plan;
	int64_t ranges = scene->colouring.per_panel ? scene->panel_count : 1;
	enum err err = ERR_OK;

	if (scene->panel_count < 1 || scene->panel[0].height < 1 || scene->panel[0].width < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: the map is empty");
	plan_text(&plan, scene, terminal, scene->panel[0].height, scene->panel[0].width);
	plan.cells_high = scene->panel[0].height;
	plan.cells_wide = scene->panel[0].width;
	finish_plan(&plan);
	terminal_ink_init(&plan.ink, terminal, &scene->colouring);
	plan.range = mem_zero_array((size_t)ranges, sizeof *plan.range);
	if (!plan.range)
		return err_nomem(info, "the picture");
	for (int64_t i = 0; i < ranges && !err; i++)
		err = value_range_init(&plan.range[i], &scene->colouring, &scene->panel[i], ranges == 1 ? scene->panel_count : 1, info);
	if (!err)
		err = print(&plan, out, info);
	for (int64_t i = 0; i < ranges; i++)
		value_range_release(&plan.range[i]);
	free(plan.range);
	return err;
}
