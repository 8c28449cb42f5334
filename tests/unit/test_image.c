/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include "support/suite.h"
#include "tensor/image.h"

static struct image opened(const char *path)
{
	struct image image;
	struct err_info info = { 0 };
	ck_assert_msg(image_open(&image, path, &info) == ERR_OK, "%s: %s", path, info.text);
	return image;
}

static const char *suite_png(const char *name)
{
	return suite_external_path("pngsuite/images/%s.png", name);
}

/* --- PNG: a 3 x 2 picture, written out --- */

/* 8-bit RGBA: red, green, blue / white, black, transparent yellow. Made with zlib by hand. */
static const unsigned char tiny_png[] = {
	0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 'I', 'H', 'D', 'R', 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
	0x02, 0x08, 0x06, 0x00, 0x00, 0x00,
	0x9d, 0x74, 0x66, 0x1a, 0x00, 0x00, 0x00, 0x18, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0xf8,
	0xcf, 0xc0, 0xf0, 0x1f, 0x0c, 0x19, 0xfe, 0x03, 0x49, 0x20, 0x60, 0x00, 0xb1, 0x80, 0x24, 0x00,
	0xa7, 0x72, 0x0c, 0xf4, 0x66, 0xb7, 0x81, 0xba, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44,
	0xae, 0x42, 0x60, 0x82,
};

static const unsigned char tiny_pixels[2][3][4] = {
	{ { 255, 0, 0, 255 }, { 0, 255, 0, 255 }, { 0, 0, 255, 255 } },
	{ { 255, 255, 255, 255 }, { 0, 0, 0, 255 }, { 255, 255, 0, 0 } },
};

START_TEST(pixels_come_out_as_they_are)
{
	struct image image;
	struct err_info info = { 0 };
	ck_assert_msg(image_parse(&image, tiny_png, sizeof tiny_png, &info) == ERR_OK, "%s", info.text);
	ck_assert_int_eq(image.width, 3);
	ck_assert_int_eq(image.height, 2);
	ck_assert_mem_eq(image.rgba, tiny_pixels, sizeof tiny_pixels);
	image_release(&image);
}
END_TEST

START_TEST(no_part_of_a_png_is_a_png)
{
	for (size_t size = 0; size < sizeof tiny_png; size++) {
		unsigned char *exact = malloc(size + 1);
		memcpy(exact, tiny_png, size);
		struct image image;
		struct err_info info = { 0 };
		ck_assert_msg(image_parse(&image, exact, size, &info) == ERR_FORMAT, "%zu bytes", size);
		ck_assert_ptr_null(image.rgba);
		free(exact);
	}
}
END_TEST

START_TEST(a_size_that_the_file_cannot_hold_is_refused)
{
	unsigned char large[sizeof tiny_png];
	memcpy(large, tiny_png, sizeof large);
	memcpy(large + 16, "\x00\x00\x40\x00\x00\x00\x10\x00", 8); /* 16384 x 4096 */
	memcpy(large + 29, "\x8a\x1d\xf9\x33", 4);
	struct image image;
	struct err_info info = { 0 };
	ck_assert_int_eq(image_parse(&image, large, sizeof large, &info), ERR_FORMAT);
	ck_assert_msg(strstr(info.text, "cannot hold"), "%s", info.text);
}
END_TEST

/* --- PngSuite --- */

