/* SPDX-License-Identifier: MIT */
#include "mechanism/mechanism.h"

#include <stdlib.h>
#include <string.h>

#include "support/dense.h"
#include "support/suite.h"
#include "support/vectors.h"

/* Arrays bound to roles. */
struct bound {
	struct vector vector[4];
	struct vector_view view[4];
	struct mechanism_binding binding[4];
	struct mechanism_args args;
};

static void bound_init(struct bound *bound)
{
	*bound = (struct bound){ .args = MECHANISM_ARGS_INIT };
	bound->args.binding = bound->binding;
}

/* An array of 0.25 sin(...) with this shape. */
static double *bind(struct bound *bound, const char *role, int rank, const int64_t *shape)
{
	size_t at = bound->args.binding_count++;
	struct vector *vector = &bound->vector[at];
	vector->rank = rank;
	vector->count = 1;
	for (int axis = 0; axis < rank; axis++)
		vector->count *= vector->shape[axis] = shape[axis];
	vector->data = calloc((size_t)vector->count + 1, sizeof(double));
	vectors_fill(vector->data, vector->count, (double)at, 0.25);
	vector_view_init(&bound->view[at], vector, role);
	bound->binding[at] = (struct mechanism_binding){ .role = role, .tensor = &bound->view[at].tensor, .heads = &bound->view[at].heads };
	return vector->data;
}

static void bound_release(struct bound *bound)
{
	for (size_t i = 0; i < bound->args.binding_count; i++)
		free(bound->vector[i].data);
}

static struct source *open_source(struct bound *bound, const char *name)
{
	struct source *source = NULL;
	struct err_info info = { 0 };
	enum err err = mechanism_find(name)->open(&bound->args, &source, &info);
	ck_assert_msg(!err, "%s", info.text);
	return source;
}

static void refused(struct bound *bound, const char *name, enum err code, const char *text)
{
	struct source *source = NULL;
	struct err_info info = { 0 };
	ck_assert_int_eq(mechanism_find(name)->open(&bound->args, &source, &info), code);
	ck_assert_msg(strstr(info.text, text), "'%s' does not say '%s'", info.text, text);
	ck_assert_ptr_null(source);
}

START_TEST(shapes_that_do_not_fit_are_named)
{
	static const struct {
		int64_t query[4], key[4];
		const char *text;
	} misfit[] = {
		{ { 1, 4, 5, 8 }, { 1, 4, 5, 6 }, "the head size, must be equal" },
		{ { 1, 4, 5, 8 }, { 1, 3, 5, 8 }, "whole multiple" },
		{ { 2, 4, 5, 8 }, { 3, 4, 5, 8 }, "batches must agree" },
		{ { 1, 4, 5, 8 }, { 1, 4, 0, 8 }, "are empty" },
		{ { 1, 4, 5, 0 }, { 1, 4, 5, 0 }, "are empty" },
	};
	for (size_t i = 0; i < sizeof misfit / sizeof *misfit; i++) {
		struct bound bound;
		bound_init(&bound);
		bind(&bound, "query", 4, misfit[i].query);
		bind(&bound, "key", 4, misfit[i].key);
		refused(&bound, "softmax", ERR_SHAPE, misfit[i].text);
		bound_release(&bound);
	}
}
END_TEST

START_TEST(a_missing_input_names_its_option)
{
	struct bound bound;
	bound_init(&bound);
	bind(&bound, "query", 2, (int64_t[]){ 3, 4 });
	refused(&bound, "softmax", ERR_USAGE, "--key FILE");
	refused(&bound, "weights", ERR_USAGE, "--weights FILE");
	bound_release(&bound);
}
END_TEST

START_TEST(masks_and_lengths_must_fit)
{
	struct bound bound;
	bound_init(&bound);
	bind(&bound, "query", 3, (int64_t[]){ 2, 3, 4 });
	bind(&bound, "key", 3, (int64_t[]){ 2, 5, 4 });
	bind(&bound, "mask", 2, (int64_t[]){ 4, 5 });
	bound.args.binding_count = 2;
	bound.args.allow = &bound.view[2].heads;
	refused(&bound, "softmax", ERR_SHAPE, "has 4 queries where the attention has 3");
	bound.args.allow = NULL;
	int64_t length[] = { 6, 2 };
	bound.args.key_length = length;
	bound.args.key_length_count = 2;
	refused(&bound, "softmax", ERR_SHAPE, "2 key lengths for 1 batches");
	bound.args.key_length_count = 1;
	refused(&bound, "softmax", ERR_VALUE, "key length 6");
	bound.args.binding_count = 3;
	bound_release(&bound);
}
END_TEST

