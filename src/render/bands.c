/* SPDX-License-Identifier: MIT */
#include "render/bands.h"

#include <math.h>

#include "render/heatmap_layout.h"

/* Pixels at 96 dpi: the strip of names, the bar under a name, and beside the rows. */
static const double strip_height = 20, bar_height = 4, strip_gap = 3;

struct banded {
	const struct heatmap_scene *scene;
	const struct bands *bands;
};

struct interval {
	double begin, end;
};

/* Where a band lies along a side of `length` pixels; empty where it is outside. */
static struct interval place(const struct axis_band *band, const struct axis_scale *axis, double length)
{
	double begin = (double)(band->begin - axis->first) / (double)axis->count, end = (double)(band->end - axis->first) / (double)axis->count;
	return (struct interval){ round(fmin(fmax(begin, 0), 1) * length), round(fmin(fmax(end, 0), 1) * length) };
}

static void draw_edge(struct canvas *canvas, double x0, double y0, double x1, double y1, double unit)
{
	const struct stroke under = { { 0, 0, 0, 140 }, fmax(1, round(3 * unit)), 0 }, over = { { 255, 255, 255, 230 }, fmax(1, round(unit)), 0 };
	canvas_line(canvas, x0, y0, x1, y1, &under);
	canvas_line(canvas, x0, y0, x1, y1, &over);
}

/* Lines where one band ends and the next begins, not at the edges of the panel. */
static void draw_edges(const struct banded *banded, struct canvas *canvas, struct box box, double unit)
{
	for (int64_t i = 0; i < banded->bands->key_count; i++) {
		struct interval at = place(&banded->bands->keys[i], &banded->scene->keys, box.width);
		if (at.begin > 0 && at.begin < box.width)
			draw_edge(canvas, box.x + at.begin, box.y, box.x + at.begin, box.y + box.height, unit);
		if (at.end > 0 && at.end < box.width)
			draw_edge(canvas, box.x + at.end, box.y, box.x + at.end, box.y + box.height, unit);
	}
	for (int64_t i = 0; i < banded->bands->row_count; i++) {
		struct interval at = place(&banded->bands->rows[i], &banded->scene->rows, box.height);
		if (at.begin > 0 && at.begin < box.height)
			draw_edge(canvas, box.x, box.y + at.begin, box.x + box.width, box.y + at.begin, unit);
		if (at.end > 0 && at.end < box.height)
			draw_edge(canvas, box.x, box.y + at.end, box.x + box.width, box.y + at.end, unit);
	}
}

/* Bars above the columns, with the names over them where they fit, and beside the rows. */
static void draw_bars(const struct banded *banded, struct canvas *canvas, struct box box, double unit)
{
	struct text_style style = { .size = SIZE_LABEL * unit, .align = TEXT_MIDDLE, .colour = theme_colours(banded->scene->theme)->text };
	double top = box.y - (strip_gap + bar_height) * unit, side = box.x + box.width + strip_gap * unit;
	struct strbuf fitted;
	strbuf_init(&fitted);
	for (int64_t i = 0; i < banded->bands->key_count; i++) {
		const struct axis_band *band = &banded->bands->keys[i];
		struct interval at = place(band, &banded->scene->keys, box.width);
		if (at.end <= at.begin)
			continue;
		canvas_rectangle(canvas, box.x + at.begin, top, fmax(1, at.end - at.begin - 1), bar_height * unit, colour_series(banded->scene->theme, (int)(i % 8)));
		strbuf_clear(&fitted);
		text_append_fitted(canvas->type, style.size, false, band->name, at.end - at.begin, &fitted);
		canvas_text(canvas, box.x + (at.begin + at.end) / 2, top - style.size * 0.75, &style, fitted.buf);
	}
	for (int64_t i = 0; i < banded->bands->row_count; i++) {
		struct interval at = place(&banded->bands->rows[i], &banded->scene->rows, box.height);
		if (at.end > at.begin)
			canvas_rectangle(canvas, side, box.y + at.begin, bar_height * unit, fmax(1, at.end - at.begin - 1),
					 colour_series(banded->scene->theme, (int)(i % 8)));
	}
	canvas->out_of_memory |= strbuf_failed(&fitted);
	strbuf_release(&fitted);
}

static void draw(struct canvas *canvas, const struct heatmap_layout *layout, const void *data)
{
	const struct banded *banded = data;
	for (int64_t panel = 0; panel < banded->scene->panel_count; panel++) {
		struct box box = heatmap_layout_panel(layout, panel);
		draw_edges(banded, canvas, box, layout->figure.unit);
		if (banded->scene->panel_count == 1)
			draw_bars(banded, canvas, box, layout->figure.unit);
	}
}

/* In a grid the lines alone: there is no room for names at every panel. */
static struct heatmap_extra extra(const struct banded *banded)
{
	return (struct heatmap_extra){ .above = banded->scene->panel_count == 1 ? strip_height + strip_gap : 0, .draw = draw, .data = banded };
}

enum err bands_write(const struct heatmap_scene *scene, const struct bands *bands, const struct picture_request *request, struct err_info *info)
{
	const struct banded banded = { scene, bands };
	const struct heatmap_extra more = extra(&banded);
	return heatmap_write(scene, &more, request, info);
}

void bands_cells(const struct heatmap_scene *scene, const struct bands *bands, const struct picture_request *request, int64_t *height, int64_t *width)
{
	const struct banded banded = { scene, bands };
	const struct heatmap_extra more = extra(&banded);
	heatmap_cells(scene, &more, request->format, request->page, height, width);
}
