/* SPDX-License-Identifier: MIT */
#include "render/heatmap_layout.h"

#include <math.h>

static const double column_gap = 14, narrow_gap = 8, row_gap = 12, bar_gap = 20, grid_width = 1160, narrowest_page = 440;
static const double panel_single = 768, panel_most = 360, panel_least = 72, cell_common = 26, cell_largest = 44, small_map = 364;
/* Panels of many get numbers only where they are large, or where each position has room to spare, and tokens also where all of them fit. */
static const double labelled_panel = 100, labelled_of_many = 160, many_panels = 24, labelled_position = 20;
static const int64_t wide_grid = 16;
/* Grids of more rows or columns than wide_grid that have titles at their sides: small panels close together, as high as a screen. */
static const double compact_gap = 3, compact_height = 880, compact_least = 16;
/* Cells with numbers in them are wider than high. */
static const double numbers_width = 1100, number_widest = 40;
/* A panel may grow so far beyond its target before positions share a pixel. */
static const double target_stretch = 1.6;
static const double bar_shortest = 72, bar_longest = 1200;

static int64_t ceil_div(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

/* Near square where panels are `aspect` times as wide as high, with no panel missing in the last row where a little more width avoids it. */
static int64_t near_square(int64_t panels, double aspect)
{
	int64_t square = (int64_t)ceil(sqrt((double)panels / aspect));

	for (int64_t columns = square; columns <= square + 2 && columns <= panels; columns++)
		if (panels % columns == 0)
			return columns;
	return square;
}

static bool is_grid(const struct heatmap_scene *scene)
{
	return scene->panel_count > 1;
}

static bool is_compact(const struct heatmap_layout *layout, const struct heatmap_scene *scene)
{
	return scene->row_title && scene->column_title && (layout->columns > wide_grid || layout->rows > wide_grid);
}

static double share_of(double side, int64_t panels, double gap)
{
	return (side - (double)(panels - 1) * gap) / (double)panels;
}

/* Width of a panel that fills a grid of comfortable width. */
static double grid_share(const struct heatmap_layout *layout)
{
	return share_of(grid_width * layout->figure.unit, layout->columns, layout->gap_x);
}

/* Side of one panel that a page of no given size aims at. */
static double target_side(const struct heatmap_layout *layout, const struct heatmap_scene *scene)
{
	double unit = layout->figure.unit;

	if (is_compact(layout, scene))
		return fmax(fmin(grid_share(layout), share_of(compact_height * unit, layout->rows, layout->gap_y)), compact_least * unit);
	return is_grid(scene) ? fmin(fmax(grid_share(layout), panel_least * unit), panel_most * unit) : panel_single * unit;
}

static bool is_squarish(int64_t a, int64_t b)
{
	return a <= 3 * b && b <= 3 * a;
}

/* Positions that must share a cell for the cells to be a pixel or more. */
static int64_t group_size(int64_t positions, double pixels)
{
	return pixels < 1 ? positions : ceil_div(positions, (int64_t)pixels);
}

/* Cells of equal groups of positions; the same groups on both sides where the map is nearly square. */
static void choose_cells(struct heatmap_layout *layout, const struct heatmap_scene *scene, double room_wide, double room_high)
{
	int64_t wide = group_size(scene->keys.count, room_wide), high = group_size(scene->rows.count, room_high);

	if (wide < 1 || high < 1)
		return;
	if (is_squarish(scene->keys.count, scene->rows.count))
		wide = high = wide > high ? wide : high;
	layout->cells_wide = ceil_div(scene->keys.count, wide);
	layout->cells_high = ceil_div(scene->rows.count, high);
}

static int64_t natural_cell(int64_t cells, double target, double largest)
{
	int64_t cell = (int64_t)floor(target / (double)cells + 0.25);

	return cell < 1 ? 1 : cell > (int64_t)largest && largest >= 1 ? (int64_t)largest : cell;
}

/* Maps of a few tokens have larger cells. */
static double comfortable_cell(int64_t cells)
{
	return fmin(fmax(small_map / (double)cells, cell_common), cell_largest);
}

static void scaled_panel(struct heatmap_layout *layout, const struct heatmap_extra *extra, double scale)
{
	layout->panel_width = (int64_t)fmax(1, floor(extra->panel_width * scale));
	layout->panel_height = (int64_t)fmax(1, floor(extra->panel_height * scale));
}

static bool has_proportions(const struct heatmap_extra *extra)
{
	return extra && extra->panel_width > 0;
}

/* Panel of a page whose size is free. */
static void natural_panel(struct heatmap_layout *layout, const struct heatmap_scene *scene, const struct heatmap_extra *extra)
{
	double unit = layout->figure.unit, target = target_side(layout, scene);

	if (has_proportions(extra)) {
		double own = sqrt(extra->panel_width * extra->panel_height);
		scaled_panel(layout, extra,
			     is_grid(scene) ? fmin(grid_share(layout) / extra->panel_width, panel_most * unit / own) : unit);
		return;
	}
	int64_t cell_wide = natural_cell(layout->cells_wide, target, comfortable_cell(layout->cells_wide) * unit);
	int64_t cell_high = natural_cell(layout->cells_high, target, comfortable_cell(layout->cells_high) * unit);

	if (scene->numbers)
		cell_wide = natural_cell(layout->cells_wide, numbers_width * unit, number_widest * unit);
	else if (is_squarish(layout->cells_wide, layout->cells_high))
		cell_wide = cell_high = cell_wide < cell_high ? cell_wide : cell_high;
	layout->panel_width = cell_wide * layout->cells_wide;
	layout->panel_height = cell_high * layout->cells_high;
}

/* Whole pixels for each cell, unless that would waste much of the room: then cells differ by a pixel. */
static int64_t filled_side(int64_t cells, double room)
{
	int64_t cell = (int64_t)(room / (double)cells);

	if (room < 1)
		return 1;
	return (double)(cell * cells) >= 0.85 * room ? cell * cells : (int64_t)room;
}

static void fitted_panel(struct heatmap_layout *layout, const struct heatmap_scene *scene, const struct heatmap_extra *extra,
			 double room_wide, double room_high)
{
	if (has_proportions(extra)) {
		scaled_panel(layout, extra, fmin(room_wide / extra->panel_width, room_high / extra->panel_height));
		return;
	}
	if (!scene->numbers && is_squarish(layout->cells_wide, layout->cells_high)) {
		double cell = fmin(room_wide / (double)layout->cells_wide, room_high / (double)layout->cells_high);
		room_wide = cell * (double)layout->cells_wide;
		room_high = cell * (double)layout->cells_high;
	}
	layout->panel_width = filled_side(layout->cells_wide, room_wide + 1e-6);
	layout->panel_height = filled_side(layout->cells_high, room_high + 1e-6);
}

/* Labels of one side of the panels: 0 where it is to have none. Each side is judged by its own length, so that panels of one row keep the labels of
 * their keys. */
static double labelled_length(const struct heatmap_layout *layout, const struct heatmap_scene *scene, const struct axis_scale *scale,
			      int64_t length)
{
	double least = (double)scene->panel_count > many_panels ? labelled_of_many : labelled_panel;
	double unit = layout->figure.unit, roomy = (double)scale->count * labelled_position;
	bool labelled = !is_grid(scene) || (double)length >= fmin(least, roomy) * unit || axis_has_room(scale, (double)length, unit);

	return labelled ? (double)length : 0;
}

static void plan_axes(struct heatmap_layout *layout, struct typesetter *type, const struct heatmap_scene *scene)
{
	int64_t thin = is_grid(scene) ? 1 : AXIS_THIN_MAX;

	axis_plan(&layout->queries, type, &scene->rows, SIDE_LEFT,
		  labelled_length(layout, scene, &scene->rows, layout->panel_height), layout->figure.unit, thin);
	axis_plan(&layout->keys, type, &scene->keys, scene->keys_on_top ? SIDE_TOP : SIDE_BOTTOM,
		  labelled_length(layout, scene, &scene->keys, layout->panel_width), layout->figure.unit, thin);
}

static double widest_text(struct typesetter *type, double size, bool bold, const char *const *text, int64_t count)
{
	double widest = 0;

	for (int64_t i = 0; text && i < count; i++)
		widest = fmax(widest, text_width(type, size, bold, text[i]));
	return ceil(widest);
}

static bool has_panel_titles(const struct heatmap_scene *scene)
{
	for (int64_t i = 0; scene->panel && i < scene->panel_count; i++)
		if (scene->panel[i].title && *scene->panel[i].title)
			return true;
	return false;
}

/* Panels of a compact grid are too small for the names of their axes. */
static bool has_axis_titles(const struct heatmap_layout *layout, const struct heatmap_scene *scene)
{
	return !is_compact(layout, scene) || layout->queries.depth > 0 || layout->keys.depth > 0;
}

/* An upright line of text from x on; returns where the next thing may stand. */
static double place_upright(double *centre, double x, const char *text, double unit)
{
	if (!text)
		return x;
	*centre = x + text_line_height(SIZE_AXIS_TITLE * unit) / 2;
	return x + text_line_height(SIZE_AXIS_TITLE * unit) + 4 * unit;
}

/* Everything to the left of the panels, from the page's edge inward. */
static double place_left(struct heatmap_layout *layout, struct typesetter *type, const struct heatmap_scene *scene)
{
	double unit = layout->figure.unit, x = layout->figure.margin;

	/* The name of the panels' axis stands at their labels; where they have none it is the outermost. */
	bool outermost = layout->queries.depth <= 0;
	if (outermost)
		x = place_upright(&layout->axis_title_x, x, has_axis_titles(layout, scene) ? scene->rows.title : NULL, unit);
	x = place_upright(&layout->row_axis_x, x, scene->row_axis, unit);
	if (scene->row_title) {
		x += widest_text(type, SIZE_PANEL_TITLE * unit, false, scene->row_title, layout->rows);
		layout->row_title_x = x;
		x += 8 * unit;
	}
	if (!outermost)
		x = place_upright(&layout->axis_title_x, x, scene->rows.title, unit);
	x += layout->queries.depth;
	return ceil(fmax(x, layout->figure.margin + layout->keys.overhang));
}

/* Room for a line of text and a gap. */
static double line_room(double size, double unit)
{
	return text_line_height(size * unit) + 4 * unit;
}

static double place_top(struct heatmap_layout *layout, const struct heatmap_scene *scene, const struct heatmap_extra *extra)
{
	double unit = layout->figure.unit, y = figure_above(&layout->figure);

	if (scene->column_axis) {
		layout->column_axis_y = y + text_line_height(SIZE_AXIS_TITLE * unit) / 2;
		y += line_room(SIZE_AXIS_TITLE, unit);
	}
	if (scene->column_title) {
		layout->column_title_y = y + text_line_height(SIZE_PANEL_TITLE * unit) / 2;
		y += line_room(SIZE_PANEL_TITLE, unit);
	}
	layout->panel_title_dy = 0;
	if (has_panel_titles(scene)) {
		layout->panel_title_dy = line_room(SIZE_PANEL_TITLE, unit) / 2 + unit;
		y += line_room(SIZE_PANEL_TITLE, unit);
	}
	bool key_title = scene->keys.title && has_axis_titles(layout, scene);
	if (scene->keys_on_top && key_title) {
		layout->axis_title_y = y + text_line_height(SIZE_AXIS_TITLE * unit) / 2;
		y += line_room(SIZE_AXIS_TITLE, unit);
	}
	if (scene->keys_on_top)
		y += layout->keys.depth;
	return ceil(y + (extra ? extra->above * unit : 0));
}

static double grid_extent(int64_t count, int64_t side, double gap)
{
	return (double)count * (double)side + (double)(count - 1) * gap;
}

/* From the lowest panel's edge to the bottom of the page. */
static double below_panels(struct heatmap_layout *layout, const struct heatmap_scene *scene, const struct heatmap_extra *extra,
			   double bottom)
{
	double unit = layout->figure.unit, y = bottom;

	if (!scene->keys_on_top) {
		bool key_title = scene->keys.title && has_axis_titles(layout, scene);
		y += layout->keys.depth;
		if (key_title)
			layout->axis_title_y = y + 4 * unit + text_line_height(SIZE_AXIS_TITLE * unit) / 2;
		y += key_title ? line_room(SIZE_AXIS_TITLE, unit) : 0;
	}
	y = fmax(y, layout->bar_y + layout->bar_height + SIZE_CAPTION * unit / 2);
	layout->extra_y = y;
	y += extra ? extra->below * unit : 0;
	layout->content_end = y;
	return ceil(y + figure_below(&layout->figure));
}

static void centre_on_page(struct heatmap_layout *layout)
{
	double shift = floor((layout->figure.width - layout->need_width) / 2);

	layout->left += shift;
	layout->bar_x += shift;
	layout->axis_title_x += shift;
	layout->row_title_x += shift;
	layout->row_axis_x += shift;
}

/* Place everything around panels of the present size. */
static enum err place(struct heatmap_layout *layout, struct typesetter *type, const struct heatmap_scene *scene,
		      const struct heatmap_extra *extra, const struct page *page, const struct value_range *range,
		      struct err_info *info)
{
	double unit = layout->figure.unit;
	double grid_wide = grid_extent(layout->columns, layout->panel_width, layout->gap_x);
	double grid_high = grid_extent(layout->rows, layout->panel_height, layout->gap_y);

	plan_axes(layout, type, scene);
	layout->left = place_left(layout, type, scene);
	layout->bar_x = layout->left + grid_wide + round(bar_gap * unit);
	layout->bar_height =
		round(fmin(fmax(grid_high, bar_shortest * unit), bar_longest * unit));
	struct colour_bar bar = { range, &scene->colouring, unit, layout->bar_height };
	if ((extra && extra->no_bar) || scene->colouring.no_bar)
		layout->bar_height = 0;
	layout->need_width = (layout->bar_height > 0 ? layout->bar_x + colour_bar_width(&bar, type) : layout->left + grid_wide) +
			     layout->figure.margin;
	layout->figure.width = page->width ? page->width : ceil(fmax(layout->need_width, narrowest_page * unit));
	enum err err = figure_wrap(&layout->figure, type, scene->title, scene->caption, info);
	if (err)
		return err;
	layout->top = place_top(layout, scene, extra);
	layout->bar_y = layout->top;
	layout->need_height = below_panels(layout, scene, extra, layout->top + grid_high);
	layout->figure.height = page->height ? page->height : layout->need_height;
	return ERR_OK;
}

/* Give the panels what the page leaves once the present plan's surroundings are taken off. */
static void resize_panels(struct heatmap_layout *layout, const struct heatmap_scene *scene, const struct heatmap_extra *extra,
			  const struct page *page, bool measured)
{
	double room_wide = (double)layout->panel_width, room_high = (double)layout->panel_height;

	if (page->width)
		room_wide += (page->width - layout->need_width) / (double)layout->columns;
	if (page->height)
		room_high += (page->height - layout->need_height) / (double)layout->rows;
	if (!page->width)
		room_wide = room_high * 3;
	if (!page->height)
		room_high = room_wide * 3;
	room_wide = fmax(1, room_wide);
	room_high = fmax(1, room_high);
	if (!measured)
		choose_cells(layout, scene, room_wide, room_high);
	fitted_panel(layout, scene, extra, room_wide, room_high);
}

static enum err fit_to_page(struct heatmap_layout *layout, struct typesetter *type, const struct heatmap_scene *scene,
			    const struct heatmap_extra *extra, const struct page *page, const struct value_range *range,
			    bool measured, struct err_info *info)
{
	/* Labels change with the panel and the panel with its labels: this settles in two or three rounds. */
	for (int round = 0; round < 5; round++) {
		int64_t wide = layout->panel_width, high = layout->panel_height;
		resize_panels(layout, scene, extra, page, measured);
		enum err err = place(layout, type, scene, extra, page, range, info);
		if (err)
			return err;
		if (wide == layout->panel_width && high == layout->panel_height)
			break;
	}
	if ((page->width && layout->need_width > page->width) || (page->height && layout->need_height > page->height))
		return err_set(info, ERR_USAGE,
			       "a page of %d x %d pixels has no room for the labels and the panels: choose a larger size",
			       (int)layout->figure.width, (int)layout->figure.height);
	if (page->width)
		centre_on_page(layout);
	return ERR_OK;
}

enum err heatmap_layout_init(struct heatmap_layout *layout, struct typesetter *type, const struct heatmap_scene *scene,
			     const struct heatmap_extra *extra, const struct page *page, const struct value_range *range,
			     bool measured, struct err_info *info)
{
	*layout = (struct heatmap_layout){ 0 };
	figure_init(&layout->figure, page, scene->theme);
	double unit = layout->figure.unit;
	/* Strips are stacked; what is nearly square is not. */
	double aspect = has_proportions(extra) && extra->panel_width > 2 * extra->panel_height ? extra->panel_width / extra->panel_height : 1;
	layout->columns = scene->columns > 0 ? scene->columns : near_square(scene->panel_count, aspect);
	layout->rows = ceil_div(scene->panel_count, layout->columns);
	layout->gap_x = round((is_compact(layout, scene) ? compact_gap : layout->columns > wide_grid ? narrow_gap : column_gap) * unit);
	layout->gap_y = round((is_compact(layout, scene) ? compact_gap : layout->columns > wide_grid ? narrow_gap : row_gap) * unit);
	if (has_panel_titles(scene))
		layout->gap_y += round(text_line_height(SIZE_PANEL_TITLE * unit));
	double target = target_side(layout, scene);
	if (measured) {
		layout->cells_wide = scene->panel[0].width;
		layout->cells_high = scene->panel[0].height;
	} else {
		double stretch = is_compact(layout, scene) ? 1 : target_stretch;
		choose_cells(layout, scene, target * stretch, target * stretch);
	}
	if (layout->cells_wide < 1 || layout->cells_high < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: the map has %lld rows and %lld columns",
			       (long long)layout->cells_high, (long long)layout->cells_wide);
	natural_panel(layout, scene, extra);
	enum err err = place(layout, type, scene, extra, page, range, info);
	if (!err && (page->width || page->height))
		err = fit_to_page(layout, type, scene, extra, page, range, measured, info);
	return err;
}

void heatmap_layout_release(struct heatmap_layout *layout)
{
	figure_release(&layout->figure);
}

struct box heatmap_layout_panel(const struct heatmap_layout *layout, int64_t panel)
{
	int64_t row = panel / layout->columns, column = panel % layout->columns;

	return (struct box){ layout->left + (double)column * ((double)layout->panel_width + layout->gap_x),
			     layout->top + (double)row * ((double)layout->panel_height + layout->gap_y),
			     (double)layout->panel_width, (double)layout->panel_height };
}