START_TEST(the_note_says_how_scores_were_made)
{
	struct bound bound;
	bound_init(&bound);
	bind(&bound, "query", 3, (int64_t[]){ 2, 3, 64 });
	bind(&bound, "key", 3, (int64_t[]){ 2, 5, 64 });
	bound.args.causal = CAUSAL_BOTTOM_RIGHT;
	bound.args.softcap = 30;
	struct source *source = open_source(&bound, "softmax");
	ck_assert_str_eq(source->note, "scale 0.125 (1/sqrt 64), softcap 30, causal (bottom-right)");
	ck_assert_int_eq(source->diagonal, 2);
	ck_assert(source->is_causal && source->is_stochastic && !source->is_signed && !source->is_square);
	source_free(source);
	bound.args.stage = STAGE_BIASED;
	source = open_source(&bound, "softmax");
	ck_assert(source->norm == NORM_NONE && source->is_signed && !source->is_stochastic);
	source_free(source);
	bound_release(&bound);
}
END_TEST

/* Keys of one batch and layer are shared by all, and packed once. */
START_TEST(keys_may_be_shared_by_batches_and_layers)
{
	struct bound bound, one;
	bound_init(&bound);
	bound_init(&one);
	double *query = bind(&bound, "query", 5, (int64_t[]){ 2, 3, 2, 4, 6 }), *key = bind(&bound, "key", 3, (int64_t[]){ 1, 7, 6 });
	double *single = bind(&one, "query", 3, (int64_t[]){ 12, 4, 6 }), *shared = bind(&one, "key", 3, (int64_t[]){ 1, 7, 6 });
	memcpy(single, query, 288 * sizeof *query);
	memcpy(shared, key, 42 * sizeof *key);
	struct source *source = open_source(&bound, "softmax"), *flat = open_source(&one, "softmax");
	ck_assert_int_eq(source_maps(source), 12);
	for (int64_t map = 0; map < 12; map++)
		ck_assert_int_eq(source->ops->prepared_id(source, map), 0);
	struct dense dense;
	ck_assert_int_eq(dense_reference(flat, &dense, NULL), ERR_OK);
	dense_check(source, &(struct dense_expected){ .weight = dense.weight }, 0, 2e-6, "shared keys");
	dense_free_rows(&dense);
	source_free(source);
	source_free(flat);
	bound_release(&bound);
	bound_release(&one);
}
END_TEST

/* Decoding into a cache that is longer than it is full: the last query meets the last key that is there. */
START_TEST(causal_limits_count_from_the_key_lengths_of_a_cache)
{
	struct bound bound;
	bound_init(&bound);
	bind(&bound, "query", 4, (int64_t[]){ 2, 1, 3, 4 });
	bind(&bound, "key", 4, (int64_t[]){ 2, 1, 9, 4 });
	int64_t length[] = { 9, 5 };
	bound.args.key_length = length;
	bound.args.key_length_count = 2;
	bound.args.causal = CAUSAL_BOTTOM_RIGHT;
	struct source *source = open_source(&bound, "softmax");
	for (int64_t row = 0; row < 3; row++) {
		ck_assert_int_eq(source->ops->support(source, 0, row), 7 + row);
		ck_assert_int_eq(source->ops->support(source, 1, row), 3 + row);
	}
	source_free(source);
	bound.args.has_diagonal = true;
	bound.args.diagonal = 1;
	source = open_source(&bound, "softmax");
	ck_assert_int_eq(source->ops->support(source, 1, 0), 2);
	source_free(source);
	bound_release(&bound);
}
END_TEST

