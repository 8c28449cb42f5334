/* SPDX-License-Identifier: MIT */
/* EXIF 2.32, 4.6: a TIFF header, and the tag Orientation (0x0112) of its first directory. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "tensor/image_decoders.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY = 12, PIXEL = 4 };

struct tiff {
	const unsigned char *bytes;
	size_t size;
	bool big;
};

static unsigned short_at(const struct tiff *tiff, size_t at)
{
	const unsigned char *b = tiff->bytes + at;
	return tiff->big ? (unsigned)b[0] << 8 | b[1] : (unsigned)b[1] << 8 | b[0];
}

static size_t long_at(const struct tiff *tiff, size_t at)
{
	size_t first = short_at(tiff, at), second = short_at(tiff, at + 2);
	return tiff->big ? first << 16 | second : second << 16 | first;
}

int image_exif_orientation(const unsigned char *bytes, size_t size)
{
	if (size < 6 + 8 || memcmp(bytes, "Exif\0\0", 6) != 0)
		return 0;
	struct tiff tiff = { bytes + 6, size - 6, bytes[6] == 'M' };
	if (memcmp(tiff.bytes, tiff.big ? "MM" : "II", 2) != 0 || short_at(&tiff, 2) != 42)
		return 0;
	size_t at = long_at(&tiff, 4);
	if (at > tiff.size - 2)
		return 0;
	size_t entries = short_at(&tiff, at), most = (tiff.size - at - 2) / ENTRY;
	at += 2;
	for (size_t i = 0; i < entries && i < most; i++, at += ENTRY)
		if (short_at(&tiff, at) == TAG_ORIENTATION && short_at(&tiff, at + 2) == TYPE_SHORT && long_at(&tiff, at + 4) == 1) {
			unsigned orientation = short_at(&tiff, at + 8);
			return orientation >= 1 && orientation <= 8 ? (int)orientation : 0;
		}
	return 0;
}

/* Where pixel (x, y) of the picture as it is to be seen lies in the one stored, which is width x height. */
static int64_t stored_at(int orientation, int64_t width, int64_t height, int64_t x, int64_t y)
{
	bool turned = orientation >= 5;
	int64_t column = turned ? y : x, row = turned ? x : y;
	if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
		column = width - 1 - column;
	if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
		row = height - 1 - row;
	return row * width + column;
}

enum err image_turn(struct image *image, int orientation, struct err_info *info)
{
	int64_t width = orientation >= 5 ? image->height : image->width, height = orientation >= 5 ? image->width : image->height;
	if (orientation <= 1)
		return ERR_OK;
	unsigned char *rgba = mem_array((size_t)(width * height), PIXEL);
	if (!rgba)
		return err_nomem(info, "the picture");
	for (int64_t y = 0; y < height; y++)
		for (int64_t x = 0; x < width; x++)
			memcpy(rgba + PIXEL * (y * width + x), image->rgba + PIXEL * stored_at(orientation, image->width, image->height, x, y), PIXEL);
	free(image->rgba);
	*image = (struct image){ .width = width, .height = height, .rgba = rgba };
	return ERR_OK;
}
