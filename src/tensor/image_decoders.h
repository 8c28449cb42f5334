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

#endif
