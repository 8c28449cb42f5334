/* SPDX-License-Identifier: MIT */
/* The ONNX standard's node cases of Attention (opsets 23 to 25), FlexAttention, Softmax and LogSoftmax. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/reference.h"
#include "mechanism/mechanism.h"
#include "support/dense.h"
#include "support/npy_view.h"
#include "support/suite.h"
#include "support/vectors.h"

#define FOLDER "onnx_attention"

/* What the standard means by an operator's tensors: canonical views over numbers that the test owns. */
struct operands {
	struct vectors *pool; /* owns the numbers */
	struct vector_view query, key, value, mask;
	struct mechanism_binding binding[3];
	int64_t length[8];
};

static const char *file_of(const json_t *test, const char *group, const char *name)
{
	return json_string_value(json_object_get(json_object_get(json_object_get(test, group), name), "file"));
}

static double attribute(const json_t *test, const char *name, double fallback)
{
	const json_t *value = json_object_get(json_object_get(test, "attributes"), name);
	return json_is_number(value) ? json_number_value(value) : fallback;
}

static void open_named(struct npy_view *view, const json_t *test, const char *group, const char *name)
{
	npy_view_open_tensor(view, "external/%s/%s", FOLDER, file_of(test, group, name));
}

static struct vector numbers(struct vectors *pool, const struct npy_view *view)
{
	struct vector vector = vectors_formula(pool, 0, 0, view->tensor->rank, view->tensor->shape);
	for (int64_t i = 0; i < vector.count; i++)
		vector.data[i] = tensor_at(view->tensor, i);
	return vector;
}

/* (B,N,H*D) -> (B,H,N,D) */
static struct vector split_heads(struct vectors *pool, struct vector packed, int64_t heads)
{
	int64_t tokens = packed.shape[1], dim = packed.shape[2] / heads;
	struct vector split = vectors_formula(pool, 0, 0, 4, (int64_t[]){ packed.shape[0], heads, tokens, dim });
	for (int64_t i = 0; i < split.count; i++) {
		int64_t d = i % dim, token = i / dim % tokens, head = i / dim / tokens % heads, batch = i / dim / tokens / heads;
		split.data[i] = packed.data[((batch * tokens + token) * heads + head) * dim + d];
	}
	return split;
}

/* The past, then the new tokens. */
static struct vector append_tokens(struct vectors *pool, struct vector past, struct vector fresh)
{
	int64_t old = past.shape[2] * past.shape[3], added = fresh.shape[2] * fresh.shape[3];
	struct vector all = vectors_formula(pool, 0, 0, 4, (int64_t[]){ past.shape[0], past.shape[1], past.shape[2] + fresh.shape[2], past.shape[3] });
	for (int64_t block = 0; block < past.shape[0] * past.shape[1]; block++) {
		memcpy(all.data + block * (old + added), past.data + block * old, (size_t)old * sizeof(double));
		memcpy(all.data + block * (old + added) + old, fresh.data + block * added, (size_t)added * sizeof(double));
	}
	return all;
}

static struct vector read_operand(struct operands *operands, const json_t *test, const char *name, const char *past, int64_t heads)
{
	struct npy_view view;
	open_named(&view, test, "inputs", name);
	struct vector vector = numbers(operands->pool, &view);
	npy_view_release(&view);
	if (vector.rank == 3)
		vector = split_heads(operands->pool, vector, heads);
	if (!past || !file_of(test, "inputs", past))
		return vector;
	open_named(&view, test, "inputs", past);
	vector = append_tokens(operands->pool, numbers(operands->pool, &view), vector);
	npy_view_release(&view);
	return vector;
}

static void read_mask(struct operands *operands, const json_t *test, struct mechanism_args *args)
{
	struct npy_view view;
	open_named(&view, test, "inputs", "attn_mask");
	struct vector mask = numbers(operands->pool, &view);
	bool boolean = view.tensor->dtype == DTYPE_BOOL;
	npy_view_release(&view);
	if (mask.rank == 1) {
		mask.shape[1] = mask.shape[0];
		mask.shape[0] = 1;
		mask.rank = 2;
	}
	vector_view_init(&operands->mask, &mask, "attn_mask");
	*(boolean ? &args->allow : &args->bias) = &operands->mask.heads;
}

