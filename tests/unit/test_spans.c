/* SPDX-License-Identifier: MIT */
/* Spans as text and as JSON. */
#include "support/suite.h"

#include <string.h>

#include "tensor/spans.h"

static enum err parse(const char *text, struct spans *spans, struct err_info *info)
{
	return spans_parse(spans, text, strlen(text), info);
}

START_TEST(lines_and_json_say_the_same)
{
	static const char *const texts[] = {
		"# who speaks\nsystem prompt\t0\t5\r\nimage 5 581\nuser 600 610",
		" [{\"name\": \"system prompt\", \"begin\": 0, \"end\": 5}, {\"name\": \"image\", \"begin\": 5, \"end\": 581},"
		" {\"name\": \"user\", \"begin\": 600, \"end\": 610}]",
	};
	for (int i = 0; i < 2; i++) {
		struct spans spans;
		ck_assert_int_eq(parse(texts[i], &spans, NULL), ERR_OK);
		ck_assert_uint_eq(spans.count, 3);
		ck_assert_str_eq(spans.span[0].name, "system prompt");
		ck_assert_int_eq(spans.span[1].end, 581);
		ck_assert_int_eq(spans.span[2].begin, 600);
		spans_release(&spans);
	}
}
END_TEST

START_TEST(a_wrong_span_is_named)
{
	static const struct { const char *text, *want; } bad[] = {
		{ "", "there are no spans" },
		{ "a 0 5\nb 5", "line 2: 'b 5' is no span" },
		{ "0 5", "line 1: '0 5' is no span" },
		{ "a 5 5", "span 1, 'a': 5 to 5 is no range" },
		{ "a 0 5\nb 4 9", "span 2, 'b', begins at 4, before the end of the one above it" },
		{ "a 0 99999999999999999999", "line 1: " },
		{ "[{\"name\": \"a\"}]", "span 1 is no object with" },
		{ "[1", "broken JSON" },
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct spans spans;
		struct err_info info = { 0 };
		ck_assert_int_ne(parse(bad[i].text, &spans, &info), ERR_OK);
		ck_assert_msg(strncmp(info.text, bad[i].want, strlen(bad[i].want)) == 0, "%s", info.text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spans");
	TCase *tcase = tcase_create("spans");
	suite_add_tcase(suite, tcase);
	tcase_add_test(tcase, lines_and_json_say_the_same);
	tcase_add_test(tcase, a_wrong_span_is_named);
	return suite_main(suite);
}
