/* SPDX-License-Identifier: MIT */
#include "render/alignment.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "render/heatmap_layout.h"

static const double wave_height = 44, flat_height = 18, slanted_height = 58, strip_gap = 6, legend_height = 24;
static const uint32_t halo_rgb = 0x101418;

/* Up to so many words are written flat above the map, more are slanted. */
enum { FLAT_SPANS_MAX = 12 };

/* Colours that no cell of the map has. */
static const struct mark_colours {
	uint32_t found, gold;
} mark_table[COLOUR_MAP_COUNT] = {
	[COLOUR_VIRIDIS] = { 0xff4b3e, 0x22d3ee }, [COLOUR_MAGMA] = { 0x22d3ee, 0xa3e635 },
	[COLOUR_CIVIDIS] = { 0xff4b3e, 0x22d3ee }, [COLOUR_GRAY] = { 0xff4b3e, 0x22d3ee },
	[COLOUR_BLUES] = { 0xe11d48, 0xf59e0b }, [COLOUR_DIVERGING] = { 0x111111, 0x16a34a },
};

static struct heatmap_scene as_heatmap(const struct alignment_scene *scene)
{
	return (struct heatmap_scene){
		.panel = &scene->map,
		.panel_count = 1,
		.rows = scene->targets,
		.keys = scene->sources,
		.colouring = scene->colouring,
		.title = scene->title,
		.caption = scene->caption,
		.theme = scene->theme,
		.keys_on_top = scene->source_on_top,
	};
}

static double place_source(const struct alignment_scene *scene, struct box box, double position)
{
	return box.x + (position - (double)scene->sources.first) / (double)scene->sources.count * box.width;
}

static struct point place_link(const struct alignment_scene *scene, struct box box, int64_t target, int64_t source)
{
	double down = ((double)(target - scene->targets.first) + 0.5) / (double)scene->targets.count;

	return (struct point){ place_source(scene, box, (double)source + 0.5), box.y + down * box.height };
}

static bool is_shown(const struct axis_scale *scale, int64_t position)
{
	return position >= scale->first && position < scale->first + scale->count;
}

/* An unfilled square of half side `half` around the point. */
static void draw_square(struct canvas *canvas, struct point at, double half, double width, struct colour colour)
{
	canvas_frame(canvas, (struct box){ at.x - half + width, at.y - half + width, 2 * (half - width), 2 * (half - width) },
		     width, colour);
}

static void draw_mark(const struct alignment_scene *scene, struct canvas *canvas, struct point at, double size, double unit,
		      enum link_mark mark)
{
	const struct mark_colours *colours = &mark_table[scene->colouring.map];
	struct colour found = colour_from_rgb(colours->found), gold = colour_from_rgb(colours->gold);
	double thick = fmax(1, 2 * unit), thin = fmax(1, unit);

	switch (mark) {
	case LINK_FOUND:
		canvas_circle(canvas, at.x, at.y, size * 0.22 + thin, colour_from_rgb(halo_rgb));
		canvas_circle(canvas, at.x, at.y, size * 0.22, found);
		break;
	case LINK_SURE:
		draw_square(canvas, at, size * 0.46, thick, gold);
		break;
	case LINK_POSSIBLE:
		draw_square(canvas, at, size * 0.4, thin, gold);
		break;
	case LINK_MARKS:
		break;
	}
}

static double mark_size(const struct alignment_scene *scene, struct box box, double unit)
{
	double cell = fmin(box.width / (double)scene->sources.count, box.height / (double)scene->targets.count);

	return fmin(fmax(cell, 5 * unit), 30 * unit);
}

static void draw_links(const struct alignment_scene *scene, struct canvas *canvas, struct box box, double unit)
{
	double size = mark_size(scene, box, unit);

	/* Gold first, so that a found link lies inside its square. */
	for (int gold = 1; gold >= 0; gold--) {
		for (int64_t i = 0; i < scene->link_count; i++) {
			const struct alignment_link *link = &scene->link[i];
			if ((link->mark != LINK_FOUND) == gold && is_shown(&scene->targets, link->target) &&
			    is_shown(&scene->sources, link->source))
				draw_mark(scene, canvas, place_link(scene, box, link->target, link->source), size, unit,
					  link->mark);
		}
	}
}

