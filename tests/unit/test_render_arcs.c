/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "render/arcs.h"
#include "support/written.h"

static struct written written;
static struct err_info info;
static const struct page natural = { 0, 0, 96, 1 };

static const char *const token[] = { "to", "be" }, *const head_name[] = { "head 0", "head 1" };
static const float weight[] = { 1, 0, 0.25f, 0.75f, 0.01f, 0.99f, NAN, 0.5f };

static void set_up(void)
{
	written_open(&written);
	info = (struct err_info){ 0 };
}

static void tear_down(void)
{
	written_close(&written);
}

static struct arcs_scene scene(void)
{
	return (struct arcs_scene){
		.weight = weight, .heads = 2, .head_name = head_name, .queries = { .title = "query", .count = 2, .label = token },
		.keys = { .title = "key", .count = 2, .label = token }, .least = 0.02, .focus = -1,
	};
}

/* Starts, ends and widths of the curves, in order. */
static int read_curves(const char *svg, double from[16], double to[16], double width[16])
{
	int count = 0;

	for (const char *at = svg; (at = strstr(at, "<path d=\"M")); at++) {
		ck_assert_int_eq(sscanf(at, "<path d=\"M%*f,%lfC%*f,%*f %*f,%*f %*f,%lf", &from[count], &to[count]), 2);
		ck_assert_int_eq(sscanf(strstr(at, "stroke-width"), "stroke-width=\"%lf", &width[count]), 1);
		count++;
	}
	return count;
}

static const char *write_svg(const struct arcs_scene *drawn)
{
	struct picture_request request = { .format = PICTURE_SVG, .page = &natural, .out = &written.out };

	ck_assert_msg(arcs_write(drawn, &request, &info) == ERR_OK, "%s", info.text);
	return written_read(&written);
}

START_TEST(each_weight_is_a_line_drawn_from_the_weakest_to_the_strongest)
{
	struct arcs_scene drawn = scene();
	double from[16], to[16], width[16];

	ck_assert_int_eq(read_curves(write_svg(&drawn), from, to, width), 5);
	for (int i = 1; i < 5; i++)
		ck_assert_double_ge(width[i], width[i - 1]);
	/* 0.25 goes from "be" up to "to"; 1 stays in the first line. */
	ck_assert_double_eq_tol(from[0] - to[0], 20, 0.01);
	ck_assert_double_eq_tol(from[4], to[4], 0.01);
	ck_assert_double_eq_tol(from[0] - from[4], 20, 0.01);
}
END_TEST

START_TEST(focus_keeps_the_lines_of_one_query)
{
	struct arcs_scene drawn = scene();
	double from[16], to[16], width[16];

	drawn.focus = 0;
	ck_assert_int_eq(read_curves(write_svg(&drawn), from, to, width), 2);
	ck_assert_double_eq_tol(from[0], from[1], 0.01);
	drawn.focus = 2;
	struct picture_request request = { .format = PICTURE_SVG, .page = &natural, .out = &written.out };
	ck_assert_int_eq(arcs_write(&drawn, &request, &info), ERR_USAGE);
}
END_TEST

START_TEST(heads_are_named_and_strengths_explained)
{
	struct arcs_scene drawn = scene();
	const char *svg = write_svg(&drawn);

	ck_assert_ptr_nonnull(strstr(svg, ">head 1</text>"));
	ck_assert_ptr_nonnull(strstr(svg, ">0.25</text>"));
	ck_assert_ptr_nonnull(strstr(svg, ">query</text>"));
	ck_assert_ptr_nonnull(strstr(svg, "text-anchor=\"end\" fill=\"#1c1f23\">be</text>"));
}
END_TEST

START_TEST(a_map_without_weights_still_has_its_tokens)
{
	static const float nothing[8];
	struct arcs_scene drawn = scene();
	double from[16], to[16], width[16];

	drawn.weight = nothing;
	const char *svg = write_svg(&drawn);
	ck_assert_int_eq(read_curves(svg, from, to, width), 0);
	ck_assert_ptr_nonnull(strstr(svg, ">be</text>"));
	drawn.heads = 0;
	struct picture_request request = { .format = PICTURE_SVG, .page = &natural, .out = &written.out };
	ck_assert_int_eq(arcs_write(&drawn, &request, &info), ERR_VALUE);
}
END_TEST

START_TEST(the_text_form_lists_the_strongest_keys)
{
	struct arcs_scene drawn = scene();

	ck_assert_int_eq(terminal_write_arcs(&drawn, &(struct terminal){ TERMINAL_ASCII, false, 60, 0 }, &written.out, &info),
			 ERR_OK);
	ck_assert_str_eq(written_read(&written),
			 "head 0\n"
			 "to -> to 1\n"
			 "be -> be 0.75, to 0.25\n"
			 "head 1\n"
			 "to -> be 0.99\n"
			 "be -> be 0.5\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: arcs");
	TCase *tcase = tcase_create("arcs");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, each_weight_is_a_line_drawn_from_the_weakest_to_the_strongest);
	tcase_add_test(tcase, focus_keeps_the_lines_of_one_query);
	tcase_add_test(tcase, heads_are_named_and_strengths_explained);
	tcase_add_test(tcase, a_map_without_weights_still_has_its_tokens);
	tcase_add_test(tcase, the_text_form_lists_the_strongest_keys);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
