/* SPDX-License-Identifier: MIT */
/* Random scenes of every kind, with values, labels and pages that nobody would draw: they are drawn or refused, never worse. */
#include "support/suite.h"

#include <math.h>
#include <stdlib.h>

#include "render/alignment.h"
#include "render/arcs.h"
#include "render/chart.h"
#include "render/overlay.h"
#include "support/written.h"

enum { SCENES = 16, SIDE_MOST = 60, PANELS_MOST = 5, POINTS = 24, CELLS_MOST = SIDE_MOST * SIDE_MOST * PANELS_MOST };

static const char *const texts[] = {
	"a", "the", "日本語", "الملك", "\xff\xfe\x01", "", "🤖🔥", "looooooooooooooooooooooooooong", "\n\t", "e\xcc\x81\xcc\x81",
};

static struct written written;
static struct err_info info;
static unsigned state;

/* Everything that a random scene is made of. */
static float cell[CELLS_MOST];
static double value[CELLS_MOST];
static const char *label[SIDE_MOST];
static struct panel panel[PANELS_MOST];
static struct page page;
static struct colouring colouring;
static struct terminal terminal;
static struct picture_request request;
static int height, width, panels;

static int below(int limit)
{
	state = state * 1664525u + 1013904223u;
	return (int)((state >> 8) % (unsigned)limit);
}

static double wild(void)
{
	static const double special[] = { NAN, INFINITY, -INFINITY, 0, -1e38, 3e38, 1e-42 };

	return below(3) ? below(1000) / 999.0 : special[below(7)];
}

static const char *text(void)
{
	return texts[below((int)(sizeof texts / sizeof *texts))];
}

static void shuffle(unsigned seed)
{
	state = seed * 7919 + 1;
	static const struct value_class classes[] = { { 0, "nothing" }, { 1, "everything" } };
	info = (struct err_info){ 0 };
	height = 1 + below(SIDE_MOST);
	width = 1 + below(SIDE_MOST);
	panels = 1 + below(PANELS_MOST);
	bool tame = below(2);
	for (int i = 0; i < height * width * panels; i++) {
		value[i] = tame ? below(1000) / 999.0 : wild();
		cell[i] = (float)value[i];
	}
	for (int i = 0; i < SIDE_MOST; i++)
		label[i] = text();
	for (int i = 0; i < panels; i++)
		panel[i] = (struct panel){ cell + i * height * width, height, width, below(3) ? text() : NULL };
	page = (struct page){ below(2) ? 0 : below(900), below(2) ? 0 : below(700), below(3) ? 96 : 20 + below(200), below(3) / 2.0 };
	colouring = (struct colouring){ (enum colour_map)below(COLOUR_MAP_COUNT), (enum value_scale)below(4), below(2),
					below(4) ? NAN : below(10) / 10.0, below(4) ? NAN : below(100) / 10.0,
					below(3) ? 0 : below(100) / 100.0, below(2), below(2) ? "weight" : NULL, below(4) ? NULL : classes, 2, !below(4) };
	terminal = (struct terminal){ (enum terminal_colour)below(3), below(2), 1 + below(200), below(60) };
	request = (struct picture_request){ .format = (enum picture_format)below(4), .page = &page, .out = &written.out };
}

static struct axis_scale axis(int count)
{
	return (struct axis_scale){ .title = below(2) ? text() : NULL, .first = below(1000), .count = count,
				    .label = below(2) ? label : NULL, .step = below(4) ? 0 : 0.02 };
}

/* A scene may ask for what cannot be; it may not fail in any other way. */
static void assert_drawn(enum err err, unsigned seed)
{
	ck_assert_msg(err == ERR_OK || err == ERR_USAGE, "scene %u: %s", seed, info.text);
	written_read(&written);
}

static enum err draw_heatmap(void)
{
	struct heatmap_scene scene = {
		.panel = panel,
		.panel_count = panels,
		.columns = below(2) ? 0 : 1 + below(panels),
		.rows = axis(height),
		.keys = axis(width),
		.colouring = colouring,
		.title = text(),
		.caption = text(),
		.keys_on_top = below(2),
		.numbers = below(2),
	};

	return below(2) ? scene_write(&scene, request.format, &page, NULL, 0, &written.out, &info)
			: terminal_write_heatmap(&scene, &terminal, &written.out, &info);
}

static enum err draw_alignment(void)
{
	struct alignment_link link[POINTS];
	int64_t target[POINTS], source[POINTS];
	struct source_span span[POINTS];

