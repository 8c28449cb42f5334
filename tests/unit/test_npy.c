/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "tensor/npy.h"

/* A version 1 file around a dictionary, with `data` zero bytes after it. */
struct file {
	unsigned char bytes[4096];
	uint64_t size;
};

static struct file file_of(const char *dictionary, size_t data)
{
	struct file file = { .size = 10 + strlen(dictionary) + data };
	memcpy(file.bytes, "\x93NUMPY\x01", 8);
	file.bytes[8] = (unsigned char)(strlen(dictionary) & 0xff);
	file.bytes[9] = (unsigned char)(strlen(dictionary) >> 8);
	memcpy(file.bytes + 10, dictionary, strlen(dictionary));
	return file;
}

static enum err parse(const char *dictionary, size_t data, struct tensor *tensor, struct err_info *info)
{
	static struct file file;
	file = file_of(dictionary, data);
	memset(tensor, 0, sizeof *tensor);
	memset(info, 0, sizeof *info);
	return npy_parse(file.bytes, file.size, tensor, info);
}

/* --- what Python may write --- */

static const char *const good[] = {
	"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
	"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
	"{\"shape\": (2,3), \"fortran_order\": False, \"descr\": \"<f4\"}",
	"  { 'shape' : ( 2L , 3L , ) , 'descr' : '<f4' ,\t'fortran_order' : False , }   \n",
	"{'descr':'=f4','fortran_order':False,'shape':(2,3)}",
};

START_TEST(the_dictionary_may_be_written_in_any_way)
{
	struct tensor tensor;
	struct err_info info;
	ck_assert_msg(parse(good[_i], 24, &tensor, &info) == ERR_OK, "%s: %s", good[_i], info.text);
	ck_assert_int_eq(tensor.dtype, DTYPE_F32);
	ck_assert_int_eq(tensor.rank, 2);
	ck_assert_int_eq(tensor.shape[0], 2);
	ck_assert_int_eq(tensor.shape[1], 3);
	ck_assert_int_eq(tensor.stride[0], 3);
	ck_assert_int_eq(tensor.stride[1], 1);
	ck_assert_uint_eq(tensor.offset, 10 + strlen(good[_i]));
	ck_assert_double_eq(tensor.scale, 1);
}
END_TEST

START_TEST(fortran_order_turns_the_strides_round)
{
	struct tensor tensor;
	struct err_info info;
	ck_assert_int_eq(parse("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3, 4), }", 192, &tensor, &info), ERR_OK);
	ck_assert_int_eq(tensor.stride[0], 1);
	ck_assert_int_eq(tensor.stride[1], 2);
	ck_assert_int_eq(tensor.stride[2], 6);
}
END_TEST

static const struct {
	const char *descr;
	enum dtype dtype;
	bool swapped;
} dtypes[] = {
	{ "<f2", DTYPE_F16, false },     { ">f2", DTYPE_F16, true }, { "<f8", DTYPE_F64, false },  { "|b1", DTYPE_BOOL, false },
	{ "<i8", DTYPE_I64, false },     { ">i4", DTYPE_I32, true }, { "|i1", DTYPE_I8, false },   { "<u2", DTYPE_U16, false },
	{ "bfloat16", DTYPE_BF16, false }, { "<V2", DTYPE_BF16, false }, { "|V2", DTYPE_BF16, false }, { ">u1", DTYPE_U8, false },
};

START_TEST(dtypes_and_byte_order)
{
	struct tensor tensor;
	struct err_info info;
	char text[128];
	snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (4,), }", dtypes[_i].descr);
	ck_assert_msg(parse(text, 32, &tensor, &info) == ERR_OK, "%s: %s", text, info.text);
	ck_assert_int_eq(tensor.dtype, dtypes[_i].dtype);
	ck_assert_int_eq(tensor.byte_swapped, dtypes[_i].swapped);
}
END_TEST

START_TEST(empty_arrays_and_scalars_are_tensors)
{
	struct tensor tensor;
	struct err_info info;
	ck_assert_int_eq(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", 4, &tensor, &info), ERR_OK);
	ck_assert_int_eq(tensor_count(&tensor), 1);
	ck_assert_int_eq(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 64, 9), }", 0, &tensor, &info), ERR_OK);
	ck_assert_int_eq(tensor.rank, 3);
}
END_TEST

/* --- what is refused, and what is said --- */

static const struct {
	const char *dictionary;
	enum err code;
	const char *text;
} bad[] = {
	{ "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", ERR_UNSUPPORTED, "pickled objects are never read" },
	{ "{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", ERR_UNSUPPORTED, "complex" },
	{ "{'descr': '<U7', 'fortran_order': False, 'shape': (3,), }", ERR_UNSUPPORTED, "text" },
	{ "{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (3,), }", ERR_UNSUPPORTED, "dates" },
	{ "{'descr': '|V7', 'fortran_order': False, 'shape': (3,), }", ERR_UNSUPPORTED, "raw bytes" },
	{ "{'descr': '<f16', 'fortran_order': False, 'shape': (3,), }", ERR_UNSUPPORTED, "width" },
	{ "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (3,), }", ERR_UNSUPPORTED, "structured" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", ERR_UNSUPPORTED, "more than 8 axes" },
	{ "{'descr': '<q9', 'fortran_order': False, 'shape': (3,), }", ERR_FORMAT, "unknown dtype '<q9'" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,), }", ERR_FORMAT, "not negative" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", ERR_FORMAT, "comma" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (2.5,), }", ERR_FORMAT, "comma" },
	{ "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", ERR_FORMAT, "True or False" },
	{ "{'descr': '<f4', 'shape': (3,), }", ERR_FORMAT, "the keys descr" },
	{ "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", ERR_FORMAT, "each key once" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'more': 1}", ERR_FORMAT, "no key but" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } x", ERR_FORMAT, "nothing after" },
	{ "{'descr': '<f4, 'fortran_order': False, 'shape': (3,), }", ERR_FORMAT, "unknown dtype" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (3,", ERR_FORMAT, "malformed" },
	{ "{'descr", ERR_FORMAT, "malformed" },
	{ "", ERR_FORMAT, "a dictionary" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", ERR_FORMAT, "impossible" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", ERR_FORMAT, "impossible" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (2305843009213693952,), }", ERR_FORMAT, "impossible" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9000000000000000000, 9), }", ERR_FORMAT, "impossible" },
	{ "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5), }", ERR_FORMAT, "needs 60 bytes but 16 are there (44 missing)" },
};

