/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/layout.h"
#include "tensor/tensor.h"

enum { LAYERS = 2, BATCHES = 2, HEADS = 3, TOKENS = 5, DIM = 4, COUNT = LAYERS * BATCHES * HEADS * TOKENS * DIM };

static float numbers[COUNT];

static void count_up(void)
{
	for (int i = 0; i < COUNT; i++)
		numbers[i] = (float)i;
}

static struct tensor tensor_of(const void *data, enum dtype dtype, int rank, const int64_t *shape)
{
	struct tensor tensor = { .name = "q", .dtype = dtype, .rank = rank, .data = data, .scale = 1 };
	memcpy(tensor.shape, shape, (size_t)rank * sizeof *shape);
	uint64_t bytes;
	tensor_set_strides(&tensor, false, &bytes);
	return tensor;
}

static struct heads view_of(const struct tensor *tensor, const char *letters, enum layout_role role, const struct tensor **slot)
{
	struct heads view;
	struct err_info info = { 0 };
	struct layout_request request = { .letters = letters, .role = role };
	ck_assert_msg(layout_resolve(tensor, &request, slot, &view, &info) == ERR_OK, "%s", info.text);
	return view;
}

START_TEST(rows_of_a_head_are_decoded_in_both_precisions)
{
	const int64_t shape[] = { LAYERS, BATCHES, HEADS, TOKENS, DIM };
	struct tensor tensor = tensor_of(numbers, DTYPE_F32, 5, shape);
	const struct tensor *slot;
	struct heads view = view_of(&tensor, NULL, LAYOUT_QUERY, &slot);
	float narrow[2 * 7];
	double wide[2 * DIM];
	ck_assert_int_eq(heads_decode_f32(&view, 1, 0, 2, 3, 2, false, narrow, 7, NULL), ERR_OK);
	ck_assert_int_eq(heads_decode_f64(&view, 1, 0, 2, 3, 2, false, wide, DIM, NULL), ERR_OK);
	int first = ((1 * BATCHES + 0) * HEADS + 2) * TOKENS * DIM + 3 * DIM;
	for (int row = 0; row < 2; row++)
		for (int d = 0; d < DIM; d++) {
			ck_assert_float_eq(narrow[row * 7 + d], (float)(first + row * DIM + d));
			ck_assert_double_eq(wide[row * DIM + d], first + row * DIM + d);
		}
}
END_TEST

START_TEST(the_dim_axis_may_be_the_outer_one)
{
	const int64_t shape[] = { HEADS, DIM, TOKENS };
	struct tensor tensor = tensor_of(numbers, DTYPE_F32, 3, shape);
	const struct tensor *slot;
	struct heads view = view_of(&tensor, "HDN", LAYOUT_QUERY, &slot);
	float row[DIM];
	ck_assert_int_eq(heads_decode_f32(&view, 0, 0, 1, 2, 1, false, row, DIM, NULL), ERR_OK);
	for (int d = 0; d < DIM; d++)
		ck_assert_float_eq(row[d], (float)(1 * DIM * TOKENS + d * TOKENS + 2));
	float part[2];
	ck_assert_int_eq(heads_decode_part_f32(&view, 0, 0, 1, 2, 1, 2, false, part, NULL), ERR_OK);
	ck_assert_float_eq(part[0], row[1]);
	ck_assert_float_eq(part[1], row[2]);
}
END_TEST

START_TEST(an_axis_of_length_one_is_broadcast)
{
	const int64_t shape[] = { 1, TOKENS, DIM };
	struct tensor tensor = tensor_of(numbers, DTYPE_F32, 3, shape);
	const struct tensor *slot;
	struct heads view = view_of(&tensor, NULL, LAYOUT_KEY, &slot);
	int64_t first;
	heads_locate(&view, 7, 6, 5, 2, &first);
	ck_assert_int_eq(first, 2 * DIM);
}
END_TEST

START_TEST(layers_may_be_a_tensor_each)
{
	const int64_t shape[] = { HEADS, TOKENS, DIM };
	struct tensor tensor[2] = { tensor_of(numbers, DTYPE_F32, 3, shape), tensor_of(numbers + HEADS * TOKENS * DIM, DTYPE_F32, 3, shape) };
	const struct tensor *slot;
	struct heads view = view_of(&tensor[0], NULL, LAYOUT_QUERY, &slot);
	const struct tensor *both[] = { &tensor[0], &tensor[1] };
	view.tensors = both;
	view.tensor_count = view.size[AXIS_LAYER] = 2;
	double value;
	ck_assert_int_eq(heads_decode_part_f64(&view, 1, 0, 1, 2, 3, 1, false, &value, NULL), ERR_OK);
	ck_assert_double_eq(value, HEADS * TOKENS * DIM + TOKENS * DIM + 2 * DIM + 3);
}
END_TEST

