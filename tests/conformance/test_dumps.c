/* SPDX-License-Identifier: MIT */
/* The dumps of trained models: the weights that they computed themselves must come out of their queries and keys. */
#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/mechanism.h"
#include "support/dense.h"
#include "support/npy_view.h"
#include "support/suite.h"
#include "support/vectors.h"

struct tally {
	int maps;
	double exact, fast;
};

/* Largest difference of a source from the weights of a file, by the twin in double and by the driver with the best kernels. */
static void compare(const struct source *source, const struct npy_view *weights, const char *name, struct tally *tally)
{
	struct dense dense;
	struct err_info info = { 0 };
	double *expected = npy_view_numbers(weights);
	int64_t count = source_maps(source) * source->queries * source->keys;
	ck_assert_int_eq(count, tensor_count(weights->tensor));
	ck_assert_msg(!dense_reference(source, &dense, &info), "%s: %s", name, info.text);
	tally->exact = fmax(tally->exact, vectors_distance(dense.weight, expected, count));
	dense_free_rows(&dense);
	ck_assert_msg(!dense_driver(source, &(struct driver_options){ .threads = 1 }, &dense, &info), "%s: %s", name, info.text);
	tally->fast = fmax(tally->fast, vectors_distance(dense.weight, expected, count));
	dense_free_rows(&dense);
	tally->maps += (int)source_maps(source);
	free(expected);
}

/* `suffix` is "" or "_prerope". */
static void check_tensor(const char *folder, const char *name, const char *suffix, struct mechanism_args *args, struct tally *tally)
{
	struct npy_view query, key, weights;
	npy_view_open(&query, NULL, "%s/%s_q%s.npy", folder, name, suffix);
	npy_view_open(&key, NULL, "%s/%s_k%s.npy", folder, name, suffix);
	npy_view_open_tensor(&weights, "%s/%s_attn.npy", folder, name);
	const struct mechanism_binding binding[] = { { .role = "query", .tensor = query.tensor, .heads = &query.heads }, { .role = "key", .tensor = key.tensor, .heads = &key.heads } };
	args->binding = binding;
	args->binding_count = 2;
	struct source *source = NULL;
	struct err_info info = { 0 };
	ck_assert_msg(!mechanism_find("softmax")->open(args, &source, &info), "%s/%s: %s", folder, name, info.text);
	compare(source, &weights, name, tally);
	source_free(source);
	npy_view_release(&query);
	npy_view_release(&key);
	npy_view_release(&weights);
}

static const char *meta_path(const char *folder)
{
	bool external = strncmp(folder, "external/", 9) == 0;
	return external ? suite_external_path("%s/meta.json", folder + 9) : suite_data_path("dumps/%s/meta.json", folder);
}

static json_t *read_meta(const char *folder)
{
	json_t *meta = json_load_file(meta_path(folder), 0, NULL);
	ck_assert_ptr_nonnull(meta);
	return meta;
}

/* The file's own error was computed in float64 from the same definition: it must be met to its last digits, not only kept within. */
static void check_errors(const struct tally *tally, double model_error, const char *folder, const char *name)
{
	ck_assert_msg(fabs(tally->exact - model_error) < 1e-12, "%s/%s: off by %.17g where %.17g is expected", folder, name, tally->exact, model_error);
	ck_assert_msg(tally->fast <= model_error + 1e-6, "%s/%s: the fast path is off by %g", folder, name, tally->fast);
}

static void check_case(const char *folder, struct tally *total)
{
	json_t *meta = read_meta(folder), *entry;
	const char *name;
	json_object_foreach(json_object_get(meta, "tensors"), name, entry) {
		struct mechanism_args args = MECHANISM_ARGS_INIT;
		struct npy_view lengths = { 0 };
		int64_t length[8];
		args.causal = json_is_true(json_object_get(entry, "causal")) ? CAUSAL_BOTTOM_RIGHT : CAUSAL_NONE;
		if (json_is_true(json_object_get(entry, "masked"))) {
			npy_view_open_tensor(&lengths, "%s/lengths.npy", folder);
			args.key_length_count = tensor_count(lengths.tensor);
			for (int64_t i = 0; i < args.key_length_count; i++)
				length[i] = (int64_t)tensor_at(lengths.tensor, i);
			args.key_length = length;
		}
		struct tally tally = { 0 };
		check_tensor(folder, name, "", &args, &tally);
		check_errors(&tally, json_real_value(json_object_get(entry, "max_abs_err_vs_model_probs")), folder, name);
		total->maps += tally.maps;
		total->exact = fmax(total->exact, tally.exact);
		total->fast = fmax(total->fast, tally.fast);
		npy_view_release(&lengths);
	}
	json_decref(meta);
}

static size_t list(const char *pattern, glob_t *found)
{
	bool external = strncmp(pattern, "external/", 9) == 0;
	const char *path = external ? suite_external_path("%s", pattern + 9) : suite_data_path("dumps/%s", pattern);
	ck_assert_int_eq(glob(path, 0, NULL, found), 0);
	return found->gl_pathc;
}

/* "…/dumps/use_lite/bank_pair/meta.json" -> "use_lite/bank_pair", "…/external/x/y/meta.json" -> "external/x/y" */
static void folder_of(const char *path, char *folder, size_t size)
{
	const char *below = strstr(path, "/dumps/");
	below = below ? below + strlen("/dumps/") : strstr(path, "external/");
	snprintf(folder, size, "%.*s", (int)(strrchr(below, '/') - below), below);
}

