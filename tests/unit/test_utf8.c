/* SPDX-License-Identifier: MIT */
#include "support/suite.h"

#include <string.h>

#include "base/strbuf.h"
#include "base/utf8.h"

START_TEST(every_code_point_goes_there_and_back)
{
	struct strbuf sb;
	strbuf_init(&sb);
	for (int32_t code = 0; code <= 0x10FFFF; code++) {
		if (code >= 0xD800 && code <= 0xDFFF)
			continue;
		strbuf_clear(&sb);
		utf8_append(&sb, code);
		int32_t back;
		if (utf8_decode(sb.buf, sb.len, &back) != sb.len || back != code)
			ck_abort_msg("U+%04X came back as %d from %zu bytes", (unsigned)code, (int)back, sb.len);
	}
	strbuf_release(&sb);
}
END_TEST

START_TEST(what_is_no_character_is_appended_as_the_replacement)
{
	static const int32_t bad[] = { -1, 0xD800, 0xDFFF, 0x110000 };
	for (size_t i = 0; i < 4; i++) {
		struct strbuf sb;
		strbuf_init(&sb);
		utf8_append(&sb, bad[i]);
		ck_assert_str_eq(sb.buf, "\xEF\xBF\xBD");
		strbuf_release(&sb);
	}
}
END_TEST

/* From Markus Kuhn's list of cases and table 3-7 of the Unicode Standard: the first byte alone is taken. */
static const struct {
	const char *bytes;
	size_t len;
} malformed[] = {
	{ "\x80", 1 }, { "\xBF", 1 }, { "\xC0\x80", 2 }, { "\xC1\xBF", 2 }, { "\xC3", 1 }, { "\xC3(", 2 },
	{ "\xE0\x80\x80", 3 }, { "\xE0\x9F\xBF", 3 }, { "\xE2\x82", 2 }, { "\xE2\x82(", 3 }, { "\xE2(\xA1", 3 },
	{ "\xED\xA0\x80", 3 }, { "\xED\xBF\xBF", 3 }, { "\xF0\x80\x80\x80", 4 }, { "\xF0\x8F\xBF\xBF", 4 },
	{ "\xF0\x9F\x98", 3 }, { "\xF4\x90\x80\x80", 4 }, { "\xF5\x80\x80\x80", 4 }, { "\xF8\x88\x80\x80\x80", 5 },
	{ "\xFC\x84\x80\x80\x80\x80", 6 }, { "\xFE", 1 }, { "\xFF", 1 },
};

START_TEST(malformed_sequences_take_one_byte)
{
	int32_t code = 0;
	ck_assert_uint_eq(utf8_decode(malformed[_i].bytes, malformed[_i].len, &code), 1);
	ck_assert_int_eq(code, -1);
	ck_assert(!utf8_valid(malformed[_i].bytes, malformed[_i].len));
}
END_TEST

START_TEST(validity_reaches_to_the_end)
{
	ck_assert(utf8_valid("", 0));
	ck_assert(utf8_valid("a\0b", 3));
	ck_assert(utf8_valid("Grüße 語 😀", strlen("Grüße 語 😀")));
	ck_assert(!utf8_valid("語", 2));
	ck_assert(!utf8_valid("abc\xFF", 4));
}
END_TEST

/* Values of the Unicode Character Database (East_Asian_Width, general category), looked up by hand. */
static const struct {
	int32_t code;
	int width;
} widths[] = {
	{ 0, -1 }, { 0x1F, -1 }, { ' ', 1 }, { '~', 1 }, { 0x7F, -1 }, { 0x80, -1 }, { 0x9F, -1 }, { 0xA0, 1 },
	{ 0xAD, 1 },               /* soft hyphen: terminals show it */
	{ 0x300, 0 },              /* combining grave accent */
	{ 0x5D0, 1 },              /* alef */
	{ 0x64B, 0 },              /* fathatan */
	{ 0x903, 1 },              /* spacing mark visarga */
	{ 0x1100, 2 }, { 0x1161, 0 }, { 0x11A8, 0 }, /* Hangul leading, vowel, trailing */
	{ 0x200B, 0 }, { 0x200D, 0 }, { 0x2060, 0 }, { 0xFEFF, 0 },
	{ 0x2026, 1 }, { 0x2400, 1 }, { 0x2588, 1 }, /* ellipsis, control picture, full block: ambiguous or neutral */
	{ 0x20AC, 1 },
	{ 0x231A, 2 }, { 0x2705, 2 }, /* emoji presentation below the astral planes */
	{ 0x2713, 1 },
	{ 0x3000, 2 }, { 0x303F, 1 }, { 0x3042, 2 }, { 0x4E00, 2 }, { 0x9FFF, 2 }, { 0xAC00, 2 }, { 0xD7A3, 2 },
	{ 0xFE0F, 0 },             /* variation selector */
	{ 0xFF21, 2 }, { 0xFF71, 1 }, { 0xFFE5, 2 }, { 0xFFFD, 1 },
	{ 0x1D54F, 1 },            /* mathematical double-struck X */
	{ 0x1F1E6, 1 },            /* regional indicator: a pair makes a flag of two columns */
	{ 0x1F3FB, 2 }, { 0x1F600, 2 }, { 0x1F9FF, 2 }, { 0x1FAE0, 2 },
	{ 0x20000, 2 }, { 0x3FFFD, 2 }, { 0xE0001, 0 }, { 0xE0100, 0 }, { 0xF0000, 1 }, { 0x10FFFD, 1 },
};

