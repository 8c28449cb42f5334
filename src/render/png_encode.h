/* SPDX-License-Identifier: MIT */
/*
 * PNG through libpng: 8-bit RGB without alpha, or a palette where the picture has at most 256 colours.
 */
#ifndef ATTNVIZ_RENDER_PNG_ENCODE_H
#define ATTNVIZ_RENDER_PNG_ENCODE_H

#include <stdint.h>

#include "base/error.h"
#include "render/scene.h"

struct png_picture {
	const uint32_t *rgb; /* 0xRRGGBB, the upper byte is ignored */
	int64_t width, height;
	int64_t stride;      /* in pixels */
	double dpi;          /* written as pHYs; 0: not */
	const struct provenance *text; /* tEXt, or iTXt where a value is not Latin-1 */
	int text_count;
};

/* Receives the file's bytes; a result other than ERR_OK stops the encoding and is returned. */
typedef enum err png_sink(void *sink, const void *bytes, size_t count);

enum err png_encode(const struct png_picture *picture, png_sink *write, void *sink, struct err_info *info);

#endif