static void draw_path(const struct alignment_scene *scene, struct canvas *canvas, struct box box, double unit)
{
	struct stroke halo = { .colour = colour_with_alpha(colour_from_rgb(halo_rgb), 0.7), .width = 3.4 * unit };
	struct stroke stroke = { .colour = colour_from_rgb(mark_table[scene->colouring.map].found), .width = 1.6 * unit };
	struct point *point = mem_array((size_t)scene->path_count, sizeof *point);
	int64_t used = 0;

	if (!point) {
		canvas->out_of_memory = true;
		return;
	}
	for (int64_t i = 0; i < scene->path_count; i++)
		if (is_shown(&scene->targets, scene->path_target[i]) && is_shown(&scene->sources, scene->path_source[i]))
			point[used++] = place_link(scene, box, scene->path_target[i], scene->path_source[i]);
	if (used > 1) {
		canvas_polyline(canvas, point, used, &halo);
		canvas_polyline(canvas, point, used, &stroke);
	}
	free(point);
}

/* The envelope of the samples under each pixel, as one outline: along the maxima and back along the minima. */
static void draw_waveform(const struct alignment_scene *scene, struct canvas *canvas, struct box box, struct colour colour)
{
	int64_t steps = (int64_t)box.width;
	struct point *outline = mem_array((size_t)(2 * steps), sizeof *outline);
	double peak = 1e-9;

	if (!outline || steps < 1) {
		canvas->out_of_memory |= !outline;
		free(outline);
		return;
	}
	for (int64_t i = 0; i < scene->sample_count; i++)
		peak = isfinite(scene->waveform[i]) ? fmax(peak, fabs(scene->waveform[i])) : peak;
	for (int64_t step = 0; step < steps; step++) {
		double low = 0, high = 0, scale = box.height / 2 / peak, middle = box.y + box.height / 2;
		int64_t begin = step * scene->sample_count / steps, end = (step + 1) * scene->sample_count / steps;
		for (int64_t i = begin; i < end || i == begin; i++) {
			low = fmin(low, scene->waveform[i]);
			high = fmax(high, scene->waveform[i]);
		}
		double x = box.x + (double)step + 0.5;
		outline[step] = (struct point){ x, middle - fmax(high * scale, 0.4) };
		outline[2 * steps - 1 - step] = (struct point){ x, middle - fmin(low * scale, -0.4) };
	}
	canvas_polygon(canvas, outline, 2 * steps, colour);
	free(outline);
}

static bool is_slanted(const struct alignment_scene *scene)
{
	return scene->span_count > FLAT_SPANS_MAX;
}

static double spans_height(const struct alignment_scene *scene)
{
	return scene->span_count < 1 ? 0 : is_slanted(scene) ? slanted_height : flat_height;
}

struct span_place {
	double left, right;
};

static struct span_place place_span(const struct alignment_scene *scene, struct box map, int64_t i)
{
	return (struct span_place){ fmax(place_source(scene, map, scene->span[i].begin), map.x),
				    fmin(place_source(scene, map, scene->span[i].end), map.x + map.width) };
}

/* A bar over the map for each word, and a line at its start. */
static void draw_span_bars(const struct alignment_scene *scene, struct canvas *canvas, struct box strip, struct box map,
			   double unit)
{
	double line = fmax(1, round(unit));

	for (int64_t i = 0; i < scene->span_count; i++) {
		struct span_place place = place_span(scene, map, i);
		if (!(place.right > place.left))
			continue;
		canvas_rectangle(canvas, place.left + line, strip.y + strip.height - 2 * line,
				 fmax(place.right - place.left - 2 * line, line), 2 * line,
				 colour_series(scene->theme, (int)(i % 2)));
		canvas_rectangle(canvas, floor(place.left), map.y, line, map.height,
				 colour_with_alpha(colour_from_rgb(0xffffff), 0.3));
	}
}

/* Flat words are shortened to their span; slanted ones are left out where they would touch the one before. */
static void draw_span_texts(const struct alignment_scene *scene, struct canvas *canvas, struct box strip, struct box map,
			    double unit)
{
	bool slanted = is_slanted(scene);
	struct text_style style = { .size = SIZE_LABEL * unit,
				    .align = slanted ? TEXT_START : TEXT_MIDDLE,
				    .angle = slanted ? 45 : 0,
				    .colour = theme_colours(scene->theme)->text };
	double last = -INFINITY, longest = (slanted_height - 14) * M_SQRT2 * unit;
	struct strbuf fitted;

	strbuf_init(&fitted);
	for (int64_t i = 0; i < scene->span_count; i++) {
		struct span_place place = place_span(scene, map, i);
		double middle = (place.left + place.right) / 2, room = slanted ? longest : place.right - place.left;
		if (!(place.right > place.left) || room < style.size || (slanted && middle - last < style.size * 1.6))
			continue;
		strbuf_clear(&fitted);
		text_append_fitted(canvas->type, style.size, false, scene->span[i].text, room, &fitted);
		canvas_text(canvas, middle, strip.y + strip.height - (slanted ? 8 : flat_height / 2 + 1) * unit, &style,
			    fitted.buf);
		last = middle;
	}
	strbuf_release(&fitted);
}

