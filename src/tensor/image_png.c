/* SPDX-License-Identifier: MIT */
#include <png.h>
#include <string.h>

#include "tensor/image_decoders.h"

/* A bit a pixel, deflated at 1032 : 1. */
enum { PIXELS_A_BYTE = 8 * 1032, SIGNATURE = 8, CHUNK_FRAME = 12 };

/* Chunks that do not change a pixel. They are not even parsed. */
static const png_byte ignored[] = "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0sTER\0tEXt\0tIME\0zTXt";
enum { IGNORED = sizeof ignored / 5 };

/* All that must survive libpng's longjmp stands here rather than in locals. */
struct decoder {
	png_structp png;
	png_infop meta;
	const unsigned char *bytes;
	size_t size, at;
	struct image *image;
	struct err_info *info;
	enum err err;
};

static void on_error(png_structp png, png_const_charp text)
{
	struct decoder *decoder = png_get_error_ptr(png);
	if (!decoder->err)
		decoder->err = err_set(decoder->info, ERR_FORMAT, "damaged PNG: %s", text);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

static void on_read(png_structp png, png_bytep out, size_t count)
{
	struct decoder *decoder = png_get_io_ptr(png);
	if (decoder->size - decoder->at < count)
		png_error(png, "it ends too early");
	memcpy(out, decoder->bytes + decoder->at, count);
	decoder->at += count;
}

/* Whatever the file holds, ask for 8-bit RGBA. */
static void expand(struct decoder *decoder)
{
	png_structp png = decoder->png;
	png_set_scale_16(png);
	png_set_expand(png);
	png_set_gray_to_rgb(png);
	png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
}

static void read_rows(struct decoder *decoder)
{
	int passes = png_set_interlace_handling(decoder->png);
	png_read_update_info(decoder->png, decoder->meta);
	size_t stride = 4 * (size_t)decoder->image->width;
	if (png_get_rowbytes(decoder->png, decoder->meta) != stride)
		png_error(decoder->png, "its rows have an unexpected size");
	for (int pass = 0; pass < passes; pass++)
		for (int64_t row = 0; row < decoder->image->height; row++)
			png_read_row(decoder->png, decoder->image->rgba + (size_t)row * stride, NULL);
	png_read_end(decoder->png, NULL);
}

/* libpng believes the length of a chunk and allocates it before it reads. */
static bool chunks_are_there(const unsigned char *bytes, size_t size)
{
	for (size_t at = SIGNATURE; at < size;) {
		size_t left = size - at;
		if (left < CHUNK_FRAME || png_get_uint_32(bytes + at) > left - CHUNK_FRAME)
			return false;
		bool last = memcmp(bytes + at + 4, "IEND", 4) == 0;
		at += CHUNK_FRAME + png_get_uint_32(bytes + at);
		if (last)
			return true;
	}
	return false;
}

static enum err decode(struct decoder *decoder)
{
	if (setjmp(png_jmpbuf(decoder->png)))
		return decoder->err;
	png_set_read_fn(decoder->png, decoder, on_read);
	png_set_user_limits(decoder->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* image_alloc has the last word */
	png_set_keep_unknown_chunks(decoder->png, PNG_HANDLE_CHUNK_NEVER, ignored, IGNORED);
	png_read_info(decoder->png, decoder->meta);
	decoder->err = image_alloc(decoder->image, png_get_image_width(decoder->png, decoder->meta),
				   png_get_image_height(decoder->png, decoder->meta), decoder->size, PIXELS_A_BYTE, decoder->info);
	if (decoder->err)
		return decoder->err;
	expand(decoder);
	read_rows(decoder);
	return ERR_OK;
}

enum err image_decode_png(struct image *image, const unsigned char *bytes, size_t size, struct err_info *info)
{
	if (!chunks_are_there(bytes, size))
		return err_set(info, ERR_FORMAT, "damaged PNG: it ends too early");
	struct decoder decoder = { .bytes = bytes, .size = size, .image = image, .info = info };
	decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
	decoder.meta = decoder.png ? png_create_info_struct(decoder.png) : NULL;
	enum err err = decoder.meta ? decode(&decoder) : err_nomem(info, "the picture");
	png_destroy_read_struct(&decoder.png, &decoder.meta, NULL);
	return err;
}