START_TEST(a_scale_multiplies_every_element)
{
	static const unsigned char bits[] = { 0x38, 0x40, 0xb8, 0x01 }; /* 1, 2, -1, 2^-9 in float8_e4m3fn */
	const int64_t shape[] = { 1, 4 };
	struct tensor tensor = tensor_of(bits, DTYPE_F8_E4M3, 2, shape);
	tensor.scale = 0.5;
	const struct tensor *slot;
	struct heads view = view_of(&tensor, NULL, LAYOUT_KEY, &slot);
	float row[4];
	ck_assert_int_eq(heads_decode_f32(&view, 0, 0, 0, 0, 1, false, row, 4, NULL), ERR_OK);
	ck_assert_float_eq(row[0], 0.5f);
	ck_assert_float_eq(row[1], 1);
	ck_assert_float_eq(row[2], -0.5f);
	ck_assert_float_eq(row[3], 0x1p-10f);
}
END_TEST

/* A NaN at each place in turn is found there, by the contiguous path and by the one that goes row by row. */
START_TEST(a_value_that_is_not_finite_is_named_with_its_place)
{
	const int64_t shape[] = { HEADS, TOKENS, DIM };
	struct tensor tensor = tensor_of(numbers, DTYPE_F32, 3, shape);
	const struct tensor *slot;
	struct heads view = view_of(&tensor, NULL, LAYOUT_QUERY, &slot);
	float out[TOKENS * (DIM + 1)];
	for (int token = 1; token < 4; token++)
		for (int d = 0; d < DIM; d++)
			for (int stride = DIM; stride <= DIM + 1; stride++) {
				float *place = &numbers[2 * TOKENS * DIM + token * DIM + d];
				float kept = *place;
				*place = d % 2 ? NAN : -INFINITY;
				struct err_info info = { 0 };
				ck_assert_int_eq(heads_decode_f32(&view, 0, 0, 2, 1, 3, false, out, stride, &info), ERR_VALUE);
				char wanted[80];
				snprintf(wanted, sizeof wanted, "q holds %s at head 2, token %d, dim %d:", d % 2 ? "NaN" : "minus infinity",
					 token, d);
				ck_assert_msg(strncmp(info.text, wanted, strlen(wanted)) == 0, "%s, wanted %s", info.text, wanted);
				ck_assert_int_eq(heads_decode_f32(&view, 0, 0, 2, 1, 3, true, out, stride, NULL), ERR_OK);
				*place = kept;
			}
}
END_TEST

START_TEST(a_float64_beyond_float32_is_no_infinity)
{
	static const double large[] = { 1, 1e300 };
	const int64_t shape[] = { 1, 2 };
	struct tensor tensor = tensor_of(large, DTYPE_F64, 2, shape);
	const struct tensor *slot;
	struct heads view = view_of(&tensor, NULL, LAYOUT_WEIGHTS, &slot);
	float narrow[2];
	double wide[2];
	struct err_info info = { 0 };
	ck_assert_int_eq(heads_decode_f32(&view, 0, 0, 0, 0, 1, false, narrow, 2, &info), ERR_VALUE);
	ck_assert_ptr_nonnull(strstr(info.text, "beyond the range of float32 at query 0, key 1"));
	ck_assert_int_eq(heads_decode_f64(&view, 0, 0, 0, 0, 1, false, wide, 2, NULL), ERR_OK);
	ck_assert_double_eq(wide[1], 1e300);
}
END_TEST

int main(void)
{
	count_up();
	Suite *suite = suite_create("heads");
	TCase *tcase = tcase_create("decode");
	tcase_add_test(tcase, rows_of_a_head_are_decoded_in_both_precisions);
	tcase_add_test(tcase, the_dim_axis_may_be_the_outer_one);
	tcase_add_test(tcase, an_axis_of_length_one_is_broadcast);
	tcase_add_test(tcase, layers_may_be_a_tensor_each);
	tcase_add_test(tcase, a_scale_multiplies_every_element);
	tcase_add_test(tcase, a_value_that_is_not_finite_is_named_with_its_place);
	tcase_add_test(tcase, a_float64_beyond_float32_is_no_infinity);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
