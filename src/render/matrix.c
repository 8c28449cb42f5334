/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/memory.h"
#include "render/chart.h"
#include "render/heatmap_layout.h"

/* A matrix is a heatmap of one panel with its numbers printed; *cells is the caller's. */
static enum err as_heatmap(const struct matrix_scene *scene, struct panel *panel, struct heatmap_scene *heatmap, float **cells,
			   struct err_info *info)
{
	int64_t count;

	if (!mem_mul_i64(scene->rows, scene->columns, &count) || count < 1)
		return err_set(info, ERR_VALUE, "there is nothing to draw: the matrix is empty");
	*cells = mem_array((size_t)count, sizeof **cells);
	if (!*cells)
		return err_nomem(info, "the matrix");
	for (int64_t i = 0; i < count; i++)
		(*cells)[i] = (float)scene->value[i];
	*panel = (struct panel){ *cells, scene->rows, scene->columns, NULL };
	*heatmap = (struct heatmap_scene){
		.panel = panel,
		.panel_count = 1,
		.rows = { .title = scene->row_title, .count = scene->rows, .label = scene->row_label },
		.keys = { .title = scene->column_title, .count = scene->columns, .label = scene->column_label },
		.colouring = scene->colouring,
		.title = scene->title,
		.caption = scene->caption,
		.theme = scene->theme,
		.numbers = true,
	};
	return ERR_OK;
}

enum err matrix_write(const struct matrix_scene *scene, const struct picture_request *request, struct err_info *info)
{
	struct heatmap_scene heatmap;
	struct panel panel;
	float *cells = NULL;
	enum err err = as_heatmap(scene, &panel, &heatmap, &cells, info);

	if (!err)
		err = heatmap_write(&heatmap, NULL, request, info);
	free(cells);
	return err;
}

enum err terminal_write_matrix(const struct matrix_scene *scene, const struct terminal *terminal, struct output *out,
			       struct err_info *info)
{
	struct heatmap_scene heatmap;
	struct panel panel;
	float *cells = NULL;
	enum err err = as_heatmap(scene, &panel, &heatmap, &cells, info);

	if (!err)
		err = terminal_write_heatmap(&heatmap, terminal, out, info);
	free(cells);
	return err;
}
