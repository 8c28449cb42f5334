/* SPDX-License-Identifier: MIT */
/* Which scale shows a map: made from maps whose shares are counted by hand. */
#include "support/suite.h"

#include <math.h>

#include "render/scale_choice.h"

static const struct colouring open_scale = { .map = COLOUR_BLUES, .scale = SCALE_AUTO, .vmin = NAN, .vmax = NAN };

/* 100 cells: one of 1, `small` of `value`, the rest of 0.5. */
static void fill(float cell[100], int small, float value)
{
	for (int i = 0; i < 100; i++)
		cell[i] = i == 0 ? 1 : i <= small ? value : 0.5f;
}

static struct colouring chosen(struct colouring colouring, const float *cell, int64_t count, double *crowded)
{
	const struct panel panel = { cell, 1, count, NULL };
	struct err_info info = { 0 };
	ck_assert_int_eq(scale_choose(&colouring, &panel, 1, crowded, &info), ERR_OK);
	return colouring;
}

START_TEST(more_than_four_fifths_in_the_lowest_fiftieth_are_lifted)
{
	static const struct { int small; float value; enum value_scale scale; } cases[] = {
		{ 80, 0.01f, SCALE_LINEAR }, { 81, 0.01f, SCALE_SQRT }, { 99, 0.021f, SCALE_LINEAR }, { 99, 0.019f, SCALE_SQRT },
		{ 81, 0.00041f, SCALE_SQRT }, { 81, 0.00039f, SCALE_LOG }, { 80, 0.00001f, SCALE_LINEAR },
		{ 99, 0, SCALE_LINEAR }, /* zeros are not lifted by any scale */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		float cell[100];
		double crowded;
		fill(cell, cases[i].small, cases[i].value);
		enum value_scale scale = chosen(open_scale, cell, 100, &crowded).scale;
		ck_assert_msg(scale == cases[i].scale, "case %zu: scale %d", i, (int)scale);
		if (cases[i].scale == SCALE_LINEAR)
			ck_assert(isnan(crowded));
		else
			ck_assert_double_eq(crowded, cases[i].small / 100.0);
	}
}
END_TEST

START_TEST(a_log_scale_has_four_decades)
{
	static const struct { float high; double low; } cases[] = { { 1, 1e-4 }, { 0.3f, 1e-4 }, { 0.1f, 1e-5 }, { 40, 1e-2 } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		float cell[100];
		double crowded;
		fill(cell, 99, cases[i].high * 1e-6f);
		cell[0] = cases[i].high;
		struct colouring colouring = chosen(open_scale, cell, 100, &crowded);
		ck_assert_int_eq(colouring.scale, SCALE_LOG);
		ck_assert_double_eq_tol(colouring.vmin / cases[i].low, 1, 1e-9);
	}
}
END_TEST

START_TEST(what_is_hidden_is_not_counted)
{
	float cell[100];
	double crowded;
	fill(cell, 60, 0.01f);
	for (int i = 61; i < 95; i++)
		cell[i] = NAN;
	ck_assert_int_eq(chosen(open_scale, cell, 100, &crowded).scale, SCALE_SQRT);
	ck_assert_double_eq_tol(crowded, 60.0 / 66, 1e-12);
}
END_TEST

START_TEST(what_was_asked_for_stays)
{
	float cell[100];
	double crowded;
	fill(cell, 99, 1e-6f);
	for (int scale = SCALE_LINEAR; scale <= SCALE_RANK; scale++) {
		struct colouring colouring = open_scale;
		colouring.scale = (enum value_scale)scale;
		ck_assert_int_eq(chosen(colouring, cell, 100, &crowded).scale, scale);
	}
	struct colouring colouring = open_scale;
	colouring.vmax = 1;
	ck_assert_int_eq(chosen(colouring, cell, 100, &crowded).scale, SCALE_LINEAR);
	colouring = open_scale;
	colouring.vmin = 0;
	ck_assert_int_eq(chosen(colouring, cell, 100, &crowded).scale, SCALE_LINEAR);
}
END_TEST

START_TEST(signed_values_are_judged_by_their_size_and_never_logarithmic)
{
	struct colouring colouring = open_scale;
	float cell[100];
	double crowded;
	fill(cell, 99, -1e-6f);
	colouring.map = COLOUR_DIVERGING;
	ck_assert_int_eq(chosen(colouring, cell, 100, &crowded).scale, SCALE_SQRT);
	fill(cell, 99, -0.5f);
	ck_assert_int_eq(chosen(colouring, cell, 100, &crowded).scale, SCALE_LINEAR);
	ck_assert_int_eq(chosen(open_scale, cell, 100, &crowded).scale, SCALE_SQRT); /* not logarithmic: a plain map of -0.5 and 1: 99 % at its foot */
}
END_TEST

START_TEST(panels_of_their_own_range_are_counted_together)
{
	struct colouring colouring = open_scale;
	float even[100], crowd[100];
	const struct panel panels[] = { { even, 1, 100, NULL }, { crowd, 1, 100, NULL } };
	double crowded;
	struct err_info info = { 0 };
	for (int i = 0; i < 100; i++)
		even[i] = 0.001f * (float)(i + 1) / 100;
	fill(crowd, 99, 0.001f);
	ck_assert_int_eq(scale_choose(&colouring, panels, 2, &crowded, &info), ERR_OK);
	ck_assert_int_eq(colouring.scale, SCALE_SQRT); /* all of the even panel is small beside the other */
	colouring = open_scale;
	colouring.per_panel = true;
	ck_assert_int_eq(scale_choose(&colouring, panels, 2, &crowded, &info), ERR_OK);
	ck_assert_int_eq(colouring.scale, SCALE_LINEAR);
}
END_TEST

START_TEST(nothing_to_see_is_linear)
{
	const float none[3] = { NAN, NAN, NAN }, zeros[3] = { 0, 0, 0 };
	double crowded;
	ck_assert_int_eq(chosen(open_scale, none, 3, &crowded).scale, SCALE_LINEAR);
	ck_assert_int_eq(chosen(open_scale, zeros, 3, &crowded).scale, SCALE_LINEAR);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("render: the choice of a scale");
	TCase *tcase = tcase_create("scales");

	tcase_add_test(tcase, more_than_four_fifths_in_the_lowest_fiftieth_are_lifted);
	tcase_add_test(tcase, a_log_scale_has_four_decades);
	tcase_add_test(tcase, what_is_hidden_is_not_counted);
	tcase_add_test(tcase, what_was_asked_for_stays);
	tcase_add_test(tcase, signed_values_are_judged_by_their_size_and_never_logarithmic);
	tcase_add_test(tcase, panels_of_their_own_range_are_counted_together);
	tcase_add_test(tcase, nothing_to_see_is_linear);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
