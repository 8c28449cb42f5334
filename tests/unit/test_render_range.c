/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "render/ticks.h"
#include "render/value_range.h"

static const struct colouring plain = { .map = COLOUR_VIRIDIS, .vmin = NAN, .vmax = NAN };

static struct value_range range_of(struct colouring colouring, const float *cell, int64_t count)
{
	struct panel panel = { cell, 1, count, NULL };
	struct value_range range;
	struct err_info info = { 0 };

	ck_assert_int_eq(value_range_init(&range, &colouring, &panel, 1, &info), ERR_OK);
	return range;
}

static void assert_texts(const struct ticks *ticks, const char *expected)
{
	struct strbuf all;

	strbuf_init(&all);
	for (int i = 0; i < ticks->count; i++)
		strbuf_addf(&all, "%s%s", i ? " " : "", ticks->text[i]);
	ck_assert_str_eq(all.buf, expected);
	strbuf_release(&all);
}

START_TEST(linear_ticks_are_round_and_share_their_decimals)
{
	struct ticks ticks;

	ticks_linear(&ticks, 0, 1, 6);
	assert_texts(&ticks, "0.0 0.2 0.4 0.6 0.8 1.0");
	ticks_linear(&ticks, 0, 0.53, 6);
	assert_texts(&ticks, "0.0 0.2 0.4");
	ticks_linear(&ticks, -3.2, 4.1, 9);
	assert_texts(&ticks, "−3 −2 −1 0 1 2 3 4");
	ticks_linear(&ticks, 0, 3e-7, 4);
	assert_texts(&ticks, "0 10⁻⁷ 2×10⁻⁷ 3×10⁻⁷");
	ticks_linear(&ticks, 0, 5200, 6);
	assert_texts(&ticks, "0 2000 4000");
}
END_TEST

START_TEST(logarithmic_ticks_are_powers_of_ten)
{
	struct ticks ticks;

	ticks_log(&ticks, 0.0007, 1, 9);
	assert_texts(&ticks, "0.001 0.01 0.1 1");
	ticks_log(&ticks, 1e-6, 0.5, 9);
	assert_texts(&ticks, "10⁻⁶ 10⁻⁵ 10⁻⁴ 10⁻³ 10⁻² 10⁻¹");
	ticks_log(&ticks, 1e-12, 1, 5);
	assert_texts(&ticks, "10⁻¹² 10⁻⁹ 10⁻⁶ 10⁻³ 1");
	ticks_log(&ticks, 2, 5, 5);
	assert_texts(&ticks, "2 3 4 5");
	ticks_log(&ticks, 2, 8.5, 9);
	assert_texts(&ticks, "2 5");
	ticks_log(&ticks, 0.03, 0.8, 9);
	assert_texts(&ticks, "0.05 0.1 0.2 0.5");
	ticks_log(&ticks, 0.03, 0.8, 3);
	assert_texts(&ticks, "0.03 0.1 0.3");
}
END_TEST

START_TEST(ticks_lie_inside_the_range_and_never_exceed_the_number_asked_for)
{
	unsigned state = 7;

	for (int trial = 0; trial < 20000; trial++) {
		state = state * 1664525u + 1013904223u;
		double low = ldexp((double)(state >> 8) / (1 << 24) - 0.5, (int)(state % 40) - 20);
		state = state * 1664525u + 1013904223u;
		double high = low + ldexp((double)(state >> 8) / (1 << 24) + 1e-3, (int)(state % 40) - 20);
		int most = 2 + (int)(state >> 16) % 8;
		struct ticks ticks;

		ticks_linear(&ticks, low, high, most);
		ck_assert_int_le(ticks.count, most);
		for (int i = 0; i < ticks.count; i++) {
			ck_assert_double_ge(ticks.value[i], low - (high - low) * 1e-3);
			ck_assert_double_le(ticks.value[i], high + (high - low) * 1e-3);
		}
	}
}
END_TEST

START_TEST(position_steps_are_the_smallest_round_number_that_fits)
{
	ck_assert_int_eq(ticks_position_step(20, 20), 1);
	ck_assert_int_eq(ticks_position_step(21, 20), 2);
	ck_assert_int_eq(ticks_position_step(128, 7), 20);
	ck_assert_int_eq(ticks_position_step(1000, 10), 100);
	ck_assert_int_eq(ticks_position_step(1048576, 12), 100000);
	ck_assert_int_eq(ticks_position_step(1, 1), 1);
}
END_TEST

