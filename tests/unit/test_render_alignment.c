/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "render/alignment.h"
#include "support/written.h"

static struct written written;
static struct err_info info;
static const struct page natural = { 0, 0, 96, 1 };

static const char *const target[] = { "the", "house" }, *const source[] = { "la", "maison", "." };
static const float weight[] = { 0.9f, 0.1f, 0, 0.2f, 0.7f, 0.1f };

static void set_up(void)
{
	written_open(&written);
	info = (struct err_info){ 0 };
}

static void tear_down(void)
{
	written_close(&written);
}

static struct alignment_scene scene(void)
{
	return (struct alignment_scene){
		.map = { weight, 2, 3, NULL }, .targets = { .title = "target", .count = 2, .label = target },
		.sources = { .title = "source", .count = 3, .label = source },
		.colouring = { .map = COLOUR_VIRIDIS, .vmin = NAN, .vmax = NAN, .unit = "weight" },
	};
}

static const char *write_svg(const struct alignment_scene *drawn)
{
	struct picture_request request = { .format = PICTURE_SVG, .page = &natural, .out = &written.out };

	ck_assert_msg(alignment_write(drawn, &request, &info) == ERR_OK, "%s", info.text);
	return written_read(&written);
}

static int occurrences(const char *text, const char *what)
{
	int count = 0;

	for (const char *at = text; (at = strstr(at, what)); at++)
		count++;
	return count;
}

/* The place of a text in the SVG. */
static double text_x(const char *svg, const char *text)
{
	char closing[64];
	double x = NAN;

	snprintf(closing, sizeof closing, ">%s</text>", text);
	const char *end = strstr(svg, closing), *start = end;
	ck_assert_msg(end != NULL, "no %s", text);
	while (strncmp(start, "<text", 5))
		start--;
	ck_assert_int_eq(sscanf(start, "<text x=\"%lf\"", &x), 1);
	return x;
}

START_TEST(links_are_drawn_in_the_middle_of_their_cells)
{
	struct alignment_link link[] = { { 0, 0, LINK_FOUND }, { 1, 1, LINK_FOUND } };
	struct alignment_scene drawn = scene();
	double x[6], y[6];
	int circles = 0;

	drawn.link = link;
	drawn.link_count = 2;
	const char *svg = write_svg(&drawn);
	for (const char *at = svg; circles < 6 && (at = strstr(at, "<circle")); at++, circles++)
		ck_assert_int_eq(sscanf(at, "<circle cx=\"%lf\" cy=\"%lf\"", &x[circles], &y[circles]), 2);
	/* A halo and a disc each, and those of the legend. */
	ck_assert_int_eq(circles, 6);
	ck_assert_double_eq_tol(x[2] - x[0], 44, 0.01);
	ck_assert_double_eq_tol(y[2] - y[0], 44, 0.01);
	ck_assert_ptr_nonnull(strstr(svg, ">link</text>"));
	ck_assert_ptr_null(strstr(svg, ">path</text>"));
}
END_TEST

START_TEST(links_and_paths_outside_the_map_are_left_out)
{
	struct alignment_link link[] = { { 0, 99, LINK_FOUND }, { -1, 0, LINK_SURE }, { 1, 1, LINK_FOUND } };
	int64_t path_target[] = { 0, 1, 7 }, path_source[] = { 0, 1, 2 };
	struct alignment_scene drawn = scene();

	drawn.link = link;
	drawn.link_count = 3;
	drawn.path_target = path_target;
	drawn.path_source = path_source;
	drawn.path_count = 3;
	const char *svg = write_svg(&drawn);
	ck_assert_int_eq(occurrences(svg, "<circle"), 4);
	const char *line = strstr(svg, "<polyline");
	ck_assert_ptr_nonnull(line);
	ck_assert_int_eq(occurrences(line, "<polyline"), 3); /* halo, path, legend */
	double x0, y0, x1, y1;
	ck_assert_int_eq(sscanf(strstr(line, "points=\""), "points=\"%lf,%lf %lf,%lf\"", &x0, &y0, &x1, &y1), 4);
	ck_assert_double_eq_tol(x1 - x0, 44, 0.01);
	ck_assert_double_eq_tol(y1 - y0, 44, 0.01);
}
END_TEST

