/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "render/chart.h"

/* Width that the heads of a layer take, of the distance between two layers. */
static const double spread = 0.66;

struct depth {
	double *x, *y;       /* a dot each: [layers * heads] */
	double *layer, *mean; /* [layers] */
	struct series series[2];
	struct chart_scene chart;
};

static int64_t place_dots(struct depth *depth, const struct depth_scene *scene)
{
	int64_t dots = 0;

	for (int64_t i = 0; i < scene->layers; i++) {
		double sum = 0;
		int64_t first = dots;
		depth->layer[i] = scene->layer ? (double)scene->layer[i] : (double)i;
		for (int64_t head = 0; head < scene->heads; head++) {
			double value = scene->value[i * scene->heads + head], middle = (double)(scene->heads - 1) / 2;
			if (!isfinite(value))
				continue;
			depth->x[dots] = depth->layer[i] + (middle > 0 ? ((double)head - middle) / (2 * middle) * spread : 0);
			depth->y[dots++] = value;
			sum += value;
		}
		depth->mean[i] = dots > first ? sum / (double)(dots - first) : NAN;
	}
	return dots;
}

static enum err depth_init(struct depth *depth, const struct depth_scene *scene, struct err_info *info)
{
	int64_t count;

	*depth = (struct depth){ 0 };
	if (!mem_mul_i64(scene->layers, scene->heads, &count) || count < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: no head was chosen");
	depth->x = mem_array((size_t)count, sizeof *depth->x);
	depth->y = mem_array((size_t)count, sizeof *depth->y);
	depth->layer = mem_array((size_t)scene->layers, sizeof *depth->layer);
	depth->mean = mem_array((size_t)scene->layers, sizeof *depth->mean);
	if (!depth->x || !depth->y || !depth->layer || !depth->mean)
		return err_nomem(info, "the chart");
	int64_t dots = place_dots(depth, scene);
	depth->series[0] = (struct series){ .kind = SERIES_LINE,
					    .name = "mean of the layer",
					    .count = scene->layers,
					    .x = depth->layer,
					    .y = depth->mean,
					    .colour = 1 };
	depth->series[1] =
		(struct series){ .kind = SERIES_DOTS, .name = scene->heads > 1 ? "heads in their order" : "head", .count = dots, .x = depth->x, .y = depth->y, .colour = 0 };
	depth->chart = (struct chart_scene){
		.series = depth->series,
		.series_count = 2,
		.x = { .title = "layer",
		       .whole = true,
		       .min = depth->layer[0] - 0.6,
		       .max = depth->layer[scene->layers - 1] + 0.6 },
		.y = { .title = scene->metric, .log = scene->log, .min = NAN, .max = NAN },
		.marker = scene->marker,
		.marker_name = scene->marker_name,
		.title = scene->title,
		.caption = scene->caption,
		.theme = scene->theme,
	};
	return ERR_OK;
}

static void depth_release(struct depth *depth)
{
	free(depth->x);
	free(depth->y);
	free(depth->layer);
	free(depth->mean);
}

enum err depth_write(const struct depth_scene *scene, const struct picture_request *request, struct err_info *info)
{
	struct depth depth;
	enum err err = depth_init(&depth, scene, info);

	if (!err)
		err = chart_write(&depth.chart, request, info);
	depth_release(&depth);
	return err;
}

enum err terminal_write_depth(const struct depth_scene *scene, const struct terminal *terminal, struct output *out,
			      struct err_info *info)
{
	struct depth depth;
	enum err err = depth_init(&depth, scene, info);

	if (!err)
		err = terminal_write_chart(&depth.chart, terminal, out, info);
	depth_release(&depth);
	return err;
}
