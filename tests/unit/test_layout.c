/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/layout.h"

static float numbers[2 * 3 * 4 * 5 * 6 * 3];

static struct tensor tensor_of(int rank, const int64_t *shape)
{
	struct tensor tensor = { .name = "q.npy", .dtype = DTYPE_F32, .rank = rank, .data = (const unsigned char *)numbers, .scale = 1 };
	memcpy(tensor.shape, shape, (size_t)rank * sizeof *shape);
	uint64_t bytes;
	tensor_set_strides(&tensor, false, &bytes);
	return tensor;
}

#define SHAPE(...) (sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[]){ __VA_ARGS__ }
#define TENSOR(...) tensor_of((int)SHAPE(__VA_ARGS__))

static struct heads resolve(const struct tensor *tensor, struct layout_request request, const struct tensor **slot)
{
	struct heads view;
	struct err_info info = { 0 };
	ck_assert_msg(layout_resolve(tensor, &request, slot, &view, &info) == ERR_OK, "%s", info.text);
	return view;
}

static int64_t place(const struct heads *view, int64_t layer, int64_t batch, int64_t head, int64_t token, int64_t dim)
{
	int64_t first;
	heads_locate(view, layer, batch, head, token, &first);
	return first + dim * view->stride[AXIS_DIM];
}

static void assert_sizes(const struct heads *view, int64_t layers, int64_t batches, int64_t heads, int64_t tokens, int64_t dim)
{
	ck_assert_int_eq(view->size[AXIS_LAYER], layers);
	ck_assert_int_eq(view->size[AXIS_BATCH], batches);
	ck_assert_int_eq(view->size[AXIS_HEAD], heads);
	ck_assert_int_eq(view->size[AXIS_TOKEN], tokens);
	ck_assert_int_eq(view->size[AXIS_DIM], dim);
}

START_TEST(ranks_2_to_5_have_a_default)
{
	const struct tensor *slot;
	struct tensor two = TENSOR(4, 5), three = TENSOR(3, 4, 5), four = TENSOR(2, 3, 4, 5), five = TENSOR(2, 2, 3, 4, 5);
	struct heads view = resolve(&two, (struct layout_request){ .role = LAYOUT_QUERY }, &slot);
	assert_sizes(&view, 1, 1, 1, 4, 5);
	ck_assert(!view.present[AXIS_HEAD] && !view.matrix);
	view = resolve(&three, (struct layout_request){ .role = LAYOUT_KEY }, &slot);
	assert_sizes(&view, 1, 1, 3, 4, 5);
	view = resolve(&four, (struct layout_request){ .role = LAYOUT_WEIGHTS }, &slot);
	assert_sizes(&view, 1, 2, 3, 4, 5);
	ck_assert(view.matrix && view.present[AXIS_BATCH] && !view.present[AXIS_LAYER]);
	view = resolve(&four, (struct layout_request){ .role = LAYOUT_QUERY, .layers = true }, &slot);
	assert_sizes(&view, 2, 1, 3, 4, 5);
	view = resolve(&five, (struct layout_request){ .role = LAYOUT_WEIGHTS }, &slot);
	assert_sizes(&view, 2, 2, 3, 4, 5);
}
END_TEST

START_TEST(letters_put_each_axis_in_its_place)
{
	const struct tensor *slot;
	struct tensor tensor = TENSOR(2, 4, 3, 5);
	struct heads view = resolve(&tensor, (struct layout_request){ .letters = "BNHD" }, &slot);
	assert_sizes(&view, 1, 2, 3, 4, 5);
	ck_assert_int_eq(place(&view, 0, 1, 2, 3, 4), ((1 * 4 + 3) * 3 + 2) * 5 + 4);
	struct tensor keys = TENSOR(4, 1, 3, 5);
	view = resolve(&keys, (struct layout_request){ .letters = "M1HD", .role = LAYOUT_KEY }, &slot);
	assert_sizes(&view, 1, 1, 3, 4, 5);
}
END_TEST