START_TEST(sources_can_stand_on_top)
{
	struct alignment_scene drawn = scene();
	const char *svg = write_svg(&drawn);
	double side_y, top_y;

	ck_assert_int_eq(sscanf(strstr(svg, "<text y="), "<text y=\"%*f\" transform=\"translate(%*f %lf)", &side_y), 1);
	drawn.source_on_top = true;
	svg = write_svg(&drawn);
	ck_assert_int_eq(sscanf(strstr(svg, "<text y="), "<text y=\"%*f\" transform=\"translate(%*f %lf)", &top_y), 1);
	ck_assert_double_lt(top_y, side_y);
}
END_TEST

START_TEST(frames_are_shown_in_seconds_and_words_over_them)
{
	static float frames[2 * 200];
	static float wave[1000];
	struct source_span span[] = { { 0, 50, "hello" }, { 100, 200, "world" } };
	struct alignment_scene drawn = scene();

	for (int i = 0; i < 1000; i++)
		wave[i] = sinf((float)i * 0.3f);
	drawn.map = (struct panel){ frames, 2, 200, NULL };
	drawn.sources = (struct axis_scale){ .title = "time (s)", .count = 200, .step = 0.02 };
	drawn.waveform = wave;
	drawn.sample_count = 1000;
	drawn.span = span;
	drawn.span_count = 2;
	const char *svg = write_svg(&drawn);
	double second = text_x(svg, "3.0") - text_x(svg, "2.0");
	ck_assert_double_gt(second, 50);
	ck_assert_double_eq_tol(text_x(svg, "world") - text_x(svg, "hello"), 2.5 * second, 0.1);
	ck_assert_double_eq_tol(text_x(svg, "hello") - text_x(svg, "0.0"), 0.5 * second, 0.1);
	ck_assert_int_eq(occurrences(svg, "<polygon"), 1);
}
END_TEST

START_TEST(frames_are_pooled_and_tokens_are_not)
{
	struct alignment_scene drawn = scene();
	struct picture_request request = { .format = PICTURE_PNG, .page = &natural, .out = &written.out };
	int64_t height, width;

	drawn.sources = (struct axis_scale){ .count = 100000 };
	alignment_cells(&drawn, &request, &height, &width);
	ck_assert_int_eq(height, 2);
	ck_assert_int_ge(width, 400);
	ck_assert_int_le(width, 1300);
}
END_TEST

START_TEST(the_text_form_lists_links)
{
	struct alignment_link link[] = { { 0, 0, LINK_FOUND }, { 1, 1, LINK_FOUND }, { 1, 2, LINK_FOUND }, { 0, 1, LINK_SURE } };
	struct alignment_scene drawn = scene();

	drawn.link = link;
	drawn.link_count = 4;
	ck_assert_int_eq(
		terminal_write_alignment(&drawn, &(struct terminal){ TERMINAL_ASCII, false, 60, 0 }, &written.out, &info),
		ERR_OK);
	ck_assert_str_eq(written_read(&written),
			 "  the @@::..\n"
			 "house --%%::\n"
			 "      l m .\n"
			 "      a a\n"
			 "        i\n"
			 "        s\n"
			 "        o\n"
			 "        n\n"
			 "0 ..::--==**##%%@@ 0.9  weight\n"
			 "the -> la  gold: maison\n"
			 "house -> maison | .\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: alignment");
	TCase *tcase = tcase_create("alignment");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, links_are_drawn_in_the_middle_of_their_cells);
	tcase_add_test(tcase, links_and_paths_outside_the_map_are_left_out);
	tcase_add_test(tcase, sources_can_stand_on_top);
	tcase_add_test(tcase, frames_are_shown_in_seconds_and_words_over_them);
	tcase_add_test(tcase, frames_are_pooled_and_tokens_are_not);
	tcase_add_test(tcase, the_text_form_lists_links);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
