/* SPDX-License-Identifier: MIT */
/* The ONNX standard's node cases of RotaryEmbedding: pairs half-split and interleaved, whole and partial, with positions and with one row of tables a token. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mechanism/rope.h"
#include "support/npy_view.h"
#include "support/suite.h"

#define FOLDER "onnx_attention"

static void open_named(struct npy_view *view, const json_t *test, const char *group, const char *name)
{
	const json_t *file = json_object_get(json_object_get(json_object_get(test, group), name), "file");
	*view = (struct npy_view){ 0 };
	if (file)
		npy_view_open_tensor(view, "external/%s/%s", FOLDER, json_string_value(file));
}

static int64_t attribute(const json_t *test, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(test, "attributes"), name));
}

/* The view (batch, head, token, dim) of (B,H,N,D), or of (B,N,H*D) with the heads given. */
struct shape {
	int64_t size[4], stride[4];
};

static struct shape shape_of(const struct tensor *tensor, int64_t heads)
{
	const int64_t *size = tensor->shape;
	if (tensor->rank == 4)
		return (struct shape){ { size[0], size[1], size[2], size[3] }, { size[1] * size[2] * size[3], size[2] * size[3], size[3], 1 } };
	int64_t dim = size[2] / heads;
	return (struct shape){ { size[0], heads, size[1], dim }, { size[1] * size[2], dim, size[2], 1 } };
}

static double largest_error(const json_t *test, const struct rope *rope, const struct npy_view *input, const struct npy_view *ids, const struct npy_view *output)
{
	struct shape shape = shape_of(input->tensor, attribute(test, "num_heads"));
	double *vector = calloc((size_t)shape.size[3], sizeof *vector), largest = 0;
	for (int64_t i = 0; i < shape.size[0] * shape.size[1] * shape.size[2]; i++) {
		int64_t token = i % shape.size[2], head = i / shape.size[2] % shape.size[1], batch = i / shape.size[2] / shape.size[1];
		int64_t first = batch * shape.stride[0] + head * shape.stride[1] + token * shape.stride[2];
		for (int64_t d = 0; d < shape.size[3]; d++)
			vector[d] = tensor_at(input->tensor, first + d);
		int64_t position = ids->tensor ? (int64_t)tensor_at(ids->tensor, batch * shape.size[2] + token) : token;
		rope_rotate(rope, position, batch, vector);
		for (int64_t d = 0; d < shape.size[3]; d++)
			largest = fmax(largest, fabs(vector[d] - tensor_at(output->tensor, first + d)));
	}
	free(vector);
	return largest;
}

static bool check(const json_t *test)
{
	struct npy_view input, cosine, sine, ids, output;
	struct rope rope;
	open_named(&input, test, "inputs", "input");
	open_named(&cosine, test, "inputs", "cos_cache");
	open_named(&sine, test, "inputs", "sin_cache");
	open_named(&ids, test, "inputs", "position_ids");
	open_named(&output, test, "outputs", "output");
	int64_t dim = shape_of(input.tensor, attribute(test, "num_heads")).size[3];
	struct position_args args = {
		.rope = attribute(test, "interleaved") ? ROPE_INTERLEAVED : ROPE_HALF, .rope_dims = attribute(test, "rotary_embedding_dim"),
		.rope_cos = cosine.tensor, .rope_sin = sine.tensor,
	};
	ck_assert_int_eq(rope_init(&rope, &args, dim, shape_of(input.tensor, attribute(test, "num_heads")).size[0], 0, ids.tensor ? 49 : 2, NULL), ERR_OK);
	double error = largest_error(test, &rope, &input, &ids, &output);
	if (error > 3e-7)
		printf("%s: off by %g\n", json_string_value(json_object_get(test, "name")), error);
	rope_release(&rope);
	npy_view_release(&input);
	npy_view_release(&cosine);
	npy_view_release(&sine);
	npy_view_release(&ids);
	npy_view_release(&output);
	return error <= 3e-7;
}

START_TEST(rotary_embedding_cases)
{
	json_t *manifest = json_load_file(suite_external_path("%s/manifest.json", FOLDER), 0, NULL), *test;
	size_t index;
	int total = 0, good = 0;
	ck_assert_ptr_nonnull(manifest);
	json_array_foreach(json_object_get(manifest, "cases"), index, test) {
		if (strcmp(json_string_value(json_object_get(test, "op")), "RotaryEmbedding") != 0)
			continue;
		total++;
		good += check(test);
	}
	json_decref(manifest);
	printf("note: onnx RotaryEmbedding: %d of %d\n", good, total);
	fflush(stdout);
	ck_assert_int_eq(total, 8);
	ck_assert_int_eq(good, total);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("onnx rotary");
	TCase *tcase = tcase_create("node cases");
	if (suite_external())
		tcase_add_test(tcase, rotary_embedding_cases);
	else
		suite_skip(8, "the ONNX cases are not here");
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
