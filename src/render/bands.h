/* SPDX-License-Identifier: MIT */
/*
 * A heatmap whose axes are divided into named spans: lines over the panels where spans meet, the names above them.
 */
#ifndef ATTNVIZ_RENDER_BANDS_H
#define ATTNVIZ_RENDER_BANDS_H

#include <stdint.h>

#include "base/error.h"
#include "render/scene.h"

/* Positions [begin, end), numbered as axis_scale.first numbers them; what lies outside the axis is cut off. */
struct axis_band {
	int64_t begin, end;
	const char *name; /* valid UTF-8 */
};

struct bands {
	const struct axis_band *rows, *keys;
	int64_t row_count, key_count;
};

enum err bands_write(const struct heatmap_scene *scene, const struct bands *bands, const struct picture_request *request, struct err_info *info);

/* Cells to ask pooling for. */
void bands_cells(const struct heatmap_scene *scene, const struct bands *bands, const struct picture_request *request, int64_t *height, int64_t *width);

#endif