START_TEST(heads_packed_in_the_last_axis_are_split)
{
	const struct tensor *slot;
	struct tensor tensor = TENSOR(2, 4, 15);
	const struct layout_request requests[] = {
		{ .heads_in = 3 }, { .heads_in = 3, .letters = "BND" }, { .heads_in = 3, .letters = "BN(HD)" },
	};
	for (int i = 0; i < 3; i++) {
		struct heads view = resolve(&tensor, requests[i], &slot);
		assert_sizes(&view, 1, 2, 3, 4, 5);
		ck_assert_int_eq(place(&view, 0, 1, 2, 3, 4), (1 * 4 + 3) * 15 + 2 * 5 + 4);
	}
	struct heads inner = resolve(&tensor, (struct layout_request){ .heads_in = 3, .letters = "BN(DH)" }, &slot);
	ck_assert_int_eq(place(&inner, 0, 1, 2, 3, 4), (1 * 4 + 3) * 15 + 4 * 3 + 2);
	struct tensor weights = TENSOR(6, 4, 5);
	inner = resolve(&weights, (struct layout_request){ .heads_in = 3, .role = LAYOUT_WEIGHTS }, &slot);
	assert_sizes(&inner, 1, 2, 3, 4, 5);
	ck_assert_int_eq(place(&inner, 0, 1, 2, 3, 4), (1 * 3 + 2) * 20 + 3 * 5 + 4);
}
END_TEST

START_TEST(an_axis_of_three_holds_query_key_and_value)
{
	const struct tensor *slot;
	struct tensor packed = TENSOR(2, 4, 3, 2, 5), pair = TENSOR(2, 4, 2, 3, 5), timm = TENSOR(3, 2, 2, 4, 5);
	for (int role = LAYOUT_QUERY; role <= LAYOUT_VALUE; role++) {
		struct heads view = resolve(&packed, (struct layout_request){ .letters = "BN3HD", .role = (enum layout_role)role }, &slot);
		assert_sizes(&view, 1, 2, 2, 4, 5);
		ck_assert_int_eq(place(&view, 0, 1, 1, 3, 4), (((1 * 4 + 3) * 3 + role) * 2 + 1) * 5 + 4);
		view = resolve(&timm, (struct layout_request){ .letters = "3BHND", .role = (enum layout_role)role }, &slot);
		ck_assert_int_eq(place(&view, 0, 1, 1, 3, 4), (((role * 2 + 1) * 2 + 1) * 4 + 3) * 5 + 4);
	}
	struct heads value = resolve(&pair, (struct layout_request){ .letters = "BN2HD", .role = LAYOUT_VALUE }, &slot);
	ck_assert_int_eq(place(&value, 0, 1, 2, 3, 4), (((1 * 4 + 3) * 2 + 1) * 3 + 2) * 5 + 4);
}
END_TEST

/* The three orders of a fused projection, from the definition: where is (part, head, dim) in the row? */
static int64_t fused_place(enum layout_fusion fusion, int role, int64_t head, int64_t dim, int64_t heads, int64_t kv_heads, int64_t width)
{
	int64_t group = heads / kv_heads;
	switch (fusion) {
	case LAYOUT_FUSED_BLOCKS:
		return (role == LAYOUT_QUERY ? head : role == LAYOUT_KEY ? heads + head : heads + kv_heads + head) * width + dim;
	case LAYOUT_FUSED_PER_HEAD:
		return (head * 3 + role) * width + dim;
	default:
		if (role == LAYOUT_QUERY)
			return (head / group * (group + 2) + head % group) * width + dim;
		return (head * (group + 2) + group + role - LAYOUT_KEY) * width + dim;
	}
}

