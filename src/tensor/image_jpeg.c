/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/memory.h"
#include "tensor/image_decoders.h"

/* Each block of 8 x 8 pixels takes a bit at least. */
enum { PIXELS_A_BYTE = 512, MEMORY_MAX = 256 << 20, SCANS_MAX = 200 };

/* libjpeg hands its error manager to the callbacks: ours begins with it. What must survive the longjmp stands here. */
struct decoder {
	struct jpeg_error_mgr manager;
	jmp_buf escape;
	struct jpeg_progress_mgr progress;
	struct jpeg_decompress_struct jpeg;
	unsigned char *row;
	size_t size;
	int orientation;
	struct image *image;
	struct err_info *info;
	enum err err;
};

static void on_error(j_common_ptr jpeg)
{
	struct decoder *decoder = (struct decoder *)jpeg->err;
	char text[JMSG_LENGTH_MAX];
	jpeg->err->format_message(jpeg, text);
	if (!decoder->err)
		decoder->err = err_set(decoder->info, ERR_FORMAT, "damaged JPEG: %s", text);
	longjmp(decoder->escape, 1);
}

/* libjpeg fills what is missing with grey and only warns. */
static void on_message(j_common_ptr jpeg, int level)
{
	int code = jpeg->err->msg_code;
	if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE))
		on_error(jpeg);
}

/* A small progressive file may ask for any number of passes over a large picture. */
static void on_progress(j_common_ptr jpeg)
{
	struct decoder *decoder = (struct decoder *)jpeg->err;
	if (((j_decompress_ptr)jpeg)->input_scan_number <= SCANS_MAX)
		return;
	decoder->err = err_set(decoder->info, ERR_FORMAT, "damaged JPEG: more than %d scans", SCANS_MAX);
	longjmp(decoder->escape, 1);
}

static void expand_row(const unsigned char *rgb, int64_t width, unsigned char *rgba)
{
	for (int64_t x = 0; x < width; x++) {
		memcpy(rgba + 4 * x, rgb + 3 * x, 3);
		rgba[4 * x + 3] = 0xff;
	}
}

static enum err prepare(struct decoder *decoder)
{
	struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
	if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
		return err_set(decoder->info, ERR_UNSUPPORTED, "a CMYK picture: convert it to RGB");
	jpeg->out_color_space = JCS_RGB;
	enum err err = image_alloc(decoder->image, jpeg->image_width, jpeg->image_height, decoder->size, PIXELS_A_BYTE, decoder->info);
	if (err)
		return err;
	decoder->row = mem_array(jpeg->image_width, 3);
	return decoder->row ? ERR_OK : err_nomem(decoder->info, "the picture");
}

/* The first EXIF block counts. */
static int orientation_of(const struct jpeg_decompress_struct *jpeg)
{
	for (jpeg_saved_marker_ptr marker = jpeg->marker_list; marker; marker = marker->next)
		if (marker->marker == JPEG_APP0 + 1 && marker->data_length >= 6 && memcmp(marker->data, "Exif\0\0", 6) == 0)
			return image_exif_orientation(marker->data, marker->data_length);
	return 0;
}

static enum err decode(struct decoder *decoder, const unsigned char *bytes)
{
	struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
	if (setjmp(decoder->escape))
		return decoder->err;
	jpeg_create_decompress(jpeg);
	jpeg->progress = &decoder->progress;
	jpeg->mem->max_memory_to_use = MEMORY_MAX;
	jpeg_mem_src(jpeg, bytes, (unsigned long)decoder->size);
	jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
	jpeg_read_header(jpeg, TRUE);
	decoder->orientation = orientation_of(jpeg);
	decoder->err = prepare(decoder);
	if (decoder->err)
		return decoder->err;
	jpeg_start_decompress(jpeg);
	while (jpeg->output_scanline < jpeg->output_height) {
		size_t at = 4 * (size_t)jpeg->output_scanline * (size_t)decoder->image->width;
		jpeg_read_scanlines(jpeg, &decoder->row, 1);
		expand_row(decoder->row, decoder->image->width, decoder->image->rgba + at);
	}
	jpeg_finish_decompress(jpeg);
	return image_turn(decoder->image, decoder->orientation, decoder->info);
}

enum err image_decode_jpeg(struct image *image, const unsigned char *bytes, size_t size, struct err_info *info)
{
	struct decoder *decoder = calloc(1, sizeof *decoder);
	if (!decoder)
		return err_nomem(info, "the picture");
	decoder->image = image;
	decoder->size = size;
	decoder->info = info;
	decoder->jpeg.err = jpeg_std_error(&decoder->manager);
	decoder->manager.error_exit = on_error;
	decoder->manager.emit_message = on_message;
	decoder->progress.progress_monitor = on_progress;
	enum err err = decode(decoder, bytes);
	jpeg_destroy_decompress(&decoder->jpeg);
	free(decoder->row);
	free(decoder);
	return err;
}