static void read_lengths(struct operands *operands, const json_t *test, struct mechanism_args *args)
{
	struct npy_view view;
	open_named(&view, test, "inputs", "nonpad_kv_seqlen");
	args->key_length_count = tensor_count(view.tensor);
	for (int64_t i = 0; i < args->key_length_count; i++)
		operands->length[i] = (int64_t)tensor_at(view.tensor, i);
	npy_view_release(&view);
	args->key_length = operands->length;
	args->align_to_length = true;
}

static void bind(struct operands *operands, const json_t *test, struct mechanism_args *args)
{
	static const char *const role[] = { "query", "key", "value" };
	struct vector_view *view[] = { &operands->query, &operands->key, &operands->value };
	int64_t heads = (int64_t)attribute(test, "q_num_heads", 1), kv_heads = (int64_t)attribute(test, "kv_num_heads", 1);
	struct vector vector[] = {
		read_operand(operands, test, "Q", NULL, heads),
		read_operand(operands, test, "K", "past_key", kv_heads),
		read_operand(operands, test, "V", "past_value", kv_heads),
	};
	for (int i = 0; i < 3; i++) {
		vector_view_init(view[i], &vector[i], role[i]);
		operands->binding[i] = (struct mechanism_binding){ .role = role[i], .tensor = &view[i]->tensor, .heads = &view[i]->heads };
	}
	args->binding = operands->binding;
	args->binding_count = 3;
}

static void read_case(struct operands *operands, const json_t *test, struct mechanism_args *args)
{
	struct npy_view past;
	*operands = (struct operands){ .pool = vectors_open("01_sdpa") };
	*args = (struct mechanism_args)MECHANISM_ARGS_INIT;
	bind(operands, test, args);
	args->scale = attribute(test, "scale", NAN);
	args->softcap = attribute(test, "softcap", 0);
	args->causal = attribute(test, "is_causal", 0) != 0 ? CAUSAL_TOP_LEFT : CAUSAL_NONE;
	args->window_left = (int64_t)attribute(test, "left_window_size", -1);
	args->window_right = (int64_t)attribute(test, "right_window_size", -1);
	args->has_diagonal = true;
	if (file_of(test, "inputs", "past_key")) {
		open_named(&past, test, "inputs", "past_key");
		args->diagonal = past.tensor->shape[2];
		npy_view_release(&past);
	}
	if (file_of(test, "inputs", "attn_mask"))
		read_mask(operands, test, args);
	if (file_of(test, "inputs", "nonpad_kv_seqlen"))
		read_lengths(operands, test, args);
}

/* To 11 significant bits, as a result that is stored in half precision. */
static double round_to_half(double value)
{
	int exponent;
	double fraction = frexp(value, &exponent);
	return isfinite(value) ? ldexp(nearbyint(ldexp(fraction, 11)), exponent - 11) : value;
}

/* |actual - expected| <= atol + rtol |expected|, as the standard's runner compares, with its rtol where a case is in half precision throughout and a stricter one
 * else. The first number that is not close is printed. */
static bool close_to(const double *actual, const struct npy_view *expected, const json_t *test, const char *what)
{
	bool half = expected->tensor->dtype == DTYPE_F16;
	double atol = json_number_value(json_object_get(test, "atol")), rtol = half ? json_number_value(json_object_get(test, "rtol")) : 5e-6;
	for (int64_t i = 0; i < tensor_count(expected->tensor); i++) {
		double wanted = tensor_at(expected->tensor, i), got = half ? round_to_half(actual[i]) : actual[i];
		if (got == wanted || fabs(got - wanted) <= atol + rtol * fabs(wanted))
			continue;
		printf("%s: %s[%d] is %.9g where %.9g is expected\n", json_string_value(json_object_get(test, "name")), what, (int)i, got, wanted);
		return false;
	}
	return true;
}