START_TEST(fused_projections_are_cut_in_their_three_orders)
{
	static const struct {
		enum layout_fusion fusion;
		int64_t heads, kv_heads;
	} cases[] = {
		{ LAYOUT_FUSED_BLOCKS, 4, 4 }, { LAYOUT_FUSED_BLOCKS, 4, 2 }, { LAYOUT_FUSED_PER_HEAD, 4, 4 },
		{ LAYOUT_FUSED_GROUPED, 4, 2 }, { LAYOUT_FUSED_GROUPED, 4, 1 }, { LAYOUT_FUSED_GROUPED, 4, 4 },
	};
	enum { WIDTH = 5, TOKENS = 3 };
	int64_t heads = cases[_i].heads, kv_heads = cases[_i].kv_heads, row = (heads + 2 * kv_heads) * WIDTH;
	struct tensor tensor = TENSOR(2, TOKENS, row);
	const struct tensor *slot;
	for (int role = LAYOUT_QUERY; role <= LAYOUT_VALUE; role++) {
		struct heads view = resolve(&tensor, (struct layout_request){ .fusion = cases[_i].fusion, .heads_in = heads,
			.kv_heads_in = kv_heads == heads ? 0 : kv_heads, .role = (enum layout_role)role }, &slot);
		int64_t here = role == LAYOUT_QUERY ? heads : kv_heads;
		assert_sizes(&view, 1, 2, here, TOKENS, WIDTH);
		for (int64_t head = 0; head < here; head++)
			for (int64_t dim = 0; dim < WIDTH; dim++)
				ck_assert_int_eq(place(&view, 0, 1, head, 2, dim), (1 * TOKENS + 2) * row +
						 fused_place(cases[_i].fusion, role, head, dim, heads, kv_heads, WIDTH));
	}
}
END_TEST

/* --- what does not fit --- */

static const struct {
	int rank;
	int64_t shape[4];
	struct layout_request request;
	enum err code;
	const char *text;
} bad[] = {
	{ 1, { 7 }, { 0 }, ERR_SHAPE, "q.npy has the shape (7,), 1 axes, where 2 to 5 have a default: name each with --layout" },
	{ 3, { 2, 3, 4 }, { .letters = "BHND" }, ERR_SHAPE, "has the shape (2, 3, 4), 3 axes, but --layout BHND names 4" },
	{ 3, { 2, 3, 4 }, { .letters = "BNX" }, ERR_USAGE, "'X' is no axis" },
	{ 3, { 2, 3, 4 }, { .letters = "HNM" }, ERR_USAGE, "'M' is no axis" },
	{ 3, { 2, 3, 4 }, { .letters = "BBD" }, ERR_USAGE, "a letter stands twice" },
	{ 3, { 2, 3, 4 }, { .letters = "BHD" }, ERR_USAGE, "the token axis N is missing" },
	{ 3, { 2, 3, 4 }, { .letters = "BHN" }, ERR_USAGE, "the dim axis D is missing" },
	{ 3, { 2, 3, 4 }, { .letters = "BHN", .role = LAYOUT_WEIGHTS }, ERR_USAGE, "the key axis M is missing" },
	{ 3, { 2, 3, 4 }, { .letters = "BN(D" }, ERR_USAGE, "parentheses" },
	{ 3, { 2, 3, 4 }, { .letters = "BN)D" }, ERR_USAGE, "parentheses" },
	{ 3, { 2, 3, 4 }, { .letters = "BN((HD))" }, ERR_USAGE, "parentheses" },
	{ 3, { 2, 3, 4 }, { .letters = "BN()" }, ERR_USAGE, "parentheses" },
	{ 3, { 2, 3, 4 }, { .letters = "BN(HD)" }, ERR_USAGE, "needs --heads-in" },
	{ 3, { 2, 3, 4 }, { .letters = "1ND" }, ERR_SHAPE, "calls 1 is 2 long" },
	{ 3, { 2, 3, 4 }, { .letters = "3ND" }, ERR_SHAPE, "calls 3 is 2 long" },
	{ 3, { 2, 3, 4 }, { .heads_in = 3 }, ERR_SHAPE, "the packed axis of 4 is no multiple of 3 (--heads-in 3)" },
	{ 3, { 2, 3, 4 }, { .letters = "HND", .heads_in = 2 }, ERR_USAGE, "--heads-in does not apply" },
	{ 3, { 2, 3, 4 }, { .fusion = LAYOUT_FUSED_BLOCKS }, ERR_USAGE, "say how many query heads it holds with --heads-in" },
	{ 3, { 2, 3, 12 }, { .fusion = LAYOUT_FUSED_BLOCKS, .heads_in = 5 }, ERR_SHAPE, "12 numbers per token" },
	{ 3, { 2, 3, 12 }, { .fusion = LAYOUT_FUSED_PER_HEAD, .heads_in = 4, .kv_heads_in = 2 }, ERR_SHAPE, "12 numbers per token" },
	{ 3, { 2, 3, 12 }, { .fusion = LAYOUT_FUSED_GROUPED, .heads_in = INT64_MAX, .kv_heads_in = INT64_MAX }, ERR_SHAPE, "12 numbers" },
	{ 2, { 2, 3 }, { .role = LAYOUT_WEIGHTS, .heads_in = 2 }, ERR_SHAPE, "which axis holds the heads" },
};