START_TEST(what_cannot_be_read_is_refused_with_the_reason)
{
	struct tensor tensor;
	struct err_info info;
	enum err err = parse(bad[_i].dictionary, 16, &tensor, &info);
	ck_assert_msg(err == bad[_i].code && info.code == err, "%s: code %d: %s", bad[_i].dictionary, err, info.text);
	ck_assert_msg(strstr(info.text, bad[_i].text), "%s: %s", bad[_i].dictionary, info.text);
}
END_TEST

START_TEST(a_header_longer_than_the_file_is_refused)
{
	struct file file = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4);
	struct tensor tensor = { 0 };
	struct err_info info = { 0 };
	file.bytes[9] = 0xff;
	ck_assert_int_eq(npy_parse(file.bytes, file.size, &tensor, &info), ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(info.text, "only 61 follow"));
	ck_assert(info.has_offset && info.offset == 8);
}
END_TEST

START_TEST(no_prefix_of_a_file_is_a_file)
{
	struct file file = file_of("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12);
	for (uint64_t size = 0; size < file.size; size++) {
		struct tensor tensor = { 0 };
		struct err_info info = { 0 };
		unsigned char *exact = malloc(size + 1);
		memcpy(exact, file.bytes, size);
		ck_assert_msg(npy_parse(exact, size, &tensor, &info) == ERR_FORMAT, "%llu bytes", (unsigned long long)size);
		free(exact);
	}
}
END_TEST

/* --- what we write --- */

START_TEST(a_written_header_is_read_back_and_aligned)
{
	const int64_t shape[] = { 12, 128, 64 };
	for (int rank = 0; rank <= 3; rank++) {
		struct strbuf text;
		strbuf_init(&text);
		npy_header(&text, DTYPE_F32, rank, shape);
		ck_assert_uint_eq(text.len % 64, 0);
		struct tensor tensor = { 0 };
		struct err_info info = { 0 };
		ck_assert_int_eq(npy_parse_front((const unsigned char *)text.buf, text.len, UINT64_C(1) << 40, &tensor, &info), ERR_OK);
		ck_assert_int_eq(tensor.rank, rank);
		ck_assert_int_eq(tensor.dtype, DTYPE_F32);
		for (int axis = 0; axis < rank; axis++)
			ck_assert_int_eq(tensor.shape[axis], shape[axis]);
		strbuf_release(&text);
	}
}
END_TEST

START_TEST(the_header_of_a_matrix_is_what_numpy_writes)
{
	const int64_t shape[] = { 3, 6 };
	struct strbuf text;
	strbuf_init(&text);
	npy_header(&text, DTYPE_F64, 2, shape);
	static const char wanted[] = "\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3, 6), }";
	ck_assert_uint_eq(text.len, 128);
	ck_assert_mem_eq(text.buf, wanted, sizeof wanted - 1);
	ck_assert_int_eq(text.buf[127], '\n');
	strbuf_release(&text);
}
END_TEST

START_TEST(two_byte_elements_may_be_taken_for_bfloat16)
{
	static const unsigned char bits[] = { 0x49, 0xc0, 0x80, 0x3f };
	struct tensor tensor = { .dtype = DTYPE_U16, .rank = 1, .shape = { 2 }, .stride = { 1 }, .data = bits, .scale = 1 };
	ck_assert_int_eq(tensor_as_bfloat16(&tensor, NULL), ERR_OK);
	ck_assert_double_eq(tensor_at(&tensor, 0), -3.140625);
	ck_assert_double_eq(tensor_at(&tensor, 1), 1);
	struct tensor wide = { .dtype = DTYPE_F32 };
	struct err_info info = { 0 };
	ck_assert_int_eq(tensor_as_bfloat16(&wide, &info), ERR_UNSUPPORTED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("npy");
	TCase *tcase = tcase_create("header");
	tcase_add_loop_test(tcase, the_dictionary_may_be_written_in_any_way, 0, sizeof good / sizeof good[0]);
	tcase_add_test(tcase, fortran_order_turns_the_strides_round);
	tcase_add_loop_test(tcase, dtypes_and_byte_order, 0, sizeof dtypes / sizeof dtypes[0]);
	tcase_add_test(tcase, empty_arrays_and_scalars_are_tensors);
	tcase_add_loop_test(tcase, what_cannot_be_read_is_refused_with_the_reason, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(tcase, a_header_longer_than_the_file_is_refused);
	tcase_add_test(tcase, no_prefix_of_a_file_is_a_file);
	tcase_add_test(tcase, a_written_header_is_read_back_and_aligned);
	tcase_add_test(tcase, the_header_of_a_matrix_is_what_numpy_writes);
	tcase_add_test(tcase, two_byte_elements_may_be_taken_for_bfloat16);
	suite_add_tcase(suite, tcase);
	return suite_main(suite);
}