/* Numbers in (maps, queries, width) as the operator lays them out: (B,H,N,D), or (B,N,H*D) where the operands are packed. */
static double *operator_order(const struct source *source, const double *number, int64_t width, bool packed)
{
	int64_t count = source_maps(source) * source->queries * width;
	double *out = malloc((size_t)(count + 1) * sizeof *out);
	ck_assert_ptr_nonnull(out);
	for (int64_t i = 0; i < count; i++) {
		int64_t column = i % width, row = i / width % source->queries, head = i / width / source->queries % source->heads;
		int64_t batch = i / width / source->queries / source->heads;
		int64_t to = packed ? ((batch * source->queries + row) * source->heads + head) * width + column : i;
		out[to] = number[i];
	}
	return out;
}

static bool check_output(const json_t *test, const struct source *source, const struct dense *dense, const char *path)
{
	struct npy_view expected;
	open_named(&expected, test, "outputs", "Y");
	double *actual = operator_order(source, dense->output, dense->width, expected.tensor->rank == 3);
	ck_assert_int_eq(tensor_count(expected.tensor), dense->rows * dense->width);
	bool good = close_to(actual, &expected, test, path);
	free(actual);
	npy_view_release(&expected);
	return good;
}

/* The intermediate that qk_matmul_output_mode asks for; hidden keys are -inf there. */
static bool check_intermediate(const json_t *test, struct mechanism_args *args)
{
	static const enum stage stage[] = { STAGE_SCORES, STAGE_CAPPED, STAGE_BIASED, STAGE_WEIGHTS };
	struct npy_view expected;
	struct source *source = NULL;
	struct dense dense;
	bool good = true;
	args->stage = stage[(int)attribute(test, "qk_matmul_output_mode", 0)];
	ck_assert_int_eq(mechanism_find("softmax")->open(args, &source, NULL), ERR_OK);
	open_named(&expected, test, "outputs", "qk_matmul_output");
	for (int fast = 0; fast < 2 && good; fast++) {
		ck_assert_int_eq(fast ? dense_driver(source, &(struct driver_options){ .threads = 1 }, &dense, NULL) : dense_reference(source, &dense, NULL), ERR_OK);
		for (int64_t i = 0; i < dense.rows * dense.keys && args->stage == STAGE_BIASED; i++)
			if (!source->ops->visible(source, i / dense.keys / source->queries, i / dense.keys % source->queries, i % dense.keys))
				dense.weight[i] = -INFINITY;
		good = close_to(dense.weight, &expected, test, fast ? "fast intermediate" : "intermediate");
		dense_free_rows(&dense);
	}
	npy_view_release(&expected);
	source_free(source);
	return good;
}

static bool check_attention(const json_t *test)
{
	struct operands operands;
	struct mechanism_args args;
	struct source *source = NULL;
	struct dense dense;
	struct err_info info = { 0 };
	read_case(&operands, test, &args);
	enum err err = mechanism_find("softmax")->open(&args, &source, &info);
	bool good = !err;
	for (int fast = 0; fast < 2 && good; fast++) {
		err = fast ? dense_driver(source, &(struct driver_options){ .threads = 1 }, &dense, &info) : dense_reference(source, &dense, &info);
		good = !err && check_output(test, source, &dense, fast ? "fast Y" : "Y");
		if (!err)
			dense_free_rows(&dense);
	}
	if (err)
		printf("%s: %s\n", json_string_value(json_object_get(test, "name")), info.text);
	if (good && file_of(test, "outputs", "qk_matmul_output"))
		good = check_intermediate(test, &args);
	source_free(source);
	vectors_close(operands.pool);
	return good;
}

