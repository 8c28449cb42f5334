/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "render/cell_numbers.h"
#include "render/chart.h"
#include "render/chart_scale.h"
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

static const struct page natural = { 0, 0, 96, 1 };
static const struct terminal plain = { TERMINAL_ASCII, false, 30, 12 };

static struct chart_scene scene_of(struct series *series, int count)
{
	return (struct chart_scene){
		.series = series,
		.series_count = count,
		.x = { "key distance", false, false, NAN, NAN },
		.y = { "weight", false, false, NAN, NAN },
	};
}

START_TEST(axes_reach_from_zero_where_the_data_nearly_do)
{
	const double y[] = { 0.1, 0.5, 1 };
	struct series series = { .count = 3, .y = y };
	struct chart_scene scene = scene_of(&series, 1);
	struct chart_scale x_scale, y_scale;

	chart_scales(&scene, &x_scale, &y_scale);
	ck_assert_double_eq(y_scale.low, 0);
	ck_assert_double_ge(y_scale.high, 1);
	ck_assert_double_eq(x_scale.low, 0);
	ck_assert_double_eq(x_scale.high, 2);
	ck_assert_double_eq(chart_scale_unit(&x_scale, 1), 0.5);
}
END_TEST

START_TEST(bands_and_markers_are_inside_the_range)
{
	const double y[] = { 5, 6 }, low[] = { 4.5, 5 }, high[] = { 6, 7.5 };
	struct series series = { .count = 2, .y = y, .low = low, .high = high };
	struct chart_scene scene = scene_of(&series, 1);
	struct chart_scale x_scale, y_scale;

	scene.marker = 9;
	scene.marker_name = "uniform";
	chart_scales(&scene, &x_scale, &y_scale);
	ck_assert_double_le(y_scale.low, 4.5);
	ck_assert_double_ge(y_scale.high, 9);
	ck_assert_double_gt(y_scale.low, 4);
}
END_TEST

START_TEST(logarithmic_axes_leave_out_what_is_not_positive)
{
	const double y[] = { 0, -1, 0.001, 1 };
	struct series series = { .count = 4, .y = y };
	struct chart_scene scene = scene_of(&series, 1);
	struct chart_scale x_scale, y_scale;

	scene.y.log = true;
	chart_scales(&scene, &x_scale, &y_scale);
	ck_assert_double_gt(y_scale.low, 0.0005);
	ck_assert(isnan(chart_scale_unit(&y_scale, 0)));
	double step = chart_scale_unit(&y_scale, 0.1) - chart_scale_unit(&y_scale, 0.01);
	ck_assert_double_eq_tol(step, chart_scale_unit(&y_scale, 1) - chart_scale_unit(&y_scale, 0.1), 1e-12);
}
END_TEST

START_TEST(data_without_a_finite_value_have_axes_all_the_same)
{
	const double y[] = { NAN, INFINITY };
	struct series series = { .count = 2, .y = y };
	struct chart_scene scene = scene_of(&series, 1);
	struct chart_scale x_scale, y_scale;

	for (int log = 0; log < 2; log++) {
		scene.y.log = log;
		chart_scales(&scene, &x_scale, &y_scale);
		ck_assert(isfinite(y_scale.low) && isfinite(y_scale.high) && y_scale.low < y_scale.high);
	}
}
END_TEST

START_TEST(a_line_breaks_at_gaps)
{
	const double y[] = { 1, 2, NAN, 2, 1 };
	struct series series = { .kind = SERIES_LINE, .count = 5, .y = y };
	struct chart_scene scene = scene_of(&series, 1);

	ck_assert_int_eq(chart_write(&scene,
				     &(struct picture_request){ .format = PICTURE_SVG, .page = &natural, .out = &written.out },
				     &info),
			 ERR_OK);
	const char *svg = written_read(&written);
	int lines = 0;
	for (const char *at = svg; (at = strstr(at, "<polyline")); at++)
		lines++;
	ck_assert_int_eq(lines, 2);
	ck_assert_ptr_nonnull(strstr(svg, ">key distance</text>"));
}
END_TEST

