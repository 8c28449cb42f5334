/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <string.h>

#include "base/record_fit.h"
#include "base/strbuf.h"

static const struct record_column columns[] = {
	{ "layer", RECORD_INT }, { "head", RECORD_INT }, { "h", RECORD_REAL }, { "name", RECORD_TEXT }, { "max", RECORD_REAL }, { "profile", RECORD_REAL_LIST },
};

static const char cells[] = "0\0" "10\0" "1.23456\0" "a\0" "-\0" "0.5 0.25 0.125\0"
			    "1\0" "2\0" "12\0" "語\0" "12345.678\0" "1 2\0";

static void fits(int count, int width, const char *wanted)
{
	/* The cells of the first `count` columns alone. */
	char chosen[sizeof cells];
	size_t used = 0;
	const char *at = cells;
	for (int i = 0; i < 12; i++, at += strlen(at) + 1)
		if (i % 6 < count) {
			memcpy(chosen + used, at, strlen(at) + 1);
			used += strlen(at) + 1;
		}
	const struct record_table table = { columns, count, chosen, 2 };
	struct strbuf out;
	strbuf_init(&out);
	record_fit(&table, width, &out);
	ck_assert(!strbuf_failed(&out));
	ck_assert_str_eq(out.buf, wanted);
	strbuf_release(&out);
}

START_TEST(numbers_are_aligned_at_the_point)
{
	fits(5, 80, "layer  head       h  name    max\n"
		    "    0    10   1.235  a         -\n"
		    "    1     2  12      語    12346\n");
}
END_TEST

START_TEST(a_narrow_window_takes_digits)
{
	fits(3, 19, "layer  head       h\n"
		    "    0    10   1.235\n"
		    "    1     2  12\n");
	fits(3, 18, "layer  head      h\n"
		    "    0    10   1.23\n"
		    "    1     2  12\n");
}
END_TEST

START_TEST(columns_go_into_blocks_and_lists_on_lines_of_their_own)
{
	fits(6, 22, "layer  head      h\n"
		    "    0    10   1.23\n"
		    "    1     2  12\n"
		    "\n"
		    "layer  head  name\n"
		    "    0    10  a\n"
		    "    1     2  語\n"
		    "\n"
		    "layer  head    max\n"
		    "    0    10      -\n"
		    "    1     2  12346\n"
		    "\n"
		    "profile, layer 0 head 10:\n"
		    "  0.5 0.25 0.125\n"
		    "profile, layer 1 head 2:\n"
		    "  1 2\n");
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("record_fit");
	tcase_add_test(tests, numbers_are_aligned_at_the_point);
	tcase_add_test(tests, a_narrow_window_takes_digits);
	tcase_add_test(tests, columns_go_into_blocks_and_lists_on_lines_of_their_own);
	Suite *suite = suite_create("record_fit");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
