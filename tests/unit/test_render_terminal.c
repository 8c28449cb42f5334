/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "render/terminal.h"
#include "support/written.h"

static struct written written;

static void set_up(void)
{
	written_open(&written);
}

static void tear_down(void)
{
	written_close(&written);
}

static const char *print(const struct heatmap_scene *scene, struct terminal terminal)
{
	struct err_info info = { 0 };

	ck_assert_int_eq(terminal_write_heatmap(scene, &terminal, &written.out, &info), ERR_OK);
	return written_read(&written);
}

static struct heatmap_scene scene_of(struct panel *panel, int64_t panels)
{
	return (struct heatmap_scene){
		.panel = panel, .panel_count = panels,
		.rows = { .title = "query", .count = panel->height }, .keys = { .title = "key", .count = panel->width },
		.colouring = { .map = COLOUR_GRAY, .vmin = NAN, .vmax = NAN, .unit = "weight" },
	};
}

/* Columns of a line once the escape sequences are gone. */
static int columns_of(const char *line, size_t length)
{
	char plain[4096];
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		if (line[i] == '\033') {
			i += strcspn(line + i, "m");
			continue;
		}
		plain[used++] = line[i];
	}
	plain[used] = '\0';
	return utf8_text_width(plain);
}

static int widest_line(const char *text, int *lines)
{
	int widest = 0;

	for (*lines = 0; *text; ++*lines) {
		size_t length = strcspn(text, "\n");
		int columns = columns_of(text, length);
		widest = columns > widest ? columns : widest;
		text += length + (text[length] == '\n');
	}
	return widest;
}

START_TEST(a_terminal_without_colour_gets_a_ramp_with_token_labels)
{
	static const char *const label[] = { "to", "be" };
	const float cell[] = { 0, 1, NAN, 0.5f };
	struct panel panel = { cell, 2, 2, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1);
	scene.rows.label = label;
	scene.keys.label = label;
	scene.title = "a title";
	scene.caption = "a caption";

	ck_assert_str_eq(print(&scene, (struct terminal){ TERMINAL_ASCII, false, 80, 24 }),
			 "a title\n"
			 "to ..@@\n"
			 "be   ++\n"
			 "   t b\n"
			 "   o e\n"
			 "0 ....::::--====++++**####%%%%@@@@ 1  weight\n"
			 "a caption\n");
}
END_TEST

START_TEST(half_blocks_carry_two_rows_in_a_line)
{
	enum { SIDE = 60 };
	static float cell[SIDE * SIDE];
	for (int i = 0; i < SIDE; i++)
		cell[i] = 1;
	struct panel panel = { cell, SIDE, SIDE, NULL };
	struct heatmap_scene scene = scene_of(&panel, 1);
	const char *text = print(&scene, (struct terminal){ TERMINAL_24BIT, true, 80, 24 });
	int lines;

	ck_assert_ptr_nonnull(strstr(text, "\033[38;2;255;255;255m\033[48;2;0;0;0m▀▀"));
	ck_assert_int_le(widest_line(text, &lines), 80);
	ck_assert_int_le(lines, 30 + 2);
	text = print(&scene, (struct terminal){ TERMINAL_256, true, 80, 24 });
	ck_assert_ptr_nonnull(strstr(text, "\033[38;5;231m\033[48;5;16m▀▀"));
}
END_TEST

START_TEST(nothing_is_wider_than_the_terminal)
{
	static const char *const label[] = { "日本語のトークン", "a", "الملك", "🤖🔥", "counterrevolutionaries", "é" };
	static float cell[6 * 300 * 300];
	for (size_t i = 0; i < sizeof cell / sizeof *cell; i++)
		cell[i] = (float)(i % 31);

	for (int columns = 40; columns <= 200; columns += 32) {
		for (int colour = TERMINAL_ASCII; colour <= TERMINAL_24BIT; colour++) {
			for (int side = 6; side <= 300; side += 98) {
				struct terminal terminal = { (enum terminal_colour)colour, colour != TERMINAL_256, columns, 50 };
				struct panel panels[6];
				int lines;
				for (int i = 0; i < 6; i++)
					panels[i] = (struct panel){ cell + i * side * side, side, side, "layer 0 head 11" };
				struct heatmap_scene scene = scene_of(panels, side == 6 ? 1 : 6);
				scene.rows.label = scene.keys.label = side == 6 ? label : NULL;
				scene.caption = "some words on how the numbers were made, long enough to be wrapped at every width";
				int64_t height, width;
				terminal_cells(&scene, &terminal, &height, &width);
				ck_assert_int_le(height, side);
				ck_assert_int_eq(height, width);
				for (int i = 0; i < 6; i++) {
					panels[i].height = height;
					panels[i].width = width;
				}
				ck_assert_int_le(widest_line(print(&scene, terminal), &lines), columns);
			}
		}
	}
}
END_TEST

START_TEST(panels_stand_side_by_side_where_they_fit)
{
	const float cell[] = { 0, 1, 1, 0 };
	struct panel panels[2] = { { cell, 2, 2, "head 0" }, { cell, 2, 2, "head 1" } };
	struct heatmap_scene scene = scene_of(panels, 2);

	ck_assert_str_eq(print(&scene, (struct terminal){ TERMINAL_ASCII, false, 80, 24 }),
			 "  head 0     head 1\n"
			 "0 ..@@     0 ..@@\n"
			 "1 @@..     1 @@..\n"
			 "  0 1        0 1\n"
			 "0 ....::::--====++++**####%%%%@@@@ 1  weight\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: terminal");
	TCase *tcase = tcase_create("terminal");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_terminal_without_colour_gets_a_ramp_with_token_labels);
	tcase_add_test(tcase, half_blocks_carry_two_rows_in_a_line);
	tcase_add_test(tcase, nothing_is_wider_than_the_terminal);
	tcase_add_test(tcase, panels_stand_side_by_side_where_they_fit);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
