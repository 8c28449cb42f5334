/* SPDX-License-Identifier: MIT */
/* One case in every container, type and axis order: all of them must hold the same numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/layout.h"
#include "tensor/reader.h"

enum { HEADS = 4, TOKENS = 14, DIM = 128 };

static double queries[HEADS][TOKENS][DIM], weights[HEADS][TOKENS][TOKENS];

static void open_format(struct archive *archive, const char *file, const char *name, const struct tensor **tensor)
{
	struct err_info info = { 0 };
	enum err err = archive_open(archive, suite_data_path("dumps/formats/t2t_animal_L1/%s", file), &info);
	if (!err)
		err = archive_get(archive, name, tensor, &info);
	ck_assert_msg(err == ERR_OK, "%s: %s: %s", info.file, file, info.text);
}

/* What the files were made from: the float64 copies. */
static void load_reference(void)
{
	struct archive archive;
	const struct tensor *tensor;
	open_format(&archive, "q_f8.npy", NULL, &tensor);
	tensor_decode_f64(tensor, 0, 1, HEADS * TOKENS * DIM, &queries[0][0][0]);
	archive_release(&archive);
	open_format(&archive, "f64.safetensors", "encoder.layers.1.attention.probs", &tensor);
	tensor_decode_f64(tensor, 0, 1, HEADS * TOKENS * TOKENS, &weights[0][0][0]);
	archive_release(&archive);
}

struct format {
	const char *file, *name, *letters;
	int64_t heads_in;
	double relative; /* error of the type */
	int heads;
};

static const struct format query_formats[] = {
	{ "q_1HND.npy", NULL, NULL, 0, 0, HEADS },
	{ "q_BNHD.npy", NULL, "BNHD", 0, 0, HEADS },
	{ "q_NHD.npy", NULL, "NHD", 0, 0, HEADS },
	{ "q_N_HD.npy", NULL, NULL, HEADS, 0, HEADS },
	{ "q_N_HD.npy", NULL, "N(HD)", HEADS, 0, HEADS },
	{ "q_head0.npy", NULL, NULL, 0, 0, 1 },
	{ "q_f2.npy", NULL, NULL, 0, 0x1p-11, HEADS },
	{ "q_f2_be.npy", NULL, NULL, 0, 0x1p-11, HEADS },
	{ "q_f4_be.npy", NULL, NULL, 0, 0, HEADS },
	{ "q_f8.npy", NULL, NULL, 0, 0, HEADS },
	{ "q_f8_be.npy", NULL, NULL, 0, 0, HEADS },
	{ "q_fortran.npy", NULL, NULL, 0, 0, HEADS },
	{ "q_npy_v2.npy", NULL, NULL, 0, 0, HEADS },
	{ "q_npy_v3.npy", NULL, NULL, 0, 0, HEADS },
	{ "stored.npz", "q", NULL, 0, 0, HEADS },
	{ "deflate.npz", "q", NULL, 0, 0, HEADS },
	{ "f16.npz", "q", NULL, 0, 0x1p-11, HEADS },
	{ "f32.safetensors", "encoder.layers.1.attention.q", NULL, 0, 0, HEADS },
	{ "f64.safetensors", "encoder.layers.1.attention.q", NULL, 0, 0, HEADS },
	{ "f16.safetensors", "encoder.layers.1.attention.q", NULL, 0, 0x1p-11, HEADS },
	{ "bf16.safetensors", "encoder.layers.1.attention.q", NULL, 0, 0x1p-8, HEADS },
};

static const struct format weight_formats[] = {
	{ "attn_1HNN.npy", NULL, NULL, 0, 1e-7, HEADS },
	{ "attn_head0.npy", NULL, NULL, 0, 1e-7, 1 },
	{ "stored.npz", "attn", NULL, 0, 1e-7, HEADS },
	{ "deflate.npz", "attn", NULL, 0, 1e-7, HEADS },
	{ "f32.safetensors", "encoder.layers.1.attention.probs", NULL, 0, 1e-7, HEADS },
};

