/* SPDX-License-Identifier: MIT */
#include "render/overlay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "render/heatmap_layout.h"

/* Up from this factor a small picture shows its pixels. */
static const double pixels_show = 4;
static const double comfortable_side = 520, widest = 1160, highest = 900, dimmed = 0.28;
static const uint32_t outline_rgb = 0xffffff, outline_halo_rgb = 0x101418;

struct overlay {
	const struct overlay_scene *scene;
	struct panel *panel;      /* the scene's, and the bare picture's */
	float *nothing;           /* cells of the bare picture's panel */
	float *scratch;           /* of one grid */
	struct heatmap_scene heatmap;
	int finer;                /* pixels of the raster to one of the page: vector formats get more */
	uint32_t table[COLOUR_STEPS];
};

static struct colour photo_pixel(const struct overlay_scene *scene, int64_t y, int64_t x)
{
	const uint8_t *at = scene->rgba + 4 * (y * scene->image_width + x);
	struct colour page = theme_colours(scene->theme)->page;

	return colour_blend(page, (struct colour){ at[0], at[1], at[2], at[3] });
}

/* Mean over the source pixels [y0, y1) x [x0, x1), at least one. */
static struct colour photo_mean(const struct overlay_scene *scene, int64_t y0, int64_t y1, int64_t x0, int64_t x1)
{
	int64_t r = 0, g = 0, b = 0, count = 0;

	for (int64_t y = y0; y < y1 || y == y0; y++) {
		for (int64_t x = x0; x < x1 || x == x0; x++) {
			struct colour colour = photo_pixel(scene, y, x);
			r += colour.r;
			g += colour.g;
			b += colour.b;
			count++;
		}
	}
	return (struct colour){ (uint8_t)(r / count), (uint8_t)(g / count), (uint8_t)(b / count), 255 };
}

static struct colour photo_between(const struct overlay_scene *scene, double y, double x)
{
	int64_t y0 = (int64_t)fmax(floor(y), 0), x0 = (int64_t)fmax(floor(x), 0);
	int64_t y1 = y0 + 1 < scene->image_height ? y0 + 1 : y0, x1 = x0 + 1 < scene->image_width ? x0 + 1 : x0;
	double down = fmax(y - (double)y0, 0), right = fmax(x - (double)x0, 0);
	struct colour upper = colour_blend(photo_pixel(scene, y0, x0), colour_with_alpha(photo_pixel(scene, y0, x1), right));
	struct colour lower = colour_blend(photo_pixel(scene, y1, x0), colour_with_alpha(photo_pixel(scene, y1, x1), right));

	return colour_blend(upper, colour_with_alpha(lower, down));
}

/* The picture at a pixel of the panel: averaged when it shrinks, interpolated when it grows, its own pixels when it grows much. */
static struct colour photo_at(const struct overlay_scene *scene, int64_t y, int64_t x, int64_t height, int64_t width)
{
	double scale = (double)width / (double)scene->image_width;

	if (scale > 1 && scale < pixels_show)
		return photo_between(scene, ((double)y + 0.5) * (double)scene->image_height / (double)height - 0.5,
				     ((double)x + 0.5) / scale - 0.5);
	return photo_mean(scene, y * scene->image_height / height, (y + 1) * scene->image_height / height,
			  x * scene->image_width / width, (x + 1) * scene->image_width / width);
}

struct painting {
	const struct overlay *overlay;
	const struct panel *panel;
	const struct value_range *range;
	int64_t height, width; /* pixels */
	float threshold;       /* of the mass; NaN: none */
	float *weight;         /* of each pixel */
};

static bool holds_mass(const struct painting *painting, int64_t row, int64_t column)
{
	const struct panel *panel = painting->panel;

	return row >= 0 && column >= 0 && row < panel->height && column < panel->width &&
	       panel->cell[row * panel->width + column] >= painting->threshold;
}

static struct colour paint_pixel(const struct painting *painting, int64_t y, int64_t x)
{
	const struct overlay_scene *scene = painting->overlay->scene;
	const struct panel *panel = painting->panel;
	struct colour colour = photo_at(scene, y, x, painting->height, painting->width);
	float weight = painting->weight[y * painting->width + x];

