/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

START_TEST(overflow_is_a_failed_allocation)
{
	ck_assert_ptr_null(mem_array(SIZE_MAX / 2 + 2, 2));
	ck_assert_ptr_null(mem_zero_array(SIZE_MAX / 2 + 2, 2));
	ck_assert_ptr_null(mem_array((size_t)PTRDIFF_MAX + 1, 1));
	ck_assert_ptr_null(mem_aligned(SIZE_MAX));
	ck_assert_ptr_null(mem_aligned((size_t)PTRDIFF_MAX));
}
END_TEST

START_TEST(nothing_is_a_block_too)
{
	void *blocks[] = { mem_array(0, 8), mem_zero_array(8, 0), mem_array(0, SIZE_MAX) };
	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_nonnull(blocks[i]);
		free(blocks[i]);
	}
	void *aligned = mem_aligned(0);
	ck_assert_ptr_nonnull(aligned);
	mem_aligned_free(aligned);
	mem_aligned_free(NULL);
}
END_TEST

START_TEST(zero_array_is_zeroed)
{
	unsigned char *block = mem_zero_array(100, 40);
	for (size_t i = 0; i < 4000; i++)
		ck_assert_uint_eq(block[i], 0);
	free(block);
}
END_TEST

START_TEST(grow_keeps_contents_and_doubles)
{
	int *array = NULL;
	size_t capacity = 0, moves = 0, before = 0;
	for (int i = 0; i < 1000; i++) {
		void *grown = array;
		ck_assert(mem_grow(&grown, &capacity, (size_t)i + 1, sizeof *array));
		array = grown;
		array[i] = i;
		moves += capacity != before;
		before = capacity;
	}
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(array[i], i);
	ck_assert_uint_le(moves, 11);
	free(array);
}
END_TEST

START_TEST(failed_grow_changes_nothing)
{
	size_t capacity = 4;
	void *array = mem_array(capacity, 8), *before = array;
	ck_assert(!mem_grow(&array, &capacity, SIZE_MAX / 4, 8));
	ck_assert_ptr_eq(array, before);
	ck_assert_uint_eq(capacity, 4);
	free(array);
}
END_TEST

START_TEST(aligned_blocks_are_aligned_and_padded)
{
	static const size_t sizes[] = { 1, 63, 64, 65, 4097, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 5 << 20 };
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		unsigned char *block = mem_aligned(sizes[i]);
		ck_assert_ptr_nonnull(block);
		ck_assert_uint_eq((uintptr_t)block % (sizes[i] >= 2 << 20 ? 2 << 20 : 64), 0);
		memset(block, 1, (sizes[i] + 63) / 64 * 64); /* for the sanitizer: the padding belongs to us */
		mem_aligned_free(block);
	}
}
END_TEST

START_TEST(products_are_checked)
{
	int64_t product = 0;
	ck_assert(mem_mul_i64(3037000499, 3037000499, &product));
	ck_assert_int_eq(product, 9223372030926249001);
	ck_assert(!mem_mul_i64(3037000500, 3037000500, &product));
	ck_assert(!mem_mul_i64(-1, 0, &product));
	ck_assert(!mem_mul_i64(1, INT64_MIN, &product));
	ck_assert(mem_mul_i64(0, INT64_MAX, &product));
	ck_assert_int_eq(product, 0);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("memory");
	tcase_add_test(tests, overflow_is_a_failed_allocation);
	tcase_add_test(tests, nothing_is_a_block_too);
	tcase_add_test(tests, zero_array_is_zeroed);
	tcase_add_test(tests, grow_keeps_contents_and_doubles);
	tcase_add_test(tests, failed_grow_changes_nothing);
	tcase_add_test(tests, aligned_blocks_are_aligned_and_padded);
	tcase_add_test(tests, products_are_checked);
	Suite *suite = suite_create("memory");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