/* What the suite says of itself: the interlaced picture is the same as the one that is not, and the splitting of IDAT changes nothing. */
static const char *const same[][2] = {
	{ "basi0g01", "basn0g01" }, { "basi0g02", "basn0g02" }, { "basi0g04", "basn0g04" }, { "basi0g08", "basn0g08" },
	{ "basi0g16", "basn0g16" }, { "basi2c08", "basn2c08" }, { "basi2c16", "basn2c16" }, { "basi3p01", "basn3p01" },
	{ "basi3p02", "basn3p02" }, { "basi3p04", "basn3p04" }, { "basi3p08", "basn3p08" }, { "basi4a08", "basn4a08" },
	{ "basi4a16", "basn4a16" }, { "basi6a08", "basn6a08" }, { "basi6a16", "basn6a16" }, { "s01i3p01", "s01n3p01" },
	{ "s05i3p02", "s05n3p02" }, { "s09i3p02", "s09n3p02" }, { "s33i3p04", "s33n3p04" }, { "s40i3p04", "s40n3p04" },
	{ "oi1n0g16", "oi9n0g16" }, { "oi2n0g16", "oi4n0g16" }, { "oi1n2c16", "oi9n2c16" }, { "oi2n2c16", "oi4n2c16" },
	{ "z00n2c08", "z09n2c08" }, { "z03n2c08", "z06n2c08" },
};

START_TEST(pictures_that_differ_only_in_how_they_are_stored_are_the_same)
{
	if (!suite_external()) {
		suite_skip(1, "PngSuite is not here");
		return;
	}
	struct image a = opened(suite_png(same[_i][0])), b = opened(suite_png(same[_i][1]));
	ck_assert_int_eq(a.width, b.width);
	ck_assert_int_eq(a.height, b.height);
	ck_assert_mem_eq(a.rgba, b.rgba, (size_t)(4 * a.width * a.height));
	image_release(&a);
	image_release(&b);
}
END_TEST

/* Names that begin with x are the broken ones of the suite. */
START_TEST(every_picture_of_the_suite_is_read_and_every_broken_one_refused)
{
	if (!suite_external()) {
		suite_skip(175, "PngSuite is not here");
		return;
	}
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", suite_external_path("pngsuite/images"));
	DIR *list = opendir(folder);
	ck_assert_ptr_nonnull(list);
	int read = 0, refused = 0;
	for (struct dirent *entry; (entry = readdir(list));) {
		if (entry->d_name[0] == '.')
			continue;
		struct image image;
		struct err_info info = { 0 };
		enum err err = image_open(&image, suite_external_path("pngsuite/images/%s", entry->d_name), &info);
		bool broken = entry->d_name[0] == 'x';
		ck_assert_msg(err == (broken ? ERR_FORMAT : ERR_OK), "%s: %d %s", entry->d_name, err, info.text);
		refused += broken;
		read += !broken;
		image_release(&image);
	}
	closedir(list);
	printf("note: PngSuite: %d pictures read, %d broken ones refused\n", read, refused);
	ck_assert_int_eq(refused, 14);
	ck_assert_int_gt(read, 150);
}
END_TEST

START_TEST(files_that_crashed_others_do_not_crash_us)
{
	static const char *const certain[] = { "zero_width", "badcrc", "badadler", "missing_plte", "huge_IDAT" };
	if (!suite_external()) {
		suite_skip(1, "PngSuite is not here");
		return;
	}
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", suite_external_path("pngsuite/crashers"));
	DIR *list = opendir(folder);
	ck_assert_ptr_nonnull(list);
	for (struct dirent *entry; (entry = readdir(list));) {
		struct image image;
		if (entry->d_name[0] != '.')
			image_open(&image, suite_external_path("pngsuite/crashers/%s", entry->d_name), NULL), image_release(&image);
	}
	closedir(list);
	for (size_t i = 0; i < sizeof certain / sizeof certain[0]; i++) {
		struct image image;
		struct err_info info = { 0 };
		enum err err = image_open(&image, suite_external_path("pngsuite/crashers/%s.png", certain[i]), &info);
		ck_assert_msg(err == ERR_FORMAT && info.text[0], "%s", certain[i]);
	}
}
END_TEST

/* --- JPEG --- */

enum { SIDE = 48 };