struct legend_entry {
	const char *text;
	bool present, is_path;
	enum link_mark mark;
};

static void draw_legend(const struct alignment_scene *scene, struct canvas *canvas, double x, double y, double unit)
{
	struct legend_entry entry[] = {
		{ "link", false, false, LINK_FOUND }, { "sure gold link", false, false, LINK_SURE },
		{ "possible gold link", false, false, LINK_POSSIBLE }, { "path", scene->path_count > 1, true, LINK_MARKS },
	};
	struct text_style style = { .size = SIZE_LABEL * unit, .colour = theme_colours(scene->theme)->text };
	struct stroke stroke = { .colour = colour_from_rgb(mark_table[scene->colouring.map].found), .width = 2 * unit };

	for (int64_t i = 0; i < scene->link_count; i++)
		entry[scene->link[i].mark].present = true;
	for (size_t i = 0; i < sizeof entry / sizeof *entry; i++) {
		if (!entry[i].present)
			continue;
		if (entry[i].is_path)
			canvas_line(canvas, x, y, x + 16 * unit, y, &stroke);
		else
			draw_mark(scene, canvas, (struct point){ x + 8 * unit, y }, 14 * unit, unit, entry[i].mark);
		canvas_text(canvas, x + 22 * unit, y, &style, entry[i].text);
		x += 22 * unit + text_width(canvas->type, style.size, false, entry[i].text) + 18 * unit;
	}
}

static void draw_extra(struct canvas *canvas, const struct heatmap_layout *layout, const void *data)
{
	const struct alignment_scene *scene = data;
	struct box map = heatmap_layout_panel(layout, 0);
	double unit = layout->figure.unit, y = map.y - strip_gap * unit;

	if (scene->span_count > 0) {
		y -= spans_height(scene) * unit;
		struct box strip = { map.x, y, map.width, spans_height(scene) * unit };
		draw_span_bars(scene, canvas, strip, map, unit);
		draw_span_texts(scene, canvas, strip, map, unit);
	}
	if (scene->waveform && scene->sample_count > 0) {
		y -= (wave_height + strip_gap) * unit;
		draw_waveform(scene, canvas, (struct box){ map.x, y, map.width, wave_height * unit },
			      theme_colours(scene->theme)->muted);
	}
	canvas_clip(canvas, map);
	if (scene->path_count > 1)
		draw_path(scene, canvas, map, unit);
	draw_links(scene, canvas, map, unit);
	canvas_unclip(canvas);
	if (scene->link_count > 0 || scene->path_count > 1)
		draw_legend(scene, canvas, map.x, layout->extra_y + legend_height * unit * 0.7, unit);
}

static struct heatmap_extra extra_of(const struct alignment_scene *scene)
{
	bool wave = scene->waveform && scene->sample_count > 0, spans = scene->span_count > 0;

	return (struct heatmap_extra){
		.above = (wave ? wave_height + strip_gap : 0) + spans_height(scene) + (wave || spans ? strip_gap : 0),
		.below = scene->link_count > 0 || scene->path_count > 1 ? legend_height : 0,
		.draw = draw_extra,
		.data = scene,
	};
}

enum err alignment_write(const struct alignment_scene *scene, const struct picture_request *request, struct err_info *info)
{
	static const struct terminal plain = { .colour = TERMINAL_ASCII, .columns = 100 };
	struct heatmap_scene heatmap = as_heatmap(scene);
	struct heatmap_extra extra = extra_of(scene);

	if (request->format == PICTURE_TEXT)
		return terminal_write_alignment(scene, &plain, request->out, info);
	return heatmap_write(&heatmap, &extra, request, info);
}

void alignment_cells(const struct alignment_scene *scene, const struct picture_request *request, int64_t *height, int64_t *width)
{
	struct heatmap_scene heatmap = as_heatmap(scene);
	struct heatmap_extra extra = extra_of(scene);

	heatmap_cells(&heatmap, &extra, request->format, request->page, height, width);
}