/* The products have an instruction of their own where the processor has it; the dim is odd, and fills no pair. */
START_TEST(bfloat16_operands_agree_in_both_paths)
{
	struct bound bound;
	bound_init(&bound);
	bind(&bound, "query", 3, (int64_t[]){ 2, 70, 15 });
	bind(&bound, "key", 3, (int64_t[]){ 1, 150, 15 });
	for (int i = 0; i < 2; i++) {
		uint16_t *half = (uint16_t *)bound.vector[i].data;
		for (int64_t at = 0; at < bound.vector[i].count; at++) {
			float value = (float)bound.vector[i].data[at] * 8;
			uint32_t bits;
			memcpy(&bits, &value, sizeof bits);
			half[at] = (uint16_t)(bits >> 16);
		}
		bound.view[i].tensor.dtype = DTYPE_BF16;
	}
	struct source *source = open_source(&bound, "softmax");
	struct dense dense;
	ck_assert_int_eq(dense_reference(source, &dense, NULL), ERR_OK);
	dense_check(source, &(struct dense_expected){ .weight = dense.weight }, 0, 2e-6, "bfloat16");
	dense_free_rows(&dense);
	source_free(source);
	bound_release(&bound);
}
END_TEST

static void expect_value_error(struct source *source, const char *text)
{
	struct dense dense;
	struct err_info info = { 0 };
	ck_assert_int_eq(dense_reference(source, &dense, &info), ERR_VALUE);
	ck_assert_msg(strstr(info.text, text), "%s", info.text);
	info = (struct err_info){ 0 };
	ck_assert_int_eq(dense_driver(source, &(struct driver_options){ .threads = 2 }, &dense, &info), ERR_VALUE);
	ck_assert_msg(strstr(info.text, text), "%s", info.text);
}

START_TEST(a_nan_in_ready_weights_is_named_with_its_place)
{
	struct bound bound;
	bound_init(&bound);
	double *weight = bind(&bound, "weights", 3, (int64_t[]){ 2, 100, 300 });
	weight[30000 + 57 * 300 + 211] = NAN;
	struct source *source = open_source(&bound, "weights");
	expect_value_error(source, "head 1, query 57, key 211");
	source_free(source);
	weight[30000 + 57 * 300 + 211] = -INFINITY;
	source = open_source(&bound, "weights");
	expect_value_error(source, "query 57, key 211");
	source_free(source);
	bound.args.ready = READY_LOGITS;
	source = open_source(&bound, "weights");
	struct dense dense;
	ck_assert_int_eq(dense_reference(source, &dense, NULL), ERR_OK);
	ck_assert_double_eq(dense.weight[30000 + 57 * 300 + 211], 0);
	dense_check(source, &(struct dense_expected){ .weight = dense.weight }, 0, 2e-6, "logits with -inf");
	dense_free_rows(&dense);
	source_free(source);
	bound_release(&bound);
}
END_TEST

START_TEST(ready_weights_say_what_they_are)
{
	static const struct {
		enum ready_form form;
		enum normalisation norm;
		bool is_signed, is_stochastic;
	} expected[] = {
		{ READY_WEIGHTS, NORM_NONE, false, true },
		{ READY_SIGNED, NORM_NONE, true, false },
		{ READY_LOGITS, NORM_SOFTMAX, false, true },
		{ READY_LOG_WEIGHTS, NORM_NONE, false, true },
	};
	struct bound bound;
	bound_init(&bound);
	bind(&bound, "weights", 2, (int64_t[]){ 3, 3 });
	for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
		bound.args.ready = expected[i].form;
		struct source *source = open_source(&bound, "weights");
		ck_assert_int_eq(source->norm, expected[i].norm);
		ck_assert_int_eq(source->is_signed, expected[i].is_signed);
		ck_assert_int_eq(source->is_stochastic, expected[i].is_stochastic);
		source_free(source);
	}
	bound_release(&bound);
}
END_TEST

START_TEST(a_mask_on_ready_weights_hides_without_normalising)
{
	struct bound bound;
	bound_init(&bound);
	double *weight = bind(&bound, "weights", 2, (int64_t[]){ 130, 140 });
	bound.args.causal = CAUSAL_TOP_LEFT;
	struct source *source = open_source(&bound, "weights");
	for (int64_t i = 0; i < 130; i++)
		for (int64_t j = i + 1; j < 140; j++)
			weight[i * 140 + j] = 0;
	dense_check(source, &(struct dense_expected){ .weight = weight }, 0, 1e-7, "causal weights");
	ck_assert_int_eq(source->ops->support(source, 0, 41), 42);
	source_free(source);
	bind(&bound, "bias", 2, (int64_t[]){ 130, 140 });
	bound.args.bias = &bound.view[1].heads;
	refused(&bound, "weights", ERR_USAGE, "a bias is added to logits");
	bound_release(&bound);
}
END_TEST