/* A smooth picture of `height` rows with an APP1 block, which may be empty, compressed by the library itself. *bytes is the caller's. */
static unsigned long compressed_with(J_COLOR_SPACE space, bool progressive, int height, const unsigned char *block, unsigned length, unsigned char **bytes)
{
	struct jpeg_error_mgr manager;
	struct jpeg_compress_struct jpeg = { .err = jpeg_std_error(&manager) };
	unsigned long size = 0;
	*bytes = NULL;
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, bytes, &size);
	jpeg.image_width = SIDE;
	jpeg.image_height = (JDIMENSION)height;
	jpeg.input_components = space == JCS_GRAYSCALE ? 1 : space == JCS_CMYK ? 4 : 3;
	jpeg.in_color_space = space;
	jpeg_set_defaults(&jpeg);
	jpeg_set_quality(&jpeg, 98, TRUE);
	if (progressive)
		jpeg_simple_progression(&jpeg);
	jpeg_start_compress(&jpeg, TRUE);
	if (length)
		jpeg_write_marker(&jpeg, JPEG_APP0 + 1, block, length);
	for (int y = 0; y < height; y++) {
		unsigned char row[SIDE * 4], *rows[] = { row };
		for (int x = 0; x < SIDE; x++)
			for (int c = 0; c < jpeg.input_components; c++)
				row[x * jpeg.input_components + c] = (unsigned char)(c == 0 ? 5 * x : c == 1 ? 5 * y : 128);
		jpeg_write_scanlines(&jpeg, rows, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	return size;
}

static unsigned long compressed(J_COLOR_SPACE space, bool progressive, unsigned char **bytes)
{
	return compressed_with(space, progressive, SIDE, NULL, 0, bytes);
}

static void assert_near(int value, int wanted)
{
	ck_assert_msg(abs(value - wanted) <= 6, "%d, wanted %d", value, wanted);
}

START_TEST(a_jpeg_holds_what_was_put_in)
{
	unsigned char *bytes;
	unsigned long size = compressed(JCS_RGB, _i == 1, &bytes);
	struct image image;
	struct err_info info = { 0 };
	ck_assert_msg(image_parse(&image, bytes, size, &info) == ERR_OK, "%s", info.text);
	ck_assert_int_eq(image.width, SIDE);
	for (int y = 0; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++) {
			const unsigned char *pixel = image.rgba + 4 * (y * SIDE + x);
			assert_near(pixel[0], 5 * x);
			assert_near(pixel[1], 5 * y);
			assert_near(pixel[2], 128);
			ck_assert_int_eq(pixel[3], 255);
		}
	image_release(&image);
	free(bytes);
}
END_TEST

START_TEST(a_grey_jpeg_becomes_rgb)
{
	unsigned char *bytes;
	unsigned long size = compressed(JCS_GRAYSCALE, false, &bytes);
	struct image image;
	ck_assert_int_eq(image_parse(&image, bytes, size, NULL), ERR_OK);
	for (int x = 0; x < SIDE; x++)
		for (int c = 0; c < 3; c++)
			assert_near(image.rgba[4 * x + c], 5 * x);
	image_release(&image);
	free(bytes);
}
END_TEST

START_TEST(a_cmyk_jpeg_is_named)
{
	unsigned char *bytes;
	unsigned long size = compressed(JCS_CMYK, false, &bytes);
	struct image image;
	struct err_info info = { 0 };
	ck_assert_int_eq(image_parse(&image, bytes, size, &info), ERR_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(info.text, "CMYK"));
	free(bytes);
}
END_TEST

START_TEST(a_truncated_jpeg_is_no_grey_picture)
{
	unsigned char *bytes;
	unsigned long size = compressed(JCS_RGB, false, &bytes);
	for (unsigned long part = 3; part < size - 2; part += 7) {
		struct image image;
		struct err_info info = { 0 };
		ck_assert_msg(image_parse(&image, bytes, part, &info) == ERR_FORMAT, "%lu of %lu bytes", part, size);
	}
	free(bytes);
}
END_TEST

/* The pictures of tests/data: red grows to the right and green downwards. */
static const struct {
	const char *file;
	enum err code;
	const char *text;
} files[] = {
	{ "good-rgb.png", ERR_OK, "" },
	{ "good-rgb.jpg", ERR_OK, "" },
	{ "good-progressive.jpg", ERR_OK, "" },
	{ "good-grey.jpg", ERR_OK, NULL },
	{ "good-grey-1-bit.png", ERR_OK, NULL },
	{ "good-palette.png", ERR_OK, NULL },
	{ "good-16-bit.png", ERR_OK, NULL },
	{ "bad-truncated.png", ERR_FORMAT, "ends too early" },
	{ "bad-truncated.jpg", ERR_FORMAT, "damaged JPEG" },
	{ "bad-too-few-rows.png", ERR_FORMAT, "damaged PNG" },
	{ "bad-size-beyond-the-file.png", ERR_FORMAT, "cannot hold" },
	{ "bad-chunk-length.png", ERR_FORMAT, "ends too early" },
	{ "unsupported-cmyk.jpg", ERR_UNSUPPORTED, "CMYK" },
};

START_TEST(files_of_the_test_data)
{
	char path[128];
	snprintf(path, sizeof path, "tests/data/image/%s", files[_i].file);
	struct image image;
	struct err_info info = { 0 };
	enum err err = image_open(&image, path, &info);
	ck_assert_msg(err == files[_i].code, "%s: %d %s", path, err, info.text);
	if (err)
		ck_assert_msg(strstr(info.text, files[_i].text), "%s, wanted %s", info.text, files[_i].text);
	for (int i = 0; !err && files[_i].text && i < 256; i++) {
		ck_assert_int_le(abs(image.rgba[4 * i] - 16 * (i % 16)), 24);
		ck_assert_int_le(abs(image.rgba[4 * i + 1] - 16 * (i / 16)), 24);
	}
	image_release(&image);
}
END_TEST

START_TEST(what_is_no_picture_is_refused)
{
	struct image image;
	struct err_info info = { 0 };
	ck_assert_int_eq(image_open(&image, "tests/data/npy/good-float32.npy", &info), ERR_FORMAT);
	ck_assert_str_eq(info.text, "neither a PNG nor a JPEG picture");
	ck_assert_str_eq(info.file, "tests/data/npy/good-float32.npy");
}
END_TEST

enum { LOW = 32, BLOCK = 6 + 8 + 2 + 2 * 12 };

/* An EXIF block with two tags, of which the second is the orientation. */
static void exif_block(unsigned char block[BLOCK], bool big, int orientation)
{
	static const unsigned char little[BLOCK] = "Exif\0\0II\x2a\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x04\0\0\0abc\0\x12\x01\x03\0\x01\0\0\0\0\0\0";
	static const unsigned char other[BLOCK] = "Exif\0\0MM\0\x2a\0\0\0\x08\0\x02\x01\x0f\0\x02\0\0\0\x04" "abc\0\x01\x12\0\x03\0\0\0\x01\0\0\0";
	memcpy(block, big ? other : little, BLOCK);
	block[BLOCK - 4 + big] = (unsigned char)orientation;
}

/* Where a stored pixel is seen: EXIF says on which side of the picture the first row and the first column lie. */
static void seen_at(int orientation, int x, int y, int *seen_x, int *seen_y)
{
	static const char *const sides[] = { "TL", "TL", "TR", "BR", "BL", "LT", "RT", "RB", "LB" };
	const char *side = sides[orientation];
	*seen_x = side[0] == 'L' ? y : side[0] == 'R' ? LOW - 1 - y : side[1] == 'L' ? x : SIDE - 1 - x;
	*seen_y = side[0] == 'T' ? y : side[0] == 'B' ? LOW - 1 - y : side[1] == 'T' ? x : SIDE - 1 - x;
}

static void assert_seen(const unsigned char *block, unsigned length, int orientation)
{
	unsigned char *bytes;
	unsigned long size = compressed_with(JCS_RGB, false, LOW, block, length, &bytes);
	struct image image;
	struct err_info info = { 0 };
	ck_assert_msg(image_parse(&image, bytes, size, &info) == ERR_OK, "%s", info.text);
	ck_assert_int_eq(image.width, orientation >= 5 ? LOW : SIDE);
	ck_assert_int_eq(image.height, orientation >= 5 ? SIDE : LOW);
	for (int y = 0; y < LOW; y++)
		for (int x = 0; x < SIDE; x++) {
			int seen_x, seen_y;
			seen_at(orientation, x, y, &seen_x, &seen_y);
			const unsigned char *pixel = image.rgba + 4 * (seen_y * image.width + seen_x);
			assert_near(pixel[0], 5 * x);
			assert_near(pixel[1], 5 * y);
			ck_assert_int_eq(pixel[3], 255);
		}
	image_release(&image);
	free(bytes);
}

START_TEST(a_jpeg_is_seen_as_its_exif_orientation_says)
{
	unsigned char block[BLOCK];
	for (int big = 0; big < 2; big++) {
		exif_block(block, big, _i);
		assert_seen(block, BLOCK, _i);
	}
}
END_TEST

START_TEST(exif_that_is_broken_or_says_nothing_turns_nothing)
{
	unsigned char block[BLOCK];
	for (int big = 0; big < 2; big++) {
		exif_block(block, big, 6);
		for (unsigned length = 1; length < BLOCK - 3; length++)
			assert_seen(block, length, 0);
		for (int orientation = 9; orientation < 256; orientation += 41) {
			exif_block(block, big, orientation);
			assert_seen(block, BLOCK, 0);
		}
		/* The directory beyond the block, at its very end, and far more tags than there are: the first two count. */
		exif_block(block, big, 6);
		memset(block + 10, 0xff, 4);
		assert_seen(block, BLOCK, 0);
		exif_block(block, big, 6);
		block[10 + (big ? 3 : 0)] = BLOCK - 6 - 1;
		assert_seen(block, BLOCK, 0);
		exif_block(block, big, 6);
		memset(block + 14, 0xff, 2);
		assert_seen(block, BLOCK, 6);
		/* A count of two, and a type that is no short number. */
		exif_block(block, big, 6);
		block[BLOCK - 8 + (big ? 3 : 0)] = 2;
		assert_seen(block, BLOCK, 0);
		exif_block(block, big, 6);
		block[BLOCK - 10 + big] = 4;
		assert_seen(block, BLOCK, 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pictures as inputs");
	TCase *tcase = tcase_create("decode");
	tcase_add_test(tcase, pixels_come_out_as_they_are);
	tcase_add_test(tcase, no_part_of_a_png_is_a_png);
	tcase_add_test(tcase, a_size_that_the_file_cannot_hold_is_refused);
	tcase_add_loop_test(tcase, pictures_that_differ_only_in_how_they_are_stored_are_the_same, 0, sizeof same / sizeof same[0]);
	tcase_add_test(tcase, every_picture_of_the_suite_is_read_and_every_broken_one_refused);
	tcase_add_test(tcase, files_that_crashed_others_do_not_crash_us);
	tcase_add_loop_test(tcase, a_jpeg_holds_what_was_put_in, 0, 2);
	tcase_add_test(tcase, a_grey_jpeg_becomes_rgb);
	tcase_add_loop_test(tcase, a_jpeg_is_seen_as_its_exif_orientation_says, 0, 9);
	tcase_add_test(tcase, exif_that_is_broken_or_says_nothing_turns_nothing);
	tcase_add_test(tcase, a_cmyk_jpeg_is_named);
	tcase_add_test(tcase, a_truncated_jpeg_is_no_grey_picture);
	tcase_add_loop_test(tcase, files_of_the_test_data, 0, sizeof files / sizeof files[0]);
	tcase_add_test(tcase, what_is_no_picture_is_refused);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