	if (isfinite(weight) && scene->opacity > 0) {
		double unit = value_range_unit(painting->range, weight), alpha = scene->opacity * (scene->fade ? sqrt(unit) : 1);
		struct colour heat = colour_from_rgb(painting->overlay->table[(int)(unit * (COLOUR_STEPS - 1) + 0.5)]);
		colour = colour_blend(colour, colour_with_alpha(heat, alpha));
	}
	if (scene->mass_style == MASS_DIM && !isnan(painting->threshold) &&
	    !holds_mass(painting, y * panel->height / painting->height, x * panel->width / painting->width))
		colour = colour_blend((struct colour){ 0, 0, 0, 255 }, colour_with_alpha(colour, dimmed));
	return colour;
}

/* One side of a patch on the edge of the set, `wide` pixels thick, centred on the edge. */
static void draw_side(struct canvas *canvas, double x0, double y0, double x1, double y1, double wide, struct colour colour)
{
	canvas_rectangle(canvas, x0 - wide / 2, y0 - wide / 2, x1 - x0 + wide, y1 - y0 + wide, colour);
}

static void draw_outline(const struct painting *painting, struct canvas *canvas, struct box box, double wide, struct colour colour)
{
	const struct panel *panel = painting->panel;

	for (int64_t row = 0; row < panel->height; row++) {
		for (int64_t column = 0; column < panel->width; column++) {
			double left = box.x + round((double)column * box.width / (double)panel->width);
			double right = box.x + round((double)(column + 1) * box.width / (double)panel->width);
			double top = box.y + round((double)row * box.height / (double)panel->height);
			double bottom = box.y + round((double)(row + 1) * box.height / (double)panel->height);
			if (!holds_mass(painting, row, column))
				continue;
			if (!holds_mass(painting, row - 1, column))
				draw_side(canvas, left, top, right, top, wide, colour);
			if (!holds_mass(painting, row + 1, column))
				draw_side(canvas, left, bottom, right, bottom, wide, colour);
			if (!holds_mass(painting, row, column - 1))
				draw_side(canvas, left, top, left, bottom, wide, colour);
			if (!holds_mass(painting, row, column + 1))
				draw_side(canvas, right, top, right, bottom, wide, colour);
		}
	}
}

static void paint_raster(const struct painting *painting, uint32_t *rgb)
{
	for (int64_t y = 0; y < painting->height; y++)
		for (int64_t x = 0; x < painting->width; x++)
			rgb[y * painting->width + x] = colour_to_rgb(paint_pixel(painting, y, x));
}

static void mark_mass(const struct painting *painting, struct canvas *canvas, struct box box, double unit)
{
	canvas_clip(canvas, box);
	draw_outline(painting, canvas, box, 4 * unit, colour_with_alpha(colour_from_rgb(outline_halo_rgb), 0.75));
	draw_outline(painting, canvas, box, 2 * unit, colour_from_rgb(outline_rgb));
	canvas_unclip(canvas);
}

static void paint_panel(struct canvas *canvas, const struct heatmap_layout *layout, int64_t index, const struct value_range *range,
			const void *data)
{
	const struct overlay *overlay = data;
	const struct overlay_scene *scene = overlay->scene;
	const struct panel *panel = &overlay->panel[index];
	struct box box = heatmap_layout_panel(layout, index);
	struct painting painting = { overlay, panel, range, (int64_t)box.height * overlay->finer, (int64_t)box.width * overlay->finer,
				     NAN, NULL };
	uint32_t *rgb = mem_array((size_t)painting.height, (size_t)painting.width * sizeof *rgb);

	painting.weight = mem_array((size_t)painting.height, (size_t)painting.width * sizeof *painting.weight);
	if (!rgb || !painting.weight ||
	    resample(panel->cell, panel->height, panel->width, scene->interpolation, painting.weight, painting.height, painting.width, NULL)) {
		canvas->out_of_memory = true;
	} else {
		if (scene->mass > 0)
			painting.threshold = resample_mass_threshold(panel->cell, panel->height * panel->width, scene->mass, overlay->scratch);
		paint_raster(&painting, rgb);
		canvas_raster(canvas, box, &(struct raster){ .rgb = rgb, .height = painting.height, .width = painting.width, .smooth = overlay->finer > 1 });
		if (scene->mass_style == MASS_OUTLINE && !isnan(painting.threshold))
			mark_mass(&painting, canvas, box, layout->figure.unit);
	}
	free(painting.weight);
	free(rgb);
}