START_TEST(a_smoothed_line_lies_over_its_values)
{
	const double y[] = { 0, 3, 0, NAN, 3, 0, 3 };
	struct series series = { .kind = SERIES_LINE, .count = 7, .y = y, .smooth = 3 };
	struct chart_scene scene = scene_of(&series, 1);

	ck_assert_double_eq(series_mean(&series, 0, 3), 1.5);
	ck_assert_double_eq(series_mean(&series, 1, 3), 1);
	ck_assert_double_eq(series_mean(&series, 2, 3), 1.5);
	ck_assert(isnan(series_mean(&series, 3, 3)));
	ck_assert_double_eq(series_mean(&series, 5, 3), 2);
	ck_assert_double_eq(series_mean(&series, 1, 0), 3);
	ck_assert_int_eq(chart_write(&scene,
				     &(struct picture_request){ .format = PICTURE_SVG, .page = &natural, .out = &written.out },
				     &info),
			 ERR_OK);
	int lines = 0;
	for (const char *at = written_read(&written); (at = strstr(at, "<polyline")); at++)
		lines++;
	ck_assert_int_eq(lines, 4);
}
END_TEST

START_TEST(a_line_chart_in_text)
{
	const double y[] = { 0, 1, 2, 3, 4 };
	struct series series = { .kind = SERIES_LINE, .name = "head 0", .count = 5, .y = y };
	struct chart_scene scene = scene_of(&series, 1);

	scene.y.min = 0;
	scene.y.max = 4;
	ck_assert_int_eq(terminal_write_chart(&scene, &plain, &written.out, &info), ERR_OK);
	ck_assert_str_eq(written_read(&written),
			 "weight\n"
			 "4 |                        ***\n"
			 "  |                   *****   \n"
			 "2 |             ******        \n"
			 "  |        *****              \n"
			 "  |   *****                   \n"
			 "0 |***                        \n"
			 "  +---------------------------\n"
			 "   0            2            4\n"
			 "* head 0\n");
}
END_TEST

START_TEST(bars_stand_between_their_edges_in_text)
{
	const double edge[] = { 0, 1, 2, 3 }, count[] = { 1, 3, 2 };
	struct series series = { .kind = SERIES_BARS, .count = 3, .x = edge, .y = count };
	struct chart_scene scene = scene_of(&series, 1);
	struct terminal narrow = { TERMINAL_ASCII, false, 18, 9 };

	scene.y.max = 3;
	ck_assert_int_eq(terminal_write_chart(&scene, &narrow, &written.out, &info), ERR_OK);
	ck_assert_str_eq(written_read(&written),
			 "weight\n"
			 "  |     *****     \n"
			 "  |     *****     \n"
			 "2 |     **********\n"
			 "  |***************\n"
			 "  |***************\n"
			 "0 |***************\n"
			 "  +---------------\n"
			 "   0        2\n");
}
END_TEST

START_TEST(depth_keeps_the_heads_in_order)
{
	const double value[] = { 3, 1, 2, 6, NAN, 4 };
	struct depth_scene scene = { .value = value, .layers = 2, .heads = 3, .metric = "entropy" };

	ck_assert_int_eq(depth_write(&scene,
				     &(struct picture_request){ .format = PICTURE_SVG, .page = &natural, .out = &written.out },
				     &info),
			 ERR_OK);
	/* Heads 0, 1, 2 of the first layer, 0 and 2 of the second: the gap of head 1 stays open. */
	double x[5], y[5];
	int dots = 0;
	for (const char *at = written_read(&written); (at = strstr(at, "<circle cx=")); at++) {
		if (dots == 5)
			break; /* the legend's */
		ck_assert_int_eq(sscanf(at, "<circle cx=\"%lf\" cy=\"%lf\"", &x[dots], &y[dots]), 2);
		dots++;
	}
	ck_assert_double_lt(y[0], y[2]);
	ck_assert_double_lt(y[2], y[1]);
	ck_assert_double_lt(y[3], y[4]);
	double step = x[1] - x[0];
	ck_assert_double_gt(step, 0);
	ck_assert_double_eq_tol(x[2] - x[1], step, 0.02);
	ck_assert_double_eq_tol(x[4] - x[3], 2 * step, 0.02);
	ck_assert_double_gt(x[3], x[2]);
	ck_assert_int_eq(dots, 5);
}
END_TEST