static void assert_close(double value, double wanted, double relative, const char *file)
{
	/* Below the smallest normal half the step is fixed: 2^-25 is half of it. */
	double allowed = relative ? fabs(wanted) * relative + 0x1p-25 : 0;
	ck_assert_msg(fabs(value - wanted) <= allowed, "%s: %.17g, wanted %.17g", file, value, wanted);
}

static void assert_view(const struct format *format, enum layout_role role, const double *wanted, int columns)
{
	struct archive archive;
	const struct tensor *tensor, *slot;
	struct heads view;
	struct err_info info = { 0 };
	open_format(&archive, format->file, format->name, &tensor);
	struct layout_request request = { .letters = format->letters, .heads_in = format->heads_in, .role = role };
	ck_assert_msg(layout_resolve(tensor, &request, &slot, &view, &info) == ERR_OK, "%s: %s", format->file, info.text);
	ck_assert_int_eq(view.size[AXIS_HEAD], format->heads);
	ck_assert_int_eq(view.size[AXIS_TOKEN], TOKENS);
	ck_assert_int_eq(view.size[AXIS_DIM], columns);
	for (int head = 0; head < format->heads; head++) {
		double wide[TOKENS * DIM];
		float narrow[TOKENS * DIM];
		ck_assert_int_eq(heads_decode_f64(&view, 0, 0, head, 0, TOKENS, false, wide, columns, NULL), ERR_OK);
		ck_assert_int_eq(heads_decode_f32(&view, 0, 0, head, 0, TOKENS, false, narrow, columns, NULL), ERR_OK);
		for (int i = 0; i < TOKENS * columns; i++) {
			assert_close(wide[i], wanted[head * TOKENS * columns + i], format->relative, format->file);
			ck_assert_float_eq(narrow[i], (float)wide[i]);
		}
	}
	archive_release(&archive);
}

START_TEST(queries_are_the_same_in_every_form)
{
	assert_view(&query_formats[_i], LAYOUT_QUERY, &queries[0][0][0], DIM);
}
END_TEST

START_TEST(weights_are_the_same_in_every_form)
{
	assert_view(&weight_formats[_i], LAYOUT_WEIGHTS, &weights[0][0][0], TOKENS);
}
END_TEST

START_TEST(a_text_member_is_stepped_over)
{
	struct archive archive;
	const struct tensor *tensor;
	open_format(&archive, "stored.npz", "k", &tensor);
	ck_assert_uint_eq(archive.count, 4);
	ck_assert_uint_eq(archive.skipped, 1);
	ck_assert_ptr_nonnull(strstr(archive.skipped_name, "tokens.npy"));
	archive_release(&archive);
}
END_TEST

START_TEST(stored_members_are_used_in_place)
{
	struct archive stored, deflated;
	const struct tensor *in_place, *inflated;
	open_format(&stored, "stored.npz", "q", &in_place);
	open_format(&deflated, "deflate.npz", "q", &inflated);
	struct bytes bytes;
	ck_assert_int_eq(bytes_open(&bytes, suite_data_path("dumps/formats/t2t_animal_L1/stored.npz"), NULL), ERR_OK);
	const void *found = memmem(bytes.data, bytes.size, in_place->data, 1000);
	ck_assert_ptr_nonnull(found);
	ck_assert_mem_eq(in_place->data, inflated->data, HEADS * TOKENS * DIM * sizeof(float));
	/* The page offset shows that it is the file's own mapping rather than a copy. */
	ck_assert_uint_eq(((uintptr_t)in_place->data) % 4096, (uintptr_t)((const unsigned char *)found - bytes.data) % 4096);
	bytes_release(&bytes);
	archive_release(&stored);
	archive_release(&deflated);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("formats");
	TCase *tcase = tcase_create("forms");
	tcase_add_unchecked_fixture(tcase, load_reference, NULL);
	tcase_add_loop_test(tcase, queries_are_the_same_in_every_form, 0, sizeof query_formats / sizeof query_formats[0]);
	tcase_add_loop_test(tcase, weights_are_the_same_in_every_form, 0, sizeof weight_formats / sizeof weight_formats[0]);
	tcase_add_test(tcase, a_text_member_is_stepped_over);
	tcase_add_test(tcase, stored_members_are_used_in_place);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
