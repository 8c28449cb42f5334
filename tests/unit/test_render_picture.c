/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "render/colour.h"
#include "render/scene.h"
#include "support/written.h"

struct bytes {
	unsigned char *at;
	size_t count;
};

static const struct provenance provenance[] = { { "Software", "attnviz test" }, { "Source", "größe.npy" } };
static struct written written;

static void set_up(void)
{
	written_open(&written);
}

static void tear_down(void)
{
	written_close(&written);
}

static enum err try_write(const struct heatmap_scene *scene, enum picture_format format, struct page page, struct err_info *info)
{
	*info = (struct err_info){ 0 };
	return scene_write(scene, format, &page, provenance, 2, &written.out, info);
}

/* The file's bytes, the caller's to free. */
static struct bytes write_scene(const struct heatmap_scene *scene, enum picture_format format, struct page page)
{
	struct err_info info;
	enum err err = try_write(scene, format, page, &info);

	ck_assert_msg(err == ERR_OK, "%s", info.text);
	const char *read = written_read(&written);
	struct bytes bytes = { malloc(written.size + 1), written.size };
	memcpy(bytes.at, read, written.size + 1);
	return bytes;
}

static struct heatmap_scene scene_of(struct panel *panel, int64_t panels, int64_t height, int64_t width)
{
	return (struct heatmap_scene){
		.panel = panel, .panel_count = panels,
		.rows = { .title = "query", .count = height }, .keys = { .title = "key", .count = width },
		.colouring = { .map = COLOUR_VIRIDIS, .vmin = NAN, .vmax = NAN, .unit = "attention weight" },
		.title = "a <title> & more", .caption = "how it was made",
	};
}

struct image {
	png_image header;
	unsigned char *rgb;
};

static struct image decode(struct bytes png)
{
	struct image image = { .header = { .version = PNG_IMAGE_VERSION } };

	ck_assert(png_image_begin_read_from_memory(&image.header, png.at, png.count));
	image.header.format = PNG_FORMAT_RGB;
	image.rgb = malloc(PNG_IMAGE_SIZE(image.header));
	ck_assert(png_image_finish_read(&image.header, NULL, image.rgb, 0, NULL));
	return image;
}