START_TEST(models_weights_come_out_of_their_queries_and_keys)
{
	glob_t found;
	struct tally total = { 0 };
	size_t cases = list("*/*/meta.json", &found);
	ck_assert_uint_ge(cases, 19);
	for (size_t i = 0; i < cases; i++) {
		char folder[256];
		folder_of(found.gl_pathv[i], folder, sizeof folder);
		check_case(folder, &total);
	}
	globfree(&found);
	printf("note: dumps: %d maps of %d cases, off the models' own weights by at most %.2g in double and %.2g in float32\n", total.maps, (int)cases, total.exact,
	       total.fast);
	fflush(stdout);
}
END_TEST

static void check_transliteration(const char *folder, struct tally *total)
{
	json_t *meta = read_meta(folder);
	char pattern[320];
	glob_t found;
	struct tally tally = { 0 };
	snprintf(pattern, sizeof pattern, "%s/*_attn.npy", folder);
	size_t count = list(pattern, &found);
	for (size_t i = 0; i < count; i++) {
		char name[64];
		const char *file = strrchr(found.gl_pathv[i], '/') + 1;
		snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - strlen("_attn.npy")), file);
		struct mechanism_args args = MECHANISM_ARGS_INIT;
		args.causal = strncmp(name, "dec", 3) == 0 && strstr(name, "_self") ? CAUSAL_BOTTOM_RIGHT : CAUSAL_NONE;
		check_tensor(folder, name, "", &args, &tally);
	}
	check_errors(&tally, json_real_value(json_object_get(meta, "max_abs_err_vs_own_probs")), folder, "all layers");
	total->maps += tally.maps;
	total->exact = fmax(total->exact, tally.exact);
	total->fast = fmax(total->fast, tally.fast);
	globfree(&found);
	json_decref(meta);
}

START_TEST(encoder_decoder_of_six_layers_each)
{
	glob_t found;
	struct tally total = { 0 };
	size_t cases = list("external/transliteration/*/meta.json", &found);
	ck_assert_uint_eq(cases, 3);
	for (size_t i = 0; i < cases; i++) {
		char folder[256];
		folder_of(found.gl_pathv[i], folder, sizeof folder);
		check_transliteration(folder, &total);
	}
	globfree(&found);
	printf("note: transliteration: %d maps, off by at most %.2g in double and %.2g in float32\n", total.maps, total.exact, total.fast);
	fflush(stdout);
}
END_TEST

START_TEST(rotation_is_applied_to_a_dump_taken_before_it)
{
	struct tally tally = { 0 };
	for (int layer = 0; layer < 4; layer++) {
		struct mechanism_args args = MECHANISM_ARGS_INIT;
		char name[16];
		args.causal = CAUSAL_BOTTOM_RIGHT;
		args.position.rope = ROPE_HALF;
		snprintf(name, sizeof name, "L%d", layer);
		check_tensor("gpt_kjv/genesis_short", name, "_prerope", &args, &tally);
	}
	/* 7.3e-7 is the error after the model's own rotation, which is in float32. */
	ck_assert_msg(tally.exact < 1e-6, "off by %g in double", tally.exact);
	ck_assert_msg(tally.fast < 3e-6, "off by %g in float32", tally.fast);
	printf("note: gpt_kjv before RoPE: off by at most %.2g in double and %.2g in float32\n", tally.exact, tally.fast);
	fflush(stdout);
}
END_TEST

START_TEST(the_wrong_pairing_is_seen_at_once)
{
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	struct tally tally = { 0 };
	args.causal = CAUSAL_BOTTOM_RIGHT;
	args.position.rope = ROPE_INTERLEAVED;
	check_tensor("gpt_kjv/genesis_short", "L0", "_prerope", &args, &tally);
	ck_assert_double_gt(tally.exact, 0.1);
}
END_TEST

/* Ready-made weights in the forms of formats/ against the float32 ones. */
static double ready_distance(const char *file, enum ready_form form)
{
	static const struct layout_request weights = { .role = LAYOUT_WEIGHTS };
	struct npy_view ready, expected;
	struct tally tally = { 0 };
	struct err_info info = { 0 };
	struct source *source = NULL;
	npy_view_open(&ready, &weights, "formats/t2t_animal_L1/%s", file);
	npy_view_open_tensor(&expected, "formats/t2t_animal_L1/attn_1HNN.npy");
	struct mechanism_binding binding = { .role = "weights", .tensor = ready.tensor, .heads = &ready.heads };
	struct mechanism_args args = MECHANISM_ARGS_INIT;
	args.binding = &binding;
	args.binding_count = 1;
	args.ready = form;
	ck_assert_msg(!mechanism_find("weights")->open(&args, &source, &info), "%s: %s", file, info.text);
	compare(source, &expected, file, &tally);
	ck_assert_double_eq_tol(tally.exact, tally.fast, 2e-6);
	source_free(source);
	npy_view_release(&ready);
	npy_view_release(&expected);
	return tally.exact;
}

START_TEST(ready_made_weights_in_every_form)
{
	ck_assert_double_eq(ready_distance("attn_1HNN.npy", READY_WEIGHTS), 0);
	ck_assert_double_le(ready_distance("attn_u8.npy", READY_WEIGHTS), 0.5 / 255 + 1e-7);
	ck_assert_double_le(ready_distance("attn_logits.npy", READY_LOG_WEIGHTS), 1e-6);
	ck_assert_double_le(ready_distance("attn_logits.npy", READY_LOGITS), 1e-6);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dumps");
	TCase *tcase = tcase_create("models");
	tcase_add_test(tcase, models_weights_come_out_of_their_queries_and_keys);
	tcase_add_test(tcase, rotation_is_applied_to_a_dump_taken_before_it);
	tcase_add_test(tcase, the_wrong_pairing_is_seen_at_once);
	tcase_add_test(tcase, ready_made_weights_in_every_form);
	if (suite_external())
		tcase_add_test(tcase, encoder_decoder_of_six_layers_each);
	else
		suite_skip(1, "CTranslate2's test model is not here");
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
