/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "render/axis.h"

enum { MOST = 600 };

static const char *const words[] = { "a",      "▁the",	"attention", "self-attention-mechanism", "。",
				     "日本語", "الملك", "of",	     "counterrevolutionaries",	 "." };
static const char *label[MOST];
static struct typesetter type;

static void set_up(void)
{
	struct err_info info = { 0 };

	ck_assert_int_eq(typesetter_init(&type, false, &info), ERR_OK);
	for (int i = 0; i < MOST; i++)
		label[i] = words[i * 7 % 10];
}

static void tear_down(void)
{
	typesetter_release(&type);
}

static double fitted_width(const struct axis_layout *axis, const char *text)
{
	struct strbuf fitted;

	strbuf_init(&fitted);
	text_append_fitted(&type, axis->size, false, text, axis->widest + 0.5, &fitted);
	double width = text_width(&type, axis->size, false, fitted.buf);
	strbuf_release(&fitted);
	return width;
}

/* Room between the lines of neighbouring labels, seen along the text's own direction. */
static void assert_apart(const struct axis_layout *axis)
{
	double pitch = axis->length / (double)axis->scale->count * (double)axis->step;

	ck_assert_double_ge(axis->size, 9);
	if (axis->side == SIDE_BOTTOM && axis->angle == 0) {
		for (int64_t i = 0; i + axis->step < axis->scale->count; i += axis->step) {
			double half = fitted_width(axis, axis->scale->label[i]) / 2;
			double next = fitted_width(axis, axis->scale->label[i + axis->step]) / 2;
			ck_assert_double_le(half + next, pitch);
		}
		return;
	}
	double across = axis->angle == 45 ? pitch * sqrt(0.5) : pitch;
	ck_assert_double_ge(across, axis->size * 1.1);
}

START_TEST(token_labels_never_overlap_and_are_at_least_nine_pixels)
{
	for (int count = 1; count <= MOST; count += 1 + count / 8) {
		for (int length = 60; length <= 1200; length += 190) {
			struct axis_scale scale = { .title = "key", .count = count, .label = label };
			for (int side = 0; side < 2; side++) {
				struct axis_layout axis;
				axis_plan(&axis, &type, &scale, side ? SIDE_LEFT : SIDE_BOTTOM, length, 1, AXIS_THIN_MAX);
				if (axis.kind == LABELS_TOKENS)
					assert_apart(&axis);
				else
					ck_assert_double_gt(9 * 1.15 / length * count, AXIS_THIN_MAX);
			}
		}
	}
}
END_TEST

START_TEST(long_axes_show_round_position_numbers)
{
	struct axis_scale scale = { .title = "key", .count = 5000 };
	struct axis_layout axis;

	axis_plan(&axis, &type, &scale, SIDE_BOTTOM, 800, 1, AXIS_THIN_MAX);
	ck_assert_int_eq(axis.kind, LABELS_NUMBERS);
	ck_assert_int_eq(axis.step, 500);
	ck_assert_double_gt(axis.tick, 0);
}
END_TEST

START_TEST(short_labels_lie_flat_longer_ones_slant_and_crowded_ones_stand)
{
	static const char *const letter[] = { "m", "a", "d" }, *const word[] = { "attention", "mechanism", "transformer" };
	struct axis_layout axis;

	axis_plan(&axis, &type, &(struct axis_scale){ .count = 3, .label = letter }, SIDE_BOTTOM, 78, 1, AXIS_THIN_MAX);
	ck_assert_double_eq(axis.angle, 0);
	axis_plan(&axis, &type, &(struct axis_scale){ .count = 3, .label = word }, SIDE_BOTTOM, 78, 1, AXIS_THIN_MAX);
	ck_assert_double_eq(axis.angle, 45);
	axis_plan(&axis, &type, &(struct axis_scale){ .count = 3, .label = word }, SIDE_BOTTOM, 36, 1, AXIS_THIN_MAX);
	ck_assert_double_eq(axis.angle, 90);
}
END_TEST

START_TEST(shortened_texts_fit_and_end_in_an_ellipsis)
{
	for (size_t w = 0; w < sizeof words / sizeof *words; w++) {
		double full = text_width(&type, 10, false, words[w]);
		for (double room = 12; room < full; room += 3) {
			struct strbuf fitted;
			strbuf_init(&fitted);
			text_append_fitted(&type, 10, false, words[w], room, &fitted);
			ck_assert_msg(fitted.len >= 3 && !strcmp(fitted.buf + fitted.len - 3, "…"), "%s in %g: %s", words[w],
				      room, fitted.buf);
			ck_assert_double_le(text_width(&type, 10, false, fitted.buf), room);
			strbuf_release(&fitted);
		}
	}
}
END_TEST

START_TEST(captions_break_into_lines_that_fit)
{
	static const char caption[] = "softmax(q·k / √64) over 128 keys, causal (bottom-right).\nCells are the largest of 4 x 4 "
				      "weights; colours are linear.";
	struct text_lines lines;
	struct err_info info = { 0 };

	ck_assert_int_eq(text_wrap(&type, 10, caption, 150, &lines, &info), ERR_OK);
	ck_assert_uint_ge(lines.count, 4);
	for (size_t i = 0; i < lines.count; i++)
		ck_assert_double_le(text_width(&type, 10, false, lines.line[i]), 150);
	ck_assert_str_eq(lines.line[0], "softmax(q·k / √64) over 128");
	text_lines_release(&lines);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: axes");
	TCase *tcase = tcase_create("axes");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, token_labels_never_overlap_and_are_at_least_nine_pixels);
	tcase_add_test(tcase, long_axes_show_round_position_numbers);
	tcase_add_test(tcase, short_labels_lie_flat_longer_ones_slant_and_crowded_ones_stand);
	tcase_add_test(tcase, shortened_texts_fit_and_end_in_an_ellipsis);
	tcase_add_test(tcase, captions_break_into_lines_that_fit);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