static uint32_t pixel(const struct image *image, int64_t x, int64_t y)
{
	const unsigned char *at = image->rgb + 3 * (y * (int64_t)image->header.width + x);

	return (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
}

/* The upper left corner of the first run of `colour` that is at least `least` pixels wide. */
static bool find_run(const struct image *image, uint32_t colour, int least, int64_t *x, int64_t *y)
{
	for (int64_t row = 0; row < image->header.height; row++) {
		int run = 0;
		for (int64_t column = 0; column < image->header.width; column++) {
			run = pixel(image, column, row) == colour ? run + 1 : 0;
			if (run == least) {
				*x = column - least + 1;
				*y = row;
				return true;
			}
		}
	}
	return false;
}

START_TEST(every_cell_of_a_png_is_a_block_of_exactly_its_colour)
{
	const float cell[] = { 0, 0.25f, 0.5f, 1, NAN, 0.75f };
	struct panel panel = { cell, 2, 3, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1, 2, 3);
	struct bytes png = write_scene(&scene, PICTURE_PNG, (struct page){ 0, 0, 96, 1 });
	struct image image = decode(png);
	uint32_t table[COLOUR_STEPS];
	int64_t x, y;
	enum { CELL = 44 };

	colour_map_table(COLOUR_VIRIDIS, false, table);
	ck_assert(find_run(&image, table[0], CELL, &x, &y));
	for (int row = 0; row < 2; row++)
		for (int column = 0; column < 3; column++)
			for (int i = 0; i < CELL * CELL; i++) {
				float value = cell[row * 3 + column];
				uint32_t expected = isnan(value) ? colour_to_rgb(theme_colours(THEME_LIGHT)->no_value)
								 : table[(int)(value * 255 + 0.5f)];
				uint32_t got = pixel(&image, x + column * CELL + i % CELL, y + row * CELL + i / CELL);
				ck_assert_msg(got == expected, "cell %d,%d pixel %d: %06x", row, column, i, got);
			}
	free(image.rgb);
	free(png.at);
}
END_TEST

START_TEST(a_png_tells_where_it_came_from)
{
	const float cell[] = { 0, 1 };
	struct panel panel = { cell, 1, 2, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1, 1, 2);
	struct bytes png = write_scene(&scene, PICTURE_PNG, (struct page){ 0, 0, 96, 1 });

	ck_assert_ptr_nonnull(memmem(png.at, png.count, "tEXtSoftware\0attnviz test", 25));
	ck_assert_ptr_nonnull(memmem(png.at, png.count, "iTXtSource", 10));
	ck_assert_ptr_nonnull(memmem(png.at, png.count, "größe.npy", strlen("größe.npy")));
	free(png.at);
}
END_TEST

START_TEST(provenance_is_valid_text_whatever_the_command_line_held)
{
	static const struct provenance hostile[] = { { "Command", "attnviz \xff\xfe.npy \x1b[2J" } };
	const float cell[] = { 0, 1 };
	struct panel panel = { cell, 1, 2, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1, 1, 2);
	struct page page = { 0, 0, 96, 1 };
	struct err_info info = { 0 };
	static const enum picture_format formats[] = { PICTURE_PNG, PICTURE_SVG, PICTURE_PDF };

	for (int f = 0; f < 3; f++) {
		ck_assert_int_eq(scene_write(&scene, formats[f], &page, hostile, 1, &written.out, &info), ERR_OK);
		const char *file = written_read(&written);
		ck_assert_ptr_null(memmem(file, written.size, "attnviz \xff", 9));
		ck_assert(formats[f] == PICTURE_PDF || memmem(file, written.size, "\\xFF\\xFE.npy", 12));
	}
}
END_TEST

START_TEST(the_same_scene_gives_the_same_bytes)
{
	float cell[400];
	for (int i = 0; i < 400; i++)
		cell[i] = (float)(i * 37 % 101) / 100;
	struct panel panels[2] = { { cell, 20, 10, "head 0" }, { cell + 200, 20, 10, "head 1" } };
	struct heatmap_scene scene = scene_of(panels, 2, 20, 10);
	static const enum picture_format formats[] = { PICTURE_PNG, PICTURE_SVG, PICTURE_PDF, PICTURE_TEXT };

	for (int f = 0; f < 4; f++) {
		struct bytes first = write_scene(&scene, formats[f], (struct page){ 0, 0, 96, 1 });
		struct bytes second = write_scene(&scene, formats[f], (struct page){ 0, 0, 96, 1 });
		ck_assert_uint_eq(first.count, second.count);
		ck_assert_mem_eq(first.at, second.at, first.count);
		free(first.at);
		free(second.at);
	}
}
END_TEST

START_TEST(an_svg_keeps_its_text_and_escapes_it)
{
	static const char *const label[] = { "<s>", "a&b" };
	const float cell[] = { 0, 1 };
	struct panel panel = { cell, 1, 2, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1, 1, 2);
	scene.keys.label = label;
	struct bytes svg = write_scene(&scene, PICTURE_SVG, (struct page){ 0, 0, 96, 1 });
	const char *text = (const char *)svg.at;

	ck_assert_ptr_nonnull(strstr(text, ">&lt;s&gt;</text>"));
	ck_assert_ptr_nonnull(strstr(text, ">a&amp;b</text>"));
	ck_assert_ptr_nonnull(strstr(text, ">attention weight</text>"));
	ck_assert_ptr_nonnull(strstr(text, "Software: attnviz test"));
	ck_assert_ptr_null(strstr(text, "<s>"));
	ck_assert_ptr_nonnull(strstr(text, "fill=\"#fde725\""));
	free(svg.at);
}
END_TEST

START_TEST(many_cells_become_an_image_inside_the_svg)
{
	enum { SIDE = 80 };
	static float cell[SIDE * SIDE];
	for (int i = 0; i < SIDE * SIDE; i++)
		cell[i] = (float)(i % 97);
	struct panel panel = { cell, SIDE, SIDE, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1, SIDE, SIDE);
	struct bytes svg = write_scene(&scene, PICTURE_SVG, (struct page){ 0, 0, 96, 1 });

	ck_assert_ptr_nonnull(strstr((const char *)svg.at, "data:image/png;base64,iVBORw0KGgo"));
	free(svg.at);
}
END_TEST

START_TEST(a_page_of_given_size_has_that_size)
{
	float cell[64 * 64];
	for (int i = 0; i < 64 * 64; i++)
		cell[i] = (float)i;
	struct panel panel = { cell, 64, 64, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1, 64, 64);
	struct bytes png = write_scene(&scene, PICTURE_PNG, (struct page){ 700, 450, 96, 1 });
	struct image image = decode(png);

	ck_assert_uint_eq(image.header.width, 700);
	ck_assert_uint_eq(image.header.height, 450);
	free(image.rgb);
	free(png.at);
}
END_TEST

START_TEST(pooling_answers_what_the_page_can_show_in_equal_groups)
{
	struct heatmap_scene scene = scene_of(NULL, 1, 100000, 100000);
	struct page pages[] = { { 0, 0, 96, 1 }, { 900, 700, 96, 1 }, { 900, 0, 96, 1 }, { 0, 500, 96, 1 }, { 1800, 1400, 192, 1 } };

	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		int64_t height, width;
		scene_cells(&scene, PICTURE_PNG, &pages[i], &height, &width);
		ck_assert_int_eq(height, width);
		ck_assert_int_ge(width, 300);
		ck_assert_int_le(width, pages[i].width ? pages[i].width : 1300);
	}
	scene.rows.count = 7;
	scene.keys.count = 30;
	int64_t height, width;
	scene_cells(&scene, PICTURE_PNG, &pages[0], &height, &width);
	ck_assert_int_eq(height, 7);
	ck_assert_int_eq(width, 30);
}
END_TEST