START_TEST(what_does_not_fit_is_refused_with_the_way_out)
{
	struct tensor tensor = tensor_of(bad[_i].rank, bad[_i].shape);
	const struct tensor *slot;
	struct heads view;
	struct err_info info = { 0 };
	enum err err = layout_resolve(&tensor, &bad[_i].request, &slot, &view, &info);
	ck_assert_msg(err == bad[_i].code, "%d: code %d: %s", _i, err, info.text);
	ck_assert_msg(strstr(info.text, bad[_i].text), "%s, wanted %s", info.text, bad[_i].text);
}
END_TEST

START_TEST(messages_can_name_the_alternatives)
{
	char buffer[128];
	ck_assert_str_eq(layout_alternatives(LAYOUT_QUERY, 4, "BHND", buffer, sizeof buffer), "BNHD, LHND or LNHD");
	ck_assert_str_eq(layout_alternatives(LAYOUT_WEIGHTS, 4, "BHNM", buffer, sizeof buffer), "LHNM");
	ck_assert_str_eq(layout_alternatives(LAYOUT_QUERY, 7, NULL, buffer, sizeof buffer), "");
	struct tensor tensor = TENSOR(1, 128, 4, 3);
	const struct tensor *slot;
	struct heads view = resolve(&tensor, (struct layout_request){ .role = LAYOUT_QUERY }, &slot);
	ck_assert_str_eq(layout_describe(&view, buffer, sizeof buffer), "1 batch, 128 heads, 4 tokens, 3 dims");
	view = resolve(&tensor, (struct layout_request){ .role = LAYOUT_WEIGHTS, .layers = true }, &slot);
	ck_assert_str_eq(layout_describe(&view, buffer, sizeof buffer), "1 layer, 128 heads, 4 queries, 3 keys");
}
END_TEST

/* --- sequences packed one after another --- */

static enum err sequence(const int32_t *ends, int64_t count, int64_t number, int64_t *first, int64_t *length, struct err_info *info)
{
	struct tensor tensor = { .name = "cu_seqlens", .dtype = DTYPE_I32, .rank = 1, .shape = { count }, .stride = { 1 },
				 .data = (const unsigned char *)ends, .scale = 1 };
	return layout_packed_sequence(&tensor, 12, number, first, length, info);
}

START_TEST(cumulative_lengths_give_the_range_of_a_sequence)
{
	static const int32_t ends[] = { 0, 5, 5, 12 };
	static const int64_t wanted[][2] = { { 0, 5 }, { 5, 0 }, { 5, 7 } };
	int64_t first, count;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(sequence(ends, 4, i, &first, &count, NULL), ERR_OK);
		ck_assert_int_eq(first, wanted[i][0]);
		ck_assert_int_eq(count, wanted[i][1]);
	}
	struct tensor packed = TENSOR(12, 3, 5);
	const struct tensor *slot;
	struct heads view = resolve(&packed, (struct layout_request){ .letters = "NHD" }, &slot);
	layout_slice_tokens(&view, first, count);
	assert_sizes(&view, 1, 1, 3, 7, 5);
	ck_assert_int_eq(place(&view, 0, 0, 2, 1, 4), (6 * 3 + 2) * 5 + 4);
}
END_TEST