START_TEST(a_matrix_prints_its_numbers)
{
	const double value[] = { 0.5, 1.25, NAN, -3 };
	struct matrix_scene scene = {
		.value = value, .rows = 2, .columns = 2, .row_title = "layer", .column_title = "head",
		.colouring = { .map = COLOUR_DIVERGING, .vmin = NAN, .vmax = NAN, .unit = "entropy" },
	};

	ck_assert_int_eq(terminal_write_matrix(&scene, &plain, &written.out, &info), ERR_OK);
	ck_assert_str_eq(written_read(&written),
			 "0   0.50  1.25\n"
			 "1        -3.00\n"
			 "       0     1\n"
			 "-3 ..::--==**##%%@@ 3  entropy\n");
	ck_assert_int_eq(matrix_write(&scene,
				      &(struct picture_request){ .format = PICTURE_SVG, .page = &natural, .out = &written.out },
				      &info),
			 ERR_OK);
	const char *svg = written_read(&written);
	ck_assert_ptr_nonnull(strstr(svg, ">1.25</text>"));
	ck_assert_ptr_nonnull(strstr(svg, ">−3.00</text>"));
}
END_TEST

START_TEST(numbers_in_cells_have_three_digits)
{
	static const struct { float largest; int decimals; double value; const char *text; } cases[] = {
		{ 1234, 0, 1234, "1234" }, { 56, 1, 7.26, "7.3" }, { 5.3f, 2, 5.3, "5.30" }, { 0.53f, 2, -0.5, "−0.50" },
		{ 0.05f, 3, 0.012, "0.012" }, { 5.3f, 2, -0.001, "0.00" }, { 1e-7f, -1, 1e-7, "10⁻⁷" }, { 0, 0, 0, "0" },
		{ 8, 0, 5, "5" }, /* counts */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const float cell[] = { cases[i].largest, (float)cases[i].value };
		struct panel panel = { cell, 1, 2, NULL };
		char text[TICK_TEXT_MAX];
		ck_assert_int_eq(cell_numbers_decimals(&panel), cases[i].decimals);
		cell_number_text(text, sizeof text, cases[i].value, cases[i].decimals);
		ck_assert_str_eq(text, cases[i].text);
	}
}
END_TEST

START_TEST(a_page_without_room_is_refused)
{
	const double y[] = { 1, 2 };
	struct series series = { .count = 2, .y = y };
	struct chart_scene scene = scene_of(&series, 1);

	ck_assert_int_eq(chart_write(&scene,
				     &(struct picture_request){
					     .format = PICTURE_PNG, .page = &(struct page){ 50, 50, 96, 1 }, .out = &written.out },
				     &info),
			 ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "larger size"));
}
END_TEST

START_TEST(huge_values_do_not_hang_or_overflow)
{
	const double y[] = { -1e308, 1e308, 1e-300, INFINITY, -INFINITY, NAN, 0 };
	struct series series = { .kind = SERIES_LINE, .count = 7, .y = y };
	static const enum picture_format formats[] = { PICTURE_PNG, PICTURE_SVG, PICTURE_PDF, PICTURE_TEXT };

	for (int f = 0; f < 4; f++) {
		struct chart_scene scene = scene_of(&series, 1);
		for (int log = 0; log < 2; log++) {
			scene.y.log = log;
			ck_assert_int_eq(chart_write(&scene,
						     &(struct picture_request){
							     .format = formats[f], .page = &natural, .out = &written.out },
						     &info),
					 ERR_OK);
		}
		scene.y = (struct chart_axis){ NULL, false, false, 0, 1e-9 };
		ck_assert_int_eq(
			chart_write(&scene,
				    &(struct picture_request){ .format = formats[f], .page = &natural, .out = &written.out },
				    &info),
			ERR_OK);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: charts");
	TCase *tcase = tcase_create("charts");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, axes_reach_from_zero_where_the_data_nearly_do);
	tcase_add_test(tcase, bands_and_markers_are_inside_the_range);
	tcase_add_test(tcase, logarithmic_axes_leave_out_what_is_not_positive);
	tcase_add_test(tcase, data_without_a_finite_value_have_axes_all_the_same);
	tcase_add_test(tcase, a_line_breaks_at_gaps);
	tcase_add_test(tcase, a_smoothed_line_lies_over_its_values);
	tcase_add_test(tcase, a_line_chart_in_text);
	tcase_add_test(tcase, bars_stand_between_their_edges_in_text);
	tcase_add_test(tcase, depth_keeps_the_heads_in_order);
	tcase_add_test(tcase, a_matrix_prints_its_numbers);
	tcase_add_test(tcase, numbers_in_cells_have_three_digits);
	tcase_add_test(tcase, a_page_without_room_is_refused);
	tcase_add_test(tcase, huge_values_do_not_hang_or_overflow);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