START_TEST(pages_that_cannot_be_drawn_are_refused_with_a_reason)
{
	const float cell[] = { 0, 1 };
	struct panel panels[2] = { { cell, 1, 2, NULL }, { cell, 2, 1, NULL } };
	struct heatmap_scene scene = scene_of(panels, 1, 1, 2);
	struct err_info info;

	ck_assert_int_eq(try_write(&scene, PICTURE_PNG, (struct page){ 60, 40, 96, 1 }, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "no room"));
	ck_assert_int_eq(try_write(&scene, PICTURE_PNG, (struct page){ 200000, 200000, 96, 1 }, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "too large"));
	scene.panel_count = 0;
	ck_assert_int_eq(try_write(&scene, PICTURE_PNG, (struct page){ 0, 0, 96, 1 }, &info), ERR_VALUE);
	scene.panel_count = 2;
	ck_assert_int_eq(try_write(&scene, PICTURE_PNG, (struct page){ 0, 0, 96, 1 }, &info), ERR_SHAPE);
}
END_TEST

START_TEST(hostile_texts_are_drawn_harmlessly)
{
	static const char *const label[] = { "\x1b[31m", "\xff\xfe", "a\nb", "\xef\xbf\xbe" };
	const float cell[] = { 0, 1, 2, 3 };
	struct panel panel = { cell, 1, 4, "\x01\x02" };
	struct heatmap_scene scene = scene_of(&panel, 1, 1, 4);
	scene.keys.label = label;
	scene.title = "\xff title";
	static const enum picture_format formats[] = { PICTURE_PNG, PICTURE_SVG, PICTURE_PDF, PICTURE_TEXT };

	for (int f = 0; f < 4; f++) {
		struct bytes bytes = write_scene(&scene, formats[f], (struct page){ 0, 0, 96, 1 });
		ck_assert_ptr_null(formats[f] == PICTURE_PNG || formats[f] == PICTURE_PDF ? NULL
											  : memchr(bytes.at, 0x1b, bytes.count));
		ck_assert_ptr_null(formats[f] == PICTURE_SVG ? memmem(bytes.at, bytes.count, "\xef\xbf\xbe", 3) : NULL);
		free(bytes.at);
	}
}
END_TEST

START_TEST(a_token_of_megabytes_is_shortened_like_any_other)
{
	enum { MEGABYTES = 4 << 20 };
	char *longest = malloc(MEGABYTES + 1);
	const char *label[] = { longest, "b" };
	const float cell[] = { 0, 1 };
	struct panel panel = { cell, 1, 2, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1, 1, 2);

	memset(longest, 'a', MEGABYTES);
	longest[MEGABYTES] = '\0';
	scene.keys.label = label;
	scene.title = longest;
	struct bytes svg = write_scene(&scene, PICTURE_SVG, (struct page){ 0, 0, 96, 1 });
	ck_assert_uint_lt(svg.count, 5u << 20);
	ck_assert_ptr_nonnull(strstr((const char *)svg.at, "aaaa…</text>"));
	free(svg.at);
	free(longest);
}
END_TEST

START_TEST(the_format_follows_the_file_name)
{
	enum picture_format format;

	ck_assert(picture_format_of("a/b.PDF", &format) && format == PICTURE_PDF);
	ck_assert(picture_format_of("map.svg", &format) && format == PICTURE_SVG);
	ck_assert(picture_format_of("map.png", &format) && format == PICTURE_PNG);
	ck_assert(picture_format_of("map.txt", &format) && format == PICTURE_TEXT);
	ck_assert(!picture_format_of("map.jpeg", &format));
	ck_assert(!picture_format_of("folder.png/map", &format));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: pictures");
	TCase *tcase = tcase_create("pictures");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, every_cell_of_a_png_is_a_block_of_exactly_its_colour);
	tcase_add_test(tcase, a_png_tells_where_it_came_from);
	tcase_add_test(tcase, provenance_is_valid_text_whatever_the_command_line_held);
	tcase_add_test(tcase, the_same_scene_gives_the_same_bytes);
	tcase_add_test(tcase, an_svg_keeps_its_text_and_escapes_it);
	tcase_add_test(tcase, many_cells_become_an_image_inside_the_svg);
	tcase_add_test(tcase, a_page_of_given_size_has_that_size);
	tcase_add_test(tcase, pooling_answers_what_the_page_can_show_in_equal_groups);
	tcase_add_test(tcase, pages_that_cannot_be_drawn_are_refused_with_a_reason);
	tcase_add_test(tcase, hostile_texts_are_drawn_harmlessly);
	tcase_add_test(tcase, a_token_of_megabytes_is_shortened_like_any_other);
	tcase_add_test(tcase, the_format_follows_the_file_name);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