static enum err check(const struct overlay_scene *scene, struct err_info *info)
{
	if (scene->panel_count < 1 || scene->panel[0].height < 1 || scene->panel[0].width < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: no patch grid");
	if (scene->image_height < 1 || scene->image_width < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw on: the picture is empty");
	return ERR_OK;
}

static enum err overlay_init(struct overlay *overlay, const struct overlay_scene *scene, struct err_info *info)
{
	*overlay = (struct overlay){ .scene = scene };
	enum err err = check(scene, info);
	if (err)
		return err;
	int64_t cells = scene->panel[0].height * scene->panel[0].width, first = scene->picture_first;
	overlay->panel = mem_array((size_t)(scene->panel_count + first), sizeof *overlay->panel);
	overlay->nothing = mem_array((size_t)cells, sizeof *overlay->nothing);
	overlay->scratch = mem_array((size_t)cells, sizeof *overlay->scratch);
	if (!overlay->panel || !overlay->nothing || !overlay->scratch)
		return err_nomem(info, "the overlay");
	for (int64_t i = 0; i < cells; i++)
		overlay->nothing[i] = NAN;
	overlay->panel[0] = (struct panel){ overlay->nothing, scene->panel[0].height, scene->panel[0].width, "picture" };
	memcpy(overlay->panel + first, scene->panel, (size_t)scene->panel_count * sizeof *scene->panel);
	overlay->heatmap = (struct heatmap_scene){
		.panel = overlay->panel,
		.panel_count = scene->panel_count + first,
		.columns = scene->columns,
		.colouring = scene->colouring,
		.title = scene->title,
		.caption = scene->caption,
		.theme = scene->theme,
	};
	colour_map_table(scene->colouring.map, scene->colouring.reverse, overlay->table);
	return ERR_OK;
}

static void overlay_release(struct overlay *overlay)
{
	free(overlay->panel);
	free(overlay->nothing);
	free(overlay->scratch);
}

enum err overlay_write(const struct overlay_scene *scene, const struct picture_request *request, struct err_info *info)
{
	static const struct terminal plain = { .colour = TERMINAL_ASCII, .columns = 100 };
	struct overlay overlay;
	enum err err = ERR_OK;

	if (request->format == PICTURE_TEXT)
		return terminal_write_overlay(scene, &plain, request->out, info);
	err = overlay_init(&overlay, scene, info);
	if (!err) {
		double wide = (double)scene->image_width, high = (double)scene->image_height;
		double scale = fmin(comfortable_side / sqrt(wide * high), fmin(widest / wide, highest / high));
		struct heatmap_extra extra = { .panel_width = wide * scale,
					       .panel_height = high * scale,
					       .paint = paint_panel,
					       .data = &overlay,
					       .no_bar = !(scene->opacity > 0) };
		overlay.finer = writer_is_exact(request->format) ? 2 : 1;
		err = heatmap_write(&overlay.heatmap, &extra, request, info);
	}
	overlay_release(&overlay);
	return err;
}

enum err terminal_write_overlay(const struct overlay_scene *scene, const struct terminal *terminal, struct output *out,
				struct err_info *info)
{
	enum err err = check(scene, info);

	if (err)
		return err;
	struct heatmap_scene heatmap = {
		.panel = scene->panel,
		.panel_count = scene->panel_count,
		.rows = { .count = scene->panel[0].height },
		.keys = { .count = scene->panel[0].width },
		.colouring = scene->colouring,
		.title = scene->title,
		.caption = scene->caption,
		.theme = scene->theme,
	};
	return terminal_write_heatmap(&heatmap, terminal, out, info);
}
