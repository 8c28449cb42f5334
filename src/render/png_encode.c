/* SPDX-License-Identifier: MIT */
#include "render/png_encode.h"

#include <math.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { PALETTE_MAX = 256, HASH_SLOTS = 1024 };

/*
 * Blocks of equal colour repeat exactly, which filters hide from deflate; level 3 takes the time of level 1 and a sixth less room.
 * zlib moves its whole hash table every 32 KiB: a table of a quarter saves a fifth of the work and costs no room.
 */
enum { LEVEL = 3, MEMORY_LEVEL = 6 };

/* The colours of a picture in order of appearance, while there are at most 256. */
struct palette {
	uint32_t colour[PALETTE_MAX];
	int count;
	int16_t slot[HASH_SLOTS]; /* index + 1; 0: free */
};

struct encoder {
	png_structp png;
	png_infop header;
	png_sink *write;
	void *sink;
	struct err_info *info;
	enum err err;
	uint8_t *row;
};

static unsigned hash_slot(const struct palette *palette, uint32_t colour)
{
	unsigned slot = colour * 2654435761u >> 22;

	while (palette->slot[slot] && palette->colour[palette->slot[slot] - 1] != colour)
		slot = (slot + 1) % HASH_SLOTS;
	return slot;
}

static bool palette_add(struct palette *palette, uint32_t colour)
{
	unsigned slot = hash_slot(palette, colour);

	if (palette->slot[slot])
		return true;
	if (palette->count == PALETTE_MAX)
		return false;
	palette->colour[palette->count++] = colour;
	palette->slot[slot] = (int16_t)palette->count;
	return true;
}

static bool palette_collect(struct palette *palette, const struct png_picture *picture)
{
	uint32_t last = 0xFF000000;

	for (int64_t y = 0; y < picture->height; y++) {
		const uint32_t *line = picture->rgb + y * picture->stride;
		for (int64_t x = 0; x < picture->width; x++) {
			uint32_t colour = line[x] & 0xFFFFFF;
			if (colour != last && !palette_add(palette, colour))
				return false;
			last = colour;
		}
	}
	return true;
}

static void on_error(png_structp png, png_const_charp message)
{
	struct encoder *encoder = png_get_error_ptr(png);

	if (!encoder->err)
		encoder->err = err_set(encoder->info, ERR_NOMEM, "the picture could not be encoded (libpng: %s)", message);
	png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
	(void)png;
	(void)message;
}

static void on_write(png_structp png, png_bytep bytes, size_t count)
{
	struct encoder *encoder = png_get_io_ptr(png);

	encoder->err = encoder->write(encoder->sink, bytes, count);
	if (encoder->err)
		png_error(png, "write");
}

static void on_flush(png_structp png)
{
	(void)png;
}

static bool is_latin(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text >= 0x7F)
			return false;
	return true;
}

static bool set_texts(struct encoder *encoder, const struct png_picture *picture, png_text *texts)
{
	if (setjmp(png_jmpbuf(encoder->png)))
		return false;
	for (int i = 0; i < picture->text_count; i++) {
		const struct provenance *from = &picture->text[i];
		texts[i] = (png_text){ .compression = is_latin(from->value) ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
				       .key = (char *)(uintptr_t)from->key, .text = (char *)(uintptr_t)from->value,
				       .text_length = strlen(from->value) };
	}
	png_set_text(encoder->png, encoder->header, texts, picture->text_count);
	return true;
}

static bool write_header(struct encoder *encoder, const struct png_picture *picture, const struct palette *palette)
{
	png_color entry[PALETTE_MAX];

	if (setjmp(png_jmpbuf(encoder->png)))
		return false;
	png_set_write_fn(encoder->png, encoder, on_write, on_flush);
	png_set_compression_level(encoder->png, LEVEL);
	png_set_compression_mem_level(encoder->png, MEMORY_LEVEL);
	png_set_filter(encoder->png, 0, PNG_FILTER_NONE);
	png_set_IHDR(encoder->png, encoder->header, (png_uint_32)picture->width, (png_uint_32)picture->height, 8,
		     palette ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	if (palette) {
		for (int i = 0; i < palette->count; i++)
			entry[i] = (png_color){ palette->colour[i] >> 16 & 255, palette->colour[i] >> 8 & 255,
						palette->colour[i] & 255 };
		png_set_PLTE(encoder->png, encoder->header, entry, palette->count);
	}
	png_set_sRGB(encoder->png, encoder->header, PNG_sRGB_INTENT_PERCEPTUAL);
	if (picture->dpi > 0) {
		png_uint_32 per_metre = (png_uint_32)lrint(picture->dpi / 0.0254);
		png_set_pHYs(encoder->png, encoder->header, per_metre, per_metre, PNG_RESOLUTION_METER);
	}
	png_write_info(encoder->png, encoder->header);
	return true;
}

static void pack_indices(uint8_t *row, const uint32_t *line, int64_t width, const struct palette *palette)
{
	uint32_t last = 0xFF000000;
	uint8_t index = 0;

	for (int64_t x = 0; x < width; x++) {
		uint32_t colour = line[x] & 0xFFFFFF;
		if (colour != last)
			index = (uint8_t)(palette->slot[hash_slot(palette, colour)] - 1);
		row[x] = index;
		last = colour;
	}
}

static void pack_colours(uint8_t *row, const uint32_t *line, int64_t width)
{
	for (int64_t x = 0; x < width; x++) {
		row[3 * x] = (uint8_t)(line[x] >> 16);
		row[3 * x + 1] = (uint8_t)(line[x] >> 8);
		row[3 * x + 2] = (uint8_t)line[x];
	}
}

static bool write_rows(struct encoder *encoder, const struct png_picture *picture, const struct palette *palette)
{
	if (setjmp(png_jmpbuf(encoder->png)))
		return false;
	for (int64_t y = 0; y < picture->height; y++) {
		const uint32_t *line = picture->rgb + y * picture->stride;
		if (palette)
			pack_indices(encoder->row, line, picture->width, palette);
		else
			pack_colours(encoder->row, line, picture->width);
		png_write_row(encoder->png, encoder->row);
	}
	png_write_end(encoder->png, encoder->header);
	return true;
}

static enum err encode(struct encoder *encoder, const struct png_picture *picture, const struct palette *palette)
{
	png_text *texts = mem_zero_array((size_t)picture->text_count, sizeof *texts);

	encoder->row = mem_array((size_t)picture->width, 3);
	if (!texts || !encoder->row)
		encoder->err = err_nomem(encoder->info, "the picture");
	else if (set_texts(encoder, picture, texts) && write_header(encoder, picture, palette))
		write_rows(encoder, picture, palette);
	free(texts);
	free(encoder->row);
	return encoder->err;
}

enum err png_encode(const struct png_picture *picture, png_sink *write, void *sink, struct err_info *info)
{
	struct encoder encoder = { .write = write, .sink = sink, .info = info };
	struct palette *palette = mem_zero_array(1, sizeof *palette);
	enum err err;

	if (!palette)
		return err_nomem(info, "the picture");
	encoder.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &encoder, on_error, on_warning);
	encoder.header = encoder.png ? png_create_info_struct(encoder.png) : NULL;
	if (encoder.header)
		err = encode(&encoder, picture, palette_collect(palette, picture) ? palette : NULL);
	else
		err = err_nomem(info, "the picture");
	png_destroy_write_struct(&encoder.png, &encoder.header);
	free(palette);
	return err;
}