static const struct mechanism_parameter parameters[] = {
	{ "features", "128", "" },
	{ "kind", "elu", "" },
	{ NULL, NULL, NULL },
};
static const struct mechanism sample = { .name = "sample", .parameter = parameters };

START_TEST(parameters_have_defaults)
{
	const char *given[] = { "features=9", "feature=1", "features=7" };
	struct mechanism_args args = { .parameter = given, .parameter_count = 1 };
	int64_t count;
	double real;
	int kind;
	static const struct word kinds[] = { { "relu", 7 }, { "elu", 3 }, WORD_END };
	ck_assert_int_eq(mechanism_parameter_int(&args, &sample, "features", &count, NULL), ERR_OK);
	ck_assert_int_eq(count, 9);
	ck_assert_int_eq(mechanism_parameter_real(&args, &sample, "features", &real, NULL), ERR_OK);
	ck_assert_double_eq(real, 9);
	ck_assert_int_eq(mechanism_parameter_choice(&args, &sample, "kind", kinds, &kind, NULL), ERR_OK);
	ck_assert_int_eq(kind, 3);
	args.parameter_count = 0;
	ck_assert_int_eq(mechanism_parameter_int(&args, &sample, "features", &count, NULL), ERR_OK);
	ck_assert_int_eq(count, 128);
}
END_TEST

START_TEST(wrong_parameters_are_refused)
{
	static const char *const wrong[] = { "features=many", "features=1x", "features=", "features=99999999999999999999" };
	for (int i = 0; i < 4; i++) {
		struct mechanism_args args = { .parameter = &wrong[i], .parameter_count = 1 };
		int64_t count;
		ck_assert_int_eq(mechanism_parameter_int(&args, &sample, "features", &count, NULL), ERR_USAGE);
	}
	const char *unknown[] = { "feature=1" }, *bare[] = { "features" }, *good[] = { "kind=relu" };
	struct err_info info = { 0 };
	ck_assert_int_eq(mechanism_check_parameters(&(struct mechanism_args){ .parameter = unknown, .parameter_count = 1 }, &sample, &info), ERR_USAGE);
	ck_assert_ptr_nonnull(strstr(info.text, "features, kind"));
	ck_assert_int_eq(mechanism_check_parameters(&(struct mechanism_args){ .parameter = bare, .parameter_count = 1 }, &sample, NULL), ERR_USAGE);
	ck_assert_int_eq(mechanism_check_parameters(&(struct mechanism_args){ .parameter = good, .parameter_count = 1 }, &sample, NULL), ERR_OK);
}
END_TEST

START_TEST(every_row_of_the_table_explains_itself)
{
	ck_assert_str_eq(mechanism_table[0]->name, "softmax");
	for (const struct mechanism *const *row = mechanism_table; *row; row++) {
		ck_assert_ptr_eq(mechanism_find((*row)->name), *row);
		const char *const text[] = { (*row)->summary, (*row)->equation, (*row)->properties, (*row)->reference };
		for (int i = 0; i < 4; i++)
			ck_assert_msg(text[i] && strlen(text[i]) > 10, "%s lacks a text", (*row)->name);
		for (const struct mechanism_input *input = (*row)->input; input && input->role; input++)
			ck_assert_msg(*input->shape && *input->help, "%s: %s lacks a text", (*row)->name, input->role);
	}
	ck_assert_ptr_null(mechanism_find("nothing"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mechanism");
	TCase *tcase = tcase_create("contract");
	tcase_add_test(tcase, shapes_that_do_not_fit_are_named);
	tcase_add_test(tcase, a_missing_input_names_its_option);
	tcase_add_test(tcase, masks_and_lengths_must_fit);
	tcase_add_test(tcase, the_note_says_how_scores_were_made);
	tcase_add_test(tcase, keys_may_be_shared_by_batches_and_layers);
	tcase_add_test(tcase, causal_limits_count_from_the_key_lengths_of_a_cache);
	tcase_add_test(tcase, bfloat16_operands_agree_in_both_paths);
	tcase_add_test(tcase, a_nan_in_ready_weights_is_named_with_its_place);
	tcase_add_test(tcase, ready_weights_say_what_they_are);
	tcase_add_test(tcase, a_mask_on_ready_weights_hides_without_normalising);
	tcase_add_test(tcase, parameters_have_defaults);
	tcase_add_test(tcase, wrong_parameters_are_refused);
	tcase_add_test(tcase, every_row_of_the_table_explains_itself);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
