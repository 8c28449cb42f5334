/* SPDX-License-Identifier: MIT */
/*
 * Numbers printed in the cells of a panel, dark or light as the cell's colour asks.
 */
#ifndef ATTNVIZ_RENDER_CELL_NUMBERS_H
#define ATTNVIZ_RENDER_CELL_NUMBERS_H

#include "render/canvas.h"
#include "render/scene.h"

/* Decimals that give the largest magnitude of the panel three significant digits, small ones at least two. */
int cell_numbers_decimals(const struct panel *panel);
void cell_number_text(char *text, size_t size, double value, int decimals);

/* Nothing is drawn where the widest number does not fit its cell. `rgb` are the colours of the cells. */
void cell_numbers_draw(const struct panel *panel, const uint32_t *rgb, struct canvas *canvas, struct box box, double unit);

#endif