START_TEST(wrong_cumulative_lengths_are_refused)
{
	static const struct {
		int32_t ends[4];
		int64_t sequence;
		enum err code;
	} cases[] = {
		{ { 1, 5, 5, 12 }, 0, ERR_VALUE }, { { 0, 5, 4, 12 }, 0, ERR_VALUE }, { { 0, 5, 5, 13 }, 2, ERR_VALUE },
		{ { 0, 5, 5, 11 }, 2, ERR_SHAPE }, { { 0, 5, 5, 12 }, 3, ERR_USAGE }, { { 0, -5, 5, 12 }, 1, ERR_VALUE },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t first, count;
		struct err_info info = { 0 };
		enum err err = sequence(cases[i].ends, 4, cases[i].sequence, &first, &count, &info);
		ck_assert_msg(err == cases[i].code, "case %zu: %s", i, info.text);
	}
}
END_TEST

/* 2^53 + 1 is no double, and 2^63 no int64_t. */
START_TEST(whole_numbers_are_exact_or_refused)
{
	uint64_t bits[4] = { (UINT64_C(1) << 53) + 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX };
	double reals[4] = { 3, -0x1p62, 0x1p63, 0.5 };
	struct tensor tensor = { .name = "ids", .dtype = DTYPE_U64, .rank = 1, .shape = { 4 }, .stride = { 1 }, .scale = 1, .data = (unsigned char *)bits };
	struct err_info info = { 0 };
	int64_t value = 0;
	ck_assert_int_eq(tensor_integer_at(&tensor, 0, &value, &info), ERR_OK);
	ck_assert_int_eq(value, 9007199254740993);
	ck_assert_int_eq(tensor_integer_at(&tensor, 1, &value, &info), ERR_OK);
	ck_assert_int_eq(value, INT64_MAX);
	ck_assert_int_eq(tensor_integer_at(&tensor, 2, &value, &info), ERR_VALUE);
	ck_assert_str_eq(info.text, "ids holds 9223372036854775808 (element 2), which is beyond the largest whole number, 9223372036854775807");
	tensor.dtype = DTYPE_I64;
	ck_assert_int_eq(tensor_integer_at(&tensor, 3, &value, NULL), ERR_OK);
	ck_assert_int_eq(value, -1);
	bits[0] = __builtin_bswap64((uint64_t)-5);
	tensor.byte_swapped = true;
	ck_assert_int_eq(tensor_integer_at(&tensor, 0, &value, NULL), ERR_OK);
	ck_assert_int_eq(value, -5);
	tensor = (struct tensor){ .name = "ids", .dtype = DTYPE_F64, .rank = 1, .shape = { 4 }, .stride = { 1 }, .scale = 1, .data = (unsigned char *)reals };
	ck_assert_int_eq(tensor_integer_at(&tensor, 1, &value, NULL), ERR_OK);
	ck_assert_int_eq(value, -(INT64_C(1) << 62));
	ck_assert_int_eq(tensor_integer_at(&tensor, 2, &value, NULL), ERR_VALUE);
	info = (struct err_info){ 0 };
	ck_assert_int_eq(tensor_integer_at(&tensor, 3, &value, &info), ERR_VALUE);
	ck_assert_str_eq(info.text, "ids holds 0.5 (element 3), which is no whole number");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("layout");
	TCase *tcase = tcase_create("layout");
	tcase_add_test(tcase, ranks_2_to_5_have_a_default);
	tcase_add_test(tcase, letters_put_each_axis_in_its_place);
	tcase_add_test(tcase, heads_packed_in_the_last_axis_are_split);
	tcase_add_test(tcase, an_axis_of_three_holds_query_key_and_value);
	tcase_add_loop_test(tcase, fused_projections_are_cut_in_their_three_orders, 0, 6);
	tcase_add_loop_test(tcase, what_does_not_fit_is_refused_with_the_way_out, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(tcase, messages_can_name_the_alternatives);
	tcase_add_test(tcase, cumulative_lengths_give_the_range_of_a_sequence);
	tcase_add_test(tcase, wrong_cumulative_lengths_are_refused);
	tcase_add_test(tcase, whole_numbers_are_exact_or_refused);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