START_TEST(a_linear_range_of_weights_starts_at_nothing)
{
	const float cell[] = { 0.001f, 0.25f, 0.5f };
	struct value_range range = range_of(plain, cell, 3);

	ck_assert_double_eq(range.low, 0);
	ck_assert_double_eq(range.high, 0.5);
	ck_assert_double_eq(value_range_unit(&range, 0.25), 0.5);
	ck_assert_double_eq(value_range_unit(&range, 7), 1);
	ck_assert_double_eq(value_range_unit(&range, -7), 0);
	ck_assert(isnan(value_range_unit(&range, NAN)));
	value_range_release(&range);
}
END_TEST

START_TEST(data_that_are_all_equal_or_all_missing_still_have_a_range)
{
	const float equal[] = { 0.2f, 0.2f }, zero[] = { 0, 0 }, missing[] = { NAN, INFINITY }, huge[] = { -1e30f, -1e30f };
	static const enum value_scale scales[] = { SCALE_LINEAR, SCALE_LOG, SCALE_SQRT, SCALE_RANK };

	for (int i = 0; i < 4; i++) {
		struct colouring colouring = plain;
		colouring.scale = scales[i];
		for (int map = 0; map < COLOUR_MAP_COUNT; map++) {
			colouring.map = (enum colour_map)map;
			const float *cells[] = { equal, zero, missing, huge };
			for (int c = 0; c < 4; c++) {
				struct value_range range = range_of(colouring, cells[c], 2);
				double unit = value_range_unit(&range, 0.2f);
				ck_assert(unit >= 0 && unit <= 1);
				value_range_release(&range);
			}
		}
	}
}
END_TEST

START_TEST(a_logarithmic_range_reaches_down_to_the_smallest_positive_value_but_six_decades_at_most)
{
	struct colouring colouring = plain;
	colouring.scale = SCALE_LOG;
	const float near[] = { 0, 0.01f, 1 }, far[] = { 0, 1e-20f, 1 };

	struct value_range range = range_of(colouring, near, 3);
	ck_assert_double_eq_tol(range.low, 0.01, 1e-9);
	ck_assert_double_eq_tol(value_range_unit(&range, 0.1), 0.5, 1e-6);
	ck_assert_double_eq(value_range_unit(&range, 0), 0);
	value_range_release(&range);
	range = range_of(colouring, far, 3);
	ck_assert_double_eq_tol(range.low, 1e-6, 1e-12);
	value_range_release(&range);
}
END_TEST

START_TEST(the_square_root_scale_lifts_small_values)
{
	struct colouring colouring = plain;
	colouring.scale = SCALE_SQRT;
	const float cell[] = { 0, 1 };
	struct value_range range = range_of(colouring, cell, 2);
	struct ticks ticks;
	double place[TICKS_MAX];

	ck_assert_double_eq(value_range_unit(&range, 0.25), 0.5);
	value_range_ticks(&range, 9, &ticks, place);
	assert_texts(&ticks, "0 0.01 0.02 0.05 0.1 0.2 0.5 1");
	ck_assert_double_eq_tol(place[4], sqrt(0.1), 1e-12);
	value_range_release(&range);
}
END_TEST

START_TEST(ranks_spread_the_colours_evenly_and_equal_values_share_one)
{
	struct colouring colouring = plain;
	colouring.scale = SCALE_RANK;
	const float cell[] = { 5, 1, 100, 1, 3, 1e6f, 4 };
	struct value_range range = range_of(colouring, cell, 7);

	ck_assert_double_eq_tol(value_range_unit(&range, 1), 0.5 / 6, 1.0 / 255);
	ck_assert_double_eq_tol(value_range_unit(&range, 3), 2.0 / 6, 1.0 / 255);
	ck_assert_double_eq_tol(value_range_unit(&range, 4), 3.0 / 6, 1.0 / 255);
	ck_assert_double_eq_tol(value_range_unit(&range, 1e6), 1, 1.0 / 255);
	ck_assert_double_eq(range.quantile[2], 4);
	value_range_release(&range);
}
END_TEST

