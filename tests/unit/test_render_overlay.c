/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "render/colour.h"
#include "render/overlay.h"
#include "support/vectors.h"
#include "support/written.h"

static struct written written;
static struct err_info info;

static void set_up(void)
{
	written_open(&written);
	info = (struct err_info){ 0 };
}

static void tear_down(void)
{
	written_close(&written);
}

/* One pixel of a resampled grid. */
static float resampled(const float *from, int64_t height, int64_t width, enum interpolation how, int64_t to_height, int64_t to_width,
		       int64_t y, int64_t x)
{
	float to[128];

	ck_assert_int_le(to_height * to_width, 128);
	ck_assert_int_eq(resample(from, height, width, how, to, to_height, to_width, &info), ERR_OK);
	return to[y * to_width + x];
}

/* Column `token` of a map of pixels x tokens. */
static void token_map(const struct vector *map, int64_t token, float *out)
{
	for (int64_t i = 0; i < map->shape[0]; i++)
		out[i] = (float)map->data[i * map->shape[1] + token];
}

START_TEST(bilinear_interpolation_agrees_with_the_worked_numbers)
{
	struct vectors *vectors = vectors_open("32_crossmodal");
	float small[4];

	struct vector map = vectors_get(vectors, "expected/W_2x2"),
		      expected = vectors_get(vectors, "expected/bilinear_2x2_to_4x4_token1");
	token_map(&map, 1, small);
	for (int64_t i = 0; i < 16; i++)
		ck_assert_double_eq_tol(resampled(small, 2, 2, INTERPOLATE_BILINEAR, 4, 4, i / 4, i % 4), expected.data[i], 1e-6);
	vectors_close(vectors);
}
END_TEST

START_TEST(bicubic_interpolation_follows_keys_kernel)
{
	static const float from[] = { 0, 1, 0, 0 };
	/* (a + 2) d^3 - (a + 3) d^2 + 1 and a (d^3 - 5 d^2 + 8 d - 4) for a = -3/4 at the distances 1/4, 3/4, 5/4, 7/4. */
	const double at[4] = { 0.87890625, 0.26171875, -0.10546875, -0.03515625 };

	ck_assert_double_eq_tol(resampled(from, 1, 4, INTERPOLATE_BICUBIC, 1, 8, 0, 2), at[0], 1e-6);
	ck_assert_double_eq_tol(resampled(from, 1, 4, INTERPOLATE_BICUBIC, 1, 8, 0, 3), at[0], 1e-6);
	ck_assert_double_eq_tol(resampled(from, 1, 4, INTERPOLATE_BICUBIC, 1, 8, 0, 1), at[1], 1e-6);
	ck_assert_double_eq_tol(resampled(from, 1, 4, INTERPOLATE_BICUBIC, 1, 8, 0, 4), at[1], 1e-6);
	ck_assert_double_eq_tol(resampled(from, 1, 4, INTERPOLATE_BICUBIC, 1, 8, 0, 5), at[2], 1e-6);
	ck_assert_double_eq_tol(resampled(from, 1, 4, INTERPOLATE_BICUBIC, 1, 8, 0, 6), at[3], 1e-6);
}
END_TEST

START_TEST(every_interpolation_keeps_a_constant_and_the_size_it_has)
{
	float grid[15], flat[15];

	for (int i = 0; i < 15; i++) {
		grid[i] = (float)(i * 7 % 11);
		flat[i] = 3;
	}
	for (int how = 0; how < INTERPOLATION_COUNT; how++) {
		for (int64_t i = 0; i < 15; i++)
			ck_assert_double_eq_tol(resampled(grid, 3, 5, (enum interpolation)how, 3, 5, i / 5, i % 5), grid[i],
						1e-6);
		for (int64_t i = 0; i < 77; i++)
			ck_assert_double_eq_tol(resampled(flat, 3, 5, (enum interpolation)how, 7, 11, i / 11, i % 11), 3, 1e-5);
	}
}
END_TEST

START_TEST(the_mass_threshold_is_the_smallest_of_the_largest_values_that_hold_the_share)
{
	const float value[] = { 0.1f, 0.4f, NAN, 0.2f, 0.3f, -1 };
	float scratch[6];

	ck_assert_double_eq(resample_mass_threshold(value, 6, 0.4, scratch), 0.4f);
	ck_assert_double_eq(resample_mass_threshold(value, 6, 0.6, scratch), 0.3f);
	ck_assert_double_eq(resample_mass_threshold(value, 6, 0.9, scratch), 0.2f);
	ck_assert_double_eq(resample_mass_threshold(value, 6, 1, scratch), 0.1f);
	ck_assert(isnan(resample_mass_threshold(value + 2, 1, 0.5, scratch)));
}
END_TEST

static const uint8_t picture[] = { 255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 255, 255, 255, 0 };

static struct overlay_scene scene_of(const struct panel *panel)
{
	return (struct overlay_scene){
		.rgba = picture, .image_height = 2, .image_width = 2, .panel = panel, .panel_count = 1, .opacity = 1,
		.colouring = { .map = COLOUR_GRAY, .vmin = 0, .vmax = 1 },
	};
}

