/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

START_TEST(an_empty_buffer_is_an_empty_string)
{
	struct strbuf sb;
	strbuf_init(&sb);
	ck_assert_str_eq(sb.buf, "");
	strbuf_clear(&sb);
	strbuf_release(&sb);
	ck_assert_str_eq(sb.buf, "");
	char *text = strbuf_detach(&sb);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(a_zeroed_struct_can_be_released_and_filled)
{
	struct strbuf sb = { 0 };
	strbuf_release(&sb);
	struct strbuf fresh = { 0 };
	strbuf_addstr(&fresh, "abc");
	ck_assert_str_eq(fresh.buf, "abc");
	strbuf_release(&fresh);
}
END_TEST

START_TEST(appends_stay_terminated)
{
	struct strbuf sb;
	strbuf_init(&sb);
	for (int i = 0; i < 2000; i++) {
		strbuf_addf(&sb, "%d,", i);
		ck_assert_uint_eq(strlen(sb.buf), sb.len);
		ck_assert_uint_lt(sb.len, sb.capacity);
	}
	ck_assert_uint_eq(sb.len, 10 * 2 + 90 * 3 + 900 * 4 + 1000 * 5);
	ck_assert_str_eq(sb.buf + sb.len - 5, "1999,");
	strbuf_release(&sb);
}
END_TEST

/* The formatted text meets every amount of free room, also exactly none. */
START_TEST(formats_of_any_length_are_whole)
{
	for (int before = 0; before < 70; before++) {
		for (int width = 1; width < 200; width += 7) {
			struct strbuf sb;
			strbuf_init(&sb);
			for (int i = 0; i < before; i++)
				strbuf_addch(&sb, '.');
			strbuf_addf(&sb, "%*d", width, 7);
			ck_assert_uint_eq(sb.len, (size_t)(before + width));
			ck_assert_int_eq(sb.buf[sb.len - 1], '7');
			strbuf_release(&sb);
		}
	}
}
END_TEST

START_TEST(bytes_may_be_zero)
{
	struct strbuf sb;
	strbuf_init(&sb);
	strbuf_add(&sb, "a\0b", 3);
	strbuf_addch(&sb, 0);
	ck_assert_uint_eq(sb.len, 4);
	ck_assert_mem_eq(sb.buf, "a\0b\0", 5);
	strbuf_clear(&sb);
	ck_assert_str_eq(sb.buf, "");
	strbuf_release(&sb);
}
END_TEST

START_TEST(failure_is_sticky_until_release)
{
	struct strbuf sb;
	strbuf_init(&sb);
	strbuf_addstr(&sb, "kept");
	strbuf_add(&sb, "", SIZE_MAX - 2);
	ck_assert(strbuf_failed(&sb));
	strbuf_addstr(&sb, " not");
	ck_assert_str_eq(sb.buf, "kept");
	strbuf_clear(&sb);
	ck_assert(strbuf_failed(&sb));
	ck_assert_ptr_null(strbuf_detach(&sb));
	ck_assert(!strbuf_failed(&sb));
	strbuf_addstr(&sb, "again");
	ck_assert_str_eq(sb.buf, "again");
	strbuf_release(&sb);
}
END_TEST

START_TEST(detach_hands_over_and_starts_anew)
{
	struct strbuf sb;
	strbuf_init(&sb);
	strbuf_addstr(&sb, "first");
	char *text = strbuf_detach(&sb);
	strbuf_addstr(&sb, "second");
	ck_assert_str_eq(text, "first");
	ck_assert_str_eq(sb.buf, "second");
	free(text);
	strbuf_release(&sb);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("strbuf");
	tcase_add_test(tests, an_empty_buffer_is_an_empty_string);
	tcase_add_test(tests, a_zeroed_struct_can_be_released_and_filled);
	tcase_add_test(tests, appends_stay_terminated);
	tcase_add_test(tests, formats_of_any_length_are_whole);
	tcase_add_test(tests, bytes_may_be_zero);
	tcase_add_test(tests, failure_is_sticky_until_release);
	tcase_add_test(tests, detach_hands_over_and_starts_anew);
	Suite *suite = suite_create("strbuf");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
