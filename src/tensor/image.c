/* SPDX-License-Identifier: MIT */
#include "tensor/image.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/image_decoders.h"
#include "tensor/reader.h"

enum { BYTES_A_PIXEL = 4, SMALL = 4096 };

enum err image_alloc(struct image *image, uint64_t width, uint64_t height, size_t size, uint64_t pixels_a_byte, struct err_info *info)
{
	if (width == 0 || height == 0)
		return err_set(info, ERR_FORMAT, "the picture has no pixels");
	if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX || width * height > IMAGE_PIXELS_MAX)
		return err_set(info, ERR_UNSUPPORTED, "a picture of %llu x %llu pixels is too large: scale it down",
			       (unsigned long long)width, (unsigned long long)height);
	if (width * height / pixels_a_byte > size + SMALL)
		return err_set(info, ERR_FORMAT, "the picture claims %llu x %llu pixels, which its %zu bytes cannot hold",
			       (unsigned long long)width, (unsigned long long)height, size);
	image->rgba = mem_array((size_t)(width * height), BYTES_A_PIXEL);
	if (!image->rgba)
		return err_nomem(info, "the picture");
	image->width = (int64_t)width;
	image->height = (int64_t)height;
	return ERR_OK;
}

static bool is_png(const unsigned char *bytes, size_t size)
{
	return size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool is_jpeg(const unsigned char *bytes, size_t size)
{
	return size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
}

static bool is_picture(const unsigned char *head, size_t size)
{
	return is_png(head, size) || is_jpeg(head, size);
}

enum err image_parse(struct image *image, const unsigned char *bytes, size_t size, struct err_info *info)
{
	memset(image, 0, sizeof *image);
	enum err err;
	if (is_png(bytes, size))
		err = image_decode_png(image, bytes, size, info);
	else if (is_jpeg(bytes, size))
		err = image_decode_jpeg(image, bytes, size, info);
	else
		err = err_set(info, ERR_FORMAT, size ? "neither a PNG nor a JPEG picture" : "the file is empty");
	if (err)
		image_release(image);
	return err;
}

enum err image_open(struct image *image, const char *file, struct err_info *info)
{
	struct err_info scratch = { 0 };
	if (!info)
		info = &scratch;
	memset(image, 0, sizeof *image);
	struct bytes bytes;
	enum err err = bytes_open_if(&bytes, file, is_picture, info);
	if (!err) {
		err = image_parse(image, bytes.data, (size_t)bytes.size, info);
		bytes_release(&bytes);
	}
	if (err)
		err_in_file(info, strcmp(file, "-") == 0 ? "standard input" : file);
	return err;
}

void image_release(struct image *image)
{
	free(image->rgba);
	memset(image, 0, sizeof *image);
}
