/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "support/suite.h"
#include "support/vectors.h"

static struct vectors *vectors;

static void open_vectors(void)
{
	vectors = vectors_open("02_sdpa_masks");
}

static void close_vectors(void)
{
	vectors_close(vectors);
}

START_TEST(formulas_give_the_literal_inputs_of_the_first_file)
{
	struct vectors *first = vectors_open("01_sdpa");
	struct vector formula = vectors_get(first, "inputs/K"), literal = vectors_get(first, "expected/inputs_literal/K");
	ck_assert_int_eq(formula.rank, 2);
	ck_assert_int_eq(formula.count, 24);
	ck_assert_double_le(vectors_distance(formula.data, literal.data, 24), 1e-15);
	vectors_close(first);
}
END_TEST

START_TEST(infinities_are_read_from_strings_and_compared)
{
	struct vector lse = vectors_get(vectors, "expected/row2_fully_masked/lse");
	ck_assert_double_eq(lse.data[2], -INFINITY);
	ck_assert_double_eq(vectors_distance(lse.data, lse.data, lse.count), 0);
	double finite[6] = { 0 };
	ck_assert_double_eq(vectors_distance(lse.data, finite, 6), INFINITY);
	finite[1] = NAN;
	ck_assert_double_eq(vectors_distance(lse.data + 3, finite, 2), INFINITY);
}
END_TEST

START_TEST(names_with_slashes_and_scalars_are_found)
{
	ck_assert(vectors_has(vectors, "params/softcap") && !vectors_has(vectors, "params/nothing"));
	ck_assert_double_eq(vectors_real(vectors, "params/softcap"), 0.4);
	struct vectors *paged = vectors_open("20_paged_kv");
	ck_assert_int_eq(vectors_int(paged, "expected/flat_index_of_token6_head0_dim3/legacy key (nb,nkv,d/x,bs,x) x=2"), 13);
	vectors_close(paged);
}
END_TEST

START_TEST(a_view_puts_the_last_axes_on_token_and_dim)
{
	struct vector array = vectors_formula(vectors, 1, 1, 3, (int64_t[]){ 2, 5, 4 });
	struct vector_view view;
	vector_view_init(&view, &array, "Q");
	ck_assert_int_eq(view.heads.size[AXIS_HEAD], 2);
	ck_assert_int_eq(view.heads.size[AXIS_BATCH], 1);
	ck_assert_int_eq(view.heads.stride[AXIS_HEAD], 20);
	ck_assert(view.heads.present[AXIS_HEAD] && !view.heads.present[AXIS_BATCH]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vectors");
	TCase *tcase = tcase_create("reader");
	tcase_add_checked_fixture(tcase, open_vectors, close_vectors);
	tcase_add_test(tcase, formulas_give_the_literal_inputs_of_the_first_file);
	tcase_add_test(tcase, infinities_are_read_from_strings_and_compared);
	tcase_add_test(tcase, names_with_slashes_and_scalars_are_found);
	tcase_add_test(tcase, a_view_puts_the_last_axes_on_token_and_dim);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