/* Colours in the middle of the four quarters of the only panel: it is framed by the theme's frame colour. */
static void read_quarters(const struct overlay_scene *scene, uint32_t quarter[4])
{
	struct page page = { 400, 400, 96, 1 };
	struct picture_request request = { .format = PICTURE_PNG, .page = &page, .out = &written.out };
	png_image image = { .version = PNG_IMAGE_VERSION };
	int64_t left = 400, right = 0, top = 400, bottom = 0;

	ck_assert_msg(overlay_write(scene, &request, &info) == ERR_OK, "%s", info.text);
	const char *png = written_read(&written);
	ck_assert(png_image_begin_read_from_memory(&image, png, written.size));
	image.format = PNG_FORMAT_RGB;
	unsigned char *rgb = malloc(PNG_IMAGE_SIZE(image));
	ck_assert(png_image_finish_read(&image, NULL, rgb, 0, NULL));
	uint32_t frame = colour_to_rgb(theme_colours(THEME_LIGHT)->frame);
	for (int64_t i = 0; i < 400 * 300; i++) {
		int64_t x = i % 300, y = i / 300; /* the colour bar lies further right */
		const unsigned char *at = rgb + 3 * (y * 400 + x);
		if (((uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2]) != frame)
			continue;
		left = x < left ? x : left;
		right = x > right ? x : right;
		top = y < top ? y : top;
		bottom = y > bottom ? y : bottom;
	}
	for (int q = 0; q < 4; q++) {
		int64_t x = left + (right - left) * (q % 2 ? 3 : 1) / 4, y = top + (bottom - top) * (q / 2 ? 3 : 1) / 4;
		const unsigned char *at = rgb + 3 * (y * 400 + x);
		quarter[q] = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
	}
	free(rgb);
}

START_TEST(patches_without_weight_show_the_picture_and_transparency_shows_the_page)
{
	const float cell[] = { NAN, NAN, NAN, NAN };
	struct panel panel = { cell, 2, 2, NULL };
	struct overlay_scene scene = scene_of(&panel);
	uint32_t quarter[4];

	read_quarters(&scene, quarter);
	ck_assert_uint_eq(quarter[0], 0xff0000);
	ck_assert_uint_eq(quarter[1], 0x00ff00);
	ck_assert_uint_eq(quarter[2], 0x0000ff);
	ck_assert_uint_eq(quarter[3], 0xffffff);
}
END_TEST

START_TEST(opacity_mixes_the_colour_of_the_weight_with_the_picture)
{
	const float cell[] = { 1, 0, 1, 0 };
	struct panel panel = { cell, 2, 2, NULL };
	struct overlay_scene scene = scene_of(&panel);
	uint32_t quarter[4];

	read_quarters(&scene, quarter);
	ck_assert_uint_eq(quarter[0], 0xffffff);
	ck_assert_uint_eq(quarter[1], 0x000000);
	scene.opacity = 0.4;
	read_quarters(&scene, quarter);
	ck_assert_uint_eq(quarter[0], 0xff6666);
	ck_assert_uint_eq(quarter[1], 0x009900);
	ck_assert_uint_eq(quarter[2], 0x6666ff);
}
END_TEST

START_TEST(dimming_leaves_the_patches_that_hold_the_mass)
{
	const float cell[] = { 0.7f, 0.1f, 0.1f, 0.1f };
	struct panel panel = { cell, 2, 2, NULL };
	struct overlay_scene scene = scene_of(&panel);
	uint32_t quarter[4];

	scene.opacity = 0;
	scene.mass = 0.6;
	scene.mass_style = MASS_DIM;
	read_quarters(&scene, quarter);
	ck_assert_uint_eq(quarter[0], 0xff0000);
	ck_assert_uint_eq(quarter[1] & 0xff00ff, 0);
	ck_assert_uint_lt(quarter[1], 0x006000);
	ck_assert_uint_lt(quarter[2], 0x000060);
}
END_TEST

START_TEST(nothing_to_draw_is_an_error)
{
	const float cell[] = { 1 };
	struct panel panel = { cell, 1, 1, NULL };
	struct overlay_scene scene = scene_of(&panel);
	struct page page = { 0, 0, 96, 1 };
	struct picture_request request = { .format = PICTURE_PNG, .page = &page, .out = &written.out };

	scene.image_width = 0;
	ck_assert_int_eq(overlay_write(&scene, &request, &info), ERR_VALUE);
	scene = scene_of(&panel);
	scene.panel_count = 0;
	ck_assert_int_eq(overlay_write(&scene, &request, &info), ERR_VALUE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: overlay");
	TCase *tcase = tcase_create("overlay");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, bilinear_interpolation_agrees_with_the_worked_numbers);
	tcase_add_test(tcase, bicubic_interpolation_follows_keys_kernel);
	tcase_add_test(tcase, every_interpolation_keeps_a_constant_and_the_size_it_has);
	tcase_add_test(tcase, the_mass_threshold_is_the_smallest_of_the_largest_values_that_hold_the_share);
	tcase_add_test(tcase, patches_without_weight_show_the_picture_and_transparency_shows_the_page);
	tcase_add_test(tcase, opacity_mixes_the_colour_of_the_weight_with_the_picture);
	tcase_add_test(tcase, dimming_leaves_the_patches_that_hold_the_mass);
	tcase_add_test(tcase, nothing_to_draw_is_an_error);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