START_TEST(clipping_cuts_the_largest_share_and_says_so)
{
	struct colouring colouring = plain;
	colouring.clip = 0.01;
	float cell[1001];
	for (int i = 0; i <= 1000; i++)
		cell[i] = (float)((i * 3) % 1001);
	struct value_range range = range_of(colouring, cell, 1001);

	ck_assert_double_eq_tol(range.high, 990, 1e-6);
	ck_assert(range.beyond_high);
	ck_assert(!range.beyond_low);
	value_range_release(&range);
}
END_TEST

START_TEST(signed_data_have_zero_in_the_middle)
{
	struct colouring colouring = plain;
	colouring.map = COLOUR_DIVERGING;
	const float cell[] = { -4, 1, 2, NAN };
	struct value_range range = range_of(colouring, cell, 4);

	ck_assert_double_eq(range.low, -4);
	ck_assert_double_eq(range.high, 4);
	ck_assert_double_eq(value_range_unit(&range, 0), 0.5);
	ck_assert_double_eq(value_range_unit(&range, -2), 0.25);
	value_range_release(&range);
	colouring.scale = SCALE_LOG;
	range = range_of(colouring, cell, 4);
	ck_assert_double_eq(value_range_unit(&range, 0), 0.5);
	ck_assert_double_eq_tol(value_range_unit(&range, 1) + value_range_unit(&range, -1), 1, 1e-12);
	struct ticks ticks;
	double place[TICKS_MAX];
	value_range_ticks(&range, 9, &ticks, place);
	ck_assert_int_eq(ticks.count % 2, 1);
	for (int i = 1; i < ticks.count; i++)
		ck_assert_double_gt(place[i], place[i - 1]);
	ck_assert_double_eq(place[ticks.count / 2], 0.5);
	value_range_release(&range);
}
END_TEST

START_TEST(limits_that_leave_no_range_are_a_usage_error)
{
	const float cell[] = { 0, 1 };
	struct panel panel = { cell, 1, 2, NULL };
	struct colouring colouring = plain;
	struct value_range range;
	struct err_info info = { 0 };

	colouring.vmin = 2;
	colouring.vmax = 1;
	ck_assert_int_eq(value_range_init(&range, &colouring, &panel, 1, &info), ERR_USAGE);
	value_range_release(&range);
	info = (struct err_info){ 0 };
	colouring = plain;
	colouring.scale = SCALE_LOG;
	colouring.vmin = 0;
	ck_assert_int_eq(value_range_init(&range, &colouring, &panel, 1, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "above 0"));
	value_range_release(&range);
}
END_TEST

START_TEST(cells_become_table_colours)
{
	const float cell[] = { 0, 1, NAN, 0.5f };
	struct value_range range = range_of(plain, cell, 4);
	uint32_t table[COLOUR_STEPS], rgb[4];

	colour_map_table(COLOUR_VIRIDIS, false, table);
	value_range_colours(&range, table, 0x123456, cell, 4, rgb);
	ck_assert_uint_eq(rgb[0], table[0]);
	ck_assert_uint_eq(rgb[1], table[255]);
	ck_assert_uint_eq(rgb[2], 0x123456);
	ck_assert_uint_eq(rgb[3], table[128]);
	value_range_release(&range);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: ranges");
	TCase *tcase = tcase_create("ticks and ranges");

	tcase_add_test(tcase, linear_ticks_are_round_and_share_their_decimals);
	tcase_add_test(tcase, logarithmic_ticks_are_powers_of_ten);
	tcase_add_test(tcase, ticks_lie_inside_the_range_and_never_exceed_the_number_asked_for);
	tcase_add_test(tcase, position_steps_are_the_smallest_round_number_that_fits);
	tcase_add_test(tcase, a_linear_range_of_weights_starts_at_nothing);
	tcase_add_test(tcase, data_that_are_all_equal_or_all_missing_still_have_a_range);
	tcase_add_test(tcase, a_logarithmic_range_reaches_down_to_the_smallest_positive_value_but_six_decades_at_most);
	tcase_add_test(tcase, the_square_root_scale_lifts_small_values);
	tcase_add_test(tcase, ranks_spread_the_colours_evenly_and_equal_values_share_one);
	tcase_add_test(tcase, clipping_cuts_the_largest_share_and_says_so);
	tcase_add_test(tcase, signed_data_have_zero_in_the_middle);
	tcase_add_test(tcase, limits_that_leave_no_range_are_a_usage_error);
	tcase_add_test(tcase, cells_become_table_colours);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
