/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>

#include "render/colour.h"

struct published {
	int index;
	uint32_t rgb;
};

/* Entries of the 256-row tables published with matplotlib (CC0). */
static const struct published viridis[] = {
	{ 0, 0x440154 }, { 20, 0x481d6f }, { 45, 0x433d84 }, { 77, 0x34608d }, { 101, 0x2a778e }, { 128, 0x21918c },
	{ 150, 0x21a585 }, { 190, 0x5ac864 }, { 211, 0x8bd646 }, { 240, 0xd8e219 }, { 255, 0xfde725 },
};
static const struct published magma[] = {
	{ 0, 0x000004 }, { 20, 0x0e0b2b }, { 45, 0x311165 }, { 77, 0x651a80 }, { 101, 0x8b2981 }, { 128, 0xb73779 },
	{ 150, 0xd9466b }, { 190, 0xfb8560 }, { 211, 0xfeac76 }, { 240, 0xfde2a3 }, { 255, 0xfcfdbf },
};
static const struct published cividis[] = {
	{ 0, 0x00224e }, { 20, 0x003070 }, { 45, 0x2e416d }, { 77, 0x50576c }, { 101, 0x656870 }, { 128, 0x7d7c78 },
	{ 150, 0x928c78 }, { 190, 0xbaac6d }, { 211, 0xd0be62 }, { 240, 0xf0d846 }, { 255, 0xfee838 },
};

static void assert_near(uint32_t a, uint32_t b, int most)
{
	for (int shift = 0; shift < 24; shift += 8)
		ck_assert_msg(abs((int)(a >> shift & 255) - (int)(b >> shift & 255)) <= most, "%06x is not near %06x", a, b);
}

static void assert_table(enum colour_map map, const struct published *published, size_t count)
{
	uint32_t table[COLOUR_STEPS];

	colour_map_table(map, false, table);
	for (size_t i = 0; i < count; i++)
		assert_near(table[published[i].index], published[i].rgb, 2);
}

START_TEST(viridis_magma_and_cividis_are_the_published_ones_within_two_levels)
{
	assert_table(COLOUR_VIRIDIS, viridis, sizeof viridis / sizeof *viridis);
	assert_table(COLOUR_MAGMA, magma, sizeof magma / sizeof *magma);
	assert_table(COLOUR_CIVIDIS, cividis, sizeof cividis / sizeof *cividis);
}
END_TEST

START_TEST(sequential_maps_change_lightness_in_one_direction)
{
	static const enum colour_map maps[] = { COLOUR_VIRIDIS, COLOUR_MAGMA, COLOUR_CIVIDIS, COLOUR_GRAY, COLOUR_BLUES };

	for (size_t m = 0; m < sizeof maps / sizeof *maps; m++) {
		double sign = maps[m] == COLOUR_BLUES ? -1 : 1;
		for (int i = 8; i < COLOUR_STEPS; i += 8) {
			double before = colour_luminance(colour_map_at(maps[m], (i - 8) / 255.0));
			double after = colour_luminance(colour_map_at(maps[m], i / 255.0));
			ck_assert_msg(sign * (after - before) > 0, "map %d at %d", (int)maps[m], i);
		}
	}
}
END_TEST

START_TEST(the_diverging_map_is_neutral_in_the_middle_and_equally_dark_at_both_ends)
{
	struct colour middle = colour_map_at(COLOUR_DIVERGING, 0.5);

	ck_assert_int_eq(middle.r, middle.g);
	ck_assert_int_eq(middle.g, middle.b);
	for (double arm = 0.1; arm <= 0.5; arm += 0.1) {
		double cold = colour_luminance(colour_map_at(COLOUR_DIVERGING, 0.5 - arm));
		double warm = colour_luminance(colour_map_at(COLOUR_DIVERGING, 0.5 + arm));
		ck_assert_double_lt(fabs(pow(cold, 1 / 2.4) - pow(warm, 1 / 2.4)), 0.09);
	}
	struct colour cold = colour_map_at(COLOUR_DIVERGING, 0), warm = colour_map_at(COLOUR_DIVERGING, 1);
	ck_assert_int_gt(cold.b, cold.r);
	ck_assert_int_gt(warm.r, warm.b);
}
END_TEST

START_TEST(reversing_turns_the_table_round)
{
	uint32_t forward[COLOUR_STEPS], backward[COLOUR_STEPS];

	colour_map_table(COLOUR_MAGMA, false, forward);
	colour_map_table(COLOUR_MAGMA, true, backward);
	for (int i = 0; i < COLOUR_STEPS; i++)
		assert_near(forward[i], backward[COLOUR_STEPS - 1 - i], 1);
	ck_assert_uint_ne(forward[0], forward[255]);
}
END_TEST

START_TEST(blending_follows_alpha)
{
	struct colour white = colour_from_rgb(0xffffff), black = colour_from_rgb(0x000000);

	ck_assert_uint_eq(colour_to_rgb(colour_blend(white, colour_with_alpha(black, 0))), 0xffffff);
	ck_assert_uint_eq(colour_to_rgb(colour_blend(white, colour_with_alpha(black, 1))), 0x000000);
	assert_near(colour_to_rgb(colour_blend(white, colour_with_alpha(black, 0.25))), 0xbfbfbf, 1);
}
END_TEST

START_TEST(text_and_series_stand_out_from_the_page_of_both_themes)
{
	for (int theme = 0; theme < 2; theme++) {
		const struct theme_colours *colours = theme_colours((enum theme)theme);
		double page = colour_luminance(colours->page);
		struct { double need; double luminance; } shown[2 + COLOUR_SERIES] = {
			{ 7, colour_luminance(colours->text) }, { 4.5, colour_luminance(colours->muted) },
		};
		for (int i = 0; i < COLOUR_SERIES; i++) {
			shown[2 + i].need = 3;
			shown[2 + i].luminance = colour_luminance(colour_series((enum theme)theme, i));
		}
		/* Contrast ratio of WCAG 2.1. */
		for (int i = 0; i < 2 + COLOUR_SERIES; i++) {
			double light = fmax(page, shown[i].luminance), dark = fmin(page, shown[i].luminance);
			ck_assert_msg((light + 0.05) / (dark + 0.05) >= shown[i].need, "theme %d colour %d", theme, i);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: colours");
	TCase *tcase = tcase_create("colours");

	tcase_add_test(tcase, viridis_magma_and_cividis_are_the_published_ones_within_two_levels);
	tcase_add_test(tcase, sequential_maps_change_lightness_in_one_direction);
	tcase_add_test(tcase, the_diverging_map_is_neutral_in_the_middle_and_equally_dark_at_both_ends);
	tcase_add_test(tcase, reversing_turns_the_table_round);
	tcase_add_test(tcase, blending_follows_alpha);
	tcase_add_test(tcase, text_and_series_stand_out_from_the_page_of_both_themes);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
