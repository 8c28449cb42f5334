/* SPDX-License-Identifier: MIT */
/*
 * Weights of a patch grid over the picture they belong to: one, one per head, or one per token (a contact sheet).
 */
#ifndef ATTNVIZ_RENDER_OVERLAY_H
#define ATTNVIZ_RENDER_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "render/resample.h"
#include "render/scene.h"
#include "render/terminal.h"

enum mass_style {
	MASS_OUTLINE, /* a line around the patches that hold the mass */
	MASS_DIM,     /* everything else is darkened, as DINO's visualisations do */
};

struct overlay_scene {
	const uint8_t *rgba;        /* the picture, straight alpha, row by row without padding */
	int64_t image_height, image_width;
	const struct panel *panel;  /* patch grids, all of one size; a NaN leaves the picture as it is */
	int64_t panel_count;
	int64_t columns;            /* of the contact sheet; 0: near square */
	bool picture_first;         /* a panel with the bare picture comes first */
	enum interpolation interpolation;
	double opacity;             /* 0..1; 0: no colours, only the mass */
	bool fade;                  /* opacity falls with the weight, so that the picture shows where there is none */
	double mass;                /* mark the smallest set of patches with this share of the weight, e.g. 0.6; 0: none */
	enum mass_style mass_style;
	struct colouring colouring;
	const char *title, *caption;
	enum theme theme;
};

enum err overlay_write(const struct overlay_scene *scene, const struct picture_request *request, struct err_info *info);

/* The grids alone, as heatmaps. */
enum err terminal_write_overlay(const struct overlay_scene *scene, const struct terminal *terminal, struct output *out,
				struct err_info *info);

#endif
