/* SPDX-License-Identifier: MIT */
/*
 * The picture formats, one file each; only image.c calls them.
 */
#ifndef ATTNVIZ_TENSOR_IMAGE_DECODERS_H
#define ATTNVIZ_TENSOR_IMAGE_DECODERS_H

#include "tensor/image.h"

/* Both fill a zeroed image; what they allocated is the caller's to release, also after an error. */
enum err image_decode_png(struct image *image, const unsigned char *bytes, size_t size, struct err_info *info);
enum err image_decode_jpeg(struct image *image, const unsigned char *bytes, size_t size, struct err_info *info);

/* Check the size against the limits and allocate the pixels. `pixels_a_byte` is the most that the format packs into a byte. */
enum err image_alloc(struct image *image, uint64_t width, uint64_t height, size_t size, uint64_t pixels_a_byte, struct err_info *info);

/* The orientation in an EXIF block ("Exif", two zeros, a TIFF header), 1 to 8; 0 where there is none, or it is damaged. */
int image_exif_orientation(const unsigned char *bytes, size_t size);

/* Turn the pixels, which are stored in this orientation, upright: 2 mirrored, 3 turned round, 4 mirrored and turned round, 5 to 8 on their side. 0
 * and 1 change nothing. */
enum err image_turn(struct image *image, int orientation, struct err_info *info);

#endif