static void check_all(const char *op, bool (*check)(const json_t *), int at_least)
{
	json_t *manifest = json_load_file(suite_external_path("%s/manifest.json", FOLDER), 0, NULL), *test;
	size_t index;
	int total = 0, good = 0;
	ck_assert_ptr_nonnull(manifest);
	json_array_foreach(json_object_get(manifest, "cases"), index, test) {
		if (strcmp(json_string_value(json_object_get(test, "op")), op) != 0)
			continue;
		total++;
		good += check(test);
	}
	json_decref(manifest);
	printf("note: onnx %s: %d of %d\n", op, good, total);
	fflush(stdout);
	ck_assert_int_ge(total, at_least);
	ck_assert_int_eq(good, total);
}

START_TEST(attention_with_every_mask_cache_and_intermediate)
{
	check_all("Attention", check_attention, 87);
}
END_TEST

START_TEST(flex_attention_without_subgraphs)
{
	check_all("FlexAttention", check_attention, 6);
}
END_TEST

/* Softmax over any axis: the view puts that axis on the keys, and the others, in order, before it. */
static void view_axis(struct heads *view, const struct npy_view *file, int axis, const struct tensor *const *slot)
{
	const struct tensor *tensor = file->tensor;
	*view = (struct heads){ .tensors = slot, .tensor_count = 1, .size = { 1, 1, 1, 1, tensor->shape[axis] }, .stride = { [AXIS_DIM] = tensor->stride[axis] } };
	for (int other = tensor->rank - 1, to = AXIS_TOKEN; other >= 0; other--) {
		if (other == axis)
			continue;
		view->size[to] = tensor->shape[other];
		view->stride[to--] = tensor->stride[other];
	}
}

static bool check_softmax_axis(const json_t *test, bool logarithm)
{
	struct npy_view input, output;
	struct heads view, expected;
	struct source *source = NULL;
	open_named(&input, test, "inputs", "input");
	open_named(&output, test, "outputs", "output");
	int axis = (int)attribute(test, "axis", -1);
	axis += axis < 0 ? input.tensor->rank : 0;
	view_axis(&view, &input, axis, &input.tensor);
	view_axis(&expected, &output, axis, &output.tensor);
	struct mechanism_binding binding = { .role = "weights", .tensor = input.tensor, .heads = &view };
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	args.binding = &binding;
	args.binding_count = 1;
	args.ready = READY_LOGITS;
	ck_assert_int_eq(mechanism_find("weights")->open(&args, &source, NULL), ERR_OK);
	double weight[8], logit[8], wanted[8];
	struct row_stats stats;
	bool good = true;
	for (int64_t map = 0; map < source_maps(source); map++)
		for (int64_t row = 0; row < source->queries; row++) {
			ck_assert_int_eq(source->ops->score64(source, map, row, logit, NULL), ERR_OK);
			ck_assert_int_eq(reference_row(source, map, row, weight, &stats, NULL, NULL), ERR_OK);
			ck_assert_int_eq(heads_decode_f64(&expected, 0, 0, map, row, 1, true, wanted, 8, NULL), ERR_OK);
			for (int64_t key = 0; key < source->keys; key++) {
				double actual = logarithm ? logit[key] - stats.lse : weight[key];
				good &= fabs(actual - wanted[key]) <= 1e-7 + 2e-7 * fabs(wanted[key]);
			}
		}
	source_free(source);
	npy_view_release(&input);
	npy_view_release(&output);
	return good;
}

static bool check_softmax(const json_t *test)
{
	return check_softmax_axis(test, false);
}

static bool check_log_softmax(const json_t *test)
{
	return check_softmax_axis(test, true);
}

START_TEST(softmax_and_its_logarithm_over_every_axis)
{
	check_all("Softmax", check_softmax, 7);
	check_all("LogSoftmax", check_log_softmax, 7);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("onnx attention");
	TCase *tcase = tcase_create("node cases");
	if (suite_external()) {
		tcase_add_test(tcase, attention_with_every_mask_cache_and_intermediate);
		tcase_add_test(tcase, flex_attention_without_subgraphs);
		tcase_add_test(tcase, softmax_and_its_logarithm_over_every_axis);
	} else {
		suite_skip(107, "the ONNX cases are not here");
	}
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
