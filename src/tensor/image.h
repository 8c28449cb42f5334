/* SPDX-License-Identifier: MIT */
/*
 * Pictures as inputs: PNG through libpng, JPEG through libjpeg.
 *
 * Pixels come out as 8-bit RGBA in rows from the top, alpha not multiplied in. Palettes, grey, 16 bits, transparency chunks and
 * interlacing are expanded, and a JPEG is turned as its EXIF orientation says; gamma and colour profiles are left alone.
 *
 * Limits: IMAGE_PIXELS_MAX pixels, and no more than the file's size can justify (deflate and Huffman codes reach about 1 : 1032
 * and 1 : 512 pixels a byte). A damaged or truncated picture is an error, never a half one.
 */
#ifndef ATTNVIZ_TENSOR_IMAGE_H
#define ATTNVIZ_TENSOR_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { IMAGE_PIXELS_MAX = 1 << 26, IMAGE_SIDE_MAX = 1 << 15 };

struct image {
	int64_t width, height;
	unsigned char *rgba; /* 4 * width * height bytes, owned */
};

/* "-" is standard input. ERR_FORMAT: damaged, or neither PNG nor JPEG; ERR_UNSUPPORTED: too large, or CMYK. */
enum err image_open(struct image *image, const char *file, struct err_info *info);
enum err image_parse(struct image *image, const unsigned char *bytes, size_t size, struct err_info *info);
void image_release(struct image *image); /* works on a zeroed struct */

#endif