	for (int i = 0; i < POINTS; i++) {
		link[i] = (struct alignment_link){ below(300) - 50, below(300) - 50, (enum link_mark)below(LINK_MARKS) };
		target[i] = below(100);
		source[i] = below(100);
		span[i] = (struct source_span){ below(300) - 20, below(300), text() };
	}
	struct alignment_scene scene = {
		.map = panel[0], .targets = axis(height), .sources = axis(width), .link = link, .link_count = below(POINTS),
		.path_target = target, .path_source = source, .path_count = below(POINTS), .waveform = cell,
		.sample_count = below(height * width), .span = span, .span_count = below(POINTS), .source_on_top = below(2),
		.colouring = colouring, .title = text(),
	};
	return below(3) ? alignment_write(&scene, &request, &info)
			: terminal_write_alignment(&scene, &terminal, &written.out, &info);
}

static enum err draw_arcs(void)
{
	struct arcs_scene scene = { .weight = cell,
				    .heads = panels,
				    .queries = axis(height),
				    .keys = axis(width),
				    .least = below(2) * 0.1,
				    .focus = below(2) ? -1 : below(2 * height),
				    .title = text() };

	return below(3) ? arcs_write(&scene, &request, &info) : terminal_write_arcs(&scene, &terminal, &written.out, &info);
}

static enum err draw_overlay(void)
{
	static uint8_t picture[4 * SIDE_MOST * SIDE_MOST];
	struct overlay_scene scene = {
		.rgba = picture, .image_height = 1 + below(SIDE_MOST), .image_width = 1 + below(SIDE_MOST), .panel = panel,
		.panel_count = panels, .picture_first = below(2), .interpolation = (enum interpolation)below(INTERPOLATION_COUNT),
		.opacity = below(2) * 0.6, .fade = below(2), .mass = below(2) * 0.6, .mass_style = (enum mass_style)below(2),
		.colouring = colouring, .title = text(),
	};

	for (size_t i = 0; i < sizeof picture; i++)
		picture[i] = (uint8_t)below(256);
	return overlay_write(&scene, &request, &info);
}

static enum err draw_chart(void)
{
	struct series series[3];
	double place[POINTS + 1];
	int count = 1 + below(3);

	for (int i = 0; i <= POINTS; i++)
		place[i] = below(3) ? i : wild();
	for (int i = 0; i < CELLS_MOST && i < POINTS; i++)
		value[i] = wild();
	for (int i = 0; i < count; i++)
		series[i] = (struct series){ .kind = (enum series_kind)below(3),
					     .name = text(),
					     .count = POINTS,
					     .x = below(2) ? place : NULL,
					     .y = value,
					     .low = below(2) ? value : NULL,
					     .high = below(2) ? value : NULL,
					     .colour = below(20),
					     .faint = below(2),
					     .smooth = below(9) };
	struct chart_scene scene = {
		.series = series,
		.series_count = count,
		.x = { text(), below(2), below(2), below(2) ? NAN : wild(), NAN },
		.y = { text(), below(2), below(2), NAN, below(2) ? NAN : wild() },
		.marker = wild(),
		.marker_name = below(2) ? text() : NULL,
		.title = text(),
	};
	return below(3) ? chart_write(&scene, &request, &info) : terminal_write_chart(&scene, &terminal, &written.out, &info);
}

static enum err draw_depth(void)
{
	struct depth_scene scene = { .value = value,
				     .layers = height,
				     .heads = width,
				     .metric = text(),
				     .log = below(2),
				     .marker = wild(),
				     .marker_name = below(2) ? text() : NULL };

	return below(3) ? depth_write(&scene, &request, &info) : terminal_write_depth(&scene, &terminal, &written.out, &info);
}

static enum err draw_matrix(void)
{
	struct matrix_scene scene = { .value = value, .rows = height, .columns = width, .row_label = below(2) ? label : NULL,
				      .column_label = below(2) ? label : NULL, .colouring = colouring };

	return below(3) ? matrix_write(&scene, &request, &info) : terminal_write_matrix(&scene, &terminal, &written.out, &info);
}

static enum err (*const draw[])(void) = {
	draw_heatmap, draw_alignment, draw_arcs, draw_overlay, draw_chart, draw_depth, draw_matrix,
};

START_TEST(scenes_are_drawn_or_refused)
{
	for (unsigned seed = 0; seed < SCENES; seed++) {
		shuffle(seed * 31 + (unsigned)_i);
		assert_drawn(draw[_i](), seed);
	}
}
END_TEST

static void set_up(void)
{
	written_open(&written);
}

static void tear_down(void)
{
	written_close(&written);
}

int main(void)
{
	Suite *suite = suite_create("fuzz: scenes");
	TCase *tcase = tcase_create("scenes");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, scenes_are_drawn_or_refused, 0, (int)(sizeof draw / sizeof *draw));
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