START_TEST(widths_follow_unicode)
{
	ck_assert_msg(utf8_width(widths[_i].code) == widths[_i].width, "U+%04X is %d wide, not %d", (unsigned)widths[_i].code,
	              utf8_width(widths[_i].code), widths[_i].width);
}
END_TEST

START_TEST(text_width_counts_columns)
{
	ck_assert_int_eq(utf8_text_width(""), 0);
	ck_assert_int_eq(utf8_text_width("naïve"), 5);
	ck_assert_int_eq(utf8_text_width("nai\xCC\x88ve"), 5);
	ck_assert_int_eq(utf8_text_width("日本語"), 6);
	ck_assert_int_eq(utf8_text_width("\t\xFF!"), 3);
}
END_TEST

static const struct {
	const char *text, *visible;
} masked[] = {
	{ "plain Ünïcode 語", "plain Ünïcode 語" },
	{ "\x1B[31mred", "␛[31mred" },
	{ "a\nb\tc\r", "a␊b␉c␍" },
	{ "\x7F", "␡" },
	{ "\xC2\x9B" "31m", "\xEF\xBF\xBD" "31m" },               /* C1 control sequence introducer */
	{ "a\xE2\x80\xAE" "b", "a\xEF\xBF\xBD" "b" },             /* right-to-left override */
	{ "a\xE2\x81\xA6" "b\xE2\x81\xA9", "a\xEF\xBF\xBD" "b\xEF\xBF\xBD" },
	{ "a\xE2\x80\xA8" "b", "a\xEF\xBF\xBD" "b" },             /* line separator */
	{ "\xEF\xBF\xBF", "\xEF\xBF\xBD" },                       /* not a character of XML */
	{ "\xFFx\xC3", "\\xFFx\\xC3" },
	{ "\xED\xA0\x80", "\\xED\\xA0\\x80" },
};

START_TEST(hostile_text_is_made_visible)
{
	struct strbuf sb;
	strbuf_init(&sb);
	utf8_append_visible(&sb, masked[_i].text, strlen(masked[_i].text));
	ck_assert_str_eq(sb.buf, masked[_i].visible);
	strbuf_release(&sb);
}
END_TEST

START_TEST(nul_bytes_are_visible_too)
{
	struct strbuf sb;
	strbuf_init(&sb);
	utf8_append_visible(&sb, "a\0b", 3);
	ck_assert_str_eq(sb.buf, "a␀b");
	strbuf_release(&sb);
}
END_TEST

static const struct {
	const char *text;
	int columns;
	const char *fitted;
	int used;
} fits[] = {
	{ "token", 5, "token", 5 },
	{ "token", 9, "token", 5 },
	{ "token", 4, "tok…", 4 },
	{ "token", 1, "…", 1 },
	{ "token", 0, "", 0 },
	{ "token", -3, "", 0 },
	{ "", 3, "", 0 },
	{ "日本語", 6, "日本語", 6 },
	{ "日本語", 5, "日本…", 5 },
	{ "日本語", 4, "日…", 3 }, /* half a wide character is not shown */
	{ "e\xCC\x81" "e\xCC\x81" "x", 2, "e\xCC\x81…", 2 }, /* the accent stays with its letter */
	{ "e\xCC\x81", 1, "e\xCC\x81", 1 },
};

START_TEST(text_is_fitted_to_columns)
{
	struct strbuf sb;
	strbuf_init(&sb);
	int used = utf8_append_fitted(&sb, fits[_i].text, fits[_i].columns);
	ck_assert_str_eq(sb.buf, fits[_i].fitted);
	ck_assert_int_eq(used, fits[_i].used);
	ck_assert_int_eq(used, utf8_text_width(sb.buf));
	strbuf_release(&sb);
}
END_TEST

#define COUNT(TABLE) (int)(sizeof(TABLE) / sizeof(TABLE)[0])

int main(void)
{
	TCase *tests = tcase_create("utf8");
	tcase_add_test(tests, every_code_point_goes_there_and_back);
	tcase_add_test(tests, what_is_no_character_is_appended_as_the_replacement);
	tcase_add_loop_test(tests, malformed_sequences_take_one_byte, 0, COUNT(malformed));
	tcase_add_test(tests, validity_reaches_to_the_end);
	tcase_add_loop_test(tests, widths_follow_unicode, 0, COUNT(widths));
	tcase_add_test(tests, text_width_counts_columns);
	tcase_add_loop_test(tests, hostile_text_is_made_visible, 0, COUNT(masked));
	tcase_add_test(tests, nul_bytes_are_visible_too);
	tcase_add_loop_test(tests, text_is_fitted_to_columns, 0, COUNT(fits));
	Suite *suite = suite_create("utf8");
	suite_add_tcase(suite, tests);
	return suite_main(suite);
}
